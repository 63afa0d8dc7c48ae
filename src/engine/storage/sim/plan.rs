//! Planned faults of a simulated process. Each fault happens at one operation of the process.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// An operation of a process, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The operation with this number among all operations.
    Operation(u64),
    /// The operation with this number among the changes: writes, new lengths, creations, renames, removals and syncs.
    Change(u64),
}

/// The fault that happens at a planned operation.
pub enum Fault {
    /// Runs a closure before the operation takes effect. Then the operation is performed.
    Meanwhile(Box<dyn FnOnce() + Send>),
    /// Performs the operation, then runs a closure before the caller sees the result.
    Afterwards(Box<dyn FnOnce() + Send>),
    /// Fails with this kind of error and without an effect. As on Linux, the data of a failed sync is lost: the data
    /// counts as clean from then on. [`io::ErrorKind::Interrupted`] applies to reads and writes only; other operations
    /// succeed, because the standard library repeats them.
    Error(io::ErrorKind),
    /// Performs the operation completely, then fails with this kind of error: all bytes are written, the file is
    /// renamed, the data is durable.
    ErrorAfter(io::ErrorKind),
    /// Reads or writes half of the requested bytes, and returns the number of these bytes. Other operations succeed.
    Short,
    /// Kills the process. A write leaves the first half of its bytes; other operations are not performed. The locks of
    /// the process are released, and later operations of the process fail without an effect.
    Kill,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Meanwhile(_) => write!(f, "Meanwhile"),
            Fault::Afterwards(_) => write!(f, "Afterwards"),
            Fault::Error(kind) => write!(f, "Error({kind:?})"),
            Fault::ErrorAfter(kind) => write!(f, "ErrorAfter({kind:?})"),
            Fault::Short => write!(f, "Short"),
            Fault::Kill => write!(f, "Kill"),
        }
    }
}

/// The class of an operation. The effect of a fault depends on the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperationClass {
    /// Any operation that neither reads, writes nor changes a file, such as a query of metadata, the opening of an
    /// existing file, or locking.
    Query,
    /// Reading from a file.
    Read,
    /// Writing to a file.
    Write,
    /// Any other change: a new length, a creation, a renaming, a removal or a sync.
    Change,
}

/// The part of the requested bytes that an operation reads or writes. Operations other than reads and writes are
/// performed completely or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// The first half, rounded up.
    Half,
    /// The first half, rounded down, so that at least one byte is missing.
    FrontHalf,
}

impl Extent {
    /// Returns the number of bytes that are read or written if `len` bytes are requested.
    pub(super) fn of(self, len: usize) -> usize {
        match self {
            Extent::Whole => len,
            Extent::Half => len.div_ceil(2),
            Extent::FrontHalf => len / 2,
        }
    }
}

/// The state of one process: its counters, its planned faults, and a flag that is false after its death.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) id: u32,
    alive: AtomicBool,
    operations: AtomicU64,
    changes: AtomicU64,
    planned: Mutex<Vec<(Moment, Fault)>>,
}

impl Life {
    pub(super) fn new(id: u32) -> Life {
        Life {
            id,
            alive: AtomicBool::new(true),
            operations: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            planned: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.alive.store(false, Ordering::Relaxed);
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    pub(super) fn plan(&self, moment: Moment, fault: Fault) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push((moment, fault));
    }

    pub(super) fn has_plans(&self) -> bool {
        !self.planned.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Counts an operation. Returns the fault that is planned for the operation and removes it from the plan; `None` if
    /// no fault is planned.
    fn next_fault(&self, class: OperationClass) -> Option<Fault> {
        let operation = Moment::Operation(self.operations.fetch_add(1, Ordering::Relaxed));
        let change = matches!(class, OperationClass::Write | OperationClass::Change)
            .then(|| Moment::Change(self.changes.fetch_add(1, Ordering::Relaxed)));
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let now = |(moment, _): &(Moment, Fault)| *moment == operation || Some(*moment) == change;
        planned.iter().position(now).map(|at| planned.remove(at).1)
    }

    /// Counts an operation and performs it with `act`, unless a planned fault prevents it. `act` must release all locks
    /// before it returns, because planned closures use the disk.
    pub(super) fn perform<T>(
        &self,
        class: OperationClass,
        act: impl FnOnce(Extent) -> io::Result<T>,
    ) -> io::Result<T> {
        let failure = |kind| Err(io::Error::new(kind, "a simulated failure"));
        if !self.is_alive() {
            return self.dead();
        }
        match (self.next_fault(class), class) {
            (None, _) => act(Extent::Whole),
            (Some(Fault::Meanwhile(run)), _) => {
                run();
                if self.is_alive() { act(Extent::Whole) } else { self.dead() }
            }
            (Some(Fault::Afterwards(run)), _) => {
                let result = act(Extent::Whole);
                run();
                if self.is_alive() { result } else { self.dead() }
            }
            (Some(Fault::Short), OperationClass::Read | OperationClass::Write) => act(Extent::Half),
            (Some(Fault::Short), _) => act(Extent::Whole),
            (
                Some(Fault::Error(io::ErrorKind::Interrupted)),
                OperationClass::Query | OperationClass::Change,
            ) => act(Extent::Whole),
            (Some(Fault::Error(kind)), _) => failure(kind),
            (Some(Fault::ErrorAfter(kind)), _) => act(Extent::Whole).and_then(|_| failure(kind)),
            (Some(Fault::Kill), _) => {
                if class == OperationClass::Write {
                    // The result is dropped because the calling process is dead.
                    let _ = act(Extent::FrontHalf);
                }
                self.end();
                self.dead()
            }
        }
    }

    fn dead<T>(&self) -> io::Result<T> {
        Err(io::Error::other("the simulated process is dead"))
    }
}
