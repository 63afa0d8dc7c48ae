//! The storage for the delivery of captured facts to sinks: the cursors of sinks, a reader of undelivered facts, the
//! log of spilled facts, and files of lines.

mod line_file;
mod sink_cursor;
mod spill;
mod stream_facts;
mod waiting;

pub use line_file::LineFile;
pub(crate) use sink_cursor::SinkCursor;
pub(crate) use spill::Spill;
pub use spill::SpillReplay;
pub(crate) use stream_facts::StreamFacts;
pub use waiting::WaitingDelivery;
pub(crate) use waiting::waiting_deliveries;
