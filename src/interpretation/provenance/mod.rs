//! Provenance and reproducibility of runs.

pub mod audit;
mod code;
pub mod code_diff;
pub mod environment;
mod line_diff;
pub mod reproduce;
pub(crate) mod shell;

pub use audit::{ReproducibilityAudit, audit_reproducibility, provenance};
pub use code_diff::{CodeDiff, diff_code};
pub use environment::{EnvironmentDiff, ValueChange, compare_environments};
pub use reproduce::{MissingPart, ReproduceOptions, Reproduction, ReproductionStep, reproduce};
