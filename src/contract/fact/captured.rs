//! The sum type of all facts that can be captured or imported.

use crate::contract::error::contract_error::Result;
use crate::contract::fact::annotation::Annotation;
use crate::contract::fact::any_record::AnyRecord;
use crate::contract::fact::draft::RecordDraft;
use crate::contract::fact::ended::Ended;
use crate::contract::fact::erasure::RunErasure;
use crate::contract::fact::import::Import;
use crate::contract::fact::param::Param;
use crate::contract::fact::writer::{Process, Writer};
use crate::contract::models::artifact::ArtifactManifest;
use crate::contract::models::payload::degraded::DegradedPayload;
use crate::contract::models::payload::event::EventPayload;
use crate::contract::models::payload::family::RecordType;
use crate::contract::models::payload::metric::MetricPayload;
use crate::contract::models::payload::span::TraceSpanPayload;
use crate::contract::models::record::observation::Observation;
use crate::contract::object::Object;
use crate::contract::refs::typed::{RecordRef, RunRef};
use crate::contract::rules::valid::Valid;
use crate::contract::time::Timestamp;

/// A captured or imported fact.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fact {
    /// An object, with the members that were known at the time of capture.
    Object(Object),
    /// An artifact, and the BLAKE3 digest of its body if the body is in this workspace.
    Artifact(Box<Valid<ArtifactManifest>>, Option<[u8; 32]>),
    /// The end of a run, deployment, stage, batch, sample or operation.
    Ended(Ended),
    /// A parameter of a run.
    Param(Param),
    /// An event.
    Event(Valid<RecordDraft<EventPayload>>),
    /// A metric.
    Metric(Valid<RecordDraft<MetricPayload>>),
    /// A span.
    Span(Valid<RecordDraft<TraceSpanPayload>>),
    /// A degraded record: a record of missing or doubtful data.
    Degraded(Valid<RecordDraft<DegradedPayload>>),
    /// A change of a run, project or deployment after its start.
    Annotation(Annotation),
    /// A process that writes to the workspace.
    Process(Process),
    /// A writer of a run.
    Writer(Writer),
    /// The start of an import. The imported facts are appended after it and refer to it.
    Import(Import),
    /// The erasure of a run.
    Erasure(RunErasure),
}

impl<T> From<Valid<T>> for Fact
where
    Object: From<Valid<T>>,
{
    fn from(model: Valid<T>) -> Fact {
        Fact::Object(model.into())
    }
}

impl Fact {
    /// Returns the family of the record; `None` if the fact is not a record.
    pub fn family(&self) -> Option<RecordType> {
        Some(match self {
            Fact::Event(_) => RecordType::Event,
            Fact::Metric(_) => RecordType::Metric,
            Fact::Span(_) => RecordType::Span,
            Fact::Degraded(_) => RecordType::Degraded,
            _ => return None,
        })
    }

    /// Returns the observation of the record, and for an imported record also the ref and the time of recording; `None`
    /// if the fact is not a record.
    pub fn observation(&self) -> Option<(&Observation, Option<&(RecordRef, Timestamp)>)> {
        Some(match self {
            Fact::Event(draft) => (&draft.observation, draft.identity.as_ref()),
            Fact::Metric(draft) => (&draft.observation, draft.identity.as_ref()),
            Fact::Span(draft) => (&draft.observation, draft.identity.as_ref()),
            Fact::Degraded(draft) => (&draft.observation, draft.identity.as_ref()),
            _ => return None,
        })
    }

    /// Creates the record of this fact; returns `None` if the fact is not a record. An imported record keeps its ref
    /// and time of recording; for any other record, `identity` returns them. Errors: the error of `identity`, or a
    /// broken rule of the record.
    pub fn into_record(
        self,
        identity: impl FnOnce(&RunRef, RecordType) -> Result<(RecordRef, Timestamp)>,
    ) -> Result<Option<AnyRecord>> {
        let Some(family) = self.family() else { return Ok(None) };
        let Some((observation, imported)) = self.observation() else { return Ok(None) };
        let (record_ref, at) = match imported {
            Some(identity) => identity.clone(),
            None => identity(&observation.run_ref, family)?,
        };
        Ok(Some(match self {
            Fact::Event(draft) => AnyRecord::Event(Box::new(draft.into_record(record_ref, at)?)),
            Fact::Metric(draft) => AnyRecord::Metric(Box::new(draft.into_record(record_ref, at)?)),
            Fact::Span(draft) => AnyRecord::Span(Box::new(draft.into_record(record_ref, at)?)),
            Fact::Degraded(draft) => AnyRecord::Degraded(Box::new(draft.into_record(record_ref, at)?)),
            _ => return Ok(None),
        }))
    }
}

impl AnyRecord {
    /// Converts the record to a fact. Like the fact of an imported record, the fact contains the record's ref and time
    /// of recording.
    pub fn into_fact(self) -> Result<Fact> {
        Ok(match self {
            AnyRecord::Event(record) => Fact::Event(record.into_draft()?),
            AnyRecord::Metric(record) => Fact::Metric(record.into_draft()?),
            AnyRecord::Span(record) => Fact::Span(record.into_draft()?),
            AnyRecord::Degraded(record) => Fact::Degraded(record.into_draft()?),
        })
    }
}
