//! An append-log engine with derived tables, and a local experiment tracker for machine learning that is built on it.
//!
//! Every capture is an immutable entry in a log with checksums. Runs, metrics and lineage are read from tables that are
//! derived from the log and can be derived again at any time. A killed process loses no capture that was acknowledged
//! with durability `flush` or `fsync`. Parallel jobs never wait for each other. A damaged byte costs at most the
//! entries of one frame (normally one write). The loss is reported if anything that remains shows that the entries
//! existed, such as a later entry.
//!
#![cfg_attr(feature = "ml", doc = "```")]
#![cfg_attr(not(feature = "ml"), doc = "```ignore")]
//! # fn main() -> Result<(), contexta::Error> {
//! # let dir = std::env::temp_dir().join(format!("contexta-doc-{}", std::process::id()));
//! let contexta = contexta::Options::new(&dir).project("wine").open()?;
//!
//! let run = contexta.run("ridge").param("alpha", 0.1).start()?;
//! let train = run.stage("train")?;
//! for (step, loss) in [0.9, 0.5, 0.3].into_iter().enumerate() {
//!     train.metric_at("loss", step as i64, loss)?;
//! }
//! train.complete()?;
//! run.complete()?;
//!
//! let runs = contexta.list_runs(None)?.runs;
//! assert_eq!(runs[0].metrics[0].last.value.as_f64(), 0.3);
//! # drop(contexta);
//! # let _ = std::fs::remove_dir_all(dir);
//! # Ok(())
//! # }
//! ```
//!
//! | Module | Content | Stability |
//! |---|---|---|
//! | the root | `Contexta`: captures, queries, checks and recovery | Stable |
//! | `contract` | refs, models, facts, canonical JSON | Stable |
//! | `config` | settings: files, variables, profiles, ranges | Stable |
//! | `services` | questions by topic, with replaceable policies | Stable |
//! | `capture` | run and stage scopes, emissions | Stable |
//! | `interpretation` | queries, comparison, lineage, reports | Stable |
//! | `recovery` | verification, rebuild, merge, listings of the log, backups, restores, salvage | Advanced |
//! | `interchange` | import and export of JSON lines | Advanced |
//! | `store` | typed rows from one consistent view | Advanced |
//! | [`engine`] | log, projections and bodies for any domain | Advanced |
//!
//! | Feature | Adds |
//! |---|---|
//! | none (`default-features = false`) | [`engine`] alone |
//! | `ml` | every other module of the table |
//! | `cli` (default) | the command `contexta`, and `ml` |
//! | `tracing` | `TracingLayer`: the spans and events of the crate `tracing` in the current run |
//! | `testing` | a simulated storage, for tests |
//!
//! The format of the files is version 0: it may still change.

#[cfg(feature = "ml")]
pub mod capture;
#[cfg(feature = "ml")]
mod client;
#[cfg(feature = "ml")]
pub mod config;
#[cfg(feature = "ml")]
pub mod contract;
pub mod engine;
#[cfg(feature = "ml")]
pub mod interchange;
#[cfg(feature = "ml")]
pub mod interpretation;
#[cfg(feature = "ml")]
mod projections;
#[cfg(feature = "ml")]
pub mod recovery;
#[cfg(feature = "ml")]
pub mod store;
#[cfg(feature = "ml")]
mod surfaces;

#[cfg(feature = "ml")]
pub use capture::{RunBuilder, RunScope, Session, StageScope};
#[cfg(feature = "tracing")]
pub use client::TracingLayer;
#[cfg(feature = "ml")]
pub use client::services;
#[cfg(feature = "ml")]
pub use client::{
    ApplyPart, AreaSize, ArtifactCopy, Backups, BodiesTarget, BodyFinding, Contexta, Doctor, Error,
    ExportFilter, ExportReport, ExportSettings, HealthFinding, ImportReport, ImportSettings, ImportSource,
    Ingest, IngestCommit, IngestProblem, IngestSettings, KindCounts, LatestBackup, MergeSettings,
    OpenedArchive, Options, OutboxContent, PartRestore, Paths, PolledInput, ProjectSize, RefusedLine,
    Rejection, Remains, RepairSettings, RestoredPart, Result, RunSize, TablesDigest, UsedArtifact,
    WorkspaceHealth,
};
#[cfg(feature = "ml")]
pub use interpretation::{
    BestRun, BestRunOptions, Direction, Goal, LineageTraversal, Note, ProjectList, ReportDocument,
    RunComparison, RunList, RunSnapshot, Severity, StepSeries,
};
#[cfg(feature = "ml")]
pub use recovery::{
    DumpItem, DumpedEntry, Head, MergeReport, Progress, RebuildOptions, RebuildReport, StreamRow, TailItem,
    TailOptions, VerifyOptions, VerifyReport,
};
#[cfg(feature = "ml")]
pub use surfaces::answer::Answer;
#[cfg(feature = "ml")]
pub use surfaces::csv;
#[cfg(feature = "ml")]
pub use surfaces::html::to_html;
#[cfg(feature = "ml")]
pub use surfaces::markdown::to_markdown;

#[cfg(all(feature = "ml", feature = "testing"))]
#[doc(hidden)]
pub use projections::entry::rewritten;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub use surfaces::cli::{CapturedOutput, run as run_cli, run_captured as run_cli_captured};
