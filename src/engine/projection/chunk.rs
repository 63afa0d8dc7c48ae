//! Chunks: the rows of a series table, each with up to [`CHUNK_POINTS_MAX`] points in order.

use crate::engine::projection::point::ORDER_LEN;
use crate::engine::projection::point_buffer::PointBuffer;
use crate::engine::projection::table::{Handle, RowResult};
use redb::ReadableTable;
use std::ops::Bound;

/// The maximum number of points in one chunk. A chunk is split before it gets more points. redb uses 32 KiB
/// for a value of more than 16 KiB. With this limit, a full chunk of short points has less than 16 KiB.
const CHUNK_POINTS_MAX: usize = 224;
/// The reason in errors about a row that is not a chunk.
pub(super) const MALFORMED: &str = "a chunk of a series is malformed";

/// A key and a value, as an iterator over a range of redb returns them.
type RangeItem<'t> =
    Result<(redb::AccessGuard<'t, &'static [u8]>, redb::AccessGuard<'t, &'static [u8]>), redb::StorageError>;

/// Merges sorted points into the chunks of a series. `key` is the key of the series, followed by a zero byte.
pub(super) fn merge_points(table: &mut Handle<'_>, key: &[u8], points: PointBuffer) -> RowResult<()> {
    let mut rest = points;
    while rest.len() > 0 {
        let place = find_chunk(table, key, rest.order(0))?;
        let fits = match &place.next {
            Some(next) => rest.count_before(next).max(1),
            None => rest.len(),
        };
        let later = rest.split_off(fits);
        let mut chunk = place.points;
        chunk.append(rest);
        chunk.sort();
        rest = later;
        if let Some(old) = place.row {
            table.remove(old.as_slice())?;
        }
        // Points for up to two chunks are divided into halves; more points fill chunks completely.
        let halved = chunk.len().div_ceil(CHUNK_POINTS_MAX) == 2;
        let size = if halved { chunk.len().div_ceil(2) } else { CHUNK_POINTS_MAX };
        for first in (0..chunk.len()).step_by(size) {
            let row = [key, chunk.order(first)].concat();
            table.insert(row.as_slice(), chunk.range(first, first + size))?;
        }
    }
    Ok(())
}

/// The chunk that points are merged into, and the beginning of the next chunk.
struct ChunkPlace {
    /// The row key of the chunk, if the chunk exists.
    row: Option<Vec<u8>>,
    /// The points of the chunk.
    points: PointBuffer,
    /// The encoded sort key at which the next chunk begins; `None` if there is no next chunk.
    next: Option<[u8; ORDER_LEN]>,
}

/// Finds the last chunk that begins at or before the encoded sort key `order`. If there is no such chunk, returns the
/// first chunk of the series. If the series has no chunk, returns an empty chunk.
fn find_chunk(table: &Handle<'_>, key: &[u8], order: &[u8]) -> RowResult<ChunkPlace> {
    let at = [key, order].concat();
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
            Some((_, v)) => PointBuffer::decode(v.value()).ok_or(MALFORMED)?,
            None => PointBuffer::default(),
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
