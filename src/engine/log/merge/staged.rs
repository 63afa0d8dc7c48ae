//! Files of the target that are written under a temporary name, synced and renamed.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::names;
use crate::engine::log::merge::content::{Content, content_of};
use crate::engine::log::merge::digest::digest_of;
use crate::engine::log::merge::sides::Sides;
use crate::engine::storage::{File, OpenMode, publish, read_full_at, temporary_path, write_all_at};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK: usize = 1 << 20;

/// A file of the target that is being written under a temporary name.
pub(in crate::engine::log) struct Staged<'a> {
    sides: &'a Sides<'a>,
    temporary: PathBuf,
    to: PathBuf,
    file: Arc<dyn File>,
    pub(super) len: u64,
}

impl<'a> Staged<'a> {
    pub(in crate::engine::log) fn new(
        sides: &'a Sides<'a>,
        stream: StreamId,
        base: Seq,
    ) -> Result<Staged<'a>> {
        let dir = names::stream_dir(sides.into, stream);
        let storage = sides.storage.as_ref();
        let temporary = temporary_path(storage, &dir, "segment");
        let temporary = temporary.map_err(|e| Error::io("get random bytes for a file name in", &dir, e))?;
        let file = storage.open(&temporary, OpenMode::CreateNew);
        let file = file.map_err(|e| Error::io("create", &temporary, e))?;
        Ok(Staged { sides, temporary, to: names::segment_path(sides.into, stream, base), file, len: 0 })
    }

    pub(in crate::engine::log) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = write_all_at(self.file.as_ref(), self.len, bytes);
        written.map_err(|e| self.abandon("write", e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Appends the bytes from offset `from` to offset `end` of another file; fewer if the file ends earlier.
    pub(super) fn write_from(&mut self, path: &Path, file: &dyn File, from: u64, end: u64) -> Result<()> {
        let mut buffer = vec![0u8; CHUNK];
        let mut at = from;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(CHUNK);
            let part = buffer.get_mut(..want).unwrap_or_default();
            let got = match read_full_at(file, at, part) {
                Ok(got) => got,
                Err(e) => {
                    let _ = self.abandon("read", io::ErrorKind::Other.into());
                    return Err(Error::io("read segment", path, e));
                }
            };
            if got == 0 {
                break;
            }
            self.write(part.get(..got).unwrap_or_default())?;
            at += got as u64;
        }
        Ok(())
    }

    pub(in crate::engine::log) fn publish(self) -> Result<u64> {
        let published =
            self.file.sync().and_then(|()| publish(self.sides.storage.as_ref(), &self.temporary, &self.to));
        published.map_err(|e| self.abandon("publish", e))?;
        Ok(self.len)
    }

    /// Returns the length of the bytes that were written.
    pub(in crate::engine::log) fn len(&self) -> u64 {
        self.len
    }

    /// Reads the file and returns its digest.
    pub(in crate::engine::log) fn digest(&self) -> Result<Digest> {
        digest_of(self.file.as_ref(), self.len).map_err(|e| Error::io("read segment", &self.temporary, e))
    }

    /// Removes the file.
    pub(in crate::engine::log) fn discard(&self) {
        // An error is ignored: the next merge removes a leftover file.
        let _ = self.sides.storage.remove_file(&self.temporary);
    }

    fn abandon(&self, action: &'static str, e: io::Error) -> Error {
        self.discard();
        Error::io(action, &self.to, e)
    }
}

/// Prepares the directory of a stream of the target: creates the directory, and removes temporary files of an
/// interrupted merge, unfinished segments, and the lock file. Without a lock file, no writer continues the stream.
pub(super) fn prepare(sides: &Sides<'_>, stream: StreamId) -> Result<()> {
    let dir = names::stream_dir(sides.into, stream);
    let storage = sides.storage.as_ref();
    storage.create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
    let mut unfinished = BTreeSet::new();
    for name in storage.list(&dir).map_err(|e| Error::io("list", &dir, e))? {
        if let Some(base) = names::parse_segment(&name.name).filter(|_| name.is_file)
            && matches!(content_of(storage, sides.into, stream, base)?, Content::Unfinished)
        {
            unfinished.insert(name.name);
        }
    }
    let is_lock = |name: &str| [names::LOCK_NAME, names::ABANDONED_LOCK_NAME].contains(&name);
    remove_names(sides, stream, |name| is_leftover(name) || is_lock(name) || unfinished.contains(name))
}

/// Returns true if a file in the directory of a stream has the name of a [`Staged`] file that is being written.
pub(in crate::engine::log) fn is_leftover(name: &str) -> bool {
    name.starts_with("segment-") && name.ends_with(".tmp")
}

/// Removes the files in the directory of a stream of the target whose names fulfil the condition.
pub(in crate::engine::log) fn remove_names(
    sides: &Sides<'_>,
    stream: StreamId,
    is_removed: impl Fn(&str) -> bool,
) -> Result<()> {
    let dir = names::stream_dir(sides.into, stream);
    let storage = sides.storage.as_ref();
    let mut removed = false;
    for name in storage.list(&dir).map_err(|e| Error::io("list", &dir, e))? {
        if name.is_file && is_removed(&name.name) {
            let path = dir.join(&name.name);
            storage.remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
            removed = true;
        }
    }
    if removed { storage.sync_dir(&dir).map_err(|e| Error::io("sync", &dir, e)) } else { Ok(()) }
}

/// Copies a segment file of the source to the target and replaces an existing file. Returns the length in bytes.
pub(super) fn copy_segment(sides: &Sides<'_>, stream: StreamId, base: Seq) -> Result<u64> {
    let path = names::segment_path(sides.from, stream, base);
    let wrap = |e| Error::io("read segment", &path, e);
    let file = sides.storage.open(&path, OpenMode::Read).map_err(wrap)?;
    let len = file.len().map_err(wrap)?;
    let mut staged = Staged::new(sides, stream, base)?;
    staged.write_from(&path, file.as_ref(), 0, len)?;
    staged.publish()
}

/// Removes segments of the target. The last segment is removed first, so that after a crash the remaining segments are
/// the beginning of the stream.
pub(super) fn remove_segments(sides: &Sides<'_>, stream: StreamId, bases: &[Seq]) -> Result<()> {
    let storage = sides.storage.as_ref();
    for base in bases.iter().rev() {
        let path = names::segment_path(sides.into, stream, *base);
        match storage.remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("remove", &path, e)),
            Ok(()) | Err(_) => {}
        }
    }
    let dir = names::stream_dir(sides.into, stream);
    storage.sync_dir(&dir).map_err(|e| Error::io("sync", &dir, e))
}
