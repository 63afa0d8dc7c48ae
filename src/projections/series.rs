//! Metrics as series, by run, stage and key, ordered by when they were observed; and their summaries.
//!
//! A record that several imports brought is one, and several points: a point carries a digest of the ref that its record
//! brought, and whoever reads a series counts the first of them. The summaries count all; [`BROUGHT`] and
//! [`BROUGHT_SUMMARIES`] say whether that can be too many.

use crate::contract::{Fact, MetricValue};
use crate::engine::Result;
use crate::engine::bytes::Reader;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::tables::{BROUGHT, BROUGHT_SUMMARIES, SERIES, SUMMARIES};

/// Fills [`SERIES`], [`SUMMARIES`], and what stands beside them for imports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesProjection;

const HAS_STEP: u8 = 1;
const IS_INT: u8 = 2;
const IS_BIG: u8 = 4;
const IS_BROUGHT: u8 = 8;

/// The value bytes of a point: a byte of flags, the digest of the ref that its record brought, the step if there is one, the
/// number if it is a whole one: of 64 bits, or its digits. (A float is the point's measure.)
fn encode(brought: Option<[u8; 8]>, step: Option<i64>, value: &MetricValue) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    out.push(0u8);
    let mut flags = 0;
    if let Some(digest) = brought {
        flags |= IS_BROUGHT;
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
    out
}

/// What a point says.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) brought: Option<[u8; 8]>,
    pub(crate) step: Option<i64>,
    pub(crate) value: MetricValue,
}

/// Reads a point.
pub(crate) fn decode(point: &Point) -> Option<Decoded> {
    let mut reader = Reader::new(&point.value);
    let flags = reader.u8()?;
    let brought = if flags & IS_BROUGHT != 0 { Some(reader.array::<8>()?) } else { None };
    let step = if flags & HAS_STEP != 0 { Some(reader.u64()? as i64) } else { None };
    let value = if flags & IS_INT != 0 {
        MetricValue::Int(reader.u64()? as i64)
    } else if flags & IS_BIG != 0 {
        MetricValue::Big(std::str::from_utf8(reader.take(reader.remaining())?).ok()?.into())
    } else {
        MetricValue::Float(point.measure?)
    };
    Some(Decoded { brought, step, value })
}

impl Projection<Captured> for SeriesProjection {
    fn name(&self) -> &'static str {
        "series"
    }

    fn version(&self) -> u32 {
        3
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[SERIES, SUMMARIES, BROUGHT, BROUGHT_SUMMARIES]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == entry::METRIC
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables<'_>) -> Result<()> {
        if let Fact::Metric(d) = &applied.event.fact {
            let (seen, brought) = (&d.observation, d.identity.as_ref());
            let key = keys::series(&seen.run_ref, seen.stage_execution_ref.as_ref(), &d.payload.metric_key);
            let point = Point {
                order: PointOrder { time: seen.observed_at.micros(), stamp: applied.stamp },
                measure: Some(d.payload.value.as_f64()),
                value: encode(
                    brought.map(|(own, _)| keys::ref_digest(own)),
                    d.payload.step,
                    &d.payload.value,
                ),
            };
            if brought.is_some() {
                let import = applied.event.origin.map_or([0; 16], |origin| origin.import);
                tables.insert(BROUGHT, keys::brought(&key, &import));
                tables.register(BROUGHT_SUMMARIES, &key, &point);
            }
            tables.register(SUMMARIES, &key, &point);
            tables.add_point(SERIES, &key, point);
        }
        Ok(())
    }
}
