//! The streams and bodies that earlier reads of a workspace have seen. A stream or body that was seen and is gone is
//! reported until a repair forgets it (docs/design/015). `seen` is the content of the file, `text` its text form.
//! `file` reads and replaces the file. `witness` adds the
//! streams of saved tables that the log no longer contains.

mod file;
mod seen;
mod text;
mod witness;

pub(crate) use file::{KnownFile, KnownState};
pub(crate) use seen::Known;
