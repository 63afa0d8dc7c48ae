//! Readers of the log: of its directory, of one stream, and of many streams in the order of their stamps.

pub mod directory;
pub(super) mod item;
pub(in crate::engine) mod moved;
pub(super) mod open_segment;
pub mod ordered;
pub(super) mod reader;
pub(super) mod resync;
mod scan;
pub mod source;

pub use item::{Commit, Finding, FindingKind, Item, Tail};
pub use open_segment::{OpenSegment, WrittenFrames};
pub use reader::{ScanMode, StreamReader};
