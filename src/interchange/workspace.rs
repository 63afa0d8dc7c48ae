//! The workspace that an import writes to, or that an export reads.

use crate::store::{Journal, Store};

/// The read side and the append side of one workspace.
#[derive(Debug, Clone, Copy)]
pub struct Workspace<'a> {
    /// The read side.
    pub store: &'a Store,
    /// The append side.
    pub journal: &'a Journal,
}
