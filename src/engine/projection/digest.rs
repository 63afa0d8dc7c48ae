//! The digest of all tables: equal entries give equal digests, however they arrived.
//!
//! BLAKE3 over, for each projection table by name: the name, then each logical row in key order. A row of a series
//! table is a series: its key, and the digest of its points one by one. Cursors, the frame index and the borders of
//! chunks are left out.

use crate::engine::bytes::put_length_prefixed;
use crate::engine::checksum::Digest;
use crate::engine::error::Result;
use crate::engine::projection::tables::{TableKind, TableSpec};
use crate::engine::projection::view::View;
use std::collections::BTreeMap;

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
        let (mut rows, mut points) = (0u64, 0u64);
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
            for (key, series) in series_digests(view, table)? {
                points += series.points;
                add(&[&key, &series.digest.0]);
            }
        } else {
            view.rows(table.name, &[], &[], |key, value| {
                add(&[key, value]);
                Ok(true)
            })?;
        }
        let rows = if table.kind == TableKind::Series { points } else { rows };
        let digest = Digest(*hasher.finalize().as_bytes());
        let mut name = Vec::new();
        put_length_prefixed(&mut name, table.name.as_bytes());
        all.update(&name).update(&rows.to_le_bytes()).update(&digest.0);
        parts.push((table.name.to_owned(), digest, rows));
    }
    Ok(TablesDigest { digest: Digest(*all.finalize().as_bytes()), tables: parts })
}

/// The digest of the points of one series.
struct SeriesDigest {
    digest: Digest,
    points: u64,
}

/// A series whose last row may still come.
struct OpenSeries {
    key: Vec<u8>,
    hasher: blake3::Hasher,
    points: u64,
}

/// The digest of each series. The rows of a series whose key begins with another's stand between the chunks of that
/// one, so several are open at a time: those whose keys the row begins with.
fn series_digests(view: &View, table: TableSpec) -> Result<BTreeMap<Vec<u8>, SeriesDigest>> {
    let mut done = BTreeMap::new();
    let mut open: Vec<OpenSeries> = Vec::new();
    let mut bytes = Vec::new();
    let close = |s: OpenSeries| {
        let digest = Digest(*s.hasher.finalize().as_bytes());
        (s.key, SeriesDigest { digest, points: s.points })
    };
    view.chunk_rows(table, &[], |row, key, points| {
        done.extend(open.extract_if(.., |s| !row.starts_with(&s.key)).map(close));
        let at = match open.iter().position(|s| s.key == key) {
            Some(at) => at,
            None => {
                open.push(OpenSeries { key: key.to_vec(), hasher: blake3::Hasher::new(), points: 0 });
                open.len() - 1
            }
        };
        if let Some(series) = open.get_mut(at) {
            for point in &points {
                bytes.clear();
                point.put(&mut bytes);
                series.hasher.update(&bytes);
                series.points += 1;
            }
        }
        Ok(())
    })?;
    done.extend(open.into_iter().map(close));
    Ok(done)
}
