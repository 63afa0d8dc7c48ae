//! Typed reads and writes of the metadata, the records and the artifacts of a workspace.
//!
//! These three kinds of data are called planes. The store of a plane is cheap to create and to clone. All
//! stores share the log, the tables and the bodies of one workspace. A write appends the same facts as a
//! capture of the same object. A read of records reads the log, and any other read reads the tables. A write
//! that depends on the content of the workspace holds the lock `planes.lock`, so that two processes on one
//! machine do not decide at the same time. Captures do not take this lock. A write redacts nothing and calls
//! no sink.
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
