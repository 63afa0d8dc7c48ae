//! The JSON form of every answer. Keys are sorted. Absent values are null, with one exception: a lineage step without
//! an edge has only the type and the two refs of an edge. New versions add members, but never remove them.

mod backups;
mod compaction;
mod comparisons;
mod doctor;
mod erasure;
mod groups;
mod history;
mod interchange;
mod lineage;
mod outbox;
mod parts;
mod queries;
mod recovery;
mod repairs;
mod report;
mod reproduction;
mod retention;
mod rows;
mod services;
mod stores;
mod to_json;

use crate::client::{
    ArtifactCopy, ArtifactExport, ArtifactHandle, ArtifactImport, ArtifactPut, ExportReport, ImportReport,
    MetadataIntegrityReport, MetadataRunSnapshot, OutboxContent, PartRestore, RecordIntegrityReport,
    ReplayBatchResult, ReplayResult, StoreSummary, SweepReport, VerificationReport, WorkspaceHealth,
};
use crate::contract::json::write::pretty;
use crate::contract::{ProvenanceRecord, Result, RunRef, Value};
use crate::interpretation::{
    AlertReport, AnomalyReport, AnomalyResult, ArtifactHits, ArtifactSizeTrend, BatchList, BestRun, CodeDiff,
    DeploymentList, DiagnosticsResult, DurationTrend, EnvironmentDiff, History, LineageTraversal,
    MetricAggregate, MetricBaseline, MetricTrend, MultiRunComparison, Note, ProjectList, RecordPage,
    ReportComparison, ReportDocument, ReproducibilityAudit, Reproduction, RunComparison, RunGroups, RunList,
    RunSnapshot, RunStatusDistribution, RunSummaryTable, SampleList, StepSeries,
};
use crate::recovery::{
    BackupList, BackupPlan, BackupResult, BackupVerification, CompactionPlan, CompactionResult, DumpedEntry,
    ErasePlan, EraseResult, MergeReport, PrunePlan, RebuildReport, RepairPlan, RepairResult, RestorePlan,
    RestoreResult, RetentionPlan, RetentionResult, SalvageReport, StreamRow, VerifyReport,
};
use crate::surfaces::escape;
#[cfg(feature = "cli")]
pub(crate) use outbox::letters;
#[cfg(feature = "cli")]
pub(crate) use recovery::{digest, heads, streams};

/// An answer of the library with a JSON form, which is also the output of the command with `--format json`.
pub trait Answer {
    /// Returns the JSON form as a value.
    fn to_value(&self) -> Value;

    /// Returns the JSON form as indented text. Hidden and control characters in texts are written as `\u` escapes.
    /// Errors: the value contains a number that is not finite.
    fn to_json(&self) -> Result<String> {
        Ok(escape::document(pretty(&self.to_value())?))
    }
}

macro_rules! json_forms {
    ($($answer:ty => $form:path),+ $(,)?) => {
        $(impl Answer for $answer {
            fn to_value(&self) -> Value {
                $form(self)
            }
        })+
    };
}

json_forms! {
    (ProvenanceRecord, RunRef) => services::provenance,
    AlertReport => services::alerts,
    AnomalyReport => services::anomalies,
    AnomalyResult => services::anomaly,
    ArtifactCopy => stores::copy,
    ArtifactExport => stores::export,
    ArtifactHandle => stores::handle,
    ArtifactHits => queries::artifact_hits,
    ArtifactImport => stores::import,
    ArtifactPut => stores::put,
    ArtifactSizeTrend => services::artifact_size_trend,
    BackupList => backups::backups,
    WorkspaceHealth => doctor::health,
    OutboxContent => outbox::content,
    ReplayBatchResult => outbox::replay,
    BackupPlan => backups::plan,
    BackupResult => backups::result,
    BackupVerification => backups::verification,
    BatchList => queries::batch_list,
    BestRun => comparisons::best_run,
    CodeDiff => reproduction::code_diff,
    CompactionPlan => compaction::plan,
    CompactionResult => compaction::result,
    DeploymentList => queries::deployment_list,
    DiagnosticsResult => services::diagnosis,
    DumpedEntry => recovery::dumped,
    DurationTrend => services::duration_trend,
    ErasePlan => erasure::plan,
    EraseResult => erasure::result,
    EnvironmentDiff => services::environment_diff,
    ExportReport => interchange::export,
    History => history::history,
    ImportReport => interchange::import,
    LineageTraversal => lineage::lineage,
    MergeReport => recovery::merge,
    MetadataIntegrityReport => stores::metadata_integrity,
    MetadataRunSnapshot => stores::metadata_snapshot,
    MetricAggregate => services::aggregate,
    MetricBaseline => services::baseline,
    MetricTrend => services::metric_trend,
    MultiRunComparison => comparisons::many,
    Note => parts::note,
    PartRestore => backups::restore_part,
    ProjectList => queries::project_list,
    PrunePlan => backups::prune,
    RebuildReport => recovery::rebuild,
    RepairPlan => repairs::plan,
    RepairResult => repairs::result,
    RecordIntegrityReport => stores::record_integrity,
    RecordPage => queries::record_page,
    ReplayResult => stores::replay,
    ReportComparison => comparisons::reports,
    ReportDocument => report::report,
    ReproducibilityAudit => services::audit,
    Reproduction => reproduction::reproduction,
    RestorePlan => backups::restore_plan,
    RestoreResult => backups::restore,
    RetentionPlan => retention::plan,
    RetentionResult => retention::result,
    RunComparison => comparisons::comparison,
    RunGroups => groups::groups,
    RunList => queries::run_list,
    RunSnapshot => queries::run_snapshot,
    SalvageReport => backups::salvage,
    RunStatusDistribution => services::status_distribution,
    RunSummaryTable => services::summary_table,
    SampleList => queries::sample_list,
    StepSeries => queries::step_series,
    StoreSummary => stores::summary,
    StreamRow => recovery::stream,
    SweepReport => stores::sweep,
    VerificationReport => stores::verification,
    VerifyReport => recovery::verify,
}
