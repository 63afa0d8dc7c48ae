//! Floor 7: the user interface. It converts answers to documents, renders them as terminal text, Markdown or HTML, and
//! writes JSON and CSV.
//!
//! Surfaces never open a file of a workspace; they use the client.

pub(crate) mod answer;
#[cfg(feature = "cli")]
pub(crate) mod cli;
pub mod csv;
#[cfg(feature = "cli")]
pub(crate) mod document;
pub(crate) mod escape;
pub(crate) mod html;
pub(crate) mod markdown;
#[cfg(feature = "cli")]
pub(crate) mod terminal;
