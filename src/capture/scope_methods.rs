//! The methods that run scopes and stage scopes have in common.

use crate::capture::artifact::ArtifactRegistration;
use crate::capture::emit::{Emission, EventEmission, MetricEmission};
use crate::capture::error::Result;
use crate::capture::outcome::{CaptureResult, RegisteredArtifact};
use crate::capture::run_scope::{RunScope, numbered};
use crate::capture::stage_scope::StageScope;
use crate::contract::refs::slug;
use crate::contract::{LineageEdge, MetricValue, RelationType, RunStatus, StableRef, Timestamp};
use std::path::Path;

/// Implements the common methods for each type of scope.
macro_rules! capture_methods {
    ($($scope:ident),*) => {$(
        impl $scope {
            /// Returns the time of the start.
            pub fn started_at(&self) -> Timestamp {
                self.inner.scope.started_at
            }

            /// Returns the status.
            pub fn status(&self) -> RunStatus {
                *self.inner.scope.status()
            }

            /// Captures an event of level `info`. For other options, see [`EventEmission`] and [`Self::emit`].
            pub fn event(&self, key: &str, message: &str) -> Result<CaptureResult> {
                self.emit(EventEmission::new(key, message))
            }

            /// Captures a metric. For other options, see [`MetricEmission`] and [`Self::emit`].
            pub fn metric(&self, key: &str, value: impl Into<MetricValue>) -> Result<CaptureResult> {
                self.emit(MetricEmission::new(key, value))
            }

            /// Captures a metric of a training step.
            pub fn metric_at(&self, key: &str, step: i64, value: impl Into<MetricValue>) -> Result<CaptureResult> {
                self.emit(MetricEmission::new(key, value).step(step))
            }

            /// Captures an event or metric with the session's durability. A metric value that is not finite is captured
            /// as a degraded record.
            pub fn emit(&self, emission: impl Into<Emission>) -> Result<CaptureResult> {
                self.inner.scope.emit_one(emission.into())
            }

            /// Captures several events and metrics in one commit: all of them or none.
            pub fn emit_all<E: Into<Emission>>(
                &self,
                emissions: impl IntoIterator<Item = E>,
            ) -> Result<Vec<CaptureResult>> {
                self.inner.scope.emit(emissions.into_iter().map(Into::into).collect())
            }

            /// Stores a file as an artifact that the run or stage produced. The key of the artifact is made from the
            /// file's name. For other options, see [`ArtifactRegistration`] and [`Self::register`].
            pub fn register_artifact(&self, kind: &str, path: impl AsRef<Path>) -> Result<RegisteredArtifact> {
                self.register(ArtifactRegistration::output(kind, path))
            }

            /// Stores a file as an artifact and records its relation to this scope. Body and manifest are on disk when
            /// the method returns. The file is copied in constant memory. Equal content is stored once.
            pub fn register(&self, what: ArtifactRegistration) -> Result<RegisteredArtifact> {
                self.inner.scope.check_open()?;
                let key = match &what.key {
                    Some(key) => {
                        self.run_inner().children().artifact_keys.insert(key.clone());
                        key.clone()
                    }
                    None => {
                        let stem = what.path.file_stem().map(|s| s.to_string_lossy().into_owned());
                        let stem = stem.and_then(|s| slug(&s, 63)).unwrap_or_else(|| "artifact".to_owned());
                        numbered(&stem, &mut self.run_inner().children().artifact_keys)
                    }
                };
                self.inner.scope.register(what, key)
            }

            /// Records a lineage edge between two objects.
            pub fn relate(
                &self,
                source: impl Into<StableRef>,
                relation: RelationType,
                target: impl Into<StableRef>,
            ) -> Result<LineageEdge> {
                self.inner.scope.relate(source.into(), relation, target.into())
            }
        }
    )*};
}
capture_methods!(RunScope, StageScope);
