//! Reading the bytes of a segment file, through a memory mapping or through a buffer (the window).

use crate::engine::bytes::first_nonzero;
use crate::engine::storage::{File, Mapping, data_end_before, read_full_at};
use std::io;
use std::sync::Arc;

pub(super) const WINDOW: usize = 256 << 10;
/// Number of zero bytes that are read before the file system is asked where the next data begins, so that a large hole
/// is skipped. Fewer zeros are read completely, so the result then does not depend on the answer of the file system.
pub(in crate::engine::log) const ZEROS_READ_MAX: u64 = 1 << 20;

/// The bytes of a segment file. The file is mapped into memory, or read through a buffer (the window).
#[derive(Debug)]
pub struct Source {
    file: Arc<dyn File>,
    map: Option<Arc<dyn Mapping>>,
    len: u64,
    window: Vec<u8>,
    start: u64,
}

impl Source {
    /// Opens the bytes of `file` at its current length. If `mapped` is true, the file is mapped where that is possible.
    pub fn new(file: Arc<dyn File>, mapped: bool) -> io::Result<Source> {
        let map = if mapped { file.map() } else { None };
        let len = match &map {
            Some(map) => map.bytes().len() as u64,
            None => file.len()?,
        };
        Ok(Source { file, map, len, window: Vec::new(), start: 0 })
    }

    /// Creates a source for the first `len` bytes of `file`. Does not map the file.
    pub(super) fn beginning(file: Arc<dyn File>, len: u64) -> Source {
        Source { file, map: None, len, window: Vec::new(), start: 0 }
    }

    /// Returns a source for the first `len` bytes of the same open file. Does not map the file.
    pub(super) fn beginning_of_same(&self, len: u64) -> Source {
        Source::beginning(Arc::clone(&self.file), len)
    }

    /// Returns the length in bytes that the file had when it was opened or last refreshed.
    pub fn file_len(&self) -> u64 {
        self.len
    }

    /// Discards the buffered bytes and reads the length of the file again, because another process may be writing the
    /// file. Has no effect on a mapped file.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.window.clear();
        if self.map.is_none() {
            self.len = self.file.len()?;
        }
        Ok(())
    }

    /// Returns the `len` bytes at `offset`; fewer only at the end of the file.
    pub fn bytes(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        if let Some(map) = &self.map {
            let all = map.bytes();
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
            let end = start.saturating_add(len).min(all.len());
            return Ok(all.get(start..end).unwrap_or_default());
        }
        let covered = offset >= self.start
            && offset.saturating_add(len as u64) <= self.start + self.window.len() as u64;
        if !covered {
            let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.window.resize(len.max(WINDOW).min(left), 0);
            self.start = offset;
            let got = read_full_at(self.file.as_ref(), offset, &mut self.window);
            // After an error the window is empty: it must not return old bytes.
            self.window.truncate(*got.as_ref().unwrap_or(&0));
            got?;
        }
        let start = usize::try_from(offset - self.start).unwrap_or(usize::MAX).min(self.window.len());
        let end = start.saturating_add(len).min(self.window.len());
        Ok(self.window.get(start..end).unwrap_or_default())
    }

    /// Returns the buffered bytes from `offset` on, so that a search does not read the same bytes repeatedly. If fewer
    /// than `min` bytes are buffered, fills the buffer from `offset` on first. Returns fewer than `min` bytes only at
    /// the end of the file. For a mapped file, returns at most [`WINDOW`] bytes.
    pub(super) fn buffered(&mut self, offset: u64, min: usize) -> io::Result<&[u8]> {
        let end = self.start + self.window.len() as u64;
        let there = if offset >= self.start { end.saturating_sub(offset) as usize } else { 0 };
        self.bytes(offset, if there >= min && self.map.is_none() { there } else { WINDOW })
    }

    /// Returns the first offset at or after `from` that is not in a hole of the file; `None` if only a hole follows.
    pub(super) fn next_data(&self, from: u64) -> io::Result<Option<u64>> {
        Ok(self.file.next_data(from)?.filter(|at| *at < self.len))
    }

    /// Returns the offset of the first byte at or after `from` that is not zero; `None` if there is no such byte.
    pub fn first_nonzero(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        let mut zeros = 0;
        loop {
            let bytes = self.bytes(from, WINDOW)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            if let Some(at) = first_nonzero(bytes) {
                return Ok(Some(from + at as u64));
            }
            from += bytes.len() as u64;
            zeros += bytes.len() as u64;
            if zeros >= ZEROS_READ_MAX {
                let Some(data) = self.next_data(from)? else { return Ok(None) };
                from = data;
            }
        }
    }
}

/// Returns the length of a file without the zeros at its end: the offset after the last byte that is not zero, or 0 if
/// there is no such byte. Large holes are not read.
pub(in crate::engine::log) fn content_len(file: &dyn File) -> io::Result<u64> {
    const CHUNK: u64 = 64 << 10;
    let mut end = file.len()?;
    let mut buffer = vec![0u8; CHUNK as usize];
    let mut zeros = 0;
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        let part = buffer.get_mut(..(end - start) as usize).unwrap_or_default();
        let got = read_full_at(file, start, part)?;
        let there = part.get(..got).unwrap_or_default();
        if let Some(at) = there.iter().rposition(|byte| *byte != 0) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
        zeros += CHUNK;
        if zeros >= ZEROS_READ_MAX {
            end = data_end_before(file, end)?;
            zeros = 0;
        }
    }
    Ok(0)
}

/// Creates a source for a file of a test. Does not map the file.
#[cfg(test)]
pub(super) fn of_file(file: &Arc<crate::engine::storage::sparse::Sparse>) -> Source {
    Source::new(Arc::clone(file) as Arc<dyn File>, false).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::sparse::{Sparse, block};
    use std::sync::atomic::Ordering;

    const LEN: u64 = 1 << 40;

    #[test]
    fn holes_are_not_read() {
        let far = (1 << 39) + 808;
        let file = Sparse::new(LEN, vec![(0, vec![0; 4096]), block(far, b"x")]);
        let mut source = of_file(&file);
        assert_eq!(source.first_nonzero(0).unwrap(), Some(far));
        assert_eq!(source.first_nonzero(far + 1).unwrap(), None);
        assert!(file.read() < 4 << 20, "{}", file.read());
    }

    #[test]
    fn failed_read_leaves_no_bytes_in_the_window() {
        let file = Sparse::new(1 << 20, vec![(0, vec![1; 1 << 20])]);
        let mut source = of_file(&file);
        assert_eq!(source.bytes(0, 4).unwrap(), [1; 4]);
        file.failing.store(true, Ordering::Relaxed);
        assert!(source.bytes(600_000, 4).is_err());
        assert!(source.bytes(600_000, 4).is_err());
        file.failing.store(false, Ordering::Relaxed);
        assert_eq!(source.bytes(600_000, 4).unwrap(), [1; 4]);
    }

    #[test]
    fn content_ends_after_the_last_nonzero_byte() {
        let far = (1 << 39) + 808;
        let file = Sparse::new(LEN, vec![(0, vec![5; 10]), block(far, b"xy")]);
        assert_eq!(content_len(file.as_ref()).unwrap(), far + 2);
        assert!(file.read() < 4 << 20, "{}", file.read());
        let file = Sparse::new(LEN, vec![(0, vec![5; 10]), (1 << 39, vec![0; 3 << 20])]);
        assert_eq!(content_len(file.as_ref()).unwrap(), 10);
        assert!(file.read() < 16 << 20, "{}", file.read());
        assert_eq!(content_len(Sparse::new(LEN, Vec::new()).as_ref()).unwrap(), 0);
    }
}
