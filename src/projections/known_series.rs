//! The series of the metrics of a batch of entries.
//!
//! The payloads of a series begin with the same bytes: run, stage, metric key and the other fields that do not change
//! from point to point. The first payload of a series is decoded as a whole, and its beginning is remembered. Of later
//! payloads with the same beginning, only the step, the value and the time are decoded.

use crate::engine::entry::{Entry, Stamp};
use crate::engine::projection::{RegisterSlot, SeriesSlot};
use crate::projections::kind::V1;
use crate::projections::payload::{MetricPoint, beginning_len};
use std::collections::HashMap;

/// The series of a batch, found by the beginning of a payload.
#[derive(Debug, Default)]
pub(super) struct KnownSeries {
    series: Vec<Series>,
    by_beginning: HashMap<Box<[u8]>, usize>,
    /// The series of the entry that was read last.
    last: usize,
    /// The entry that was read last, and its point; `None` if it must be decoded.
    read: Option<(Stamp, Option<(MetricPoint, Places)>)>,
}

/// The rows to which the points of a series are added.
pub(super) type Places = (SeriesSlot, RegisterSlot);

#[derive(Debug)]
struct Series {
    beginning: Box<[u8]>,
    places: Places,
    /// The series of the entry that followed an entry of this series. Programs record several metrics in turn.
    next: usize,
}

impl KnownSeries {
    /// Returns the point of an entry and the rows of its series; `None` if the entry must be decoded, because it is the
    /// first entry of its series in this batch, or not an ordinary captured metric.
    pub(super) fn point(&mut self, entry: &Entry) -> Option<&(MetricPoint, Places)> {
        if self.read.as_ref().is_none_or(|(stamp, _)| *stamp != entry.stamp) {
            let point = if entry.version == V1 { self.read(&entry.payload) } else { None };
            self.read = Some((entry.stamp, point));
        }
        self.read.as_ref()?.1.as_ref()
    }

    fn read(&mut self, payload: &[u8]) -> Option<(MetricPoint, Places)> {
        let guess = self.series.get(self.last).map(|last| last.next)?;
        let guessed = self.series.get(guess).filter(|series| payload.starts_with(&series.beginning));
        let at = match guessed {
            Some(_) => guess,
            None => *self.by_beginning.get(payload.get(..beginning_len(payload)?)?)?,
        };
        if let Some(last) = self.series.get_mut(self.last) {
            last.next = at;
        }
        self.last = at;
        let series = self.series.get(at)?;
        let point = MetricPoint::decode(payload.get(series.beginning.len()..)?)?;
        Some((point, series.places))
    }

    /// Remembers the series of an entry that was decoded as a whole.
    pub(super) fn learn(&mut self, entry: &Entry, places: Places) {
        let beginning = beginning_len(&entry.payload).and_then(|len| entry.payload.get(..len));
        let Some(beginning) =
            beginning.filter(|bytes| entry.version == V1 && !self.by_beginning.contains_key(*bytes))
        else {
            return;
        };
        let at = self.series.len();
        self.by_beginning.insert(beginning.into(), at);
        if let Some(last) = self.series.get_mut(self.last) {
            last.next = at;
        }
        self.series.push(Series { beginning: beginning.into(), places, next: at });
        self.last = at;
    }
}
