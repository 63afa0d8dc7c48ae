//! Capture of unusual data: an invalid member is dropped, and its object and the other facts of the call are captured.

use crate::support::open_sim;
use contexta::capture::{Emission, MetricEmission, ResultStatus};
use contexta::contract::{AnyRecord, ObjectKind, RunStatus, StableRef, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::{Contexta, Options};
use std::collections::BTreeMap;
use std::path::Path;

/// Returns, for each degraded marker of a run with the key `key`, its subject and the dropped members that it names.
fn markers(contexta: &Contexta, run: &str, key: &str) -> Vec<(String, Vec<String>)> {
    let snapshot = contexta.run_snapshot(run).unwrap();
    let marker = |record: &AnyRecord| match record {
        AnyRecord::Degraded(marker) if marker.payload.issue_key == key => {
            let members = marker.payload.attributes.get("members").and_then(Value::as_list).unwrap_or(&[]);
            let members = members.iter().map(|member| member.as_str().unwrap().to_owned()).collect();
            Some((marker.payload.subject_ref.as_ref().unwrap().to_string(), members))
        }
        _ => None,
    };
    snapshot.events.iter().filter_map(|row| marker(&row.record)).collect()
}

#[test]
fn unusual_members_of_a_run_are_left_out_and_named() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("Größe 1").run_id("Exp 1");
    let run = run.tag(" ", "x").tag("team", "").command(" ").code_revision("").dataset_ref("");
    let run = run.metadata("", 1).metadata("kept", 2).package(" ", "1").param("none", None::<i64>);
    let run = run.param("nan", f64::NAN).param("list", vec![1, 2]).label(" ").start().unwrap();
    let id = contexta::contract::refs::component_of_id("Exp 1", "run");
    assert_eq!(run.run_ref().as_str(), format!("run:wine.{id}"));
    run.complete().unwrap();
    let row = contexta.run_snapshot("Größe 1").unwrap().run;
    assert_eq!((row.status, row.tags["team"].as_str()), (RunStatus::Completed, ""));
    assert_eq!(row.metadata, BTreeMap::from([("kept".to_owned(), 2.into())]));
    let params = [("list", vec![1, 2].into()), ("nan", "NaN".into()), ("none", Value::Null)];
    assert_eq!(Value::Map(row.params), Value::map(params));
    let named = markers(&contexta, &id, "capture.members_left_out");
    let (subject, members) = named.first().unwrap();
    assert_eq!((named.len(), subject), (1, &format!("run:wine.{id}")));
    for path in ["Run $.tags. ", "Run $.command", "Run $.metadata.", "EnvironmentSnapshot $.packages. "] {
        assert!(members.iter().any(|member| member.starts_with(path)), "{path}: {members:?}");
    }
}

#[test]
fn unusual_member_of_a_record_does_not_cost_the_record_or_the_batch() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let odd: Emission = MetricEmission::new("loss", 0.25).unit(" ").tag(" ", "x").into();
    let results = run.emit_all([MetricEmission::new("acc", 0.5).into(), odd]).unwrap();
    let results = results.results();
    assert_eq!((results.len(), results[0].status()), (2, ResultStatus::Success));
    assert_eq!(results[1].degradation_reasons(), ["members_left_out"]);
    assert_eq!(results[1].warnings().len(), 2, "{:?}", results[1].warnings());
    // A point without a key is an error, and captures nothing.
    let nameless: Emission = MetricEmission::new(" ", 1.0).into();
    assert!(run.emit_all([MetricEmission::new("lost", 0.5).into(), nameless]).is_err());
    let metrics = contexta.run_snapshot("a").unwrap().metrics;
    let keys: Vec<&str> = metrics.iter().map(|series| series.key.metric_key.as_str()).collect();
    assert_eq!(keys, ["acc", "loss"]);
    let named = markers(&contexta, "a", "capture.members_left_out");
    assert_eq!(named.len(), 1, "{named:?}");
}

#[test]
fn end_before_the_start_has_the_time_of_the_start_and_a_marker() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    disk.advance(-10_000_000_000);
    run.complete().unwrap();
    let row = contexta.run_snapshot("a").unwrap().run;
    assert_eq!((row.status, row.ended_at), (RunStatus::Completed, row.started_at));
    let named = markers(&contexta, "a", "capture.end_before_start");
    assert_eq!(named, [("run:wine.a".to_owned(), vec![])]);
}

#[derive(serde::Serialize)]
struct Optimizer {
    lr: f64,
    api_key: &'static str,
}

#[derive(serde::Serialize)]
struct Config {
    seed: u64,
    optimizer: Optimizer,
    #[serde(rename = "a\nb")]
    unusable: u8,
}

const CONFIG: Config =
    Config { seed: u64::MAX, optimizer: Optimizer { lr: 0.1, api_key: "planted-secret" }, unusable: 1 };

#[test]
fn members_of_a_struct_become_parameters_with_dotted_names() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").params(&CONFIG).start().unwrap();
    let params = || contexta.run_snapshot("a").unwrap().run.params;
    assert_eq!(params()["seed"], Value::Big(u64::MAX.to_string()));
    assert_eq!(params()["optimizer.api_key"], "[redacted]".into());
    run.params(&Config { seed: 5, ..CONFIG }).unwrap();
    run.param("optimizer.lr", 0.2).unwrap();
    assert_eq!((params().len(), &params()["seed"], &params()["optimizer.lr"]), (3, &5.into(), &0.2.into()));
    assert!(contexta.run_snapshot("a").unwrap().run.conflicts.is_empty());
    assert_eq!(markers(&contexta, "a", "capture.members_left_out").len(), 2);
    assert_eq!(run.params(&[1, 2]).unwrap_err().code(), "context_invalid_mapping");
    assert!(contexta.run("b").params(&3).start().is_err());
}

#[test]
fn configuration_is_parameters_and_an_artifact_with_provenance() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").param("optimizer.lr", 0.5).config_snapshot(&CONFIG);
    let run = run.start().unwrap();
    run.complete().unwrap();
    let snapshot = contexta.run_snapshot("a").unwrap();
    assert_eq!(snapshot.run.params["optimizer.lr"], 0.5.into());
    assert_eq!(snapshot.run.params["seed"], Value::Big(u64::MAX.to_string()));
    let [artifact] = &snapshot.artifacts[..] else { panic!("{:?}", snapshot.artifacts) };
    assert_eq!(artifact.manifest.artifact_kind, "config_snapshot");
    assert_eq!(artifact.manifest.artifact_ref.as_str(), "artifact:wine.a.config-snapshot");
    let path = contexta.store().read(|view| Ok::<_, contexta::Error>(view.artifact_path(artifact))).unwrap();
    let text = String::from_utf8(disk.read(&path.unwrap()).unwrap()).unwrap();
    assert!(text.contains("\"lr\": 0.1") && !text.contains("planted-secret"), "{text}");
    let [edge] = &snapshot.relations[..] else { panic!("{:?}", snapshot.relations) };
    assert_eq!(edge.target_ref.as_str(), "artifact:wine.a.config-snapshot");
    let provenance =
        StableRef::from(edge.relation_ref.clone()).to_string().replace("relation:", "provenance:");
    let provenance: StableRef = provenance.parse().unwrap();
    let stored = contexta.store().read(|view| view.object(ObjectKind::Provenance, &provenance)).unwrap();
    assert!(stored.is_some(), "{provenance}");
}

#[test]
fn configuration_is_no_artifact_if_the_setting_is_off() {
    let disk = SimDisk::new(1);
    let options = Options::new("/w").project("wine").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.config_snapshot(false).open().unwrap();
    let run = contexta.run("a").run_id("a").config_snapshot(&CONFIG).start().unwrap();
    run.complete().unwrap();
    let snapshot = contexta.run_snapshot("a").unwrap();
    assert_eq!((snapshot.artifacts.len(), snapshot.run.params.len()), (0, 3));
}

#[test]
fn artifact_key_is_any_text() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    disk.overwrite(Path::new("/m.bin"), b"1".to_vec());
    let run = contexta.run("a").run_id("a").start().unwrap();
    for (key, component) in [("Best Model", "best-model-"), ("best", "best"), ("最佳", "artifact-")] {
        let what = contexta::capture::ArtifactRegistration::output("model_bundle", "/m.bin").key(key);
        let own = run.register(what).unwrap().artifact_ref().to_string();
        assert!(own.starts_with(&format!("artifact:wine.a.{component}")), "{own}");
    }
}
