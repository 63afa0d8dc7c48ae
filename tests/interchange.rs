//! Interchange: workspaces of the Python package contexta 1.0.0, invalid lines, repeated and killed imports.

use crate::support::{TempDir, open_sim, two_runs};
use contexta::contract::json::read::parse;
use contexta::contract::{AnyRecord, StableRef, Timestamp, Value};
use contexta::engine::storage::sim::SimDisk;
use contexta::recovery::{DumpItem, DumpedEntry};
use contexta::{Contexta, ExportFilter, ImportReport, ImportSettings, ImportSource, MergeSettings, Options};
use flate2::read::GzDecoder;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/reference")
}

/// The directory with the workspaces of the Python package contexta 1.0.0.
const WORKSPACES: [&str; 14] = [
    "case01",
    "case03",
    "case05",
    "case07",
    "case09",
    "case11",
    "qs01",
    "quickstart",
    "seed-01",
    "seed-02",
    "seed-03",
    "seed-04",
    "seed-05",
    "seed-06",
];

fn lines_of(name: &str) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(reference().join(name).join("interchange.jsonl.gz")).unwrap();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

/// Returns the kind and the unchanged text of the object of each line.
fn objects(text: &str) -> Vec<(String, String)> {
    let one = |line: &str| {
        let value = parse(line).unwrap();
        let at = line.find("\"object\":").unwrap();
        (value.get("kind").unwrap().as_str().unwrap().to_owned(), line[at..].to_owned())
    };
    text.lines().map(one).collect()
}

fn sorted(text: &str) -> Vec<(String, String)> {
    let mut objects = objects(text);
    objects.sort();
    objects
}

fn records(text: &str) -> Vec<(String, String)> {
    objects(text).into_iter().filter(|(kind, _)| kind == "record").collect()
}

fn import(contexta: &Contexta, text: &str) -> ImportReport {
    import_with(contexta, text, ImportSettings::default()).unwrap()
}

/// Returns all entries of a log without gaps.
fn dumped_entries(contexta: &Contexta) -> Vec<DumpedEntry> {
    let entry = |item| match item {
        Ok(DumpItem::Entry(entry)) => entry,
        other => panic!("{other:?}"),
    };
    contexta.dump_log(None).unwrap().map(entry).collect()
}

fn import_with(
    contexta: &Contexta,
    text: &str,
    settings: ImportSettings<'_>,
) -> contexta::Result<ImportReport> {
    contexta.import_jsonl(ImportSource::Reader("lines", &mut text.as_bytes()), settings)
}

fn export(contexta: &Contexta) -> String {
    export_some(contexta, &ExportFilter::default())
}

fn export_some(contexta: &Contexta, filter: &ExportFilter) -> String {
    let mut out = Vec::new();
    let report = contexta.export_jsonl(&mut out, filter).unwrap();
    let expected = |code: &str| code == "projections_rebuilt" || code.starts_with("log_");
    assert!(report.notes.iter().all(|n| expected(n.code)), "{:?}", report.notes);
    String::from_utf8(out).unwrap()
}

#[test]
fn reference_workspaces_are_imported_whole_and_exported_byte_for_byte() {
    let dir = TempDir::new("golden-reference");
    for name in WORKSPACES {
        let contexta = Contexta::open(dir.path().join(name)).unwrap();
        let lines = reference().join(name).join("interchange.jsonl.gz");
        let import = || {
            let source = ImportSource::File(&lines);
            contexta.import_jsonl(source, ImportSettings::default()).unwrap()
        };
        let (original, report) = (lines_of(name), import());
        let count = original.lines().count() as u64;
        assert_eq!((report.lines, report.total().new, report.refused.len()), (count, count, 0), "{name}");
        assert_eq!((report.bodies_missing, report.bodies_differing, report.cut), (0, 0, None), "{name}");

        let out = dir.path().join(format!("{name}.out/lines.jsonl"));
        let all = ExportFilter::default();
        let exported = contexta.export_jsonl_file(&out, &all).unwrap();
        assert_eq!(exported.notes, [], "{name}");
        assert_eq!(exported.kinds.values().sum::<u64>(), count, "{name}");
        let written = std::fs::read_to_string(&out).unwrap();
        assert_eq!(sorted(&written), sorted(&original), "{name}");
        // Records keep the order in which they were appended.
        assert_eq!(records(&written), records(&original), "{name}");
        same_bodies(&original, &reference().join(name), &written, out.parent().unwrap());

        // Importing these lines or the exported lines a second time changes nothing.
        let (before, head) = (contexta.digest().unwrap().0, contexta.close().unwrap());
        let again = [import(), {
            let source = ImportSource::File(&out);
            contexta.import_jsonl(source, ImportSettings::default()).unwrap()
        }];
        for again in again {
            assert_eq!(
                (again.lines, again.total().unchanged, again.import, again.bodies_stored),
                (count, count, None, 0),
                "{name}"
            );
        }
        assert_eq!(contexta.digest().unwrap().0, before, "{name}");
        assert_eq!(contexta.close().unwrap().or(head), head, "{name}");
    }
}

/// Asserts that every artifact has the same body in both exports.
fn same_bodies(one: &str, one_dir: &Path, other: &str, other_dir: &Path) {
    let bodies = |text: &str, dir: &Path| {
        let mut bodies = Vec::new();
        for line in text.lines().map(|l| parse(l).unwrap()) {
            if let Some(path) = line.get("body").and_then(Value::as_str) {
                let own = line.get("object").unwrap().get("artifact_ref").unwrap().to_string();
                bodies.push((own, std::fs::read(dir.join(path)).unwrap()));
            }
        }
        bodies.sort();
        bodies
    };
    assert_eq!(bodies(one, one_dir), bodies(other, other_dir));
}

const PROJECT: &str = r#"{"kind":"project","object":{"created_at":"2024-01-01T00:00:00Z","extensions":[],"name":"P","project_ref":"project:p","schema_version":"1.0.0","tags":{}}}"#;

fn run_line(id: &str, more: &str) -> String {
    format!(
        r#"{{"kind":"run","object":{{{more}"extensions":[],"name":"R","project_ref":"project:p","run_ref":"run:p.{id}","schema_version":"1.0.0","started_at":"2024-01-01T00:00:00Z","status":"open"}}}}"#
    )
}

fn metric_line(key: &str, value: &str) -> String {
    format!(
        r#"{{"kind":"record","object":{{"envelope":{{"completeness_marker":"complete","correlation_refs":{{}},"degradation_marker":"none","extensions":[],"observed_at":"2024-01-01T00:00:00Z","producer_ref":"x","record_ref":"record:p.r.{key}","record_type":"metric","recorded_at":"2024-01-01T00:00:01Z","run_ref":"run:p.r","schema_version":"1.0.0"}},"payload":{{"aggregation_scope":"step","metric_key":"loss","tags":{{}},"value":{value},"value_type":"float"}}}}}}"#
    )
}

#[test]
fn invalid_line_is_refused_saved_and_reported_alone() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let bad = [
        "not json".to_owned(),
        metric_line("nan", "nan"),
        metric_line("parts", r#"{"a":1}"#),
        run_line("x", "").replace(r#""name":"R""#, r#""name":" ""#),
        r#"{"kind":"stage","object":{"run_ref":"run:p.r"}}"#.to_owned(),
    ];
    let mut lines = vec![PROJECT.to_owned(), run_line("r", "")];
    for (n, bad) in bad.iter().enumerate() {
        lines.push(bad.clone());
        lines.push(metric_line(&format!("k{n}"), "0.5"));
    }
    let text = lines.join("\n");
    let report = import(&contexta, &text);
    let total = report.total();
    assert_eq!((report.lines, total.new, total.refused), (12, 7, 5));
    assert_eq!((report.source.as_str(), report.not_kept), ("lines", 0));
    assert!(!report.is_complete());
    let refused: Vec<(&str, u64)> =
        report.kinds.iter().map(|(kind, count)| (kind.as_str(), count.refused)).collect();
    assert_eq!(refused, [("?", 2), ("project", 0), ("record", 1), ("run", 1), ("stage", 1)]);
    let reasons: Vec<(u64, &str)> = report.refused.iter().map(|r| (r.line, r.rejection.code)).collect();
    let expected = [
        (3, "deserialize_invalid_json"),
        (5, "deserialize_invalid_json"),
        (7, "record_invalid_metric_value"),
        (9, "context_invalid_string"),
        (11, "deserialize_invalid_payload"),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(report.refused[2].rejection.path, "$.object.payload.value");

    // Both the unchanged lines and the reasons are saved.
    let kept = report.quarantine.clone().unwrap();
    assert_eq!(disk.read(&kept).unwrap(), format!("{}\n", bad.join("\n")).into_bytes());
    let reasons = kept.to_string_lossy().replace(".jsonl", ".reasons.jsonl");
    assert_eq!(disk.read(Path::new(&reasons)).unwrap().iter().filter(|b| **b == b'\n').count(), 5);

    // Losses are recorded in the runs that the lines name. The run of a line that is not JSON is unknown.
    let snapshot = contexta.run_snapshot("run:p.r").unwrap();
    let losses: Vec<&str> = snapshot
        .events
        .iter()
        .filter_map(|r| match &r.record {
            AnyRecord::Degraded(d) => Some(d.payload.attributes["code"].as_str().unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(losses, ["record_invalid_metric_value", "deserialize_invalid_payload"]);
    assert_eq!(snapshot.metrics[0].count, 5);

    // A second import changes nothing, and saves the same lines once.
    let before = contexta.digest().unwrap().0;
    let again = import(&contexta, &text);
    assert_eq!((again.lines, again.total().new, again.total().unchanged, again.import), (12, 0, 7, None));
    assert_eq!(again.quarantine, Some(kept.clone()));
    assert_eq!(contexta.digest().unwrap().0, before);
    let quarantine =
        disk.paths().into_iter().filter(|p| p.starts_with(kept.parent().unwrap())).collect::<Vec<_>>();
    assert_eq!(quarantine.len(), 2, "{quarantine:?}");
}

#[test]
fn strict_import_stops_at_first_refused_line_and_keeps_lines_before() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let text = [PROJECT.to_owned(), run_line("r", ""), "{".to_owned(), metric_line("k", "1.5")].join("\n");
    let strict = ImportSettings { strict: true, ..ImportSettings::default() };
    let error = import_with(&contexta, &text, strict.clone()).unwrap_err();
    assert_eq!(error.code(), "import_refused");
    assert!(error.to_string().starts_with("line 3 was refused [deserialize_invalid_json]"), "{error}");
    let is_saved = |path: &&PathBuf| disk.read(path).is_some_and(|bytes| bytes == b"{\n");
    let saved = disk.paths().iter().find(is_saved).unwrap().to_string_lossy().into_owned();
    let hint = error.hint().unwrap();
    assert!(hint.contains(&saved) && hint.contains("without --strict"), "{hint}");
    assert_eq!(objects(&export(&contexta)).len(), 2);
    let mended = text.replace("\n{\n", "\n");
    let report = import_with(&contexta, &mended, strict).unwrap();
    assert_eq!((report.total().new, report.total().unchanged), (1, 2));
}

#[test]
fn lines_in_any_order_and_with_blank_lines_are_imported() {
    let good = [PROJECT.to_owned(), run_line("r", ""), metric_line("k", "1.5")];
    let expected = format!("{}\n", good.join("\n"));
    let mut packed = Vec::new();
    // A gzip stream with two members, as of two concatenated files.
    for part in [&good[..1], &good[1..]] {
        let mut one = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        one.write_all(format!("{}\n", part.join("\n")).as_bytes()).unwrap();
        packed.extend(one.finish().unwrap());
    }
    for (what, bytes) in [
        ("no newline at the end", good.join("\n").into_bytes()),
        ("carriage returns", good.join("\r\n").into_bytes()),
        ("a byte order mark", format!("\u{feff}{}", good.join("\n")).into_bytes()),
        ("blank lines", format!("\n \n{}\n\t\n\n", good.join("\n\n")).into_bytes()),
        ("gzip", packed.clone()),
    ] {
        let disk = SimDisk::new(16);
        let contexta = open_sim(&disk, 1, "/w");
        let source = ImportSource::Reader("x", &mut bytes.as_slice());
        let report = contexta.import_jsonl(source, ImportSettings::default()).unwrap();
        assert_eq!((report.lines, report.total().new, report.cut.clone()), (3, 3, None), "{what}");
        assert_eq!(export(&contexta), expected, "{what}");
    }
    // A truncated input: the lines before the cut are imported, and the cut is reported.
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let cut = &packed[..packed.len() - 20];
    let source = ImportSource::Reader("x", &mut &*cut);
    let report = contexta.import_jsonl(source, ImportSettings::default()).unwrap();
    assert!(report.total().new >= 1 && report.cut.is_some() && !report.is_complete(), "{report:?}");
    // An empty input is not an error and adds no entry.
    assert_eq!(import(&contexta, "").total().new, 0);
}

#[test]
fn too_long_line_is_refused_and_next_line_imported() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let long = "x".repeat(17 << 20);
    let report = import(&contexta, &format!("{PROJECT}\n{long}\n{}", run_line("r", "")));
    assert_eq!((report.total().new, report.refused[0].line), (2, 2));
    assert_eq!(report.refused[0].rejection.code, "import_line_too_long");
    // The saved part has the greatest length of a line.
    assert_eq!((disk.read(&report.quarantine.unwrap()).unwrap().len(), report.not_kept), ((16 << 20) + 1, 1));
    // A valid line that is too large for the log.
    let large = run_line("large", &format!(r#""description":"{}","#, "x".repeat(5 << 20)));
    let report = import(&contexta, &large);
    assert_eq!(report.refused[0].rejection.code, "import_object_too_large");
}

#[test]
fn later_import_replaces_earlier_one_and_repeated_earlier_one_changes_nothing() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let first = format!("{PROJECT}\n{}", run_line("r", r#""description":"one","#));
    let second = format!("{PROJECT}\n{}", run_line("r", r#""description":"two","#));
    import(&contexta, &first);
    assert_eq!(import(&contexta, &second).total().new, 1);
    assert_eq!(import(&contexta, &first).total().new, 0);
    let run = contexta.run_snapshot("run:p.r").unwrap().run;
    assert_eq!((run.description.as_deref(), run.conflicts.len()), (Some("two"), 0));
    assert_eq!(export(&contexta), format!("{second}\n"));
    // Both lines in one file: the later one is effective.
    let both = [PROJECT.to_owned(), run_line("q", r#""description":"one","#), run_line("q", "")].join("\n");
    let report = import(&contexta, &both);
    assert_eq!((report.total().new, report.total().unchanged), (2, 1));
    let run = contexta.run_snapshot("run:p.q").unwrap().run;
    // Attributes that the later line does not contain are removed.
    assert_eq!((run.description, run.conflicts.len()), (None, 0));
    let full = run_line("q", r#""metadata":{"m":1},"newer":1,"params":{"x":1,"y":2},"tags":{"a":"b"},"#);
    let full = full.replace("\"1.0.0\"", "\"1.3.0\"").replace(
        "\"extensions\":[]",
        r#""extensions":[{"fields":{"a":1},"namespace":"acme.x","readonly_fields":[]}]"#,
    );
    for line in [full, run_line("q", r#""params":{"x":1},"#)] {
        assert_eq!(import(&contexta, &line).total().new, 1);
        let runs = ExportFilter {
            runs: vec!["run:p.q".into()],
            kinds: vec!["run".into()],
            ..ExportFilter::default()
        };
        assert_eq!(parse(&export_some(&contexta, &runs)), parse(&line));
    }
}

#[test]
fn import_does_not_replace_captured_facts() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("r").run_id("r").start().unwrap();
    run.metric_at("loss", 1, 0.5).unwrap();
    run.event("a.b", "there").unwrap();
    let open = export(&contexta);
    run.complete().unwrap();
    let (whole, before) = (export(&contexta), contexta.digest().unwrap().0);
    assert_ne!(open, whole);
    // The workspace has all of these facts.
    let report = import(&contexta, &whole);
    assert_eq!((report.total().new, report.import), (0, None));
    assert_eq!(contexta.digest().unwrap().0, before);
    // An older status of the run is ignored.
    let older = import(&contexta, &open);
    assert_eq!((older.total().new, older.warnings["import_older_word"]), (0, 1));
    assert_eq!(export(&contexta), whole);
    assert_eq!(contexta.run_snapshot("r").unwrap().run.conflicts, Vec::<String>::new());

    // A record with the ref of a captured record and other content.
    let forged = whole.lines().find(|l| l.contains("\"metric\"")).unwrap().replace("0.5", "0.6");
    let report = import(&contexta, &forged);
    assert_eq!(report.refused[0].rejection.code, "import_record_conflict");

    // Another workspace imports and exports everything unchanged.
    let other = open_sim(&disk, 2, "/other");
    assert_eq!(import(&other, &whole).total().refused, 0);
    assert_eq!(export(&other), whole);
    assert_eq!(import(&other, &whole).total().new, 0);
}

#[test]
fn other_record_with_same_ref_is_refused() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let one = [PROJECT.to_owned(), run_line("r", ""), metric_line("k", "1.5")].join("\n");
    let text = [one.clone(), metric_line("k", "1.5"), metric_line("k", "2.5")].join("\n");
    for round in 0..2 {
        let report = import(&contexta, &text);
        assert_eq!(report.total().refused, 1, "{round}");
        let refused = &report.refused[0];
        assert_eq!((refused.line, refused.rejection.code), (5, "import_record_conflict"));
        assert_eq!(contexta.run_snapshot("run:p.r").unwrap().metrics[0].count, 1);
    }
}

#[test]
fn imported_fact_has_its_origin() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let text = [PROJECT.to_owned(), run_line("r", ""), metric_line("k", "1.5")].join("\n");
    let report = import(&contexta, &text);
    let run = StableRef::parse("run:p.r").unwrap();
    let origins = contexta.store().read(|view| view.origins(&run)).unwrap();
    let (origin, found) = &origins[0];
    let found = found.as_ref().unwrap();
    assert_eq!((origin.line, origin.import, found.source.as_str()), (2, found.id, "lines"));
    let dumped: Vec<_> =
        dumped_entries(&contexta).into_iter().map(|entry| (entry.kind, entry.origin)).collect();
    let id = report.import.unwrap();
    let expected = [
        ("import".to_owned(), None),
        ("project".to_owned(), Some((id.clone(), 1))),
        ("run".to_owned(), Some((id.clone(), 2))),
        ("metric".to_owned(), Some((id, 3))),
    ];
    assert_eq!(dumped, expected);
}

fn artifact_line(key: &str, more: &str, body: &str) -> String {
    format!(
        r#"{{"body":"{body}","kind":"artifact","object":{{"artifact_kind":"model_bundle","artifact_ref":"artifact:p.r.{key}","attributes":{{}},"created_at":"2024-01-01T00:00:00Z","extensions":[],{more}"location_ref":"here","producer_ref":"x","run_ref":"run:p.r","schema_version":"1.0.0"}}}}"#
    )
}

#[cfg(unix)]
#[test]
fn bodies_outside_their_directory_are_refused() {
    let dir = TempDir::new("bodies");
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("in/deep")).unwrap();
    std::fs::write(at("secret"), "secret").unwrap();
    std::fs::write(at("in/plain"), "body").unwrap();
    std::fs::write(at("in/deep/er"), "deeper").unwrap();
    std::os::unix::fs::symlink("../secret", at("in/link")).unwrap();
    std::os::unix::fs::symlink("plain", at("in/inner")).unwrap();
    let secret = at("secret").to_string_lossy().into_owned();
    let cases = [
        ("plain", "plain", true),
        ("deeper", "deep/er", true),
        ("inner", "./inner", true),
        ("link", "link", false),
        ("up", "../secret", false),
        ("around", "deep/../../secret", false),
        ("inside", "deep/../plain", false),
        ("absolute", secret.as_str(), false),
        ("missing", "nothing", false),
        ("directory", "deep", false),
        ("empty", "", false),
    ];
    let mut lines = vec![PROJECT.to_owned(), run_line("r", "")];
    lines.extend(cases.iter().map(|(key, body, _)| artifact_line(key, "", body)));
    lines.push(artifact_line("wrong-size", r#""size_bytes":3,"#, "plain"));
    std::fs::write(at("in/lines.jsonl"), lines.join("\n")).unwrap();
    let contexta = Contexta::open(at("w")).unwrap();
    let source = ImportSource::File(&at("in/lines.jsonl"));
    let report = contexta.import_jsonl(source, ImportSettings::default()).unwrap();
    assert_eq!((report.total().refused, report.total().new), (0, 14));
    assert_eq!((report.bodies_stored, report.bodies_missing, report.bodies_differing), (4, 8, 1));
    let snapshot = contexta.run_snapshot("run:p.r").unwrap();
    for (key, _, there) in cases {
        let row = snapshot.artifacts.iter().find(|a| a.manifest.artifact_ref.last_component() == key);
        assert_eq!(row.unwrap().body.is_some(), there, "{key}");
    }
    let losses = snapshot.events.iter().filter(|r| matches!(r.record, AnyRecord::Degraded(_))).count();
    assert_eq!(losses, 9);
    // The missing body is found later: it is stored, and no loss is recorded again.
    std::fs::write(at("in/nothing"), "found").unwrap();
    let source = ImportSource::File(&at("in/lines.jsonl"));
    let report = contexta.import_jsonl(source, ImportSettings::default()).unwrap();
    assert_eq!((report.total().new, report.bodies_stored), (1, 1), "{report:?}");
    assert_eq!(contexta.run_snapshot("run:p.r").unwrap().events.len(), 9);
    // Without a directory, bodies cannot be found. Stored bodies remain.
    let again = import(&contexta, &lines.join("\n"));
    assert_eq!(again.total().new, 0);
    assert!(contexta.run_snapshot("run:p.r").unwrap().artifacts.iter().any(|a| a.body.is_some()));
}

#[test]
fn export_filter_selects_lines() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    let count = |filter: ExportFilter| {
        let text = export_some(&contexta, &filter);
        let kinds: Vec<String> = objects(&text).into_iter().map(|(kind, _)| kind).collect();
        let of = |wanted: &str| kinds.iter().filter(|k| *k == wanted).count();
        (of("project"), of("run"), of("stage"), of("record"), kinds.len())
    };
    let default = ExportFilter::default;
    assert_eq!(count(default()), (1, 2, 2, 14, 21));
    assert_eq!(count(ExportFilter { runs: vec!["good".into()], ..default() }), (1, 1, 1, 7, 11));
    assert_eq!(count(ExportFilter { kinds: vec!["run".into()], ..default() }), (0, 2, 0, 0, 2));
    assert_eq!(count(ExportFilter { project: Some("wine".into()), ..default() }), (1, 2, 2, 14, 21));
    let metrics = ExportFilter {
        kinds: vec!["record".into()],
        record_types: vec![contexta::contract::RecordType::Metric],
        ..default()
    };
    assert_eq!(count(metrics).3, 12);
    let late = Timestamp::parse("2999-01-01T00:00:00Z").unwrap();
    assert_eq!(count(ExportFilter { since: Some(late), ..default() }).3, 0);
    assert_eq!(count(ExportFilter { until: Some(late), ..default() }).3, 14);
    let unknown = ExportFilter { runs: vec!["nobody".into()], ..default() };
    let error = contexta.export_jsonl(&mut Vec::new(), &unknown).unwrap_err();
    assert_eq!(error.code(), "query_run_not_found");
}

#[test]
fn records_of_several_processes_are_exported_in_order_of_append() {
    let disk = SimDisk::new(16);
    let (one, two) = (open_sim(&disk, 1, "/w"), open_sim(&disk, 2, "/w"));
    let (a, b) = (one.run("a").run_id("a").start().unwrap(), two.run("b").run_id("b").start().unwrap());
    disk.advance(1_000_000);
    for n in 0..50 {
        a.metric_at("loss", n, n as f64).unwrap();
        b.metric_at("loss", n, n as f64).unwrap();
    }
    let text = export(&one);
    let runs: Vec<String> = text
        .lines()
        .filter(|l| l.contains("\"record\""))
        .map(|l| {
            parse(l)
                .unwrap()
                .get("object")
                .unwrap()
                .get("envelope")
                .unwrap()
                .get("run_ref")
                .unwrap()
                .to_string()
        })
        .collect();
    assert_eq!(runs.len(), 100);
    assert!(runs.chunks(2).all(|pair| pair == ["run:wine.a", "run:wine.b"]), "{runs:?}");
}

#[test]
fn incomplete_object_is_noted_and_other_objects_exported() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    // A record of a run without a start.
    import(&contexta, &metric_line("k", "1.5"));
    let mut out = Vec::new();
    let report = contexta.export_jsonl(&mut out, &ExportFilter::default()).unwrap();
    assert_eq!(objects(&String::from_utf8(out).unwrap()).len(), 1);
    assert_eq!((report.note_counts["object_incomplete"], report.is_whole()), (1, false));
    let run = contexta.run("r").run_id("r").start().unwrap();
    run.param("alpha", 0.5).unwrap();
    let project = contexta::contract::ObjectKind::Project;
    let kept = contexta.store().read(|view| view.object(project, &StableRef::parse("project:wine").unwrap()));
    assert!(kept.unwrap().is_some());
}

#[test]
fn repeated_import_completes_killed_import() {
    let lines = lines_of("seed-02");
    // The bodies are not on the disk of this workspace.
    let text: String = lines.lines().filter(|l| !l.contains("\"body\":")).map(|l| format!("{l}\n")).collect();
    let whole = {
        let disk = SimDisk::new(16);
        let contexta = open_sim(&disk, 1, "/w");
        import(&contexta, &text);
        sorted(&export(&contexta))
    };
    let mut cut_in_between = 0;
    for moment in 1..60 {
        let disk = SimDisk::new(16);
        drop(open_sim(&disk, 1, "/w"));
        let process = disk.spawn(2);
        process.plan(
            contexta::engine::storage::sim::Moment::Change(moment),
            contexta::engine::storage::sim::Fault::Kill,
        );
        let options = Options::new("/w").storage(process.clone()).detect_code_revision(false);
        let died =
            options.open().and_then(|contexta| import_with(&contexta, &text, ImportSettings::default()));
        disk.kill(2);
        let contexta = open_sim(&disk, 3, "/w");
        let there = objects(&export(&contexta)).len();
        cut_in_between += usize::from(died.is_err() && there > 0 && there < whole.len());
        let report = import(&contexta, &text);
        assert_eq!(report.total().unchanged as usize, there, "killed at change {moment}");
        assert_eq!(sorted(&export(&contexta)), whole, "killed at change {moment}");
    }
    assert!(cut_in_between > 0, "no death fell into the middle");
}

#[test]
fn unknown_members_of_newer_version_are_kept() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let newer = |line: String| {
        line.replace(r#""schema_version":"1.0.0""#, r#""schema_version":"1.7.0","zebra":{"k":[1,null]}"#)
    };
    let text = [newer(PROJECT.to_owned()), newer(run_line("r", "")), newer(metric_line("k", "1.5"))]
        .join("\n")
        + "\n";
    let report = import(&contexta, &text);
    assert_eq!((report.total().new, report.warnings["schema.version_newer"]), (3, 3));
    let values = |text: &str| text.lines().map(|l| parse(l).unwrap()).collect::<Vec<_>>();
    assert_eq!(values(&export(&contexta)), values(&text));
    assert_eq!(import(&contexta, &text).total().new, 0);
    let major = PROJECT.replace("1.0.0", "2.0.0");
    assert_eq!(import(&contexta, &major).refused[0].rejection.code, "schema.version_mismatch");
    assert!(contexta.run_snapshot("run:p.r").unwrap().run.conflicts.is_empty());
}

#[test]
fn texts_quoted_by_errors_are_bounded() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let huge = metric_line("huge", "1").replace("\"loss\"", &format!("\"{}\"", "L".repeat(5 << 20)));
    let text = [PROJECT.to_owned(), run_line("r", ""), huge, metric_line("k", "1.5")].join("\n");
    let report = import(&contexta, &text);
    assert_eq!((report.total().new, report.total().refused), (3, 1));
    assert!(report.refused[0].rejection.message.len() < 600);
    assert_eq!(contexta.run_snapshot("run:p.r").unwrap().events.len(), 1);
    // Unknown kinds are counted together.
    let odd: String = (0..50).map(|n| format!("{{\"kind\":\"x{n}\",\"object\":{{}}}}\n")).collect();
    assert_eq!(import(&contexta, &odd).kinds.keys().collect::<Vec<_>>(), ["?"]);
    // A refused line does not create the run that it names.
    let typo = r#"{"kind":"stage","object":{"run_ref":"run:x.y"}}"#;
    assert_eq!(import(&contexta, typo).total().refused, 1);
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 1);
}

#[test]
fn record_imported_into_two_workspaces_is_one_after_merge() {
    let disk = SimDisk::new(16);
    let lines: Vec<String> = (0..5).map(|n| metric_line(&format!("k{n}"), &format!("{n}.5"))).collect();
    let text = [PROJECT.to_owned(), run_line("r", ""), lines.join("\n")].join("\n") + "\n";
    let (one, two) = (open_sim(&disk, 1, "/one"), open_sim(&disk, 2, "/two"));
    import(&one, &text);
    import(&two, &text);
    two.close().unwrap();
    one.merge("/two", MergeSettings::default()).unwrap();
    let check = |contexta: &Contexta| {
        assert_eq!(sorted(&export(contexta)), sorted(&text));
        let snapshot = contexta.run_snapshot("run:p.r").unwrap();
        assert_eq!((snapshot.metrics[0].count, &snapshot.metrics[0].max), (5, &Some(4.5.into())));
        assert_eq!(contexta.step_series("run:p.r", "loss", None).unwrap().points.len(), 5);
        assert!(snapshot.run.conflicts.is_empty());
    };
    check(&one);
    assert_eq!(import(&one, &text).total().new, 0);
    // A merge in the other direction gives the same tables.
    one.close().unwrap();
    two.merge("/one", MergeSettings::default()).unwrap();
    check(&two);
    assert_eq!(one.digest().unwrap().0, two.digest().unwrap().0);
}

#[test]
fn captured_record_and_its_imported_copy_are_one_after_merge() {
    let disk = SimDisk::new(16);
    let (one, two) = (open_sim(&disk, 1, "/one"), open_sim(&disk, 2, "/two"));
    two_runs(&one);
    let text = export(&one);
    import(&two, &text);
    one.close().unwrap();
    two.merge("/one", MergeSettings::default()).unwrap();
    assert_eq!(sorted(&export(&two)), sorted(&text));
    let snapshot = two.run_snapshot("run:wine.good").unwrap();
    assert_eq!(snapshot.metrics.iter().map(|m| m.count).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(snapshot.events.len(), 1);
}

#[test]
fn open_status_after_end_is_ignored() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let open = run_line("r", "");
    let closed = open
        .replace("\"open\"", "\"completed\"")
        .replace("{\"extensions\"", "{\"ended_at\":\"2024-01-02T00:00:00Z\",\"extensions\"");
    import(&contexta, &format!("{PROJECT}\n{closed}"));
    import(&contexta, &format!("{PROJECT}\n{open}"));
    assert_eq!(export(&contexta), format!("{PROJECT}\n{closed}\n"));
    // The same is true within one file, whatever the other members are.
    let draft = open.replace("{\"extensions\"", "{\"description\":\"draft\",\"extensions\"");
    let fresh = open_sim(&disk, 2, "/fresh");
    let report = import(&fresh, &format!("{PROJECT}\n{closed}\n{draft}"));
    assert_eq!((report.total().new, report.warnings["import_older_word"]), (2, 1));
    assert_eq!(export(&fresh), format!("{PROJECT}\n{closed}\n"));
    // The same three lines have the same result in one import and in three.
    let say = |n: &str| run_line("q", &format!(r#""description":"{n}","#));
    for rounds in [vec![[say("x"), say("y"), say("x")].join("\n")], vec![say("x"), say("y"), say("x")]] {
        let disk = SimDisk::new(16);
        let contexta = open_sim(&disk, 1, "/w");
        rounds.iter().for_each(|text| drop(import(&contexta, text)));
        let run = contexta.run_snapshot("run:p.q").unwrap().run;
        assert_eq!((run.description.as_deref(), run.conflicts.len()), (Some("y"), 0));
    }
}

#[test]
fn contradictory_object_is_noted_and_not_exported() {
    let disk = SimDisk::new(16);
    let (contexta, other) = (open_sim(&disk, 1, "/w"), open_sim(&disk, 2, "/other"));
    let deployment = |run: &str, more: &str| {
        format!(
            r#"{{"kind":"deployment","object":{{"deployment_execution_ref":"deployment:p.d","deployment_name":"d",{more}"extensions":[],"project_ref":"project:p","run_ref":"run:p.{run}","schema_version":"1.0.0","started_at":"2024-01-01T00:00:00Z","status":"open"}}}}"#
        )
    };
    import(&contexta, &deployment("a", r#""environment_snapshot_ref":"environment:p.a.k","#));
    // Two workspaces imported different lines independently.
    import(&other, &deployment("b", ""));
    other.close().unwrap();
    contexta.merge("/other", MergeSettings::default()).unwrap();
    let mut out = Vec::new();
    let report = contexta.export_jsonl(&mut out, &ExportFilter::default()).unwrap();
    assert_eq!((report.note_counts["object_contradictory"], report.is_whole()), (1, false));
}

#[test]
fn older_build_keeps_members_of_newer_one() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let newer = PROJECT
        .replace("\"1.0.0\"", "\"1.7.0\"")
        .replace("project:p", "project:wine")
        .replace("\"tags\":{}", "\"tags\":{},\"zebra\":1");
    import(&contexta, &newer);
    // This build records the same project.
    contexta.run("r").run_id("r").start().unwrap().complete().unwrap();
    let project = export(&contexta).lines().next().unwrap().to_owned();
    assert!(project.contains("\"zebra\":1") && project.contains("\"1.7.0\""), "{project}");
    // The same is true for members beside envelope and payload.
    let record = metric_line("k", "1.5")
        .replace("\"1.0.0\"", "\"1.7.0\"")
        .replace(",\"payload\"", ",\"newer\":[1],\"payload\"");
    assert_eq!(import(&contexta, &format!("{}\n{record}", run_line("r", ""))).total().new, 2);
    assert!(export(&contexta).contains("\"newer\":[1]"));
}

#[test]
fn strict_import_keeps_lines_before_every_type_of_refusal() {
    let long = "x".repeat(17 << 20);
    // A refused line that names a run is recorded as a loss of this run.
    for (bad, code, there) in
        [(metric_line("k", "9.5"), "import_record_conflict", 4), (long, "import_line_too_long", 3)]
    {
        let disk = SimDisk::new(16);
        let contexta = open_sim(&disk, 1, "/w");
        let text = [PROJECT.to_owned(), run_line("r", ""), metric_line("k", "1.5"), bad].join("\n");
        let strict = ImportSettings { strict: true, ..ImportSettings::default() };
        let error = import_with(&contexta, &text, strict).unwrap_err();
        assert!(error.to_string().contains(&format!("line 4 was refused [{code}]")), "{error}");
        assert_eq!(objects(&export(&contexta)).len(), there, "{code}");
        // The refused line is saved.
        assert!(disk.paths().iter().any(|p| p.to_string_lossy().ends_with(".reasons.jsonl")), "{code}");
    }
}

#[test]
fn captured_artifact_is_unchanged_and_older_manifest_keeps_body() {
    let dir = TempDir::new("artifact-again");
    let at = |name: &str| dir.path().join(name);
    let contexta = Options::new(at("w")).project("wine").detect_code_revision(false).open().unwrap();
    std::fs::write(at("model.bin"), "weights").unwrap();
    let run = contexta.run("r").run_id("r").start().unwrap();
    let output = contexta::capture::ArtifactRegistration::output("model_bundle", at("model.bin"));
    run.register(output.key("m")).unwrap();
    run.complete().unwrap();
    let out = at("out/lines.jsonl");
    let everything = ExportFilter::default();
    contexta.export_jsonl_file(&out, &everything).unwrap();
    let again = |contexta: &Contexta, file: &Path| {
        contexta.import_jsonl(ImportSource::File(file), ImportSettings::default()).unwrap()
    };
    let report = again(&contexta, &out);
    assert_eq!((report.total().new, report.import), (0, None));
    assert!(!contexta.run_snapshot("r").unwrap().artifacts[0].conflict);

    // Another workspace: a manifest with its body, a second manifest, and the first one again without a body.
    let other = Contexta::open(at("other")).unwrap();
    again(&other, &out);
    let lines = std::fs::read_to_string(&out).unwrap();
    let report = import(&other, &lines.replace("model_bundle", "checkpoint"));
    assert_eq!(report.total().new, 1, "{report:?}");
    // The second manifest has the same hash, and therefore the same body.
    assert!(other.run_snapshot("run:wine.r").unwrap().artifacts[0].body_present);
    let report = import(&other, &lines);
    assert_eq!(report.total().new, 0, "{report:?}");
    let artifact = &other.run_snapshot("run:wine.r").unwrap().artifacts[0];
    assert_eq!(artifact.manifest.artifact_kind, "checkpoint");
}

#[test]
fn loss_of_two_imports_is_recorded_once() {
    let disk = SimDisk::new(16);
    let (one, two) = (open_sim(&disk, 1, "/one"), open_sim(&disk, 2, "/two"));
    let text = [PROJECT.to_owned(), run_line("r", ""), metric_line("bad", "true")].join("\n");
    for contexta in [&one, &two] {
        assert_eq!(import(contexta, &text).total().refused, 1);
        disk.advance(1_000_000_000);
    }
    let report = import(&two, &export(&one));
    assert_eq!((report.total().refused, report.total().new), (0, 0), "{report:?}");
    assert_eq!(two.run_snapshot("run:p.r").unwrap().events.len(), 1);
}

#[test]
fn many_lines_about_one_object_are_imported() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let lines: Vec<String> = (0..9000).map(|n| run_line("r", &format!(r#""description":"{n}","#))).collect();
    let text = format!("{PROJECT}\n{}", lines.join("\n"));
    assert_eq!(import(&contexta, &text).total().new, 9001);
    let run = contexta.run_snapshot("run:p.r").unwrap().run;
    assert_eq!((run.description.as_deref(), run.conflicts.len()), (Some("8999"), 0));
    assert_eq!(import(&contexta, &text).total().new, 0);
}

#[test]
fn object_that_replaces_too_many_facts_is_refused() {
    let disk = SimDisk::new(16);
    let with_run = |description: &str| {
        format!("{PROJECT}\n{}", run_line("r", &format!(r#""description":"{description}","#)))
    };
    // The largest run that can be imported if it replaces nothing.
    let accepted = |len: &usize| {
        let fresh = open_sim(&disk, 1, &format!("/fresh{len}"));
        import(&fresh, &with_run(&"x".repeat(*len))).total().refused == 0
    };
    let len = (1..).map(|n| (4 << 20) - 1024 - 16 * n).find(accepted).unwrap();
    // Thirty different imports of it, each into a workspace of its own.
    let contexta = open_sim(&disk, 2, "/w");
    for n in 0..30 {
        let from = format!("/from{n}");
        let other = open_sim(&disk, 3 + n, &from);
        import(&other, &with_run(&format!("{n}")));
        other.close().unwrap();
        contexta.merge(&from, MergeSettings::default()).unwrap();
    }
    let report = import(&contexta, &with_run(&"x".repeat(len)));
    assert_eq!(report.refused[0].rejection.code, "import_object_too_large");
    let message = &report.refused[0].rejection.message;
    assert!(message.contains("facts that it replaces: 30"), "{message}");
    assert_eq!(report.kinds["run"].refused, 1);
    // A shorter one replaces all of them.
    assert_eq!(import(&contexta, &with_run(&"x".repeat(len - 1000))).total().new, 1);
    assert_eq!(contexta.run_snapshot("run:p.r").unwrap().run.conflicts.len(), 0);
}

#[test]
fn temporary_files_of_killed_imports_are_removed_and_body_directory_is_required() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let left = Path::new("/w/recovery/quarantine/import-lines-0123456789abcdef.tmp");
    disk.overwrite(left, b"x".to_vec());
    import(&contexta, PROJECT);
    assert_eq!(disk.read(left), None);
    let nowhere = ImportSettings { bodies: Some("/nowhere".into()), ..ImportSettings::default() };
    assert_eq!(import_with(&contexta, PROJECT, nowhere).unwrap_err().code(), "storage_not_found");
}

#[test]
fn full_disk_is_not_reported_as_missing_body() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    disk.overwrite(Path::new("/in/body"), vec![7; 1 << 20]);
    let text = [PROJECT.to_owned(), run_line("r", ""), artifact_line("a", "", "body")].join("\n");
    disk.overwrite(Path::new("/in/lines.jsonl"), text.into_bytes());
    let again = || {
        let source = ImportSource::File(Path::new("/in/lines.jsonl"));
        contexta.import_jsonl(source, ImportSettings::default())
    };
    disk.set_free_bytes(Some(300 << 10));
    assert_eq!(again().unwrap_err().code(), "storage_full");
    disk.set_free_bytes(None);
    let report = again().unwrap();
    assert_eq!((report.bodies_stored, report.bodies_missing), (1, 0));
    let snapshot = contexta.run_snapshot("run:p.r").unwrap();
    assert!(snapshot.artifacts[0].body_present && snapshot.events.is_empty());
}

/// Each operation of an import fails once. A body whose file cannot be read is missing; the workspace is not at fault.
#[test]
fn body_that_cannot_be_read_is_reported_as_missing() {
    use contexta::engine::storage::sim::{Fault, Moment};
    let unreadable =
        |report: &ImportReport| report.bodies.iter().any(|body| body.message.contains("could not be read: "));
    let (mut missing, mut stored) = (0, 0);
    for at in 0.. {
        let disk = SimDisk::new(16);
        disk.overwrite(Path::new("/in/body"), vec![7; 10_000]);
        let text = [PROJECT.to_owned(), run_line("r", ""), artifact_line("a", "", "body")].join("\n");
        let process = disk.spawn(1);
        let options = Options::new("/w").storage(process.clone()).detect_code_revision(false);
        let contexta = options.open().unwrap();
        let moment = Moment::Operation(process.operations() + at);
        process.plan(moment, Fault::Error(std::io::ErrorKind::Other));
        let settings = || ImportSettings { bodies: Some("/in".into()), ..ImportSettings::default() };
        let done = import_with(&contexta, &text, settings());
        if !process.has_passed_plans() {
            break;
        }
        if done.is_ok_and(|report| unreadable(&report)) {
            missing += 1;
            // The next import finds the body.
            stored += import_with(&contexta, &text, settings()).unwrap().bodies_stored;
        }
    }
    assert!(missing > 0, "no operation read the body");
    assert_eq!(stored, missing);
}

#[test]
fn input_cut_within_too_long_line_keeps_other_refused_lines() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let report = import(&contexta, &format!("garbage\n{}\nmore garbage", "x".repeat(17 << 20)));
    assert_eq!(report.refused.iter().map(|r| r.line).collect::<Vec<_>>(), [1, 2, 3]);
    let kept = disk.read(&report.quarantine.unwrap()).unwrap();
    assert!(kept.starts_with(b"garbage\nxxx") && kept.ends_with(b"x\nmore garbage\n"));
    // A byte order mark belongs to the first line only.
    let marked = format!("{PROJECT}\n\u{feff}{}", run_line("r", ""));
    assert_eq!(import(&contexta, &marked).refused[0].line, 2);
    // A line that contains only a byte order mark is blank.
    assert_eq!(import(&contexta, &format!("\u{feff}\n{PROJECT}")).total().refused, 0);
}

#[test]
fn captured_times_are_kept_and_conflict_is_reported() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("r").run_id("r").start().unwrap();
    run.complete().unwrap();
    let before = contexta.run_snapshot("r").unwrap().run;
    let line = export(&contexta).lines().find(|l| l.contains("\"kind\":\"run\"")).unwrap().to_owned();
    let ended = before.ended_at.unwrap().to_string();
    let ended = format!("\"ended_at\":\"{ended}\"");
    let other = line.replace(&ended, "\"ended_at\":\"2099-01-01T00:00:00Z\"").replace("completed", "failed");
    assert_eq!(import(&contexta, &other).total().new, 1);
    let after = contexta.run_snapshot("r").unwrap().run;
    assert_eq!((after.status, after.ended_at), (before.status, before.ended_at));
    assert_eq!(after.conflicts, ["ended_at", "status"]);
    // A second import replaces the facts of the first one, but no captured fact.
    assert_eq!(import(&contexta, &other.replace("2099", "2098")).total().new, 1);
    let after = contexta.run_snapshot("r").unwrap().run;
    assert_eq!((after.status, after.ended_at), (before.status, before.ended_at));
    assert_eq!(after.conflicts, ["ended_at", "status"]);
}

#[test]
fn loss_is_recorded_when_its_run_becomes_known() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let mut lines = vec![metric_line("bad", "true"), PROJECT.to_owned()];
    lines.extend((0..5000).map(|n| run_line(&format!("x{n}"), "")));
    lines.push(run_line("r", ""));
    let text = lines.join("\n");
    assert_eq!(import(&contexta, &text).total().refused, 1);
    assert_eq!(contexta.run_snapshot("run:p.r").unwrap().events.len(), 1);
    let before = contexta.digest().unwrap().0;
    assert_eq!(import(&contexta, &text).import, None);
    assert_eq!(contexta.digest().unwrap().0, before);
}

#[test]
fn bodies_stay_with_their_manifests_within_a_file_and_after_merges() {
    let disk = SimDisk::new(16);
    disk.overwrite(Path::new("/in/b"), b"body".to_vec());
    let from = |contexta: &Contexta, lines: &[String]| {
        disk.overwrite(Path::new("/in/lines.jsonl"), lines.join("\n").into_bytes());
        let source = ImportSource::File(Path::new("/in/lines.jsonl"));
        contexta.import_jsonl(source, ImportSettings::default()).unwrap()
    };
    let there = |contexta: &Contexta| contexta.run_snapshot("run:p.r").unwrap().artifacts[0].body_present;
    let hash = format!("\"hash_value\":\"{}\",", "0".repeat(64));
    let (with, without) =
        (artifact_line("a", "", "b"), artifact_line("a", "", "b").replace("\"body\":\"b\",", ""));
    let run = [PROJECT.to_owned(), run_line("r", "")];

    // The body comes in a later line of the same file.
    let one = open_sim(&disk, 1, "/one");
    let report = from(&one, &[run.to_vec(), vec![without.clone(), with.clone()]].concat());
    assert_eq!((report.bodies_stored, there(&one)), (1, true), "{report:?}");
    assert_eq!(from(&one, &[run.to_vec(), vec![without.clone(), with.clone()]].concat()).total().new, 0);
    // Another manifest with the same hash keeps the body; one without a hash does not.
    let other = |more: &str| {
        artifact_line("a", more, "b").replace("\"body\":\"b\",", "").replace("model_bundle", "checkpoint")
    };
    let two = open_sim(&disk, 2, "/two");
    let hashed = artifact_line("a", &hash, "b");
    assert_eq!(from(&two, &[run.to_vec(), vec![hashed, other(&hash)]].concat()).bodies_stored, 1);
    assert!(there(&two));
    let three = open_sim(&disk, 3, "/three");
    from(&three, &[run.to_vec(), vec![with, other("")]].concat());
    assert!(!there(&three));
    // The same manifest without its body is imported later into another workspace.
    let four = open_sim(&disk, 4, "/four");
    from(&four, &[run.to_vec(), vec![without]].concat());
    four.close().unwrap();
    one.merge("/four", MergeSettings::default()).unwrap();
    let artifact = &one.run_snapshot("run:p.r").unwrap().artifacts[0];
    assert!(artifact.body_present && !artifact.conflict);
}

/// A simulated process, and a workspace with one artifact on its disk.
fn with_artifact(
    disk: &SimDisk,
    process: u32,
) -> (Contexta, std::sync::Arc<contexta::engine::storage::sim::SimProcess>) {
    let process = disk.spawn(process);
    let options = Options::new("/w").project("p").storage(process.clone()).detect_code_revision(false);
    let contexta = options.open().unwrap();
    if contexta.list_runs(None).unwrap().runs.is_empty() {
        disk.overwrite(Path::new("/in/body"), vec![7; 3 << 20]);
        let text = [PROJECT.to_owned(), run_line("r", ""), artifact_line("a", "", "body")].join("\n");
        disk.overwrite(Path::new("/in/lines.jsonl"), text.into_bytes());
        let source = ImportSource::File(Path::new("/in/lines.jsonl"));
        contexta.import_jsonl(source, ImportSettings::default()).unwrap();
        contexta.run_snapshot("run:p.r").unwrap();
    }
    (contexta, process)
}

fn export_to_out(contexta: &Contexta) -> contexta::Result<contexta::ExportReport> {
    let all = ExportFilter::default();
    contexta.export_jsonl_file(Path::new("/out/lines.jsonl"), &all)
}

fn temporary_files(disk: &SimDisk) -> Vec<PathBuf> {
    disk.paths()
        .into_iter()
        .filter(|p| p.starts_with("/out") && p.to_string_lossy().ends_with(".tmp"))
        .collect()
}

#[test]
fn failed_exports_leave_no_temporary_files() {
    use contexta::engine::storage::sim::{Fault, Moment};
    let mut failed = 0;
    for change in 0.. {
        let disk = SimDisk::new(16);
        let (contexta, process) = with_artifact(&disk, 1);
        process
            .plan(Moment::Change(process.changes() + change), Fault::Error(std::io::ErrorKind::StorageFull));
        let done = export_to_out(&contexta);
        if !process.has_passed_plans() {
            done.unwrap();
            break;
        }
        if done.is_err() {
            failed += 1;
            assert_eq!(temporary_files(&disk), Vec::<PathBuf>::new(), "change {change}");
        }
        export_to_out(&contexta).unwrap();
        assert_eq!(temporary_files(&disk), Vec::<PathBuf>::new(), "after change {change}");
    }
    assert!(failed >= 5, "{failed} exports failed");
    // A full disk, and syncs that fail.
    let disk = SimDisk::new(16);
    let (contexta, _) = with_artifact(&disk, 1);
    disk.set_free_bytes(Some(1 << 20));
    assert!(export_to_out(&contexta).is_err());
    disk.set_free_bytes(None);
    disk.set_failing_syncs(true);
    assert!(export_to_out(&contexta).is_err());
    disk.set_failing_syncs(false);
    assert_eq!(temporary_files(&disk), Vec::<PathBuf>::new());
}

#[test]
fn export_removes_temporary_files_of_killed_exports_only() {
    use contexta::engine::storage::OpenMode;
    use contexta::engine::storage::sim::{Fault, Moment};
    let disk = SimDisk::new(16);
    let (first, _) = with_artifact(&disk, 1);
    first.close().unwrap();
    let mut left = 0;
    for change in 0..30 {
        let (contexta, process) = with_artifact(&disk, 2);
        process.plan(Moment::Change(process.changes() + change), Fault::Kill);
        let _ = export_to_out(&contexta);
        disk.kill(2);
        left += usize::from(!temporary_files(&disk).is_empty());
        disk.overwrite(Path::new("/out/body-notes.tmp"), b"mine".to_vec());
        disk.overwrite(Path::new("/out/artifacts/other-0123456789abcdef.tmp"), b"mine".to_vec());
        // Another process is writing its own file.
        let living = disk.process(3);
        let path = Path::new("/out/artifacts/body-00000000000000aa.tmp");
        let file = living.open(path, OpenMode::Create).unwrap();
        assert!(file.try_lock().unwrap());
        export_to_out(&first).unwrap();
        let mut expected = vec![
            PathBuf::from("/out/body-notes.tmp"),
            path.into(),
            "/out/artifacts/other-0123456789abcdef.tmp".into(),
        ];
        expected.sort();
        assert_eq!(temporary_files(&disk), expected, "killed at change {change}");
        drop(file);
        export_to_out(&first).unwrap();
        assert!(!temporary_files(&disk).contains(&path.to_path_buf()));
        disk.remove_tree(Path::new("/out"));
    }
    assert!(left > 0, "no kill left a file behind");
}

#[test]
fn until_is_exclusive_and_since_inclusive() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let at = |key: &str, second: u32| {
        metric_line(key, "1.5").replace(
            "\"observed_at\":\"2024-01-01T00:00:00Z\"",
            &format!("\"observed_at\":\"2024-01-01T00:00:0{second}Z\""),
        )
    };
    let lines = [PROJECT.to_owned(), run_line("r", ""), at("a", 0), at("b", 1)];
    assert_eq!(import(&contexta, &lines.join("\n")).total().refused, 0);
    let time = |second: u32| Some(Timestamp::parse(&format!("2024-01-01T00:00:0{second}Z")).unwrap());
    let of = |since, until| {
        let kinds = vec!["record".to_owned()];
        let text = export_some(&contexta, &ExportFilter { kinds, since, until, ..ExportFilter::default() });
        ["a", "b"].into_iter().filter(|key| text.contains(&format!("record:p.r.{key}\""))).collect::<String>()
    };
    assert_eq!(of(None, time(1)), "a");
    assert_eq!(of(time(1), None), "b");
    assert_eq!(of(time(0), time(2)), "ab");
    assert_eq!(of(time(1), time(1)), "");
}

#[test]
fn line_of_exactly_the_limit_is_accepted_and_one_byte_more_refused() {
    const LIMIT: usize = 16 << 20;
    // The line is long because of spaces. The object is small.
    let padded = |len: usize| {
        let run = run_line("r", "");
        format!("{{{}{}", " ".repeat(len - run.len()), &run[1..])
    };
    for end in ["", "\n", "\n\n"] {
        let disk = SimDisk::new(16);
        let contexta = open_sim(&disk, 1, "/w");
        let report = import(&contexta, &format!("{PROJECT}\n{}{end}", padded(LIMIT)));
        assert_eq!((report.lines, report.total().new), (2, 2), "{end:?}: {:?}", report.refused);
        let report = import(&contexta, &format!("{}{end}", padded(LIMIT + 1)));
        assert_eq!((report.lines, report.total().refused), (1, 1), "{end:?}");
        assert_eq!(report.refused[0].rejection.code, "import_line_too_long");
    }
}

#[cfg(unix)]
#[test]
fn body_in_sibling_directory_with_same_prefix_is_refused() {
    let dir = TempDir::new("bodies-prefix");
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("in")).unwrap();
    std::fs::create_dir_all(at("in2")).unwrap();
    std::fs::write(at("in2/secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../in2/secret", at("in/link")).unwrap();
    std::os::unix::fs::symlink("../in2", at("in/dir")).unwrap();
    let lines = [
        PROJECT.to_owned(),
        run_line("r", ""),
        artifact_line("a", "", "link"),
        artifact_line("b", "", "dir/secret"),
    ];
    std::fs::write(at("in/lines.jsonl"), lines.join("\n")).unwrap();
    let contexta = Contexta::open(at("w")).unwrap();
    let source = ImportSource::File(&at("in/lines.jsonl"));
    let report = contexta.import_jsonl(source, ImportSettings::default()).unwrap();
    assert_eq!((report.bodies_stored, report.bodies_missing), (0, 2));
    assert!(contexta.run_snapshot("run:p.r").unwrap().artifacts.iter().all(|a| a.body.is_none()));
}

fn relation_line(key: &str, source: &str, target: &str) -> String {
    format!(
        r#"{{"kind":"relation","object":{{"confidence_marker":"high","evidence_refs":[],"extensions":[],"origin_marker":"explicit","recorded_at":"2024-01-01T00:00:00Z","relation_ref":"relation:p.{key}","relation_type":"used","schema_version":"1.0.0","source_ref":"{source}","target_ref":"{target}"}}}}"#
    )
}

fn provenance_line(key: &str) -> String {
    format!(
        r#"{{"kind":"provenance","object":{{"asserted_at":"2024-01-01T00:00:00Z","assertion_mode":"inferred","extensions":[],"formation_context_ref":"op:p.r.s.o","policy_ref":"policy.default","provenance_ref":"provenance:p.{key}","relation_ref":"relation:p.{key}","schema_version":"1.0.0"}}}}"#
    )
}

fn deployment_line(more: &str, status: &str) -> String {
    format!(
        r#"{{"kind":"deployment","object":{{"deployment_execution_ref":"deployment:p.d","deployment_name":"d",{more}"extensions":[],"project_ref":"project:p","schema_version":"1.0.0","started_at":"2024-01-01T00:00:00Z","status":"{status}"}}}}"#
    )
}

#[test]
fn export_of_one_run_contains_its_objects_only() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let (a, b, c) = ("artifact:p.r.a", "artifact:p.s.b", "artifact:p.s.c");
    let artifact = |key: &str, run: &str| {
        artifact_line(key, "", "x").replace("\"body\":\"x\",", "").replace("p.r", &format!("p.{run}"))
    };
    let mut lines =
        vec![PROJECT.to_owned(), run_line("r", ""), run_line("s", ""), deployment_line("", "open")];
    lines.extend([artifact("a", "r"), artifact("b", "s"), artifact("c", "s")]);
    let edges = [
        ("from", a, b),
        ("to", b, a),
        ("away", b, c),
        ("deployed", "deployment:p.d", c),
        ("whole", "project:p", c),
    ];
    lines.extend(edges.iter().map(|(key, source, target)| relation_line(key, source, target)));
    lines.extend(edges.iter().map(|(key, ..)| provenance_line(key)));
    // A record of a run without attributes.
    lines.push(metric_line("k", "1.5").replace("p.r", "p.z"));
    let report = import(&contexta, &lines.join("\n"));
    assert_eq!((report.total().new, report.refused.len()), (18, 0), "{:?}", report.refused);
    let of = |filter: &ExportFilter| {
        let mut out = Vec::new();
        let report = contexta.export_jsonl(&mut out, filter).unwrap();
        let text = String::from_utf8(out).unwrap();
        let own = |line: &str| {
            let object = parse(line).unwrap().get("object").unwrap().clone();
            let names = ["project", "run", "artifact", "deployment_execution", "relation", "provenance"];
            let own = match parse(line).unwrap().get("kind").and_then(Value::as_str).unwrap() {
                "run" => object.get("run_ref"),
                "record" => object.get("envelope").unwrap().get("record_ref"),
                "artifact" => object.get("artifact_ref"),
                "provenance" => object.get("provenance_ref"),
                "relation" => object.get("relation_ref"),
                _ => names.iter().find_map(|name| object.get(&format!("{name}_ref"))),
            };
            own.unwrap().to_string()
        };
        (text.lines().map(own).collect::<Vec<_>>(), report)
    };
    let (refs, report) = of(&ExportFilter { runs: vec!["run:p.r".into()], ..ExportFilter::default() });
    let expected = [
        "project:p",
        "run:p.r",
        "relation:p.from",
        "relation:p.to",
        "relation:p.whole",
        "provenance:p.from",
        "provenance:p.to",
        "provenance:p.whole",
        "artifact:p.r.a",
    ];
    assert_eq!(refs, expected);
    assert_eq!(report.note_counts.get("object_incomplete"), None);
    let (refs, report) = of(&ExportFilter::default());
    assert_eq!((refs.len(), report.note_counts["object_incomplete"]), (18, 1));
}

#[test]
fn notes_of_one_code_are_counted_and_first_ones_listed() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let lines: Vec<String> =
        (0..25).map(|n| metric_line("k", "1.5").replace("p.r", &format!("p.z{n}"))).collect();
    assert_eq!(import(&contexta, &lines.join("\n")).total().new, 25);
    let report = contexta.export_jsonl(&mut Vec::new(), &ExportFilter::default()).unwrap();
    let listed = report.notes.iter().filter(|note| note.code == "object_incomplete").count();
    assert_eq!((listed, report.note_counts["object_incomplete"]), (20, 25));
}

#[test]
fn damaged_body_is_noted_and_not_exported() {
    let disk = SimDisk::new(16);
    let (contexta, _) = with_artifact(&disk, 1);
    let body = disk.paths().into_iter().find(|p| p.starts_with("/w/artifacts/objects")).unwrap();
    disk.overwrite(&body, vec![8; 3 << 20]);
    let report = export_to_out(&contexta).unwrap();
    assert_eq!((report.bodies, report.bodies_missing, report.is_whole()), (0, 1, false));
    let files: Vec<PathBuf> = disk.paths().into_iter().filter(|p| p.starts_with("/out")).collect();
    assert_eq!(files, [PathBuf::from("/out/lines.jsonl")]);
    assert!(!String::from_utf8(disk.read(&files[0]).unwrap()).unwrap().contains("\"body\""));
}

#[test]
fn body_with_other_hash_is_reported_with_its_artifact() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    disk.overwrite(Path::new("/in/b"), b"body".to_vec());
    let hash = format!("\"hash_value\":\"{}\",", "0".repeat(64));
    let lines = [PROJECT.to_owned(), run_line("r", ""), artifact_line("a", &hash, "b")].join("\n");
    let settings = ImportSettings { bodies: Some("/in".into()), ..ImportSettings::default() };
    let report = import_with(&contexta, &lines, settings).unwrap();
    assert_eq!((report.bodies_stored, report.bodies_differing, report.is_complete()), (1, 1, false));
    let found = &report.bodies[0];
    assert_eq!((found.line, found.artifact_ref.as_str(), found.body.as_str()), (3, "artifact:p.r.a", "b"));
    assert_eq!(found.code, "import.body_differs");
    assert!(found.message.contains("SHA-256"), "{}", found.message);
}

#[test]
fn lost_body_is_restored_from_the_same_content_only() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let lines = [PROJECT.to_owned(), run_line("r", ""), artifact_line("a", "", "b")].join("\n");
    let import_body = |content: &str| {
        disk.overwrite(Path::new("/in/b"), content.into());
        let settings = ImportSettings { bodies: Some("/in".into()), ..ImportSettings::default() };
        import_with(&contexta, &lines, settings).unwrap()
    };
    let row = || contexta.run_snapshot("run:p.r").unwrap().artifacts[0].clone();
    assert_eq!(import_body("body").bodies_stored, 1);
    let first = row();
    assert!(first.body_present);
    let stored = contexta.paths().objects();
    for path in disk.paths().iter().filter(|p| p.starts_with(&stored)) {
        disk.remove_tree(path);
    }
    assert!(!row().body_present);
    let report = import_body("another");
    assert_eq!((report.total().new, report.bodies_differing), (0, 1));
    assert!(report.bodies[0].message.contains("differs from the body that this workspace has"));
    assert_eq!((row().body, row().body_present), (first.body, false));
    let report = import_body("body");
    assert_eq!((report.total().new, report.bodies_missing, report.bodies_differing), (0, 0, 0));
    assert!(row().body_present);
}

#[test]
fn report_names_a_hundred_refused_lines_and_bodies_and_counts_all() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let mut lines = vec![PROJECT.to_owned(), run_line("r", "")];
    lines.extend((0..105).map(|n| artifact_line(&format!("a{n}"), "", "missing")));
    lines.extend((0..105).map(|n| format!("no JSON {n}")));
    let report = import(&contexta, &lines.join("\n"));
    assert_eq!((report.total().refused, report.refused.len()), (105, 100));
    assert_eq!((report.bodies_missing, report.bodies.len()), (105, 100));
    assert!(report.bodies.iter().all(|body| body.code == "import.body_missing"));
}

#[test]
fn line_refused_twice_is_one_loss() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let bad = metric_line("bad", "true");
    let other = metric_line("worse", "true");
    let text = [PROJECT.to_owned(), run_line("r", ""), bad.clone(), bad, other].join("\n");
    assert_eq!(import(&contexta, &text).total().refused, 3);
    assert_eq!(dumped_entries(&contexta).iter().filter(|entry| entry.kind == "degraded").count(), 2);
}

#[test]
fn open_stage_batch_or_deployment_after_its_end_changes_nothing() {
    let stage = |status: &str| {
        format!(
            r#"{{"kind":"stage","object":{{"extensions":[],"run_ref":"run:p.r","schema_version":"1.0.0","stage_execution_ref":"stage:p.r.s","stage_name":"s","started_at":"2024-01-01T00:00:00Z","status":"{status}"}}}}"#
        )
    };
    let batch = |status: &str| {
        format!(
            r#"{{"kind":"batch","object":{{"batch_execution_ref":"batch:p.r.s.b","batch_name":"b","extensions":[],"run_ref":"run:p.r","schema_version":"1.0.0","stage_execution_ref":"stage:p.r.s","started_at":"2024-01-01T00:00:00Z","status":"{status}"}}}}"#
        )
    };
    let ended =
        |line: String| line.replace("\"extensions\"", "\"ended_at\":\"2024-01-02T00:00:00Z\",\"extensions\"");
    let deployment = |status: &str| deployment_line("", status);
    for (closed, open) in [
        (stage("completed"), stage("open")),
        (batch("completed"), batch("open")),
        (deployment("completed"), deployment("open")),
    ] {
        let disk = SimDisk::new(16);
        let contexta = open_sim(&disk, 1, "/w");
        let report = import(&contexta, &[PROJECT.to_owned(), run_line("r", ""), ended(closed)].join("\n"));
        assert_eq!((report.total().new, report.refused.len()), (3, 0), "{:?}", report.refused);
        let before = export(&contexta);
        let report = import(&contexta, &open);
        assert_eq!((report.total().unchanged, report.warnings["import_older_word"]), (1, 1), "{open}");
        assert_eq!(export(&contexta), before);
    }
}

#[test]
fn exported_body_has_the_plain_name_of_its_artifact() {
    let disk = SimDisk::new(16);
    let (contexta, _) = with_artifact(&disk, 1);
    let line = artifact_line("b", "", "body").replace("\"here\"", "\"models/Größe 1_final-v2.bin\"");
    disk.overwrite(Path::new("/in/lines.jsonl"), line.into_bytes());
    contexta
        .import_jsonl(ImportSource::File(Path::new("/in/lines.jsonl")), ImportSettings::default())
        .unwrap();
    export_to_out(&contexta).unwrap();
    let mut names: Vec<String> = disk
        .paths()
        .into_iter()
        .filter(|path| path.starts_with("/out") && !path.ends_with("lines.jsonl"))
        .map(|path| path.file_name().unwrap().to_string_lossy()[16..].to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["-Gr--e-1_final-v2.bin", "-here"]);
}

#[test]
fn import_into_a_damaged_workspace_has_a_note() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    two_runs(&contexta);
    contexta.close().unwrap();
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "seg");
    let segment = disk.paths().into_iter().find(is_segment).unwrap();
    let mut bytes = disk.read(&segment).unwrap();
    bytes[8192 + 70] ^= 1;
    disk.overwrite(&segment, bytes);
    // Notes are about the workspace as a whole, so each is in the report once.
    let contexta = open_sim(&disk, 2, "/w");
    let report = import(&contexta, &[PROJECT.to_owned(), run_line("r", "")].join("\n"));
    let codes: Vec<&str> = report.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["projections_rebuilt", "log_gap"]);
    assert_eq!(import(&contexta, PROJECT).notes.len(), 1);
}

#[test]
fn ref_with_position_of_captured_record_and_other_run_is_free() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let run = contexta.run("r").run_id("r").start().unwrap();
    run.metric_at("loss", 1, 0.5).unwrap();
    run.complete().unwrap();
    let whole = export(&contexta);
    let record = whole.lines().find(|l| l.contains("\"kind\":\"record\"")).unwrap();
    let other = record.replace("wine.r", "wine.q").replace("0.5", "0.75");
    assert_ne!(record, other);
    let report = import(&contexta, &other);
    assert_eq!((report.total().new, report.refused.len()), (1, 0), "{:?}", report.refused);
}

#[test]
fn body_of_replaced_manifest_is_not_searched_for() {
    let disk = SimDisk::new(16);
    let contexta = open_sim(&disk, 1, "/w");
    let settings = || ImportSettings { bodies: Some("/in".into()), ..ImportSettings::default() };
    let import_artifact = |artifact: &str| {
        let lines = [PROJECT.to_owned(), run_line("r", ""), artifact.to_owned()].join("\n");
        import_with(&contexta, &lines, settings()).unwrap()
    };
    disk.overwrite(Path::new("/in/b"), b"body".to_vec());
    let first = artifact_line("a", "", "b");
    assert_eq!(import_artifact(&first).bodies_stored, 1);
    assert_eq!(import_artifact(&first.replace("model_bundle", "checkpoint")).total().new, 1);
    disk.remove_tree(Path::new("/in/b"));
    let again = import_artifact(&first);
    assert_eq!((again.total().unchanged, again.bodies_missing, again.is_complete()), (3, 0, true));
}
