//! Encoded points of one series, in the form in which chunks store them.

use crate::engine::bytes::Reader;
use crate::engine::projection::point::{ORDER_LEN, Point};

/// Points of one series, encoded one after the other.
#[derive(Debug, Default)]
pub(super) struct PointBuffer {
    bytes: Vec<u8>,
    /// The offset at which each point begins.
    starts: Vec<usize>,
    /// `true` if a point was added whose order is not greater than the order of the point before.
    is_unsorted: bool,
}

impl PointBuffer {
    /// Reads the points of a chunk; `None` if the chunk is malformed or its points are not sorted.
    pub(super) fn decode(chunk: &[u8]) -> Option<PointBuffer> {
        let mut buffer = PointBuffer::default();
        let mut reader = Reader::new(chunk);
        while reader.remaining() > 0 {
            buffer.starts.push(chunk.len() - reader.remaining());
            Point::read_borrowed(&mut reader)?;
        }
        buffer.bytes = chunk.to_vec();
        let orders = (0..buffer.len()).map(|n| buffer.order(n));
        orders.is_sorted_by(|a, b| a < b).then_some(buffer)
    }

    /// Adds a point.
    pub(super) fn push(&mut self, point: Point<&[u8]>) {
        let start = self.bytes.len();
        point.put(&mut self.bytes);
        self.started(start);
    }

    /// Adds the points of another buffer after the points of this buffer.
    pub(super) fn append(&mut self, other: PointBuffer) {
        if self.starts.is_empty() {
            *self = other;
            return;
        }
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let mut starts = other.starts.into_iter().map(|start| offset + start);
        if let Some(first) = starts.next() {
            self.started(first);
        }
        self.starts.extend(starts);
        self.is_unsorted |= other.is_unsorted;
    }

    /// Records that a point begins at the offset `start` of the buffer. Sets `is_unsorted` if the order of this point
    /// is not greater than the order of the point before it.
    fn started(&mut self, start: usize) {
        let order = |start: usize| self.bytes.get(start..start + ORDER_LEN);
        self.is_unsorted |= self.starts.last().is_some_and(|last| order(*last) >= order(start));
        self.starts.push(start);
    }

    /// Sorts the points by their order. Of several points with the same order, the first one is kept.
    pub(super) fn sort(&mut self) {
        if !self.is_unsorted {
            return;
        }
        let mut points: Vec<&[u8]> = (0..self.len()).map(|n| self.range(n, n + 1)).collect();
        points.sort_by_key(|point| order_of(point));
        points.dedup_by_key(|point| order_of(point));
        let mut sorted =
            PointBuffer { bytes: Vec::with_capacity(self.bytes.len()), ..PointBuffer::default() };
        for point in points {
            sorted.starts.push(sorted.bytes.len());
            sorted.bytes.extend_from_slice(point);
        }
        *self = sorted;
    }

    /// Returns the number of points.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Returns the encoded order of point `n`; empty if there are fewer points.
    pub(super) fn order(&self, n: usize) -> &[u8] {
        order_of(self.range(n, n + 1))
    }

    /// Returns the encoded points from `from` up to, but not including, `to`.
    pub(super) fn range(&self, from: usize, to: usize) -> &[u8] {
        let start = self.starts.get(from).copied().unwrap_or(self.bytes.len());
        let end = self.starts.get(to).copied().unwrap_or(self.bytes.len());
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Returns the number of points whose encoded order is less than `order`. The points must be sorted.
    pub(super) fn count_before(&self, order: &[u8]) -> usize {
        self.starts.partition_point(|start| self.bytes.get(*start..*start + ORDER_LEN) < Some(order))
    }

    /// Removes all points after the first `count` points, and returns the removed points.
    pub(super) fn split_off(&mut self, count: usize) -> PointBuffer {
        let mut rest = PointBuffer::default();
        let start = self.starts.get(count).copied().unwrap_or(self.bytes.len());
        rest.starts = self.starts.split_off(count.min(self.starts.len()));
        rest.starts.iter_mut().for_each(|at| *at -= start);
        rest.bytes = self.bytes.split_off(start);
        rest
    }
}

fn order_of(point: &[u8]) -> &[u8] {
    point.get(..ORDER_LEN).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::{Seq, Stamp, StreamId};
    use crate::engine::projection::point::PointOrder;

    fn order(time: i64) -> PointOrder {
        PointOrder::new(time, Stamp { time: 1, stream: StreamId([2; 16]), seq: Seq(3) })
    }

    fn buffer(times: &[i64]) -> PointBuffer {
        let mut buffer = PointBuffer::default();
        for (n, time) in times.iter().enumerate() {
            buffer.push(Point { order: order(*time), measure: Some(n as f64), value: b"v" });
        }
        buffer
    }

    fn measures(buffer: &PointBuffer) -> Vec<(i64, Option<f64>)> {
        let points = Point::decode_chunk(&buffer.bytes).unwrap();
        points.iter().map(|point| (point.order.time, point.measure)).collect()
    }

    #[test]
    fn points_are_sorted_and_the_first_of_equal_ones_is_kept() {
        let mut points = buffer(&[5, -1, 5, 7]);
        points.append(buffer(&[6, 7]));
        points.sort();
        assert_eq!(measures(&points), [(-1, Some(1.0)), (5, Some(0.0)), (6, Some(0.0)), (7, Some(3.0))]);
        assert_eq!(points.count_before(&order(6).to_bytes()), 2);
        assert_eq!(points.len(), 4);
    }

    #[test]
    fn sorted_points_that_are_appended_stay_sorted() {
        let mut points = buffer(&[1, 2]);
        points.append(buffer(&[3, 4]));
        assert!(!points.is_unsorted);
        points.append(buffer(&[4]));
        assert!(points.is_unsorted);
    }

    #[test]
    fn only_sorted_points_that_fill_the_bytes_are_a_chunk() {
        let points = buffer(&[1, 2, 3]);
        assert_eq!(PointBuffer::decode(&points.bytes).unwrap().starts, points.starts);
        assert!(PointBuffer::decode(&points.bytes[..points.bytes.len() - 1]).is_none());
        assert!(PointBuffer::decode(&buffer(&[2, 1]).bytes).is_none());
        assert!(PointBuffer::decode(&buffer(&[2, 2]).bytes).is_none());
    }
}
