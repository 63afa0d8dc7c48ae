//! Exhaustive and long tests on the simulated disk: every cut, every bit, every block, a crash and an error at every
//! operation, a second crash, many writers, damaged generations.
//!
//! Plain `cargo test` runs them with fixed seeds. With `CONTEXTA_SIM_SECONDS` each goes on with seeds taken from the
//! clock until so many seconds have passed. A failure names its seed; what was found is kept as a named test.

mod blocks;
mod crash;
mod damage;
mod errors;
mod flips;
mod generations;
mod interleaving;
mod machine;
mod second_crash;
mod seeds;
mod truncation;
mod writers;
