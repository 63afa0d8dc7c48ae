//! Metric series by run, stage and key, and summaries of these series. The points of a series are ordered by time of
//! observation.
//!
//! A record that several imports contain has several points. Each of these points contains a digest of the record's
//! ref, and readers of a series use only one point of each record. The summaries count all points. With
//! [`IMPORTED_SERIES`] and [`IMPORTED_SUMMARIES`], readers find the summaries that may count a record twice.

use crate::contract::{Fact, MetricValue};
use crate::engine::Result;
use crate::engine::bytes::Reader;
use crate::engine::entries::EntryRef;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::known_series::KnownSeries;
use crate::projections::tables::{IMPORTED_SERIES, IMPORTED_SUMMARIES, NON_FINITE, SERIES, SUMMARIES};

/// The projection that fills [`SERIES`], [`SUMMARIES`], [`NON_FINITE`], [`IMPORTED_SERIES`] and
/// [`IMPORTED_SUMMARIES`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesProjection;

const HAS_STEP: u8 = 1;
const IS_INT: u8 = 2;
const IS_BIG: u8 = 4;
const HAS_REF: u8 = 8;

/// Replaces `out` by the value bytes of a point, in this order:
///
/// - a byte of flags, which states the following parts
/// - the digest of the ref, for an imported record
/// - the step, if a step was recorded
/// - the value, if it is an integer: 64 bits, or the digits of a longer integer
///
/// A value that is a float is stored in [`Point::measure`] instead.
fn encode(imported_ref: Option<[u8; 8]>, step: Option<i64>, value: &MetricValue, out: &mut Vec<u8>) {
    out.clear();
    out.push(0u8);
    let mut flags = 0;
    if let Some(digest) = imported_ref {
        flags |= HAS_REF;
        out.extend_from_slice(&digest);
    }
    if let Some(step) = step {
        flags |= HAS_STEP;
        out.extend_from_slice(&step.to_le_bytes());
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

/// The decoded value bytes of a point.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The digest of the ref of an imported record; `None` for a captured record.
    pub(crate) imported_ref: Option<[u8; 8]>,
    /// The step of training; `None` if no step was recorded.
    pub(crate) step: Option<i64>,
    /// The value.
    pub(crate) value: MetricValue,
}

/// Decodes the value bytes of a point; `None` if the bytes are malformed.
pub(crate) fn decode(point: &Point) -> Option<Decoded> {
    let mut reader = Reader::new(&point.value);
    let flags = reader.u8()?;
    let imported_ref = if flags & HAS_REF != 0 { Some(reader.array::<8>()?) } else { None };
    let step = if flags & HAS_STEP != 0 { Some(reader.u64()? as i64) } else { None };
    let value = if flags & IS_INT != 0 {
        MetricValue::Int(reader.u64()? as i64)
    } else if flags & IS_BIG != 0 {
        MetricValue::Big(std::str::from_utf8(reader.take(reader.remaining())?).ok()?.into())
    } else {
        MetricValue::Float(point.measure?)
    };
    Some(Decoded { imported_ref, step, value })
}

impl Projection<Captured> for SeriesProjection {
    fn name(&self) -> &'static str {
        "series"
    }

    fn version(&self) -> u32 {
        5
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[SERIES, SUMMARIES, NON_FINITE, IMPORTED_SERIES, IMPORTED_SUMMARIES]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == kind::METRIC
    }

    fn apply_encoded(&self, entry: EntryRef<'_>, tables: &mut Tables) -> Result<bool> {
        let known = tables.scratch::<KnownSeries>();
        let Some((point, (series, register))) = known.point(entry).cloned() else { return Ok(false) };
        let mut value = std::mem::take(&mut known.buffer);
        encode(None, point.step, &point.value, &mut value);
        let order = PointOrder { time: point.observed_at.micros(), stamp: entry.stamp };
        let point = Point { order, measure: Some(point.value.as_f64()), value: value.as_slice() };
        tables.add_to_register(register, point);
        tables.add_to_series(series, point);
        tables.scratch::<KnownSeries>().buffer = value;
        Ok(true)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        if let Fact::Metric(d) = &applied.event.fact {
            let (observation, identity) = (&d.observation, d.identity.as_ref());
            let key = keys::series(
                &observation.run_ref,
                observation.stage_execution_ref.as_ref(),
                &d.payload.metric_key,
            );
            let mut value = Vec::new();
            let digest = identity.map(|(record_ref, _)| keys::ref_digest(record_ref));
            encode(digest, d.payload.step, &d.payload.value, &mut value);
            let point = Point {
                order: PointOrder { time: observation.observed_at.micros(), stamp: applied.stamp },
                measure: Some(d.payload.value.as_f64()),
                value,
            };
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
                tables.scratch::<KnownSeries>().learn(applied.entry, (series, register));
            }
        }
        Ok(())
    }
}
