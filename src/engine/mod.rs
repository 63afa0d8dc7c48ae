//! Floor 0: a checksummed append log, and tables derived from it, for any domain.
//!
//! An embedder brings an [`entry::Event`] type (what is captured) and [`projection::Projection`]s (which tables
//! follow from it). The engine gives back: appends that many processes make at once, readers that
//! survive damage and say what is missing, tables that are rebuilt from the log at any time, and bodies by digest.
//! It knows nothing of machine learning; `examples/second_domain.rs` keeps that true.
//!
//! ```text
//! Event --append--> log::Log ==files==> log::StreamReader --apply--> projection::Projector --> View
//! ```
//!
//! Stability: Advanced (may change before 1.0).

pub mod blob;
pub mod bytes;
pub mod chain;
pub mod checksum;
pub mod clock;
pub mod codec;
pub mod entry;
pub mod error;
pub mod log;
pub(crate) mod parallel;
pub mod progress;
pub mod projection;
pub mod storage;

pub use error::{Error, Result};
