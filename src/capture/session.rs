//! A session: the captures of one process into one workspace, for one project.

use crate::capture::current;
use crate::capture::error::{Error, Result};
use crate::capture::scope::ScopeKind;
use crate::capture::scopes::AnyScope;
use crate::capture::trace::{SpanId, TraceContext};
use crate::contract::refs::slug;
use crate::contract::{Fact, Origin, Project, ProjectRef, Timestamp, Valid};
use crate::store::{Durability, Journal};
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
    /// `true` to refuse all captures.
    pub records_read_only: bool,
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
            records_read_only: false,
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
    pub(super) options: CaptureOptions,
    pub(super) project_ref: ProjectRef,
    project_recorded: AtomicBool,
}

impl Session {
    /// Creates a session that captures into this journal. Errors: no ref can be made from the project's name.
    pub fn new(journal: Arc<Journal>, options: CaptureOptions) -> Result<Session> {
        let unusable = || Error::UnusableName { name: options.project.clone() };
        let project_ref = ProjectRef::of(&slug(&options.project, 63).ok_or_else(unusable)?)?;
        let project_recorded = AtomicBool::new(false);
        Ok(Session { inner: Arc::new(SessionInner { journal, options, project_ref, project_recorded }) })
    }

    /// Creates a session that captures into the same journal, with changed options. Errors: no ref can be made from the
    /// project's name.
    pub fn with_options(&self, change: impl FnOnce(&mut CaptureOptions)) -> Result<Session> {
        let mut options = self.inner.options.clone();
        change(&mut options);
        Session::new(Arc::clone(&self.inner.journal), options)
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

    /// Returns the current scope of this session in the calling thread; `None` if no scope is entered.
    pub fn current(&self) -> Option<AnyScope> {
        current::current(self).map(|scope| AnyScope { scope })
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

    /// Returns the id of a run or deployment: the given id, or an id made from the name and a random suffix.
    pub(super) fn id_of(&self, name: &str, id: Option<&str>, kind: ScopeKind) -> Result<String> {
        if let Some(id) = id {
            return Ok(id.to_owned());
        }
        // A name without an ASCII letter or digit is allowed.
        let stem = slug(name, STEM_LEN_MAX).unwrap_or_else(|| kind.as_str().to_owned());
        Ok(format!("{stem}-{}", self.suffix()?))
    }

    /// Returns the number of this process, to recognise a child that `fork(2)` created.
    pub(super) fn process_id(&self) -> u32 {
        self.journal.storage().process_id()
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
