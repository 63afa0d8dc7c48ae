//! What shall happen to a simulated process, and at which of its operations.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// An operation of a process, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Among all of them.
    Operation(u64),
    /// Among those that change what is on the disk, or how durably: writes, new lengths, creations, renames,
    /// removals and syncs.
    Change(u64),
}

/// What happens at a planned operation.
pub enum Fault {
    /// Something else runs first, then the operation goes on.
    Meanwhile(Box<dyn FnOnce() + Send>),
    /// The operation fails with this kind of error and does nothing. A sync that fails loses what it should have
    /// made durable, as on Linux: it counts as clean from then on. [`io::ErrorKind::Interrupted`] befalls reads and
    /// writes only; other operations go on, as the standard library repeats them.
    Error(io::ErrorKind),
    /// A read or write does half of what it was asked to and says so. Other operations go on.
    Short,
    /// The process dies. Of a write the front half arrives, other operations are not begun; its locks are free, and
    /// nothing that its code still does has an effect.
    Kill,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Meanwhile(_) => write!(f, "Meanwhile"),
            Fault::Error(kind) => write!(f, "Error({kind:?})"),
            Fault::Short => write!(f, "Short"),
            Fault::Kill => write!(f, "Kill"),
        }
    }
}

/// What an operation does, as far as faults tell operations apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Looks, or reads a file.
    Look,
    Read,
    Write,
    /// Changes something otherwise.
    Change,
}

/// How an operation goes.
#[derive(Debug)]
pub(super) enum Fate {
    Goes,
    Short,
    /// The process is killed in the middle of it.
    Dies,
    Fails(io::Error),
}

/// The life of one process: how far it has come, what is planned for it, whether it still runs.
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

    /// Counts an operation and says how it goes. Nothing is locked while something else runs in between.
    pub(super) fn begin(&self, deed: Deed) -> Fate {
        let dead = || Fate::Fails(io::Error::other("the simulated process is dead"));
        if !self.is_alive() {
            return dead();
        }
        let operation = Moment::Operation(self.operations.fetch_add(1, Ordering::Relaxed));
        let change = matches!(deed, Deed::Write | Deed::Change)
            .then(|| Moment::Change(self.changes.fetch_add(1, Ordering::Relaxed)));
        let fault = {
            let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
            let now = |(moment, _): &(Moment, Fault)| *moment == operation || Some(*moment) == change;
            planned.iter().position(now).map(|at| planned.remove(at).1)
        };
        match (fault, deed) {
            (None, _) => Fate::Goes,
            (Some(Fault::Meanwhile(run)), _) => {
                run();
                if self.is_alive() { Fate::Goes } else { dead() }
            }
            (Some(Fault::Short), Deed::Read | Deed::Write) => Fate::Short,
            (Some(Fault::Short), _) => Fate::Goes,
            (Some(Fault::Error(io::ErrorKind::Interrupted)), Deed::Look | Deed::Change) => Fate::Goes,
            (Some(Fault::Error(kind)), _) => Fate::Fails(io::Error::new(kind, "a simulated failure")),
            (Some(Fault::Kill), _) => Fate::Dies,
        }
    }
}
