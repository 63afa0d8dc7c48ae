//! The digest of all tables: equal entries give equal digests, however they arrived.
//!
//! BLAKE3 over, for each projection table by name: the name, then each logical row in key order. Cursors, the frame
//! index and the borders of chunks are left out; points of a series are taken one by one.

use crate::engine::bytes::put_length_prefixed;
use crate::engine::checksum::Digest;
use crate::engine::error::Result;
use crate::engine::projection::tables::{TableKind, TableSpec};
use crate::engine::projection::view::View;

/// The digest of some tables, and how many logical rows went into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablesDigest {
    /// Over all tables.
    pub digest: Digest,
    /// For each table, by name: its digest and its number of rows (for a series, points).
    pub tables: Vec<(String, Digest, u64)>,
}

/// Computes the digest of `tables` as they stand in `view`. Reads every row.
pub fn digest(view: &View, tables: &[TableSpec]) -> Result<TablesDigest> {
    let mut sorted = tables.to_vec();
    sorted.sort_by_key(|t| t.name);
    let mut all = blake3::Hasher::new();
    let mut parts = Vec::new();
    for table in sorted {
        let mut hasher = blake3::Hasher::new();
        let mut rows = 0u64;
        let mut row = Vec::new();
        let mut add = |pieces: &[&[u8]]| {
            row.clear();
            for piece in pieces {
                put_length_prefixed(&mut row, piece);
            }
            hasher.update(&row);
            rows += 1;
        };
        if table.kind == TableKind::Series {
            let mut bytes = Vec::new();
            view.chunks(table, &[], |key, points| {
                for point in &points {
                    bytes.clear();
                    point.put(&mut bytes);
                    add(&[key, &bytes]);
                }
                Ok(())
            })?;
        } else {
            view.rows(table.name, &[], &[], |key, value| {
                add(&[key, value]);
                Ok(true)
            })?;
        }
        let digest = Digest(*hasher.finalize().as_bytes());
        let mut name = Vec::new();
        put_length_prefixed(&mut name, table.name.as_bytes());
        all.update(&name).update(&rows.to_le_bytes()).update(&digest.0);
        parts.push((table.name.to_owned(), digest, rows));
    }
    Ok(TablesDigest { digest: Digest(*all.finalize().as_bytes()), tables: parts })
}
