//! The macros that declare the handles of scopes, with the methods that all of them have.

/// Declares a handle of a scope.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident $({ $(#[$own_doc:meta])* $method:ident: $own:ident = $field:ident })?) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[must_use = "dropping the last handle of an open scope marks the scope as failed"]
        pub struct $name {
            pub(in crate::capture) scope: std::sync::Arc<crate::capture::scope::Scope>,
            $(own: crate::contract::$own,)?
        }

        $(impl $name {
            /// Creates the handle of a scope; `None` if the scope is of another kind.
            pub(in crate::capture) fn of(scope: std::sync::Arc<crate::capture::scope::Scope>) -> Option<$name> {
                let own = scope.context.$field.clone()?;
                Some($name { scope, own })
            }

            $(#[$own_doc])*
            pub fn $method(&self) -> &crate::contract::$own {
                &self.own
            }
        })?
    };
}

/// Implements the methods that read the properties of a scope, and those that capture records and artifacts.
macro_rules! capture_methods {
    ($name:ident) => {
        impl $name {
            /// Returns the ref of the object of the scope.
            pub fn object_ref(&self) -> &crate::contract::StableRef {
                &self.scope.own
            }

            /// Returns the kind of the scope.
            pub fn kind(&self) -> crate::capture::ScopeKind {
                self.scope.kind
            }

            /// Returns the name.
            pub fn name(&self) -> &str {
                &self.scope.name
            }

            /// Returns the time of the start.
            pub fn started_at(&self) -> crate::contract::Timestamp {
                self.scope.started_at
            }

            /// Returns the time of the end; `None` while the scope is open.
            pub fn closed_at(&self) -> Option<crate::contract::Timestamp> {
                self.scope.closed_at()
            }

            /// Returns the status.
            pub fn status(&self) -> crate::contract::RunStatus {
                self.scope.status()
            }

            /// Makes this scope the current scope of this thread until the guard is dropped.
            pub fn enter(&self) -> crate::capture::Entered {
                crate::capture::current::enter(&self.scope)
            }

            /// Returns the trace of the scope, with the span of the scope as the parent. Its text form is the header
            /// `traceparent` for calls to other programs.
            pub fn trace_context(&self) -> crate::capture::TraceContext {
                self.scope.parent_of_spans()
            }

            /// Captures an event of level `info`. For other options, see [`EventEmission`](crate::capture::EventEmission)
            /// and [`Self::emit`].
            pub fn event(
                &self,
                key: &str,
                message: &str,
            ) -> crate::capture::Result<crate::capture::CaptureResult> {
                self.emit(crate::capture::EventEmission::new(key, message))
            }

            /// Captures a metric. For other options, see [`MetricEmission`](crate::capture::MetricEmission) and
            /// [`Self::emit`].
            pub fn metric(
                &self,
                key: &str,
                value: impl Into<crate::contract::MetricValue>,
            ) -> crate::capture::Result<crate::capture::CaptureResult> {
                self.scope.metric(key, None, value.into())
            }

            /// Captures a metric of a training step.
            pub fn metric_at(
                &self,
                key: &str,
                step: impl Into<crate::capture::Step>,
                value: impl Into<crate::contract::MetricValue>,
            ) -> crate::capture::Result<crate::capture::CaptureResult> {
                self.scope.metric(key, Some(step.into().0), value.into())
            }

            /// Captures several metrics in one commit: all of them or none. `step` is the training step of all metrics;
            /// `None` if they have no step. The keys are checked and encoded once, as by [`Self::metric_at`].
            pub fn metrics<K: Into<String>, V: Into<crate::contract::MetricValue>>(
                &self,
                step: Option<crate::capture::Step>,
                values: impl IntoIterator<Item = (K, V)>,
            ) -> crate::capture::Result<crate::capture::BatchCaptureResult> {
                let values = values.into_iter().map(|(key, value)| (key.into(), value.into()));
                self.scope.metrics(step.map(|step| step.0), values.collect())
            }

            /// Returns a handle that captures the points of one metric at the least cost.
            pub fn series(
                &self,
                spec: impl Into<crate::capture::SeriesSpec>,
            ) -> crate::capture::Result<crate::capture::MetricSeries> {
                crate::capture::MetricSeries::new(&self.scope, spec.into())
            }

            /// Captures a span that starts and ends now. For other options, see
            /// [`SpanEmission`](crate::capture::SpanEmission) and [`Self::emit`]. [`Self::start_span`] measures a span.
            pub fn span(&self, name: &str) -> crate::capture::Result<crate::capture::CaptureResult> {
                self.emit(crate::capture::SpanEmission::new(name))
            }

            /// Starts a span. The span ends when the guard is dropped.
            pub fn start_span(&self, name: &str) -> crate::capture::Result<crate::capture::SpanGuard> {
                crate::capture::SpanGuard::start(&self.scope, name)
            }

            /// Captures a degraded marker: the statement that data is missing or doubtful. For other options, see
            /// [`DegradedEmission`](crate::capture::DegradedEmission) and [`Self::emit`].
            pub fn degraded(
                &self,
                issue_key: &str,
                summary: &str,
            ) -> crate::capture::Result<crate::capture::CaptureResult> {
                self.emit(crate::capture::DegradedEmission::new(issue_key, summary))
            }

            /// Captures a record with the session's durability. Errors: the scope has ended, the record
            /// cannot be stored, or the record breaks a rule. The option
            /// [`CaptureOptions::mark_invalid_records`](crate::capture::CaptureOptions::mark_invalid_records)
            /// replaces a record that breaks a rule by a degraded marker, and no error is returned.
            pub fn emit(
                &self,
                emission: impl Into<crate::capture::Emission>,
            ) -> crate::capture::Result<crate::capture::CaptureResult> {
                self.scope.emit_one(emission.into())
            }

            /// Captures several records in one commit: all of them or none. If the session has
            /// [`CaptureOptions::mark_invalid_records`](crate::capture::CaptureOptions::mark_invalid_records), a degraded
            /// marker replaces each record that breaks a rule, and the other records are captured.
            pub fn emit_all<E: Into<crate::capture::Emission>>(
                &self,
                emissions: impl IntoIterator<Item = E>,
            ) -> crate::capture::Result<crate::capture::BatchCaptureResult> {
                self.scope.emit_batch(emissions.into_iter().map(Into::into).collect())
            }

            /// Stores a file as an artifact that the scope produced. The key of the artifact is made from the file's
            /// name. For other options, see [`ArtifactRegistration`](crate::capture::ArtifactRegistration) and
            /// [`Self::register`].
            pub fn register_artifact(
                &self,
                kind: &str,
                path: impl AsRef<std::path::Path>,
            ) -> crate::capture::Result<crate::capture::RegisteredArtifact> {
                self.register(crate::capture::ArtifactRegistration::output(kind, path))
            }

            /// Stores a file as an artifact and records its relation to this scope. Body and manifest are on disk when
            /// the method returns. The file is copied in constant memory. Equal content is stored once.
            pub fn register(
                &self,
                what: crate::capture::ArtifactRegistration,
            ) -> crate::capture::Result<crate::capture::RegisteredArtifact> {
                self.scope.register(what)
            }

            /// Records a lineage edge between two objects.
            pub fn relate(
                &self,
                source: impl Into<crate::contract::StableRef>,
                relation: crate::contract::RelationType,
                target: impl Into<crate::contract::StableRef>,
            ) -> crate::capture::Result<crate::contract::LineageEdge> {
                self.scope.relate(source.into(), relation, target.into())
            }
        }
    };
}

/// Implements the methods that end a scope. They return the type `$end`, like the method `$method` of `Scope`.
macro_rules! end_methods {
    ($name:ident, $method:ident -> $end:ty) => {
        impl $name {
            /// Marks the scope and the open scopes in it as completed.
            pub fn complete(&self) -> crate::capture::Result<$end> {
                self.end(crate::capture::end::End::new(crate::contract::RunStatus::Completed))
            }

            /// Marks the scope and the open scopes in it as failed. The message is recorded, such as the text of an
            /// error. A message of more than 64 KiB is cut.
            pub fn fail(&self, message: &str) -> crate::capture::Result<$end> {
                self.end(crate::capture::end::End::failed(message))
            }

            /// Marks the scope and the open scopes in it as cancelled.
            pub fn cancel(&self) -> crate::capture::Result<$end> {
                self.end(crate::capture::end::End::new(crate::contract::RunStatus::Cancelled))
            }

            fn end(&self, end: crate::capture::end::End) -> crate::capture::Result<$end> {
                self.scope.$method(end)
            }

            /// Calls `work` with this scope as the current scope of the thread, then ends the scope: as completed if
            /// `work` returns `Ok`, and as failed with the text of the error if it returns `Err`. If `work` panics, the
            /// scope fails with the message of the panic, and the panic continues. A scope that `work` has ended itself
            /// keeps its end. Errors: those of `work`, and those of [`Self::complete`].
            pub fn within<T, E>(
                &self,
                work: impl FnOnce(&$name) -> std::result::Result<T, E>,
            ) -> std::result::Result<T, E>
            where
                E: std::fmt::Display + From<crate::capture::Error>,
            {
                crate::capture::within::within(&self.scope, || work(self))
            }
        }
    };
}

/// Implements the methods that end a run, deployment or stage. They return the head of the stream.
macro_rules! durable_end_methods {
    ($name:ident) => {
        crate::capture::scopes::methods::end_methods!($name, end_durable -> crate::store::Head);
    };
}

/// Implements the methods that end a batch, sample or operation.
macro_rules! light_end_methods {
    ($name:ident) => {
        crate::capture::scopes::methods::end_methods!($name, end_light -> ());
    };
}

pub(super) use {capture_methods, durable_end_methods, end_methods, handle, light_end_methods};
