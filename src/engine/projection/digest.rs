//! The digest of all tables: equal entries give equal digests, in whichever order the entries were applied.
//!
//! The digest is BLAKE3 over the name, the number of rows and the digest of each table, in the order of the names. For
//! a series table, the number of points is used instead of the number of rows. The digest of a table covers its rows in
//! key order. The digest of a series table covers, in key order, the key of each series and the digest over its points.
//! The digest does not depend on the engine's own tables, such as the cursors, nor on the division of series into
//! chunks.

use crate::engine::bytes::put_length_prefixed;
use crate::engine::checksum::Digest;
use crate::engine::error::Result;
use crate::engine::projection::chunk::{MALFORMED, series_key};
use crate::engine::projection::point::Point;
use crate::engine::projection::table::{TableKind, TableSpec};
use crate::engine::projection::view::View;
use std::collections::BTreeMap;

/// The digest over several tables, and the digest of each table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablesDigest {
    /// The digest of all tables.
    pub digest: Digest,
    /// The name, the digest and the number of rows (for a series table, of points) of each table, by name.
    pub tables: Vec<(String, Digest, u64)>,
}

/// Computes the digest of `tables` in `view`. Reads every row. A view as of a stamp has a digest of versions and series
/// tables only; other tables are an error.
pub fn digest(view: &View, tables: &[TableSpec]) -> Result<TablesDigest> {
    let mut sorted = tables.to_vec();
    sorted.sort_by_key(|t| t.name);
    let mut all = blake3::Hasher::new();
    let mut parts = Vec::new();
    for table in sorted {
        let (digest, rows) = match table.kind {
            TableKind::Series => series_table_digest(view, table)?,
            _ => plain_table_digest(view, table)?,
        };
        let mut name = Vec::new();
        put_length_prefixed(&mut name, table.name.as_bytes());
        all.update(&name).update(&rows.to_le_bytes()).update(&digest.0);
        parts.push((table.name.to_owned(), digest, rows));
    }
    Ok(TablesDigest { digest: Digest(*all.finalize().as_bytes()), tables: parts })
}

/// A hasher of rows, which reuses one buffer for all of them.
#[derive(Default)]
struct RowHasher {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
}

impl RowHasher {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.buffer.clear();
        put_length_prefixed(&mut self.buffer, key);
        put_length_prefixed(&mut self.buffer, value);
        self.hasher.update(&self.buffer);
    }

    fn digest(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }
}

/// Returns the digest of a table that is not a series table, and its number of rows.
fn plain_table_digest(view: &View, table: TableSpec) -> Result<(Digest, u64)> {
    let mut hasher = RowHasher::default();
    let mut count = 0;
    for row in view.rows(table, &[])? {
        let row = row?;
        hasher.add(row.key(), row.value());
        count += 1;
    }
    Ok((hasher.digest(), count))
}

/// Returns the digest of a series table and its number of points.
fn series_table_digest(view: &View, table: TableSpec) -> Result<(Digest, u64)> {
    let mut hasher = RowHasher::default();
    let mut points = 0;
    for (key, series) in series_digests(view, table)? {
        points += series.points;
        hasher.add(&key, &series.digest.0);
    }
    Ok((hasher.digest(), points))
}

/// The digest of the points of one series.
struct SeriesDigest {
    digest: Digest,
    points: u64,
}

/// The running digest of a series whose chunks are being read. More chunks of the series may follow.
struct OpenSeries {
    key: Vec<u8>,
    hasher: blake3::Hasher,
    points: u64,
}

impl OpenSeries {
    fn new(key: &[u8]) -> OpenSeries {
        OpenSeries { key: key.to_vec(), hasher: blake3::Hasher::new(), points: 0 }
    }

    /// Adds the points of a chunk. The digest of a series covers the encoded points one after the other, so it does not
    /// depend on the division into chunks.
    fn add(&mut self, points: u64, chunk: &[u8]) {
        self.hasher.update(chunk);
        self.points += points;
    }

    fn close(self) -> (Vec<u8>, SeriesDigest) {
        let digest = Digest(*self.hasher.finalize().as_bytes());
        (self.key, SeriesDigest { digest, points: self.points })
    }
}

/// Computes the digest of each series.
///
/// The chunks of a series can lie between the chunks of a series with a shorter key, if the longer key begins with the
/// shorter key. All series whose keys are prefixes of the current row key are therefore open at the same time.
fn series_digests(view: &View, table: TableSpec) -> Result<BTreeMap<Vec<u8>, SeriesDigest>> {
    let mut done = BTreeMap::new();
    let mut open: Vec<OpenSeries> = Vec::new();
    for row in view.rows(table, &[])? {
        let row = row?;
        let chunk = series_key(row.key()).zip(Point::count(row.value()));
        let (key, points) = chunk.ok_or_else(|| view.damaged(MALFORMED))?;
        let ended = open.extract_if(.., |series| !row.key().starts_with(&series.key));
        done.extend(ended.map(OpenSeries::close));
        match open.iter_mut().find(|series| series.key == key) {
            Some(series) => series.add(points, row.value()),
            None => {
                let mut series = OpenSeries::new(key);
                series.add(points, row.value());
                open.push(series);
            }
        }
    }
    done.extend(open.into_iter().map(OpenSeries::close));
    Ok(done)
}
