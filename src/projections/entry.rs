//! Facts as the engine's events: kind numbers, payload versions, old payloads lifted.
//!
//! A kind number is never used again for something else.
//!
//! | kind | name | versions | since | payload |
//! |---|---|---|---|---|
//! | 1 | project | 1 | 0.1.0 | `ProjectV1` |
//! | 2 | run | 1 | 0.1.0 | `RunV1` |
//! | 3 | stage | 1 | 0.1.0 | `StageV1` |
//! | 4 | ended | 1 | 0.1.0 | `EndedV1` |
//! | 5 | param | 1 | 0.1.0 | `ParamV1` |
//! | 6 | environment | 1 | 0.1.0 | `EnvironmentV1` |
//! | 16 | event | 1 | 0.1.0 | `RecordV1<EventV1>` |
//! | 17 | metric | 1 | 0.1.0 | `RecordV1<MetricV1>` |
//! | 18 | degraded | 1 | 0.1.0 | `RecordV1<DegradedV1>` |
//! | 32 | artifact | 1 | 0.1.0 | `ArtifactV1` |
//! | 33 | relation | 1 | 0.1.0 | `RelationV1` |

use crate::contract::{ContractError, Fact};
use crate::engine::codec::{self, CodecError};
use crate::engine::entry::{Entry, Event, Kind, PayloadVersion, Seq, Stamp, StreamId};
use crate::engine::error::Error;
use crate::engine::projection::Applied;
use crate::projections::payload::{
    ArtifactV1, DegradedV1, EndedV1, EnvironmentV1, EventV1, MetricV1, ParamV1, ProjectV1, RecordV1,
    RelationV1, RunV1, StageV1, StampV1,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A project.
pub(crate) const PROJECT: Kind = Kind(1);
/// A run.
pub(crate) const RUN: Kind = Kind(2);
/// A stage.
pub(crate) const STAGE: Kind = Kind(3);
/// The end of a run or stage.
pub(crate) const ENDED: Kind = Kind(4);
/// A parameter.
pub(crate) const PARAM: Kind = Kind(5);
/// An environment snapshot.
pub(crate) const ENVIRONMENT: Kind = Kind(6);
/// An event.
pub(crate) const EVENT: Kind = Kind(16);
/// A metric.
pub(crate) const METRIC: Kind = Kind(17);
/// A degraded marker.
pub(crate) const DEGRADED: Kind = Kind(18);
/// An artifact.
pub(crate) const ARTIFACT: Kind = Kind(32);
/// A lineage edge.
pub(crate) const RELATION: Kind = Kind(33);

const V1: PayloadVersion = PayloadVersion(1);

/// The name of a kind; `None` for one this build does not know.
pub(crate) fn kind_name(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        PROJECT => "project",
        RUN => "run",
        STAGE => "stage",
        ENDED => "ended",
        PARAM => "param",
        ENVIRONMENT => "environment",
        EVENT => "event",
        METRIC => "metric",
        DEGRADED => "degraded",
        ARTIFACT => "artifact",
        RELATION => "relation",
        _ => return None,
    })
}

/// The value of a row that holds the whole fact.
pub(super) fn row(applied: &Applied<'_, Captured>) -> crate::engine::Result<Vec<u8>> {
    applied.event.to_row().map_err(|source| Error::Codec {
        kind: "unwritable",
        position: Some(applied.stamp.position()),
        source,
    })
}

/// A fact on its way into or out of the log, with the entries whose values it replaces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Captured {
    /// What was said.
    pub(crate) fact: Fact,
    /// The stamps of the entries that said what no longer holds.
    pub(crate) replaces: Vec<Stamp>,
}

impl From<Fact> for Captured {
    fn from(fact: Fact) -> Captured {
        Captured { fact, replaces: Vec::new() }
    }
}

fn unwritable(e: ContractError) -> CodecError {
    CodecError::Encode(e.to_string())
}

impl Event for Captured {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[
        (PROJECT, V1),
        (RUN, V1),
        (STAGE, V1),
        (ENDED, V1),
        (PARAM, V1),
        (ENVIRONMENT, V1),
        (EVENT, V1),
        (METRIC, V1),
        (DEGRADED, V1),
        (ARTIFACT, V1),
        (RELATION, V1),
    ];

    fn kind(&self) -> Kind {
        match &self.fact {
            Fact::Project(_) => PROJECT,
            Fact::Run(_) => RUN,
            Fact::Stage(_) => STAGE,
            Fact::Ended(_) => ENDED,
            Fact::Param(_) => PARAM,
            Fact::Environment(_) => ENVIRONMENT,
            Fact::Event(_) => EVENT,
            Fact::Metric(_) => METRIC,
            Fact::Degraded(_) => DEGRADED,
            Fact::Artifact(..) => ARTIFACT,
            Fact::Relation(_) => RELATION,
        }
    }

    fn payload_version(&self) -> PayloadVersion {
        V1
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match &self.fact {
            Fact::Project(p) => self.write(ProjectV1::of(p), out),
            Fact::Run(r) => self.write(RunV1::of(r), out),
            Fact::Stage(s) => self.write(StageV1::of(s), out),
            Fact::Ended(e) => self.write(EndedV1::of(e), out),
            Fact::Param(p) => self.write(ParamV1::of(p).map_err(unwritable)?, out),
            Fact::Environment(e) => self.write(EnvironmentV1::of(e), out),
            Fact::Event(d) => self.write(RecordV1::of(d, EventV1::of(&d.payload).map_err(unwritable)?), out),
            Fact::Metric(d) => self.write(RecordV1::of(d, MetricV1::of(&d.payload)), out),
            Fact::Degraded(d) => {
                self.write(RecordV1::of(d, DegradedV1::of(&d.payload).map_err(unwritable)?), out)
            }
            Fact::Artifact(m, body) => self.write(ArtifactV1::of(m, *body).map_err(unwritable)?, out),
            Fact::Relation(e) => self.write(RelationV1::of(e), out),
        }
    }

    fn decode(kind: Kind, version: PayloadVersion, payload: &[u8]) -> Result<Option<Captured>, CodecError> {
        // A newer payload version of a known kind is as unknown as a new kind.
        if !Captured::KINDS.contains(&(kind, version)) {
            return Ok(None);
        }
        let captured = match kind {
            PROJECT => read(payload, ProjectV1::into_fact),
            RUN => read(payload, RunV1::into_fact),
            STAGE => read(payload, StageV1::into_fact),
            ENDED => read(payload, EndedV1::into_fact),
            PARAM => read(payload, ParamV1::into_fact),
            ENVIRONMENT => read(payload, EnvironmentV1::into_fact),
            EVENT => {
                read(payload, |r: RecordV1<EventV1>| r.into_draft(EventV1::into_payload).map(Fact::Event))
            }
            METRIC => {
                read(payload, |r: RecordV1<MetricV1>| r.into_draft(MetricV1::into_payload).map(Fact::Metric))
            }
            DEGRADED => read(payload, |r: RecordV1<DegradedV1>| {
                r.into_draft(DegradedV1::into_payload).map(Fact::Degraded)
            }),
            ARTIFACT => read(payload, ArtifactV1::into_fact),
            RELATION => read(payload, RelationV1::into_fact),
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

/// Every payload is a pair: what it replaces, then the fact's own struct.
fn read<T: DeserializeOwned>(
    payload: &[u8],
    into_fact: impl FnOnce(T) -> Result<Fact, ContractError>,
) -> Result<Captured, CodecError> {
    let (replaces, body): (Vec<StampV1>, T) = codec::decode(payload)?;
    let stamp = |(time, stream, seq)| Stamp { time, stream: StreamId(stream), seq: Seq(seq) };
    let fact = into_fact(body).map_err(|e| CodecError::Decode(e.to_string()))?;
    Ok(Captured { fact, replaces: replaces.into_iter().map(stamp).collect() })
}

impl Captured {
    fn write(&self, body: impl Serialize, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let replaces: Vec<StampV1> = self.replaces.iter().map(|s| (s.time, s.stream.0, s.seq.0)).collect();
        codec::encode(&(replaces, body), out)
    }

    /// The fact of an entry read from the log; `Ok(None)` for a kind this build does not know.
    pub(crate) fn of_entry(entry: &Entry) -> Result<Option<Captured>, CodecError> {
        Captured::decode(entry.kind, entry.version, &entry.payload)
    }

    /// A whole fact as the value of a table row: kind, payload version, payload.
    fn to_row(&self) -> Result<Vec<u8>, CodecError> {
        let mut row = self.kind().0.to_le_bytes().to_vec();
        row.extend_from_slice(&self.payload_version().0.to_le_bytes());
        self.encode(&mut row)?;
        Ok(row)
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
    use crate::contract::fact::{Ended, Param};
    use crate::contract::{
        AggregationScope, ArtifactManifest, Confidence, Degradation, DegradedCategory, DegradedPayload,
        DegradedSeverity, EnvironmentSnapshot, EventLevel, EventPayload, LineageEdge, LineageOrigin,
        MetricPayload, MetricValue, Origin, Project, RecordDraft, RecordRef, RelationType, Run, RunRef,
        RunStatus, StableRef, StageExecution, StageRef, Timestamp, Valid, Value,
    };
    use std::collections::BTreeMap;

    fn time() -> Timestamp {
        Timestamp::parse("2024-01-31T12:00:00.000001Z").unwrap()
    }

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn draft<P>(payload: P) -> RecordDraft<P> {
        let stage = StageRef::parse("stage:p.r.s").unwrap();
        RecordDraft::new(RunRef::parse("run:p.r").unwrap(), Some(stage), time(), "sdk.rust", payload)
    }

    /// One fact of every kind, with every sort of field filled somewhere.
    fn one_of_each() -> Vec<Captured> {
        let run_ref = RunRef::parse("run:p.r").unwrap();
        let version = "1.0.0".to_owned();
        let subject: StableRef = run_ref.clone().into();
        let project = Project {
            project_ref: "project:p".parse().unwrap(),
            name: "P".into(),
            created_at: time(),
            description: None,
            tags: texts(&[("a", "b")]),
            schema_version: version.clone(),
        };
        let run = Run {
            run_ref: run_ref.clone(),
            project_ref: "project:p".parse().unwrap(),
            name: "R".into(),
            status: RunStatus::Open,
            started_at: time(),
            ended_at: None,
            description: Some("d".into()),
            params: BTreeMap::from([
                ("i".to_owned(), Value::Int(-1)),
                ("f".to_owned(), Value::Float(0.5)),
                ("t".to_owned(), Value::text("x")),
                ("b".to_owned(), Value::Bool(true)),
            ]),
            tags: texts(&[]),
            code_revision: Some("c".into()),
            dataset_ref: None,
            command: None,
            schema_version: version.clone(),
        };
        let stage = StageExecution {
            stage_execution_ref: "stage:p.r.s".parse().unwrap(),
            run_ref: run_ref.clone(),
            stage_name: "s".into(),
            status: RunStatus::Completed,
            started_at: time(),
            ended_at: Some(time()),
            order_index: Some(2),
            schema_version: version.clone(),
        };
        let environment = EnvironmentSnapshot {
            environment_snapshot_ref: "environment:p.r.e".parse().unwrap(),
            run_ref: run_ref.clone(),
            captured_at: time(),
            python_version: None,
            runtime: Some(("rust".into(), "1.90".into())),
            platform: "linux".into(),
            packages: texts(&[("x", "1")]),
            environment_variables: texts(&[]),
            schema_version: version.clone(),
        };
        let event = EventPayload {
            event_key: "e".into(),
            level: EventLevel::Warning,
            message: "m".into(),
            subject_ref: Some(subject.clone()),
            attributes: BTreeMap::from([("k".to_owned(), Value::List(vec![Value::Null]))]),
            tags: texts(&[("t", "v")]),
            origin_marker: Origin::Imported,
        };
        let metric = MetricPayload {
            metric_key: "loss".into(),
            value: MetricValue::Float(0.25),
            value_type: "float".into(),
            step: Some(300),
            unit: Some("nats".into()),
            aggregation_scope: AggregationScope::Step,
            subject_ref: None,
            slice_ref: None,
            tags: texts(&[]),
            summary_basis: Some("raw_observation".into()),
        };
        let degraded = DegradedPayload {
            issue_key: "x.y".into(),
            category: DegradedCategory::Import,
            severity: DegradedSeverity::Error,
            summary: "s".into(),
            subject_ref: None,
            origin_marker: Origin::ExplicitCapture,
            attributes: BTreeMap::new(),
        };
        let mut degraded = draft(degraded);
        degraded.degradation_marker = Degradation::ImportLoss;
        degraded.identity = Some((RecordRef::parse("record:p.r.k").unwrap(), time()));
        let artifact = ArtifactManifest {
            artifact_ref: "artifact:p.r.a".parse().unwrap(),
            artifact_kind: "model_bundle".into(),
            created_at: time(),
            producer_ref: "sdk.rust".into(),
            run_ref: run_ref.clone(),
            location_ref: "blake3:00".into(),
            deployment_execution_ref: None,
            stage_execution_ref: None,
            batch_execution_ref: None,
            sample_observation_ref: None,
            operation_context_ref: None,
            hash_value: Some("h".into()),
            size_bytes: Some(70_000),
            attributes: BTreeMap::new(),
            schema_version: version.clone(),
        };
        let relation = LineageEdge {
            relation_ref: "relation:p.r.x".parse().unwrap(),
            relation_type: RelationType::ProducedBy,
            source_ref: StableRef::parse("artifact:p.r.a").unwrap(),
            target_ref: subject.clone(),
            recorded_at: time(),
            origin_marker: LineageOrigin::Inferred,
            confidence_marker: Confidence::Medium,
            operation_context_ref: None,
            evidence_refs: vec![subject.clone()],
            schema_version: version,
        };
        let facts = vec![
            Fact::Project(Valid::new(project).unwrap()),
            Fact::Run(Valid::new(run).unwrap()),
            Fact::Stage(Valid::new(stage).unwrap()),
            Fact::Ended(Ended { subject, status: RunStatus::Failed, ended_at: time() }),
            Fact::Param(Param::new(run_ref, "lr", Value::Float(0.5)).unwrap()),
            Fact::Environment(Valid::new(environment).unwrap()),
            Fact::Event(Valid::new(draft(event)).unwrap()),
            Fact::Metric(Valid::new(draft(metric)).unwrap()),
            Fact::Degraded(Valid::new(degraded).unwrap()),
            Fact::Artifact(Box::new(Valid::new(artifact).unwrap()), Some([7; 32])),
            Fact::Relation(Box::new(Valid::new(relation).unwrap())),
        ];
        facts.into_iter().map(Captured::from).collect()
    }

    /// The payload of one fact of each kind, version 1. These bytes are in logs: they do not change.
    const GOLDEN: &[(u16, &str)] = &[
        (1, "000970726f6a6563743a70015000010161016205312e302e30fd0220943c79200c00"),
        (
            2,
            "000970726f6a6563743a700772756e3a702e72015200fd0220943c79200c0000010164040162030101660100\
              0000000000e03f01690001017402017800010163000005312e302e30",
        ),
        (
            3,
            "000772756e3a702e720b73746167653a702e722e73017301fd0220943c79200c0001fd0220943c79200c0001\
              0205312e302e30",
        ),
        (4, "000772756e3a702e7202fd0220943c79200c00"),
        (5, "000772756e3a702e72026c7201000000000000e03f"),
        (
            6,
            "0011656e7669726f6e6d656e743a702e722e650772756e3a702e720001047275737404312e3930056c696e75\
              7801017801310005312e302e30fd0220943c79200c00",
        ),
        (
            16,
            "000772756e3a702e7200010b73746167653a702e722e730000000873646b2e72757374000000000165020301\
              0772756e3a702e7201017401760c7b226b223a5b6e756c6c5d7d016dfd0220943c79200c0000",
        ),
        (
            17,
            "000772756e3a702e7200010b73746167653a702e722e730000000873646b2e7275737400000000046c6f7373\
              05666c6f617401046e61747303000000010f7261775f6f62736572766174696f6e01fb580201000000000000\
              d03ffd0220943c79200c0000",
        ),
        (
            18,
            "000772756e3a702e7200010b73746167653a702e722e730000000873646b2e727573740000000303782e7902\
              010000000173fd0220943c79200c00010c7265636f72643a702e722e6bfd0220943c79200c00",
        ),
        (
            32,
            "000772756e3a702e7200000000000873646b2e727573740c6d6f64656c5f62756e646c6505312e302e300e61\
              727469666163743a702e722e61fd0220943c79200c0009626c616b65333a303001016801fc70110100000107\
              07070707070707070707070707070707070707070707070707070707070707",
        ),
        (
            33,
            "0002020105312e302e300e61727469666163743a702e722e610772756e3a702e720e72656c6174696f6e3a70\
              2e722e7800010772756e3a702e72fd0220943c79200c00",
        ),
    ];

    #[test]
    fn the_payload_of_every_kind_is_pinned_and_reads_back() {
        let mut seen = Vec::new();
        for captured in one_of_each() {
            let mut payload = Vec::new();
            captured.encode(&mut payload).unwrap();
            let read = Captured::decode(captured.kind(), V1, &payload).unwrap().unwrap();
            assert_eq!(read, captured);
            assert!(kind_name(captured.kind()).is_some() && Captured::KINDS.contains(&(captured.kind(), V1)));
            seen.push((captured.kind().0, crate::engine::checksum::hex(&payload)));
        }
        let golden: Vec<_> = GOLDEN.iter().map(|(kind, hex)| (*kind, (*hex).to_owned())).collect();
        assert_eq!(seen, golden);
    }

    #[test]
    fn what_a_fact_replaces_comes_back_and_unknown_kinds_and_versions_are_kept_apart() {
        let mut param = one_of_each().remove(4);
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
        for captured in one_of_each() {
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
            let artifact = one_of_each().remove(9);
            let Fact::Artifact(manifest, body) = &artifact.fact else { panic!("{artifact:?}") };
            let written = ArtifactV1::of(manifest, *body).unwrap().with_attributes(text.clone());
            let mut payload = Vec::new();
            artifact.write(written, &mut payload).unwrap();
            let read = Captured::decode(ARTIFACT, V1, &payload);
            assert_eq!(read.is_ok(), readable, "{} bytes of JSON", text.len());
            if let Ok(Some(read)) = read {
                assert!(read.to_row().is_ok());
            }
        }
    }
}
