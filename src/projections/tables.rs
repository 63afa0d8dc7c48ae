//! The tables of the ML domain. docs/FORMAT.md, "Projection files", describes the keys and values as bytes.

use crate::engine::projection::{TableKind, TableSpec};

/// Attributes of projects, runs, deployments, stages, batches, samples and operations. Key: ref of the object and name
/// of the attribute. Value: canonical JSON of the attribute, preceded by a space if the attribute was imported.
pub(crate) const FACTS: TableSpec = TableSpec::new("facts", TableKind::Versions);
/// Environment snapshots, provenance records and aliases. Key: ref of the object. Value: the complete fact.
pub(crate) const OBJECTS: TableSpec = TableSpec::new("objects", TableKind::Versions);
/// Writers of runs, and their ends. Key of a writer: ref of the run and id of the writer in hexadecimal digits. Key of
/// an end: the key of its writer and `end`. Value: the complete fact.
pub(crate) const WRITERS: TableSpec = TableSpec::new("writers", TableKind::Versions);
/// Processes by stream. The newest version of a stream is the last process that wrote to the stream. Key: id of the
/// stream. Value: the complete fact.
pub(crate) const STREAM_PROCESSES: TableSpec = TableSpec::new("stream_processes", TableKind::Versions);
/// Streams by process. Key: id of the process and id of the stream, without a separator.
pub(crate) const PROCESS_STREAMS: TableSpec = TableSpec::new("process_streams", TableKind::Set);
/// Runs by name, and by the last component of the run's ref. Key: the name in composed form (NFC), or the component;
/// then the ref of the run.
pub(crate) const RUN_NAMES: TableSpec = TableSpec::new("run_names", TableKind::Set);
/// The positions of events, spans and degraded records in the log. A record of any family is also listed if
/// it has a degradation marker. The family name in this second listing is `marked-` followed by the family of
/// the record. Key: run, family, and stage or nothing. Points: time of observation and stamp of the entry.
pub(crate) const RECORDS: TableSpec = TableSpec::new("records", TableKind::Series);
/// Metric series. Key: [`SeriesKey`](crate::projections::series_key::SeriesKey). Points: step, time of observation and
/// stamp of the entry, and the value.
pub(crate) const SERIES: TableSpec = TableSpec::new("series", TableKind::Series);
/// Summaries of metric series, with the keys of [`SERIES`].
pub(crate) const SUMMARIES: TableSpec = TableSpec::new("summaries", TableKind::Registers);
/// Scopes and units of the points of a series. Key: the key of [`SERIES`], the scope, and the unit or nothing.
pub(crate) const SERIES_UNITS: TableSpec = TableSpec::new("series_units", TableKind::Set);
/// Summaries of only those points of a series whose values are NaN or infinite, with the keys of [`SERIES`].
/// [`SUMMARIES`] includes these points too.
pub(crate) const NON_FINITE: TableSpec = TableSpec::new("non_finite", TableKind::Registers);
/// Artifacts. Key: ref of the artifact. Value: the complete fact.
pub(crate) const ARTIFACTS: TableSpec = TableSpec::new("artifacts", TableKind::Versions);
/// References to artifact bodies. Key: digest of the body and ref of the artifact.
pub(crate) const BODIES: TableSpec = TableSpec::new("bodies", TableKind::Set);
/// Lineage edges. Key: ref of the edge. Value: the complete fact.
pub(crate) const RELATIONS: TableSpec = TableSpec::new("relations", TableKind::Versions);
/// Lineage edges, deployments and provenance records by the refs that they name. Key: the named ref, and the ref of the
/// object that names it.
pub(crate) const ENDS: TableSpec = TableSpec::new("ends", TableKind::Set);
/// Imports. Key: id of the import in hexadecimal digits. Value: the complete fact.
pub(crate) const IMPORTS: TableSpec = TableSpec::new("imports", TableKind::Versions);
/// Imported facts. Key: the ref that the fact is about, then 16 bytes of the digest of the fact. If several imported
/// records have the same ref, the record with the lowest stamp is effective.
pub(crate) const IMPORTED: TableSpec = TableSpec::new("imported", TableKind::Versions);
/// Imports that contain points of a series. Key: the key of [`SERIES`], then the id of the import.
pub(crate) const IMPORTED_SERIES: TableSpec = TableSpec::new("imported_series", TableKind::Set);
/// Summaries of the imported points of a series. [`SUMMARIES`] includes these points.
pub(crate) const IMPORTED_SUMMARIES: TableSpec = TableSpec::new("imported_summaries", TableKind::Registers);
/// Erasures of runs. Key: ref of the run. Value: the complete fact.
pub(crate) const ERASURES: TableSpec = TableSpec::new("erasures", TableKind::Versions);
