//! Simulated storage in memory, for tests: a disk that several processes with different ids share, a clock that
//! advances with each change and on request, and seeded random bytes.
//!
//! A [`SimProcess`] is one process that uses a [`SimDisk`]. Faults of a process are planned for single operations
//! ([`SimProcess::plan`]); faults of the machine, and changes of files from outside, are methods of the disk. The disk
//! records which contents and names are durable, so that [`SimDisk::crash`] can keep any part of the rest. A disk can
//! be forked, so that a test can try several continuations of one state.
//!
//! A wait for a change ([`Storage::watch`](crate::engine::storage::Storage::watch)) does not block: if nothing has
//! changed in the watched directories, the call advances the clock to the end of the wait. The wait is an operation of
//! the process, so another process can act during the wait ([`Fault::Meanwhile`]).
//!
//! ```
//! use contexta::engine::storage::sim::{Fault, Moment, SimDisk, Survival};
//! use contexta::engine::storage::{OpenMode, Storage};
//! use std::path::Path;
//!
//! let disk = SimDisk::new(1);
//! let process = disk.spawn(7);
//! // The process is killed at its third change: creation, write, sync.
//! process.plan(Moment::Change(2), Fault::Kill);
//! let file = process.open(Path::new("/a"), OpenMode::CreateNew).unwrap();
//! file.write_at(0, b"abc").unwrap();
//! assert!(file.sync().is_err());
//! let kept = disk.fork();
//! kept.crash(Survival::Kept);
//! assert_eq!(kept.read(Path::new("/a")), Some(b"abc".to_vec()));
//! disk.crash(Survival::Dropped);
//! assert_eq!(disk.read(Path::new("/a")), None);
//! ```

mod content;
mod disk;
mod file;
mod node;
mod plan;
mod process;
mod state;
mod survival;
mod watch;

pub use disk::SimDisk;
pub use plan::{Fault, Moment};
pub use process::SimProcess;
pub use survival::Survival;
