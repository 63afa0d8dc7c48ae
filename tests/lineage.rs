//! Walks over the lineage graph: their directions, implied edges, confidences and notes.

use crate::support::TempDir;
use contexta::contract::json::read::parse;
use contexta::contract::{Confidence, StableRef};
use contexta::interpretation::{ImpliedKind, LineageTraversal};
use contexta::{Answer, Contexta, Direction, ImportSettings, ImportSource, Options, run_cli_captured};

/// A run with a stage, a batch, a sample and two artifacts, and a deployment of the model. The data was used, the model
/// was produced, and a report was derived from the model.
const LINES: &str = r#"
{"kind":"project","object":{"project_ref":"project:p","name":"p","created_at":"2026-01-01T00:00:00Z"}}
{"kind":"run","object":{"run_ref":"run:p.r","project_ref":"project:p","name":"r","status":"completed","started_at":"2026-01-01T00:00:00Z","ended_at":"2026-01-01T01:00:00Z"}}
{"kind":"deployment","object":{"deployment_execution_ref":"deployment:p.d","deployment_name":"d","project_ref":"project:p","artifact_ref":"artifact:p.r.model","run_ref":"run:p.r","status":"open","started_at":"2026-01-02T00:00:00Z"}}
{"kind":"stage","object":{"stage_execution_ref":"stage:p.r.train","run_ref":"run:p.r","stage_name":"train","status":"open","started_at":"2026-01-01T00:00:00Z"}}
{"kind":"batch","object":{"batch_execution_ref":"batch:p.r.train.b","batch_name":"b","run_ref":"run:p.r","stage_execution_ref":"stage:p.r.train","status":"open","started_at":"2026-01-01T00:00:00Z"}}
{"kind":"relation","object":{"relation_ref":"relation:produced","relation_type":"produced_by","source_ref":"artifact:p.r.model","target_ref":"stage:p.r.train","recorded_at":"2026-01-01T00:00:00Z","origin_marker":"explicit","confidence_marker":"medium"}}
{"kind":"relation","object":{"relation_ref":"relation:consumed","relation_type":"consumed_by","source_ref":"artifact:p.r.data","target_ref":"stage:p.r.train","recorded_at":"2026-01-01T00:00:00Z","origin_marker":"explicit","confidence_marker":"high"}}
{"kind":"relation","object":{"relation_ref":"relation:derived","relation_type":"derived_from","source_ref":"artifact:q.r.report","target_ref":"artifact:p.r.model","recorded_at":"2026-01-01T00:00:00Z","origin_marker":"inferred","confidence_marker":"low"}}
{"kind":"provenance","object":{"provenance_ref":"provenance:v","relation_ref":"relation:derived","assertion_mode":"explicit","asserted_at":"2026-01-01T00:00:00Z"}}
{"kind":"artifact","object":{"artifact_ref":"artifact:p.r.model","artifact_kind":"model","run_ref":"run:p.r","stage_execution_ref":"stage:p.r.train","created_at":"2026-01-01T00:00:00Z","producer_ref":"t","location_ref":"m"}}
{"kind":"artifact","object":{"artifact_ref":"artifact:p.r.data","artifact_kind":"data","run_ref":"run:p.r","created_at":"2026-01-01T00:00:00Z","producer_ref":"t","location_ref":"d"}}
"#;

fn workspace(lines: &str) -> (TempDir, Contexta) {
    let dir = TempDir::new("walks");
    let contexta = Options::new(dir.path()).detect_code_revision(false).open().unwrap();
    let lines = lines.trim_start();
    let source = ImportSource::Reader("lines", &mut lines.as_bytes());
    contexta.import_jsonl(source, ImportSettings::default()).unwrap();
    (dir, contexta)
}

fn edges(walked: &LineageTraversal) -> Vec<(&str, Direction, usize)> {
    let edge = walked.edges.iter();
    edge.map(|e| (e.edge.relation_ref.value(), e.direction, e.depth)).collect()
}

fn visited(walked: &LineageTraversal) -> Vec<(&str, Option<Confidence>)> {
    walked.visited.iter().map(|v| (v.subject.as_str(), v.confidence)).collect()
}

fn implied(walked: &LineageTraversal) -> Vec<String> {
    let edge = walked.implied.iter();
    edge.map(|e| format!("{} {} {}", e.source.value(), e.kind.as_str(), e.target.value())).collect()
}

#[test]
fn deployment_leads_to_model_stage_and_data() {
    let (_dir, contexta) = workspace(LINES);
    let up = contexta.traverse_lineage("deployment:p.d", Direction::Upstream, None).unwrap();
    let way = Direction::Upstream;
    // The run of the deployment contains the model and the stage, at the same depth as the model itself.
    assert_eq!(edges(&up), [("consumed", way, 1), ("produced", way, 1)]);
    assert!(up.reaches(&StableRef::parse("artifact:p.r.data").unwrap()), "{:?}", up.visited);
    assert!(implied(&up).contains(&"p.d deployed_from p.r.model".to_owned()), "{:?}", implied(&up));
    assert!(up.implied.iter().all(|edge| edge.kind != ImpliedKind::RunsIn));
    let down = contexta.traverse_lineage("artifact:p.r.data", Direction::Downstream, None).unwrap();
    assert_eq!(
        edges(&down),
        [
            ("consumed", Direction::Downstream, 0),
            ("derived", Direction::Downstream, 1),
            ("produced", Direction::Downstream, 1)
        ]
    );
    assert!(down.reaches(&StableRef::parse("deployment:p.d").unwrap()), "{:?}", down.visited);
}

#[test]
fn walks_have_the_lowest_confidence_of_their_path() {
    let (_dir, contexta) = workspace(LINES);
    let up = contexta.traverse_lineage("artifact:q.r.report", Direction::Upstream, 9).unwrap();
    let low = Some(Confidence::Low);
    let expected = [
        ("artifact:q.r.report", None),
        ("artifact:p.r.model", low),
        ("stage:p.r.train", low),
        ("artifact:p.r.data", low),
    ];
    assert_eq!(visited(&up), expected);
    let up = contexta.traverse_lineage("artifact:p.r.model", Direction::Upstream, 9).unwrap();
    let medium = Some(Confidence::Medium);
    assert_eq!(visited(&up)[1..], [("stage:p.r.train", medium), ("artifact:p.r.data", medium)]);
}

#[test]
fn batch_without_relations_leads_to_those_of_its_stage() {
    let (_dir, contexta) = workspace(LINES);
    let up = contexta.traverse_lineage("batch:p.r.train.b", Direction::Upstream, 0).unwrap();
    assert_eq!(edges(&up), [("consumed", Direction::Upstream, 0)]);
    assert_eq!(implied(&up), ["p.r.train.b part_of p.r.train", "p.r part_of p", "p.r.train part_of p.r"]);
    assert!(up.completeness_notes.is_empty());
    let both = contexta.traverse_lineage("batch:p.r.train.b", Direction::Both, None).unwrap();
    assert_eq!((both.edges.len(), both.visited.len(), both.implied.len()), (0, 1, 3));
    assert_eq!(both.completeness_notes[0].summary, "lineage_root_has_no_relations");
}

#[test]
fn relation_is_a_root() {
    let (_dir, contexta) = workspace(LINES);
    let up = contexta.traverse_lineage("relation:derived", Direction::Upstream, 1).unwrap();
    assert_eq!(edges(&up), [("derived", Direction::Upstream, 0), ("produced", Direction::Upstream, 1)]);
    let both = contexta.traverse_lineage("relation:derived", Direction::Both, 1).unwrap();
    assert_eq!((edges(&both), both.notes.len()), (vec![], 0));
}

#[test]
fn unknown_roots_have_a_note_and_malformed_ones_an_error() {
    let (_dir, contexta) = workspace(LINES);
    for root in ["artifact:p.r.none", "run:p.none", "record:p.r.none", "environment:p.r.none", "thing:x"] {
        let walked = contexta.traverse_lineage(root, Direction::Both, 1).unwrap();
        assert_eq!(walked.completeness_notes[0].summary, "lineage_root_has_no_relations", "{root}");
        assert_eq!(walked.notes[0].code, "lineage_subject_unknown", "{root}");
    }
    for root in ["run:p.r", "project:p", "deployment:p.d", "relation:derived"] {
        let walked = contexta.traverse_lineage(root, Direction::Both, 1).unwrap();
        assert!(walked.notes.is_empty(), "{root}");
    }
    for (root, code) in [("model", "stable_ref_invalid_text"), ("run:", "stable_ref_invalid_value")] {
        assert_eq!(contexta.traverse_lineage(root, Direction::Both, 1).unwrap_err().code(), code);
    }
}

/// The table of the Python package contexta 1.0.0 for the cycle x to y, y to z, z to x.
#[test]
fn cycles_end() {
    let edge = |own: &str, source: &str, target: &str| {
        format!(
            r#"{{"kind":"relation","object":{{"relation_ref":"relation:{own}","relation_type":"used","source_ref":"dataset:{source}","target_ref":"dataset:{target}","recorded_at":"2026-01-01T00:00:00Z","origin_marker":"explicit","confidence_marker":"high"}}}}"#
        )
    };
    let (_dir, contexta) =
        workspace(&[edge("c1", "x", "y"), edge("c2", "y", "z"), edge("c3", "z", "x")].join("\n"));
    let (out, inb) = (Direction::Outbound, Direction::Inbound);
    type Expected<'a> = (Direction, Option<usize>, &'a [(&'a str, Direction, usize)], &'a str);
    let expected: [Expected<'_>; 8] = [
        (out, Some(0), &[("c1", out, 0)], "x"),
        (out, Some(1), &[("c1", out, 0), ("c2", out, 1)], "x y"),
        (out, Some(2), &[("c1", out, 0), ("c2", out, 1), ("c3", out, 2)], "x y z"),
        (out, None, &[("c1", out, 0), ("c2", out, 1), ("c3", out, 2)], "x y z"),
        (inb, Some(1), &[("c2", inb, 1), ("c3", inb, 0)], "x z"),
        (inb, None, &[("c1", inb, 2), ("c2", inb, 1), ("c3", inb, 0)], "x z y"),
        (Direction::Both, Some(0), &[("c1", out, 0), ("c3", inb, 0)], "x"),
        (Direction::Both, None, &[("c1", out, 0), ("c2", out, 1), ("c3", inb, 0)], "x y z"),
    ];
    for (direction, depth_max, found, reached) in expected {
        let walked = contexta.traverse_lineage("dataset:x", direction, depth_max).unwrap();
        assert_eq!(edges(&walked), found, "{direction:?} {depth_max:?}");
        let visited: Vec<&str> = walked.visited.iter().map(|v| v.subject.value()).collect();
        assert_eq!(visited.join(" "), reached, "{direction:?} {depth_max:?}");
    }
}

#[test]
fn command_shows_counts_and_a_tree() {
    let (dir, contexta) = workspace(LINES);
    contexta.close().unwrap();
    drop(contexta);
    let run = |words: &[&str]| {
        let path = dir.path().to_str().unwrap();
        let argv = ["contexta", "--workspace", path, "lineage"].into_iter().chain(words.iter().copied());
        let output = run_cli_captured(argv.map(std::ffi::OsString::from));
        assert_eq!(output.exit_code, 0, "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = run(&["deployment:p.d", "--direction", "upstream"]);
    assert!(text.contains("Edges: 2, visited refs: 5"), "{text}");
    assert!(text.contains("deployed from artifact:p.r.model"), "{text}");
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    let json = parse(&run(&["artifact:q.r.report", "--format", "json"])).unwrap();
    assert_eq!(
        json.get("edges").unwrap().as_list().unwrap()[1]
            .get("provenance")
            .unwrap()
            .get("run_id")
            .unwrap()
            .as_str(),
        Some("run:q.r")
    );
    let walked = Options::new(dir.path()).detect_code_revision(false).open().unwrap();
    let walked = walked.traverse_lineage("artifact:q.r.report", Direction::Both, 3).unwrap();
    assert_eq!(json, walked.to_value());
}
