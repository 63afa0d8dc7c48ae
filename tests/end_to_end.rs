//! Tests through the public library: capture, log, projections, queries and reports.

use crate::support::{LOG_ONLY, TempDir, open_sim, two_runs};
use contexta::capture::{ArtifactRegistration, EventEmission, MetricEmission};
use contexta::contract::AnyRecord;
use contexta::contract::{EventLevel, RelationType, RunStatus, StableRef, Value};
use contexta::engine::entry::{Position, Seq, StreamId};
use contexta::engine::log::directory::list_streams;
use contexta::engine::log::{Item, ScanMode, StreamReader};
use contexta::engine::storage::sim::SimDisk;
use contexta::interpretation::{BestRunOptions, Direction, Goal};
use contexta::recovery::{Head, Outcome, RebuildOptions, VerifyOptions};
use contexta::store::Durability;
use contexta::{Contexta, Options};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[test]
fn queries_return_the_captured_values() {
    let disk = SimDisk::new(1);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    let list = contexta.list_runs(None).unwrap();
    assert_eq!(
        list.runs.iter().map(|r| r.run.run_ref.to_string()).collect::<Vec<_>>(),
        ["run:wine.bad", "run:wine.good"]
    );
    let good = &list.runs[1];
    assert_eq!((good.run.status, good.run.params.len()), (RunStatus::Completed, 2));
    let series: Vec<_> =
        good.metrics.iter().map(|m| (m.key.metric_key.as_str(), m.count, m.last.value.as_f64())).collect();
    assert_eq!(series, [("accuracy", 1, 0.8), ("loss", 5, 0.2 + 0.1)]);
    assert_eq!(contexta.list_projects().unwrap().projects[0].name, "wine");

    let snapshot = contexta.run_snapshot("good").unwrap();
    assert_eq!(snapshot.stages[0].name, "train");
    assert_eq!(snapshot.environments.len(), 1);
    assert!(matches!(&snapshot.events[0].record, AnyRecord::Event(e) if e.payload.message == "go"));

    let points = contexta.step_series("good", "loss", Some("train")).unwrap().points;
    assert_eq!(points.iter().map(|p| p.step).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);

    let comparison = contexta.compare_runs("good", "bad").unwrap();
    assert_eq!(comparison.params.len(), 1);
    assert_eq!(comparison.metric_deltas[0].metric_key, "accuracy");
    assert_eq!(
        comparison.stage_comparisons[0].metric_deltas[0].delta,
        Some((0.7 + 0.1 - (0.2 + 0.1)).into())
    );

    let options = BestRunOptions {
        stage_name: Some("train".into()),
        goal: Goal::Minimize,
        ..BestRunOptions::default()
    };
    let best = contexta.select_best_run("loss", options).unwrap();
    assert_eq!(best.ranking[0].run.run_ref.last_component(), "good");
    let report = contexta::to_markdown(&contexta.build_run_report("good", "bad").unwrap());
    assert!(report.contains("| alpha | 0.1 | 0.9 |"), "{report}");
}

#[test]
fn environment_variables_are_captured_only_when_named() {
    let open = |names: &[&str]| {
        let disk = SimDisk::new(1);
        let options = Options::new("/w").storage(disk.process(1)).environment_variables(names);
        let contexta = options.open().unwrap();
        contexta.run("a").run_id("a").start().unwrap().complete().unwrap();
        contexta.run_snapshot("a").unwrap().environments[0].snapshot.environment_variables.clone()
    };
    assert!(open(&[]).is_empty());
    assert_eq!(open(&["CARGO_PKG_NAME"]).into_keys().collect::<Vec<_>>(), ["CARGO_PKG_NAME"]);
}

#[test]
fn scopes_end_explicitly_or_by_their_drop() {
    let disk = SimDisk::new(2);
    let contexta = open_sim(&disk, 1, "/w");
    let status = |run: &str| contexta.run_snapshot(run).unwrap().run.status;
    let stage_status = |run: &str| contexta.run_snapshot(run).unwrap().stages[0].status;

    let run = contexta.run("a").run_id("failed").start().unwrap();
    let stage = run.stage("train").unwrap();
    run.fail("it was a trial").unwrap();
    assert_eq!(stage.status(), RunStatus::Failed);
    assert_eq!(run.complete().unwrap_err().code(), "runtime_scope_closed");
    assert_eq!(stage.metric("loss", 1.0).unwrap_err().code(), "runtime_scope_closed");
    assert_eq!((status("failed"), stage_status("failed")), (RunStatus::Failed, RunStatus::Failed));

    drop(contexta.run("a").run_id("dropped").start().unwrap());
    assert_eq!(status("dropped"), RunStatus::Failed);

    let session = contexta.session().clone();
    let panicked = std::thread::spawn(move || {
        let run = session.run("a").run_id("panicked").start().unwrap();
        let _stage = run.stage("train").unwrap();
        std::panic::resume_unwind(Box::new("a training loop that panics"));
    });
    assert!(panicked.join().is_err());
    assert_eq!((status("panicked"), stage_status("panicked")), (RunStatus::Failed, RunStatus::Failed));

    let open = contexta.run("a").run_id("open").start().unwrap();
    assert_eq!(status("open"), RunStatus::Open);
    open.cancel().unwrap();
}

#[test]
fn runs_with_equal_names_are_distinct_and_names_need_no_letters() {
    let disk = SimDisk::new(3);
    let contexta = open_sim(&disk, 1, "/w");
    for name in ["ridge", "ridge", "日本", &"x".repeat(300)] {
        contexta.run(name).start().unwrap().complete().unwrap();
    }
    let runs = contexta.list_runs(None).unwrap().runs;
    let ids: BTreeSet<_> = runs.iter().map(|r| r.run.run_ref.clone()).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(contexta.run_snapshot("日本").unwrap().run.name, "日本");
    let ambiguous = contexta.run_snapshot("ridge").unwrap_err();
    assert_eq!(ambiguous.code(), "query_run_ambiguous");
    let stages = contexta.run("a").run_id("a").start().unwrap();
    let names: Vec<_> =
        (0..3).map(|_| stages.stage("Epoch").unwrap().stage_ref().last_component().to_owned()).collect();
    assert_eq!(names, ["epoch", "epoch-2", "epoch-3"]);
}

#[test]
fn answers_have_a_json_form_with_their_notes() {
    use contexta::Answer as _;
    let disk = SimDisk::new(6);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    let value = contexta.step_series("good", "accuracy", None).unwrap().to_value();
    assert_eq!(value.get("has_steps"), Some(&Value::Bool(false)));
    let points = [("value", Value::from(0.8)), ("step", Value::Int(0))];
    let Some(Value::List(list)) = value.get("points") else { panic!("{value:?}") };
    for (member, expected) in points {
        assert_eq!(list[0].get(member), Some(&expected), "{member}");
    }
    let json = contexta.select_best_run("accuracy", BestRunOptions::default()).unwrap().to_json().unwrap();
    for part in ["\"goal\": \"maximize\"", "\"run_id\": \"run:wine.", "\"value\": 0.8", "\"notes\": []"] {
        assert!(json.contains(part), "{part}: {json}");
    }
    let json = contexta.list_projects().unwrap().to_json().unwrap();
    assert!(json.contains("\"project_ref\": \"project:wine\""), "{json}");
}

/// The beginning of an id or name selects a run; an exact id or name takes precedence.
#[test]
fn beginning_of_an_id_or_name_selects_a_run_if_it_is_unique() {
    let disk = SimDisk::new(7);
    let contexta = open_sim(&disk, 1, "/w");
    for (name, id) in [("Größe 1", "a1"), ("other", "a12"), ("other", "b-27"), ("zero\0tail", "d4")] {
        contexta.run(name).run_id(id).start().unwrap().complete().unwrap();
    }
    let found = |asked: &str| {
        let found = contexta.store().read(|view| view.find_run(asked));
        found.map(|run| run.run_ref.last_component().to_owned())
    };
    for (asked, id) in
        [("a1", "a1"), ("a12", "a12"), ("b", "b-27"), ("Grö", "a1"), ("d", "d4"), ("zer", "d4")]
    {
        assert_eq!(found(asked).unwrap(), id, "{asked}");
    }
    for asked in ["a", "other", "ot"] {
        let error = found(asked).unwrap_err();
        assert_eq!(error.code(), "query_run_ambiguous", "{asked}: {error}");
    }
    assert!(found("other").unwrap_err().to_string().ends_with("run:wine.a12, run:wine.b-27"));
    let by_ref = contexta::contract::RunRef::parse("run:wine.a12").unwrap();
    assert_eq!(contexta.run_snapshot(&by_ref).unwrap().run.run_ref, by_ref);
    for asked in ["", " ", "27", "x"] {
        assert_eq!(found(asked).unwrap_err().code(), "query_run_not_found", "{asked:?}");
    }
    for asked in ["run:", "run:bad id", " run:Wine.a1 "] {
        assert_eq!(found(asked).unwrap_err().code(), "stable_ref_invalid_value", "{asked:?}");
    }
    for asked in ["wine", " wine ", "project:wine\n"] {
        assert_eq!(contexta.list_runs(asked).unwrap().total, 4, "{asked:?}");
    }
}

/// A query about one run reads the same rows, however many other runs, processes and imports the workspace has.
#[test]
fn question_about_one_run_reads_no_rows_of_other_runs() {
    let cost = |others: u32| {
        let disk = SimDisk::new(8);
        for process in 0..others {
            let contexta = open_sim(&disk, 10 + process, "/w");
            let run = contexta.run("other").run_id(&format!("other-{process}")).start().unwrap();
            run.metric("loss", 0.5).unwrap();
            run.complete().unwrap();
        }
        let contexta = open_sim(&disk, 1, "/w");
        let run = contexta.run("asked").run_id("id").start().unwrap();
        run.metric("loss", 0.25).unwrap();
        run.complete().unwrap();
        let rows = |asked: &str| {
            let read = contexta.store().read(|view| {
                assert_eq!(view.find_run(asked)?.project_name, "wine");
                Ok::<_, contexta::store::Error>(view.rows_read())
            });
            read.unwrap()
        };
        [rows("id"), rows("asked"), rows("ask"), rows("run:wine.id"), rows("wine.id")]
    };
    assert_eq!(cost(2), cost(60));
}

#[test]
fn nan_and_infinite_metrics_are_points() {
    let disk = SimDisk::new(4);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    run.emit_all([
        MetricEmission::new("loss", 0.5).step(1),
        MetricEmission::new("loss", f64::NEG_INFINITY).step(2),
        MetricEmission::new("loss", f64::NAN).step(3),
    ])
    .unwrap();
    run.complete().unwrap();
    let snapshot = contexta.run_snapshot("a").unwrap();
    assert_eq!((snapshot.metrics[0].count, snapshot.events.len()), (3, 0));
    let points = contexta.step_series("a", "loss", None).unwrap().points;
    let values: Vec<String> = points.iter().map(|point| point.value.to_string()).collect();
    assert_eq!(values, ["0.5", "-inf", "nan"]);
}

#[test]
fn batch_with_an_invalid_emission_appends_nothing() {
    let disk = SimDisk::new(5);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let refused =
        run.emit_all([MetricEmission::new("loss", 1.0), MetricEmission::new("not\na key", 1.0)]).unwrap_err();
    assert_eq!(refused.code(), "record_invalid_metric_key");
    let event = EventEmission::new(" ", "loaded").level(EventLevel::Warning);
    assert_eq!(run.emit(event).unwrap_err().code(), "context_invalid_string");
    assert!(contexta.run_snapshot("a").unwrap().metrics.is_empty());
}

#[test]
fn parameter_set_again_replaces_the_value_of_any_process() {
    let disk = SimDisk::new(6);
    let one = open_sim(&disk, 1, "/w");
    let two = open_sim(&disk, 2, "/w");
    let run = one.run("a").run_id("shared").start().unwrap();
    run.param("lr", 0.1).unwrap();
    run.param("lr", 0.2).unwrap();
    let row = one.run_snapshot("shared").unwrap().run;
    assert_eq!((row.params["lr"].clone(), row.conflicts.len()), (0.2.into(), 0));
    // Another process joins the run by its id and sets another value.
    let other = two.run("a").run_id("shared").start().unwrap();
    other.param("lr", 0.9).unwrap();
    let snapshot = two.run_snapshot("shared").unwrap();
    assert_eq!((snapshot.run.params["lr"].clone(), snapshot.run.conflicts.len()), (0.9.into(), 0));
    run.complete().unwrap();
    assert_eq!(two.run_snapshot("shared").unwrap().run.status, RunStatus::Open);
    other.complete().unwrap();
    assert_eq!(two.run_snapshot("shared").unwrap().run.status, RunStatus::Completed);
}

#[test]
fn artifacts_are_stored_once_and_have_lineage_in_both_directions() {
    let dir = TempDir::new("lineage");
    let contexta =
        Options::new(dir.path().join("w")).project("wine").detect_code_revision(false).open().unwrap();
    let (data, model) = (dir.path().join("wine.csv"), dir.path().join("model.bin"));
    std::fs::write(&data, "a,b\n1,2\n").unwrap();
    std::fs::write(&model, [0u8, 1, 2, 255]).unwrap();
    let mut artifacts = Vec::new();
    for id in ["one", "two"] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        let data = run.register(ArtifactRegistration::input("dataset_snapshot", &data)).unwrap();
        let stage = run.stage("train").unwrap();
        let model = stage.register_artifact("model_bundle", &model).unwrap();
        run.relate(model.artifact_ref(), RelationType::EvaluatedOn, data.artifact_ref()).unwrap();
        run.complete().unwrap();
        artifacts.push((data, model));
    }
    let (data, model) = &artifacts[0];
    // Digest of the four bytes, from sha256sum(1).
    let sha256 = "3d1f57c984978ef98a18378c8166c1cb8ede02c03eeb6aee7e2f121dfeee3e56";
    assert_eq!((model.manifest.size_bytes, model.manifest.hash_value.as_deref()), (Some(4), Some(sha256)));
    assert_eq!(data.artifact_ref().to_string(), "artifact:wine.one.wine");
    let mut bodies = Vec::new();
    for shard in std::fs::read_dir(contexta.paths().objects()).unwrap() {
        bodies.extend(std::fs::read_dir(shard.unwrap().path()).unwrap());
    }
    assert_eq!(bodies.len(), 2, "one body per content");

    let walk = |subject: &StableRef, direction| {
        let walked = contexta.traverse_lineage(subject.as_str(), direction, 9).unwrap();
        walked.visited.iter().map(|visited| visited.subject.to_string()).collect::<Vec<_>>()
    };
    let up = walk(model.artifact_ref(), Direction::Upstream);
    assert!(
        up.contains(&"stage:wine.one.train".to_owned()) && up.contains(&data.artifact_ref().to_string()),
        "{up:?}"
    );
    let down = walk(data.artifact_ref(), Direction::Downstream);
    assert!(
        down.contains(&"run:wine.one".to_owned()) && down.contains(&model.artifact_ref().to_string()),
        "{down:?}"
    );
    let from_run = contexta.traverse_lineage("run:wine.one", Direction::Downstream, 9).unwrap();
    let own: &StableRef = model.artifact_ref();
    assert!(from_run.visited.iter().any(|visited| visited.subject == *own), "{:?}", from_run.visited);
    let unknown = contexta.traverse_lineage("artifact:wine.one.nothing", Direction::Both, 9).unwrap();
    assert_eq!((unknown.edges.len(), unknown.notes.len()), (0, 1), "{:?}", unknown.notes);
    assert_eq!(unknown.completeness_notes[0].summary, "lineage_root_has_no_relations");

    // A changed or lost body is reported by verify and by queries on the run.
    assert_eq!(contexta.verify(VerifyOptions::default()).unwrap().outcome, Outcome::Whole);
    let body = bodies[0].as_ref().unwrap().path();
    let content = std::fs::read(&body).unwrap();
    std::fs::write(&body, [content.as_slice(), b"x"].concat()).unwrap();
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    assert_eq!(report.problems[0].code, "artifact_body_damaged");
    std::fs::remove_file(&body).unwrap();
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    assert_eq!(report.problems[0].code, "artifact_body_missing");
    let notes = contexta.run_snapshot("one").unwrap().notes;
    assert!(notes.iter().any(|n| n.code == "artifact_body_missing"), "{notes:?}");
}

#[test]
fn deleted_projections_are_rebuilt_with_equal_answers_and_a_note() {
    let disk = SimDisk::new(7);
    two_runs(&open_sim(&disk, 1, "/w"));
    let answer = |process| {
        let contexta = open_sim(&disk, process, "/w");
        let list = contexta.list_runs(None).unwrap();
        (list.runs, contexta.digest().unwrap().0, list.notes)
    };
    let (runs, digest, _) = answer(2);
    let (again, _, notes) = answer(3);
    assert_eq!((&runs, notes.len()), (&again, 0), "a published generation is used: {notes:?}");
    disk.remove_tree(Path::new("/w/projections"));
    let (again, digest_again, notes) = answer(4);
    assert_eq!((&runs, &digest), (&again, &digest_again));
    assert_eq!(notes.iter().map(|n| n.code).collect::<Vec<_>>(), ["projections_rebuilt"]);
}

fn log_files(disk: &SimDisk, workspace: &str) -> Vec<PathBuf> {
    let is_segment = |p: &PathBuf| p.starts_with(workspace) && p.extension().is_some_and(|e| e == "seg");
    disk.paths().into_iter().filter(is_segment).collect()
}

#[test]
fn every_flipped_bit_is_reported_and_loses_only_its_frame() {
    let disk = SimDisk::new(8);
    let contexta = open_sim(&disk, 1, "/w");
    for id in ["a", "b", "c"] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        run.metric_at("loss", 1, 0.5).unwrap();
        run.complete().unwrap();
    }
    contexta.close().unwrap();
    let whole = contexta.list_runs(None).unwrap().runs;
    drop(contexta);
    let segment = log_files(&disk, "/w").remove(0);
    let bytes = disk.read(&segment).unwrap();
    let stream = segment.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    for bit in 0..bytes.len() * 8 {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        disk.overwrite(&segment, bad);
        let checked = Options::new("/w").storage(disk.process(2)).read_only().open().unwrap();
        let report = checked.verify(LOG_ONLY).unwrap();
        assert_eq!(report.outcome, Outcome::Damaged, "bit {bit}");
        let problem = &report.problems[0];
        assert_eq!(problem.stream.map(|s| s.to_string()), Some(stream.clone()), "bit {bit}");
        assert!(problem.segment.is_some() && problem.offset.is_some(), "bit {bit}: {problem:?}");
        let lost: u64 =
            report.problems.iter().filter_map(|p| p.lost).map(|(f, l)| l.map_or(0, |l| l.0 - f.0 + 1)).sum();
        // Each of the three runs has five entries: run, environment, writer, metric and end. The project and the
        // process have one entry each.
        let total: u64 = 3 * 5 + 2;
        assert_eq!(report.entries() + lost, total, "bit {bit}: {:?}", report.problems);
        // The largest frame contains the start of the first run: project, run, environment and writer.
        assert!(lost <= 4, "bit {bit}: more than one frame is lost");
        // A query costs more than a check, so only some cases query.
        if bit % 97 == 0 {
            disk.remove_tree(Path::new("/w/projections"));
            let list = checked.list_runs(None).unwrap();
            let intact = list.runs.iter().filter(|r| whole.contains(r)).count();
            assert!(intact >= 2, "bit {bit}: runs that were not touched are listed in full");
            let reported = list.notes.iter().any(|n| n.code == "log_gap" || n.code == "log_unfinished");
            assert_eq!(
                reported,
                lost > 0 || report.problems.iter().any(|p| p.lost.is_some()),
                "bit {bit}: {:?}",
                list.notes
            );
        }
    }
}

/// The list of runs reads each table once, and must equal the answers for single runs. The test damages the log at many
/// places. Some runs then have no start, no metrics, or only records.
#[test]
fn listed_runs_equal_the_runs_and_series_that_are_read_one_by_one() {
    let disk = SimDisk::new(8);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    for id in ["a", "empty", "zz"] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        if id != "empty" {
            run.event("noted", "go").unwrap();
            run.metric_at("loss", 1, 0.5).unwrap();
        }
        run.complete().unwrap();
    }
    contexta.close().unwrap();
    drop(contexta);
    let segment = log_files(&disk, "/w").remove(0);
    let bytes = disk.read(&segment).unwrap();
    let mut without_start = 0;
    for at in (4352..bytes.len()).step_by(89) {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        disk.overwrite(&segment, bad);
        disk.remove_tree(Path::new("/w/projections"));
        let contexta = Options::new("/w").storage(disk.process(2)).read_only().open().unwrap();
        let one_by_one = contexta.store().read(|view| {
            let runs = view.runs(None)?.into_iter();
            runs.map(|run| Ok((view.series_of(&run.run_ref)?, run))).collect::<Result<Vec<_>, _>>()
        });
        let mut one_by_one: Vec<_> = one_by_one.map_err(|e: contexta::store::Error| e).unwrap();
        one_by_one.sort_by(|(_, a), (_, b)| a.run_ref.cmp(&b.run_ref));
        for project in [None, Some("wine")] {
            let listed = contexta.list_runs(project).unwrap().runs;
            let mut listed: Vec<_> = listed.into_iter().map(|run| (run.metrics, Arc::new(run.run))).collect();
            listed.sort_by(|(_, a), (_, b)| a.run_ref.cmp(&b.run_ref));
            assert_eq!(listed, one_by_one, "byte {at}");
        }
        without_start += one_by_one.iter().filter(|(_, run)| run.started_at.is_none()).count();
    }
    assert!(without_start > 0);
}

#[test]
fn damage_newer_than_the_projections_is_reported() {
    let disk = SimDisk::new(9);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    contexta.close().unwrap();
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 2);
    let segment = log_files(&disk, "/w").remove(0);
    let mut bytes = disk.read(&segment).unwrap();
    let middle = (4352 + bytes.len()) / 2;
    bytes[middle] ^= 1;
    disk.overwrite(&segment, bytes);
    disk.advance(60_000_000_000);
    let list = open_sim(&disk, 2, "/w").list_runs(None).unwrap();
    assert!(list.notes.iter().any(|n| n.code == "log_gap"), "{:?}", list.notes);
}

/// Returns every entry of the log of a workspace.
fn entries(disk: &SimDisk, workspace: &str) -> BTreeMap<Position, (u64, Vec<u8>)> {
    let (storage, log) = (disk.process(99), Path::new(workspace).join("log"));
    let mut all = BTreeMap::new();
    for stream in list_streams(storage.as_ref(), &log).unwrap() {
        let mut reader = StreamReader::open(&storage, &log, stream, ScanMode::Full).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            let Item::Commit(commit) = item else { panic!("{item:?}") };
            for entry in commit.entries {
                all.insert(entry.stamp.position(), (entry.stamp.time, entry.payload));
            }
        }
    }
    all
}

#[test]
fn copied_workspaces_that_both_capture_never_reuse_a_position() {
    let disk = SimDisk::new(10);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    // One copy is made while the writer is open, and one after the writer has closed.
    disk.copy_tree(Path::new("/w"), Path::new("/live"));
    contexta.close().unwrap();
    drop(contexta);
    disk.copy_tree(Path::new("/w"), Path::new("/closed"));
    for (process, workspace) in [(2, "/w"), (3, "/live"), (4, "/closed"), (5, "/w")] {
        let contexta = open_sim(&disk, process, workspace);
        let run = contexta.run(workspace).start().unwrap();
        run.metric("loss", f64::from(process)).unwrap();
        run.complete().unwrap();
    }
    let mut meaning: BTreeMap<Position, (u64, Vec<u8>)> = BTreeMap::new();
    for workspace in ["/w", "/live", "/closed"] {
        for (position, entry) in entries(&disk, workspace) {
            let known = meaning.entry(position).or_insert_with(|| entry.clone());
            assert_eq!(*known, entry, "{position}");
        }
    }
    // The original continues its stream; the copies start new ones.
    let streams =
        |workspace| entries(&disk, workspace).into_keys().map(|p| p.stream).collect::<BTreeSet<StreamId>>();
    assert_eq!((streams("/w").len(), streams("/live").len(), streams("/closed").len()), (1, 2, 2));
}

#[test]
fn two_processes_capture_at_the_same_time() {
    let disk = SimDisk::new(11);
    let (one, two) = (open_sim(&disk, 1, "/w"), open_sim(&disk, 2, "/w"));
    let (a, b) = (one.run("a").run_id("a").start().unwrap(), two.run("b").run_id("b").start().unwrap());
    for step in 0..10 {
        a.metric_at("loss", step, step as f64).unwrap();
        b.metric_at("loss", step, -(step as f64)).unwrap();
    }
    let lists = [one.list_runs(None).unwrap().runs, two.list_runs(None).unwrap().runs];
    assert_eq!(lists[0], lists[1]);
    assert_eq!(lists[0].iter().map(|r| r.metrics[0].count).collect::<Vec<_>>(), [10, 10]);
    a.complete().unwrap();
    b.complete().unwrap();
    assert_eq!(one.digest().unwrap().0, two.digest().unwrap().0);
}

#[test]
fn read_only_disk_allows_queries_and_refuses_captures() {
    let disk = SimDisk::new(12);
    two_runs(&open_sim(&disk, 1, "/w"));
    disk.remove_tree(Path::new("/w/projections"));
    disk.set_read_only(true);
    let before = disk.paths();
    let contexta = open_sim(&disk, 2, "/w");
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 2);
    let rebuilt = contexta.rebuild(RebuildOptions::default()).unwrap();
    assert!(rebuilt.notes.iter().any(|n| n.code == "projections_not_saved"), "{:?}", rebuilt.notes);
    let refused = contexta.run("x").start().unwrap_err();
    assert_eq!(refused.code(), "storage_read_only");
    assert!(refused.hint().is_some());
    assert_eq!(Options::new("/new").storage(disk.process(3)).open().unwrap_err().code(), "storage_read_only");
    assert_eq!(disk.paths(), before, "nothing is half-written");
}

#[test]
fn directory_that_is_no_workspace_is_refused_and_unchanged() {
    let dir = TempDir::new("none");
    let missing = dir.path().join("missing");
    assert_eq!(Contexta::open_existing(&missing).unwrap_err().code(), "workspace_not_found");
    assert!(!missing.exists());
    let other = dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("thesis.tex"), "x").unwrap();
    assert_eq!(Contexta::open(&other).unwrap_err().code(), "workspace_invalid");
    assert_eq!(std::fs::read_dir(&other).unwrap().count(), 1);
    assert_eq!(Contexta::open(other.join("thesis.tex")).unwrap_err().code(), "workspace_invalid");
}

#[test]
fn segment_of_a_newer_format_is_reported_and_other_segments_are_read() {
    let disk = SimDisk::new(13);
    two_runs(&open_sim(&disk, 1, "/w"));
    disk.reboot();
    disk.advance(1_000_000_000);
    let contexta = open_sim(&disk, 2, "/w");
    contexta.run("third").run_id("third").start().unwrap().complete().unwrap();
    drop(contexta);
    disk.remove_tree(Path::new("/w/projections"));
    let first = log_files(&disk, "/w").remove(0);
    let mut bytes = disk.read(&first).unwrap();
    for at in [0usize, 4096] {
        // Format 7, which older readers cannot read, with a valid checksum.
        bytes[at + 8..at + 12].copy_from_slice(&[7, 0, 7, 0]);
        let salt = u64::from_le_bytes(*b"CTXASEG\0");
        let checksum = contexta::engine::checksum::salted_crc32(salt, &[&bytes[at..at + 252]]);
        bytes[at + 252..at + 256].copy_from_slice(&checksum.to_le_bytes());
    }
    disk.overwrite(&first, bytes);
    let list = open_sim(&disk, 3, "/w").list_runs(None).unwrap();
    assert_eq!(list.runs.iter().map(|r| r.run.name.as_str()).collect::<Vec<_>>(), ["third"]);
    let note = list.notes.iter().find(|n| n.code == "log_newer_format").expect("a note");
    assert!(note.message.contains("format 7"), "{}", note.message);
    let verified = open_sim(&disk, 4, "/w").verify(LOG_ONLY).unwrap();
    assert_eq!((verified.outcome, verified.problems[0].code), (Outcome::Damaged, "newer_format"));
}

#[test]
fn full_disk_loses_no_acknowledged_entry() {
    let disk = SimDisk::new(14);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let mut kept = 0;
    let stage = run.stage("train").unwrap();
    disk.set_free_bytes(Some(700));
    let refused = loop {
        match run.metric_at("loss", kept, 1.0) {
            Ok(_) => kept += 1,
            Err(e) => break e,
        }
    };
    assert_eq!(refused.code(), "storage_full");
    // Space is reserved for the ends of runs.
    stage.fail("it was a trial").unwrap();
    disk.set_free_bytes(None);
    run.metric_at("loss", kept, 1.0).unwrap();
    disk.set_free_bytes(Some(0));
    run.complete().unwrap();
    disk.set_free_bytes(None);
    let runs = contexta.list_runs(None).unwrap();
    assert_eq!(
        (runs.runs[0].metrics[0].count, runs.runs[0].run.status),
        (kept as u64 + 1, RunStatus::Completed)
    );
    assert!(!runs.notes.iter().any(|n| n.code.starts_with("log_")), "{:?}", runs.notes);
}

#[test]
fn saved_head_detects_losses_that_the_log_does_not_show() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let run = |id: &str| {
        let run = contexta.run(id).run_id(id).start().unwrap();
        run.metric_at("loss", 1, 0.5).unwrap();
        run.complete().unwrap()
    };
    let first = run("a");
    let segment = log_files(&disk, "/w").remove(0);
    let storage = disk.process(2);
    let stream = first.stream;
    let mut reader = StreamReader::open(&storage, "/w/log".as_ref(), stream, ScanMode::Follow).unwrap();
    while reader.next_item().unwrap().is_some() {}
    let end = reader.resume_point().offset as usize;
    let second = run("b");
    drop(contexta);
    let verify = |heads: &[Head]| {
        let checked = Options::new("/w").storage(disk.process(2)).read_only().open().unwrap();
        checked.verify(VerifyOptions { heads: heads.to_vec(), ..LOG_ONLY }).unwrap()
    };
    let whole = verify(&[first, second]);
    assert_eq!((whole.outcome, whole.heads), (Outcome::Whole, 2));
    let other = verify(&[Head { digest: second.digest, ..first }]);
    assert_eq!((other.outcome, other.problems[0].code), (Outcome::Damaged, "head_differs"));

    // A cut exactly after the first run: nothing in the log shows the loss.
    let cut = disk.read(&segment).unwrap()[..end].to_vec();
    disk.overwrite(&segment, cut);
    assert_eq!(verify(&[first]).outcome, Outcome::Whole);
    let lost = verify(&[first, second]);
    assert_eq!((lost.outcome, lost.heads, lost.problems.len()), (Outcome::Damaged, 1, 1));
    assert_eq!(lost.problems[0].lost, Some((first.seq.next(), Some(second.seq))));

    // An incomplete frame: with the head, the number of lost entries is known.
    let torn = disk.read(&segment).unwrap()[..end - 9].to_vec();
    disk.overwrite(&segment, torn);
    let unknown = verify(&[]).problems[0].lost.unwrap();
    assert_eq!(unknown.1, None);
    assert_eq!(verify(&[second]).problems[0].lost, Some((unknown.0, Some(second.seq))));

    disk.remove_tree(segment.parent().unwrap());
    let gone = verify(&[second]);
    assert_eq!((gone.outcome, gone.problems[0].code), (Outcome::Damaged, "stream_missing"));
}

#[test]
fn batched_entries_are_appended_before_a_query_and_at_the_end_of_a_scope() {
    let disk = SimDisk::new(17);
    let options = Options::new("/w").storage(disk.process(1)).durability(Durability::Batched);
    let contexta = options.open().unwrap();
    let run = contexta.run("a").run_id("a").start().unwrap();
    let captured = run.metric_at("loss", 1, 0.5).unwrap();
    assert_eq!(captured.durability(), Some(Durability::Batched));
    let count = |contexta: &Contexta| {
        contexta.list_runs(None).unwrap().runs[0].metrics.first().map_or(0, |m| m.count)
    };
    assert_eq!(count(&open_sim(&disk, 2, "/w")), 0);
    assert_eq!(count(&contexta), 1, "a question in the same process");
    let stage = run.stage("train").unwrap();
    stage.metric_at("loss", 2, 0.25).unwrap();
    assert_eq!(contexta.session().project_ref().to_string(), "project:default");
    stage.complete().unwrap();
    let metrics = &open_sim(&disk, 3, "/w").list_runs(None).unwrap().runs[0].metrics;
    assert_eq!(metrics.iter().map(|m| m.count).sum::<u64>(), 2, "the end of a scope");
}

#[test]
fn projections_dir_is_used_and_read_only_workspaces_write_no_projections() {
    let disk = SimDisk::new(19);
    disk.process(1).create_dir_all(Path::new("/local")).unwrap();
    let open = || Options::new("/w").storage(disk.process(1)).projections_dir("/local/tables");
    let run = open().open().unwrap().run("a").run_id("a").start().unwrap();
    run.metric_at("loss", 1, 0.5).unwrap();
    run.complete().unwrap();
    let asked = open().open().unwrap().list_runs(None).unwrap();
    let generations = |dir: &str| {
        let ours = |p: &PathBuf| p.starts_with(dir) && p.extension().is_some_and(|e| e == "gen");
        disk.paths().into_iter().filter(ours).count()
    };
    assert_eq!((generations("/local/tables"), generations("/w")), (1, 0));
    let again = open().read_only().open().unwrap().list_runs(None).unwrap();
    assert_eq!(again.runs, asked.runs);
    assert!(!again.notes.iter().any(|n| n.code == "projections_rebuilt"), "{:?}", again.notes);
    disk.set_read_only(true);
    let read = Options::new("/w").storage(disk.process(2)).read_only().open().unwrap();
    assert_eq!(read.list_runs(None).unwrap().runs, asked.runs);
    assert_eq!(generations("/w"), 0);
}

#[test]
fn capture_after_a_query_has_a_later_time() {
    let disk = SimDisk::new(18);
    disk.advance(30_000_000_000);
    let ahead = open_sim(&disk, 1, "/w");
    let run = ahead.run("a").run_id("a").start().unwrap();
    run.param("lr", 1_i64).unwrap();
    disk.advance(-30_000_000_000);
    let behind = open_sim(&disk, 2, "/w");
    behind.list_runs(None).unwrap();
    let other = behind.run("b").run_id("b").start().unwrap();
    other.complete().unwrap();
    let heads = behind.log_streams().unwrap();
    let times: Vec<_> = heads.iter().map(|row| row.last_time.unwrap()).collect();
    let own = heads.iter().position(|row| row.stream == behind.close().unwrap().unwrap().stream).unwrap();
    assert_eq!(times.iter().max(), Some(&times[own]), "{times:?}");
    // The clock is advanced by half a minute, but not by an hour. A note reports the hour.
    disk.advance(-3_600_000_000_000);
    let list = open_sim(&disk, 3, "/w").list_runs(None).unwrap();
    assert!(list.notes.iter().any(|n| n.code == "clock_ahead"), "{:?}", list.notes);
}

#[test]
fn records_are_identified_by_their_positions() {
    let disk = SimDisk::new(15);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let refs: BTreeSet<_> =
        (0..50).map(|_| run.event("tick", "tock").unwrap().record_ref().unwrap()).collect();
    assert_eq!(refs.len(), 50);
    run.complete().unwrap();
    let snapshot = contexta.run_snapshot("a").unwrap();
    let stored = snapshot.events.iter().map(|r| r.record.envelope().record_ref.clone());
    assert_eq!(stored.collect::<BTreeSet<_>>(), refs);
    // The entries of the project, run, environment, writer and process precede the record.
    assert_eq!(snapshot.events[0].position.seq, Seq(6));
}

#[test]
fn event_over_the_limit_of_an_entry_is_refused_with_its_kind_and_the_limit() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let error = run.event("tick", &"x".repeat(5 << 20)).unwrap_err();
    assert_eq!(error.code(), "entry_too_large");
    let text = error.to_string();
    assert!(text.starts_with("the event takes 5") && text.contains("at most 4194304 bytes"), "{text}");
    assert!(error.hint().unwrap().contains("artifact"));
    // The scope remains usable.
    run.event("tick", "tock").unwrap();
    run.complete().unwrap();
}

#[test]
fn new_workspace_is_opened_by_several_processes_and_after_an_interrupted_creation() {
    let dir = TempDir::new("many");
    let path = dir.path().join("w");
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let path = path.clone();
            std::thread::spawn(move || {
                let contexta = Contexta::open(&path).unwrap();
                contexta.run("a").run_id(&format!("r{n}")).start().unwrap().complete().unwrap();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(Contexta::open(&path).unwrap().list_runs(None).unwrap().runs.len(), 8);
    // The state after an interrupted creation of a workspace, or after creation by an older build.
    for begun in ["artifacts/objects", "projections", "artifacts", "log"] {
        let half = dir.path().join("half");
        std::fs::create_dir_all(half.join(begun)).unwrap();
        Contexta::open(&half).unwrap().run("a").start().unwrap().complete().unwrap();
        std::fs::remove_dir_all(&half).unwrap();
    }
    // A directory with only a directory `log` is not a workspace.
    let var = dir.path().join("var");
    std::fs::create_dir_all(var.join("log/apt")).unwrap();
    assert_eq!(Contexta::open(&var).unwrap_err().code(), "workspace_invalid");
    let file = dir.path().join("file");
    std::fs::create_dir(&file).unwrap();
    std::fs::write(file.join("log"), "x").unwrap();
    assert_eq!(Contexta::open(&file).unwrap_err().code(), "workspace_invalid");
}

#[test]
fn attribute_that_readers_would_refuse_is_left_out() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("a").run_id("a").start().unwrap();
    let nested = |depth: usize| (0..depth).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let (mut kept, mut left_out) = (0, 0);
    let mut emit = |value: Value| {
        let event = EventEmission::new("unusual", "x").attribute("value", value);
        let result = run.emit(event).unwrap();
        let is_kept = result.degradation_reasons().is_empty();
        *if is_kept { &mut kept } else { &mut left_out } += 1;
        assert_eq!(result.warnings().is_empty(), is_kept);
        is_kept
    };
    for depth in 0..80 {
        emit(nested(depth));
    }
    // More values than readers accept, in a few bytes.
    assert!(!emit(Value::List(vec![Value::Int(0); 1_100_000])));
    for digits in ["abc", "", "-", "01", "1e5"] {
        assert!(!emit(Value::Big(digits.to_owned())), "{digits:?}");
    }
    run.complete().unwrap();
    assert!(kept > 50 && left_out > 6);
    let snapshot = contexta.run_snapshot("a").unwrap();
    // A degraded marker follows each event whose attribute was left out.
    assert_eq!(snapshot.events.len(), kept + 2 * left_out);
    assert_eq!(contexta.verify(VerifyOptions::default()).unwrap().outcome, Outcome::Whole);
}

#[test]
fn verify_reports_damaged_projections_and_does_not_change_them() {
    let disk = SimDisk::new(17);
    two_runs(&open_sim(&disk, 1, "/w"));
    open_sim(&disk, 2, "/w").list_runs(None).unwrap();
    let generation = disk.paths().into_iter().find(|p| p.extension().is_some_and(|e| e == "gen")).unwrap();
    let mut bytes = disk.read(&generation).unwrap();
    bytes[9] ^= 1;
    disk.overwrite(&generation, bytes);
    let before = disk.paths();
    for process in 3..5 {
        let checked = Options::new("/w").storage(disk.process(process)).read_only().open().unwrap();
        let report = checked.verify(VerifyOptions::default()).unwrap();
        assert_eq!(report.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["projections_damaged"]);
        assert_eq!(disk.paths(), before);
    }
}

#[test]
fn verify_reports_projections_with_entries_that_the_log_has_lost() {
    let disk = SimDisk::new(18);
    two_runs(&open_sim(&disk, 1, "/w"));
    open_sim(&disk, 2, "/w").list_runs(None).unwrap();
    let stream = log_files(&disk, "/w").remove(0).parent().unwrap().to_path_buf();
    disk.remove_tree(&stream);
    let checked = Options::new("/w").storage(disk.process(3)).read_only().open().unwrap();
    let report = checked.verify(VerifyOptions::default()).unwrap();
    assert_eq!((report.outcome, report.problems[0].code), (Outcome::Damaged, "log_changed"));
    let list = open_sim(&disk, 4, "/w").list_runs(None).unwrap();
    assert!(
        list.runs.is_empty() && list.notes.iter().any(|n| n.code == "projections_rebuilt"),
        "{:?}",
        list.notes
    );
}

#[test]
fn numbered_names_never_equal_given_ones_and_conflicts_are_reported() {
    let dir = TempDir::new("names");
    let contexta =
        Options::new(dir.path().join("w")).project("p").detect_code_revision(false).open().unwrap();
    let run = contexta.run("a").run_id("a").param("alpha", 0.1).start().unwrap();
    for name in ["train", "train", "train-2", "train"] {
        drop(run.stage(name).unwrap());
    }
    for name in ["m.bin", "m.txt", "m-2.bin"] {
        std::fs::write(dir.path().join(name), name).unwrap();
        run.register_artifact("model_bundle", dir.path().join(name)).unwrap();
    }
    run.param("alpha", 0.2).unwrap();
    run.complete().unwrap();
    let snapshot = contexta.run_snapshot("a").unwrap();
    let stages: BTreeSet<_> = snapshot.stages.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(stages, BTreeSet::from(["train", "train-2", "train-2-2", "train-3"]));
    assert_eq!(snapshot.artifacts.len(), 3);
    assert_eq!((snapshot.run.params["alpha"].clone(), snapshot.run.conflicts.len()), (0.2.into(), 0));
    assert!(!snapshot.notes.iter().any(|n| n.code == "fact_conflict"), "{:?}", snapshot.notes);

    // The same ref registered by two independent handles: both bodies are kept, and the conflict is reported.
    let again = contexta.run("a").run_id("a").start().unwrap();
    std::fs::write(dir.path().join("m.bin"), "other").unwrap();
    again.register_artifact("model_bundle", dir.path().join("m.bin")).unwrap();
    again.complete().unwrap();
    let notes = contexta.run_snapshot("a").unwrap().notes;
    assert!(
        notes.iter().any(|n| n.code == "fact_conflict" && n.message.contains("artifact:p.a.m;")),
        "{notes:?}"
    );
}

#[test]
fn run_joined_by_id_has_the_first_start_and_the_last_end() {
    let disk = SimDisk::new(19);
    let (one, two) = (open_sim(&disk, 1, "/w"), open_sim(&disk, 2, "/w"));
    let a = one.run("ddp").run_id("ddp").start().unwrap();
    let began = a.started_at();
    disk.advance(1_000_000_000);
    let b = two.run("ddp").run_id("ddp").start().unwrap();
    a.complete().unwrap();
    disk.advance(1_000_000_000);
    b.complete().unwrap();
    let row = one.run_snapshot("ddp").unwrap().run;
    assert_eq!((row.started_at, row.conflicts.len()), (Some(began), 0));
    assert!(row.ended_at.unwrap().micros_since(began) >= 2_000_000);
}

#[test]
fn artifact_source_must_be_a_regular_file_or_directory() {
    let dir = TempDir::new("irregular");
    let contexta = Options::new(dir.path().join("w")).detect_code_revision(false).open().unwrap();
    let run = contexta.run("a").start().unwrap();
    for path in [dir.path().join("missing"), PathBuf::from("/dev/zero")] {
        let refused = run.register_artifact("model_bundle", &path).unwrap_err();
        assert_eq!(refused.code(), "artifact_source_missing", "{}", path.display());
    }
    run.complete().unwrap();
}

#[test]
fn equal_runs_rank_in_the_given_order_or_by_start() {
    let disk = SimDisk::new(20);
    let contexta = open_sim(&disk, 1, "/w");
    for id in ["z-first", "a-second"] {
        let run = contexta.run(id).run_id(id).start().unwrap();
        run.metric("f1", 0.5).unwrap();
        run.complete().unwrap();
        disk.advance(1_000_000_000);
    }
    for named in [vec![], vec!["z-first", "a-second"], vec!["a-second", "z-first"]] {
        for goal in [Goal::Maximize, Goal::Minimize] {
            let runs = named.iter().map(|id| (*id).to_owned()).collect();
            let options = BestRunOptions { runs, goal, ..BestRunOptions::default() };
            let best = contexta.select_best_run("f1", options).unwrap();
            let ids: Vec<_> = best.ranking.iter().map(|r| r.run.run_ref.last_component()).collect();
            assert_eq!(ids, if named.is_empty() { vec!["z-first", "a-second"] } else { named.clone() });
            assert!(best.notes.iter().any(|note| note.code == "best_run_tied"), "{:?}", best.notes);
        }
    }
}

/// A failed `complete` counts as an explicit end.
#[test]
fn run_whose_end_failed_to_append_is_not_cancelled_by_its_drop() {
    let disk = SimDisk::new(9);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("good").run_id("good").start().unwrap();
    disk.set_failing_syncs(true);
    run.complete().unwrap_err();
    disk.set_failing_syncs(false);
    drop(run);
    let list = contexta.list_runs(None).unwrap();
    assert_eq!(list.runs[0].run.status, RunStatus::Completed, "{:?}", list.runs[0].run);
}
