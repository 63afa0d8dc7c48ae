//! Iterators over a series table: chunks, and the points of one series.

use crate::engine::error::Result;
use crate::engine::projection::chunk::{is_series_row, series_key};
use crate::engine::projection::point::Point;
use crate::engine::projection::rows::{Row, Rows};

const MALFORMED: &str = "a chunk of a series is malformed";

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

    /// Returns the key of the row: the key of the series, and the order of the first point.
    pub(super) fn row_key(&self) -> &[u8] {
        self.row.key()
    }
}

/// An iterator over the chunks of a series table, in the order of their rows. It ends after the first error.
#[derive(Debug)]
#[must_use]
pub struct Chunks<'v> {
    rows: Rows<'v>,
}

impl<'v> Chunks<'v> {
    pub(super) fn new(rows: Rows<'v>) -> Chunks<'v> {
        Chunks { rows }
    }
}

impl<'v> Iterator for Chunks<'v> {
    type Item = Result<Chunk<'v>>;

    fn next(&mut self) -> Option<Result<Chunk<'v>>> {
        let row = match self.rows.next()? {
            Ok(row) => row,
            Err(e) => return Some(Err(e)),
        };
        let Some(key_len) = series_key(row.key()).map(<[u8]>::len) else {
            return Some(Err(self.rows.fail("a series key is too short")));
        };
        match Point::decode_chunk(row.value()) {
            Some(points) => Some(Ok(Chunk { row, key_len, points })),
            None => Some(Err(self.rows.fail(MALFORMED))),
        }
    }
}

/// An iterator over the points of one series, in order. Holds one chunk at a time, and ends after the first error.
#[derive(Debug)]
#[must_use]
pub struct Series<'v> {
    rows: Rows<'v>,
    /// The key of the series, followed by a zero byte.
    fenced: Vec<u8>,
    chunk: std::vec::IntoIter<Point>,
}

impl<'v> Series<'v> {
    pub(super) fn new(rows: Rows<'v>, fenced: Vec<u8>) -> Series<'v> {
        Series { rows, fenced, chunk: Vec::new().into_iter() }
    }
}

impl Iterator for Series<'_> {
    type Item = Result<Point>;

    fn next(&mut self) -> Option<Result<Point>> {
        loop {
            // The chunks of a series do not overlap, so the points of successive chunks are in order.
            if let Some(point) = self.chunk.next() {
                return Some(Ok(point));
            }
            let row = match self.rows.next()? {
                Ok(row) => row,
                Err(e) => return Some(Err(e)),
            };
            if is_series_row(row.key(), &self.fenced) {
                match Point::decode_chunk(row.value()) {
                    Some(points) => self.chunk = points.into_iter(),
                    None => return Some(Err(self.rows.fail(MALFORMED))),
                }
            }
        }
    }
}
