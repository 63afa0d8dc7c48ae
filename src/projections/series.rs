//! Metrics as series, by run, stage and key, ordered by when they were observed; and their summaries.

use crate::contract::{Fact, MetricValue};
use crate::engine::Result;
use crate::engine::bytes::Reader;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::tables::{SERIES, SUMMARIES};

/// Fills [`SERIES`] and [`SUMMARIES`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesProjection;

const HAS_STEP: u8 = 1;
const IS_INT: u8 = 2;
const IS_BIG: u8 = 4;

/// The value bytes of a point: a byte of flags, the step if there is one, the number if it is a whole one: of 64 bits, or
/// its digits. (A float is the point's measure.)
fn encode(step: Option<i64>, value: &MetricValue) -> Vec<u8> {
    let mut out = vec![0u8];
    let mut flags = 0;
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

/// Step and value of a point.
pub(crate) fn decode(point: &Point) -> Option<(Option<i64>, MetricValue)> {
    let mut reader = Reader::new(&point.value);
    let flags = reader.u8()?;
    let step = if flags & HAS_STEP != 0 { Some(reader.u64()? as i64) } else { None };
    let value = if flags & IS_INT != 0 {
        MetricValue::Int(reader.u64()? as i64)
    } else if flags & IS_BIG != 0 {
        let start = if step.is_some() { 9 } else { 1 };
        MetricValue::Big(std::str::from_utf8(point.value.get(start..)?).ok()?.into())
    } else {
        MetricValue::Float(point.measure?)
    };
    Some((step, value))
}

impl Projection<Captured> for SeriesProjection {
    fn name(&self) -> &'static str {
        "series"
    }

    fn version(&self) -> u32 {
        2
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[SERIES, SUMMARIES]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == entry::METRIC
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables<'_>) -> Result<()> {
        if let Fact::Metric(d) = &applied.event.fact {
            let seen = &d.observation;
            let key = keys::series(&seen.run_ref, seen.stage_execution_ref.as_ref(), &d.payload.metric_key);
            let point = Point {
                order: PointOrder { time: seen.observed_at.micros(), stamp: applied.stamp },
                measure: Some(d.payload.value.as_f64()),
                value: encode(d.payload.step, &d.payload.value),
            };
            tables.register(SUMMARIES, &key, &point);
            tables.add_point(SERIES, &key, point);
        }
        Ok(())
    }
}
