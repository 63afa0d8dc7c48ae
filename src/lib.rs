//! contexta.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]
pub mod engine;
