//! Floor 0: a checksummed append log, and tables derived from it, for any domain.
//!
//! An embedder defines an [`entry::Event`] type (the events of its domain) and [`projection::Projection`]s (the tables
//! derived from them). The engine provides appends by many processes at the same time, readers that continue after
//! damage and report missing entries, tables that can be rebuilt from the log at any time, and a store of bodies by
//! digest. The engine contains no code for machine learning: `examples/second_domain.rs` uses the engine for another
//! domain.
//!
//! ```text
//! Event --append--> log::Log ==files==> log::StreamReader --apply--> projection::Projector --> View
//!                                                        --follow--> subscribe::Subscription --> Handler
//! ```
//!
//! [`verify`] checks a log, and the tables derived from it, for damage. [`repair`] removes damage from a log, and reads
//! entries out of damaged bytes.
//!
//! Stability: Advanced (may change before 1.0).

pub mod blob;
pub mod bytes;
pub mod chain;
pub mod checksum;
pub mod clock;
pub mod codec;
pub mod domain;
pub mod entries;
pub mod entry;
pub mod error;
pub mod front;
pub mod log;
pub(crate) mod parallel;
pub mod progress;
pub mod projection;
pub mod repair;
pub mod storage;
pub mod subscribe;
pub mod table;
pub mod text_form;
pub mod verify;

pub use domain::Domain;
pub use error::{Error, Result};
pub use front::{Condition, Engine, EngineOptions, Heads, Once, Transacted, Transaction, Verification};
pub use text_form::ParseError;
