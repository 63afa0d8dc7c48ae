//! Exhaustive and long tests on the simulated disk: every truncation, every bit, every block, a crash and an error at
//! every operation, a second crash, many writers, damaged generations.
//!
//! Plain `cargo test` runs them with fixed seeds. With `CONTEXTA_SIM_SECONDS`, each test continues with seeds from
//! the clock for that number of seconds. A failure prints its seed; a fault becomes a named test.

mod blocks;
mod crash;
mod damage;
mod errors;
mod flips;
mod generations;
mod interleaving;
mod machine;
mod second_crash;
pub(crate) mod seeds;
mod truncation;
mod writers;
