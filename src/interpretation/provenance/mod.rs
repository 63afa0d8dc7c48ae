//! Provenance and reproducibility of runs.

pub mod audit;
pub mod environment;

pub use audit::{ReproducibilityAudit, audit_reproducibility, provenance};
pub use environment::{EnvironmentDiff, ValueChange, compare_environments};
