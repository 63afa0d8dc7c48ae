//! The storage for the delivery of captured facts to sinks: the cursors of sinks, a reader of undelivered facts, the
//! log of spilled facts, the file of dead letters, and files of lines.

mod dead_letters;
mod line_file;
mod sink_cursor;
mod spill;
mod stream_facts;
mod waiting;

pub(crate) use dead_letters::DeadLetterFile;
pub use dead_letters::{DeadLetter, DeadLetters, LetterState};
pub use line_file::LineFile;
pub(crate) use sink_cursor::SinkCursor;
pub(crate) use spill::Spill;
pub use spill::SpillReplay;
pub(crate) use stream_facts::StreamFacts;
pub use waiting::WaitingDelivery;
pub(crate) use waiting::{cursor_rows, waiting_deliveries};
