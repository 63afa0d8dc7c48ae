//! The engine as embedders use it: one value that appends, reads, runs transactions, merges and verifies.
//!
//! An [`Engine`] opens the log and the tables of one directory, so that their paths cannot be mixed up. Data goes one
//! way: events are appended to the log, projections derive tables from the log, and a view reads the tables. A
//! transaction reads a view and appends events that depend on this view. On one directory, only one transaction runs at
//! a time on the machine.
//!
//! Files, lowest first: `paths`, `lock`, `idempotency`, `condition`, `options`, `engine`, `transaction`, `check`,
//! `repair`, `compaction`.

mod check;
mod compaction;
mod condition;
mod engine;
mod idempotency;
mod lock;
mod options;
mod paths;
mod repair;
mod transaction;

pub use check::{Heads, Verification};
pub use condition::Condition;
pub use engine::Engine;
#[cfg(not(feature = "testing"))]
pub(crate) use lock::{HeldLock, TransactionLock};
#[cfg(feature = "testing")]
pub use lock::{HeldLock, TransactionLock};
pub use options::EngineOptions;
pub use transaction::{Once, Transacted, Transaction};
