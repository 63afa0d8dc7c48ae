//! Facts as the engine's events: kind numbers, payload versions, old payloads lifted.
//!
//! A kind number is never used again for something else.
//!
//! | kind | name | versions | since | payload |
//! |---|---|---|---|---|
//! | 1 | project | 1 | 0.1.0 | `ObjectV1` |
//! | 2 | run | 1 | 0.1.0 | `ObjectV1` |
//! | 3 | stage | 1 | 0.1.0 | `ObjectV1` |
//! | 4 | ended | 1 | 0.1.0 | `EndedV1` |
//! | 5 | param | 1 | 0.1.0 | `ParamV1` |
//! | 6 | environment | 1 | 0.1.0 | `ObjectV1` |
//! | 7 | deployment | 1 | 0.1.0 | `ObjectV1` |
//! | 8 | batch | 1 | 0.1.0 | `ObjectV1` |
//! | 9 | sample | 1 | 0.1.0 | `ObjectV1` |
//! | 10 | operation | 1 | 0.1.0 | `ObjectV1` |
//! | 16 | event | 1 | 0.1.0 | `RecordV1<EventV1>` |
//! | 17 | metric | 1 | 0.1.0 | `RecordV1<MetricV1>` |
//! | 18 | degraded | 1 | 0.1.0 | `RecordV1<DegradedV1>` |
//! | 19 | span | 1 | 0.1.0 | `RecordV1<SpanV1>` |
//! | 32 | artifact | 1 | 0.1.0 | `ArtifactV1` |
//! | 33 | relation | 1 | 0.1.0 | `ObjectV1` |
//! | 34 | provenance | 1 | 0.1.0 | `ObjectV1` |
//! | 48 | import | 1 | 0.1.0 | `ImportV1` |

use crate::contract::fact::ImportOrigin;
use crate::contract::{ContractError, Fact, ObjectKind, StableRef};
use crate::engine::checksum::Digest;
use crate::engine::codec::{self, CodecError};
use crate::engine::entry::{Entry, Event, Kind, PayloadVersion, Seq, Stamp, StreamId};
use crate::engine::error::Error;
use crate::engine::projection::Applied;
use crate::projections::payload::{
    ArtifactV1, DegradedV1, EndedV1, EventV1, ImportV1, MetricV1, ObjectV1, OriginV1, ParamV1, RecordV1,
    SpanV1, StampV1,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const V1: PayloadVersion = PayloadVersion(1);

/// Declares the kinds: constant, number, name, and the sort of thing for those that are one.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal $name:literal $(($object:ident))?;)*) => {
        $($(#[$doc])* pub(crate) const $kind: Kind = Kind($number);)*

        const KINDS: &[(Kind, PayloadVersion)] = &[$(($kind, V1),)*];

        /// The name of a kind; `None` for one this build does not know.
        pub(crate) fn kind_name(kind: Kind) -> Option<&'static str> {
            match kind { $($kind => Some($name),)* _ => None }
        }

        /// The kind of an entry for a thing.
        fn kind_of(object: ObjectKind) -> Kind {
            match object { $($(ObjectKind::$object => $kind,)?)* }
        }

        /// The sort of thing that entries of a kind are.
        pub(super) fn object_kind(kind: Kind) -> Option<ObjectKind> {
            match kind { $($($kind => Some(ObjectKind::$object),)?)* _ => None }
        }
    };
}

kinds! {
    /// A project.
    PROJECT = 1 "project" (Project);
    /// A run.
    RUN = 2 "run" (Run);
    /// A stage.
    STAGE = 3 "stage" (Stage);
    /// The end of a run, stage, batch or deployment.
    ENDED = 4 "ended";
    /// A parameter.
    PARAM = 5 "param";
    /// An environment snapshot.
    ENVIRONMENT = 6 "environment" (Environment);
    /// A deployment.
    DEPLOYMENT = 7 "deployment" (Deployment);
    /// A batch.
    BATCH = 8 "batch" (Batch);
    /// A sample.
    SAMPLE = 9 "sample" (Sample);
    /// An operation.
    OPERATION = 10 "operation" (Operation);
    /// An event.
    EVENT = 16 "event";
    /// A metric.
    METRIC = 17 "metric";
    /// A degraded marker.
    DEGRADED = 18 "degraded";
    /// A span.
    SPAN = 19 "span";
    /// An artifact.
    ARTIFACT = 32 "artifact";
    /// A lineage edge.
    RELATION = 33 "relation" (Relation);
    /// Why an edge is believed.
    PROVENANCE = 34 "provenance" (Provenance);
    /// Where facts of another store were read from.
    IMPORT = 48 "import";
}

/// The value of a row that holds the whole fact: kind, payload version and payload of its entry.
pub(super) fn row(applied: &Applied<'_, Captured>) -> Vec<u8> {
    let entry = applied.entry;
    [&entry.kind.0.to_le_bytes()[..], &entry.version.0.to_le_bytes(), &entry.payload].concat()
}

/// A fact that was read and cannot be written.
pub(super) fn unwritten(applied: &Applied<'_, Captured>, source: CodecError) -> Error {
    Error::Codec { kind: "unwritable", position: Some(applied.stamp.position()), source }
}

/// A fact on its way into or out of the log, with the entries whose values it replaces and where it was imported from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Captured {
    /// What was said.
    pub(crate) fact: Fact,
    /// The stamps of the entries that said what no longer holds.
    pub(crate) replaces: Vec<Stamp>,
    /// Where it stood, if another store said it.
    pub(crate) origin: Option<ImportOrigin>,
}

impl From<Fact> for Captured {
    fn from(fact: Fact) -> Captured {
        Captured { fact, replaces: Vec::new(), origin: None }
    }
}

fn unwritable(e: ContractError) -> CodecError {
    CodecError::Encode(e.to_string())
}

impl Event for Captured {
    const KINDS: &'static [(Kind, PayloadVersion)] = KINDS;

    fn kind(&self) -> Kind {
        match &self.fact {
            Fact::Object(object) => kind_of(object.kind()),
            Fact::Ended(_) => ENDED,
            Fact::Param(_) => PARAM,
            Fact::Event(_) => EVENT,
            Fact::Metric(_) => METRIC,
            Fact::Degraded(_) => DEGRADED,
            Fact::Span(_) => SPAN,
            Fact::Artifact(..) => ARTIFACT,
            Fact::Import(_) => IMPORT,
        }
    }

    fn payload_version(&self) -> PayloadVersion {
        V1
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match &self.fact {
            Fact::Object(object) => self.write(ObjectV1::of(object).map_err(unwritable)?, out),
            Fact::Ended(e) => self.write(EndedV1::of(e), out),
            Fact::Param(p) => self.write(ParamV1::of(p).map_err(unwritable)?, out),
            Fact::Event(d) => {
                self.write_record(RecordV1::of(d, EventV1::of(&d.payload).map_err(unwritable)?), out)
            }
            Fact::Metric(d) => self.write_record(RecordV1::of(d, MetricV1::of(&d.payload)), out),
            Fact::Degraded(d) => {
                self.write_record(RecordV1::of(d, DegradedV1::of(&d.payload).map_err(unwritable)?), out)
            }
            Fact::Span(d) => {
                self.write_record(RecordV1::of(d, SpanV1::of(&d.payload).map_err(unwritable)?), out)
            }
            Fact::Artifact(m, body) => self.write(ArtifactV1::of(m, *body).map_err(unwritable)?, out),
            Fact::Import(i) => self.write(ImportV1::of(i), out),
        }
    }

    fn decode(kind: Kind, version: PayloadVersion, payload: &[u8]) -> Result<Option<Captured>, CodecError> {
        // A newer payload version of a known kind is as unknown as a new kind.
        if !Captured::KINDS.contains(&(kind, version)) {
            return Ok(None);
        }
        if let Some(object) = object_kind(kind) {
            return read(payload, |o: ObjectV1| o.into_fact(object)).map(Some);
        }
        let captured = match kind {
            ENDED => read(payload, EndedV1::into_fact),
            PARAM => read(payload, ParamV1::into_fact),
            EVENT => {
                read(payload, |r: RecordV1<EventV1>| r.into_draft(EventV1::into_payload).map(Fact::Event))
            }
            METRIC => {
                read(payload, |r: RecordV1<MetricV1>| r.into_draft(MetricV1::into_payload).map(Fact::Metric))
            }
            SPAN => read(payload, |r: RecordV1<SpanV1>| r.into_draft(SpanV1::into_payload).map(Fact::Span)),
            DEGRADED => read(payload, |r: RecordV1<DegradedV1>| {
                r.into_draft(DegradedV1::into_payload).map(Fact::Degraded)
            }),
            ARTIFACT => read(payload, ArtifactV1::into_fact),
            IMPORT => read(payload, ImportV1::into_fact),
            _ => return Ok(None),
        };
        captured.map(Some)
    }
}

/// The payload that this build writes for what it reads in `payload`, for the fuzz target of payloads, which cannot
/// name a fact of the log otherwise. `Ok(None)`: a kind or version this build does not know.
#[cfg(feature = "testing")]
pub fn rewritten(kind: Kind, version: PayloadVersion, payload: &[u8]) -> Result<Option<Vec<u8>>, CodecError> {
    let Some(captured) = Captured::decode(kind, version, payload)? else { return Ok(None) };
    let mut out = Vec::new();
    captured.encode(&mut out)?;
    Ok(Some(out))
}

/// Every payload is three things: what it replaces, where it was imported from, then the fact's own struct.
fn read<T: DeserializeOwned>(
    payload: &[u8],
    into_fact: impl FnOnce(T) -> Result<Fact, ContractError>,
) -> Result<Captured, CodecError> {
    let (replaces, origin, body): (Vec<StampV1>, Option<OriginV1>, T) = codec::decode(payload)?;
    let stamp = |(time, stream, seq)| Stamp { time, stream: StreamId(stream), seq: Seq(seq) };
    let fact = into_fact(body).map_err(|e| CodecError::Decode(e.to_string()))?;
    let origin = origin.map(|(import, line)| ImportOrigin { import, line });
    Ok(Captured { fact, replaces: replaces.into_iter().map(stamp).collect(), origin })
}

impl Captured {
    fn write(&self, body: impl Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let replaces: Vec<StampV1> = self.replaces.iter().map(|s| (s.time, s.stream.0, s.seq.0)).collect();
        let origin: Option<OriginV1> = self.origin.map(|o| (o.import, o.line));
        codec::encode(&(replaces, origin, body), out)
    }

    fn write_record<P: Serialize>(
        &self,
        record: Result<RecordV1<P>, ContractError>,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        self.write(record.map_err(unwritable)?, out)
    }

    /// What tells that this very fact was imported before: its ref, and a digest of what it says. `None`: it did not come
    /// from another store.
    pub(crate) fn imported_mark(&self) -> Result<Option<(StableRef, [u8; 16])>, CodecError> {
        let brought = self.fact.observation().and_then(|(_, identity)| identity);
        let subject = match (&self.fact, brought, self.origin) {
            (_, Some((record_ref, _)), _) => record_ref.clone().into(),
            (Fact::Object(object), _, Some(_)) => object.own_ref().clone(),
            (Fact::Artifact(manifest, _), _, Some(_)) => manifest.artifact_ref.clone().into(),
            _ => return Ok(None),
        };
        Ok(Some((subject, Captured::said(&self.fact)?)))
    }

    /// The length of its payload. Errors: it is too large for the log.
    pub(crate) fn payload_len(&self) -> Result<usize, CodecError> {
        let mut payload = Vec::new();
        self.encode(&mut payload).map(|()| payload.len())
    }

    /// A digest of what a fact says, wherever it comes from; of an artifact, of what its manifest says.
    pub(crate) fn said(fact: &Fact) -> Result<[u8; 16], CodecError> {
        let mut payload = Vec::new();
        let fact = match fact {
            Fact::Artifact(manifest, _) => Fact::Artifact(manifest.clone(), None),
            fact => fact.clone(),
        };
        Captured::from(fact).encode(&mut payload)?;
        let Digest(whole) = Digest::of(&payload);
        Ok(whole.first_chunk().copied().unwrap_or_default())
    }

    /// The fact of an entry read from the log; `Ok(None)` for a kind this build does not know.
    pub(crate) fn of_entry(entry: &Entry) -> Result<Option<Captured>, CodecError> {
        Captured::decode(entry.kind, entry.version, &entry.payload)
    }

    /// Reads a row's value.
    pub(crate) fn from_row(row: &[u8]) -> Option<Captured> {
        let (kind, rest) = row.split_first_chunk::<2>()?;
        let (version, payload) = rest.split_first_chunk::<2>()?;
        let (kind, version) = (u16::from_le_bytes(*kind), u16::from_le_bytes(*version));
        Captured::decode(Kind(kind), PayloadVersion(version), payload).ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::fact::{Ended, Import, Param};
    use crate::contract::json::read::parse;
    use crate::contract::model::from_value;
    use crate::contract::{AnyRecord, Object, RunRef, RunStatus, Timestamp, Value};

    fn time() -> Timestamp {
        Timestamp::parse("2024-01-31T12:00:00.000001Z").unwrap()
    }

    /// Envelopes with every member, with few, and of a newer version; payloads likewise.
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

    /// Facts of every kind, with every sort of member filled somewhere.
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
            Fact::Param(Param::new(run_ref, "lr", Value::Float(0.5)).unwrap()),
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
        ];
        let mut all: Vec<Captured> = facts.into_iter().map(Captured::from).collect();
        all[0].origin = Some(ImportOrigin { import: [9; 16], line: 1 });
        all
    }

    /// The payloads of these facts, version 1: kind and bytes. These bytes are in logs: they do not change.
    const GOLDEN: &str = include_str!("../../tests/golden/payloads-v1.txt");

    #[test]
    fn the_payload_of_every_kind_is_pinned_and_reads_back() {
        let mut seen = Vec::new();
        for captured in some_of_each() {
            let mut payload = Vec::new();
            captured.encode(&mut payload).unwrap();
            let read = Captured::decode(captured.kind(), V1, &payload).unwrap().unwrap();
            assert_eq!(read, captured);
            assert!(kind_name(captured.kind()).is_some() && Captured::KINDS.contains(&(captured.kind(), V1)));
            seen.push(format!("{} {}", captured.kind().0, crate::engine::checksum::hex(&payload)));
        }
        assert_eq!(seen, GOLDEN.lines().collect::<Vec<_>>());
    }

    #[test]
    fn a_thing_in_another_form_than_its_models_is_unreadable() {
        let readable = |json: &str| {
            let mut payload = Vec::new();
            let object = ObjectV1::of_text(json);
            some_of_each()[0].write(object, &mut payload).unwrap();
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
    fn what_a_fact_replaces_comes_back_and_unknown_kinds_and_versions_are_kept_apart() {
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
    fn no_damaged_payload_makes_the_reader_panic_or_break_a_rule() {
        for captured in some_of_each() {
            let mut payload = Vec::new();
            captured.encode(&mut payload).unwrap();
            for bit in 0..payload.len() * 8 {
                let mut bad = payload.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                if let Ok(Some(read)) = Captured::decode(captured.kind(), V1, &bad) {
                    // What is accepted went through the constructors; it can be written again.
                    read.encode(&mut Vec::new()).unwrap();
                }
            }
        }
    }

    #[test]
    fn json_in_another_form_than_the_canonical_one_is_unreadable() {
        // Five bytes a number here, eighteen in canonical form: a row of it would exceed what a payload may be.
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
            event.write_record(RecordV1::of(draft, written), &mut payload).unwrap();
            let read = Captured::decode(EVENT, V1, &payload);
            assert_eq!(read.is_ok(), readable, "{} bytes of JSON", text.len());
            if let Ok(Some(read)) = read {
                assert!(read.encode(&mut Vec::new()).is_ok());
            }
        }
    }
}
