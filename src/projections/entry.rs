//! Facts, captured or imported, as events of the engine.

use crate::contract::Fact;
use crate::contract::fact::{ErasureStep, ImportOrigin};
use crate::engine::codec::CodecError;
use crate::engine::entry::{Entry, Erasure, Event, Kind, PayloadVersion, Position, Seq, Stamp, StreamId};
use crate::engine::projection::Applied;
use crate::projections::encoding::{Decoded, decode_payload, encode_body, encode_payload};
use crate::projections::fact_runs::runs_of;
use crate::projections::kind::{
    ANNOTATION, ARTIFACT, DEGRADED, ENDED, ERASURE, EVENT, IMPORT, KINDS, METRIC, PARAM, PROCESS, SPAN, V1,
    V2, WRITER, kind_of, object_kind,
};
use crate::projections::payload::{
    AnnotationV1, ArtifactV1, DegradedV1, EndedV1, EndedV2, ErasureV1, EventV1, ImportV1, MetricV1, MetricV2,
    ObjectV1, ParamV1, ProcessV1, RecordV1, SpanV1, WriterV1,
};
use std::borrow::Cow;

/// A captured or imported fact as an event of the engine, with the origin of the fact and the entries that the fact
/// replaces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Captured {
    /// The fact.
    pub(crate) fact: Fact,
    /// The stamps of the entries that this fact replaces.
    pub(crate) replaces: Vec<Stamp>,
    /// The import and the line of an imported fact; `None` for a captured fact.
    pub(crate) origin: Option<ImportOrigin>,
}

impl From<Fact> for Captured {
    fn from(fact: Fact) -> Captured {
        Captured { fact, replaces: Vec::new(), origin: None }
    }
}

impl From<Decoded> for Captured {
    fn from((replaces, origin, fact): Decoded) -> Captured {
        Captured { fact, replaces, origin }
    }
}

impl Event for Captured {
    const KINDS: &'static [(Kind, PayloadVersion)] = KINDS;

    fn kind(&self) -> Kind {
        kind_of_fact(&self.fact)
    }

    fn payload_version(&self) -> PayloadVersion {
        version_of_fact(&self.fact)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        encode_payload(&self.replaces, self.origin, out, |out| encode_body(&self.fact, out))
    }

    fn decode(kind: Kind, version: PayloadVersion, payload: &[u8]) -> Result<Option<Captured>, CodecError> {
        // A newer payload version of a known kind is treated like an unknown kind.
        let highest = Captured::KINDS.iter().find(|(known, _)| *known == kind).map(|(_, highest)| *highest);
        if !highest.is_some_and(|highest| (V1..=highest).contains(&version)) {
            return Ok(None);
        }
        if let Some(object) = object_kind(kind) {
            return decode_payload(payload, |o: ObjectV1| o.into_fact(object)).map(|d| Some(d.into()));
        }
        let decoded = match kind {
            ENDED if version == V2 => decode_payload(payload, EndedV2::into_fact),
            ENDED => decode_payload(payload, EndedV1::into_fact),
            PARAM => decode_payload(payload, ParamV1::into_fact),
            EVENT => decode_payload(payload, |r: RecordV1<EventV1>| {
                r.into_draft(EventV1::into_payload).map(Fact::Event)
            }),
            METRIC if version == V2 => {
                decode_payload(payload, |m: MetricV2| m.into_draft().map(Fact::Metric))
            }
            METRIC => decode_payload(payload, |r: RecordV1<MetricV1>| {
                r.into_draft(MetricV1::into_payload).map(Fact::Metric)
            }),
            SPAN => decode_payload(payload, |r: RecordV1<SpanV1>| {
                r.into_draft(SpanV1::into_payload).map(Fact::Span)
            }),
            DEGRADED => decode_payload(payload, |r: RecordV1<DegradedV1>| {
                r.into_draft(DegradedV1::into_payload).map(Fact::Degraded)
            }),
            ARTIFACT => decode_payload(payload, ArtifactV1::into_fact),
            ANNOTATION => decode_payload(payload, AnnotationV1::into_fact),
            PROCESS => decode_payload(payload, ProcessV1::into_fact),
            WRITER => decode_payload(payload, WriterV1::into_fact),
            IMPORT => decode_payload(payload, ImportV1::into_fact),
            ERASURE => decode_payload(payload, ErasureV1::into_fact),
            _ => return Ok(None),
        };
        decoded.map(|d| Some(d.into()))
    }

    fn subjects(&self) -> Vec<Cow<'_, [u8]>> {
        runs_of(&self.fact).into_iter().map(|run| Cow::Owned(run.as_str().as_bytes().to_vec())).collect()
    }

    fn erasure(&self) -> Option<Erasure<'_>> {
        let Fact::Erasure(erasure) = &self.fact else { return None };
        let ErasureStep::Requested(erased) = erasure.step() else { return None };
        let through = erased.iter().map(|e| Position { stream: StreamId(e.stream), seq: Seq(e.last) });
        Some(Erasure::of(erasure.run_ref().as_str().as_bytes()).through(through))
    }

    const ERASURE_KINDS: &'static [Kind] = &[ERASURE];
}

/// Returns the kind of an entry that contains this fact.
pub(super) fn kind_of_fact(fact: &Fact) -> Kind {
    match fact {
        Fact::Object(object) => kind_of(object.kind()),
        Fact::Ended(_) => ENDED,
        Fact::Param(_) => PARAM,
        Fact::Event(_) => EVENT,
        Fact::Metric(_) => METRIC,
        Fact::Degraded(_) => DEGRADED,
        Fact::Span(_) => SPAN,
        Fact::Artifact(..) => ARTIFACT,
        Fact::Annotation(_) => ANNOTATION,
        Fact::Process(_) => PROCESS,
        Fact::Writer(_) => WRITER,
        Fact::Import(_) => IMPORT,
        Fact::Erasure(_) => ERASURE,
    }
}

/// Returns the version of the payload that is written for this fact.
pub(super) fn version_of_fact(fact: &Fact) -> PayloadVersion {
    match fact {
        Fact::Ended(ended) if ended.has_details() => V2,
        Fact::Metric(draft) if MetricV2::fits(draft) => V2,
        _ => V1,
    }
}

impl Captured {
    /// Decodes the fact of an entry; `Ok(None)` for a kind or payload version that this build does not know.
    pub(crate) fn of_entry(entry: &Entry) -> Result<Option<Captured>, CodecError> {
        Captured::decode(entry.kind, entry.version, &entry.payload)
    }

    /// Decodes the value of a row that [`row`] encoded; `None` if the value is malformed.
    pub(crate) fn from_row(row: &[u8]) -> Option<Captured> {
        let (kind, rest) = row.split_first_chunk::<2>()?;
        let (version, payload) = rest.split_first_chunk::<2>()?;
        let (kind, version) = (u16::from_le_bytes(*kind), u16::from_le_bytes(*version));
        Captured::decode(Kind(kind), PayloadVersion(version), payload).ok()?
    }
}

/// Returns the value of a row that contains a complete fact: kind, payload version and payload of the fact's entry.
pub(super) fn row(applied: &Applied<'_, Captured>) -> Vec<u8> {
    let entry = applied.entry;
    [&entry.kind.0.to_le_bytes()[..], &entry.version.0.to_le_bytes(), entry.payload].concat()
}

/// Decodes a payload and encodes the result again. The fuzz target of payloads uses this function, because it cannot
/// name [`Captured`]. Returns `Ok(None)` for a kind or version that this build does not know.
#[cfg(feature = "testing")]
pub fn rewritten(kind: Kind, version: PayloadVersion, payload: &[u8]) -> Result<Option<Vec<u8>>, CodecError> {
    let Some(captured) = Captured::decode(kind, version, payload)? else { return Ok(None) };
    let mut out = Vec::new();
    captured.encode(&mut out)?;
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::fact::{
        Annotation, Change, Ended, ErasedEntries, Import, Joined, Param, Process, ProcessId,
        RewrittenSegment, RunErasure, Writer, WriterId,
    };
    use crate::contract::json::read::parse;
    use crate::contract::model::from_value;
    use crate::contract::{AnyRecord, Object, ObjectKind, RunRef, RunStatus, Timestamp, Value};
    use crate::engine::codec;
    use crate::projections::encoding::encode_payload;
    use crate::projections::kind::{PROJECT, RUN, V1, kind_name};
    use crate::projections::payload::{EventV1, ObjectV1, RecordV1};

    fn time() -> Timestamp {
        Timestamp::parse("2024-01-31T12:00:00.000001Z").unwrap()
    }

    /// Returns the JSON of a record.
    fn record(envelope: &str, payload: &str) -> String {
        format!("{{\"envelope\":{envelope},\"payload\":{payload}}}")
    }

    const LEAN: &str = r#"{"record_ref":"record:p.r.k","record_type":"TYPE","recorded_at":"2024-01-31T12:00:00.000002Z",
        "observed_at":"2024-01-31T12:00:00.000001Z","producer_ref":"sdk.rust","run_ref":"run:p.r",
        "degradation_marker":"import_loss"}"#;
    const FULL: &str = r#"{"record_ref":"record:p.r.k","record_type":"TYPE","recorded_at":"2024-01-31T12:00:00.000001Z",
        "observed_at":"2024-01-31T12:00:00.000001Z","producer_ref":"sdk.rust","run_ref":"run:p.r",
        "deployment_execution_ref":"deployment:p.d","stage_execution_ref":"stage:p.r.s","batch_execution_ref":"batch:p.r.s.b",
        "sample_observation_ref":"sample:p.r.s.b.x","operation_context_ref":"op:p.r.s.b.o","newer":[1],
        "correlation_refs":{"trace_id":"t","session_id":"s","newer":2},"completeness_marker":"partial",
        "degradation_marker":"capture_gap","schema_version":"1.4.0",
        "extensions":[{"namespace":"acme.x","fields":{"a":1},"readonly_fields":["a"],"newer":true}]}"#;

    fn any_record(family: &str, envelope: &str, payload: &str) -> Fact {
        let value = parse(&record(&envelope.replace("TYPE", family), payload)).unwrap();
        let record = match family {
            "event" => AnyRecord::Event(Box::new(from_value(value).unwrap())),
            "metric" => AnyRecord::Metric(Box::new(from_value(value).unwrap())),
            "span" => AnyRecord::Span(Box::new(from_value(value).unwrap())),
            _ => AnyRecord::Degraded(Box::new(from_value(value).unwrap())),
        };
        record.into_fact().unwrap()
    }

    fn object(kind: ObjectKind, text: &str) -> Fact {
        Fact::Object(Object::from_value(kind, parse(text).unwrap()).unwrap())
    }

    /// Returns at least one fact of every kind of entry. Each type of member has a value in at least one of the facts.
    fn some_of_each() -> Vec<Captured> {
        let run_ref = RunRef::parse("run:p.r").unwrap();
        let manifest = r#"{"artifact_ref":"artifact:p.r.a","artifact_kind":"model_bundle",
            "created_at":"2024-01-31T12:00:00Z","producer_ref":"x","run_ref":"run:p.r","location_ref":"here",
            "hash_value":"h","size_bytes":70000,"attributes":{"k":[null,1.5]}}"#;
        let manifest = from_value(parse(manifest).unwrap()).unwrap();
        let facts = vec![
            object(
                ObjectKind::Project,
                r#"{"project_ref":"project:p","name":"P","created_at":"2024-01-31T12:00:00Z","tags":{"a":"b"}}"#,
            ),
            object(
                ObjectKind::Run,
                r#"{"run_ref":"run:p.r","project_ref":"project:p","name":"R","status":"open",
                "started_at":"2024-01-31T12:00:00Z","description":"d","params":{"i":-1,"f":0.5,"t":"x","b":true},
                "metadata":{"m":{"n":[1]}},"schema_version":"1.1.0","newer":"kept"}"#,
            ),
            object(
                ObjectKind::Stage,
                r#"{"stage_execution_ref":"stage:p.r.s","run_ref":"run:p.r","stage_name":"s","status":"completed",
                "started_at":"2024-01-31T12:00:00Z","ended_at":"2024-01-31T12:00:00.5Z","order_index":2}"#,
            ),
            Fact::Ended(Ended::new(run_ref.clone().into(), RunStatus::Failed, time()).unwrap()),
            Fact::Param(Param::new(run_ref.clone(), "lr", Value::Float(0.5)).unwrap()),
            object(
                ObjectKind::Environment,
                r#"{"environment_snapshot_ref":"environment:p.r.e","run_ref":"run:p.r","captured_at":"2024-01-31T12:00:00Z",
                "platform":"linux","runtime":{"name":"rust","version":"1.90"},"packages":{"x":"1"},
                "devices":[{"name":"gpu","memory_bytes":1,"driver":"2"}]}"#,
            ),
            object(
                ObjectKind::Deployment,
                r#"{"deployment_execution_ref":"deployment:p.d","project_ref":"project:p","deployment_name":"d",
                "status":"open","started_at":"2024-01-31T12:00:00Z","run_ref":"run:p.r"}"#,
            ),
            object(
                ObjectKind::Batch,
                r#"{"batch_execution_ref":"batch:p.r.s.b","run_ref":"run:p.r","stage_execution_ref":"stage:p.r.s",
                "batch_name":"b","status":"open","started_at":"2024-01-31T12:00:00Z"}"#,
            ),
            object(
                ObjectKind::Sample,
                r#"{"sample_observation_ref":"sample:p.r.s.x","run_ref":"run:p.r","stage_execution_ref":"stage:p.r.s",
                "sample_name":"x","observed_at":"2024-01-31T12:00:00Z","retention_class":"short"}"#,
            ),
            object(
                ObjectKind::Operation,
                r#"{"operation_context_ref":"op:p.r.s.o","run_ref":"run:p.r","stage_execution_ref":"stage:p.r.s",
                "operation_name":"o","observed_at":"2024-01-31T12:00:00Z"}"#,
            ),
            any_record(
                "event",
                FULL,
                r#"{"event_key":"e","level":"warning","message":"m","subject_ref":"run:p.r","attributes":{"k":[null]},
                "tags":{"t":"v"},"origin_marker":"imported","newer":0}"#,
            ),
            any_record(
                "metric",
                LEAN,
                r#"{"metric_key":"loss","value":0.25,"value_type":"float","step":300,"unit":"nats",
                "summary_basis":"raw_observation"}"#,
            ),
            any_record(
                "metric",
                LEAN,
                r#"{"metric_key":"n","value":36893488147419103232,"value_type":"int"}"#,
            ),
            any_record(
                "degraded",
                LEAN,
                r#"{"issue_key":"x.y","category":"import","severity":"error","summary":"s","attributes":{"a":1}}"#,
            ),
            any_record(
                "span",
                FULL,
                r#"{"span_id":"1","trace_id":"t","span_name":"n","started_at":"2024-01-31T12:00:00Z",
                "ended_at":"2024-01-31T12:00:01Z","status":"timeout","span_kind":"io","linked_refs":["run:p.r"]}"#,
            ),
            Fact::Artifact(Box::new(manifest), Some([7; 32])),
            object(
                ObjectKind::Relation,
                r#"{"relation_ref":"relation:p.r.x","relation_type":"produced_by","source_ref":"artifact:p.r.a",
                "target_ref":"run:p.r","recorded_at":"2024-01-31T12:00:00Z","origin_marker":"inferred",
                "confidence_marker":"medium","evidence_refs":["run:p.r"]}"#,
            ),
            object(
                ObjectKind::Provenance,
                r#"{"provenance_ref":"provenance:p","relation_ref":"relation:p.r.x","assertion_mode":"imported",
                "asserted_at":"2024-01-31T12:00:00Z","policy_ref":"a.b","evidence_bundle_ref":"artifact:p.r.a"}"#,
            ),
            Fact::Import(Import {
                id: [9; 16],
                source: "f.jsonl".into(),
                format: "jsonl".into(),
                started_at: time(),
            }),
            Fact::Erasure(
                RunErasure::new(
                    run_ref.clone(),
                    time(),
                    Some("gdpr".into()),
                    ErasureStep::Requested(vec![ErasedEntries {
                        stream: [1; 16],
                        first: 2,
                        last: 300,
                        entries: 70,
                    }]),
                )
                .unwrap(),
            ),
            Fact::Erasure(
                RunErasure::new(
                    run_ref,
                    time(),
                    None,
                    ErasureStep::Rewritten(vec![RewrittenSegment {
                        stream: [1; 16],
                        base: 1,
                        entries: 70,
                        old_digest: [3; 32],
                        new_digest: [4; 32],
                    }]),
                )
                .unwrap(),
            ),
            object(
                ObjectKind::Alias,
                r#"{"alias_ref":"alias:p.model-best","project_ref":"project:p","name":"model:best",
                "artifact_ref":"artifact:p.r.a","recorded_at":"2024-01-31T12:00:00Z"}"#,
            ),
        ];
        let mut all: Vec<Captured> = facts.into_iter().map(Captured::from).collect();
        all[0].origin = Some(ImportOrigin { import: [9; 16], line: 1 });
        all
    }

    /// Kind and payload bytes of these facts, version 1. Logs contain these bytes, so they do not change.
    const GOLDEN: &str = include_str!("../../tests/golden/payloads-v1.txt");

    #[test]
    fn payload_of_every_kind_matches_golden_bytes_and_reads_back() {
        let mut seen = Vec::new();
        for captured in some_of_each() {
            let mut payload = Vec::new();
            captured.encode(&mut payload).unwrap();
            let read = Captured::decode(captured.kind(), V1, &payload).unwrap().unwrap();
            assert_eq!(read, captured);
            assert!(kind_name(captured.kind()).is_some());
            assert!(Captured::KINDS.iter().any(|(kind, _)| *kind == captured.kind()));
            seen.push(format!("{} {}", captured.kind().0, crate::engine::checksum::hex(&payload)));
        }
        assert_eq!(seen, GOLDEN.lines().collect::<Vec<_>>());
    }

    #[test]
    fn writers_annotations_and_ends_with_details_read_back() {
        let run = RunRef::parse("run:p.r").unwrap();
        let ids = (WriterId([1; 8]), ProcessId([2; 8]));
        let writer = |joined, label: Option<&str>| {
            let label = label.map(str::to_owned);
            Fact::Writer(Writer::new(run.clone(), ids, joined, label, time()).unwrap())
        };
        let annotation = |change| Fact::Annotation(Annotation::new((&run).into(), change).unwrap());
        let end = || Ended::new((&run).into(), RunStatus::Failed, time()).unwrap();
        let facts = [
            writer(Joined::Started, None),
            writer(Joined::Attached, Some("rank-1")),
            writer(Joined::Resumed { from_step: Some(-3) }, None),
            Fact::Process(Process::new(ProcessId([2; 8]), 7, "node", time()).unwrap()),
            annotation(Change::Name("基线".into())),
            annotation(Change::Description("d".into())),
            annotation(Change::Note("n".into())),
            annotation(Change::Tag("k".into(), Some(String::new()))),
            annotation(Change::Tag("k".into(), None)),
            Fact::Ended(end().because(Some("out of memory".into()), None).unwrap()),
            Fact::Ended(end().because(None, Some("scope_dropped".into())).unwrap()),
            Fact::Ended(end().of_writer(WriterId([1; 8]))),
        ];
        for captured in facts.map(Captured::from) {
            let mut payload = Vec::new();
            captured.encode(&mut payload).unwrap();
            let (kind, version) = (captured.kind(), captured.payload_version());
            assert_eq!(Captured::decode(kind, version, &payload).unwrap(), Some(captured));
        }
    }

    /// Returns facts with unusual content: numbers that JSON cannot represent, nulls, and names in several scripts.
    fn unusual_facts() -> Vec<Captured> {
        let run_ref = RunRef::parse("run:p.r").unwrap();
        let param = |key: &str, value: Value| Fact::Param(Param::new(run_ref.clone(), key, value).unwrap());
        let nested = Value::map([("a", Value::Null), ("b", Value::List(vec![Value::Null, 0.5.into()]))]);
        let metric = |key: &str, value: &str| {
            let payload =
                format!(r#"{{"metric_key":"{key}","value":{value},"value_type":"float","step":2}}"#);
            any_record("metric", LEAN, &payload)
        };
        let facts = vec![
            param("max_depth", Value::Null),
            param("模型", nested),
            param("lr", f64::NAN.into()),
            metric("mAP@0.5", "NaN"),
            metric("系统", "\"-Infinity\""),
            object(
                ObjectKind::Run,
                r#"{"run_ref":"run:p.r","project_ref":"project:p","name":"é: 1","status":"failed","description":"",
                "started_at":"2024-01-31T12:00:00Z","ended_at":"2024-01-31T11:00:00Z","params":{"a":null,"b":{"c":null}},
                "tags":{"note":""},"metadata":{"x":NaN}}"#,
            ),
            object(
                ObjectKind::Stage,
                r#"{"stage_execution_ref":"stage:p.r.stage-1a2b3c","run_ref":"run:p.r","stage_name":"訓練","status":"open",
                "started_at":"2024-01-31T12:00:00Z"}"#,
            ),
        ];
        facts.into_iter().map(Captured::from).collect()
    }

    /// Kind and payload bytes of these facts, version 1.
    const GOLDEN_UNUSUAL: &str = include_str!("../../tests/golden/payloads-v1-unusual.txt");

    #[test]
    fn payloads_of_unusual_values_match_golden_bytes_and_read_back() {
        let mut seen = Vec::new();
        for captured in unusual_facts() {
            let mut payload = Vec::new();
            captured.encode(&mut payload).unwrap();
            let read = Captured::decode(captured.kind(), V1, &payload).unwrap().unwrap();
            assert_eq!(read, captured);
            seen.push(format!("{} {}", captured.kind().0, crate::engine::checksum::hex(&payload)));
        }
        assert_eq!(seen, GOLDEN_UNUSUAL.lines().collect::<Vec<_>>());
    }

    #[test]
    fn parameter_in_another_form_than_this_build_writes_is_unreadable() {
        let run_ref = RunRef::parse("run:p.r").unwrap();
        let with = |value: &str| {
            let mut payload = Vec::new();
            let fact = Fact::Param(Param::new(run_ref.clone(), "k", Value::List(vec![1.into()])).unwrap());
            Captured::from(fact).encode(&mut payload).unwrap();
            // The last fields of the payload are the variant, the length and the text.
            payload.truncate(payload.len() - 5);
            payload.extend([5, value.len() as u8]);
            payload.extend(value.as_bytes());
            Captured::decode(PARAM, V1, &payload)
        };
        for text in ["null", "[1]", r#"{"a":null}"#] {
            assert!(with(text).is_ok(), "{text}");
        }
        for text in ["1", "\"x\"", "[ 1]", "NaN", "[Infinity]", "{"] {
            assert!(with(text).is_err(), "{text}");
        }
    }

    #[test]
    fn object_in_other_form_than_its_model_is_unreadable() {
        let readable = |json: &str| {
            let mut payload = Vec::new();
            let object = ObjectV1::of_text(json);
            let body = |out: &mut Vec<u8>| codec::encode(&object, out);
            encode_payload(&[], some_of_each()[0].origin, &mut payload, body).unwrap();
            Captured::decode(PROJECT, V1, &payload).is_ok()
        };
        let text = concat!(
            r#"{"created_at":"2024-01-31T12:00:00Z","extensions":[],"name":"P","project_ref":"project:p","#,
            r#""schema_version":"1.0.0","tags":{}}"#
        );
        assert!(readable(text));
        assert!(!readable(&text.replace(r#""tags":{}"#, r#""x":1"#)));
        assert!(!readable(&text.replace(r#","tags":{}"#, "")));
        assert!(!readable(&text.replace("00Z", "00.0Z")));
        assert!(!readable(&text.replace("\"P\"", "\" P\"")));
    }

    #[test]
    fn replaced_stamps_read_back_and_unknown_kinds_and_versions_are_none() {
        let mut param = some_of_each().remove(4);
        param.replaces = vec![Stamp { time: 1, stream: StreamId([2; 16]), seq: Seq(3) }];
        let mut payload = Vec::new();
        param.encode(&mut payload).unwrap();
        assert_eq!(Captured::decode(PARAM, V1, &payload).unwrap(), Some(param));
        assert_eq!(Captured::decode(Kind(999), V1, &payload), Ok(None));
        assert_eq!(Captured::decode(PARAM, PayloadVersion(2), &payload), Ok(None));
        assert!(Captured::decode(RUN, V1, &payload).is_err());
    }

    #[test]
    fn flipped_bit_in_payload_is_refused_or_reads_as_valid_fact() {
        for captured in some_of_each() {
            let mut payload = Vec::new();
            captured.encode(&mut payload).unwrap();
            for bit in 0..payload.len() * 8 {
                let mut bad = payload.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                if let Ok(Some(read)) = Captured::decode(captured.kind(), V1, &bad) {
                    // Decoding uses the constructors of the contract, so a decoded fact can be encoded again.
                    read.encode(&mut Vec::new()).unwrap();
                }
            }
        }
    }

    #[test]
    fn non_canonical_json_is_unreadable() {
        // Each number takes five bytes in this text and eighteen bytes in canonical form. The canonical form would
        // exceed the limit of a payload.
        let numbers = vec!["1e15"; 300_000].join(",");
        for (text, readable) in [
            (format!("{{\"k\":[{numbers}]}}"), false),
            ("{\"k\": 1}".to_owned(), false),
            ("{\"a\":null}".to_owned(), false),
            ("{}".to_owned(), true),
            ("{\"k\":[1e+16,null]}".to_owned(), true),
        ] {
            let event = some_of_each().remove(10);
            let Fact::Event(draft) = &event.fact else { panic!("{event:?}") };
            let written = EventV1::of(&draft.payload).unwrap().with_attributes(text.clone());
            let mut payload = Vec::new();
            let record = RecordV1::of(draft, written).unwrap();
            encode_payload(&[], None, &mut payload, |out| codec::encode(&record, out)).unwrap();
            let read = Captured::decode(EVENT, V1, &payload);
            assert_eq!(read.is_ok(), readable, "{} bytes of JSON", text.len());
            if let Ok(Some(read)) = read {
                assert!(read.encode(&mut Vec::new()).is_ok());
            }
        }
    }
}
