//! Property tests: the engine against plain maps, on a simulated disk that loses, truncates and flips data.
//!
//! Seeds come from proptest, clocks from the simulated disk. A minimal failure becomes a named test beside its
//! property.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests may panic; clippy.toml permits it in test functions only"
)]

mod as_of;
mod backup;
mod config;
mod contract;
mod domain;
mod durability;
mod erase;
mod json;
mod log;
mod merge;
mod merge_erased;
mod projection;
mod redact;
mod repair;
mod salvage;
mod saved_rows;
mod series;
mod sim;
mod subscribe;
mod typed;
mod values;
