//! Methods of [`Contexta`] that capture: they start runs and deployments, and act on the current scope of the thread.

use crate::capture::{
    self, AnyScope, ArtifactRegistration, BatchCaptureResult, BatchScope, CaptureResult, DeploymentBuilder,
    DeploymentScope, Emission, EventEmission, JoinBuilder, MetricEmission, MetricSeries, OperationScope,
    RegisteredArtifact, RegisteredArtifacts, RunBuilder, RunScope, SampleScope, SeriesSpec, SpanEmission,
    SpanGuard, StageScope, Step,
};
use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::contract::fact::Change;
use crate::contract::{MetricValue, RunRef, RunStatus};
use crate::store;
use std::path::Path;

impl Contexta {
    /// Describes a new run; [`RunBuilder::start`] starts it.
    pub fn run(&self, name: &str) -> RunBuilder {
        self.session.run(name)
    }

    /// Describes a new deployment; [`DeploymentBuilder::start`] starts it.
    pub fn deployment(&self, name: &str) -> DeploymentBuilder {
        self.session.deployment(name)
    }

    /// Returns the builder of a writer that attaches to a run of another process. `run` is the ref of the run, such as
    /// the value of the environment variable `CONTEXTA_RUN`, or the id or name of the run. A ref is not looked up, so
    /// the ref of an unknown run is not an error. Errors: an id or name that matches no run or several runs.
    pub fn attach(&self, run: impl AsRef<str>) -> Result<JoinBuilder> {
        Ok(self.session.attach(&self.run_to_join(run.as_ref())?))
    }

    /// Returns the builder of a writer that resumes a run with a new attempt. `run` has the same forms and the same
    /// errors as in [`Contexta::attach`].
    pub fn resume(&self, run: impl AsRef<str>) -> Result<JoinBuilder> {
        Ok(self.session.resume(&self.run_to_join(run.as_ref())?))
    }

    fn run_to_join(&self, run: &str) -> Result<RunRef> {
        match RunRef::parse(run) {
            Ok(run) => Ok(run),
            Err(_) => self.find_run(run),
        }
    }

    /// Returns the ref of a run. `run` is the ref, the id or the name of the run, or the beginning of its id or name.
    /// Errors: no run matches, or several runs match.
    pub fn find_run(&self, run: impl AsRef<str>) -> Result<RunRef> {
        self.ask(|store| store.read(|view| Ok::<_, store::Error>(view.find_run(run.as_ref())?.run_ref)))
    }

    /// Changes the name, the description or a tag of a run, or adds a note. The change is on disk when the method
    /// returns.
    pub fn annotate_run(&self, run: &RunRef, change: Change) -> Result<()> {
        Ok(self.session.annotate(run, change)?)
    }

    /// Ends a run and all its writers, for example after the process of the run has died.
    pub fn end_run(&self, run: &RunRef, status: RunStatus, message: &str) -> Result<()> {
        Ok(self.session.end_run(run, status, message)?)
    }

    /// Returns the innermost scope of this workspace that the calling thread has entered; `None` if there is none.
    pub fn current_scope(&self) -> Option<AnyScope> {
        self.session.current()
    }

    /// Returns the run of the current scope.
    pub fn current_run(&self) -> Option<RunScope> {
        self.current_scope()?.run()
    }

    /// Returns the deployment of the current scope.
    pub fn current_deployment(&self) -> Option<DeploymentScope> {
        self.current_scope()?.deployment()
    }

    /// Returns the stage of the current scope.
    pub fn current_stage(&self) -> Option<StageScope> {
        self.current_scope()?.stage()
    }

    /// Returns the batch of the current scope.
    pub fn current_batch(&self) -> Option<BatchScope> {
        self.current_scope()?.batch()
    }

    /// Returns the sample of the current scope.
    pub fn current_sample(&self) -> Option<SampleScope> {
        self.current_scope()?.sample()
    }

    /// Returns the innermost operation of the current scope.
    pub fn current_operation(&self) -> Option<OperationScope> {
        self.current_scope()?.operation()
    }

    /// Returns the current scope. Error: no scope is entered in this thread.
    fn scope(&self) -> capture::Result<AnyScope> {
        self.current_scope().ok_or(capture::Error::NoCurrentRun)
    }

    /// Captures an event of level `info` in the current scope. Errors: no scope is current in this thread
    /// (`runtime_capture_requires_run`), and those of [`RunScope::event`].
    pub fn event(&self, key: &str, message: &str) -> Result<CaptureResult> {
        Ok(self.scope()?.event(key, message)?)
    }

    /// Captures a metric in the current scope. Errors: as for [`Contexta::event`].
    pub fn metric(&self, key: &str, value: impl Into<MetricValue>) -> Result<CaptureResult> {
        Ok(self.scope()?.metric(key, value)?)
    }

    /// Captures a metric of a training step in the current scope. Errors: as for [`Contexta::event`].
    pub fn metric_at(
        &self,
        key: &str,
        step: impl Into<Step>,
        value: impl Into<MetricValue>,
    ) -> Result<CaptureResult> {
        Ok(self.scope()?.metric_at(key, step, value)?)
    }

    /// Captures several metrics of one step into the current scope, in one commit: all of them or none.
    pub fn metrics<K: Into<String>, V: Into<MetricValue>>(
        &self,
        step: Option<Step>,
        values: impl IntoIterator<Item = (K, V)>,
    ) -> Result<BatchCaptureResult> {
        Ok(self.scope()?.metrics(step, values)?)
    }

    /// Returns a handle that captures the points of one metric in the current scope at the least cost. Errors: as for
    /// [`Contexta::event`].
    pub fn series(&self, spec: impl Into<SeriesSpec>) -> Result<MetricSeries> {
        Ok(self.scope()?.series(spec)?)
    }

    /// Captures a span that starts and ends now in the current scope. Errors: as for [`Contexta::event`].
    pub fn span(&self, name: &str) -> Result<CaptureResult> {
        Ok(self.scope()?.span(name)?)
    }

    /// Starts a span in the current scope. The span ends when the guard is dropped. Errors: as for [`Contexta::event`].
    pub fn start_span(&self, name: &str) -> Result<SpanGuard> {
        Ok(self.scope()?.start_span(name)?)
    }

    /// Captures a record in the current scope. Errors: as for [`Contexta::event`].
    pub fn emit(&self, emission: impl Into<Emission>) -> Result<CaptureResult> {
        Ok(self.scope()?.emit(emission)?)
    }

    /// Captures several records in the current scope, in one commit: all of them or none. The records can be of
    /// different types ([`Emission`]). Errors: as for [`Contexta::event`].
    pub fn emit_all<E: Into<Emission>>(
        &self,
        emissions: impl IntoIterator<Item = E>,
    ) -> Result<BatchCaptureResult> {
        Ok(self.scope()?.emit_all(emissions)?)
    }

    /// Captures several events in the current scope, in one commit: all of them or none. The events can be JSON
    /// objects ([`Value`](crate::contract::Value)). Errors: as for [`Contexta::event`], and an invalid JSON object.
    pub fn emit_events<T>(&self, events: impl IntoIterator<Item = T>) -> Result<BatchCaptureResult>
    where
        T: TryInto<EventEmission>,
        capture::Error: From<T::Error>,
    {
        self.emit_each(events)
    }

    /// Captures several metrics in the current scope, like [`Contexta::emit_events`].
    pub fn emit_metrics<T>(&self, metrics: impl IntoIterator<Item = T>) -> Result<BatchCaptureResult>
    where
        T: TryInto<MetricEmission>,
        capture::Error: From<T::Error>,
    {
        self.emit_each(metrics)
    }

    /// Captures several spans in the current scope, like [`Contexta::emit_events`].
    pub fn emit_spans<T>(&self, spans: impl IntoIterator<Item = T>) -> Result<BatchCaptureResult>
    where
        T: TryInto<SpanEmission>,
        capture::Error: From<T::Error>,
    {
        self.emit_each(spans)
    }

    fn emit_each<T, E>(&self, emissions: impl IntoIterator<Item = T>) -> Result<BatchCaptureResult>
    where
        T: TryInto<E>,
        E: Into<Emission>,
        capture::Error: From<T::Error>,
    {
        let scope = self.scope()?;
        let emissions = emissions.into_iter().map(|emission| Ok(emission.try_into()?));
        let emissions = emissions.collect::<capture::Result<Vec<E>>>()?;
        Ok(scope.emit_all(emissions)?)
    }

    /// Stores a file as an artifact of the current scope. Errors: as for [`Contexta::event`], and those of
    /// [`RunScope::register_artifact`].
    pub fn register_artifact(&self, kind: &str, path: impl AsRef<Path>) -> Result<RegisteredArtifact> {
        Ok(self.scope()?.register_artifact(kind, path)?)
    }

    /// Registers an artifact of the current scope with all options of the registration. Errors: as for
    /// [`Contexta::register_artifact`].
    pub fn register(&self, what: ArtifactRegistration) -> Result<RegisteredArtifact> {
        Ok(self.scope()?.register(what)?)
    }

    /// Stores several files as artifacts of the current scope. The registrations can be JSON objects
    /// ([`Value`](crate::contract::Value)). A file that cannot be registered does not prevent the registration of the
    /// others. Errors: no scope is current, or a JSON object is invalid. In both cases, nothing is registered.
    pub fn register_artifacts<T>(
        &self,
        registrations: impl IntoIterator<Item = T>,
    ) -> Result<RegisteredArtifacts>
    where
        T: TryInto<ArtifactRegistration>,
        capture::Error: From<T::Error>,
    {
        let scope = self.scope()?;
        let registrations = registrations.into_iter().map(|what| Ok(what.try_into()?));
        let registrations = registrations.collect::<capture::Result<Vec<ArtifactRegistration>>>()?;
        Ok(registrations.into_iter().map(|what| scope.register(what)).collect())
    }
}
