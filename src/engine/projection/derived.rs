//! Data that a program derived from the tables of a generation, in a file beside the generation.
//!
//! The data belongs to exactly the entries in the generation. The name of the file contains the name of the generation,
//! which contains a random number, so the file is never used with other tables. Each process can write the file, and
//! the file may be deleted at any time. The file is not synced, so a crash can damage it. A file with a wrong checksum
//! counts as missing. FORMAT.md, "Derived data", defines the bytes.

use crate::engine::checksum::Digest;
use crate::engine::entry::StreamId;
use crate::engine::projection::cursor::Cursor;
use crate::engine::projection::generation::derived_path;
use crate::engine::storage::{OpenMode, Storage, exists, read_full_at, temporary_path, write_all_at};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The first eight bytes of a file with derived data.
const MAGIC: [u8; 8] = *b"CTXADRV\0";
/// The magic bytes and a digest of the data.
const HEADER_LEN: usize = 40;
/// The maximum length of the data in bytes. A longer file counts as missing.
const BYTES_MAX: u64 = 256 << 20;

/// The published generation under the tables of a view, as the place of derived data.
#[derive(Debug)]
pub(super) struct Base {
    generation: PathBuf,
    path: PathBuf,
    /// The cursors of the generation.
    pub(super) cursors: Arc<BTreeMap<StreamId, Cursor>>,
    /// True if this process must not write the data, or has no reason to write the data again.
    is_settled: AtomicBool,
}

impl Base {
    /// Creates the place beside a generation. `may_write` is false for a program that opened the tables for reading
    /// only.
    pub(super) fn new(
        generation: &Path,
        cursors: &Arc<BTreeMap<StreamId, Cursor>>,
        may_write: bool,
    ) -> Arc<Base> {
        Arc::new(Base {
            generation: generation.to_path_buf(),
            path: derived_path(generation),
            cursors: Arc::clone(cursors),
            is_settled: AtomicBool::new(!may_write),
        })
    }

    /// Returns the path of the generation.
    pub(super) fn generation(&self) -> &Path {
        &self.generation
    }

    /// Returns true if tables with these cursors contain exactly the entries in the generation. The tables must be the
    /// tables of the generation, with or without further entries.
    pub(super) fn has_entries_of(&self, cursors: &Arc<BTreeMap<StreamId, Cursor>>) -> bool {
        let last = |(stream, cursor): (&StreamId, &Cursor)| (*stream, cursor.last.0);
        Arc::ptr_eq(&self.cursors, cursors) || self.cursors.iter().map(last).eq(cursors.iter().map(last))
    }

    /// Reads the data. Returns `None` if the file is missing, damaged or unreadable.
    pub(super) fn load(&self, storage: &dyn Storage) -> Option<Vec<u8>> {
        let file = storage.open(&self.path, OpenMode::Read).ok()?;
        let len = file.len().ok()?.checked_sub(HEADER_LEN as u64).filter(|len| *len <= BYTES_MAX)?;
        let mut header = [0; HEADER_LEN];
        let mut data = vec![0; usize::try_from(len).ok()?];
        let whole = read_full_at(file.as_ref(), 0, &mut header).ok()? == HEADER_LEN
            && read_full_at(file.as_ref(), HEADER_LEN as u64, &mut data).ok()? == data.len();
        (whole && header == header_of(&data)).then_some(data)
    }

    /// Records that the data that [`Base::load`] returned is usable, so that it is not written again.
    pub(super) fn accept(&self) {
        self.is_settled.store(true, Ordering::Relaxed);
    }

    /// Returns true if this process may write the data and has neither written nor accepted it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.is_settled.load(Ordering::Relaxed)
    }

    /// Writes the data. An error is ignored, because each process can derive the data.
    pub(super) fn save(&self, storage: &dyn Storage, data: &[u8]) {
        if self.is_settled.swap(true, Ordering::Relaxed) {
            return;
        }
        let dir = self.path.parent().unwrap_or(Path::new(""));
        let Ok(temporary) = temporary_path(storage, dir, "derived") else { return };
        let write = || {
            let file = storage.open(&temporary, OpenMode::CreateNew)?;
            write_all_at(file.as_ref(), 0, &header_of(data))?;
            write_all_at(file.as_ref(), HEADER_LEN as u64, data)?;
            storage.rename(&temporary, &self.path)?;
            // Another process may have removed the generation, for example to erase its data.
            if exists(storage, &self.generation)? { Ok(()) } else { storage.remove_file(&self.path) }
        };
        if write().is_err() {
            let _ = storage.remove_file(&temporary);
        }
    }
}

fn header_of(data: &[u8]) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    let (magic, digest) = header.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    digest.copy_from_slice(&Digest::of(data).0);
    header
}
