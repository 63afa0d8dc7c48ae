//! The fields of a metric's payload that differ from point to point of a series, decoded without the other fields.

use crate::contract::{MetricValue, Timestamp};
use crate::engine::codec::Fields;

/// The numbers with which the codec encodes the variants of `MetricValueV1`. A point has one of these two variants.
const INT: u64 = 0;
const FLOAT: u64 = 1;

/// The step, value and time of a captured metric.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::projections) struct MetricPoint {
    pub(in crate::projections) step: Option<i64>,
    pub(in crate::projections) value: MetricValue,
    pub(in crate::projections) observed_at: Timestamp,
}

impl MetricPoint {
    /// Decodes the end of a payload, which is everything after the field `summary_basis`. Returns `None` for an
    /// imported record, for a value that is not finite or is an integer beyond 64 bits, and for a payload that may
    /// break a rule. The caller then decodes the whole payload.
    pub(in crate::projections) fn decode(end: &[u8]) -> Option<MetricPoint> {
        let mut fields = Fields::new(end);
        let step = if fields.is_some()? { Some(fields.signed()?) } else { None };
        let value = match fields.unsigned()? {
            INT => MetricValue::Int(fields.signed()?),
            FLOAT => MetricValue::Float(fields.float().filter(|f| f.is_finite())?),
            _ => return None,
        };
        let observed_at = Timestamp::from_micros(fields.signed()?)?;
        let is_captured = !fields.is_some()? && fields.remaining() == 0;
        is_captured.then_some(MetricPoint { step, value, observed_at })
    }
}

/// Returns the length of the part of a metric's payload that is the same for all points of a series: the beginning, up
/// to and including the field `summary_basis`. Returns `None` for an imported record, for a record that replaces
/// entries, and for malformed bytes.
pub(in crate::projections) fn beginning_len(payload: &[u8]) -> Option<usize> {
    let mut fields = Fields::new(payload);
    // No replaced entries, and no origin.
    (fields.byte()? == 0 && fields.byte()? == 0).then_some(())?;
    texts(&mut fields, 1)?;
    // The deployment, stage, batch, sample and operation.
    optional_texts(&mut fields, 5)?;
    texts(&mut fields, 1)?;
    // The trace and the session.
    optional_texts(&mut fields, 2)?;
    // The completeness and the degradation.
    fields.byte()?;
    fields.byte()?;
    // The rare members, the metric key and the type of the value.
    texts(&mut fields, 3)?;
    optional_texts(&mut fields, 1)?;
    // The scope.
    fields.byte()?;
    // The subject and the slice.
    optional_texts(&mut fields, 2)?;
    let tags = fields.unsigned()?;
    texts(&mut fields, tags.checked_mul(2)?)?;
    // The basis of a summary.
    optional_texts(&mut fields, 1)?;
    Some(payload.len() - fields.remaining())
}

fn texts(fields: &mut Fields<'_>, count: u64) -> Option<()> {
    (0..count).try_for_each(|_| fields.bytes().map(drop))
}

fn optional_texts(fields: &mut Fields<'_>, count: u64) -> Option<()> {
    (0..count).try_for_each(|_| if fields.is_some()? { texts(fields, 1) } else { Some(()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{AggregationScope, MetricPayload};
    use crate::engine::codec;
    use crate::projections::payload::MetricV1;
    use crate::projections::payload::metric::MetricValueV1;
    use std::collections::BTreeMap;

    #[test]
    fn beginning_ends_after_the_summary_basis() {
        let mut payload = MetricPayload::new("loss", MetricValue::Float(0.5), "float");
        for tags in [0, 1, 300] {
            payload.tags = (0..tags).map(|n| (format!("k{n}"), "v".repeat(n))).collect::<BTreeMap<_, _>>();
            payload.unit = (tags > 0).then(|| "s".into());
            payload.aggregation_scope = AggregationScope::Run;
            payload.step = Some(7);
            let text = |n: usize| "r".repeat(n);
            let mut bytes = Vec::new();
            let optional = (None::<String>, Some(text(3)), None::<String>, None::<String>, Some(text(251)));
            let traces = (text(1), Some(text(2)), None::<String>);
            let header = (Vec::<u8>::new(), None::<u8>, text(250), optional, traces, (0u8, 1u8), text(0));
            codec::encode(&(header, MetricV1::of(&payload), 5i64, None::<(String, i64)>), &mut bytes)
                .unwrap();
            let len = beginning_len(&bytes).unwrap();
            let observed_at = Timestamp::from_micros(5).unwrap();
            let point = MetricPoint { step: Some(7), value: MetricValue::Float(0.5), observed_at };
            assert_eq!(MetricPoint::decode(&bytes[len..]), Some(point));
            for cut in 0..len {
                assert_eq!(beginning_len(&bytes[..cut]), None, "{cut}");
            }
        }
    }

    #[test]
    fn payload_of_a_point_that_needs_more_than_its_rows_is_not_decoded_in_part() {
        let end = |value: MetricValueV1, time: i64, identity: Option<(String, i64)>| {
            let mut bytes = Vec::new();
            codec::encode(&(Some(1i64), value, time, identity), &mut bytes).unwrap();
            MetricPoint::decode(&bytes)
        };
        assert!(end(MetricValueV1::Int(i64::MIN), 1, None).is_some());
        for float in [f64::NAN, f64::INFINITY] {
            assert_eq!(end(MetricValueV1::Float(float), 1, None), None);
        }
        assert_eq!(end(MetricValueV1::Big("9".repeat(30)), 1, None), None);
        assert_eq!(end(MetricValueV1::Int(1), i64::MAX, None), None);
        assert_eq!(end(MetricValueV1::Int(1), 1, Some(("record:p.r.k".into(), 1))), None);
        assert_eq!(MetricPoint::decode(&[]), None);
    }
}
