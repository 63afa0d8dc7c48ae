//! Failed deliveries that wait for a replay.

use crate::engine::entry::{Position, StreamId};
use crate::engine::error::Error;
use crate::engine::storage::Storage;
use crate::store::delivery::sink_cursor::SinkCursor;
use crate::store::error::Result;
use std::io;
use std::path::Path;

/// A failed delivery to a sink. The facts of the stream from the failed entry on wait for a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingDelivery {
    /// The name of the sink's directory. If the name of the sink can be a file name, it is the name of the sink.
    pub sink: String,
    /// The entry that could not be delivered.
    pub next: Position,
    /// The number of failed deliveries of this entry.
    pub failures: u32,
}

/// Returns the failed deliveries, ordered by sink and stream. `dir` contains the directories with the cursors of the
/// sinks. The cursors are read without a lock, so that a query does not disturb a delivery. A cursor that cannot be read
/// is left out. Errors: a directory cannot be listed.
pub(crate) fn waiting_deliveries(storage: &dyn Storage, dir: &Path) -> Result<Vec<WaitingDelivery>> {
    let mut sinks = match storage.list(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::io("list", dir, e).into()),
    };
    sinks.sort_by(|a, b| a.name.cmp(&b.name));
    let mut found = Vec::new();
    for sink in sinks.into_iter().filter(|entry| !entry.is_file) {
        let dir = dir.join(&sink.name);
        let failed = |stream: StreamId| {
            let (next, failures) = SinkCursor::peek(storage, &dir, stream)?;
            let next = Position { stream, seq: next };
            (failures > 0).then(|| WaitingDelivery { sink: sink.name.clone(), next, failures })
        };
        found.extend(SinkCursor::list(storage, &dir)?.into_iter().filter_map(failed));
    }
    Ok(found)
}
