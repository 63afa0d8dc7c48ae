//! Emissions: events and metrics of user code, before a scope adds producer, run, stage and time.

use crate::contract::{
    AggregationScope, Degradation, DegradedCategory, DegradedPayload, DegradedSeverity, EventLevel,
    EventPayload, Fact, MetricPayload, MetricValue, RecordDraft, RecordType, RunRef, StableRef, StageRef,
    Timestamp, Valid, Value,
};
use std::collections::BTreeMap;

/// An event of user code.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct EventEmission {
    key: String,
    message: String,
    level: EventLevel,
    attributes: BTreeMap<String, Value>,
    tags: BTreeMap<String, String>,
}

impl EventEmission {
    /// Creates an event of level `info`.
    pub fn new(key: &str, message: &str) -> EventEmission {
        EventEmission {
            key: key.to_owned(),
            message: message.to_owned(),
            level: EventLevel::Info,
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// Sets the level.
    pub fn level(mut self, level: EventLevel) -> EventEmission {
        self.level = level;
        self
    }

    /// Adds an attribute.
    pub fn attribute(mut self, key: &str, value: impl Into<Value>) -> EventEmission {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, key: &str, value: &str) -> EventEmission {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// A metric of user code.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct MetricEmission {
    key: String,
    value: MetricValue,
    step: Option<i64>,
    unit: Option<String>,
    scope: Option<AggregationScope>,
    tags: BTreeMap<String, String>,
}

impl MetricEmission {
    /// Creates a metric without step, unit or tags.
    pub fn new(key: &str, value: impl Into<MetricValue>) -> MetricEmission {
        MetricEmission {
            key: key.to_owned(),
            value: value.into(),
            step: None,
            unit: None,
            scope: None,
            tags: BTreeMap::new(),
        }
    }

    /// Sets the number of the training step.
    pub fn step(mut self, step: i64) -> MetricEmission {
        self.step = Some(step);
        self
    }

    /// Sets the unit of the value.
    pub fn unit(mut self, unit: &str) -> MetricEmission {
        self.unit = Some(unit.to_owned());
        self
    }

    /// Sets the scope that the value describes. The default is the step if a step is given, otherwise the stage or run
    /// that captures the metric.
    pub fn scope(mut self, scope: AggregationScope) -> MetricEmission {
        self.scope = Some(scope);
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, key: &str, value: &str) -> MetricEmission {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// An event or metric to capture.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Emission {
    /// An event.
    Event(EventEmission),
    /// A metric.
    Metric(MetricEmission),
}

impl From<EventEmission> for Emission {
    fn from(event: EventEmission) -> Emission {
        Emission::Event(event)
    }
}

impl From<MetricEmission> for Emission {
    fn from(metric: MetricEmission) -> Emission {
        Emission::Metric(metric)
    }
}

/// The producer, run and stage that a scope adds to an event or metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) run: &'a RunRef,
    pub(super) stage: Option<&'a StageRef>,
    pub(super) producer: &'a str,
}

impl Surroundings<'_> {
    fn subject(&self) -> StableRef {
        match self.stage {
            Some(stage) => stage.clone().into(),
            None => self.run.clone().into(),
        }
    }

    fn draft<P>(&self, observed_at: Timestamp, payload: P) -> RecordDraft<P> {
        RecordDraft::new(self.run.clone(), self.stage.cloned(), observed_at, self.producer, payload)
    }
}

/// A checked event or metric as a fact. A metric that is NaN or infinite becomes a degraded record.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) fact: Fact,
    /// The family of the record.
    pub(super) family: RecordType,
    /// The summary of the degraded record, if the fact is a degraded record; otherwise `None`.
    pub(super) degraded: Option<String>,
}

impl Emission {
    /// Converts an event or metric to a fact: adds producer, run, stage and time, and checks the rules of the contract.
    pub(super) fn prepare(
        self,
        around: Surroundings<'_>,
        at: Timestamp,
    ) -> crate::contract::Result<Prepared> {
        match self {
            Emission::Event(event) => prepare_event(event, around, at),
            Emission::Metric(metric) if metric.value.as_f64().is_finite() => {
                prepare_metric(metric, around, at)
            }
            Emission::Metric(metric) => prepare_non_finite(metric, around, at),
        }
    }
}

fn prepare_event(
    e: EventEmission,
    around: Surroundings<'_>,
    at: Timestamp,
) -> crate::contract::Result<Prepared> {
    let mut payload = EventPayload::new(e.key, e.level, e.message);
    payload.subject_ref = Some(around.subject());
    payload.attributes = e.attributes;
    payload.tags = e.tags;
    let fact = Fact::Event(Valid::new(around.draft(at, payload))?);
    Ok(Prepared { fact, family: RecordType::Event, degraded: None })
}

fn default_scope(step: Option<i64>, around: Surroundings<'_>) -> AggregationScope {
    match (step, around.stage) {
        (Some(_), _) => AggregationScope::Step,
        (None, Some(_)) => AggregationScope::Stage,
        (None, None) => AggregationScope::Run,
    }
}

fn prepare_metric(
    m: MetricEmission,
    around: Surroundings<'_>,
    at: Timestamp,
) -> crate::contract::Result<Prepared> {
    let type_name = m.value.type_name();
    let mut payload = MetricPayload::new(m.key, m.value, type_name);
    payload.step = m.step;
    payload.unit = m.unit;
    payload.aggregation_scope = m.scope.unwrap_or_else(|| default_scope(m.step, around));
    payload.subject_ref = Some(around.subject());
    payload.tags = m.tags;
    payload.summary_basis = Some("raw_observation".to_owned());
    let fact = Fact::Metric(Valid::new(around.draft(at, payload))?);
    Ok(Prepared { fact, family: RecordType::Metric, degraded: None })
}

/// Prepares a degraded record in place of a metric that is NaN or infinite, because JSON has no form for such numbers.
fn prepare_non_finite(
    m: MetricEmission,
    around: Surroundings<'_>,
    at: Timestamp,
) -> crate::contract::Result<Prepared> {
    let value = m.value.to_string();
    let step = m.step.map_or_else(String::new, |step| format!(" at step {step}"));
    let summary = format!("metric {} was {value}{step}", m.key);
    // Errors in the other fields are reported, although the value is not finite.
    let checked = MetricEmission { value: MetricValue::Int(0), ..m.clone() };
    prepare_metric(checked, around, at)?;
    let mut attributes = BTreeMap::from([
        ("metric_key".to_owned(), Value::Text(m.key)),
        ("value".to_owned(), Value::Text(value)),
    ]);
    if let Some(step) = m.step {
        attributes.insert("step".to_owned(), Value::Int(step));
    }
    let (category, severity) = (DegradedCategory::Capture, DegradedSeverity::Warning);
    let mut payload = DegradedPayload::new("metric.non_finite", category, severity, summary.as_str());
    payload.subject_ref = Some(around.subject());
    payload.attributes = attributes;
    let mut draft = around.draft(at, payload);
    draft.observation.degradation_marker = Degradation::PartialFailure;
    Ok(Prepared {
        fact: Fact::Degraded(Valid::new(draft)?),
        family: RecordType::Degraded,
        degraded: Some(summary),
    })
}
