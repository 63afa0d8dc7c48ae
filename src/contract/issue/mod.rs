//! Issues of a value: one issue, a report of all issues, and the collector to which rules add issues.

pub(crate) mod collector;
pub(crate) mod place;
pub(crate) mod report;
pub(crate) mod severity;
pub(crate) mod validation_issue;

pub use collector::Issues;
pub use report::ValidationReport;
pub use severity::Severity;
pub use validation_issue::ValidationIssue;
