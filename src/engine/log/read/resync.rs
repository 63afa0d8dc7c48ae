//! Finding the next whole frame after damage.
//!
//! Every 8-byte boundary is tried for magic, header checksum and payload checksum, all three. The salt keeps
//! a log that is stored *inside* a payload from passing. A hostile file may hold many headers that claim large
//! payloads; the bytes checksummed on its behalf are bounded, and past the bound the rest of the segment counts
//! as damage.

use crate::engine::bytes::is_zero;
use crate::engine::log::format::frame::{
    FRAME_ALIGN, FRAME_HEADER_LEN, FRAME_MAGIC, FRAME_PAYLOAD_BYTES_MAX, FrameHeader, frame_salt,
};
use crate::engine::storage::{File, Mapping, read_full_at};
use std::io;
use std::sync::Arc;

const WINDOW: usize = 256 << 10;
/// Zeros that are read before the file system is asked where something is written. Segments of ordinary size are read
/// in full, so that nothing in them depends on its answer.
pub(in crate::engine::log) const ZEROS_READ_MAX: u64 = 1 << 20;
/// Bytes of candidate payloads that one resync may checksum, beyond a few frames' worth.
const CANDIDATE_BYTES_MAX: u64 = 4 * FRAME_PAYLOAD_BYTES_MAX as u64;

/// The bytes of a segment file: mapped, or read in windows.
#[derive(Debug)]
pub struct Source {
    file: Arc<dyn File>,
    map: Option<Arc<dyn Mapping>>,
    len: u64,
    window: Vec<u8>,
    start: u64,
}

impl Source {
    /// The bytes of `file` as long as it is now; `mapped` asks for a mapping where that is possible.
    pub fn new(file: Arc<dyn File>, mapped: bool) -> io::Result<Source> {
        let map = if mapped { file.map() } else { None };
        let len = match &map {
            Some(map) => map.bytes().len() as u64,
            None => file.len()?,
        };
        Ok(Source { file, map, len, window: Vec::new(), start: 0 })
    }

    /// Length of the file when it was opened or last refreshed.
    pub fn file_len(&self) -> u64 {
        self.len
    }

    /// Forgets what was read, so that a live file is read again.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.window.clear();
        if self.map.is_none() {
            self.len = self.file.len()?;
        }
        Ok(())
    }

    /// The `len` bytes at `offset`; fewer only at the end of the file.
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
            // After an error the window holds nothing that was read.
            self.window.truncate(*got.as_ref().unwrap_or(&0));
            got?;
        }
        let start = usize::try_from(offset - self.start).unwrap_or(usize::MAX).min(self.window.len());
        let end = start.saturating_add(len).min(self.window.len());
        Ok(self.window.get(start..end).unwrap_or_default())
    }

    /// Returns the bytes at `offset` as far as they are at hand, and at least `min` of them; fewer only at the end of the
    /// file.
    fn at_hand(&mut self, offset: u64, min: usize) -> io::Result<&[u8]> {
        let end = self.start + self.window.len() as u64;
        let there = if offset >= self.start { end.saturating_sub(offset) as usize } else { 0 };
        self.bytes(offset, if there >= min && self.map.is_none() { there } else { WINDOW })
    }

    /// Returns the first offset at or after `from` that may hold something other than zeros, skipping what was never
    /// written.
    pub(super) fn next_data(&self, from: u64) -> io::Result<Option<u64>> {
        Ok(self.file.next_data(from)?.filter(|at| *at < self.len))
    }

    /// Returns the offset of the first byte at or after `from` that is not zero.
    pub fn first_nonzero(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        let mut zeros = 0;
        loop {
            let bytes = self.bytes(from, WINDOW)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            if let Some(at) = bytes.iter().position(|b| *b != 0) {
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

/// Returns the offset of the next whole frame at or after `from`.
pub fn next_frame(source: &mut Source, from: u64, salt: u64) -> io::Result<Option<u64>> {
    let mut at = from.next_multiple_of(FRAME_ALIGN);
    let mut budget = CANDIDATE_BYTES_MAX;
    let mut zeros = 0;
    loop {
        let bytes = source.at_hand(at, FRAME_HEADER_LEN)?;
        if bytes.len() < FRAME_HEADER_LEN {
            return Ok(None);
        }
        let step = FRAME_ALIGN as usize;
        let found = bytes.chunks(step).position(|c| c.starts_with(&FRAME_MAGIC)).map(|n| n * step);
        let Some(found) = found else {
            let len = (bytes.len() / step * step) as u64;
            let only_zeros = is_zero(bytes);
            at += len;
            zeros += if only_zeros { len } else { 0 };
            if only_zeros && zeros >= ZEROS_READ_MAX {
                let Some(data) = source.next_data(at)? else { return Ok(None) };
                at = data - data % FRAME_ALIGN;
            }
            continue;
        };
        at += found as u64;
        if let Some(header) = FrameHeader::decode(source.bytes(at, FRAME_HEADER_LEN)?, frame_salt(salt, at)) {
            // A claim costs what is there to be read: a small file is searched to its end, whatever it claims.
            let there = source.file_len().saturating_sub(at);
            let Some(left) = budget.checked_sub(header.frame_len().min(there)) else { return Ok(None) };
            budget = left;
            if whole(source, at, &header, salt)? {
                return Ok(Some(at));
            }
        }
        at += FRAME_ALIGN;
    }
}

/// Whether the whole frame with this header stands at `at`.
pub fn whole(source: &mut Source, at: u64, header: &FrameHeader, salt: u64) -> io::Result<bool> {
    let len = header.frame_len() as usize - FRAME_HEADER_LEN;
    let payload = source.bytes(at + FRAME_HEADER_LEN as u64, len)?;
    Ok(payload.len() == len && header.matches(payload, frame_salt(salt, at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::Seq;
    use crate::engine::log::format::frame::{FLAG_CLOSE, put_mark};
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    const LEN: u64 = 1 << 40;
    const SALT: u64 = 7;

    /// A file of which only some parts are written, and that counts what is read of it.
    #[derive(Debug, Default)]
    struct Sparse {
        parts: Vec<(u64, Vec<u8>)>,
        len: u64,
        read: AtomicU64,
        failing: AtomicBool,
    }

    impl Sparse {
        fn new(len: u64, parts: Vec<(u64, Vec<u8>)>) -> Arc<Sparse> {
            Arc::new(Sparse { parts, len, ..Sparse::default() })
        }

        fn read(&self) -> u64 {
            self.read.load(Ordering::Relaxed)
        }
    }

    impl File for Sparse {
        fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
            if self.failing.load(Ordering::Relaxed) {
                return Err(io::Error::other("a bad sector"));
            }
            let n = (self.len.saturating_sub(offset) as usize).min(out.len());
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

    fn source(file: &Arc<Sparse>) -> Source {
        Source::new(Arc::clone(file) as Arc<dyn File>, false).unwrap()
    }

    fn frame_at(offset: u64) -> Vec<u8> {
        let mut frame = Vec::new();
        put_mark(&mut frame, FLAG_CLOSE, Seq(9), 1, &[3; 32], frame_salt(SALT, offset));
        frame
    }

    /// A file system may tell of more data than there is, in blocks.
    fn block(offset: u64, content: &[u8]) -> (u64, Vec<u8>) {
        let start = offset - offset % 4096;
        let mut block = vec![0; 8192];
        block[(offset - start) as usize..][..content.len()].copy_from_slice(content);
        (start, block)
    }

    #[test]
    fn zeros_that_were_never_written_are_not_read() {
        let far = (1 << 39) + 808;
        let file = Sparse::new(LEN, vec![(0, vec![0; 4096]), block(far, b"x")]);
        let mut source = source(&file);
        assert_eq!(source.first_nonzero(0).unwrap(), Some(far));
        assert_eq!(source.first_nonzero(far + 1).unwrap(), None);
        assert!(file.read() < 4 << 20, "{}", file.read());
    }

    #[test]
    fn next_frame_is_found_behind_a_hole_and_missed_without_reading_the_rest() {
        let far = (1 << 39) + 808;
        let file = Sparse::new(LEN, vec![(0, vec![5; 100_000]), block(far, &frame_at(far))]);
        let mut source = source(&file);
        assert_eq!(next_frame(&mut source, 8, SALT).unwrap(), Some(far));
        assert_eq!(next_frame(&mut source, far + 8, SALT).unwrap(), None);
        assert!(file.read() < 8 << 20, "{}", file.read());
    }

    #[test]
    fn next_frame_is_found_at_every_place_around_the_limits_of_a_window() {
        for window in [WINDOW as u64, ZEROS_READ_MAX, ZEROS_READ_MAX + WINDOW as u64] {
            for offset in (window - 160..window + 16).step_by(8) {
                for filling in [0, 9] {
                    let frame = frame_at(offset);
                    let mut bytes = vec![filling; offset as usize];
                    bytes.extend_from_slice(&frame);
                    let file = Sparse::new(bytes.len() as u64, vec![(0, bytes)]);
                    assert_eq!(next_frame(&mut source(&file), 0, SALT).unwrap(), Some(offset), "{filling}");
                }
            }
        }
    }

    #[test]
    fn file_full_of_frame_magics_is_read_about_once() {
        let mut bytes = Vec::new();
        while bytes.len() < 2 << 20 {
            bytes.extend_from_slice(&FRAME_MAGIC);
            bytes.resize(bytes.len().next_multiple_of(FRAME_ALIGN as usize), 1);
        }
        let file = Sparse::new(bytes.len() as u64, vec![(0, bytes)]);
        assert_eq!(next_frame(&mut source(&file), 0, SALT).unwrap(), None);
        assert!(file.read() < 4 << 20, "{}", file.read());
    }

    #[test]
    fn bytes_of_a_failed_read_are_not_handed_out_later() {
        let file = Sparse::new(1 << 20, vec![(0, vec![1; 1 << 20])]);
        let mut source = source(&file);
        assert_eq!(source.bytes(0, 4).unwrap(), [1; 4]);
        file.failing.store(true, Ordering::Relaxed);
        assert!(source.bytes(600_000, 4).is_err());
        assert!(source.bytes(600_000, 4).is_err());
        file.failing.store(false, Ordering::Relaxed);
        assert_eq!(source.bytes(600_000, 4).unwrap(), [1; 4]);
    }

    #[test]
    fn content_ends_where_the_last_byte_is_that_is_not_zero() {
        use crate::engine::log::merge::plan::content_len;
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
