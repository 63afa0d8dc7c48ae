//! The contract: arbitrary valid models are read back unchanged from JSON and from the log; arbitrary JSON is read or
//! rejected; the order of times is the order of instants.

use contexta::contract::json::write::canonical;
use contexta::contract::{
    Canonical, ExtensionRegistry, Object, ObjectKind, Timestamp, Value, deserialize_metric_record,
    deserialize_run,
};
use contexta::engine::storage::sim::SimDisk;
use contexta::interchange::jsonl::kinds;
use contexta::interchange::{Line, LineContent};
use contexta::recovery::RebuildOptions;
use contexta::{Contexta, ExportFilter, ImportSettings, ImportSource, Options};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

type Members = Vec<(&'static str, BoxedStrategy<Value>)>;

/// An object with these members; members with a null value are omitted.
fn object(members: Members) -> BoxedStrategy<Value> {
    let (names, values): (Vec<_>, Vec<_>) = members.into_iter().unzip();
    values
        .prop_map(move |values| {
            let named = names.iter().map(|n| (*n).to_owned()).zip(values);
            Value::Map(named.filter(|(_, v)| *v != Value::Null).collect())
        })
        .boxed()
}

fn maybe(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![Just(Value::Null), value].boxed()
}

/// Text of any characters that is not blank and has no surrounding white space.
fn text() -> BoxedStrategy<Value> {
    any::<String>().prop_map(|s| Value::Text(format!("a{s}z"))).boxed()
}

fn time() -> BoxedStrategy<Value> {
    micros().prop_map(|m| Value::text(Timestamp::from_micros(m).unwrap())).boxed()
}

fn micros() -> impl Strategy<Value = i64> {
    prop_oneof![
        -62_135_596_800_000_000i64..=253_402_300_799_999_999,
        // Whole seconds and their neighbours.
        (1_700_000_000i64..1_800_000_000, -1i64..=1).prop_map(|(s, d)| s * 1_000_000 + d),
    ]
}

fn choice(words: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(words).prop_map(Value::from).boxed()
}

fn pattern(regex: &'static str) -> BoxedStrategy<Value> {
    proptest::string::string_regex(regex).unwrap().prop_map(Value::Text).boxed()
}

fn tag_map() -> BoxedStrategy<Value> {
    let key = any::<String>().prop_map(|s| format!("k{s}k"));
    let text = any::<String>().prop_map(|s| Value::Text(format!("v{s}v")));
    let value = prop_oneof![4 => text, 1 => Just(Value::from(""))];
    prop::collection::btree_map(key, value, 0..4).prop_map(Value::Map).boxed()
}

fn number() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("JSON holds finite numbers", |f| f.is_finite()).prop_map(Value::Float),
        Just(Value::Float(-0.0)),
        ("-?", "[1-9][0-9]{19,280}").prop_map(|(sign, digits)| Value::Big(sign + &digits)),
    ]
    .boxed()
}

fn json() -> BoxedStrategy<Value> {
    let leaf =
        prop_oneof![any::<bool>().prop_map(Value::Bool), number(), any::<String>().prop_map(Value::Text)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(prop_oneof![Just(Value::Null), inner.clone()], 0..4).prop_map(Value::List),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Value::Map),
        ]
    })
    .boxed()
}

fn attributes() -> BoxedStrategy<Value> {
    let key = any::<String>().prop_map(|s| format!("k{s}k"));
    prop::collection::btree_map(key, json(), 0..4).prop_map(Value::Map).boxed()
}

/// The name of a parameter, or a key of a metric or event, in any script.
fn key() -> impl Strategy<Value = String> {
    "k\\PC{0,20}k"
}

/// A measured number, which may be NaN or infinite.
fn measured() -> BoxedStrategy<Value> {
    prop_oneof![4 => number(), 1 => choice(&["NaN", "Infinity", "-Infinity"])].boxed()
}

/// The name of an object whose ref ends in `id`. The name is `id`, or a text that cannot be a component of a ref.
fn named(id: &str) -> BoxedStrategy<Value> {
    prop_oneof![fixed(id), "Ä\\PC{0,9}z".prop_map(Value::Text)].boxed()
}

fn params() -> BoxedStrategy<Value> {
    let key = key();
    let value = prop_oneof![2 => json(), 1 => nested_nulls()];
    prop::collection::btree_map(key, value, 0..4).prop_map(Value::Map).boxed()
}

/// Null, and values that contain null.
fn nested_nulls() -> BoxedStrategy<Value> {
    let of_map = |members: BTreeMap<String, Value>| Value::Map(members);
    let map = prop::collection::btree_map(any::<String>(), Just(Value::Null), 0..3).prop_map(of_map);
    prop_oneof![
        Just(Value::Null),
        map.clone(),
        prop::collection::btree_map("params|x", map, 0..3).prop_map(of_map),
    ]
    .boxed()
}

fn extensions() -> BoxedStrategy<Value> {
    let fields = prop::collection::btree_map("[a-z][a-z0-9_]{0,4}", json(), 1..4);
    let set = (fields, any::<bool>()).prop_map(|(fields, readonly)| {
        let keys: Vec<Value> = fields.keys().filter(|_| readonly).map(|k| Value::from(k.as_str())).collect();
        (Value::Map(fields), Value::List(keys))
    });
    prop::collection::btree_map("[a-z][a-z0-9-]{0,4}\\.[a-z][a-z0-9-]{0,4}", set, 0..3)
        .prop_map(|sets| {
            let set = |(namespace, (fields, readonly)): (String, (Value, Value))| {
                Value::map([
                    ("namespace", Value::Text(namespace)),
                    ("fields", fields),
                    ("readonly_fields", readonly),
                ])
            };
            Value::List(sets.into_iter().map(set).collect())
        })
        .boxed()
}

/// The current version, or a newer one with an unknown member.
fn version(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    (value, prop::option::of(("1\\.[1-9]\\.[0-9]", "zz[a-z/]{1,6}", json())))
        .prop_map(|(value, newer)| {
            let Value::Map(mut members) = value else { return value };
            let (version, more) = match newer {
                None => ("1.0.0".to_owned(), None),
                Some((version, name, unknown)) => (version, Some((name, unknown))),
            };
            members.insert("schema_version".to_owned(), Value::Text(version));
            members.extend(more);
            Value::Map(members)
        })
        .boxed()
}

const COMPONENT: &str = "[a-z0-9]{1,6}(-[a-z0-9]{1,3})?";

fn fixed(text: impl ToString) -> BoxedStrategy<Value> {
    Just(Value::text(text)).boxed()
}

/// A status, a start, and for a terminal status an end. The end may be before the start.
fn lifecycle(mut members: Members) -> BoxedStrategy<Value> {
    members.push(("extensions", extensions()));
    let times = (micros(), micros());
    let status = select(vec!["open", "completed", "failed", "cancelled"]);
    (object(members), times, status)
        .prop_map(|(value, (start, end), status)| {
            let Value::Map(mut members) = value else { return value };
            let time = |m| Value::text(Timestamp::from_micros(m).unwrap());
            members.insert("status".to_owned(), status.into());
            members.insert("started_at".to_owned(), time(start));
            if status != "open" {
                members.insert("ended_at".to_owned(), time(end));
            }
            Value::Map(members)
        })
        .boxed()
}

fn order_index() -> BoxedStrategy<Value> {
    maybe(any::<u64>().prop_map(Value::from).boxed())
}

/// A line of this kind, of run `p.r` with stage `s` and possibly batch `b`; the last component of its ref is `id`.
fn line(kind: &'static str) -> BoxedStrategy<Value> {
    (COMPONENT, any::<bool>())
        .prop_flat_map(move |(id, batched)| {
            let owner = if batched { "p.r.s.b" } else { "p.r.s" };
            let batch = if batched { fixed("batch:p.r.s.b") } else { Just(Value::Null).boxed() };
            let run = ("run_ref", fixed("run:p.r"));
            let stage = ("stage_execution_ref", fixed("stage:p.r.s"));
            let id = id.as_str();
            match kind {
                "project" => version(object(vec![
                    ("project_ref", fixed(format!("project:{id}"))),
                    ("name", text()),
                    ("created_at", time()),
                    ("description", maybe(text())),
                    ("tags", tag_map()),
                    ("extensions", extensions()),
                ])),
                "run" => version(lifecycle(vec![
                    ("run_ref", fixed(format!("run:p.{id}"))),
                    ("project_ref", fixed("project:p")),
                    ("name", text()),
                    ("description", maybe(text())),
                    ("params", params()),
                    ("tags", tag_map()),
                    ("metadata", attributes()),
                    ("code_revision", maybe(text())),
                    ("dataset_ref", maybe(text())),
                    ("command", maybe(text())),
                ])),
                "deployment" => version(lifecycle(vec![
                    ("deployment_execution_ref", fixed(format!("deployment:p.{id}"))),
                    ("project_ref", fixed("project:p")),
                    ("deployment_name", named(id)),
                    ("order_index", order_index()),
                    ("run_ref", maybe(fixed("run:p.r"))),
                    ("artifact_ref", maybe(fixed("artifact:p.q.a"))),
                    ("environment_snapshot_ref", maybe(fixed("environment:p.r.e"))),
                ])),
                "environment" => version(object(vec![
                    ("environment_snapshot_ref", fixed(format!("environment:p.r.{id}"))),
                    run,
                    ("captured_at", time()),
                    ("platform", text()),
                    ("python_version", maybe(text())),
                    ("runtime", maybe(object(vec![("name", text()), ("version", text())]))),
                    ("packages", tag_map()),
                    ("environment_variables", tag_map()),
                    (
                        "devices",
                        prop::collection::vec(
                            object(vec![
                                ("name", text()),
                                ("memory_bytes", order_index()),
                                ("driver", maybe(text())),
                            ]),
                            0..3,
                        )
                        .prop_map(Value::List)
                        .boxed(),
                    ),
                    (
                        "host",
                        maybe(object(vec![
                            ("name", text()),
                            ("os", maybe(text())),
                            ("cpu_count", order_index()),
                        ])),
                    ),
                    ("code", maybe(object(vec![("branch", maybe(text())), ("remote", text())]))),
                    ("extensions", extensions()),
                ])),
                "stage" => version(lifecycle(vec![
                    ("stage_execution_ref", fixed(format!("stage:p.r.{id}"))),
                    run,
                    ("stage_name", named(id)),
                    ("order_index", order_index()),
                ])),
                "batch" => version(lifecycle(vec![
                    ("batch_execution_ref", fixed(format!("batch:p.r.s.{id}"))),
                    run,
                    stage,
                    ("batch_name", named(id)),
                    ("order_index", order_index()),
                ])),
                "sample" => version(object(vec![
                    ("sample_observation_ref", fixed(format!("sample:{owner}.{id}"))),
                    run,
                    stage,
                    ("batch_execution_ref", batch),
                    ("sample_name", named(id)),
                    ("observed_at", time()),
                    ("retention_class", maybe(text())),
                    ("redaction_profile", maybe(text())),
                    ("extensions", extensions()),
                ])),
                "operation" => version(object(vec![
                    ("operation_context_ref", fixed(format!("op:{owner}.{id}"))),
                    run,
                    stage,
                    ("batch_execution_ref", batch),
                    ("operation_name", named(id)),
                    ("observed_at", time()),
                    ("extensions", extensions()),
                ])),
                "relation" => version(object(vec![
                    ("relation_ref", fixed(format!("relation:{id}"))),
                    ("relation_type", choice(&["generated_from", "consumed_by", "used", "observed_in"])),
                    ("source_ref", fixed("run:p.r")),
                    ("target_ref", choice(&["artifact:p.r.a", "other_kind:x", "stage:p.r.s"])),
                    ("recorded_at", time()),
                    ("origin_marker", choice(&["explicit", "imported", "inferred", "replayed"])),
                    ("confidence_marker", choice(&["high", "medium", "low", "unknown"])),
                    ("operation_context_ref", maybe(fixed("op:p.r.s.o"))),
                    ("evidence_refs", refs()),
                    ("extensions", extensions()),
                ])),
                "provenance" => version(object(vec![
                    ("provenance_ref", fixed(format!("provenance:{id}"))),
                    ("relation_ref", fixed("relation:x")),
                    ("assertion_mode", choice(&["explicit", "imported", "inferred", "replayed"])),
                    ("asserted_at", time()),
                    ("formation_context_ref", maybe(fixed("run:p.r"))),
                    ("policy_ref", maybe(pattern("[a-z][a-z0-9-]{0,4}(\\.[a-z][a-z0-9-]{0,4}){0,2}"))),
                    ("evidence_bundle_ref", maybe(fixed("artifact:p.r.a"))),
                    ("extensions", extensions()),
                ])),
                "alias" => version(object(vec![
                    ("alias_ref", fixed(format!("alias:p.{id}"))),
                    ("project_ref", fixed("project:p")),
                    ("name", text()),
                    ("artifact_ref", fixed("artifact:p.r.a")),
                    ("recorded_at", time()),
                    ("extensions", extensions()),
                ])),
                "artifact" => version(object(vec![
                    ("artifact_ref", fixed(format!("artifact:p.r.{id}"))),
                    ("artifact_kind", pattern("[a-z][a-z0-9_]{0,8}")),
                    ("created_at", time()),
                    ("producer_ref", pattern("[a-z][a-z0-9-]{0,4}(\\.[a-z][a-z0-9-]{0,4}){0,2}")),
                    run,
                    ("location_ref", text()),
                    ("deployment_execution_ref", maybe(fixed("deployment:p.d"))),
                    stage,
                    ("batch_execution_ref", batch),
                    ("sample_observation_ref", maybe(fixed(format!("sample:{owner}.x")))),
                    ("operation_context_ref", maybe(fixed(format!("op:{owner}.o")))),
                    ("hash_value", maybe(text())),
                    ("size_bytes", order_index()),
                    ("attributes", attributes()),
                    ("extensions", extensions()),
                ])),
                _ => record(id, owner, batch),
            }
        })
        .prop_map(move |object| Value::map([("kind", kind.into()), ("object", object)]))
        .boxed()
}

fn refs() -> BoxedStrategy<Value> {
    prop::collection::vec(choice(&["run:p.r", "artifact:p.r.a", "policy:x"]), 0..3)
        .prop_map(Value::List)
        .boxed()
}

fn record(id: &str, owner: &str, batch: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let (id, owner) = (id.to_owned(), owner.to_owned());
    const ORIGINS: &[&str] = &["explicit_capture", "imported", "replayed"];
    const KEY: &str = "[a-z][a-z0-9_-]{0,5}([./][a-z0-9][a-z0-9_-]{0,5}){0,2}";
    select(vec!["event", "metric", "span", "degraded"])
        .prop_flat_map(move |family| {
            let degraded = family == "degraded";
            let envelope = version(object(vec![
                ("record_ref", fixed(format!("record:p.r.{id}"))),
                ("record_type", fixed(family)),
                ("producer_ref", pattern("[a-z][a-z0-9-]{0,4}(\\.[a-z][a-z0-9-]{0,4}){0,2}")),
                ("run_ref", fixed("run:p.r")),
                ("deployment_execution_ref", maybe(fixed("deployment:p.d"))),
                ("stage_execution_ref", fixed("stage:p.r.s")),
                ("batch_execution_ref", batch.clone()),
                ("sample_observation_ref", maybe(fixed(format!("sample:{owner}.x")))),
                ("operation_context_ref", maybe(fixed(format!("op:{owner}.o")))),
                (
                    "correlation_refs",
                    object(vec![("trace_id", maybe(text())), ("session_id", maybe(text()))]),
                ),
                ("completeness_marker", choice(&["complete", "partial", "sampled", "unknown"])),
                (
                    "degradation_marker",
                    if degraded {
                        choice(&["capture_gap", "import_loss"])
                    } else {
                        choice(&["none", "partial_failure"])
                    },
                ),
                ("extensions", extensions()),
            ]));
            let payload = match family {
                "event" => object(vec![
                    ("event_key", prop_oneof![pattern(KEY), key().prop_map(Value::Text)].boxed()),
                    ("level", choice(&["debug", "info", "warning", "error", "critical"])),
                    ("message", text()),
                    ("subject_ref", maybe(fixed("run:p.r"))),
                    ("attributes", attributes()),
                    ("tags", tag_map()),
                    ("origin_marker", choice(ORIGINS)),
                ]),
                "metric" => object(vec![
                    ("metric_key", prop_oneof![pattern(KEY), key().prop_map(Value::Text)].boxed()),
                    ("value", measured()),
                    ("value_type", pattern("[a-z][a-z0-9_]{0,8}")),
                    ("step", maybe(any::<i64>().prop_map(Value::Int).boxed())),
                    ("unit", maybe(text())),
                    ("aggregation_scope", choice(&["run", "stage", "operation", "step", "slice"])),
                    ("subject_ref", maybe(fixed("policy:x"))),
                    ("slice_ref", maybe(pattern("[a-z][a-z0-9_]{0,4}(\\.[a-z][a-z0-9_]{0,4}){0,2}"))),
                    ("tags", tag_map()),
                    ("summary_basis", maybe(pattern("[a-z][a-z0-9_]{0,8}"))),
                ]),
                "span" => object(vec![
                    ("span_id", text()),
                    ("trace_id", text()),
                    ("parent_span_id", maybe(text())),
                    ("span_name", text()),
                    ("started_at", fixed("2024-01-01T00:00:00.500000Z")),
                    (
                        "ended_at",
                        choice(&[
                            "2023-01-01T00:00:00Z",
                            "2024-01-01T00:00:00.500000Z",
                            "2024-01-01T00:00:01Z",
                        ]),
                    ),
                    ("status", choice(&["ok", "error", "cancelled", "timeout"])),
                    ("span_kind", choice(&["operation", "internal", "io", "network", "process"])),
                    ("attributes", attributes()),
                    ("linked_refs", refs()),
                ]),
                _ => object(vec![
                    ("issue_key", pattern("[a-z][a-z0-9_]{0,4}(\\.[a-z][a-z0-9_]{0,4}){0,2}")),
                    (
                        "category",
                        choice(&["capture", "store", "import", "compatibility", "verification", "recovery"]),
                    ),
                    ("severity", choice(&["warning", "error"])),
                    ("summary", text()),
                    ("subject_ref", maybe(fixed("run:p.r"))),
                    ("origin_marker", choice(ORIGINS)),
                    ("attributes", attributes()),
                ]),
            };
            let times = (micros(), micros());
            (envelope, payload, times).prop_map(|(envelope, payload, (observed, recorded))| {
                let Value::Map(mut envelope) = envelope else { return envelope };
                let time = |m| Value::text(Timestamp::from_micros(m).unwrap());
                envelope.insert("observed_at".to_owned(), time(observed));
                envelope.insert("recorded_at".to_owned(), time(recorded));
                Value::map([("envelope", Value::Map(envelope)), ("payload", payload)])
            })
        })
        .boxed()
}

fn any_line() -> BoxedStrategy<Value> {
    select(kinds().collect::<Vec<_>>()).prop_flat_map(line).boxed()
}

/// Returns the canonical form of a value. Members that are null are left out, except parameters. Empty maps that may be
/// omitted are left out too.
fn canonical_form(line: &Value) -> Value {
    let mut line = line.clone();
    let mut params = None;
    if let Value::Map(members) = &mut line
        && let Some(Value::Map(object)) = members.get_mut("object")
    {
        params = object.remove("params");
    }
    line.drop_nulls();
    if let Value::Map(members) = &mut line
        && let Some(Value::Map(object)) = members.get_mut("object")
    {
        object.extend(params.map(|params| ("params".to_owned(), params)));
    }
    if let Value::Map(members) = &mut line
        && let Some(Value::Map(object)) = members.get_mut("object")
    {
        let empty = |v: &Value| {
            matches!(v, Value::Map(m) if m.is_empty()) || matches!(v, Value::List(l) if l.is_empty())
        };
        let sparse = if object.contains_key("run_ref") && object.contains_key("params") {
            vec!["params", "tags", "metadata"]
        } else {
            vec!["devices"]
        };
        object.retain(|name, value| !(sparse.contains(&name.as_str()) && empty(value)));
        if let Some(Value::Map(payload)) = object.get_mut("payload")
            && payload.contains_key("event_key")
        {
            payload.retain(|name, value| !(name == "tags" && empty(value)));
        }
    }
    line
}

fn open(disk: &SimDisk, path: &str) -> Contexta {
    Options::new(path).storage(disk.process(1)).detect_code_revision(false).open().unwrap()
}

fn export(contexta: &Contexta) -> String {
    let mut out = Vec::new();
    contexta.export_jsonl(&mut out, &ExportFilter::default()).unwrap();
    String::from_utf8(out).unwrap()
}

/// An instant in one of its text forms: seconds, a fraction and an offset.
fn written(micros: i64, digits: usize, offset_minutes: i64) -> String {
    let local = Timestamp::from_micros(micros + offset_minutes * 60_000_000).unwrap().to_string();
    let whole = &local[..19];
    let fraction = format!("{:06}{}", micros.rem_euclid(1_000_000), "9".repeat(digits));
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset_minutes.abs() / 60, offset_minutes.abs() % 60);
    format!("{whole}.{fraction}{sign}{hours:02}:{minutes:02}")
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn valid_model_has_one_canonical_text_and_reads_back_unchanged(line in any_line()) {
        let text = canonical(&line).unwrap();
        let read = Line::parse(text.as_bytes(), None);
        prop_assert!(read.is_ok(), "{:?}: {}", read, text);
        let content = read.unwrap().content;
        prop_assert_eq!(canonical(&content.to_value()).unwrap(), canonical(&canonical_form(&line)).unwrap());
        let again = Line::parse(canonical(&content.to_value()).unwrap().as_bytes(), None).unwrap();
        prop_assert_eq!(again.content, content);
    }

    #[test]
    fn parsed_times_are_ordered_as_instants(
        a in (micros(), 0usize..6, -840i64..840), b in (micros(), 0usize..6, -840i64..840),
    ) {
        // Local time has no year at the ends of the calendar.
        let within = |m: i64| m.clamp(-62_000_000_000_000_000, 253_000_000_000_000_000);
        let (a, b) = ((within(a.0), a.1, a.2), (within(b.0), b.1, b.2));
        let read = |(micros, digits, offset)| Timestamp::parse(&written(micros, digits, offset)).unwrap();
        prop_assert_eq!(read(a).cmp(&read(b)), a.0.cmp(&b.0));
        prop_assert_eq!(read(a).micros(), a.0);
        // The output is canonical text for every input.
        prop_assert_eq!(Timestamp::parse(&read(a).to_string()).unwrap(), read(a));
    }

    #[test]
    fn arbitrary_json_is_read_or_rejected(
        value in json(), line in any_line(), at in any::<prop::sample::Index>(), kind in select(kinds().collect::<Vec<_>>()),
    ) {
        // An arbitrary value in place of an object, and in place of any member of a valid object.
        let _ = Line::parse(canonical(&Value::map([("kind", kind.into()), ("object", value.clone())])).unwrap().as_bytes(), None);
        let text = canonical(&value).unwrap();
        let _ = (deserialize_run(&text, None), deserialize_metric_record(&text, None), ExtensionRegistry::from_json(&text));
        let mut broken = line;
        let mut places = Vec::new();
        paths(&broken, &mut Vec::new(), &mut places);
        if let Some(path) = places.get(at.index(places.len().max(1))) {
            put(&mut broken, path, value);
        }
        let salvaged = Line::salvage(canonical(&broken).unwrap().as_bytes(), None);
        let read = Line::parse(canonical(&broken).unwrap().as_bytes(), None);
        prop_assert!(salvaged.is_ok() || read.is_err());
        if let Ok(salvaged) = salvaged {
            // The salvaged content is a valid line.
            let text = canonical(&salvaged.content.to_value()).unwrap();
            prop_assert_eq!(Line::parse(text.as_bytes(), None).unwrap().content, salvaged.content);
            prop_assert_eq!(read.is_ok(), salvaged.dropped.is_empty());
        }
        if let Ok(read) = read {
            // An accepted value is valid and is written as it was read.
            let text = canonical(&read.content.to_value()).unwrap();
            prop_assert_eq!(Line::parse(text.as_bytes(), None).unwrap().content, read.content);
        }
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn valid_models_are_read_back_from_log_and_tables(lines in prop::collection::vec(any_line(), 1..12)) {
        // One object for each ref, since a second one would be a later version of the first.
        let mut contents: BTreeMap<String, LineContent> = BTreeMap::new();
        for line in lines {
            let content = Line::parse(canonical(&line).unwrap().as_bytes(), None).unwrap().content;
            contents.entry(content.own_ref().to_string()).or_insert(content);
        }
        let lines: Vec<String> = contents.values().map(|c| canonical(&c.to_value()).unwrap()).collect();
        let disk = SimDisk::new(7);
        let contexta = open(&disk, "/w");
        let text = lines.join("\n");
        let import = || {
            let source = ImportSource::Reader("x", &mut text.as_bytes());
            contexta.import_jsonl(source, ImportSettings::default()).unwrap()
        };
        prop_assert_eq!(import().total().new as usize, lines.len());
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        // An import records a marker for times in the wrong order in addition to the objects.
        let exported = || {
            let text = export(&contexta);
            text.lines().filter(|line| !line.contains(r#""issue_key":"import.time_order""#)).collect::<Vec<_>>().join("\n")
        };
        prop_assert_eq!(sorted(&exported()), sorted(&text));
        prop_assert_eq!(import().total().unchanged as usize, lines.len());
        // Every object by its ref, also after a rebuild.
        contexta.rebuild(RebuildOptions::default()).unwrap();
        for content in contents.values() {
            if let LineContent::Object(object) = content {
                let found = contexta.store().read(|view| view.object(object.kind(), object.own_ref())).unwrap();
                prop_assert_eq!(found.as_ref().map(Object::to_value), Some(object.to_value()));
            }
        }
        prop_assert_eq!(sorted(&exported()), sorted(&text));
        prop_assert!(ObjectKind::ALL.iter().all(|kind| kinds().any(|choice| choice == kind.as_str())));
    }
}

/// The paths to all values of an object.
fn paths(value: &Value, at: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    if let Value::Map(members) = value {
        for (name, member) in members {
            at.push(name.clone());
            found.push(at.clone());
            paths(member, at, found);
            at.pop();
        }
    }
}

fn put(value: &mut Value, path: &[String], new: Value) {
    let Some((first, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    if let Value::Map(members) = value
        && let Some(member) = members.get_mut(first)
    {
        put(member, rest, new);
    }
}
