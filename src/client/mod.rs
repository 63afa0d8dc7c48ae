//! Floor 6: [`Contexta`], an open workspace. It captures runs, answers queries, and checks and recovers the workspace.

mod artifacts;
mod baseline;
mod capture;
mod contexta;
mod error;
#[cfg(all(unix, feature = "cli"))]
pub(crate) mod exec;
#[cfg(feature = "cli")]
mod file;
mod groups;
mod history;
mod ingest;
mod interchange;
mod load;
mod options;
mod paths;
mod policies;
mod queries;
mod reports;
mod reproduction;
mod sinks;
#[cfg(feature = "tracing")]
mod tracing_layer;
mod workspace;

pub use self::contexta::{Contexta, MergeSettings};
#[cfg(feature = "cli")]
pub(crate) use crate::engine::fault::chain;
pub use crate::engine::projection::digest::TablesDigest;
pub use crate::interchange::{
    BodyFinding, ExportFilter, ExportReport, ImportReport, KindCounts, RefusedLine, Rejection,
};
pub use artifacts::UsedArtifact;
pub use error::{Error, Result};
#[cfg(feature = "cli")]
pub(crate) use file::write_file;
pub use ingest::{Ingest, IngestCommit, IngestProblem, IngestSettings, PolledInput};
pub use interchange::{BodiesTarget, ExportSettings, ImportSettings, ImportSource};
pub use options::Options;
pub use paths::Paths;
#[cfg(feature = "tracing")]
pub use tracing_layer::TracingLayer;
