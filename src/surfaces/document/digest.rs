//! The document of the digests of all tables.

use crate::client::TablesDigest;
use crate::interpretation::{Block, Cell, Note, ReportDocument, ReportSection, Table};

/// Returns a document with the digest of all tables together, and a table with the digest of each table.
pub(crate) fn digest(digest: &TablesDigest, notes: &[Note]) -> ReportDocument {
    // Only the digest of all tables is shown in full, because users compare this digest.
    let all = Block::Pairs(vec![("all tables".to_owned(), Cell::text(digest.digest))]);
    let rows = digest.tables.iter().map(|(name, digest, rows)| {
        vec![Cell::text(name), Cell::Digest(digest.to_string()), Cell::Count(*rows)]
    });
    let tables = Table::new(&["Table", "Digest", "Rows"], rows.collect());
    let sections = vec![
        ReportSection::new("", all),
        ReportSection::table("Tables", tables, "no tables"),
        ReportSection::new("Notes", Block::Notes(notes.to_vec())),
    ];
    ReportDocument { title: "Digest".to_owned(), sections }
}
