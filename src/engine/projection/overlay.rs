//! redb's storage over an immutable generation: base blocks are read and checked, changed ones live in memory.
//!
//! Nothing here writes to a file. Several processes have the same generation open, each under an overlay of its
//! own; dropping the overlay drops the changes.

use crate::engine::projection::generation::{BLOCK_LEN, Generation};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The storage of one open database.
#[derive(Debug, Clone)]
pub struct Overlay {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    base: Option<Arc<Generation>>,
    pages: Mutex<Pages>,
}

#[derive(Debug)]
struct Pages {
    len: u64,
    /// Base blocks from here on count as zeros: the file was once cut shorter than this.
    base_blocks: u64,
    changed: HashMap<u64, Box<[u8; BLOCK_LEN]>>,
}

impl Overlay {
    /// An overlay over a generation, or over nothing.
    pub fn new(base: Option<Arc<Generation>>) -> Overlay {
        let len = base.as_ref().map_or(0, |g| g.image_len());
        let pages = Pages { len, base_blocks: len.div_ceil(BLOCK_LEN as u64), changed: HashMap::new() };
        Overlay { inner: Arc::new(Inner { base, pages: Mutex::new(pages) }) }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.inner.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Length of the image.
    pub fn image_len(&self) -> u64 {
        self.pages().len
    }

    /// One block of the image as it is now.
    pub fn block(&self, number: u64, out: &mut [u8; BLOCK_LEN]) -> io::Result<()> {
        let pages = self.pages();
        self.block_of(&pages, number, out)
    }

    fn block_of(&self, pages: &Pages, number: u64, out: &mut [u8; BLOCK_LEN]) -> io::Result<()> {
        if let Some(page) = pages.changed.get(&number) {
            *out = **page;
            return Ok(());
        }
        match &self.inner.base {
            Some(base) if number < pages.base_blocks => base.block(number, out),
            _ => {
                out.fill(0);
                Ok(())
            }
        }
    }
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "an access beyond the end of the image")
}

/// Calls `f` with each block that `offset .. offset + len` touches: number, start in the block, range in the buffer.
fn for_each_block(
    offset: u64,
    len: usize,
    mut f: impl FnMut(u64, usize, std::ops::Range<usize>) -> io::Result<()>,
) -> io::Result<()> {
    let mut done = 0usize;
    while done < len {
        let at = offset + done as u64;
        let start = (at % BLOCK_LEN as u64) as usize;
        let n = (BLOCK_LEN - start).min(len - done);
        f(at / BLOCK_LEN as u64, start, done..done + n)?;
        done += n;
    }
    Ok(())
}

impl redb::StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.image_len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let pages = self.pages();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > pages.len) {
            return Err(outside());
        }
        let mut block = [0u8; BLOCK_LEN];
        for_each_block(offset, out.len(), |number, start, range| {
            self.block_of(&pages, number, &mut block)?;
            let from = block.get(start..start + range.len()).ok_or_else(outside)?;
            out.get_mut(range).ok_or_else(outside)?.copy_from_slice(from);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut pages = self.pages();
        if len < pages.len {
            let keep = len.div_ceil(BLOCK_LEN as u64);
            pages.changed.retain(|number, _| *number < keep);
            pages.base_blocks = pages.base_blocks.min(keep);
            let start = (len % BLOCK_LEN as u64) as usize;
            if start > 0 {
                let mut block = Box::new([0u8; BLOCK_LEN]);
                self.block_of(&pages, keep - 1, &mut block)?;
                block.get_mut(start..).unwrap_or_default().fill(0);
                pages.changed.insert(keep - 1, block);
            }
        }
        pages.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut pages = self.pages();
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > pages.len) {
            return Err(outside());
        }
        for_each_block(offset, data.len(), |number, start, range| {
            let from = data.get(range).ok_or_else(outside)?;
            if !pages.changed.contains_key(&number) {
                let mut block = Box::new([0u8; BLOCK_LEN]);
                if from.len() < BLOCK_LEN {
                    self.block_of(&pages, number, &mut block)?;
                }
                pages.changed.insert(number, block);
            }
            let block = pages.changed.get_mut(&number).ok_or_else(outside)?;
            block.get_mut(start..start + from.len()).ok_or_else(outside)?.copy_from_slice(from);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::StorageBackend;

    #[test]
    fn behaves_as_a_plain_vector() {
        let overlay = Overlay::new(None);
        let mut model: Vec<u8> = Vec::new();
        let mut state = 12345u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        for step in 0..2000 {
            match random(4) {
                0 => {
                    let len = random(40_000);
                    overlay.set_len(len).unwrap();
                    model.resize(len as usize, 0);
                }
                1 | 2 if !model.is_empty() => {
                    let at = random(model.len() as u64) as usize;
                    let n = (random(9_000) as usize).min(model.len() - at);
                    let data: Vec<u8> = (0..n).map(|i| (i + step) as u8).collect();
                    overlay.write(at as u64, &data).unwrap();
                    model[at..at + n].copy_from_slice(&data);
                }
                _ => {
                    let mut out = vec![9; model.len()];
                    overlay.read(0, &mut out).unwrap();
                    assert_eq!(out, model, "step {step}");
                    assert!(overlay.read(1, &mut out).is_err() || out.is_empty());
                }
            }
        }
    }
}
