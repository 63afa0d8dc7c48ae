//! Diagnosis of a run.
//!
//! Files, lowest first: `policy`, `issue` (values), `issues`, `delivery`, `findings` (searches), `diagnosis`.

mod delivery;
pub mod diagnosis;
mod findings;
pub mod issue;
mod issues;
pub mod policy;

pub(in crate::interpretation) use diagnosis::diagnose;
pub use diagnosis::{DiagnosticsResult, diagnose_run};
pub use issue::DiagnosticsIssue;
pub use policy::DiagnosticsPolicy;
