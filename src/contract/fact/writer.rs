//! Processes that write to a workspace, and the runs that they capture.

use crate::contract::error::contract_error::Result;
use crate::contract::issue::collector::Issues;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::Value;
use crate::contract::refs::typed::RunRef;
use crate::contract::rules::text::{optional_text, text};
use crate::contract::time::Timestamp;
use std::fmt;

/// The random id of a process that writes to a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub [u8; 8]);

/// The random id of a writer of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterId(pub [u8; 8]);

/// Implements the text form of an id: 16 lower-case hexadecimal digits.
macro_rules! hexadecimal {
    ($($id:ident),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    )*};
}

hexadecimal!(ProcessId, WriterId);

/// A process that writes to a workspace. The fact is recorded once in each stream that the process writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    id: ProcessId,
    number: u32,
    host: String,
    started_at: Timestamp,
}

impl Process {
    /// Creates the fact. `number` is the process id of the operating system. Errors: the name of the host is blank.
    pub fn new(id: ProcessId, number: u32, host: &str, started_at: Timestamp) -> Result<Process> {
        let (mut issues, mut host) = (Issues::default(), host.to_owned());
        text(&mut issues, "host", &mut host);
        issues.into_result().map(|()| Process { id, number, host, started_at })
    }

    /// Returns the random id.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Returns the process id of the operating system.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns the name of the host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the time at which the process opened the workspace.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }
}

/// The relation of a writer to its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Joined {
    /// The writer started the run.
    Started,
    /// The writer joined the newest attempt of the run.
    Attached,
    /// The writer resumed the run, which began a new attempt.
    Resumed {
        /// The first step of the new attempt. Points of earlier attempts at this step or a later one are superseded.
        /// `None` if no points are superseded.
        from_step: Option<i64>,
    },
}

impl Joined {
    /// Returns the stable lower-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Joined::Started => "started",
            Joined::Attached => "attached",
            Joined::Resumed { .. } => "resumed",
        }
    }

    /// Returns the first step of a resumed run; `None` if no points are superseded.
    pub fn from_step(self) -> Option<i64> {
        match self {
            Joined::Resumed { from_step } => from_step,
            _ => None,
        }
    }
}

/// A writer of a run: a process that captures the run from one start, attach or resume until its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    run_ref: RunRef,
    id: WriterId,
    process: ProcessId,
    joined: Joined,
    label: Option<String>,
    started_at: Timestamp,
}

impl Writer {
    /// Creates the fact. `label` is a name of the writer, such as `rank-3`. Errors: the label is blank.
    pub fn new(
        run_ref: RunRef,
        (id, process): (WriterId, ProcessId),
        joined: Joined,
        label: Option<String>,
        started_at: Timestamp,
    ) -> Result<Writer> {
        let (mut issues, mut label) = (Issues::default(), label);
        optional_text(&mut issues, "label", &mut label);
        issues.into_result().map(|()| Writer { run_ref, id, process, joined, label, started_at })
    }

    /// Returns the run.
    pub fn run_ref(&self) -> &RunRef {
        &self.run_ref
    }

    /// Returns the id of the writer.
    pub fn id(&self) -> WriterId {
        self.id
    }

    /// Returns the process of the writer.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Returns the relation of the writer to the run.
    pub fn joined(&self) -> Joined {
        self.joined
    }

    /// Returns the name of the writer.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Returns the time at which the writer began to capture the run.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }
}

impl Canonical for Process {
    fn to_value(&self) -> Value {
        Value::map([
            ("id", Value::text(self.id)),
            ("number", Value::from(self.number)),
            ("host", Value::from(self.host.as_str())),
            ("started_at", Value::text(self.started_at)),
        ])
    }
}

impl Canonical for Writer {
    fn to_value(&self) -> Value {
        Value::map([
            ("run_ref", Value::from(self.run_ref.as_str())),
            ("id", Value::text(self.id)),
            ("process", Value::text(self.process)),
            ("joined", Value::from(self.joined.as_str())),
            ("from_step", Value::from(self.joined.from_step())),
            ("label", Value::from(self.label.clone())),
            ("started_at", Value::text(self.started_at)),
        ])
    }
}
