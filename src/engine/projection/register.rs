//! Registers: summaries of series. The summaries of parts of a series can be merged in any order.

use crate::engine::bytes::Reader;
use crate::engine::projection::point::Point;
use std::cmp::Ordering;

/// The summary of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Register<V = Vec<u8>> {
    /// Number of points.
    pub count: u64,
    /// The first point of the series. Points are compared by [`PointOrder`](crate::engine::projection::PointOrder).
    pub first: Point<V>,
    /// The last point of the series. Points are compared by [`PointOrder`](crate::engine::projection::PointOrder).
    pub last: Point<V>,
    /// The point with the smallest measure, or the earliest of several such points. A NaN counts as no measure; `None`
    /// if no point has a measure.
    pub min: Option<Point<V>>,
    /// The point with the greatest measure, or the earliest of several such points. A NaN counts as no measure; `None`
    /// if no point has a measure.
    pub max: Option<Point<V>>,
}

impl Register {
    /// Creates the summary of one point.
    pub(super) fn of(point: Point<&[u8]>) -> Register {
        let extreme = point.measure.filter(|m| !m.is_nan()).map(|_| point.to_owned());
        Register {
            count: 1,
            first: point.to_owned(),
            last: point.to_owned(),
            min: extreme.clone(),
            max: extreme,
        }
    }

    /// Adds a point. The result is the same as after merging a register of this point, with fewer copies of memory.
    pub(super) fn add(&mut self, point: Point<&[u8]>) {
        self.count = self.count.saturating_add(1);
        if point.order < self.first.order {
            self.first.assign(point);
        }
        if point.order > self.last.order {
            self.last.assign(point);
        }
        let Some(measure) = point.measure.filter(|m| !m.is_nan()) else { return };
        let improves = |extreme: &Option<Point>, wanted: Ordering| {
            extreme.as_ref().is_none_or(|extreme| {
                let order = measure.total_cmp(&extreme.measure.unwrap_or_default());
                order == wanted || (order == Ordering::Equal && point.order < extreme.order)
            })
        };
        for (extreme, wanted) in [(&mut self.min, Ordering::Less), (&mut self.max, Ordering::Greater)] {
            if improves(&*extreme, wanted) {
                match extreme {
                    Some(extreme) => extreme.assign(point),
                    None => *extreme = Some(point.to_owned()),
                }
            }
        }
    }

    /// Adds the points of another register.
    pub(super) fn merge(&mut self, other: Register) {
        self.count = self.count.saturating_add(other.count);
        if other.first.order < self.first.order {
            self.first = other.first;
        }
        if other.last.order > self.last.order {
            self.last = other.last;
        }
        self.min = pick(self.min.take(), other.min, |a, b| a.total_cmp(&b).is_lt());
        self.max = pick(self.max.take(), other.max, |a, b| a.total_cmp(&b).is_gt());
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.count.to_le_bytes().to_vec();
        self.first.borrowed().put(&mut out);
        self.last.borrowed().put(&mut out);
        for extreme in [&self.min, &self.max] {
            out.push(u8::from(extreme.is_some()));
            if let Some(point) = extreme {
                point.borrowed().put(&mut out);
            }
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Register> {
        let mut reader = Reader::new(bytes);
        let count = reader.u64()?;
        let (first, last) = (Point::read(&mut reader)?, Point::read(&mut reader)?);
        let mut extreme = || match reader.u8()? {
            0 => Some(None),
            1 => Point::read(&mut reader).map(Some),
            _ => None,
        };
        let (min, max) = (extreme()?, extreme()?);
        (reader.remaining() == 0).then_some(Register { count, first, last, min, max })
    }
}

/// Returns the point whose measure is better according to `better` (less, or greater). If the measures are equal,
/// returns the earlier point. If one of the points is `None`, returns the other point.
fn pick(a: Option<Point>, b: Option<Point>, better: impl Fn(f64, f64) -> bool) -> Option<Point> {
    let (Some(a), Some(b)) = (a.clone(), b.clone()) else { return a.or(b) };
    let (x, y) = (a.measure.unwrap_or_default(), b.measure.unwrap_or_default());
    let second = better(y, x) || (!better(x, y) && b.order < a.order);
    Some(if second { b } else { a })
}
