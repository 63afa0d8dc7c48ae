//! The storage of redb over an immutable base. Blocks of the base are read and checked; changed blocks are kept in
//! memory, or above a limit in a temporary file.
//!
//! An overlay never writes to its base. Several processes can have the same generation open, each under its own
//! overlay; dropping the overlay discards the changes. Invariants:
//! 1. A block that is read from the temporary file is the block that was written: its checksum is kept in memory.
//! 2. If no temporary file can be created or written, changed blocks stay in memory.

use crate::engine::checksum::salted_crc32;
use crate::engine::projection::block::{BLOCK_LEN, Block, BlockSource};
use crate::engine::storage::{File, OpenMode, Storage, read_full_at, temporary_path, write_all_at};
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The location of the temporary file to which changed blocks are written when they exceed the limit in memory.
#[derive(Debug, Clone)]
pub struct Spill {
    /// The storage of the temporary file.
    pub storage: Arc<dyn Storage>,
    /// The directory of the temporary file.
    pub dir: PathBuf,
    /// The maximum number of bytes of changed blocks in memory.
    pub bytes_max: usize,
}

/// The storage of one open database: the blocks of the base, and the changed blocks in place of them.
#[derive(Debug, Clone)]
pub struct Overlay {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The database image under the changed blocks; `None` if the database was created empty.
    base: Option<Arc<dyn BlockSource>>,
    spill: Option<Spill>,
    pages: Mutex<Pages>,
}

#[derive(Debug)]
struct Pages {
    len: u64,
    /// The number of base blocks that are still visible. A base block with a greater number reads as zeros if it was
    /// not changed, because the database was once truncated to this length.
    base_blocks: u64,
    changed: HashMap<u64, Page>,
    /// The number of changed blocks in memory.
    resident: usize,
    file: Option<Arc<dyn File>>,
    /// `true` after the temporary file could not be created or written. All further changed blocks then stay in memory.
    spill_failed: bool,
}

#[derive(Debug)]
enum Page {
    Memory(Box<Block>),
    /// A block in the temporary file, at the same offset as in the image, with this checksum.
    Spilled(u32),
}

impl Overlay {
    /// Creates an overlay over `base`, or over an empty image. The base must not change while the overlay exists.
    pub fn new(base: Option<Arc<dyn BlockSource>>, spill: Option<Spill>) -> Overlay {
        let len = base.as_ref().map_or(0, |base| base.image_len());
        let pages = Pages {
            len,
            base_blocks: len.div_ceil(BLOCK_LEN as u64),
            changed: HashMap::new(),
            resident: 0,
            file: None,
            spill_failed: false,
        };
        Overlay { inner: Arc::new(Inner { base, spill, pages: Mutex::new(pages) }) }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.inner.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a block, with the changes that were made so far.
    fn block_of(&self, pages: &Pages, number: u64, out: &mut Block) -> io::Result<()> {
        match (pages.changed.get(&number), &self.inner.base) {
            (Some(Page::Memory(page)), _) => *out = **page,
            (Some(Page::Spilled(sum)), _) => pages.unspill(number, *sum, out)?,
            (None, Some(base)) if number < pages.base_blocks => base.block(number, out)?,
            (None, _) => out.fill(0),
        }
        Ok(())
    }

    /// Returns a block in memory, so that the caller can change the block. Set `is_overwritten` to true if the caller
    /// will overwrite the whole block: the current content is then not read from the base or the temporary file.
    fn resident<'a>(
        &self,
        pages: &'a mut Pages,
        number: u64,
        is_overwritten: bool,
    ) -> io::Result<&'a mut Block> {
        if !matches!(pages.changed.get(&number), Some(Page::Memory(_))) {
            let mut block = Box::new([0u8; BLOCK_LEN]);
            if !is_overwritten {
                self.block_of(pages, number, &mut block)?;
            }
            pages.changed.insert(number, Page::Memory(block));
            pages.resident += 1;
        }
        match pages.changed.get_mut(&number) {
            Some(Page::Memory(block)) => Ok(block),
            _ => Err(outside()),
        }
    }

    fn spill_if_large(&self, pages: &mut Pages) {
        if let Some(spill) = &self.inner.spill
            && pages.resident * BLOCK_LEN > spill.bytes_max
            && !pages.spill_failed
        {
            pages.spill_failed = pages.spill(spill).is_err();
        }
    }
}

impl Pages {
    /// Moves all blocks in memory to the temporary file.
    fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                spill.storage.create_dir_all(&spill.dir)?;
                let path = temporary_path(spill.storage.as_ref(), &spill.dir, "overlay")?;
                let file = spill.storage.open(&path, OpenMode::CreateNew)?;
                // No other process needs the name of the file. If an open file cannot be removed, a later publication
                // removes it.
                let _ = spill.storage.remove_file(&path);
                Arc::clone(self.file.insert(file))
            }
        };
        let in_memory = |(number, page): (&u64, &Page)| matches!(page, Page::Memory(_)).then_some(*number);
        let mut numbers: Vec<u64> = self.changed.iter().filter_map(in_memory).collect();
        numbers.sort_unstable();
        for number in numbers {
            let Some(page) = self.changed.get_mut(&number) else { continue };
            let Page::Memory(block) = page else { continue };
            write_all_at(file.as_ref(), number * BLOCK_LEN as u64, block.as_slice())?;
            *page = Page::Spilled(salted_crc32(number, &[block.as_slice()]));
            self.resident -= 1;
        }
        Ok(())
    }

    fn unspill(&self, number: u64, sum: u32, out: &mut Block) -> io::Result<()> {
        let file = self.file.as_ref().ok_or_else(outside)?;
        let got = read_full_at(file.as_ref(), number * BLOCK_LEN as u64, out)?;
        if got != BLOCK_LEN || salted_crc32(number, &[out.as_slice()]) != sum {
            let reason = format!("block {number} of the temporary file is damaged");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(())
    }

    fn discard_from(&mut self, keep: u64) {
        self.changed.retain(|number, _| *number < keep);
        self.resident = self.changed.values().filter(|page| matches!(page, Page::Memory(_))).count();
    }
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "an access beyond the end of the image")
}

/// The part of a read or write that falls into one block.
struct Part {
    /// The number of the block.
    number: u64,
    /// The first byte in the block.
    start: usize,
    /// The bytes in the buffer of the read or write that belong to this block.
    range: Range<usize>,
}

/// Divides `offset .. offset + len` at the borders of blocks.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = Part> {
    let mut done = 0usize;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let start = (at % BLOCK_LEN as u64) as usize;
        let range = done..done + (BLOCK_LEN - start).min(len - done);
        done = range.end;
        (!range.is_empty()).then_some(Part { number: at / BLOCK_LEN as u64, start, range })
    })
}

impl BlockSource for Overlay {
    fn image_len(&self) -> u64 {
        self.pages().len
    }

    fn block(&self, number: u64, out: &mut Block) -> io::Result<()> {
        let pages = self.pages();
        self.block_of(&pages, number, out)
    }
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
        for Part { number, start, range } in parts(offset, out.len()) {
            self.block_of(&pages, number, &mut block)?;
            let from = block.get(start..start + range.len()).ok_or_else(outside)?;
            out.get_mut(range).ok_or_else(outside)?.copy_from_slice(from);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut pages = self.pages();
        if len < pages.len {
            let keep = len.div_ceil(BLOCK_LEN as u64);
            pages.discard_from(keep);
            pages.base_blocks = pages.base_blocks.min(keep);
            let start = (len % BLOCK_LEN as u64) as usize;
            if start > 0 {
                let block = self.resident(&mut pages, keep - 1, false)?;
                block.get_mut(start..).unwrap_or_default().fill(0);
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
        for Part { number, start, range } in parts(offset, data.len()) {
            let from = data.get(range).ok_or_else(outside)?;
            let block = self.resident(&mut pages, number, from.len() == BLOCK_LEN)?;
            block.get_mut(start..start + from.len()).ok_or_else(outside)?.copy_from_slice(from);
        }
        self.spill_if_large(&mut pages);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::storage::os::OsStorage;
    use redb::StorageBackend;

    #[test]
    fn overlay_behaves_as_a_vector() {
        compare_with_a_vector(&Overlay::new(None, None));
    }

    #[test]
    fn overlay_with_little_memory_behaves_as_a_vector() {
        let dir = std::env::temp_dir();
        let spill = Spill { storage: OsStorage::shared(), dir, bytes_max: 3 * BLOCK_LEN };
        let overlay = Overlay::new(None, Some(spill));
        compare_with_a_vector(&overlay);
        let pages = overlay.pages();
        assert!(pages.file.is_some() && pages.resident <= 3, "nothing was spilled");
    }

    #[test]
    fn blocks_over_the_limit_are_moved_to_a_file() {
        let changed_in_memory = |blocks: usize| {
            let (storage, dir) = (OsStorage::shared(), std::env::temp_dir());
            let overlay = Overlay::new(None, Some(Spill { storage, dir, bytes_max: 3 * BLOCK_LEN }));
            overlay.set_len(10 * BLOCK_LEN as u64).unwrap();
            overlay.write(0, &vec![1; blocks * BLOCK_LEN]).unwrap();
            overlay.pages().resident
        };
        assert_eq!([3, 4, 10].map(changed_in_memory), [3, 0, 0]);
    }

    #[test]
    fn overlay_without_a_writable_spill_directory_keeps_blocks_in_memory() {
        let dir = PathBuf::from("/nowhere/at/all");
        let spill = Spill { storage: OsStorage::shared(), dir, bytes_max: 3 * BLOCK_LEN };
        compare_with_a_vector(&Overlay::new(None, Some(spill)));
    }

    #[test]
    fn overlay_over_a_base_with_content_behaves_as_a_vector() {
        for bytes_max in [usize::MAX, 3 * BLOCK_LEN] {
            let below = Overlay::new(None, None);
            let content: Vec<u8> = (0..60_000u32).map(|n| (n / 7) as u8 | 1).collect();
            below.set_len(content.len() as u64).unwrap();
            below.write(0, &content).unwrap();
            let spill = Spill { storage: OsStorage::shared(), dir: std::env::temp_dir(), bytes_max };
            let above = Overlay::new(Some(Arc::new(below)), Some(spill));
            // Truncated within the base and then extended: the truncated part reads as zeros.
            above.set_len(30_000).unwrap();
            above.set_len(60_000).unwrap();
            let mut model = content.clone();
            model[30_000..].fill(0);
            let mut out = vec![9; model.len()];
            above.read(0, &mut out).unwrap();
            assert!(out == model, "truncated content is visible again");
            compare_with(&above, model);
        }
    }

    #[test]
    fn overlay_over_another_does_not_change_it() {
        let below = Overlay::new(None, None);
        below.set_len(10_000).unwrap();
        below.write(4_000, &[1; 5_000]).unwrap();
        let above = Overlay::new(Some(Arc::new(below.clone())), None);
        above.write(4_500, &[2; 100]).unwrap();
        above.set_len(4_550).unwrap();
        let mut out = [0; 560];
        above.read(3_990, &mut out).unwrap();
        assert_eq!((out[9], out[10], out[509], out[510]), (0, 1, 1, 2));
        let mut out = [0; 5_000];
        below.read(4_000, &mut out).unwrap();
        assert_eq!(out, [1; 5_000]);
    }

    fn compare_with_a_vector(overlay: &Overlay) {
        compare_with(overlay, Vec::new());
    }

    fn compare_with(overlay: &Overlay, mut model: Vec<u8>) {
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
