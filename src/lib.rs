//! An event-sourced append-log engine with derived projections, and local-first ML observability on it.
//!
//! Every capture becomes an immutable entry in a checksummed log. What you query (runs, metrics, lineage) are
//! tables derived from that log; delete them and they are made again. So a killed process loses nothing it captured,
//! parallel jobs never wait for each other, and damage costs the damaged bytes and is named.
//!
//! ```
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
//! | Module | What it is | Stability |
//! |---|---|---|
//! | the root | [`Contexta`]: open, capture, ask, check | Stable |
//! | [`contract`] | refs, models, facts, canonical JSON | Stable |
//! | [`config`] | settings: files, variables, profiles, ranges | Stable |
//! | [`capture`] | run and stage scopes, emissions | Stable |
//! | [`interpretation`] | queries, comparison, lineage, reports | Stable |
//! | [`recovery`] | verify, rebuild, what lies in the log | Advanced |
//! | [`interchange`] | import and export in foreign formats: JSON lines | Advanced |
//! | [`store`] | typed rows from one consistent view | Advanced |
//! | [`engine`] | log, projections and bodies for any domain | Advanced |
//!
//! Feature `cli` (default) is for the command; a library user turns it off with `default-features = false`.
//! Feature `testing` adds storage in memory. The format of the files is version 0: it may still change.

pub mod capture;
mod client;
pub mod config;
pub mod contract;
pub mod engine;
pub mod interchange;
pub mod interpretation;
mod projections;
pub mod recovery;
pub mod store;
mod surfaces;

pub use client::{
    BodiesTarget, BodyFinding, Contexta, Error, ExportFilter, ExportReport, ImportReport, ImportSettings,
    ImportSource, KindCounts, Options, Paths, Progress, RefusedLine, Rejection, Result,
};
pub use surfaces::export::markdown::to_markdown;

#[cfg(feature = "testing")]
#[doc(hidden)]
pub use projections::entry::rewritten;

#[cfg(feature = "cli")]
#[doc(hidden)]
pub use surfaces::cli::run as run_cli;
