//! The tables of the ML domain. docs/FORMAT.md, "Projection files", describes their keys and values.

use crate::engine::projection::{TableKind, TableSpec};

/// Attributes of projects, runs, deployments, stages and batches: ref, name of the attribute -> value as canonical
/// JSON.
pub(crate) const FACTS: TableSpec = TableSpec::new("facts", TableKind::Versions);
/// Environment snapshots, samples, operations and provenance records: ref -> the whole fact.
pub(crate) const OBJECTS: TableSpec = TableSpec::new("objects", TableKind::Versions);
/// Runs by name, and by the last component of the run's ref: name or component, ref of the run.
pub(crate) const RUN_NAMES: TableSpec = TableSpec::new("run_names", TableKind::Set);
/// Positions of events, spans and degraded records in the log: run, family -> (time of observation, stamp).
pub(crate) const RECORDS: TableSpec = TableSpec::new("records", TableKind::Series);
/// Points of metrics: run, stage, key -> (time of observation, stamp) -> value and step.
pub(crate) const SERIES: TableSpec = TableSpec::new("series", TableKind::Series);
/// Summaries of metric series, with the keys of [`SERIES`].
pub(crate) const SUMMARIES: TableSpec = TableSpec::new("summaries", TableKind::Registers);
/// Artifacts: ref -> the whole fact.
pub(crate) const ARTIFACTS: TableSpec = TableSpec::new("artifacts", TableKind::Versions);
/// References to artifact bodies: digest of the body, ref of the artifact.
pub(crate) const BODIES: TableSpec = TableSpec::new("bodies", TableKind::Set);
/// Lineage edges: ref -> the whole fact.
pub(crate) const RELATIONS: TableSpec = TableSpec::new("relations", TableKind::Versions);
/// Lineage edges by the refs that they connect: ref of one end, ref of the edge.
pub(crate) const ENDS: TableSpec = TableSpec::new("ends", TableKind::Set);
/// Imports: id in hexadecimal digits -> the whole fact.
pub(crate) const IMPORTS: TableSpec = TableSpec::new("imports", TableKind::Versions);
/// Imported facts: ref, then 16 bytes of the digest of the fact. Of several records with the same ref, the record with
/// the lowest stamp is effective.
pub(crate) const IMPORTED: TableSpec = TableSpec::new("imported", TableKind::Versions);
/// Imports that contain points of a series: the key of [`SERIES`], then the id of the import.
pub(crate) const IMPORTED_SERIES: TableSpec = TableSpec::new("imported_series", TableKind::Set);
/// Summaries of the imported points of a series. [`SUMMARIES`] includes these points.
pub(crate) const IMPORTED_SUMMARIES: TableSpec = TableSpec::new("imported_summaries", TableKind::Registers);
