//! The stores: section H of the list of names of the Python package contexta 1.0.0 (`docs/REFERENCE-MAP.md`).

use super::{
    Call, artifact, batch, deployment, edge, environment, event, project, provenance, r, run, sample, stage,
};
use crate::support::{TempDir, open_sim};
use contexta::Contexta;
use contexta::contract::{AnyRecord, ArtifactRef, ProjectRef, RelationRef, RunRef, StableRef, Valid};
use contexta::engine::storage::sim::SimDisk;
use contexta::store::SourceMode;
use contexta::store::artifacts::{ArtifactStore, ConflictPolicy, StoreSummary, VerificationStatus};
use contexta::store::metadata::{
    IntegrityDepth, IntegrityReport, ListFilter, MetadataChange, MetadataPut, MetadataStore, MigrationResult,
};
use contexta::store::records::{self, IntegrityState, RecordStore, ReplayMode, ReplayResult, ScanFilter};
use std::io::Read;
use std::path::Path;

/// The record of [`event`].
fn record() -> AnyRecord {
    AnyRecord::Event(Box::new(Valid::new(event()).unwrap()))
}

/// A workspace with every object of this file, one record and one artifact with the content `abc`.
fn workspace() -> (SimDisk, Contexta) {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let store = contexta.metadata_store();
    store.projects().put_project(project()).unwrap();
    store.runs().put_run(run()).unwrap();
    store.stages().put_stage_execution(stage()).unwrap();
    store.relations().put_relation(edge()).unwrap();
    store.provenance().put_provenance(provenance()).unwrap();
    contexta.record_store().append(record()).unwrap();
    disk.overwrite(Path::new("/home/a.bin"), b"abc".to_vec());
    contexta.artifact_store().put_artifact(artifact(), "/home/a.bin", SourceMode::Copy).unwrap();
    (disk, contexta)
}

fn is_created(put: contexta::store::Result<MetadataPut>) -> bool {
    put.unwrap().change == MetadataChange::Created
}

fn is_unchanged(put: contexta::store::Result<MetadataPut>) -> bool {
    put.unwrap().change == MetadataChange::Unchanged
}

fn own() -> ArtifactRef {
    r::<ArtifactRef>("artifact:p.r.a")
}

fn replayed() -> ReplayResult {
    workspace().1.record_store().replay(&ScanFilter::default(), ReplayMode::Tolerant).unwrap()
}

/// Calls `with` with the path of a new workspace, in which a store can be opened.
fn alone<T>(name: &str, with: impl FnOnce(&Path) -> T) -> T {
    let dir = TempDir::new(name);
    with(&dir.path().join("w"))
}

pub(super) fn calls() -> Vec<Call> {
    let mut calls = metadata();
    calls.extend(records());
    calls.extend(artifacts());
    calls
}

fn metadata() -> Vec<Call> {
    calls! {
        "Contexta::metadata_store" => || {
            workspace().1.metadata_store().runs().get_run(&r::<RunRef>("run:p.r")).unwrap() == run()
        };
        "store::metadata::MetadataStore::open" => || alone("map-metadata", |path| {
            is_created(MetadataStore::open(path).unwrap().projects().put_project(project()))
                && is_unchanged(MetadataStore::open(path).unwrap().projects().put_project(project()))
        });
        "store::metadata::ProjectRepository::put_project" => || {
            let projects = workspace().1.metadata_store().projects();
            let mut other = project();
            other.name = "other".to_owned();
            is_unchanged(projects.put_project(project()))
                && projects.put_project(other).unwrap_err().code() == "metadata_object_conflict"
        };
        "store::metadata::ProjectRepository::get_project" => || {
            let projects = workspace().1.metadata_store().projects();
            projects.get_project(&r::<ProjectRef>("project:p")).unwrap() == project()
                && projects.get_project(&r::<ProjectRef>("project:q")).is_err()
        };
        "store::metadata::ProjectRepository::find_project" => || {
            let projects = workspace().1.metadata_store().projects();
            projects.find_project(&r::<ProjectRef>("project:q")).unwrap().is_none()
        };
        "store::metadata::ProjectRepository::exists_project" => || {
            let projects = workspace().1.metadata_store().projects();
            projects.exists_project(&r::<ProjectRef>("project:p")).unwrap()
                && !projects.exists_project(&r::<ProjectRef>("project:q")).unwrap()
        };
        "store::metadata::ProjectRepository::list_projects" => || {
            workspace().1.metadata_store().projects().list_projects().unwrap().items == [project()]
        };
        "store::metadata::RunRepository::put_run" => || {
            is_unchanged(workspace().1.metadata_store().runs().put_run(run()))
        };
        "store::metadata::RunRepository::list_runs" => || {
            let runs = workspace().1.metadata_store().runs();
            let of = |project: &str| ListFilter::of_project(r::<ProjectRef>(project));
            runs.list_runs(&of("project:p")).unwrap().items == [run()]
                && runs.list_runs(&of("project:q")).unwrap().items.is_empty()
        };
        "store::metadata::StageRepository::put_stage_execution" => || {
            is_unchanged(workspace().1.metadata_store().stages().put_stage_execution(stage()))
        };
        "store::metadata::StageRepository::list_stage_executions" => || {
            let stages = workspace().1.metadata_store().stages();
            let of_run = ListFilter::of_run(r::<RunRef>("run:p.r"));
            stages.list_stage_executions(&of_run).unwrap().items == [stage()]
        };
        "store::metadata::DeploymentRepository::put_deployment_execution" => || {
            is_created(workspace().1.metadata_store().deployments().put_deployment_execution(deployment()))
        };
        "store::metadata::BatchRepository::put_batch_execution" => || {
            is_created(workspace().1.metadata_store().batches().put_batch_execution(batch()))
        };
        "store::metadata::SampleRepository::put_sample_observation" => || {
            is_created(workspace().1.metadata_store().samples().put_sample_observation(sample()))
        };
        "store::metadata::EnvironmentRepository::put_environment_snapshot" => || {
            is_created(workspace().1.metadata_store().environments().put_environment_snapshot(environment()))
        };
        "store::metadata::RelationRepository::put_relation" => || {
            is_unchanged(workspace().1.metadata_store().relations().put_relation(edge()))
        };
        "store::metadata::RelationRepository::list_relations_for_ref" => || {
            let relations = workspace().1.metadata_store().relations();
            relations.list_relations_for_ref(&r::<StableRef>("artifact:p.r.a")).unwrap().items == [edge()]
        };
        "store::metadata::ProvenanceRepository::put_provenance" => || {
            is_unchanged(workspace().1.metadata_store().provenance().put_provenance(provenance()))
        };
        "store::metadata::ProvenanceRepository::list_provenance_for_relation" => || {
            let records = workspace().1.metadata_store().provenance();
            let relation = r::<RelationRef>("relation:x");
            records.list_provenance_for_relation(&relation).unwrap().items == [provenance()]
        };
        "store::metadata::MetadataStore::check_integrity" => || {
            workspace().1.metadata_store().check_integrity(IntegrityDepth::Full).unwrap().ok
        };
        "store::metadata::IntegrityReport" => || {
            let store = workspace().1.metadata_store();
            let report: IntegrityReport = store.check_integrity(IntegrityDepth::Surface).unwrap();
            (report.format_version, report.errors, report.issues.len()) == (0, 0, 0)
        };
        "store::metadata::MetadataStore::plan_repairs" => || {
            workspace().1.metadata_store().plan_repairs(None).unwrap().candidates.is_empty()
        };
        "store::metadata::MetadataStore::preview_repairs" => || {
            workspace().1.metadata_store().preview_repairs(None).unwrap().summary_lines.len() == 1
        };
        "store::metadata::MetadataStore::build_run_snapshot" => || {
            let store = workspace().1.metadata_store();
            let snapshot = store.build_run_snapshot(&r::<RunRef>("run:p.r")).unwrap();
            (snapshot.relations.len(), snapshot.provenance.len(), snapshot.stages.len()) == (1, 1, 1)
                && snapshot.completeness_notes.contains(&"environment_snapshot_missing")
        };
        "store::metadata::MetadataStore::plan_migration" => || {
            let plan = workspace().1.metadata_store().plan_migration(None).unwrap();
            (plan.current_version, plan.requires_migration) == (Some(0), false)
        };
        "store::metadata::MetadataStore::dry_run_migration" => || {
            let result: MigrationResult = workspace().1.metadata_store().dry_run_migration(None).unwrap();
            result.dry_run && !result.changed
        };
        "store::metadata::MetadataStore::migrate" => || {
            let store = workspace().1.metadata_store();
            !store.migrate(None).unwrap().changed
                && store.migrate(Some(9)).unwrap_err().code() == "metadata_migration_path_missing"
        };
    }
}

fn records() -> Vec<Call> {
    calls! {
        "Contexta::record_store" => || {
            let store = workspace().1.record_store();
            store.replay(&ScanFilter::default(), ReplayMode::Strict).unwrap().record_count == 1
        };
        "store::records::RecordStore::open" => || alone("map-records", |path| {
            let store = RecordStore::open(path).unwrap();
            store.append(record()).unwrap().success()
        });
        "store::records::ScanFilter" => || {
            let store = workspace().1.record_store();
            let count = |run: &str| {
                let filter = ScanFilter::of_run(r::<RunRef>(run));
                store.replay(&filter, ReplayMode::Strict).unwrap().record_count
            };
            (count("run:p.r"), count("run:p.q")) == (1, 0)
        };
        "store::records::ReplayMode" => || {
            ReplayMode::ALL.iter().map(|mode| mode.as_str()).eq(["strict", "tolerant", "lenient"])
        };
        "store::records::ReplayResult" => || {
            let result = replayed();
            (result.record_count, result.integrity_state.as_str()) == (1, "HEALTHY")
        };
        "store::records::RecordStore::append" => || {
            !workspace().1.record_store().append(record()).unwrap().accepted[0].is_new
        };
        "store::records::RecordStore::append_many" => || {
            workspace().1.record_store().append_many([record(), record()]).unwrap().accepted.len() == 2
        };
        "store::records::RecordStore::scan" => || {
            workspace().1.record_store().scan(&ScanFilter::default()).unwrap().count() == 1
        };
        "store::records::RecordStore::replay" => || {
            let result = replayed();
            result.records[0].record == record() && result.known_gaps.is_empty()
        };
        "store::records::RecordStore::export_jsonl" => || {
            let (disk, contexta) = workspace();
            let (out, filter) = (Path::new("/out/r.jsonl"), ScanFilter::default());
            let result = contexta.record_store().export_jsonl(out, &filter, ReplayMode::Strict).unwrap();
            let lines = String::from_utf8(disk.read(out).unwrap()).unwrap();
            result.record_count == 1 && lines.lines().count() == 1 && lines.contains("record:p.r.k")
        };
        "store::records::RecordStore::check_integrity" => || {
            workspace().1.record_store().check_integrity().unwrap().record_count == 1
        };
        "store::records::IntegrityReport" => || {
            let report: records::IntegrityReport = workspace().1.record_store().check_integrity().unwrap();
            report.healthy && report.state == IntegrityState::Healthy && report.recommendations.is_empty()
        };
    }
}

fn artifacts() -> Vec<Call> {
    calls! {
        "Contexta::artifact_store" => || {
            workspace().1.artifact_store().read_artifact_bytes(&own()).unwrap() == b"abc"
        };
        "store::artifacts::ArtifactStore::open" => || alone("map-artifacts", |path| {
            ArtifactStore::open(path).unwrap().list_refs().count() == 0
        });
        "store::artifacts::ArtifactStore::put_artifact" => || {
            let (disk, contexta) = workspace();
            disk.overwrite(Path::new("/home/a.bin"), b"other".to_vec());
            let put = contexta.artifact_store().put_artifact(artifact(), "/home/a.bin", SourceMode::Copy);
            put.unwrap_err().code() == "artifact_binding_conflict"
        };
        "store::artifacts::ArtifactStore::get_artifact" => || {
            workspace().1.artifact_store().get_artifact(&own()).unwrap().size_bytes == 3
        };
        "store::artifacts::ArtifactStore::read_artifact_bytes" => || {
            workspace().1.artifact_store().read_artifact_bytes(&own()).unwrap() == b"abc"
        };
        "store::artifacts::ArtifactStore::open_artifact" => || {
            let mut text = String::new();
            let (_, contexta) = workspace();
            contexta.artifact_store().open_artifact(&own()).unwrap().read_to_string(&mut text).unwrap();
            text == "abc"
        };
        "store::artifacts::ArtifactStore::artifact_chunks" => || {
            let (_, contexta) = workspace();
            let chunks = contexta.artifact_store().artifact_chunks(&own(), 2.try_into().ok()).unwrap();
            chunks.map(Result::unwrap).eq([b"ab".to_vec(), b"c".to_vec()])
        };
        "store::artifacts::ArtifactStore::artifact_exists" => || {
            let store = workspace().1.artifact_store();
            store.artifact_exists(&own()).unwrap()
                && !store.artifact_exists(&r::<ArtifactRef>("artifact:p.r.b")).unwrap()
        };
        "store::artifacts::ArtifactStore::list_refs" => || {
            workspace().1.artifact_store().list_refs().map(Result::unwrap).eq([own()])
        };
        "store::artifacts::ArtifactStore::verify_artifact" => || {
            workspace().1.artifact_store().verify_artifact(&own()).unwrap().verified()
        };
        "store::artifacts::ArtifactStore::verify_artifact_against" => || {
            let store = workspace().1.artifact_store();
            let mut manifest = store.get_artifact(&own()).unwrap().manifest;
            manifest.size_bytes = Some(4);
            store.verify_artifact_against(&manifest).unwrap().status == VerificationStatus::SizeMismatch
        };
        "store::artifacts::ArtifactStore::verify_all" => || {
            let sweep = workspace().1.artifact_store().verify_all().unwrap();
            sweep.verification_records.len() == 1 && sweep.missing_refs.is_empty()
        };
        "store::artifacts::ArtifactStore::inspect_store" => || {
            let summary: StoreSummary = workspace().1.artifact_store().inspect_store().unwrap();
            (summary.artifact_count, summary.verified_count, summary.total_size_bytes) == (1, 1, 3)
        };
        "store::artifacts::ArtifactStore::export_artifact" => || {
            let (disk, contexta) = workspace();
            let exported = contexta.artifact_store().export_artifact(&own(), "/out").unwrap();
            disk.read(&exported.body_path).unwrap() == b"abc"
        };
        "store::artifacts::ArtifactStore::import_artifact" => || {
            let (disk, contexta) = workspace();
            let package = contexta.artifact_store().export_artifact(&own(), "/out").unwrap().directory;
            let other = open_sim(&disk, 2, "/v").artifact_store();
            let import = other.import_artifact(package, ConflictPolicy::Error).unwrap();
            import.outcome.as_str() == "imported" && other.read_artifact_bytes(&own()).unwrap() == b"abc"
        };
    }
}
