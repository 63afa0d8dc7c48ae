//! Every error code of the contract can be caused by input through the public API. docs/DEVIATIONS.md lists the codes
//! of the Python package contexta 1.0.0 that cannot occur here.

use contexta::contract::json::read::parse;
use contexta::contract::refs::check_field_ref;
use contexta::contract::*;
use std::collections::BTreeMap;

const PROJECT: &str = r#"{"project_ref":"project:p","name":"P","created_at":"2024-01-01T00:00:00Z"}"#;
const RUN: &str = r#"{"run_ref":"run:p.r","project_ref":"project:p","name":"R","status":"open","started_at":"2024-01-01T00:00:00Z"}"#;
const STAGE: &str = r#"{"stage_execution_ref":"stage:p.r.s","run_ref":"run:p.r","stage_name":"s","status":"open","started_at":"2024-01-01T00:00:00Z"}"#;
const ENVELOPE: &str = r#"{"record_ref":"record:p.r.k","record_type":"TYPE","recorded_at":"2024-01-01T00:00:00Z","observed_at":"2024-01-01T00:00:00Z","producer_ref":"x","run_ref":"run:p.r"}"#;
const EVENT: &str = r#"{"event_key":"e","level":"info","message":"m"}"#;
const METRIC: &str = r#"{"metric_key":"m","value":1,"value_type":"int","unit":"nats"}"#;
const SPAN: &str = r#"{"span_id":"1","trace_id":"t","span_name":"n","started_at":"2024-01-01T00:00:00Z","ended_at":"2024-01-01T00:00:01Z","status":"ok","span_kind":"io"}"#;
const DEGRADED: &str = r#"{"issue_key":"a.b","category":"store","severity":"error","summary":"s"}"#;
const ARTIFACT: &str = r#"{"artifact_ref":"artifact:p.r.a","artifact_kind":"checkpoint","created_at":"2024-01-01T00:00:00Z","producer_ref":"x","run_ref":"run:p.r","location_ref":"l","size_bytes":1,"hash_value":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#;
const RELATION: &str = r#"{"relation_ref":"relation:x","relation_type":"used","source_ref":"run:p.r","target_ref":"artifact:p.r.a","recorded_at":"2024-01-01T00:00:00Z","origin_marker":"explicit","confidence_marker":"high","evidence_refs":["run:p.r"]}"#;
const PROVENANCE: &str = r#"{"provenance_ref":"provenance:x","relation_ref":"relation:x","assertion_mode":"explicit","asserted_at":"2024-01-01T00:00:00Z","policy_ref":"a","evidence_bundle_ref":"artifact:p.r.a"}"#;

/// Returns `base` with some members changed, or removed if the change is null.
fn with(base: &str, changes: &str) -> String {
    let (Value::Map(mut members), Value::Map(changes)) = (parse(base).unwrap(), parse(changes).unwrap())
    else {
        panic!("not objects")
    };
    for (name, value) in changes {
        match value {
            Value::Null => drop(members.remove(&name)),
            value => drop(members.insert(name, value)),
        }
    }
    // Nulls are kept, so that the tests can check them.
    contexta::contract::json::write::pretty(&Value::Map(members)).unwrap()
}

fn record(family: &str, envelope: &str, payload: &str, changes: &str) -> String {
    let envelope = with(&ENVELOPE.replace("TYPE", family), envelope);
    format!("{{\"envelope\":{envelope},\"payload\":{}}}", with(payload, changes))
}

/// Reads and validates a text. Returns all codes of the errors and issues.
fn codes<M: Model + Clone>(text: &str, registry: Option<&ExtensionRegistry>) -> Vec<ErrorCode> {
    let mut codes = Vec::new();
    codes.extend(validate::deserialize::<M>(text, registry).err().map(|e| e.code));
    if let Ok(value) = parse(text) {
        let (_, report) = validate::check_value::<M>(value, registry);
        codes.extend(report.issues().iter().map(ValidationIssue::code));
    }
    codes
}

fn registry() -> ExtensionRegistry {
    let text = r#"[{"namespace":"contexta.x","ownership_class":"core","owner_slug":"us","status":"active",
        "target_models":["run"],"field_specs":{"a":"int","b":"anything at all"},"readonly_fields":["a"],"notes":" n "},
        {"namespace":"acme.x","ownership_class":"private","owner_slug":"acme","status":"active","target_models":["run"]}]"#;
    ExtensionRegistry::from_json(text).unwrap()
}

#[test]
fn every_code_is_provoked_by_input_alone() {
    let mut seen: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut expect = |code: &str, what: &str, got: Vec<ErrorCode>| {
        let got: Vec<&str> = got.iter().map(|c| c.as_str()).collect();
        assert!(got.contains(&code), "{what}: {code} expected, {got:?}");
        let known = ErrorCode::ALL.iter().find(|c| c.as_str() == code).unwrap().as_str();
        seen.entry(known).or_default().push(what.to_owned());
    };
    fn one<T>(result: Result<T>) -> Vec<ErrorCode> {
        result.err().map(|e| e.code).into_iter().collect()
    }

    for (code, text) in [
        ("stable_ref_invalid_text", "run"),
        ("stable_ref_invalid_kind", "Run:a.b"),
        ("stable_ref_invalid_value", "run:A.b"),
        ("stable_ref_invalid_shape", "run:a"),
        ("stable_ref_kind_mismatch", "stage:a.b.c"),
    ] {
        expect(code, text, one(RunRef::parse(text)));
    }
    let long = format!(
        "relation:{}",
        ["a".repeat(63); 1].iter().cycle().take(4).cloned().collect::<Vec<_>>().join(".")
    );
    expect("stable_ref_too_long", "a long ref", one(StableRef::parse(&long)));
    let run = StableRef::parse("run:p.r").unwrap();
    expect("stable_ref_unknown_field", "a field of nothing", one(check_field_ref("colour_ref", &run)));
    expect("deserialize_invalid_ref", "no ref", one(deserialize_stable_ref(" op:a ")));

    for (code, changes) in [
        ("context_invalid_ref", r#"{"run_ref":5}"#),
        ("context_invalid_string", r#"{"name":" "}"#),
        ("context_invalid_timestamp", r#"{"started_at":"yesterday"}"#),
        ("context_invalid_mapping", r#"{"tags":{" ":"a"}}"#),
        ("context_invalid_mapping", r#"{"params":{" ":1}}"#),
        ("context_invalid_status", r#"{"status":"tired"}"#),
        ("context_invalid_status_transition", r#"{"status":"failed"}"#),
        ("context_invalid_time_order", r#"{"status":"failed","ended_at":"2023-12-31T23:59:59.999999Z"}"#),
        ("context_ref_prefix_mismatch", r#"{"project_ref":"project:q"}"#),
        ("record_invalid_mapping", r#"{"metadata":{" ":1}}"#),
        ("schema.version_mismatch", r#"{"schema_version":"2.0.0"}"#),
        ("schema.version_newer", r#"{"schema_version":"1.1.0"}"#),
        ("deserialize_unknown_field", r#"{"colour":1}"#),
        ("deserialize_invalid_payload", r#"{"name":null}"#),
        ("deserialize_invalid_shape", r#"{"extensions":{}}"#),
        ("extension_invalid_namespace", r#"{"extensions":[{"namespace":"one","fields":{"a":1}}]}"#),
        ("extension_invalid_field_key", r#"{"extensions":[{"namespace":"a.b","fields":{"A":1}}]}"#),
        ("extension_invalid_fields", r#"{"extensions":[{"namespace":"a.b","fields":[]}]}"#),
        ("extension_empty_fields", r#"{"extensions":[{"namespace":"a.b","fields":{}}]}"#),
        (
            "extension_invalid_readonly_fields",
            r#"{"extensions":[{"namespace":"a.b","fields":{"a":1},"readonly_fields":["b"]}]}"#,
        ),
        (
            "extension_duplicate_namespace",
            r#"{"extensions":[{"namespace":"a.b","fields":{"a":1}},{"namespace":"a.b","fields":{"b":1}}]}"#,
        ),
    ] {
        expect(code, changes, codes::<Run>(&with(RUN, changes), None));
    }
    expect(
        "context_invalid_component",
        "a stage's name",
        codes::<StageExecution>(&with(STAGE, r#"{"stage_name":"A"}"#), None),
    );
    expect(
        "context_invalid_order_index",
        "-1",
        codes::<StageExecution>(&with(STAGE, r#"{"order_index":-1}"#), None),
    );
    expect("deserialize_blank_input", "blank", codes::<Project>(" \u{1c}", None));
    expect("deserialize_invalid_json", "no JSON", codes::<Project>("{", None));
    expect("deserialize_invalid_shape", "a list", codes::<Project>("[]", None));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    expect("deserialize_too_large", "deep", codes::<Project>(&deep, None));
    expect("serialization_invalid_float", "NaN", one(json::write::canonical(&Value::Float(f64::NAN))));
    let nested = (0..70).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let nested = ExtensionFieldSet::new("a.b", [("a".to_owned(), nested)], []);
    expect("extension_invalid_value", "too deep", one(nested));

    let registry = registry();
    for (code, extension) in [
        ("extension.namespace_unregistered", r#"{"namespace":"plugin.y","fields":{"a":1}}"#),
        ("extension.field_undeclared", r#"{"namespace":"contexta.x","fields":{"a":1,"c":1}}"#),
        ("extension.field_type_mismatch", r#"{"namespace":"contexta.x","fields":{"a":"one"}}"#),
        ("extension_invalid_readonly_fields", r#"{"namespace":"contexta.x","fields":{"b":1}}"#),
        ("validation_failed", r#"{"namespace":"contexta.x","fields":{"b":1}}"#),
    ] {
        let text = with(RUN, &format!(r#"{{"extensions":[{extension}]}}"#));
        expect(code, extension, codes::<Run>(&text, Some(&registry)));
    }
    let on_project = with(PROJECT, r#"{"extensions":[{"namespace":"acme.x","fields":{"a":1}}]}"#);
    expect("extension.target_model_mismatch", "on a project", codes::<Project>(&on_project, Some(&registry)));

    macro_rules! each {
        ($model:ty, $family:literal, $payload:ident: $(($code:literal, $envelope:literal, $changes:literal),)*) => {
            $(expect($code, $changes, codes::<$model>(&record($family, $envelope, $payload, $changes), None));)*
        };
    }
    each!(StructuredEventRecord, "event", EVENT:
        ("record_invalid_time_order", r#"{"observed_at":"2024-01-01T00:00:00.000001Z"}"#, "{}"),
        ("record_ref_prefix_mismatch", r#"{"record_ref":"record:p.q.k"}"#, "{}"),
        ("record_ref_prefix_mismatch", r#"{"deployment_execution_ref":"deployment:q.d"}"#, "{}"),
        ("record_missing_stage_context", r#"{"batch_execution_ref":"batch:p.r.s.b"}"#, "{}"),
        ("record_invalid_marker", r#"{"completeness_marker":"some"}"#, "{}"),
        ("record_invalid_producer_ref", r#"{"producer_ref":"a_b"}"#, "{}"),
        ("record_invalid_correlation_refs", r#"{"correlation_refs":5}"#, "{}"),
        ("record_absent_not_allowed", r#"{"completeness_marker":"absent"}"#, "{}"),
        ("record_type_mismatch", r#"{"record_type":"metric"}"#, "{}"),
        ("record_invalid_event_key", "{}", r#"{"event_key":"A"}"#),
        ("record_invalid_ref", "{}", r#"{"subject_ref":5}"#),
        ("record_invalid_mapping", "{}", r#"{"attributes":[]}"#),
    );
    each!(MetricRecord, "metric", METRIC:
        ("record_invalid_metric_key", "{}", r#"{"metric_key":"Loss"}"#),
        ("record_invalid_metric_value", "{}", r#"{"value":{"train":1,"test":2}}"#),
        ("record_invalid_metric_step", "{}", r#"{"step":1.5}"#),
        ("record_invalid_value_type", "{}", r#"{"value_type":"a.b"}"#),
        ("record_invalid_slice_ref", "{}", r#"{"slice_ref":"A"}"#),
        ("record_invalid_summary_basis", "{}", r#"{"summary_basis":"A"}"#),
        ("metric.unit_missing", "{}", r#"{"unit":null}"#),
        ("metric.value_type_mismatch", "{}", r#"{"value":1.5}"#),
    );
    each!(TraceSpanRecord, "span", SPAN:
        ("record_invalid_time_order", "{}", r#"{"ended_at":"2023-01-01T00:00:00Z"}"#),
    );
    each!(DegradedRecord, "degraded", DEGRADED:
        ("record_degraded_requires_gap", "{}", "{}"),
        ("record_invalid_issue_key", r#"{"degradation_marker":"capture_gap"}"#, r#"{"issue_key":"A"}"#),
    );
    expect("record_invalid_envelope", "5", codes::<MetricRecord>(r#"{"envelope":5,"payload":{}}"#, None));
    let envelope = ENVELOPE.replace("TYPE", "metric");
    let payload = format!(r#"{{"envelope":{envelope},"payload":5}}"#);
    expect("record_invalid_payload", "5", codes::<MetricRecord>(&payload, None));

    for (code, changes) in [
        ("artifact_invalid_artifact_kind", r#"{"artifact_kind":"A"}"#),
        ("artifact_invalid_producer_ref", r#"{"producer_ref":"A"}"#),
        ("artifact_invalid_size_bytes", r#"{"size_bytes":-1}"#),
        ("artifact_ref_prefix_mismatch", r#"{"artifact_ref":"artifact:p.q.a"}"#),
        ("artifact_missing_stage_context", r#"{"operation_context_ref":"op:p.r.s.o"}"#),
        ("artifact.hash_value_missing", r#"{"hash_value":null}"#),
        ("artifact.hash_value_unrecognised", r#"{"hash_value":"sha256:abc123"}"#),
        ("artifact.size_bytes_missing", r#"{"size_bytes":null}"#),
        ("artifact.artifact_kind_unknown", r#"{"artifact_kind":"model"}"#),
    ] {
        expect(code, changes, codes::<ArtifactManifest>(&with(ARTIFACT, changes), None));
    }
    for (code, changes) in [
        ("lineage_self_relation", r#"{"target_ref":"run:p.r"}"#),
        ("lineage.evidence_refs_missing", r#"{"evidence_refs":[]}"#),
        ("lineage.low_confidence_without_provenance", r#"{"evidence_refs":[],"confidence_marker":"low"}"#),
    ] {
        expect(code, changes, codes::<LineageEdge>(&with(RELATION, changes), None));
    }
    for (code, changes) in [
        ("lineage_invalid_policy_ref", r#"{"policy_ref":"A"}"#),
        ("provenance.policy_ref_missing", r#"{"policy_ref":null}"#),
        ("provenance.evidence_bundle_ref_missing", r#"{"evidence_bundle_ref":null}"#),
    ] {
        expect(code, changes, codes::<ProvenanceRecord>(&with(PROVENANCE, changes), None));
    }

    let entry = |changes: &str| {
        let base = r#"{"namespace":"acme.y","ownership_class":"private","owner_slug":"acme","status":"active",
            "target_models":["run"],"field_specs":{"a":"int"}}"#;
        one(ExtensionRegistry::from_json(&format!("[{}]", with(base, changes))))
    };
    for (code, changes) in [
        ("extension_registry_invalid_ownership", r#"{"ownership_class":"mine"}"#),
        ("extension_registry_invalid_namespace", r#"{"namespace":"plugin.y"}"#),
        ("extension_registry_invalid_owner", r#"{"owner_slug":"A"}"#),
        ("extension_registry_invalid_status", r#"{"status":"A"}"#),
        ("extension_registry_invalid_target_models", r#"{"target_models":[]}"#),
        ("extension_registry_invalid_readonly_fields", r#"{"readonly_fields":["b"]}"#),
        ("extension_registry_invalid_field_specs", r#"{"field_specs":{"a":" "}}"#),
    ] {
        expect(code, changes, entry(changes));
    }
    let twice = registry.entries().next().unwrap().clone();
    expect("extension_registry_duplicate_namespace", "twice", one(registry.clone().register(twice)));
    expect("extension_registry_missing_namespace", "nobody's", one(registry.require("nobody.knows")));
    let set = ExtensionFieldSet::new("acme.x", [("a".to_owned(), 1.into())], ["a".to_owned()]).unwrap();
    expect(
        "extension_registry_target_model_mismatch",
        "on a project",
        one(registry.resolve(&set, ExtensionTarget::Project)),
    );
    let update = set.merge([("a".to_owned(), 2.into())], Readonly::Kept);
    expect("extension_readonly_conflict", "a change", one(update));
    for (code, path, message) in
        [("validation_issue_invalid_path", "", "m"), ("validation_issue_invalid_message", "$", " ")]
    {
        let issue = ValidationIssue::new(ErrorCode::String, path, message, Severity::Error);
        expect(code, path, one(issue));
    }
    expect("validation_issue_invalid_severity", "grave", one("grave".parse::<Severity>()));

    let unseen: Vec<&str> =
        ErrorCode::ALL.iter().map(|c| c.as_str()).filter(|c| !seen.contains_key(c)).collect();
    assert!(unseen.is_empty(), "nothing provokes {unseen:?}");
}

#[test]
fn the_references_codes_occur_or_the_deviations_say_why_not() {
    let deviations =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DEVIATIONS.md")).unwrap();
    let cannot = deviations.split("## Codes of the Python package that cannot occur").nth(1).unwrap();
    // The first column has codes, the second reasons.
    let cannot: Vec<&str> = cannot.lines().filter_map(|row| row.split('|').nth(1)).collect();
    // The codes of the Python package contexta 1.0.0.
    let codes = "stable_ref_invalid_text stable_ref_invalid_kind stable_ref_invalid_value stable_ref_too_long \
        stable_ref_invalid_shape stable_ref_kind_mismatch stable_ref_unknown_field context_invalid_ref \
        context_invalid_string context_invalid_component context_invalid_timestamp context_invalid_mapping \
        context_invalid_extensions context_invalid_status context_invalid_status_transition \
        context_invalid_time_order context_invalid_order_index context_ref_prefix_mismatch record_invalid_marker \
        record_invalid_ref record_invalid_mapping record_invalid_producer_ref record_invalid_event_key \
        record_invalid_metric_key record_invalid_metric_value record_invalid_value_type record_invalid_slice_ref \
        record_invalid_summary_basis record_invalid_issue_key record_invalid_time_order record_ref_prefix_mismatch \
        record_missing_stage_context record_invalid_correlation_refs record_invalid_envelope record_type_mismatch \
        record_absent_not_allowed record_degraded_requires_gap record_invalid_payload \
        artifact_invalid_artifact_kind artifact_invalid_producer_ref artifact_invalid_size_bytes \
        artifact_missing_stage_context artifact_ref_prefix_mismatch lineage_self_relation lineage_invalid_policy_ref \
        extension_invalid_namespace extension_invalid_field_key extension_invalid_fields extension_empty_fields \
        extension_invalid_value extension_invalid_readonly_fields extension_registry_invalid_ownership \
        extension_registry_invalid_namespace extension_registry_invalid_owner extension_registry_invalid_status \
        extension_registry_invalid_target_models extension_registry_invalid_readonly_fields \
        extension_registry_invalid_field_specs extension_registry_target_model_mismatch validation_failed \
        validation_issue_invalid_code validation_issue_invalid_path validation_issue_invalid_message \
        validation_issue_invalid_severity validation_report_invalid_issue validation_report_invalid_merge \
        extension_duplicate_namespace extension_readonly_conflict extension_registry_duplicate_namespace \
        extension_registry_missing_namespace serialization_invalid_float serialization_invalid_mapping_key \
        serialization_unsupported_type deserialize_blank_input deserialize_invalid_json deserialize_invalid_shape \
        deserialize_unknown_field deserialize_invalid_payload deserialize_invalid_ref validation.invalid_type \
        validation.invalid_model schema.version_mismatch extension.invalid_target_model extension.invalid_registry \
        extension.invalid_type extension.namespace_unregistered extension.target_model_mismatch metric.unit_missing \
        artifact.hash_value_missing artifact.size_bytes_missing lineage.evidence_refs_missing \
        lineage.low_confidence_without_provenance provenance.policy_ref_missing \
        provenance.evidence_bundle_ref_missing";
    for code in codes.split_whitespace() {
        let occurs = ErrorCode::ALL.iter().any(|c| c.as_str() == code);
        let told = cannot.iter().any(|row| row.contains(&format!("`{code}`")));
        assert!(occurs != told, "{code}: it occurs: {occurs}; it is told that it cannot: {told}");
    }
}

#[test]
fn a_report_names_everything_that_is_wrong_not_only_the_first() {
    let text = with(
        RUN,
        r#"{"name":" ","status":"failed","project_ref":"project:q","tags":{"":"a"},"schema_version":"3.0.0","params":{"x\u0000":[]}}"#,
    );
    let (run, report) = validate::check_value::<Run>(parse(&text).unwrap(), None);
    assert!(run.is_none());
    let issues: Vec<(&str, &str)> = report.issues().iter().map(|i| (i.code().as_str(), i.path())).collect();
    let expected = [
        ("context_invalid_status_transition", "$.ended_at"),
        ("context_ref_prefix_mismatch", "$.run_ref"),
        ("context_invalid_string", "$.name"),
        ("context_invalid_mapping", "$.params.x\0"),
        ("context_invalid_mapping", "$.tags."),
        ("schema.version_mismatch", "$.schema_version"),
    ];
    assert_eq!(issues, expected);
    // Issues of members that cannot be read are reported together, before those of rules between members.
    let text = with(RUN, r#"{"run_ref":5,"status":"odd","started_at":"never","colour":1}"#);
    let (_, report) = validate::check_value::<Run>(parse(&text).unwrap(), None);
    let paths: Vec<&str> = report.issues().iter().map(ValidationIssue::path).collect();
    assert_eq!(paths, ["$.colour", "$.run_ref", "$.status", "$.started_at"]);
    // In records, paths begin with the envelope or the payload.
    let text = record("metric", r#"{"producer_ref":"A","extensions":[5]}"#, METRIC, r#"{"value":"x"}"#);
    let (_, report) = validate::check_value::<MetricRecord>(parse(&text).unwrap(), None);
    let paths: Vec<&str> = report.issues().iter().map(ValidationIssue::path).collect();
    assert_eq!(paths, ["$.envelope.extensions[0]", "$.payload.value"]);
}
