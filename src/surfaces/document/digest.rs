//! The document of the digests of all tables.

use crate::client::TablesDigest;
use crate::interpretation::{Block, Cell, Note, ReportDocument, ReportSection, Table};

/// Returns the digest of all tables together, then of each.
pub(crate) fn digest(digest: &TablesDigest, notes: &[Note]) -> ReportDocument {
    // The whole digest is the answer: it is text, which is not shortened.
    let mut rows = vec![vec![Cell::text("(all)"), Cell::text(digest.digest), Cell::text("")]];
    let tables = digest.tables.iter();
    rows.extend(
        tables.map(|(name, digest, rows)| vec![Cell::text(name), Cell::text(digest), Cell::Count(*rows)]),
    );
    let table = ReportSection::table("", Table::new(&["Table", "Digest", "Rows"], rows), "");
    let notes = ReportSection::new("Notes", Block::Notes(notes.to_vec()));
    ReportDocument { title: "Digest".to_owned(), sections: vec![table, notes] }
}
