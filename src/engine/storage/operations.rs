//! Operations built from the primitives of [`File`] and [`Storage`].

use crate::engine::storage::interface::{File, Storage};
use std::io;
use std::path::{Path, PathBuf};

/// Reads until `out` is full or the file ends; returns the number of bytes read.
pub fn read_full_at(file: &dyn File, offset: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(offset + done as u64, rest) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// Writes all of `data` at `offset`. After an error, an unknown part of `data` is written.
pub fn write_all_at(file: &dyn File, offset: u64, data: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(offset + done as u64, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Returns the offset at which the last data before `end` ends; the bytes from there to `end` are a hole. Returns 0 if
/// nothing was written before `end`. Calls [`File::next_data`] at most a few dozen times, whatever the size of the
/// file.
pub fn data_end_before(file: &dyn File, end: u64) -> io::Result<u64> {
    // Binary search for the least offset for which no data lies between the offset and `end`.
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        match file.next_data(middle)? {
            Some(at) if at < end => low = middle.max(at) + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Renames the file `from`, which must be fully written and synced, to its final name `to`. Then syncs the directory of
/// `to`, so that the new name is durable.
pub fn publish(storage: &dyn Storage, from: &Path, to: &Path) -> io::Result<()> {
    storage.rename(from, to)?;
    match to.parent() {
        Some(parent) => storage.sync_dir(parent),
        None => Ok(()),
    }
}

/// Returns the path for a new temporary file: `dir/<stem>-<16 random hex digits>.tmp`.
pub fn temporary_path(storage: &dyn Storage, dir: &Path, stem: &str) -> io::Result<PathBuf> {
    let mut random = [0u8; 8];
    storage.entropy(&mut random)?;
    Ok(dir.join(format!("{stem}-{:016x}.tmp", u64::from_le_bytes(random))))
}

/// Returns true if `path` exists. Returns false if `path` does not exist, or if a parent is not a directory. Other
/// errors are returned.
pub fn exists(storage: &dyn Storage, path: &Path) -> io::Result<bool> {
    match storage.info(path) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(e),
    }
}
