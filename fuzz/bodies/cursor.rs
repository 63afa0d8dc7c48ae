//! The row of a cursor from arbitrary bytes: the cursor of an accepted row is written as an equal row.

use contexta::engine::entry::StreamId;
use contexta::engine::projection::cursor::Cursor;

pub(crate) fn run(data: &[u8]) {
    let stream = StreamId([9; 16]);
    let Some(cursor) = Cursor::decode(stream, data) else { return };
    assert!(cursor.gaps.iter().all(|gap| gap.stream == stream));
    // A gap takes at least three bytes, so a row cannot claim more gaps than it holds.
    assert!(cursor.gaps.len() * 3 <= data.len());
    let row = cursor.encode();
    assert!(row.len() == data.len(), "a number has two encodings");
    assert_eq!(Cursor::decode(stream, &row), Some(cursor));
}
