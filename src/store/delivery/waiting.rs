//! Failed deliveries that wait for a replay.

use crate::contract::RecordType;
use crate::engine::entry::{Position, Seq, StreamId};
use crate::engine::error::Error;
use crate::engine::storage::Storage;
use crate::store::delivery::sink_cursor::SinkCursor;
use crate::store::error::Result;
use std::io;
use std::path::Path;

/// A failed delivery to a sink. The failed entry and all later facts of its stream wait for a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingDelivery {
    /// The name of the sink's directory. The directory has the name of the sink if this name can be a file
    /// name.
    pub sink: String,
    /// The entry that could not be delivered.
    pub next: Position,
    /// The number of failed deliveries of this entry.
    pub failures: u32,
    /// `true` if the sink belongs to the session that listed the deliveries. A replay of this session delivers the facts.
    pub is_attached: bool,
    /// The sink receives records of these types. The list contains all types if the session does not have the
    /// sink.
    pub record_types: Vec<RecordType>,
    /// `true` if the sink receives artifacts. Also `true` if the sink does not belong to the session.
    pub receives_artifacts: bool,
    /// `true` if the sink receives facts that are neither records nor artifacts, such as parameters and ends. Also `true`
    /// if the sink does not belong to the session.
    pub receives_context: bool,
}

impl WaitingDelivery {
    /// Creates a failed delivery to a sink that does not belong to the session.
    fn detached(sink: &str, next: Position, failures: u32) -> WaitingDelivery {
        WaitingDelivery {
            sink: sink.to_owned(),
            next,
            failures,
            is_attached: false,
            record_types: RecordType::ALL.to_vec(),
            receives_artifacts: true,
            receives_context: true,
        }
    }
}

/// The cursor of a sink in one stream. The cursor was read without a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CursorRow {
    /// The name of the sink's directory.
    pub(crate) sink: String,
    /// The next entry to deliver.
    pub(crate) next: Position,
    /// The number of failed deliveries of this entry.
    pub(crate) failures: u32,
    /// `false` if the cursor cannot be read. `next` is then the first entry of the stream.
    pub(crate) is_readable: bool,
}

/// Returns the cursors of all sinks. The list is sorted by sink and stream. `dir` contains the directories
/// with the cursors of the sinks. The cursors are read without a lock, so that a query does not disturb a
/// delivery. Errors: a directory cannot be listed.
pub(crate) fn cursor_rows(storage: &dyn Storage, dir: &Path) -> Result<Vec<CursorRow>> {
    let mut sinks = match storage.list(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::io("list", dir, e).into()),
    };
    sinks.sort_by(|a, b| a.name.cmp(&b.name));
    let mut found = Vec::new();
    for sink in sinks.into_iter().filter(|entry| !entry.is_file) {
        let dir = dir.join(&sink.name);
        let row = |stream: StreamId| {
            let read = SinkCursor::peek(storage, &dir, stream);
            let (seq, failures) = read.unwrap_or((Seq::FIRST, 0));
            let next = Position { stream, seq };
            CursorRow { sink: sink.name.clone(), next, failures, is_readable: read.is_some() }
        };
        found.extend(SinkCursor::list(storage, &dir)?.into_iter().map(row));
    }
    Ok(found)
}

/// Returns the failed deliveries. The list is sorted by sink and stream. A cursor that cannot be read is left
/// out. In the result, no sink belongs to the session. See [`cursor_rows`] for `dir` and the errors.
pub(crate) fn waiting_deliveries(storage: &dyn Storage, dir: &Path) -> Result<Vec<WaitingDelivery>> {
    let rows = cursor_rows(storage, dir)?.into_iter().filter(|row| row.failures > 0);
    Ok(rows.map(|row| WaitingDelivery::detached(&row.sink, row.next, row.failures)).collect())
}
