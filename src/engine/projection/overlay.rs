//! redb's storage over an immutable base: base blocks are read and checked, changed ones live in memory, and above a
//! limit in a temporary file.
//!
//! Nothing here writes to a generation. Several processes have the same one open, each under an overlay of its own;
//! dropping the overlay drops the changes. Invariants:
//! 1. A block that the temporary file gives back is the one that was put there: its checksum is kept in memory.
//! 2. Where no temporary file can be made, blocks stay in memory.

use crate::engine::checksum::salted_crc32;
use crate::engine::projection::generation::{BLOCK_LEN, Generation};
use crate::engine::storage::{File, OpenMode, Storage, read_full_at, temporary_path, write_all_at};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Block = [u8; BLOCK_LEN];

/// What an overlay lies over.
#[derive(Debug, Clone)]
pub enum Base {
    /// Nothing: an empty image.
    Empty,
    /// A generation.
    Generation(Arc<Generation>),
    /// Another overlay, which must not change meanwhile.
    Overlay(Overlay),
}

impl Base {
    fn image_len(&self) -> u64 {
        match self {
            Base::Empty => 0,
            Base::Generation(generation) => generation.image_len(),
            Base::Overlay(overlay) => overlay.image_len(),
        }
    }

    fn block(&self, number: u64, out: &mut Block) -> io::Result<()> {
        match self {
            Base::Empty => out.fill(0),
            Base::Generation(generation) => generation.block(number, out)?,
            Base::Overlay(overlay) => overlay.block(number, out)?,
        }
        Ok(())
    }
}

/// Where changed blocks go when they are too many for memory.
#[derive(Debug, Clone)]
pub struct Spill {
    /// What the temporary file is made on.
    pub storage: Arc<dyn Storage>,
    /// The directory it is made in.
    pub dir: PathBuf,
    /// Bytes of blocks that stay in memory.
    pub bytes_max: usize,
}

/// The storage of one open database.
#[derive(Debug, Clone)]
pub struct Overlay {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    base: Base,
    spill: Option<Spill>,
    pages: Mutex<Pages>,
}

#[derive(Debug)]
struct Pages {
    len: u64,
    /// Base blocks from here on count as zeros: the image was once cut shorter than this.
    base_blocks: u64,
    changed: HashMap<u64, Page>,
    /// How many of the changed ones are in memory.
    resident: usize,
    file: Option<Arc<dyn File>>,
    /// Whether making or writing the temporary file failed.
    spill_failed: bool,
}

#[derive(Debug)]
enum Page {
    Memory(Box<Block>),
    /// In the temporary file, at its own place, with this checksum.
    Spilled(u32),
}

impl Overlay {
    /// An overlay over `base`, with `spill` for what is too much for memory.
    pub fn new(base: Base, spill: Option<Spill>) -> Overlay {
        let len = base.image_len();
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

    /// Length of the image.
    pub fn image_len(&self) -> u64 {
        self.pages().len
    }

    /// One block of the image as it is now.
    pub fn block(&self, number: u64, out: &mut Block) -> io::Result<()> {
        let pages = self.pages();
        self.block_of(&pages, number, out)
    }

    fn block_of(&self, pages: &Pages, number: u64, out: &mut Block) -> io::Result<()> {
        match pages.changed.get(&number) {
            Some(Page::Memory(page)) => *out = **page,
            Some(Page::Spilled(sum)) => pages.unspill(number, *sum, out)?,
            None if number < pages.base_blocks => self.inner.base.block(number, out)?,
            None => out.fill(0),
        }
        Ok(())
    }

    /// The block in memory, to be changed; as it is, or empty where all of it will be written.
    fn resident<'a>(&self, pages: &'a mut Pages, number: u64, whole: bool) -> io::Result<&'a mut Block> {
        if !matches!(pages.changed.get(&number), Some(Page::Memory(_))) {
            let mut block = Box::new([0u8; BLOCK_LEN]);
            if !whole {
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
                // Nobody else needs its name; where it must keep it, a later publisher removes it.
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

    fn forget_from(&mut self, keep: u64) {
        self.changed.retain(|number, _| *number < keep);
        self.resident = self.changed.values().filter(|page| matches!(page, Page::Memory(_))).count();
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
            pages.forget_from(keep);
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
        for_each_block(offset, data.len(), |number, start, range| {
            let from = data.get(range).ok_or_else(outside)?;
            let block = self.resident(&mut pages, number, from.len() == BLOCK_LEN)?;
            block.get_mut(start..start + from.len()).ok_or_else(outside)?.copy_from_slice(from);
            Ok(())
        })?;
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
    fn behaves_as_a_plain_vector() {
        compare_with_a_vector(&Overlay::new(Base::Empty, None));
    }

    #[test]
    fn behaves_as_a_plain_vector_where_little_fits_in_memory() {
        let dir = std::env::temp_dir();
        let spill = Spill { storage: OsStorage::shared(), dir, bytes_max: 3 * BLOCK_LEN };
        let overlay = Overlay::new(Base::Empty, Some(spill));
        compare_with_a_vector(&overlay);
        let pages = overlay.pages();
        assert!(pages.file.is_some() && pages.resident <= 3, "nothing was spilled");
    }

    #[test]
    fn what_cannot_be_spilled_stays_in_memory() {
        let dir = PathBuf::from("/nowhere/at/all");
        let spill = Spill { storage: OsStorage::shared(), dir, bytes_max: 3 * BLOCK_LEN };
        compare_with_a_vector(&Overlay::new(Base::Empty, Some(spill)));
    }

    #[test]
    fn over_a_base_with_content_it_behaves_as_a_plain_vector() {
        for bytes_max in [usize::MAX, 3 * BLOCK_LEN] {
            let below = Overlay::new(Base::Empty, None);
            let content: Vec<u8> = (0..60_000u32).map(|n| (n / 7) as u8 | 1).collect();
            below.set_len(content.len() as u64).unwrap();
            below.write(0, &content).unwrap();
            let spill = Spill { storage: OsStorage::shared(), dir: std::env::temp_dir(), bytes_max };
            let above = Overlay::new(Base::Overlay(below), Some(spill));
            // Cut within the base, then longer than it was: what was cut off is zeros now.
            above.set_len(30_000).unwrap();
            above.set_len(60_000).unwrap();
            let mut model = content.clone();
            model[30_000..].fill(0);
            let mut out = vec![9; model.len()];
            above.read(0, &mut out).unwrap();
            assert!(out == model, "content that was cut off is back");
            compare_with(&above, model);
        }
    }

    #[test]
    fn an_overlay_over_another_leaves_that_one_as_it_is() {
        let below = Overlay::new(Base::Empty, None);
        below.set_len(10_000).unwrap();
        below.write(4_000, &[1; 5_000]).unwrap();
        let above = Overlay::new(Base::Overlay(below.clone()), None);
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
