//! Finding the next whole frame after damage.
//!
//! Every 8-byte boundary is tried for magic, header checksum and payload checksum, all three. The salt keeps
//! a log that is stored *inside* a payload from passing. A hostile file may hold many headers that claim large
//! payloads; the bytes checksummed on its behalf are bounded, and past the bound the rest of the segment counts
//! as damage.

use crate::engine::log::frame::{
    FRAME_ALIGN, FRAME_HEADER_LEN, FRAME_MAGIC, FRAME_PAYLOAD_BYTES_MAX, FrameHeader, frame_salt,
};
use crate::engine::storage::{File, Mapping, read_full_at};
use std::io;
use std::sync::Arc;

const WINDOW: usize = 256 << 10;
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
            let got = read_full_at(self.file.as_ref(), offset, &mut self.window)?;
            self.window.truncate(got);
        }
        let start = usize::try_from(offset - self.start).unwrap_or(usize::MAX).min(self.window.len());
        let end = start.saturating_add(len).min(self.window.len());
        Ok(self.window.get(start..end).unwrap_or_default())
    }

    /// Where the first byte that is not zero stands, at or after `from`.
    pub fn first_nonzero(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        loop {
            let bytes = self.bytes(from, WINDOW)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            if let Some(at) = bytes.iter().position(|b| *b != 0) {
                return Ok(Some(from + at as u64));
            }
            from += bytes.len() as u64;
        }
    }
}

/// The offset of the next whole frame at or after `from`.
pub fn next_frame(source: &mut Source, from: u64, salt: u64) -> io::Result<Option<u64>> {
    let mut at = from.next_multiple_of(FRAME_ALIGN);
    let mut budget = CANDIDATE_BYTES_MAX;
    loop {
        let bytes = source.bytes(at, WINDOW)?;
        if bytes.len() < FRAME_HEADER_LEN {
            return Ok(None);
        }
        let step = FRAME_ALIGN as usize;
        let found = bytes.chunks(step).position(|c| c.starts_with(&FRAME_MAGIC)).map(|n| n * step);
        let Some(found) = found else {
            at += (bytes.len() / step * step) as u64;
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
