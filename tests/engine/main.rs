//! Tests of the front of the engine with a job queue as the domain. They need no feature but `testing`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests may panic; clippy.toml permits it in test functions only"
)]

mod compaction;
mod concurrent_compaction;
mod final_streams;
mod interleaved;
mod jobs;
mod open;
mod own_entries;
mod processes;
mod repair;
mod salvage;
mod transactions;
