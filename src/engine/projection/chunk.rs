//! Chunks: the rows of a series table, each with up to [`CHUNK_POINTS_MAX`] points in order.

use crate::engine::projection::point::{ORDER_LEN, Point, PointOrder};
use crate::engine::projection::table::{Handle, RowResult};
use redb::ReadableTable;
use std::ops::Bound;

/// The maximum number of points in one chunk. A chunk that would get more points is split.
const CHUNK_POINTS_MAX: usize = 256;

/// A key and a value, as an iterator over a range of redb returns them.
type RangeItem<'t> =
    Result<(redb::AccessGuard<'t, &'static [u8]>, redb::AccessGuard<'t, &'static [u8]>), redb::StorageError>;

/// Merges sorted points into the chunks of a series. `key` is the key of the series, followed by a zero byte.
pub(super) fn merge_points(table: &mut Handle<'_>, key: &[u8], points: Vec<Point>) -> RowResult<()> {
    let mut rest = points.into_iter();
    while let Some(first) = rest.as_slice().first() {
        let place = find_chunk(table, key, first.order)?;
        let fits = match &place.next {
            Some(next) => rest.as_slice().partition_point(|p| p.order.to_bytes() < *next).max(1),
            None => rest.len(),
        };
        let mut chunk = place.points;
        chunk.extend(rest.by_ref().take(fits));
        chunk.sort_by_key(|p| p.order);
        chunk.dedup_by_key(|p| p.order);
        if let Some(old) = place.row {
            table.remove(old.as_slice())?;
        }
        // Points for up to two chunks are divided into halves; more points fill chunks completely.
        let halved = chunk.len().div_ceil(CHUNK_POINTS_MAX) == 2;
        let size = if halved { chunk.len().div_ceil(2) } else { CHUNK_POINTS_MAX };
        for piece in chunk.chunks(size) {
            if let Some(first) = piece.first() {
                let row = [key, &first.order.to_bytes()].concat();
                table.insert(row.as_slice(), Point::encode_chunk(piece).as_slice())?;
            }
        }
    }
    Ok(())
}

/// The chunk that a point is merged into.
struct ChunkPlace {
    /// The row key of the chunk, if the chunk exists.
    row: Option<Vec<u8>>,
    /// The points of the chunk.
    points: Vec<Point>,
    /// The encoded sort key at which the next chunk begins; `None` if there is no next chunk.
    next: Option<[u8; ORDER_LEN]>,
}

/// Finds the last chunk that begins at or before `order`. If there is no such chunk, returns the first chunk of the
/// series. If the series has no chunk, returns an empty chunk.
fn find_chunk(table: &Handle<'_>, key: &[u8], order: PointOrder) -> RowResult<ChunkPlace> {
    let at = [key, &order.to_bytes()].concat();
    let end = [key, &[0xff; ORDER_LEN]].concat();
    let ours = |row: &RangeItem<'_>| row.as_ref().map_or(true, |(k, _)| is_series_row(k.value(), key));
    let before = table.range::<&[u8]>(key..=at.as_slice())?.rev().find(ours).transpose()?;
    let mut after =
        table.range::<&[u8]>((Bound::Excluded(at.as_slice()), Bound::Included(end.as_slice())))?;
    let chosen = match before {
        Some(row) => Some(row),
        None => after.by_ref().find(ours).transpose()?,
    };
    let next = after.find(ours).transpose()?;
    Ok(ChunkPlace {
        points: match &chosen {
            Some((_, v)) => Point::decode_chunk(v.value()).ok_or("a chunk of a series is malformed")?,
            None => Vec::new(),
        },
        row: chosen.map(|(k, _)| k.value().to_vec()),
        next: next.and_then(|(k, _)| k.value().last_chunk::<ORDER_LEN>().copied()),
    })
}

/// Returns true if the row with the key `row` belongs to a series, and not to a series with a longer key. `fenced` is
/// the key of the series, followed by a zero byte.
pub(super) fn is_series_row(row: &[u8], fenced: &[u8]) -> bool {
    row.len() == fenced.len() + ORDER_LEN && row.starts_with(fenced)
}

/// Returns the key of the series that a row belongs to; `None` if the key of the row is malformed.
pub(super) fn series_key(row: &[u8]) -> Option<&[u8]> {
    row.split_last_chunk::<ORDER_LEN>()?.0.strip_suffix(&[0])
}
