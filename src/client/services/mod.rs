//! Services that answer questions about captured data. Each service covers one topic, such as lineage.
//!
//! A service borrows the workspace. The settings of the workspace determine the policy of the service. A
//! program can replace the policy:
//!
//! ```
//! # fn main() -> Result<(), contexta::Error> {
//! # let dir = std::env::temp_dir().join(format!("contexta-doc-services-{}", std::process::id()));
//! # let contexta = contexta::Contexta::open(&dir)?;
//! # for name in ["a", "b"] {
//! #     let run = contexta.run(name).start()?;
//! #     run.metric("loss", 0.5)?;
//! #     run.complete()?;
//! # }
//! let mut policy = contexta::interpretation::ComparePolicy::default();
//! policy.include_unchanged_metrics = true;
//! let comparison = contexta.compare().with_policy(policy).compare_runs("a", "b")?;
//! assert_eq!(comparison.metric_deltas.len(), 1);
//! # drop(contexta);
//! # let _ = std::fs::remove_dir_all(dir);
//! # Ok(())
//! # }
//! ```

mod aggregation;
mod alert;
mod anomaly;
mod compare;
mod declare;
mod diagnostics;
mod lineage;
mod provenance;
mod query;
mod trend;

pub use aggregation::AggregationService;
pub use alert::AlertService;
pub use anomaly::AnomalyService;
pub use compare::CompareService;
pub use diagnostics::DiagnosticsService;
pub use lineage::LineageService;
pub use provenance::ProvenanceService;
pub use query::QueryService;
pub use trend::TrendService;
