//! Property tests: the engine against a plain map, on a simulated disk that loses, cuts and flips.
//!
//! Seeds are proptest's; clocks are the simulated disk's. A shrunken failure is kept as a named test beside the
//! property that found it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may; clippy.toml lets only the test functions themselves"
)]

mod config;
mod contract;
mod domain;
mod durability;
mod json;
mod log;
mod merge;
mod projection;
mod sim;
