//! Points of a series, and their sort key. The sort key consists of the event time, a minor number and the
//! stamp.

use crate::engine::bytes::{Reader, put_length_prefixed};
use crate::engine::entry::{STAMP_LEN, Stamp};

/// The sort key of a point within its series: event time, then `minor`, then stamp.
///
/// The time is independent of [`Stamp::time`], which is the time of the append in nanoseconds. To sort by the time of
/// the append, use `entry.stamp.time as i64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointOrder {
    /// The time of the event, in a unit that the embedder chooses.
    pub time: i64,
    /// The second part of the sort key. The minor number determines the order of points with the same time.
    /// The stamp determines the order of points with the same time and the same minor number.
    pub minor: i64,
    /// The stamp of the entry that added the point.
    pub stamp: Stamp,
}

/// The length in bytes of an encoded time. An encoded minor number has the same length.
const TIME_LEN: usize = 8;
/// The length of a point's order in bytes.
pub(super) const ORDER_LEN: usize = 2 * TIME_LEN + STAMP_LEN;

/// Encodes a time. The bytes of two times compare like the times.
pub(super) fn time_bytes(time: i64) -> [u8; TIME_LEN] {
    (time as u64 ^ (1 << 63)).to_be_bytes()
}

impl PointOrder {
    /// Creates the sort key of a point whose minor number is 0.
    pub const fn new(time: i64, stamp: Stamp) -> PointOrder {
        PointOrder { time, minor: 0, stamp }
    }

    /// Encodes the order. The bytes of two orders compare like the orders.
    pub(super) fn to_bytes(self) -> [u8; ORDER_LEN] {
        let mut out = [0u8; ORDER_LEN];
        if let Some((time, rest)) = out.split_first_chunk_mut::<TIME_LEN>()
            && let Some((minor, stamp)) = rest.split_first_chunk_mut::<TIME_LEN>()
        {
            *time = time_bytes(self.time);
            *minor = time_bytes(self.minor);
            stamp.copy_from_slice(&self.stamp.to_bytes());
        }
        out
    }

    fn read(reader: &mut Reader<'_>) -> Option<PointOrder> {
        let mut number = || Some((u64::from_be_bytes(reader.array()?) ^ (1 << 63)) as i64);
        let (time, minor) = (number()?, number()?);
        Some(PointOrder { time, minor, stamp: Stamp::from_bytes(&reader.array()?) })
    }
}

/// A point of a series. The value of a point is bytes; in a [typed table](crate::engine::table), it has the value type
/// of the table.
///
/// A projection creates points from the entry that it applies:
/// ```
/// use contexta::engine::entry::Stamp;
/// use contexta::engine::projection::{Point, PointOrder};
///
/// fn point(at: i64, stamp: Stamp, minutes: f64) -> Point<()> {
///     Point { order: PointOrder::new(at, stamp), measure: Some(minutes), value: () }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<V = Vec<u8>> {
    /// The sort key of the point.
    pub order: PointOrder,
    /// The number by which the minimum and maximum of a register are chosen, if the point has one.
    pub measure: Option<f64>,
    /// The value of the point, in a form that the embedder chooses.
    pub value: V,
}

impl Point {
    /// Copies `other` into this point, reusing its memory.
    pub(super) fn assign(&mut self, other: Point<&[u8]>) {
        (self.order, self.measure) = (other.order, other.measure);
        self.value.clear();
        self.value.extend_from_slice(other.value);
    }

    /// Borrows the content of the point.
    pub fn borrowed(&self) -> Point<&[u8]> {
        Point { order: self.order, measure: self.measure, value: &self.value }
    }

    /// Reads a point that [`Point::put`] wrote; `None` if the bytes are malformed.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Point> {
        Point::read_borrowed(reader).map(Point::to_owned)
    }

    /// Returns the number of points in a chunk; `None` if the bytes are malformed.
    pub(super) fn count(chunk: &[u8]) -> Option<u64> {
        let mut reader = Reader::new(chunk);
        let mut points = 0;
        while reader.remaining() > 0 {
            Point::read_borrowed(&mut reader)?;
            points += 1;
        }
        Some(points)
    }

    /// Decodes the points of a chunk; `None` if the bytes are malformed.
    pub(super) fn decode_chunk(bytes: &[u8]) -> Option<Vec<Point>> {
        let mut reader = Reader::new(bytes);
        let mut points = Vec::new();
        while reader.remaining() > 0 {
            points.push(Point::read(&mut reader)?);
        }
        Some(points)
    }
}

impl<'a> Point<&'a [u8]> {
    /// Copies the content.
    pub(super) fn to_owned(self) -> Point {
        Point { order: self.order, measure: self.measure, value: self.value.to_vec() }
    }

    /// Appends the bytes of the point.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.order.to_bytes());
        out.push(u8::from(self.measure.is_some()));
        if let Some(measure) = self.measure {
            out.extend_from_slice(&measure.to_bits().to_le_bytes());
        }
        put_length_prefixed(out, self.value);
    }

    /// Reads a point that [`Point::put`] wrote, without copying its content.
    pub(super) fn read_borrowed(reader: &mut Reader<'a>) -> Option<Point<&'a [u8]>> {
        let order = PointOrder::read(reader)?;
        let measure = match reader.u8()? {
            0 => None,
            1 => Some(f64::from_bits(reader.u64()?)),
            _ => return None,
        };
        Some(Point { order, measure, value: reader.length_prefixed()? })
    }
}
