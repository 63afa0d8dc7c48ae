//! The storage, directories and tables that a projector shares with its views.

use crate::engine::domain::Domain;
use crate::engine::error::Error;
use crate::engine::projection::table::TableSpec;
use crate::engine::storage::Storage;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

/// The storage, domain, directories and tables that a projector and its views use.
#[derive(Debug)]
pub(super) struct Site {
    /// The storage of both directories.
    pub(super) storage: Arc<dyn Storage>,
    /// The domain of the log.
    pub(super) domain: Domain,
    /// The directory of the log.
    pub(super) log: PathBuf,
    /// The directory of the generations.
    pub(super) dir: PathBuf,
    /// All tables of all projections.
    pub(super) tables: Vec<TableSpec>,
}

impl Site {
    /// Returns the error for a database that cannot be used.
    pub(super) fn unusable(&self, reason: impl Display) -> Error {
        Error::unusable(&self.dir, reason)
    }
}
