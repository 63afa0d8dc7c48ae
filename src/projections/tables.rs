//! Every table of the ML domain. docs/FORMAT.md, "Projection files", describes keys and values.

use crate::engine::projection::{TableKind, TableSpec};

/// Attributes of projects, runs, deployments, stages and batches: ref, attribute -> value as canonical JSON.
pub(crate) const FACTS: TableSpec = TableSpec::new("facts", TableKind::Versions);
/// Environment snapshots, samples, operations, provenance records: ref -> the whole fact.
pub(crate) const OBJECTS: TableSpec = TableSpec::new("objects", TableKind::Versions);
/// Runs by name and by the last component of their ref: name or component, run ref.
pub(crate) const RUN_NAMES: TableSpec = TableSpec::new("run_names", TableKind::Set);
/// Positions of events, spans and degraded records in the log: run, family -> (observed at, stamp).
pub(crate) const RECORDS: TableSpec = TableSpec::new("records", TableKind::Series);
/// Points of metrics: run, stage, key -> (observed at, stamp) -> value and step.
pub(crate) const SERIES: TableSpec = TableSpec::new("series", TableKind::Series);
/// Summaries of metrics: keys as in [`SERIES`].
pub(crate) const SUMMARIES: TableSpec = TableSpec::new("summaries", TableKind::Registers);
/// Artifacts: ref -> the whole fact.
pub(crate) const ARTIFACTS: TableSpec = TableSpec::new("artifacts", TableKind::Versions);
/// References to bodies: digest, artifact ref.
pub(crate) const BODIES: TableSpec = TableSpec::new("bodies", TableKind::Set);
/// Lineage edges: ref -> the whole fact.
pub(crate) const RELATIONS: TableSpec = TableSpec::new("relations", TableKind::Versions);
/// Lineage edges by their ends: ref of an end, relation ref.
pub(crate) const ENDS: TableSpec = TableSpec::new("ends", TableKind::Set);
/// Imports: id in hexadecimal digits -> the whole fact.
pub(crate) const IMPORTS: TableSpec = TableSpec::new("imports", TableKind::Versions);
/// Imported facts: ref, then 16 bytes of the digest of the fact. Of records with one ref, the record with the lowest stamp
/// is effective.
pub(crate) const IMPORTED: TableSpec = TableSpec::new("imported", TableKind::Versions);
/// Imports that contain points of a series: run, stage, key, then the id of the import.
pub(crate) const IMPORTED_SERIES: TableSpec = TableSpec::new("imported_series", TableKind::Set);
/// Summaries of the imported points of a series. [`SUMMARIES`] includes these points.
pub(crate) const IMPORTED_SUMMARIES: TableSpec = TableSpec::new("imported_summaries", TableKind::Registers);
