//! All records, read from the log in the order of their stamps.

use crate::contract::AnyRecord;
use crate::engine::entry::Stamp;
use crate::engine::log::ordered::{Ordered, OrderedReader};
use crate::engine::projection::ErasedEvents;
use crate::projections::entry::Captured;
use crate::store::error::Result;
use crate::store::record_ref::record_at;
use crate::store::view::StoreView;

/// A record and the stamp of its entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogRecord {
    /// The record.
    pub(crate) record: AnyRecord,
    /// The stamp of the record's entry.
    pub(crate) stamp: Stamp,
    /// `true` if the record was imported.
    pub(crate) is_imported: bool,
}

/// An iterator over the entries of the log that belong to a view, in the order of their stamps. The item is `None` for
/// an entry that is not a record or cannot be decoded. The iterator skips gaps. The notes of the view report missing
/// entries, and entries that cannot be decoded.
#[derive(Debug)]
pub(crate) struct LogRecords {
    reader: OrderedReader,
    erased: ErasedEvents,
    /// The greatest stamp that an item may have; `None` for all entries of the view.
    last: Option<Stamp>,
}

impl StoreView<'_> {
    /// Returns an iterator over the records of all streams.
    pub(crate) fn log_records(&self) -> Result<LogRecords> {
        Ok(LogRecords { reader: self.view.scan()?, erased: self.view.erased(), last: self.as_of })
    }
}

impl LogRecords {
    fn read(&mut self) -> Result<Option<Option<LogRecord>>> {
        loop {
            let entry = match self.reader.next_item()? {
                None => return Ok(None),
                Some(Ordered::Gap(_)) => continue,
                Some(Ordered::Entry(entry)) => entry,
            };
            if self.last.is_some_and(|last| last < entry.stamp) {
                return Ok(None);
            }
            let Ok(Some(captured)) = Captured::of_entry(&entry) else { return Ok(Some(None)) };
            if self.erased.contains(&captured, entry.stamp) {
                return Ok(Some(None));
            }
            let is_imported = captured.fact.observation().is_some_and(|(_, identity)| identity.is_some());
            let record = record_at(captured.fact, entry.stamp)?;
            return Ok(Some(record.map(|record| LogRecord { record, stamp: entry.stamp, is_imported })));
        }
    }
}

impl Iterator for LogRecords {
    type Item = Result<Option<LogRecord>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
