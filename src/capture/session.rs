//! A session: the captures of one process into one workspace, for one project.

use crate::capture::dispatch::{
    DispatchCounts, DispatchOptions, Dispatcher, LetterFilter, PendingDelivery, ReplayBatchResult,
    ReplayOptions, SinkReplay,
};
use crate::capture::emission::IngestMode;
use crate::capture::error::{Error, Result};
use crate::capture::redact::{RedactionOptions, Redactor};
use crate::capture::sink::Sink;
use crate::capture::trace::{SpanId, TraceContext};
use crate::contract::fact::{Joined, Writer, WriterId};
use crate::contract::refs::{component_of, component_of_id, slug};
use crate::contract::rules::trim;
use crate::contract::{Fact, Origin, Project, ProjectRef, RunRef, Timestamp, Valid};
use crate::store::{DeadLetter, DeadLetters, Durability, Journal, LetterState, SpillReplay, WaitingDelivery};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The greatest length of the part of an id that is made from a name. A component of a ref has at most 63 characters.
/// The last 9 of them are for the dash and the random suffix that follow the name.
const STEM_LEN_MAX: usize = 63 - 9;

/// Options of capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOptions {
    /// The name of the project.
    pub project: String,
    /// The name of the program that produces the records: lower-case words with dots between them, such as `sdk.rust`.
    pub producer: String,
    /// The durability of a captured event or metric when the call returns. Artifacts, and starts and ends of scopes,
    /// always have `Fsync`.
    pub durability: Durability,
    /// Names of the environment variables that may be captured; none by default.
    pub environment_variables: Vec<String>,
    /// `true` to record the code revision of the repository that contains the current directory.
    pub code_revision: bool,
    /// `true` to record an environment snapshot for each run.
    pub environment: bool,
    /// `true` to include packages and their versions in the environment snapshot.
    pub packages: bool,
    /// The trace and the span of the program that started this program. The scopes of the session belong to this trace;
    /// `None` if each run has a trace of its own.
    pub trace_parent: Option<TraceContext>,
    /// The origin of the events and degraded markers.
    pub origin: Origin,
    /// `true` to store the configuration of a run as an artifact.
    pub config_snapshot: bool,
    /// The selection of the secrets that are replaced by `[redacted]` before the log takes a fact.
    pub redaction: RedactionOptions,
    /// `true` to capture a degraded marker instead of a record that breaks a rule. `false` to return an error.
    pub mark_invalid_records: bool,
    /// `true` to refuse all captures.
    pub records_read_only: bool,
    /// The way in which files are added to the workspace by default.
    pub ingest_mode: IngestMode,
    /// `true` to refuse the registration of artifacts.
    pub artifacts_read_only: bool,
}

impl Default for CaptureOptions {
    fn default() -> CaptureOptions {
        CaptureOptions {
            project: "default".to_owned(),
            producer: "sdk.rust".to_owned(),
            durability: Durability::Flush,
            environment_variables: Vec::new(),
            code_revision: true,
            environment: true,
            packages: true,
            trace_parent: None,
            origin: Origin::ExplicitCapture,
            config_snapshot: true,
            redaction: RedactionOptions::default(),
            mark_invalid_records: false,
            records_read_only: false,
            ingest_mode: IngestMode::Copy,
            artifacts_read_only: false,
        }
    }
}

/// A session that captures into one workspace. A clone is cheap, and is a handle of the same session.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) inner: Arc<SessionInner>,
}

#[derive(Debug)]
pub(super) struct SessionInner {
    pub(super) journal: Arc<Journal>,
    pub(super) redactor: Redactor,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) options: CaptureOptions,
    pub(super) project_ref: ProjectRef,
    project_recorded: AtomicBool,
}

impl Session {
    /// Creates a session without sinks that captures into this journal. Errors: the name of the project is blank.
    pub fn new(journal: Arc<Journal>, options: CaptureOptions) -> Result<Session> {
        let root = journal.log_dir().parent().unwrap_or(Path::new("")).to_path_buf();
        Session::with_dispatch(journal, options, DispatchOptions::new(&root.join("recovery")))
    }

    /// Creates a session that captures into this journal and delivers to sinks. Errors: the name of the project is
    /// blank; the name of a sink is blank or occurs twice; a sink panics.
    pub fn with_dispatch(
        journal: Arc<Journal>,
        options: CaptureOptions,
        dispatch: DispatchOptions,
    ) -> Result<Session> {
        let dispatcher = Dispatcher::new(Arc::clone(&journal), dispatch, &options.producer)?;
        Session::of(journal, options, Arc::new(dispatcher))
    }

    fn of(journal: Arc<Journal>, options: CaptureOptions, dispatcher: Arc<Dispatcher>) -> Result<Session> {
        if trim(&options.project).is_empty() {
            return Err(Error::UnusableName { name: options.project });
        }
        let project_ref = ProjectRef::of(&component_of(&options.project, "project"))?;
        Ok(Session::in_project(journal, options, dispatcher, project_ref))
    }

    fn in_project(
        journal: Arc<Journal>,
        options: CaptureOptions,
        dispatcher: Arc<Dispatcher>,
        project_ref: ProjectRef,
    ) -> Session {
        let project_recorded = AtomicBool::new(false);
        let redactor = Redactor::new(&options.redaction);
        let inner = SessionInner { journal, dispatcher, redactor, options, project_ref, project_recorded };
        Session { inner: Arc::new(inner) }
    }

    /// Offers to each sink the facts that wait for this sink. If the sink does not accept a fact, the later facts for
    /// the sink keep waiting. A sink that has accepted all waiting facts receives new captures again. Errors: the log
    /// or a cursor cannot be read or written.
    pub fn replay_sinks(&self, options: ReplayOptions) -> Result<Vec<SinkReplay>> {
        self.inner.dispatcher.replay_sinks(&options)
    }

    /// Copies the facts in the outbox into the log. Also offers to each sink the facts that wait for this
    /// sink. Errors: no sink has the name of the target, or a cursor cannot be read or written.
    pub fn replay(&self, options: &ReplayOptions) -> Result<ReplayBatchResult> {
        self.inner.dispatcher.replay(options)
    }

    /// Returns the facts that wait for sinks. Sinks that do not belong to this session are included. The list
    /// is sorted by sink and stream. Errors: the cursors cannot be listed.
    pub fn pending_deliveries(&self) -> Result<Vec<PendingDelivery>> {
        self.inner.dispatcher.pending()
    }

    /// Returns the number of facts in the outbox that the log does not contain. Errors: the outbox or the log cannot be
    /// read.
    pub fn pending_spill(&self) -> Result<u64> {
        self.inner.dispatcher.pending_spill()
    }

    /// Returns the dead letters, and the letters that wait for a replay. Errors: the file cannot be read.
    pub fn dead_letters(&self) -> Result<DeadLetters> {
        self.inner.dispatcher.dead_letters()
    }

    /// Changes the state of the selected dead letters. Returns the letters. Errors: the file cannot be read or written.
    pub(crate) fn change_letters(
        &self,
        filter: &LetterFilter,
        state: LetterState,
    ) -> Result<Vec<DeadLetter>> {
        self.inner.dispatcher.change_letters(filter, state)
    }

    /// Copies the facts in the outbox into the log. The outbox contains the facts that the log could not append. The log
    /// contains each fact once after any number of replays, so an interrupted replay can be repeated. Errors: the log
    /// cannot be written, or another merge is running.
    pub fn replay_outbox(&self) -> Result<SpillReplay> {
        self.inner.dispatcher.replay_outbox()
    }

    /// Syncs the facts that this process has written to the outbox to the disk. Errors: the sync failed.
    pub(crate) fn sync_outbox(&self) -> Result<()> {
        self.inner.dispatcher.sync_outbox()
    }

    /// Returns the number of deliveries, and the number of facts that the log could not append.
    pub fn dispatch_counts(&self) -> DispatchCounts {
        self.inner.dispatcher.counts()
    }

    /// Saves the positions of the sinks, and releases their cursors for other processes.
    pub(crate) fn release_sinks(&self) {
        self.inner.dispatcher.release();
    }

    /// Creates a session with changed options that captures into the same journal and delivers to the same sinks.
    /// Errors: the name of the project is blank.
    pub fn with_options(&self, change: impl FnOnce(&mut CaptureOptions)) -> Result<Session> {
        let mut options = self.inner.options.clone();
        change(&mut options);
        let dispatcher = Arc::clone(&self.inner.dispatcher);
        Session::of(Arc::clone(&self.inner.journal), options, dispatcher)
    }

    /// Returns a session that uses the same journal and refuses all captures.
    pub(crate) fn read_only(&self) -> Session {
        let mut options = self.inner.options.clone();
        (options.records_read_only, options.artifacts_read_only) = (true, true);
        let SessionInner { journal, dispatcher, project_ref, .. } = &*self.inner;
        Session::in_project(Arc::clone(journal), options, Arc::clone(dispatcher), project_ref.clone())
    }

    /// Returns a random id for a span whose id has to be known before the span is captured.
    pub fn new_span_id(&self) -> Result<SpanId> {
        self.inner.span_id()
    }

    /// Returns the time of the clock of this session.
    pub fn now(&self) -> Timestamp {
        self.inner.now()
    }

    /// Returns the options.
    pub fn options(&self) -> &CaptureOptions {
        &self.inner.options
    }

    /// Returns the sinks, in the order in which they are called.
    pub fn sinks(&self) -> &[Arc<dyn Sink>] {
        self.inner.dispatcher.sinks()
    }

    /// Returns the failed deliveries to sinks that wait for a replay, ordered by sink and stream. The list also contains
    /// deliveries to sinks that do not belong to this session.
    pub(crate) fn waiting_deliveries(&self) -> Result<Vec<WaitingDelivery>> {
        self.inner.dispatcher.waiting()
    }

    /// Returns the ref of the project.
    pub fn project_ref(&self) -> &ProjectRef {
        &self.inner.project_ref
    }
}

impl SessionInner {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.journal.storage().now())
    }

    /// Creates the fact of the project; `None` if this session has recorded the project before.
    pub(super) fn project_fact(&self, at: Timestamp) -> Result<Option<Fact>> {
        if self.project_recorded.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let project = Project::new(self.project_ref.clone(), self.options.project.as_str(), at);
        Ok(Some(Valid::new(project)?.into()))
    }

    pub(super) fn project_was_recorded(&self) {
        self.project_recorded.store(true, Ordering::Relaxed);
    }

    /// Returns the id of a run or deployment: the component that is made from the given id. If `id` is blank or `None`,
    /// returns an id that is made from the name and a random suffix. `kind` replaces a name or id without an ASCII
    /// letter or digit.
    pub(super) fn id_of(&self, name: &str, id: Option<&str>, kind: &str) -> Result<String> {
        if let Some(id) = id.filter(|id| !trim(id).is_empty()) {
            return Ok(component_of_id(id, kind));
        }
        let stem = slug(name, STEM_LEN_MAX).unwrap_or_else(|| kind.to_owned());
        Ok(format!("{stem}-{}", self.suffix()?))
    }

    /// Returns the number of this process, to recognise a child that `fork(2)` created.
    pub(super) fn process_id(&self) -> u32 {
        self.journal.storage().process_id()
    }

    /// Creates the fact of a writer that joins a run now, with a random id. A blank label counts as no label.
    pub(super) fn new_writer(
        &self,
        run: &RunRef,
        joined: Joined,
        label: Option<&str>,
        now: Timestamp,
    ) -> Result<Writer> {
        let mut random = [0u8; 8];
        self.journal.entropy(&mut random)?;
        let ids = (WriterId(random), self.journal.process()?.id());
        let label = label.filter(|label| !trim(label).is_empty()).map(str::to_owned);
        Ok(Writer::new(run.clone(), ids, joined, label, now)?)
    }

    /// Returns a random id for a span.
    pub(super) fn span_id(&self) -> Result<SpanId> {
        let mut random = [0u8; 8];
        self.journal.entropy(&mut random)?;
        // The standard does not allow an id of zeros.
        let [first, ..] = &mut random;
        *first |= 1;
        Ok(SpanId(random))
    }

    /// Returns eight random lower-case letters and digits (Crockford's alphabet, five bits each), to make a name
    /// unique.
    pub(super) fn suffix(&self) -> Result<String> {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut random = [0u8; 8];
        self.journal.entropy(&mut random)?;
        let letter = |b: &u8| ALPHABET.get(usize::from(b & 31)).map_or('0', |l| char::from(*l));
        Ok(random.iter().map(letter).collect())
    }
}
