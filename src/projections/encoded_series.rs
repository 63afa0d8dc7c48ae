//! A metric series whose unchanging part is encoded once, so that a point costs the encoding of step, value and time.

use crate::contract::{Fact, MetricPayload, RecordDraft, Timestamp, Valid};
use crate::engine::codec::PAYLOAD_BYTES_MAX;
use crate::engine::entry::{Event, Kind, PayloadVersion};
use crate::projections::entry::Captured;
use crate::projections::kind::{METRIC, V2};
use crate::projections::payload::{POINT_LEN_MAX, beginning_len, put_point};

pub(crate) use crate::projections::payload::PointValue;

/// A metric series, without the step, the value and the time of its points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodedSeries {
    beginning: Box<[u8]>,
}

impl EncodedSeries {
    pub(crate) const KIND: Kind = METRIC;
    pub(crate) const VERSION: PayloadVersion = V2;

    /// Encodes the unchanging part of `first`, a point of the series. Returns `None` if the points of the series cannot be
    /// encoded in this way: the record has rare members, or is too large.
    pub(crate) fn of(first: &Valid<RecordDraft<MetricPayload>>) -> Option<EncodedSeries> {
        let captured = Captured::from(Fact::Metric(first.clone()));
        let mut payload = Vec::new();
        captured.encode(&mut payload).ok()?;
        let version = captured.payload_version();
        let beginning = payload.get(..beginning_len(version, &payload)?)?;
        let is_short = beginning.len() + POINT_LEN_MAX <= PAYLOAD_BYTES_MAX;
        (version == V2 && is_short).then(|| EncodedSeries { beginning: beginning.into() })
    }

    /// Returns an upper bound of the length of the payload of a point.
    pub(crate) fn payload_len_max(&self) -> usize {
        self.beginning.len() + POINT_LEN_MAX
    }
}

/// A point of an encoded series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EncodedPoint<'a> {
    pub(crate) series: &'a EncodedSeries,
    pub(crate) step: Option<i64>,
    pub(crate) value: PointValue,
}

impl EncodedPoint<'_> {
    /// Appends the payload of the point to `out`.
    #[inline]
    pub(crate) fn put(&self, observed_at: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.series.beginning);
        put_point(self.step, self.value, observed_at, out);
    }
}
