//! Reading of the log: its directory, one stream, many streams in the order of their stamps.

pub mod directory;
pub mod ordered;
pub mod reader;
pub mod resync;
