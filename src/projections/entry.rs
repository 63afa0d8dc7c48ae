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
        if kind_name(kind).is_none() || version != V1 {
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
