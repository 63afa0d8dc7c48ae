//! The JSON form of the history of an object.

use crate::contract::{Timestamp, Value};
use crate::interpretation::{History, HistoryEntry, HistoryValue};
use crate::surfaces::answer::parts::text;
use crate::surfaces::answer::to_json::{ToJson, object};

impl ToJson for HistoryValue {
    fn json(&self) -> Value {
        object!(self; name, value, state: self.state.as_str())
    }
}

impl ToJson for HistoryEntry {
    fn json(&self) -> Value {
        let stamp = &self.stamp;
        let line = self.origin.map(|origin| origin.line);
        object!(self;
            time: Timestamp::from_nanos(stamp.time), stream: text(&Some(stamp.stream)), seq: stamp.seq.0,
            kind: self.kind, imported: self.is_imported, import: self.import(), line: line,
            state: self.state().as_str(), values
        )
    }
}

pub(super) fn history(h: &History) -> Value {
    object!(h; subject_ref: h.subject, entries, total, next_offset, notes)
}
