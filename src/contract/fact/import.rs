//! An import, and the origin of an imported fact.

use crate::contract::time::Timestamp;

/// One import of facts from another store. The import is recorded before the imported facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The random id of the import. The imported facts refer to this id.
    pub id: [u8; 16],
    /// The source: the name of a file, or `-` for standard input.
    pub source: String,
    /// The format, such as `jsonl`.
    pub format: String,
    /// The time at which the import started.
    pub started_at: Timestamp,
}

/// The import and the line from which a fact was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportOrigin {
    /// The id of the [`Import`].
    pub import: [u8; 16],
    /// The number of the line, from 1.
    pub line: u64,
}
