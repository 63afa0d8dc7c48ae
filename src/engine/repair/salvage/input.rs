//! The bytes of a file that may have unreadable blocks.

use crate::engine::bytes::is_zero;
use crate::engine::storage::{File, read_full_at};
use std::io;
use std::sync::Arc;

const WINDOW: usize = 256 << 10;
/// The size of the blocks that are read one by one after an error.
const BLOCK: usize = 4096;

/// The bytes of a file, read in windows. Blocks that cannot be read count as zeros.
#[derive(Debug)]
pub(super) struct Input {
    file: Arc<dyn File>,
    len: u64,
    window: Vec<u8>,
    start: u64,
    /// The first error since the last call of [`Input::take_error`].
    error: Option<io::Error>,
}

impl Input {
    pub(super) fn new(file: Arc<dyn File>) -> io::Result<Input> {
        let len = file.len()?;
        Ok(Input { file, len, window: Vec::new(), start: 0, error: None })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Returns the `len` bytes at `offset`; fewer only at the end of the file.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> &[u8] {
        let end = self.start + self.window.len() as u64;
        let is_covered = offset >= self.start && offset.saturating_add(len as u64).min(self.len) <= end;
        if !is_covered {
            self.fill(offset, len.max(WINDOW));
        }
        let from = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let rest = self.window.get(from..).unwrap_or_default();
        rest.get(..len).unwrap_or(rest)
    }

    /// Returns the offset of the next occurrence of `pattern` at or after `from`; `None` at the end.
    pub(super) fn find<const N: usize>(&mut self, pattern: &[u8; N], mut from: u64) -> Option<u64> {
        loop {
            let bytes = self.bytes(from, WINDOW);
            if bytes.len() < N {
                return None;
            }
            if let Some(at) = bytes.windows(N).position(|bytes| bytes == pattern) {
                return Some(from + at as u64);
            }
            let is_hole = is_zero(bytes);
            from += (bytes.len() - (N - 1)) as u64;
            if is_hole {
                from = self.file.next_data(from).unwrap_or(Some(from))?.max(from);
            }
        }
    }

    fn fill(&mut self, offset: u64, len: usize) {
        // Windows begin with a block, so that an unreadable block hides no bytes of its neighbours.
        let before = (offset % BLOCK as u64) as usize;
        self.start = offset - before as u64;
        let left = usize::try_from(self.len.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.window.clear();
        self.window.resize(len.saturating_add(before).min(left), 0);
        match read_full_at(self.file.as_ref(), self.start, &mut self.window) {
            Ok(got) => self.window.truncate(got),
            Err(_) => self.fill_blocks(),
        }
    }

    /// Reads the window again block by block.
    fn fill_blocks(&mut self) {
        for (block, n) in self.window.chunks_mut(BLOCK).zip(0u64..) {
            block.fill(0);
            if let Err(e) = read_full_at(self.file.as_ref(), self.start + n * BLOCK as u64, block) {
                block.fill(0);
                self.error.get_or_insert(e);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::sparse::Sparse;

    #[test]
    fn only_the_unreadable_block_counts_as_zeros() {
        let len = 2 * WINDOW as u64 + 100;
        let mut input = Input::new(Sparse::with_bad_byte(len, WINDOW as u64 + 5000)).unwrap();
        assert_eq!(input.bytes(8, 4), [1; 4]);
        assert!(input.take_error().is_none());
        let bytes = input.bytes(WINDOW as u64, 3 * BLOCK).to_vec();
        assert_eq!(bytes, [vec![1; BLOCK], vec![0; BLOCK], vec![1; BLOCK]].concat());
        assert!(input.take_error().is_some() && input.take_error().is_none());
        assert_eq!(input.bytes(len - 2, 9), [1; 2]);
        assert_eq!(input.find(&[1, 0], 0), Some(WINDOW as u64 + 4095));
        assert_eq!(input.find(&[2], 0), None);
    }
}
