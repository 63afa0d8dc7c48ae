//! Metric series and their summaries. The points of a series are in the order of training. Points without a
//! step come first and are sorted by time of observation. Points with a step follow and are sorted by step,
//! then by time of observation.
//!
//! A record that several imports contain has several points. Each of these points contains a digest of the record's
//! ref, and readers of a series use only one point of each record. The summaries count all points. With
//! [`IMPORTED_SERIES`] and [`IMPORTED_SUMMARIES`], readers find the summaries that may count a record twice.

use crate::contract::{Degradation, Fact, MetricValue, Timestamp};
use crate::engine::Result;
use crate::engine::bytes::Reader;
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Kind, Stamp};
use crate::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::known_series::KnownSeries;
use crate::projections::series_key::SeriesKey;
use crate::projections::tables::{
    IMPORTED_SERIES, IMPORTED_SUMMARIES, NON_FINITE, SERIES, SERIES_UNITS, SUMMARIES,
};

/// The projection that fills [`SERIES`], [`SUMMARIES`], [`SERIES_UNITS`], [`NON_FINITE`], [`IMPORTED_SERIES`] and
/// [`IMPORTED_SUMMARIES`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesProjection;

const HAS_STEP: u8 = 1;
const IS_INT: u8 = 2;
const IS_BIG: u8 = 4;
const HAS_REF: u8 = 8;

/// Replaces `out` by the value bytes of a point, in this order:
///
/// - one byte of flags: the parts that follow, and the presence of a step
/// - the digest of the ref, for an imported record
/// - the value, if it is an integer: 64 bits, or the digits of a longer integer
///
/// A value that is a float is stored in [`Point::measure`] instead. The step is stored in [`Point::order`].
fn encode(imported_ref: Option<[u8; 8]>, step: Option<i64>, value: &MetricValue, out: &mut Vec<u8>) {
    out.clear();
    out.push(0u8);
    let mut flags = 0;
    if let Some(digest) = imported_ref {
        flags |= HAS_REF;
        out.extend_from_slice(&digest);
    }
    if step.is_some() {
        flags |= HAS_STEP;
    }
    match value {
        MetricValue::Int(n) => {
            flags |= IS_INT;
            out.extend_from_slice(&n.to_le_bytes());
        }
        MetricValue::Big(digits) => {
            flags |= IS_BIG;
            out.extend_from_slice(digits.as_bytes());
        }
        MetricValue::Float(_) => {}
    }
    if let Some(first) = out.first_mut() {
        *first = flags;
    }
}

/// Returns the position of a point in its series. Points without a step come first and are sorted by time of
/// observation. Points with a step follow and are sorted by step, then by time of observation. The last point
/// is therefore the point with the greatest step. If no point has a step, the last point is the latest point.
/// A point whose step is `i64::MIN` is sorted like a point without a step.
fn order(step: Option<i64>, observed_at: Timestamp, stamp: Stamp) -> PointOrder {
    PointOrder { time: step.unwrap_or(i64::MIN), minor: observed_at.micros(), stamp }
}

/// The decoded content of a point.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The time of observation.
    pub(crate) observed_at: Timestamp,
    /// The digest of the ref of an imported record; `None` for a captured record.
    pub(crate) imported_ref: Option<[u8; 8]>,
    /// The step of training; `None` if no step was recorded.
    pub(crate) step: Option<i64>,
    /// The value.
    pub(crate) value: MetricValue,
}

/// Decodes a point; `None` if the point is malformed.
pub(crate) fn decode(point: Point<&[u8]>) -> Option<Decoded> {
    let mut reader = Reader::new(point.value);
    let flags = reader.u8()?;
    let imported_ref = if flags & HAS_REF != 0 { Some(reader.array::<8>()?) } else { None };
    let step = (flags & HAS_STEP != 0).then_some(point.order.time);
    let value = if flags & IS_INT != 0 {
        MetricValue::Int(reader.u64()? as i64)
    } else if flags & IS_BIG != 0 {
        MetricValue::Big(std::str::from_utf8(reader.take(reader.remaining())?).ok()?.into())
    } else {
        MetricValue::Float(point.measure?)
    };
    let observed_at = Timestamp::from_micros(point.order.minor)?;
    Some(Decoded { observed_at, imported_ref, step, value })
}

impl Projection<Captured> for SeriesProjection {
    fn name(&self) -> &'static str {
        "series"
    }

    fn version(&self) -> u32 {
        6
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[SERIES, SUMMARIES, SERIES_UNITS, NON_FINITE, IMPORTED_SERIES, IMPORTED_SUMMARIES]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == kind::METRIC
    }

    fn apply_encoded(&self, entry: EntryRef<'_>, tables: &mut Tables) -> Result<bool> {
        let known = tables.scratch::<KnownSeries>();
        let Some((point, (series, register))) = known.point(entry).cloned() else { return Ok(false) };
        let mut value = std::mem::take(&mut known.buffer);
        encode(None, point.step, &point.value, &mut value);
        let order = order(point.step, point.observed_at, entry.stamp);
        let point = Point { order, measure: Some(point.value.as_f64()), value: value.as_slice() };
        tables.add_to_register(register, point);
        tables.add_to_series(series, point);
        tables.scratch::<KnownSeries>().buffer = value;
        Ok(true)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        if let Fact::Metric(d) = &applied.event.fact {
            let (observation, identity) = (&d.observation, d.identity.as_ref());
            let key = SeriesKey::of(observation, &d.payload).to_bytes();
            let mut value = Vec::new();
            let digest = identity.map(|(record_ref, _)| keys::ref_digest(record_ref));
            encode(digest, d.payload.step, &d.payload.value, &mut value);
            let point = Point {
                order: order(d.payload.step, observation.observed_at, applied.stamp),
                measure: Some(d.payload.value.as_f64()),
                value,
            };
            let unit = d.payload.unit.as_deref();
            tables.insert(SERIES_UNITS, keys::series_unit(&key, d.payload.aggregation_scope, unit));
            if identity.is_some() {
                let import = applied.event.origin.map_or([0; 16], |origin| origin.import);
                tables.insert(IMPORTED_SERIES, keys::imported_series(&key, &import));
                tables.register(IMPORTED_SUMMARIES, &key, &point);
            }
            if !d.payload.value.is_finite() {
                tables.register(NON_FINITE, &key, &point);
            }
            let places = tables.series(SERIES, &key).zip(tables.register_of(SUMMARIES, &key));
            if let Some((series, register)) = places {
                tables.add_to_register(register, point.borrowed());
                tables.add_to_series(series, point.borrowed());
                // Other projections must decode a metric with a degradation marker. The series of such a
                // metric is therefore not added to `KnownSeries`.
                if observation.degradation_marker == Degradation::None {
                    tables.scratch::<KnownSeries>().learn(applied.entry, (series, register));
                }
            }
        }
        Ok(())
    }
}
