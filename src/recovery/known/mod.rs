//! The streams and bodies that earlier reads of a workspace have seen. If such a stream or body disappears,
//! checks report the loss until a repair forgets the stream or body (docs/design/015). `seen` is the content
//! of the file, `text` its text form. `file` reads and replaces the file. `witness` adds streams that are in
//! the saved tables and no longer in the log.

mod file;
mod seen;
mod text;
mod witness;

pub(crate) use file::{KnownFile, KnownState};
pub(crate) use seen::Known;
