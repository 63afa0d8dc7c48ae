//! Salvage: a new workspace is built from damaged remains of workspaces and backups (docs/design/017).
//!
//! Files, lowest first. Each file imports only files above it in this list:
//!
//! - `report` defines the result.
//! - `remains` lists the files below the damaged directory, and classifies them.
//! - `place` checks and locks the directories in which the workspace is built.
//! - `layers` arranges copies of segments as logs without duplicate segments.
//! - `copies` copies segments out of the remains, and out of backups.
//! - `scattered` finds entries in bytes that are no segments.
//! - `bodies` finds the bodies of artifacts.
//! - `streams` compares the result with the evidence of lost entries.
//! - `apply` executes the steps.

mod apply;
mod bodies;
mod copies;
mod layers;
mod place;
mod remains;
mod report;
mod scattered;
mod streams;

pub(crate) use apply::salvage_workspace;
pub(crate) use place::staged_workspace;
pub use report::{MissingEntries, SalvageReport, SalvagedStream, UnknownEntries};
