//! A file with holes, one unreadable byte, or no readable bytes, for tests of readers.

use crate::engine::storage::{File, Mapping};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Returns the offset and the bytes of two adjacent blocks of 4 KiB. The blocks contain `content` at the file offset
/// `offset`, and zeros elsewhere. Whole blocks are needed because file systems report data in whole blocks.
pub(in crate::engine) fn block(offset: u64, content: &[u8]) -> (u64, Vec<u8>) {
    let start = offset - offset % 4096;
    let mut block = vec![0; 8192];
    block[(offset - start) as usize..][..content.len()].copy_from_slice(content);
    (start, block)
}

/// A file with holes between its written parts. It counts the bytes that are read.
#[derive(Debug, Default)]
pub(in crate::engine) struct Sparse {
    parts: Vec<(u64, Vec<u8>)>,
    len: u64,
    read: AtomicU64,
    /// True if no part of the file can be read.
    pub(in crate::engine) failing: AtomicBool,
    /// The offset of a byte that cannot be read.
    bad: Option<u64>,
}

impl Sparse {
    pub(in crate::engine) fn new(len: u64, parts: Vec<(u64, Vec<u8>)>) -> Arc<Sparse> {
        Arc::new(Sparse { parts, len, ..Sparse::default() })
    }

    /// Creates a file of `len` bytes of value 1. The byte at the offset `bad` cannot be read.
    pub(in crate::engine) fn with_bad_byte(len: u64, bad: u64) -> Arc<Sparse> {
        let parts = vec![(0, vec![1; len as usize])];
        Arc::new(Sparse { parts, len, bad: Some(bad), ..Sparse::default() })
    }

    pub(in crate::engine) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl File for Sparse {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let n = (self.len.saturating_sub(offset) as usize).min(out.len());
        let is_bad = self.bad.is_some_and(|bad| (offset..offset + n as u64).contains(&bad));
        if is_bad || self.failing.load(Ordering::Relaxed) {
            return Err(io::Error::other("a bad sector"));
        }
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        out[..n].fill(0);
        for (start, bytes) in &self.parts {
            let from = offset.max(*start);
            let to = (offset + n as u64).min(start + bytes.len() as u64);
            if from < to {
                let part = &bytes[(from - start) as usize..(to - start) as usize];
                out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
        Ok(n)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        let ends = self.parts.iter().map(|(start, bytes)| (*start, start + bytes.len() as u64));
        Ok(ends.filter(|(_, end)| *end > offset).map(|(start, _)| start.max(offset)).min())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn is_locked(&self) -> io::Result<bool> {
        Ok(false)
    }

    fn map(&self) -> Option<Arc<dyn Mapping>> {
        None
    }
}
