//! The second version of the payload of metrics, for metrics without rare members.
//!
//! A captured point takes about a third of the bytes of the first version. Everything that is the same for the points of
//! a series comes first; the step, the value and the time come last and next to each other, so that a row of a frame
//! stores little else. A ref is stored without its kind, and without the ref that contains it.

use crate::contract::{
    AggregationScope, MetricPayload, MetricValue, Observation, RecordDraft, RunRef, StableRef, Valid,
};
use crate::projections::payload::codes::Code;
use crate::projections::payload::convert::{Result, broken, parse, time};
use crate::projections::payload::record::is_plain;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The producer of most metrics: a Rust program.
const PRODUCER: &str = "sdk.rust";
/// The basis of most metrics: they were not summarised.
const BASIS: &str = "raw_observation";

/// The fields of a metric, in the order in which they are encoded.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct MetricV2 {
    /// The value of the run's ref.
    run: String,
    /// The value of the stage's ref after the value of the run's ref.
    stage: Option<String>,
    /// `None` if the fields have the values that [`MoreV2::default`] returns.
    more: Option<MoreV2>,
    aggregation_scope: u8,
    subject: SubjectV2,
    metric_key: String,
    point: PointV2,
    /// Microseconds since the epoch, little-endian. All times have the same length, so the bytes that change are next to
    /// the value.
    observed_at: [u8; 8],
}

/// The fields that most metrics have with their default values.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct MoreV2 {
    deployment: Option<String>,
    batch: Option<String>,
    sample: Option<String>,
    operation: Option<String>,
    producer_ref: String,
    /// `None` for the name of the type of the value.
    value_type: Option<String>,
    unit: Option<String>,
    slice_ref: Option<String>,
    tags: BTreeMap<String, String>,
    summary_basis: Option<String>,
}

impl Default for MoreV2 {
    fn default() -> MoreV2 {
        MoreV2 {
            deployment: None,
            batch: None,
            sample: None,
            operation: None,
            producer_ref: PRODUCER.to_owned(),
            value_type: None,
            unit: None,
            slice_ref: None,
            tags: BTreeMap::new(),
            summary_basis: Some(BASIS.to_owned()),
        }
    }
}

/// The object that a metric concerns.
#[derive(Debug, Serialize, Deserialize)]
enum SubjectV2 {
    None,
    /// The innermost of run, stage, batch, sample and operation.
    Innermost,
    Other(String),
}

/// Step and value.
#[derive(Debug, Serialize, Deserialize)]
enum PointV2 {
    Int(Option<i64>, i64),
    Float(Option<i64>, f64),
    Big(Option<i64>, String),
}

/// Returns the value of the ref `inner`, shortened relative to the ref `base`. If the value of `inner` begins
/// with the value of `base` and a dot, returns the rest of the value, beginning with this dot. Otherwise
/// returns the complete value. The value of a ref never begins with a dot, so the two cases can be
/// distinguished.
fn below(base: &StableRef, inner: &StableRef) -> String {
    let value = inner.value();
    value.strip_prefix(base.value()).filter(|rest| rest.starts_with('.')).unwrap_or(value).to_owned()
}

/// Returns the ref that [`below`] shortened.
fn resolved<R>(kind: &str, base: &StableRef, rest: &str) -> Result<R>
where
    R: TryFrom<StableRef, Error: Into<crate::contract::ContractError>>,
{
    let base = if rest.starts_with('.') { base.value() } else { "" };
    parse(&format!("{kind}:{base}{rest}"))
}

/// Returns the innermost of run, stage, batch, sample and operation.
fn innermost(seen: &Observation) -> &StableRef {
    let inner = [
        seen.operation_context_ref.as_deref(),
        seen.sample_observation_ref.as_deref(),
        seen.batch_execution_ref.as_deref(),
        seen.stage_execution_ref.as_deref(),
    ];
    inner.into_iter().flatten().next().unwrap_or(&seen.run_ref)
}

impl MetricV2 {
    /// Returns true if this version of the payload can contain the record.
    pub(in crate::projections) fn fits(draft: &RecordDraft<MetricPayload>) -> bool {
        draft.identity.is_none() && is_plain(draft)
    }

    /// Returns the payload of a record; `None` if this version cannot contain the record.
    pub(in crate::projections) fn of(draft: &RecordDraft<MetricPayload>) -> Option<MetricV2> {
        if !MetricV2::fits(draft) {
            return None;
        }
        let (seen, metric) = (&draft.observation, &draft.payload);
        let run: &StableRef = &seen.run_ref;
        let stage = seen.stage_execution_ref.as_deref();
        let batch = seen.batch_execution_ref.as_deref();
        // Batch, sample and operation are under the stage, and those of a batch are under the batch.
        let outer = stage.unwrap_or(run);
        let inner = batch.unwrap_or(outer);
        let more = MoreV2 {
            deployment: seen.deployment_execution_ref.as_deref().map(|d| below(run, d)),
            batch: batch.map(|b| below(outer, b)),
            sample: seen.sample_observation_ref.as_deref().map(|s| below(inner, s)),
            operation: seen.operation_context_ref.as_deref().map(|o| below(inner, o)),
            producer_ref: seen.producer_ref.clone(),
            value_type: Some(&metric.value_type).filter(|t| **t != metric.value.type_name()).cloned(),
            unit: metric.unit.clone(),
            slice_ref: metric.slice_ref.clone(),
            tags: metric.tags.clone(),
            summary_basis: metric.summary_basis.clone(),
        };
        Some(MetricV2 {
            run: run.value().to_owned(),
            stage: stage.map(|s| below(run, s)),
            more: Some(more).filter(|more| *more != MoreV2::default()),
            aggregation_scope: metric.aggregation_scope.byte(),
            subject: match &metric.subject_ref {
                None => SubjectV2::None,
                Some(subject) if subject == innermost(seen) => SubjectV2::Innermost,
                Some(subject) => SubjectV2::Other(subject.to_string()),
            },
            metric_key: metric.metric_key.clone(),
            point: match &metric.value {
                MetricValue::Int(n) => PointV2::Int(metric.step, *n),
                MetricValue::Float(f) => PointV2::Float(metric.step, *f),
                MetricValue::Big(digits) => PointV2::Big(metric.step, digits.as_ref().to_owned()),
            },
            observed_at: seen.observed_at.micros().to_le_bytes(),
        })
    }

    pub(in crate::projections) fn into_draft(self) -> Result<Valid<RecordDraft<MetricPayload>>> {
        if self.more.as_ref().is_some_and(|more| *more == MoreV2::default()) {
            return Err(broken("the usual values of a metric are written".into()));
        }
        let more = self.more.unwrap_or_default();
        let run = RunRef::of(&self.run)?;
        let observed_at = time(i64::from_le_bytes(self.observed_at))?;
        let mut seen = Observation::new(observed_at, more.producer_ref, run.clone());
        let read =
            |rest: &Option<String>| rest.as_deref().map(|rest| resolved("stage", &run, rest)).transpose();
        seen.stage_execution_ref = read(&self.stage)?;
        let outer: &StableRef = seen.stage_execution_ref.as_deref().unwrap_or(&run);
        let batch = more.batch.as_deref().map(|rest| resolved("batch", outer, rest)).transpose()?;
        seen.batch_execution_ref = batch;
        let outer = seen.stage_execution_ref.as_deref().unwrap_or(&run);
        let inner: &StableRef = seen.batch_execution_ref.as_deref().unwrap_or(outer);
        let sample = more.sample.as_deref().map(|rest| resolved("sample", inner, rest)).transpose()?;
        let operation = more.operation.as_deref().map(|rest| resolved("op", inner, rest)).transpose()?;
        seen.sample_observation_ref = sample;
        seen.operation_context_ref = operation;
        let deployment = more.deployment.as_deref().map(|rest| resolved("deployment", &run, rest));
        seen.deployment_execution_ref = deployment.transpose()?;
        let (step, value) = match self.point {
            PointV2::Int(step, n) => (step, MetricValue::Int(n)),
            PointV2::Float(step, f) => (step, MetricValue::Float(f)),
            PointV2::Big(step, digits) => (step, MetricValue::Big(digits.into())),
        };
        let value_type = more.value_type.unwrap_or_else(|| value.type_name().to_owned());
        let mut metric = MetricPayload::new(self.metric_key, value, value_type);
        metric.step = step;
        metric.unit = more.unit;
        metric.aggregation_scope = AggregationScope::of(self.aggregation_scope)?;
        metric.subject_ref = match self.subject {
            SubjectV2::None => None,
            SubjectV2::Innermost => Some(innermost(&seen).clone()),
            SubjectV2::Other(text) => Some(StableRef::from_text(text)?),
        };
        metric.slice_ref = more.slice_ref;
        metric.tags = more.tags;
        metric.summary_basis = more.summary_basis;
        Valid::new(RecordDraft {
            identity: None,
            observation: seen,
            payload: metric,
            unknown: Default::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{BatchRef, DeploymentRef, Fact, OperationRef, SampleRef, StageRef, Timestamp};
    use crate::engine::checksum::hex;
    use crate::engine::codec;
    use crate::engine::entry::Event;
    use crate::projections::encoding::encode_payload;
    use crate::projections::entry::Captured;
    use crate::projections::kind::{METRIC, V1, V2};
    use crate::projections::payload::{MetricV1, RecordV1};
    use proptest::prelude::*;

    type Draft = RecordDraft<MetricPayload>;

    fn draft(stage: Option<&str>, key: &str, value: MetricValue) -> Draft {
        let time = Timestamp::parse("2024-01-31T12:00:00.000001Z").unwrap();
        let stage = stage.map(|s| StageRef::parse(s).unwrap());
        let mut metric = MetricPayload::new(key, value.clone(), value.type_name());
        metric.summary_basis = Some(BASIS.to_owned());
        RecordDraft::new(RunRef::parse("run:p.r").unwrap(), stage, time, PRODUCER, metric)
    }

    fn payload_of(draft: &Draft) -> (Captured, Vec<u8>) {
        let captured = Captured::from(Fact::Metric(Valid::new(draft.clone()).unwrap()));
        let mut payload = Vec::new();
        captured.encode(&mut payload).unwrap();
        (captured, payload)
    }

    fn some_metrics() -> Vec<Draft> {
        let plain = draft(None, "loss", MetricValue::Float(0.5));
        let mut of_run = draft(None, "loss", MetricValue::Int(-3));
        of_run.payload.step = Some(300);
        of_run.payload.subject_ref = Some(StableRef::parse("run:p.r").unwrap());
        let mut of_stage = draft(Some("stage:p.r.s"), "mAP@0.5", MetricValue::Float(f64::NAN));
        of_stage.payload.step = Some(-1);
        of_stage.payload.subject_ref = Some(StableRef::parse("stage:p.r.s").unwrap());
        let mut all = draft(Some("stage:p.r.s"), "系统", MetricValue::Big("12345678901234567890".into()));
        let seen = &mut all.observation;
        seen.deployment_execution_ref = Some(DeploymentRef::parse("deployment:p.d").unwrap());
        seen.batch_execution_ref = Some(BatchRef::parse("batch:p.r.s.b").unwrap());
        seen.sample_observation_ref = Some(SampleRef::parse("sample:p.r.s.b.x").unwrap());
        seen.operation_context_ref = Some(OperationRef::parse("op:p.r.s.b.o").unwrap());
        seen.producer_ref = "sdk.other".to_owned();
        all.payload.value_type = "int128".to_owned();
        all.payload.subject_ref = Some(StableRef::parse("artifact:p.r.a").unwrap());
        all.payload.unit = Some("s".to_owned());
        all.payload.slice_ref = Some("a.b".to_owned());
        all.payload.tags.insert("k".to_owned(), "v".to_owned());
        all.payload.summary_basis = None;
        all.payload.aggregation_scope = AggregationScope::Run;
        vec![plain, of_run, of_stage, all]
    }

    /// Payload bytes of these metrics, version 2. Logs contain these bytes, so they do not change.
    const GOLDEN: &str = include_str!("../../../tests/golden/payloads-v2-metric.txt");

    #[test]
    fn payloads_match_golden_bytes_and_read_back() {
        let mut seen = Vec::new();
        for draft in some_metrics() {
            let (captured, payload) = payload_of(&draft);
            assert_eq!(captured.payload_version(), V2);
            assert_eq!(Captured::decode(METRIC, V2, &payload).unwrap().unwrap(), captured);
            seen.push(hex(&payload));
        }
        assert_eq!(seen, GOLDEN.lines().collect::<Vec<_>>());
    }

    #[test]
    fn metric_in_the_first_version_reads_as_the_same_fact() {
        for draft in some_metrics() {
            let (captured, payload) = payload_of(&draft);
            let Fact::Metric(valid) = &captured.fact else { panic!("{captured:?}") };
            let record = RecordV1::of(valid, MetricV1::of(&valid.payload)).unwrap();
            let mut old = Vec::new();
            encode_payload(&[], None, &mut old, |out| codec::encode(&record, out)).unwrap();
            assert!(payload.len() <= old.len());
            assert_eq!(Captured::decode(METRIC, V1, &old).unwrap().unwrap(), captured);
        }
    }

    #[test]
    fn usual_values_that_are_written_are_refused() {
        let mut metric = MetricV2::of(&draft(None, "loss", MetricValue::Int(1))).unwrap();
        metric.more = Some(MoreV2::default());
        assert!(metric.into_draft().is_err());
    }

    fn component() -> impl Strategy<Value = String> {
        "[a-z][a-z0-9]{0,5}"
    }

    fn any_draft() -> impl Strategy<Value = Draft> {
        let value = prop_oneof![
            any::<i64>().prop_map(MetricValue::Int),
            any::<f64>().prop_map(MetricValue::Float),
            Just(MetricValue::Big("-12345678901234567890".into())),
        ];
        let refs = (component(), component(), prop::collection::vec(component(), 4), any::<[bool; 5]>());
        let texts = (0..4usize, prop::option::of("[a-z]{1,3}"), prop::option::of("[a-z]{1,3}"));
        let tags = prop::collection::btree_map("[a-z]{1,3}", ".{1,3}", 0..2);
        let time = prop_oneof![0..10i64, 0..4_000_000_000_000_000i64];
        (refs, texts, tags, value, prop::option::of(any::<i64>()), time).prop_map(
            |((project, run, names, has), (subject, unit, basis), tags, value, step, time)| {
                let run_value = format!("{project}.{run}");
                let stage =
                    (has[0] || has[1] || has[2] || has[3]).then(|| format!("{run_value}.{}", names[0]));
                let under = |base: &Option<String>, name| base.as_ref().map(|base| format!("{base}.{name}"));
                let batch = under(&stage, &names[1]).filter(|_| has[1]);
                let inner = if batch.is_some() { &batch } else { &stage };
                // A sample or an operation of a stage has four components, or five.
                let sample = under(inner, &names[2]).filter(|_| has[2]);
                let operation = under(inner, &names[3]).filter(|_| has[3]);
                let mut draft = draft(None, "k", value);
                let seen = &mut draft.observation;
                seen.observed_at = Timestamp::from_micros(time).unwrap();
                seen.run_ref = RunRef::of(&run_value).unwrap();
                seen.stage_execution_ref = stage.map(|s| StageRef::of(&s).unwrap());
                seen.batch_execution_ref = batch.map(|b| BatchRef::of(&b).unwrap());
                seen.sample_observation_ref = sample.map(|s| SampleRef::of(&s).unwrap());
                seen.operation_context_ref = operation.map(|o| OperationRef::of(&o).unwrap());
                seen.deployment_execution_ref =
                    has[4].then(|| DeploymentRef::of(&format!("{project}.d")).unwrap());
                draft.payload.subject_ref = match subject {
                    0 => None,
                    1 => Some(seen.run_ref.clone().into_stable()),
                    2 => Some(innermost(seen).clone()),
                    _ => Some(StableRef::parse("artifact:p.r.a").unwrap()),
                };
                draft.payload.unit = unit;
                draft.payload.summary_basis = basis;
                draft.payload.tags = tags;
                draft.payload.step = step;
                draft
            },
        )
    }

    proptest! {
        #[test]
        fn any_metric_reads_back_and_is_not_longer_than_in_the_first_version(draft in any_draft()) {
            let Ok(valid) = Valid::new(draft) else { return Ok(()) };
            let captured = Captured::from(Fact::Metric(valid.clone()));
            let mut payload = Vec::new();
            captured.encode(&mut payload).unwrap();
            prop_assert_eq!(captured.payload_version(), V2);
            let mut old = Vec::new();
            let record = RecordV1::of(&valid, MetricV1::of(&valid.payload)).unwrap();
            encode_payload(&[], None, &mut old, |out| codec::encode(&record, out)).unwrap();
            prop_assert!(payload.len() <= old.len());
            for (version, bytes) in [(V1, &old), (V2, &payload)] {
                let read = Captured::decode(METRIC, version, bytes).unwrap().unwrap();
                prop_assert_eq!(&read, &captured);
            }
        }
    }
}
