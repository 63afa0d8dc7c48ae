//! Floor 7: the outer edge. Arranges answers as documents, renders them as terminal text or Markdown, and writes JSON.
//!
//! Surfaces use the client and recovery only; they never open a file of a workspace.

#[cfg(feature = "cli")]
pub(crate) mod cli;
#[cfg(feature = "cli")]
pub(crate) mod document;
pub(crate) mod escape;
pub(crate) mod markdown;
#[cfg(feature = "cli")]
pub(crate) mod terminal;
#[cfg(feature = "cli")]
pub(crate) mod wire;
