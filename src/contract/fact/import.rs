//! The import that facts of another store came with.

use crate::contract::time::Timestamp;

/// One import of facts from another store. It is recorded before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// A random id; the facts of the import refer to it.
    pub id: [u8; 16],
    /// The source: the name of a file, or `-` for standard input.
    pub source: String,
    /// The format, such as `jsonl`.
    pub format: String,
    /// The start of the import.
    pub started_at: Timestamp,
}

/// The source line of an imported fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportOrigin {
    /// The id of the [`Import`].
    pub import: [u8; 16],
    /// The line number, from 1.
    pub line: u64,
}
