//! The metadata store.

use super::{any_ref, at, damage, open, r, run_ref};
use crate::support::{TempDir, import_lines, two_runs};
use contexta::contract::{
    AssertionMode, BatchExecution, BatchRef, Confidence, DeploymentExecution, DeploymentRef, EnvironmentRef,
    EnvironmentSnapshot, LineageEdge, LineageOrigin, OperationContext, OperationRef, Project, ProjectRef,
    ProvenanceRecord, ProvenanceRef, RelationRef, RelationType, Run, RunRef, RunStatus, SampleObservation,
    SampleRef, StageExecution, StageRef, Timestamp,
};
use contexta::engine::storage::sim::SimDisk;
use contexta::store::metadata::{IntegrityDepth, ListFilter, MetadataChange, MetadataStore, RepairPreview};
use std::sync::Barrier;

fn noon() -> Timestamp {
    at("2024-01-31T12:00:00Z")
}

fn project(name: &str) -> Project {
    Project::new(r::<ProjectRef>("project:p"), name, noon())
}

fn run(name: &str) -> Run {
    Run::new(r::<RunRef>("run:p.r"), r::<ProjectRef>("project:p"), name, RunStatus::Open, noon())
}

fn stage(key: &str) -> StageExecution {
    let own = r::<StageRef>(&format!("stage:p.r.{key}"));
    StageExecution::new(own, r::<RunRef>("run:p.r"), key, RunStatus::Open, noon())
}

fn edge(key: &str, source: &str, target: &str) -> LineageEdge {
    let (source, target) = (any_ref(source), any_ref(target));
    let own = r::<RelationRef>(&format!("relation:{key}"));
    LineageEdge::new(
        own,
        RelationType::Used,
        source,
        target,
        noon(),
        LineageOrigin::Explicit,
        Confidence::High,
    )
}

fn change<E: std::fmt::Debug>(put: Result<contexta::store::metadata::MetadataPut, E>) -> MetadataChange {
    put.unwrap().change
}

fn code<T: std::fmt::Debug>(result: contexta::store::Result<T>) -> &'static str {
    result.unwrap_err().code()
}

/// Puts one object of each kind in the workspace `/w`.
fn everything(store: &MetadataStore) {
    store.projects().put_project(project("葡萄酒")).unwrap();
    store.runs().put_run(run("学習")).unwrap();
    store.stages().put_stage_execution(stage("train")).unwrap();
    let of = (r::<RunRef>("run:p.r"), r::<StageRef>("stage:p.r.train"));
    let batch = BatchExecution::new(
        r::<BatchRef>("batch:p.r.train.b0"),
        of.0.clone(),
        of.1.clone(),
        "b0",
        RunStatus::Open,
        noon(),
    );
    store.batches().put_batch_execution(batch).unwrap();
    let mut sample = SampleObservation::new(
        r::<SampleRef>("sample:p.r.train.b0.s"),
        of.0.clone(),
        of.1.clone(),
        "s",
        noon(),
    );
    sample.batch_execution_ref = Some(r::<BatchRef>("batch:p.r.train.b0"));
    store.samples().put_sample_observation(sample).unwrap();
    let operation =
        OperationContext::new(r::<OperationRef>("op:p.r.train.o"), of.0.clone(), of.1, "o", noon());
    store.operations().put_operation_context(operation).unwrap();
    let mut deployment = DeploymentExecution::new(
        r::<DeploymentRef>("deployment:p.api"),
        r::<ProjectRef>("project:p"),
        "api",
        RunStatus::Open,
        noon(),
    );
    deployment.run_ref = Some(of.0.clone());
    store.deployments().put_deployment_execution(deployment).unwrap();
    let environment =
        EnvironmentSnapshot::new(r::<EnvironmentRef>("environment:p.r.e"), of.0, noon(), "linux");
    store.environments().put_environment_snapshot(environment).unwrap();
    store.relations().put_relation(edge("e", "stage:p.r.train", "artifact:p.r.later")).unwrap();
    let provenance = ProvenanceRecord::new(
        r::<ProvenanceRef>("provenance:c"),
        r::<RelationRef>("relation:e"),
        AssertionMode::Explicit,
        noon(),
    );
    store.provenance().put_provenance(provenance).unwrap();
}

#[test]
fn every_object_is_read_back_as_it_was_put() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    everything(&contexta.metadata_store());
    contexta.close().unwrap();
    let contexta = open(&disk, 2);
    let store = contexta.metadata_store();
    assert_eq!(store.projects().get_project(&r::<ProjectRef>("project:p")).unwrap(), project("葡萄酒"));
    assert_eq!(store.runs().get_run(&r::<RunRef>("run:p.r")).unwrap(), run("学習"));
    assert_eq!(
        store.stages().get_stage_execution(&r::<StageRef>("stage:p.r.train")).unwrap(),
        stage("train")
    );
    assert!(store.batches().exists_batch_execution(&r::<BatchRef>("batch:p.r.train.b0")).unwrap());
    assert!(store.samples().exists_sample_observation(&r::<SampleRef>("sample:p.r.train.b0.s")).unwrap());
    assert!(store.operations().exists_operation_context(&r::<OperationRef>("op:p.r.train.o")).unwrap());
    assert!(
        store.environments().exists_environment_snapshot(&r::<EnvironmentRef>("environment:p.r.e")).unwrap()
    );
    assert!(store.provenance().exists_provenance(&r::<ProvenanceRef>("provenance:c")).unwrap());
    let found = store.relations().get_relation(&r::<RelationRef>("relation:e")).unwrap();
    assert_eq!(found, edge("e", "stage:p.r.train", "artifact:p.r.later"));
    assert_eq!(code(store.runs().get_run(&r::<RunRef>("run:p.none"))), "metadata_row_not_found");
    assert_eq!(store.runs().find_run(&r::<RunRef>("run:p.none")).unwrap(), None);
    // The methods of `Contexta` show the objects like captured objects.
    assert_eq!(contexta.list_runs(None).unwrap().runs[0].run.name, "学習");
    assert_eq!(contexta.list_projects().unwrap().projects[0].name, "葡萄酒");
}

#[test]
fn parents_must_exist() {
    let disk = SimDisk::new(1);
    let store = open(&disk, 1).metadata_store();
    assert_eq!(code(store.runs().put_run(run("r"))), "metadata_missing_run_project");
    assert_eq!(code(store.stages().put_stage_execution(stage("s"))), "metadata_missing_stage_run");
    let deployment = DeploymentExecution::new(
        r::<DeploymentRef>("deployment:p.api"),
        r::<ProjectRef>("project:p"),
        "api",
        RunStatus::Open,
        noon(),
    );
    assert_eq!(
        code(store.deployments().put_deployment_execution(deployment)),
        "metadata_missing_deployment_project"
    );
    store.projects().put_project(project("p")).unwrap();
    store.runs().put_run(run("r")).unwrap();
    let (run, stage) = (r::<RunRef>("run:p.r"), r::<StageRef>("stage:p.r.s"));
    let batch = BatchExecution::new(
        r::<BatchRef>("batch:p.r.s.b"),
        run.clone(),
        stage.clone(),
        "b",
        RunStatus::Open,
        noon(),
    );
    assert_eq!(code(store.batches().put_batch_execution(batch)), "metadata_missing_batch_stage");
    let sample = SampleObservation::new(r::<SampleRef>("sample:p.r.s.x"), run, stage, "x", noon());
    assert_eq!(code(store.samples().put_sample_observation(sample)), "metadata_missing_sample_stage");
    let to_nothing = edge("e", "run:p.r", "stage:p.r.s");
    assert_eq!(code(store.relations().put_relation(to_nothing)), "metadata_ref_not_found");
    let to_record = edge("e", "run:p.r", "record:p.r.none");
    assert_eq!(code(store.relations().put_relation(to_record)), "metadata_ref_not_found");
    let provenance = ProvenanceRecord::new(
        r::<ProvenanceRef>("provenance:c"),
        r::<RelationRef>("relation:e"),
        AssertionMode::Explicit,
        noon(),
    );
    assert_eq!(code(store.provenance().put_provenance(provenance)), "metadata_missing_provenance_relation");
    // None of these objects was recorded.
    assert_eq!(store.relations().list_relations().unwrap().items, Vec::new());
    assert_eq!(store.runs().list_runs(&ListFilter::default()).unwrap().items.len(), 1);
}

#[test]
fn equal_put_is_idempotent_and_another_object_is_a_conflict() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let projects = contexta.metadata_store().projects();
    let mut described = project("葡萄酒");
    described.description = Some("old".to_owned());
    described.tags.insert("团队".to_owned(), "红".to_owned());
    assert_eq!(change(projects.put_project(described.clone())), MetadataChange::Created);
    let position = contexta.log_streams().unwrap();
    assert_eq!(change(projects.put_project(described.clone())), MetadataChange::Unchanged);
    assert_eq!(contexta.log_streams().unwrap(), position);
    let error = projects.put_project(project("beer")).unwrap_err();
    assert_eq!(error.code(), "metadata_object_conflict");
    assert!(error.to_string().contains("description, name, tags"), "{error}");
    assert_eq!(projects.get_project(&r::<ProjectRef>("project:p")).unwrap(), described);
    // The superseding object contains no member of the earlier object.
    assert_eq!(change(projects.superseding().put_project(project("beer"))), MetadataChange::Superseded);
    assert_eq!(projects.get_project(&r::<ProjectRef>("project:p")).unwrap(), project("beer"));
    assert_eq!(contexta.list_projects().unwrap().projects[0].name, "beer");
    // The tables that another process derives from the log agree.
    contexta.close().unwrap();
    let found =
        open(&disk, 2).metadata_store().projects().get_project(&r::<ProjectRef>("project:p")).unwrap();
    assert_eq!(found, project("beer"));
}

#[test]
fn end_of_an_open_object_is_a_transition_and_its_return_is_a_conflict() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let store = contexta.metadata_store();
    everything(&store);
    let mut ended = run("学習");
    (ended.status, ended.ended_at) = (RunStatus::Failed, Some(at("2024-01-31T13:00:00Z")));
    ended.end_message = Some("内存不足".to_owned());
    assert_eq!(change(store.runs().put_run(ended.clone())), MetadataChange::Ended);
    assert_eq!(store.runs().get_run(&r::<RunRef>("run:p.r")).unwrap(), ended);
    assert_eq!(change(store.runs().put_run(ended.clone())), MetadataChange::Unchanged);
    assert_eq!(code(store.runs().put_run(run("学習"))), "metadata_object_conflict");
    let mut completed = ended.clone();
    (completed.status, completed.end_message) = (RunStatus::Completed, None);
    assert_eq!(code(store.runs().put_run(completed.clone())), "metadata_object_conflict");
    assert_eq!(change(store.runs().superseding().put_run(completed.clone())), MetadataChange::Superseded);
    assert_eq!(store.runs().get_run(&r::<RunRef>("run:p.r")).unwrap(), completed);
    assert_eq!(change(store.runs().superseding().put_run(run("学習"))), MetadataChange::Superseded);
    assert_eq!(store.runs().get_run(&r::<RunRef>("run:p.r")).unwrap(), run("学習"));
    // The put changes the end and other members, so it does not only end the object.
    let mut renamed = stage("train");
    (renamed.status, renamed.ended_at) = (RunStatus::Completed, Some(noon()));
    renamed.order_index = Some(3);
    assert_eq!(code(store.stages().put_stage_execution(renamed)), "metadata_object_conflict");
}

#[test]
fn relation_that_is_superseded_ends_at_other_objects() {
    let disk = SimDisk::new(1);
    let store = open(&disk, 1).metadata_store();
    everything(&store);
    let other = edge("e", "run:p.r", "artifact:p.r.later");
    assert_eq!(code(store.relations().put_relation(other.clone())), "metadata_object_conflict");
    store.relations().superseding().put_relation(other.clone()).unwrap();
    let of = |subject: &str| store.relations().list_relations_for_source(&any_ref(subject)).unwrap().items;
    assert_eq!((of("run:p.r"), of("stage:p.r.train")), (vec![other.clone()], vec![]));
    let target = any_ref("artifact:p.r.later");
    assert_eq!(store.relations().list_relations_for_target(&target).unwrap().items, vec![other.clone()]);
    assert_eq!(store.relations().list_relations_for_ref(&target).unwrap().items, vec![other]);
}

#[test]
fn captured_objects_are_objects_of_the_plane() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    two_runs(&contexta);
    let store = contexta.metadata_store();
    let good = store.runs().get_run(&r::<RunRef>("run:wine.good")).unwrap();
    assert_eq!((good.name.as_str(), good.status), ("good", RunStatus::Completed));
    assert_eq!(change(store.runs().put_run(good.clone())), MetadataChange::Unchanged);
    let listed = store.runs().list_runs(&ListFilter::of_project(r::<ProjectRef>("project:wine"))).unwrap();
    assert_eq!(listed.items.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["bad", "good"]);
    let of_run =
        store.stages().list_stage_executions(&ListFilter::of_run(r::<RunRef>("run:wine.good"))).unwrap();
    assert_eq!(of_run.items.len(), 1);
    // The ref of another run begins with the same letters.
    let prefix =
        store.stages().list_stage_executions(&ListFilter::of_run(r::<RunRef>("run:wine.goo"))).unwrap();
    assert_eq!(prefix.items.len(), 0);
    // A captured run that has ended keeps its status, but another member can be superseded.
    let mut reopened = good.clone();
    (reopened.status, reopened.ended_at) = (RunStatus::Open, None);
    assert_eq!(code(store.runs().superseding().put_run(reopened)), "metadata_object_conflict");
    let renamed = Run { name: "改名".to_owned(), ..good };
    assert_eq!(change(store.runs().superseding().put_run(renamed.clone())), MetadataChange::Superseded);
    assert_eq!(store.runs().get_run(&renamed.run_ref).unwrap(), renamed);
    // A run that is being captured is ended from outside.
    let open_run = contexta.run("open").run_id("open").start().unwrap();
    let mut ended = store.runs().get_run(&r::<RunRef>("run:wine.open")).unwrap();
    (ended.status, ended.ended_at) = (RunStatus::Cancelled, Some(contexta.session().now()));
    assert_eq!(change(store.runs().put_run(ended.clone())), MetadataChange::Ended);
    assert_eq!(store.runs().get_run(&r::<RunRef>("run:wine.open")).unwrap().status, RunStatus::Cancelled);
    drop(open_run);
}

#[test]
fn put_without_locks_is_refused_and_records_nothing() {
    let disk = SimDisk::new(1);
    drop(open(&disk, 1));
    disk.set_locks(false);
    let store = open(&disk, 2).metadata_store();
    assert_eq!(code(store.projects().put_project(project("p"))), "locks_unsupported");
    assert_eq!(store.projects().list_projects().unwrap().items, Vec::new());
}

#[test]
fn two_processes_that_put_one_project_record_it_once() {
    let dir = TempDir::new("stores-race");
    drop(contexta::Contexta::open(dir.path().join("w")).unwrap());
    let barrier = Barrier::new(4);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (path, barrier) = (dir.path().join("w"), &barrier);
                scope.spawn(move || {
                    let projects = MetadataStore::open(path).unwrap().projects();
                    barrier.wait();
                    let name = if n % 2 == 0 { "葡萄酒" } else { "beer" };
                    (name, projects.put_project(project(name)).map(|put| put.change).map_err(|e| e.code()))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let created: Vec<_> = outcomes.iter().filter(|(_, o)| *o == Ok(MetadataChange::Created)).collect();
    let [(winner, _)] = created.as_slice() else { panic!("{outcomes:?}") };
    for (name, outcome) in &outcomes {
        let expected: &[_] = match name == winner {
            true => &[Ok(MetadataChange::Created), Ok(MetadataChange::Unchanged)],
            false => &[Err("metadata_object_conflict")],
        };
        assert!(expected.contains(outcome), "{outcomes:?}");
    }
    let store = MetadataStore::open(dir.path().join("w")).unwrap();
    assert_eq!(store.projects().list_projects().unwrap().items, vec![project(winner)]);
}

#[test]
fn snapshot_of_a_run_has_its_objects_and_names_what_is_missing() {
    let disk = SimDisk::new(1);
    let store = open(&disk, 1).metadata_store();
    everything(&store);
    let snapshot = store.build_run_snapshot(&run_ref("run:p.r")).unwrap();
    assert_eq!(snapshot.project, Some(project("葡萄酒")));
    let refs: Vec<_> = snapshot.scoped_refs.iter().map(|own| own.as_str()).collect();
    assert_eq!(
        refs,
        [
            "batch:p.r.train.b0",
            "deployment:p.api",
            "environment:p.r.e",
            "provenance:c",
            "relation:e",
            "run:p.r",
            "sample:p.r.train.b0.s",
            "stage:p.r.train",
        ]
    );
    assert_eq!(snapshot.completeness_notes, ["record_plane_not_projected", "artifact_plane_not_projected"]);
    let mut other = run("other");
    other.run_ref = run_ref("run:p.other");
    store.runs().put_run(other).unwrap();
    let empty = store.build_run_snapshot(&run_ref("run:p.other")).unwrap();
    assert_eq!(empty.completeness_notes[..2], ["environment_snapshot_missing", "relation_graph_empty"]);
    assert_eq!(code(store.build_run_snapshot(&run_ref("run:p.none"))), "metadata_row_not_found");
}

#[test]
fn integrity_names_missing_objects_and_repairs_are_data() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let store = contexta.metadata_store();
    everything(&store);
    let report = store.check_integrity(IntegrityDepth::Surface).unwrap();
    // The artifact of the relation may be recorded later.
    let codes: Vec<_> = report.issues.iter().map(|issue| issue.code).collect();
    assert_eq!((codes.as_slice(), report.errors, report.warnings), (&["missing_relation_target"][..], 0, 1));
    // An import can contain a stage without its run.
    let lines = concat!(
        r#"{"kind":"stage","object":{"stage_execution_ref":"stage:p.none.s","run_ref":"run:p.none","stage_name":"s","#,
        r#""status":"completed","started_at":"2024-01-02T00:00:00Z","ended_at":"2024-01-01T00:00:00Z"}}"#
    );
    import_lines(&contexta, lines);
    let report = store.check_integrity(IntegrityDepth::Full).unwrap();
    let issue = report.issues.iter().find(|issue| issue.code == "missing_stage_run").unwrap();
    assert_eq!(issue.subject, Some(any_ref("stage:p.none.s")));
    assert_eq!(issue.details, [("run_ref", "run:p.none".to_owned())]);
    assert!(report.issues.iter().any(|issue| issue.code == "stage_time_window_inverted"), "{report:?}");
    let plan = store.plan_repairs(Some(&report)).unwrap();
    assert!(!plan.ok && plan.actions.contains(&"review_or_remove_stage") && plan.log.is_empty(), "{plan:?}");
    let RepairPreview { summary_lines, .. } = store.preview_repairs(Some(plan)).unwrap();
    assert_eq!(summary_lines[0], "3 repair candidates");
    assert!(summary_lines.contains(&"review_or_remove_stage: stage:p.none.s (missing_stage_run)".to_owned()));
}

#[test]
fn full_check_finds_damage_of_the_log_and_plans_its_repair() {
    let disk = SimDisk::new(1);
    let contexta = open(&disk, 1);
    let store = contexta.metadata_store();
    store.projects().put_project(project("wine")).unwrap();
    let mut second = run("first-run");
    second.description = Some("description-to-damage".to_owned());
    store.runs().put_run(second).unwrap();
    store.stages().put_stage_execution(stage("train")).unwrap();
    contexta.close().unwrap();
    let healthy = open(&disk, 2).metadata_store();
    assert!(healthy.check_integrity(IntegrityDepth::Full).unwrap().ok);
    assert!(healthy.plan_repairs(None).unwrap().ok);
    assert_eq!(healthy.preview_repairs(None).unwrap().summary_lines, ["no repair is required"]);
    drop(healthy);
    damage(&disk, "description-to-damage");
    for path in disk.paths().into_iter().filter(|path| path.starts_with("/w/projections")) {
        disk.remove_tree(&path);
    }
    let store = open(&disk, 3).metadata_store();
    let report = store.check_integrity(IntegrityDepth::Full).unwrap();
    let codes: Vec<_> = report.issues.iter().map(|issue| issue.code).collect();
    assert_eq!(codes, ["missing_stage_run", "log_damaged"]);
    assert!(!store.check_integrity(IntegrityDepth::Surface).unwrap().notes.is_empty());
    let preview = store.preview_repairs(None).unwrap();
    assert!(preview.plan.actions.contains(&"repair_log") && !preview.plan.log.is_empty(), "{preview:?}");
}

#[test]
fn migration_to_the_current_version_is_empty_and_others_have_no_path() {
    let disk = SimDisk::new(1);
    let store = open(&disk, 1).metadata_store();
    assert_eq!(store.plan_migration(None).unwrap().current_version, None);
    store.projects().put_project(project("wine")).unwrap();
    let plan = store.plan_migration(None).unwrap();
    assert_eq!((plan.current_version, plan.target_version), (Some(0), 0));
    assert!(plan.steps.is_empty() && !plan.requires_migration);
    for result in [store.dry_run_migration(None).unwrap(), store.migrate(Some(0)).unwrap()] {
        assert_eq!((result.changed, result.warnings), (false, vec!["no_schema_changes_required"]));
    }
    assert_eq!(code(store.plan_migration(Some(7))), "metadata_migration_path_missing");
    assert_eq!(code(store.migrate(Some(7))), "metadata_migration_path_missing");
}
