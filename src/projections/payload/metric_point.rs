//! The fields of a metric's payload that differ from point to point of a series, encoded and decoded without the other
//! fields.

use crate::contract::{MetricValue, Timestamp};
use crate::engine::codec::{Fields, put_signed};
use crate::engine::entry::PayloadVersion;
use crate::projections::kind::{V1, V2};

/// The numbers with which the codec encodes the variants of `MetricValueV1` and `PointV2`. A point has one of these two
/// variants.
const INT: u8 = 0;
const FLOAT: u8 = 1;

/// The greatest length in bytes of a point that [`put_point`] appends.
pub(in crate::projections) const POINT_LEN_MAX: usize = 1 + 10 + 9 + 8;

/// The step, value and time of a captured metric.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::projections) struct MetricPoint {
    pub(in crate::projections) step: Option<i64>,
    pub(in crate::projections) value: MetricValue,
    pub(in crate::projections) observed_at: Timestamp,
}

impl MetricPoint {
    /// Decodes the end of a payload, which is everything after [`beginning_len`]. Returns `None` for an imported record,
    /// for a value that is not finite or is an integer beyond 64 bits, and for a payload that may break a rule. The
    /// caller then decodes the whole payload.
    pub(in crate::projections) fn decode(version: PayloadVersion, end: &[u8]) -> Option<MetricPoint> {
        let mut fields = Fields::new(end);
        if version == V2 {
            let variant = fields.byte()?;
            let step = read_step(&mut fields)?;
            let value = read_value(&mut fields, variant)?;
            let observed_at = Timestamp::from_micros(i64::from_le_bytes(fields.array()?))?;
            return (fields.remaining() == 0).then_some(MetricPoint { step, value, observed_at });
        }
        let step = read_step(&mut fields)?;
        let variant = fields.byte()?;
        let value = read_value(&mut fields, variant)?;
        let observed_at = Timestamp::from_micros(fields.signed()?)?;
        let is_captured = !fields.is_some()? && fields.remaining() == 0;
        is_captured.then_some(MetricPoint { step, value, observed_at })
    }
}

fn read_step(fields: &mut Fields<'_>) -> Option<Option<i64>> {
    Some(if fields.is_some()? { Some(fields.signed()?) } else { None })
}

fn read_value(fields: &mut Fields<'_>, variant: u8) -> Option<MetricValue> {
    match variant {
        INT => fields.signed().map(MetricValue::Int),
        FLOAT => fields.float().filter(|f| f.is_finite()).map(MetricValue::Float),
        _ => None,
    }
}

/// A whole number of 64 bits, or a float whose NaN is the one that the contract allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PointValue {
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
}

impl PointValue {
    /// Converts a value; `None` for a whole number of more than 64 bits.
    pub(crate) fn of(value: &MetricValue) -> Option<PointValue> {
        match value {
            MetricValue::Int(n) => Some(PointValue::Int(*n)),
            MetricValue::Float(f) if f.is_nan() => Some(PointValue::Float(f64::NAN)),
            MetricValue::Float(f) => Some(PointValue::Float(*f)),
            MetricValue::Big(_) => None,
        }
    }
}

impl From<PointValue> for MetricValue {
    fn from(value: PointValue) -> MetricValue {
        match value {
            PointValue::Int(n) => MetricValue::Int(n),
            PointValue::Float(f) => MetricValue::Float(f),
        }
    }
}

/// Appends the end of a payload of version 2 to `out`: everything after [`beginning_len`].
#[inline]
pub(in crate::projections) fn put_point(
    step: Option<i64>,
    value: PointValue,
    observed_at: Timestamp,
    out: &mut Vec<u8>,
) {
    let variant = match value {
        PointValue::Int(_) => INT,
        PointValue::Float(_) => FLOAT,
    };
    match step {
        None => out.extend_from_slice(&[variant, 0]),
        Some(step) => {
            out.extend_from_slice(&[variant, 1]);
            put_signed(step, out);
        }
    }
    let time = observed_at.micros().to_le_bytes();
    match value {
        PointValue::Int(n) => {
            put_signed(n, out);
            out.extend_from_slice(&time);
        }
        PointValue::Float(f) => out.extend_from_slice([f.to_le_bytes(), time].as_flattened()),
    }
}

/// Returns the length of the part of a metric's payload that is the same for all points of a series: in version 1 the
/// beginning up to and including the field `summary_basis`, in version 2 up to and including the metric key. Returns
/// `None` for an imported record, for a record that replaces entries, and for malformed bytes.
pub(in crate::projections) fn beginning_len(version: PayloadVersion, payload: &[u8]) -> Option<usize> {
    let mut fields = Fields::new(payload);
    // No replaced entries, and no origin.
    (fields.byte()? == 0 && fields.byte()? == 0).then_some(())?;
    match version {
        V1 => beginning_v1(&mut fields)?,
        V2 => beginning_v2(&mut fields)?,
        _ => return None,
    }
    Some(payload.len() - fields.remaining())
}

fn beginning_v1(fields: &mut Fields<'_>) -> Option<()> {
    texts(fields, 1)?;
    // The deployment, stage, batch, sample and operation.
    optional_texts(fields, 5)?;
    texts(fields, 1)?;
    // The trace and the session.
    optional_texts(fields, 2)?;
    // The completeness and the degradation.
    fields.byte()?;
    fields.byte()?;
    // The rare members, the metric key and the type of the value.
    texts(fields, 3)?;
    optional_texts(fields, 1)?;
    // The scope.
    fields.byte()?;
    // The subject and the slice.
    optional_texts(fields, 2)?;
    tags(fields)?;
    // The basis of a summary.
    optional_texts(fields, 1)
}

fn beginning_v2(fields: &mut Fields<'_>) -> Option<()> {
    // The run and the stage.
    texts(fields, 1)?;
    optional_texts(fields, 1)?;
    // The fields that are usual for most metrics.
    if fields.is_some()? {
        // The deployment, batch, sample and operation, and the producer.
        optional_texts(fields, 4)?;
        texts(fields, 1)?;
        // The type of the value, the unit and the slice.
        optional_texts(fields, 3)?;
        tags(fields)?;
        // The basis of a summary.
        optional_texts(fields, 1)?;
    }
    // The scope.
    fields.byte()?;
    // The subject.
    match fields.byte()? {
        0 | 1 => {}
        2 => texts(fields, 1)?,
        _ => return None,
    }
    // The metric key.
    texts(fields, 1)
}

fn tags(fields: &mut Fields<'_>) -> Option<()> {
    let count = fields.unsigned()?;
    texts(fields, count.checked_mul(2)?)
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
            let len = beginning_len(V1, &bytes).unwrap();
            let observed_at = Timestamp::from_micros(5).unwrap();
            let point = MetricPoint { step: Some(7), value: MetricValue::Float(0.5), observed_at };
            assert_eq!(MetricPoint::decode(V1, &bytes[len..]), Some(point));
            for cut in 0..len {
                assert_eq!(beginning_len(V1, &bytes[..cut]), None, "{cut}");
            }
        }
    }

    #[test]
    fn payload_of_a_point_that_needs_more_than_its_rows_is_not_decoded_in_part() {
        let end = |value: MetricValueV1, time: i64, identity: Option<(String, i64)>| {
            let mut bytes = Vec::new();
            codec::encode(&(Some(1i64), value, time, identity), &mut bytes).unwrap();
            MetricPoint::decode(V1, &bytes)
        };
        assert!(end(MetricValueV1::Int(i64::MIN), 1, None).is_some());
        for float in [f64::NAN, f64::INFINITY] {
            assert_eq!(end(MetricValueV1::Float(float), 1, None), None);
        }
        assert_eq!(end(MetricValueV1::Big("9".repeat(30)), 1, None), None);
        assert_eq!(end(MetricValueV1::Int(1), i64::MAX, None), None);
        assert_eq!(end(MetricValueV1::Int(1), 1, Some(("record:p.r.k".into(), 1))), None);
        assert_eq!(MetricPoint::decode(V1, &[]), None);
    }
}
