//! Iterators over a series table: chunks, and the points of one series.

#[cfg(feature = "ml")]
use crate::engine::bytes::Reader;
use crate::engine::entry::Stamp;
#[cfg(feature = "ml")]
use crate::engine::error::Error;
use crate::engine::error::Result;
use crate::engine::projection::bounds::ALL_TIMES;
use crate::engine::projection::chunk::{MALFORMED, is_series_row, series_key};
use crate::engine::projection::point::{Point, PointOrder};
use crate::engine::projection::rows::{Row, Rows};
use std::ops::RangeInclusive;

/// A chunk of a series: some of its points, in order.
#[derive(Debug)]
pub struct Chunk<'v> {
    row: Row<'v>,
    key_len: usize,
    points: Vec<Point>,
}

impl Chunk<'_> {
    /// Returns the key of the series.
    pub fn key(&self) -> &[u8] {
        self.row.key().get(..self.key_len).unwrap_or_default()
    }

    /// Returns the points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Returns the points without the key.
    pub fn into_points(self) -> Vec<Point> {
        self.points
    }
}

/// A filter for the points of a series table.
#[derive(Debug, Clone)]
pub(super) struct PointFilter {
    /// The times of accepted points.
    pub(super) times: RangeInclusive<i64>,
    /// The greatest stamp of an accepted point; `None` to accept points with any stamp.
    pub(super) newest: Option<Stamp>,
}

impl PointFilter {
    /// Creates a filter that accepts points of any time with stamps up to `newest`.
    pub(super) fn until(newest: Option<Stamp>) -> PointFilter {
        PointFilter { times: ALL_TIMES, newest }
    }

    /// Decodes a chunk, and returns the points that the filter accepts; `None` if the chunk is malformed.
    fn decode(&self, chunk: &[u8]) -> Option<Vec<Point>> {
        let mut points = Point::decode_chunk(chunk)?;
        if self.newest.is_some() || self.times != ALL_TIMES {
            points.retain(|point| self.accepts(point.order));
        }
        Some(points)
    }

    fn accepts(&self, order: PointOrder) -> bool {
        self.times.contains(&order.time) && self.newest.is_none_or(|newest| order.stamp <= newest)
    }
}

/// An iterator over the chunks of a series table, in the order of their rows. It ends after the first error.
#[derive(Debug)]
#[must_use]
pub struct Chunks<'v> {
    rows: Rows<'v>,
    filter: PointFilter,
}

impl<'v> Chunks<'v> {
    pub(super) fn new(rows: Rows<'v>, filter: PointFilter) -> Chunks<'v> {
        Chunks { rows, filter }
    }

    /// Returns the chunk of a row.
    fn chunk(&mut self, row: Result<Row<'v>>) -> Result<Chunk<'v>> {
        let row = row?;
        let Some(key_len) = series_key(row.key()).map(<[u8]>::len) else {
            return Err(self.rows.fail("a series key is too short"));
        };
        match self.filter.decode(row.value()) {
            Some(points) => Ok(Chunk { row, key_len, points }),
            None => Err(self.rows.fail(MALFORMED)),
        }
    }
}

impl<'v> Iterator for Chunks<'v> {
    type Item = Result<Chunk<'v>>;

    fn next(&mut self) -> Option<Result<Chunk<'v>>> {
        loop {
            let row = self.rows.next()?;
            match self.chunk(row) {
                // The filter accepts no point of the chunk.
                Ok(chunk) if chunk.points.is_empty() => {}
                item => return Some(item),
            }
        }
    }
}

/// An iterator over the points of one series, in order. Holds one chunk at a time for each end that is read, and ends
/// after the first error.
#[derive(Debug)]
#[must_use]
pub struct Series<'v> {
    rows: Rows<'v>,
    /// The key of the series, followed by a zero byte.
    fenced: Vec<u8>,
    filter: PointFilter,
    // The chunks of a series do not overlap, so the points of successive chunks are in order.
    front: std::vec::IntoIter<Point>,
    back: std::vec::IntoIter<Point>,
}

impl<'v> Series<'v> {
    pub(super) fn new(rows: Rows<'v>, fenced: Vec<u8>, filter: PointFilter) -> Series<'v> {
        let (front, back) = (Vec::new().into_iter(), Vec::new().into_iter());
        Series { rows, fenced, filter, front, back }
    }

    /// Returns the points of a row that the filter accepts. Returns no points if the row belongs to another series.
    fn points(&mut self, row: Result<Row<'v>>) -> Result<std::vec::IntoIter<Point>> {
        let row = row.inspect_err(|_| self.end())?;
        if !is_series_row(row.key(), &self.fenced) {
            return Ok(Vec::new().into_iter());
        }
        self.filter.decode(row.value()).map(Vec::into_iter).ok_or_else(|| {
            self.end();
            self.rows.fail(MALFORMED)
        })
    }

    /// Calls `f` with each point in order, until `f` returns an error. Unlike the iterator, this method does
    /// not copy the values of the points. Call this method before the first point is read.
    #[cfg(feature = "ml")]
    pub(crate) fn try_for_each_borrowed<E: From<Error>>(
        mut self,
        mut f: impl FnMut(Point<&[u8]>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        while let Some(row) = self.rows.next() {
            let row = row?;
            if !is_series_row(row.key(), &self.fenced) {
                continue;
            }
            let mut chunk = Reader::new(row.value());
            while chunk.remaining() > 0 {
                let point = Point::read_borrowed(&mut chunk).ok_or_else(|| self.rows.fail(MALFORMED))?;
                if self.filter.accepts(point.order) {
                    f(point)?;
                }
            }
        }
        Ok(())
    }

    /// Discards the points that were read and not returned, because of an error.
    fn end(&mut self) {
        (self.front, self.back) = (Vec::new().into_iter(), Vec::new().into_iter());
    }
}

impl Iterator for Series<'_> {
    type Item = Result<Point>;

    fn next(&mut self) -> Option<Result<Point>> {
        loop {
            if let Some(point) = self.front.next() {
                return Some(Ok(point));
            }
            let Some(row) = self.rows.next() else { return self.back.next().map(Ok) };
            match self.points(row) {
                Ok(points) => self.front = points,
                Err(e) => return Some(Err(e)),
            }
        }
    }
}

impl DoubleEndedIterator for Series<'_> {
    fn next_back(&mut self) -> Option<Result<Point>> {
        loop {
            if let Some(point) = self.back.next_back() {
                return Some(Ok(point));
            }
            let Some(row) = self.rows.next_back() else { return self.front.next_back().map(Ok) };
            match self.points(row) {
                Ok(points) => self.back = points,
                Err(e) => return Some(Err(e)),
            }
        }
    }
}
