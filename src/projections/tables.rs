//! Every table of the ML domain. docs/FORMAT.md, "Projection files", describes keys and values.

use crate::engine::projection::{TableKind, TableSpec};

/// Facts about projects, runs, deployments, stages, batches: ref, attribute -> value as canonical JSON.
pub(crate) const FACTS: TableSpec = TableSpec::new("facts", TableKind::Versions);
/// Environment snapshots, samples, operations, provenance records: ref -> the whole fact.
pub(crate) const OBJECTS: TableSpec = TableSpec::new("objects", TableKind::Versions);
/// Runs by name and by the last component of their ref: either of them, run ref.
pub(crate) const RUN_NAMES: TableSpec = TableSpec::new("run_names", TableKind::Set);
/// Where events, spans and degraded markers stand in the log: run, family -> (observed at, stamp).
pub(crate) const RECORDS: TableSpec = TableSpec::new("records", TableKind::Series);
/// Metrics: run, stage, key -> (observed at, stamp) -> value and step.
pub(crate) const SERIES: TableSpec = TableSpec::new("series", TableKind::Series);
/// Summaries of the same.
pub(crate) const SUMMARIES: TableSpec = TableSpec::new("summaries", TableKind::Registers);
/// Artifacts: ref -> the whole fact.
pub(crate) const ARTIFACTS: TableSpec = TableSpec::new("artifacts", TableKind::Versions);
/// Who refers to a body: digest, artifact ref.
pub(crate) const BODIES: TableSpec = TableSpec::new("bodies", TableKind::Set);
/// Lineage edges: ref -> the whole fact.
pub(crate) const RELATIONS: TableSpec = TableSpec::new("relations", TableKind::Versions);
/// Lineage edges by their ends: ref of an end, relation ref.
pub(crate) const ENDS: TableSpec = TableSpec::new("ends", TableKind::Set);
/// Imports: id in hexadecimal digits -> the whole fact.
pub(crate) const IMPORTS: TableSpec = TableSpec::new("imports", TableKind::Versions);
/// What was imported: ref, then 16 bytes of the digest of what was said of it. Of records with one ref, the one with the
/// lowest stamp counts.
pub(crate) const IMPORTED: TableSpec = TableSpec::new("imported", TableKind::Versions);
/// Which imports brought points into a series: run, stage, key, then the id of the import.
pub(crate) const BROUGHT: TableSpec = TableSpec::new("brought", TableKind::Set);
/// Summaries of the points that imports brought, as far as [`SUMMARIES`] counts them too.
pub(crate) const BROUGHT_SUMMARIES: TableSpec = TableSpec::new("brought_summaries", TableKind::Registers);
