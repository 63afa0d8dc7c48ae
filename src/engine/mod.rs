//! Floor 0: a checksummed append log, and tables derived from it, for any domain.
//!
//! An embedder defines an [`entry::Event`] type (the events of its domain) and [`projection::Projection`]s (the tables
//! derived from them). The engine provides appends by many processes at the same time, readers that continue after
//! damage and report missing entries, tables that can be rebuilt from the log at any time, and a store of bodies by
//! digest. The engine contains no code for machine learning: `examples/second_domain.rs` uses the engine for another
//! domain.
//!
//! Appended events become entries of the log. Projections apply the entries to tables, which a
//! [view](projection::View) reads. A [subscription](subscribe::Subscription) follows the entries and can pass them to a
//! [handler](subscribe::Handler).
//!
//! [`Engine`] is the entry point: it opens the log and the tables of one directory. [`verify`] describes the checks for
//! damage, and [`repair`] the removal of damage and the recovery of entries from damaged bytes.
//!
//! Stability: Advanced (may change before 1.0).

// The internals are public with the feature `testing` only: the tests, benches and fuzz targets of this crate use them.
#![cfg_attr(
    not(feature = "testing"),
    allow(
        dead_code,
        unused_imports,
        unreachable_pub,
        reason = "only tests use these parts of the internals; builds with the feature `testing` find unused ones"
    )
)]

#[cfg(not(feature = "testing"))]
pub(crate) mod blob;
#[cfg(feature = "testing")]
pub mod blob;
#[cfg(not(feature = "testing"))]
pub(crate) mod blob_lock;
#[cfg(feature = "testing")]
pub mod blob_lock;
#[cfg(not(feature = "testing"))]
pub(crate) mod bytes;
#[cfg(feature = "testing")]
pub mod bytes;
#[cfg(not(feature = "testing"))]
pub(crate) mod chain;
#[cfg(feature = "testing")]
pub mod chain;
#[cfg(not(feature = "testing"))]
pub(crate) mod checksum;
#[cfg(feature = "testing")]
pub mod checksum;
#[cfg(not(feature = "testing"))]
pub(crate) mod clock;
#[cfg(feature = "testing")]
pub mod clock;
#[cfg(not(feature = "testing"))]
pub(crate) mod intake;
#[cfg(feature = "testing")]
pub mod intake;
#[cfg(not(feature = "testing"))]
pub(crate) mod log;
#[cfg(feature = "testing")]
pub mod log;
#[cfg(not(feature = "testing"))]
pub(crate) mod storage;
#[cfg(feature = "testing")]
pub mod storage;
#[cfg(not(feature = "testing"))]
pub(crate) mod text_form;
#[cfg(feature = "testing")]
pub mod text_form;

pub mod codec;
pub mod domain;
pub mod entries;
pub mod entry;
pub mod error;
pub(crate) mod fault;
mod front;
pub(crate) mod parallel;
pub mod progress;
pub mod projection;
pub mod repair;
pub mod subscribe;
pub mod table;
pub mod verify;

pub use chain::Head;
pub use checksum::Digest;
pub use domain::Domain;
pub use error::{Error, ErrorKind, Result};
pub use front::{Condition, Engine, EngineOptions, Heads, Once, Transacted, Transaction, Verification};
#[cfg(not(feature = "testing"))]
pub(crate) use front::{HeldLock, TransactionLock};
#[cfg(feature = "testing")]
#[doc(hidden)]
pub use front::{HeldLock, TransactionLock};
pub use log::compact::{
    CompactionOptions, CompactionPlan, CompactionReport, PlannedSegment, SegmentCompaction, SegmentSkip,
    SkippedSegment,
};
pub use log::merge::{Change, Fork, LogMerge, Quarantined, Side, SkipReason, StreamMerge};
pub use log::ordered::{Ordered, OrderedReader};
pub use log::{BatchOptions, Committed, Durability, UnknownDurability};
pub use text_form::ParseError;
