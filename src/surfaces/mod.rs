//! Floor 7: the user interface. It converts answers to documents, renders them as terminal text or Markdown, and writes
//! JSON.
//!
//! Surfaces never open a file of a workspace; they use the client.

pub(crate) mod answer;
#[cfg(feature = "cli")]
pub(crate) mod cli;
#[cfg(feature = "cli")]
pub(crate) mod document;
pub(crate) mod escape;
pub(crate) mod markdown;
#[cfg(feature = "cli")]
pub(crate) mod terminal;
