//! The three planes of a workspace: typed reads and writes of metadata, records and artifacts.
//!
//! Every plane is a cheap value that shares the log, the tables and the bodies of one workspace. A write appends the
//! facts that capture appends for the same object; a read reads the tables, or the log for records. A write that depends
//! on the content of the workspace holds the lock of the planes, so that two processes on one machine do not decide at
//! the same time. Captures do not take this lock. A write redacts nothing and calls no sink.
//!
//! [`store::metadata`](crate::store::metadata), [`store::records`](crate::store::records) and
//! [`store::artifacts`](crate::store::artifacts) name the public types.

pub(in crate::store) mod artifact;
mod error;
pub(in crate::store) mod metadata;
pub(in crate::store) mod record;
mod shared;

pub use error::PlaneError;
pub(crate) use shared::{PlaneDirs, PlaneWrites, Planes};
