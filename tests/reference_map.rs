//! Checks docs/REFERENCE-MAP.md: every public name of the Python package contexta 1.0.0 is in it, and maps to a name of
//! this library that can be called and gives the expected answer.

use contexta::config::{
    AlertPolicy, AnomalyPolicy, ArtifactStoreConfig, CaptureConfig, CliConfig, ComparisonPolicy, ConfigValue,
    ContractConfig, DiagnosticsPolicy, ExportSurfaceConfig, HtmlConfig, HttpConfig, InterpretationConfig,
    LoadInputs, LoadedConfig, MetadataStoreConfig, NotebookConfig, Overlay, Profile, RecordStoreConfig,
    RecoveryConfig, ReportPolicy, RetentionConfig, SearchPolicy, SecurityConfig, SurfaceConfig, TrendPolicy,
    UnifiedConfig, WorkspaceConfig, load_config, load_profile, make_local_config, make_test_config,
};
use contexta::contract::json::read::parse;
use contexta::contract::json::write::canonical;
use contexta::contract::*;
use std::collections::BTreeSet;

/// Calls every mapped name and checks the answer.
macro_rules! calls {
    ($($path:literal => $check:expr;)*) => { vec![$(($path, $check as fn() -> bool)),*] };
}

/// The facade, and the names of capture.
mod capture;
/// The questions of the facade.
mod interpretation;
/// Backups and restores.
mod recovery;
/// The stores.
mod stores;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn noon() -> Timestamp {
    at("2024-01-31T12:00:00Z")
}

fn r<R: std::str::FromStr<Err = ContractError>>(text: &str) -> R {
    text.parse().unwrap()
}

fn project() -> Project {
    Project::new(r::<ProjectRef>("project:p"), "P", noon())
}

fn run() -> Run {
    Run::new(r::<RunRef>("run:p.r"), r::<ProjectRef>("project:p"), "R", RunStatus::Open, noon())
}

fn deployment() -> DeploymentExecution {
    let own = r::<DeploymentRef>("deployment:p.d");
    DeploymentExecution::new(own, r::<ProjectRef>("project:p"), "d", RunStatus::Open, noon())
}

fn stage() -> StageExecution {
    StageExecution::new(r::<StageRef>("stage:p.r.s"), r::<RunRef>("run:p.r"), "s", RunStatus::Open, noon())
}

fn batch() -> BatchExecution {
    let (own, stage) = (r::<BatchRef>("batch:p.r.s.b"), r::<StageRef>("stage:p.r.s"));
    BatchExecution::new(own, r::<RunRef>("run:p.r"), stage, "b", RunStatus::Open, noon())
}

fn sample() -> SampleObservation {
    let (own, stage) = (r::<SampleRef>("sample:p.r.s.x"), r::<StageRef>("stage:p.r.s"));
    SampleObservation::new(own, r::<RunRef>("run:p.r"), stage, "x", noon())
}

fn operation() -> OperationContext {
    let (own, stage) = (r::<OperationRef>("op:p.r.s.o"), r::<StageRef>("stage:p.r.s"));
    OperationContext::new(own, r::<RunRef>("run:p.r"), stage, "o", noon())
}

fn environment() -> EnvironmentSnapshot {
    EnvironmentSnapshot::new(
        r::<EnvironmentRef>("environment:p.r.e"),
        r::<RunRef>("run:p.r"),
        noon(),
        "linux",
    )
}

fn envelope(family: RecordType) -> RecordEnvelope {
    let mut seen = Observation::new(noon(), "x", r::<RunRef>("run:p.r"));
    if family == RecordType::Degraded {
        seen.degradation_marker = Degradation::CaptureGap;
    }
    RecordEnvelope::new(r::<RecordRef>("record:p.r.k"), family, noon(), seen)
}

fn event() -> StructuredEventRecord {
    Record::new(envelope(RecordType::Event), EventPayload::new("e", EventLevel::Info, "m"))
}

fn metric() -> MetricRecord {
    Record::new(envelope(RecordType::Metric), MetricPayload::new("loss", 1i64, "int"))
}

fn span() -> TraceSpanRecord {
    let later = at("2024-01-31T12:00:01Z");
    let payload = TraceSpanPayload::new("1", "t", "fit", noon(), later, SpanStatus::Ok, SpanKind::Io);
    Record::new(envelope(RecordType::Span), payload)
}

fn degraded() -> DegradedRecord {
    let payload = DegradedPayload::new("a.b", DegradedCategory::Store, DegradedSeverity::Error, "s");
    Record::new(envelope(RecordType::Degraded), payload)
}

fn artifact() -> ArtifactManifest {
    let own = r::<ArtifactRef>("artifact:p.r.a");
    ArtifactManifest::new(own, "checkpoint", noon(), "x", r::<RunRef>("run:p.r"), "here")
}

fn edge() -> LineageEdge {
    let (source, target) = (r::<StableRef>("run:p.r"), r::<StableRef>("artifact:p.r.a"));
    let own = r::<RelationRef>("relation:x");
    let (origin, sure) = (LineageOrigin::Explicit, Confidence::High);
    LineageEdge::new(own, RelationType::Used, source, target, noon(), origin, sure)
}

fn provenance() -> ProvenanceRecord {
    let own = r::<ProvenanceRef>("provenance:x");
    ProvenanceRecord::new(own, r::<RelationRef>("relation:x"), AssertionMode::Explicit, noon())
}

fn extension() -> ExtensionFieldSet {
    ExtensionFieldSet::new("acme.x", [("a".to_owned(), 1.into())], []).unwrap()
}

/// Asserts that a model is valid, and that a changed model is not.
fn is_checked<M: Rules + Clone>(model: M, broken: impl Fn(&mut M)) -> bool {
    let mut other = model.clone();
    broken(&mut other);
    Valid::new(model).is_ok() && Valid::new(other).is_err()
}

/// Asserts that a model can be read from its text, from its value and from itself, and that an additional member is
/// refused.
fn reads<M: Model + Clone + PartialEq + std::fmt::Debug>(
    model: M,
    read: impl Fn(ModelInput<'_, M>) -> Result<Valid<M>>,
) -> bool {
    let text = model.to_json().unwrap();
    let Value::Map(mut more) = parse(&text).unwrap() else { return false };
    more.insert("zzz".to_owned(), Value::Int(1));
    let more = Value::Map(more);
    let same = |read: Result<Valid<M>>| read.map(Valid::into_inner) == Ok(model.clone());
    same(read(text.as_str().into()))
        && same(read(parse(&text).unwrap().into()))
        && same(read(model.clone().into()))
        && read(canonical(&more).unwrap().as_str().into()).is_err()
        && read(more.into()).is_err()
}

/// Asserts that validation finds no error in a valid model, and an error in an invalid one.
fn validates<M: Clone>(model: M, check: impl Fn(&M) -> ValidationReport, broken: impl Fn(&mut M)) -> bool {
    let mut other = model.clone();
    broken(&mut other);
    check(&model).is_valid() && !check(&other).is_valid()
}

const BAD: &str = "2.0.0";

fn texts(all: &[impl ToString]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn name(inputs: LoadInputs) -> String {
    load_config(&inputs).unwrap().config.project_name
}

fn config() -> UnifiedConfig {
    load_config(&LoadInputs::new().use_env(false).base_dir("/base")).unwrap().config
}

type Call = (&'static str, fn() -> bool);

fn calls() -> Vec<Call> {
    let mut calls = contract_and_config();
    calls.extend(capture::calls());
    calls.extend(interpretation::calls());
    calls.extend(recovery::calls());
    calls.extend(stores::calls());
    calls
}

fn contract_and_config() -> Vec<Call> {
    calls! {
        "contract::Project" => || is_checked(project(), |p| p.name = " ".into());
        "contract::Run" => || is_checked(run(), |r| r.status = RunStatus::Failed);
        "contract::DeploymentExecution" => || is_checked(deployment(), |d| d.deployment_name = "e".into());
        "contract::StageExecution" => || is_checked(stage(), |s| s.ended_at = Some(noon()));
        "contract::BatchExecution" => || is_checked(batch(), |b| b.batch_name = "c".into());
        "contract::SampleObservation" => || is_checked(sample(), |s| s.retention_class = Some("".into()));
        "contract::OperationContext" => || is_checked(operation(), |o| o.operation_name = "p".into());
        "contract::EnvironmentSnapshot" => || is_checked(environment(), |e| e.platform.clear());
        "contract::RecordEnvelope" => || is_checked(envelope(RecordType::Metric), |e| {
            e.record_ref = r("record:p.q.k");
        });
        "contract::CorrelationRefs" => || is_checked(CorrelationRefs::new(), |c| c.trace_id = Some(" ".into()));
        "contract::StructuredEventRecord" => || is_checked(event(), |e| e.envelope.record_type = RecordType::Span);
        "contract::EventPayload" => || is_checked(event().payload, |p| p.event_key = " ".into());
        "contract::MetricRecord" => || is_checked(metric(), |m| {
            m.envelope.observation.completeness_marker = Completeness::Absent;
        });
        "contract::MetricPayload" => || is_checked(metric().payload, |p| p.metric_key = "a\nb".into());
        "contract::TraceSpanRecord" => || is_checked(span(), |s| s.payload.span_id.clear());
        "contract::TraceSpanPayload" => || is_checked(span().payload, |p| p.trace_id.clear());
        "contract::DegradedRecord" => || is_checked(degraded(), |d| {
            d.envelope.observation.degradation_marker = Degradation::None;
        });
        "contract::DegradedPayload" => || is_checked(degraded().payload, |p| p.issue_key = "A".into());
        "contract::ArtifactManifest" => || is_checked(artifact(), |a| a.location_ref.clear());
        "contract::LineageEdge" => || is_checked(edge(), |e| e.target_ref = e.source_ref.clone());
        "contract::ProvenanceRecord" => || is_checked(provenance(), |p| p.policy_ref = Some("A".into()));
        "contract::ExtensionFieldSet" => || {
            extension().get("a") == Some(&Value::Int(1)) && ExtensionFieldSet::new("one", [], []).is_err()
        };
        "contract::ExtensionRegistry" => || {
            let entry = ExtensionRegistryEntry::new(
                "acme.x", ExtensionOwner::new(ExtensionOwnership::Private, "acme"), [ExtensionTarget::Run]);
            let registry = ExtensionRegistry::new([entry.unwrap()]).unwrap();
            registry.owner_for("acme.x") == Some("acme")
                && registry.resolve(&extension(), ExtensionTarget::Project).is_err()
        };
        "contract::ValidationReport" => || {
            let report = validate_run(&Run { name: " ".into(), ..run() }, None);
            !report.is_valid() && report.raise_for_errors().is_err() && ValidationReport::ok().is_valid()
        };
        "contract::ContractError" => || {
            let error: ContractError = RunRef::parse("run").unwrap_err();
            error.code.class() == ErrorClass::Validation && error.hint().is_some()
        };
        "contract::Timestamp::parse" => || {
            Timestamp::parse("2024-01-31T21:00:00+09:00").unwrap() == noon() && Timestamp::parse("noon").is_err()
        };
        "contract::EventLevel::ALL" => || texts(EventLevel::ALL) == ["debug", "info", "warning", "error", "critical"];
        "contract::AggregationScope::ALL" => || {
            texts(AggregationScope::ALL) == ["run", "stage", "operation", "step", "slice"]
        };
        "contract::SpanStatus::ALL" => || texts(SpanStatus::ALL) == ["ok", "error", "cancelled", "timeout", "unset"];
        "contract::SpanKind::ALL" => || {
            texts(SpanKind::ALL) == ["operation", "internal", "io", "network", "process", "stage", "call"]
        };
        "contract::StableRef" => || StableRef::parse("run:p.r").unwrap().kind() == "run" && StableRef::parse("x").is_err();
        "contract::to_json" => || to_json(&extension()).unwrap()
            == r#"{"fields":{"a":1},"namespace":"acme.x","readonly_fields":[]}"#;
        "contract::to_payload" => || to_payload(&project()).get("description").is_none();
        "contract::deserialize_stable_ref" => || deserialize_stable_ref("\"run:p.r\"") == Ok(r("run:p.r"))
            && deserialize_stable_ref(Value::from("run:p.r")) == Ok(r("run:p.r"))
            && deserialize_stable_ref(r::<StableRef>("run:p.r")) == Ok(r("run:p.r"))
            && deserialize_stable_ref(Value::Int(1)).unwrap_err().code.as_str() == "deserialize_invalid_shape"
            && deserialize_stable_ref("run").is_err();
        "contract::deserialize_extension_field_set" => || {
            deserialize_extension_field_set(&extension().to_json().unwrap()) == Ok(extension())
                && deserialize_extension_field_set(extension().to_value()) == Ok(extension())
                && deserialize_extension_field_set(extension()) == Ok(extension())
        };
        "contract::deserialize_correlation_refs" => || reads(CorrelationRefs::new(), |d| deserialize_correlation_refs(d));
        "contract::deserialize_structured_event_payload" => || {
            reads(event().payload, |d| deserialize_structured_event_payload(d))
        };
        "contract::deserialize_metric_payload" => || reads(metric().payload, |d| deserialize_metric_payload(d));
        "contract::deserialize_trace_span_payload" => || reads(span().payload, |d| deserialize_trace_span_payload(d));
        "contract::deserialize_degraded_payload" => || reads(degraded().payload, |d| deserialize_degraded_payload(d));
        "contract::deserialize_project" => || reads(project(), |t| deserialize_project(t, None))
            && deserialize_project(Project { name: " ".into(), ..project() }, None).is_err();
        "contract::deserialize_run" => || reads(run(), |t| deserialize_run(t, None));
        "contract::deserialize_deployment_execution" => || {
            reads(deployment(), |t| deserialize_deployment_execution(t, None))
        };
        "contract::deserialize_stage_execution" => || reads(stage(), |t| deserialize_stage_execution(t, None));
        "contract::deserialize_batch_execution" => || reads(batch(), |t| deserialize_batch_execution(t, None));
        "contract::deserialize_sample_observation" => || reads(sample(), |t| deserialize_sample_observation(t, None));
        "contract::deserialize_operation_context" => || reads(operation(), |t| deserialize_operation_context(t, None));
        "contract::deserialize_environment_snapshot" => || {
            reads(environment(), |t| deserialize_environment_snapshot(t, None))
        };
        "contract::deserialize_record_envelope" => || {
            reads(envelope(RecordType::Metric), |t| deserialize_record_envelope(t, None))
        };
        "contract::deserialize_structured_event_record" => || {
            reads(event(), |t| deserialize_structured_event_record(t, None))
        };
        "contract::deserialize_metric_record" => || reads(metric(), |t| deserialize_metric_record(t, None));
        "contract::deserialize_trace_span_record" => || reads(span(), |t| deserialize_trace_span_record(t, None));
        "contract::deserialize_degraded_record" => || reads(degraded(), |t| deserialize_degraded_record(t, None));
        "contract::deserialize_artifact_manifest" => || reads(artifact(), |t| deserialize_artifact_manifest(t, None));
        "contract::deserialize_lineage_edge" => || reads(edge(), |t| deserialize_lineage_edge(t, None));
        "contract::deserialize_provenance_record" => || reads(provenance(), |t| deserialize_provenance_record(t, None));
        "contract::validate_project" => || {
            validates(project(), |m| validate_project(m, None), |m| m.schema_version = BAD.into())
        };
        "contract::validate_run" => || validates(run(), |m| validate_run(m, None), |m| m.schema_version = BAD.into());
        "contract::validate_deployment_execution" => || {
            validates(deployment(), |m| validate_deployment_execution(m, None), |m| m.schema_version = BAD.into())
        };
        "contract::validate_stage_execution" => || {
            validates(stage(), |m| validate_stage_execution(m, None), |m| m.schema_version = BAD.into())
        };
        "contract::validate_batch_execution" => || {
            validates(batch(), |m| validate_batch_execution(m, None), |m| m.schema_version = BAD.into())
        };
        "contract::validate_sample_observation" => || {
            validates(sample(), |m| validate_sample_observation(m, None), |m| m.schema_version = BAD.into())
        };
        "contract::validate_operation_context" => || {
            validates(operation(), |m| validate_operation_context(m, None), |m| m.schema_version = BAD.into())
        };
        "contract::validate_environment_snapshot" => || {
            validates(environment(), |m| validate_environment_snapshot(m, None), |m| m.schema_version = BAD.into())
        };
        "contract::validate_record_envelope" => || {
            validates(envelope(RecordType::Event), |m| validate_record_envelope(m, None), |m| {
                m.observation.schema_version = BAD.into();
            })
        };
        "contract::validate_structured_event_record" => || {
            validates(event(), |m| validate_structured_event_record(m, None), |m| m.payload.event_key.clear())
        };
        "contract::validate_metric_record" => || {
            validate_metric_record(&metric(), None).warnings().count() == 1
                && validates(metric(), |m| validate_metric_record(m, None), |m| m.payload.metric_key.clear())
        };
        "contract::validate_trace_span_record" => || {
            validates(span(), |m| validate_trace_span_record(m, None), |m| m.payload.span_name.clear())
        };
        "contract::validate_degraded_record" => || {
            validates(degraded(), |m| validate_degraded_record(m, None), |m| m.payload.summary.clear())
        };
        "contract::validate_artifact_manifest" => || {
            validate_artifact_manifest(&artifact(), None).warnings().count() == 2
                && validates(artifact(), |m| validate_artifact_manifest(m, None), |m| m.artifact_kind.clear())
        };
        "contract::validate_lineage_edge" => || {
            validates(edge(), |m| validate_lineage_edge(m, None), |m| m.target_ref = m.source_ref.clone())
        };
        "contract::validate_provenance_record" => || {
            validates(provenance(), |m| validate_provenance_record(m, None), |m| m.schema_version = BAD.into())
        };
        "contract::validate_extension_field_set" => || {
            let none = ExtensionRegistry::default();
            let private = validate_extension_field_set(&extension(), ExtensionTarget::Run, Some(&none));
            private.is_valid() && private.warnings().count() == 1
        };
        "config::load_config" => || load_config(&LoadInputs::new().use_env(false).profile("nobody")).is_err()
            && config().project_name == "default";
        "config::load_profile" => || load_profile("test", &LoadInputs::new().use_env(false)).unwrap().config.project_name == "test";
        "config::make_local_config" => || make_local_config(&LoadInputs::new().use_env(false)).unwrap().config.project_name == "default";
        "config::make_test_config" => || make_test_config(&LoadInputs::new().use_env(false)).unwrap().config.project_name == "test";
        "config::UnifiedConfig" => || { let c: UnifiedConfig = config(); c.check().is_ok() };
        "config::WorkspaceConfig" => || { let c: WorkspaceConfig = config().workspace; c.create_missing_dirs };
        "config::ContractConfig" => || { let c: ContractConfig = config().contract; c.schema_version == SCHEMA_VERSION };
        "config::CaptureConfig" => || { let c: CaptureConfig = config().capture; c.producer_ref == "sdk.rust" };
        "config::MetadataStoreConfig" => || { let c: MetadataStoreConfig = config().metadata; c.auto_create };
        "config::RecordStoreConfig" => || { let c: RecordStoreConfig = config().records; !c.read_only };
        "config::ArtifactStoreConfig" => || { let c: ArtifactStoreConfig = config().artifacts; c.chunk_size_bytes == 1 << 20 };
        "config::InterpretationConfig" => || {
            let c: InterpretationConfig = config().interpretation;
            c == UnifiedConfig::default().interpretation
        };
        "config::ComparisonPolicy" => || {
            let c: ComparisonPolicy = config().interpretation.comparison;
            !c.include_unchanged_metrics
        };
        "config::DiagnosticsPolicy" => || {
            let c: DiagnosticsPolicy = config().interpretation.diagnostics;
            c.detect_degraded_records
        };
        "config::ReportPolicy" => || {
            let c: ReportPolicy = config().interpretation.reports;
            c.include_lineage_summary
        };
        "config::SearchPolicy" => || { let c: SearchPolicy = config().interpretation.search; c.default_limit == 50 };
        "config::TrendPolicy" => || { let c: TrendPolicy = config().interpretation.trend; c.default_window_runs == 20 };
        "config::AnomalyPolicy" => || { let c: AnomalyPolicy = config().interpretation.anomaly; c.z_score_threshold == 2.5 };
        "config::AlertPolicy" => || { let c: AlertPolicy = config().interpretation.alert; !c.stop_on_first_trigger };
        "config::RecoveryConfig" => || { let c: RecoveryConfig = config().recovery; c.require_plan_before_apply };
        "config::SurfaceConfig" => || { let c: SurfaceConfig = config().surfaces; !c.http.enabled };
        "config::CliConfig" => || { let c: CliConfig = config().surfaces.cli; c.color };
        "config::HttpConfig" => || { let c: HttpConfig = config().surfaces.http; c.port == 8765 };
        "config::HtmlConfig" => || { let c: HtmlConfig = config().surfaces.html; c.inline_charts };
        "config::NotebookConfig" => || { let c: NotebookConfig = config().surfaces.notebook; c.enabled };
        "config::ExportSurfaceConfig" => || {
            let c: ExportSurfaceConfig = config().surfaces.export;
            c.csv_delimiter == ","
        };
        "config::RetentionConfig" => || { let c: RetentionConfig = config().retention; c.cache_ttl_days == Some(7) };
        "config::SecurityConfig" => || { let c: SecurityConfig = config().security; c.environment_variable_allowlist.is_empty() };
        "config::Profile" => || "test".parse() == Ok(Profile::Test) && "prod".parse::<Profile>().is_err();
        "config::Profile::ALL" => || texts(Profile::ALL) == ["local", "test"];
        "config::Overlay" => || texts(Overlay::ALL) == ["debug", "forensic", "ci", "readonly"];
        "config::LoadInputs::profile" => || name(LoadInputs::new().use_env(false).profile("test")) == "test";
        "config::LoadInputs::overlays" => || {
            let inputs = LoadInputs::new().use_env(false).overlays(&["ci"]);
            load_config(&inputs).unwrap().overlays == [Overlay::Ci]
        };
        "config::LoadInputs::file" => || {
            load_config(&LoadInputs::new().use_env(false).file("/missing.toml")).unwrap_err().code() == "config_file_not_found"
        };
        "config::LoadInputs::config" => || {
            let whole = UnifiedConfig { project_name: "whole".into(), ..Default::default() };
            let inputs = || LoadInputs::new().use_env(false).project_name("argument");
            name(inputs().config(whole)) == "whole"
                && name(inputs().config(ConfigValue::at("project_name", "patch"))) == "patch"
        };
        "config::LoadInputs::workspace" => || {
            let inputs = LoadInputs::new().use_env(false).workspace("/w");
            load_config(&inputs).unwrap().config.directories().root == std::path::Path::new("/w")
        };
        "config::LoadInputs::project_name" => || name(LoadInputs::new().use_env(false).project_name("p")) == "p";
        "config::LoadInputs::environment" => || {
            name(LoadInputs::new().environment([("CONTEXTA_PROJECT_NAME", "variable")])) == "variable"
        };
        "config::LoadInputs::use_env" => || {
            let inputs = || LoadInputs::new().environment([("CONTEXTA_PROJECT_NAME", "variable")]);
            let of = |loaded: std::result::Result<LoadedConfig, contexta::config::ConfigError>| loaded.unwrap().config.project_name;
            name(inputs().use_env(false)) == "default"
                && of(make_test_config(&inputs())) == "test"
                && of(make_test_config(&inputs().use_env(true))) == "variable"
        };
    }
}

/// Returns the rows of the document: a name of the Python package, and the path of the name that it maps to, or
/// `planned`.
fn rows() -> Vec<(String, String)> {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/REFERENCE-MAP.md")).unwrap();
    let rows = text.lines().filter(|l| l.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_matches('`').to_owned(), cells[1].trim_matches('`').to_owned())
    })
    .collect()
}

#[test]
fn every_mapped_name_is_called_and_answers() {
    let mapped: BTreeSet<String> =
        rows().into_iter().map(|(_, path)| path).filter(|path| !path.starts_with("planned")).collect();
    let calls = calls();
    let called: BTreeSet<String> = calls.iter().map(|(path, _)| format!("contexta::{path}")).collect();
    assert_eq!(called, mapped, "what the document maps and what is called here");
    for (path, check) in calls {
        assert!(check(), "{path}");
    }
}

#[test]
fn every_name_of_the_reference_is_in_the_document_once() {
    let mut names: Vec<String> = rows().into_iter().map(|(name, _)| name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "a name twice");
    // Every name of the listed groups must be in the document.
    let contract = "Project Run DeploymentExecution StageExecution BatchExecution SampleObservation OperationContext \
        EnvironmentSnapshot RecordEnvelope CorrelationRefs StructuredEventRecord MetricRecord TraceSpanRecord \
        DegradedRecord ArtifactManifest LineageEdge ProvenanceRecord ExtensionFieldSet ExtensionRegistry StableRef \
        to_json to_payload validate_project validate_run validate_stage_execution validate_operation_context \
        validate_environment_snapshot validate_record_envelope validate_structured_event_record \
        validate_metric_record validate_trace_span_record validate_degraded_record validate_artifact_manifest \
        validate_lineage_edge validate_provenance_record validate_extension_field_set load_config load_profile \
        make_local_config make_test_config UnifiedConfig WorkspaceConfig ContractConfig CaptureConfig \
        MetadataStoreConfig RecordStoreConfig ArtifactStoreConfig InterpretationConfig ComparisonPolicy \
        DiagnosticsPolicy ReportPolicy SearchPolicy TrendPolicy AnomalyPolicy AlertPolicy RecoveryConfig \
        SurfaceConfig CLIConfig HTTPConfig HTMLConfig NotebookConfig ExportSurfaceConfig RetentionConfig \
        SecurityConfig";
    let facade = [
        "Contexta",
        "Contexta(workspace=, profile=, config=)",
        "Contexta(sinks=)",
        "Contexta.open",
        "Contexta.run",
        "Contexta.run(run_id=)",
        "Contexta.run(config_snapshot=)",
        "Contexta.run(tags=)",
        "Contexta.run(metadata=)",
        "Contexta.run(code_revision=)",
        "Contexta.run(dataset_ref=)",
        "with Contexta.run(...)",
        "current scope",
        "Contexta.deployment",
        "event(level=, attributes=, tags=)",
        "metric(unit=)",
        "metric(aggregation_scope=)",
        "metric(tags=)",
        "metric(summary_basis=)",
        "span(started_at=)",
        "span(ended_at=)",
        "span(status=)",
        "span(span_kind=)",
        "span(attributes=)",
        "span(linked_refs=)",
        "span(parent_span_id=)",
        "register_artifact(artifact_ref=, attributes=, compute_hash=, allow_missing=)",
        "register_artifact -> CaptureResult",
        "local sink",
        "memory sink",
        "stdout sink",
        "composite sink",
    ];
    let capture = "project_name session sinks repository current_run current_stage current_operation current_batch \
        current_sample current_deployment event emit_events metric emit_metrics span emit_spans register_artifact \
        register_artifacts EventEmission EventEmission.to_dict MetricEmission MetricEmission.to_dict SpanEmission \
        SpanEmission.to_dict ArtifactRegistrationEmission ArtifactRegistrationEmission.to_dict Delivery CaptureResult \
        CaptureResult.success CaptureResult.with_degradation CaptureResult.failure_result CaptureResult.to_dict \
        BatchCaptureResult BatchCaptureResult.from_results BatchCaptureResult.aggregate BatchCaptureResult.results \
        BatchCaptureResult.to_dict BatchResult OperationResult OperationResult.messages PayloadFamily DeliveryStatus \
        Sink";
    let questions = "list_projects list_runs list_batches list_samples list_deployments get_run_snapshot get_provenance \
        get_artifact_origin compare_runs compare_multiple_runs compare_report_documents select_best_run \
        diagnose_run traverse_lineage get_metric_trend get_step_series get_stage_duration_trend \
        get_artifact_size_trend evaluate_alerts evaluate_alerts_fleet audit_reproducibility \
        compare_environments build_snapshot_report build_run_report build_project_summary_report \
        build_trend_report build_alert_report build_multi_run_report metadata_store record_store artifact_store \
        ScanFilter ReplayMode ReplayResult IntegrityReport export_jsonl get_artifact read_artifact_bytes open_artifact \
        iter_artifact_chunks artifact_exists list_refs verify_artifact verify_all inspect_store";
    let names = contract.split_whitespace().chain(facade).chain(capture.split_whitespace());
    for name in names.chain(questions.split_whitespace()) {
        let row = rows().into_iter().find(|(n, _)| n == name);
        assert!(row.is_some_and(|(_, path)| path.starts_with("contexta::")), "{name}");
    }
}
