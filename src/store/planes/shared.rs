//! The parts of a workspace that the metadata store, the record store and the artifact store share.

use crate::contract::{Fact, Timestamp};
use crate::engine::entry::Stamp;
use crate::engine::log::Durability;
use crate::engine::projection::Note as EngineNote;
use crate::engine::repair::{RepairPlan, RepairSite, plan_repair};
use crate::engine::storage::Storage;
use crate::engine::{self, TransactionLock};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::store::error::Result;
use crate::store::journal::{Journal, Receipt};
use crate::store::planes::error::PlaneError;
use crate::store::view::StoreView;
use crate::store::workspace::Store;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The time for which a write waits for the lock file `planes.lock`.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// The parts of a workspace that the metadata store, the record store and the artifact store share. Clones
/// share these parts.
#[derive(Debug, Clone)]
pub(crate) struct Planes(Arc<Parts>);

/// The directories that the stores use, without the directories of the log and of the bodies.
#[derive(Debug, Clone)]
pub(crate) struct PlaneDirs {
    /// The directory of the generations. The generations are the files of the tables.
    pub(crate) generations: PathBuf,
    /// The directory of the lock file.
    pub(crate) recovery: PathBuf,
    /// The directory for copies of damaged files.
    pub(crate) quarantine: PathBuf,
}

/// The kinds of data that may be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaneWrites {
    /// `true` if objects may be written.
    pub(crate) metadata: bool,
    /// `true` if records may be written.
    pub(crate) records: bool,
    /// `true` if artifacts may be written.
    pub(crate) artifacts: bool,
}

#[derive(Debug)]
struct Parts {
    store: Store,
    journal: Arc<Journal>,
    dirs: PlaneDirs,
    writes: PlaneWrites,
    durability: Durability,
    lock: TransactionLock,
}

impl Planes {
    /// Creates the shared parts. Appended records have the durability `durability`, but at least
    /// [`Durability::Flush`]. Otherwise, the next process that decides about a write would not see the
    /// records.
    pub(crate) fn new(
        store: Store,
        journal: Arc<Journal>,
        dirs: PlaneDirs,
        writes: PlaneWrites,
        durability: Durability,
    ) -> Planes {
        let lock = TransactionLock::default();
        let durability = durability.max(Durability::Flush);
        Planes(Arc::new(Parts { store, journal, dirs, writes, durability, lock }))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(super) fn storage(&self) -> &Arc<dyn Storage> {
        self.0.journal.storage()
    }

    pub(super) fn writes(&self) -> PlaneWrites {
        self.0.writes
    }

    pub(super) fn durability(&self) -> Durability {
        self.0.durability
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.storage().now())
    }

    /// Calls `question` with one consistent view of all captures so far. See [`Store::with_captures`].
    pub(super) fn read<T>(&self, question: impl Fn(&StoreView<'_>) -> Result<T>) -> Result<T> {
        self.0.store.with_captures(&self.0.journal, |store| store.read(question))
    }

    /// Calls `question` with a view for a decision about a write. See [`Planes::read`]. Error: a stream
    /// cannot be read, and the decision could therefore be wrong.
    pub(super) fn judge<T>(&self, question: impl Fn(&StoreView<'_>) -> Result<T>) -> Result<T> {
        self.read(|view| {
            let is_unreadable = |note: &&EngineNote| {
                matches!(note, EngineNote::StreamUnreadable { .. } | EngineNote::Newer { .. })
            };
            match view.view.notes().iter().find(is_unreadable) {
                Some(note) => Err(engine::Error::ViewIncomplete { reason: note.to_string() }.into()),
                None => question(view),
            }
        })
    }

    /// Calls `write` while no other process or thread on this machine decides about a write. Error: the lock
    /// cannot be acquired.
    pub(super) fn decide<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = self.0.dirs.recovery.join("planes.lock");
        let storage = Arc::clone(self.storage());
        let held = self.0.lock.acquire(storage.as_ref(), &path, LOCK_WAIT)?;
        let result = write();
        drop(held);
        result
    }

    /// Appends a fact, which replaces the facts with the stamps `replaces`. The entry is on disk when the method returns.
    pub(super) fn append(&self, fact: Fact, replaces: Vec<Stamp>) -> Result<Receipt> {
        let captured = Captured { fact, replaces, origin: None };
        Ok(self.journal().append_all(&[captured], Durability::Fsync, false)?.0)
    }

    /// Plans a repair of the log and the tables.
    pub(super) fn plan_repair(&self) -> Result<RepairPlan> {
        let PlaneDirs { generations, quarantine, .. } = &self.0.dirs;
        let site = RepairSite::new(DOMAIN, self.journal().log_dir(), generations, quarantine);
        Ok(plan_repair(self.storage(), &site)?)
    }

    /// Returns an error if `is_allowed` is false. `what` names the data, and `code` is the code of the error.
    pub(super) fn check_writable(is_allowed: bool, what: &'static str, code: &'static str) -> Result<()> {
        if is_allowed { Ok(()) } else { Err(PlaneError::ReadOnly { what, code }.into()) }
    }
}
