//! Tests of the front of the engine with a job queue as the domain. They need no feature but `testing`.

mod jobs;
mod open;
mod processes;
mod transactions;
