//! Copies of segments, as logs that can be merged. The remains are only read.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::fault::chain;
use crate::engine::log::header::SegmentHeader;
use crate::engine::log::names::{segment_path, stream_dir};
use crate::engine::storage::{File, OpenMode, Storage, data_end_before, read_full_at, write_all_at};
use crate::recovery::backup::{Content, Manifest, Part, Repository};
use crate::recovery::error::Result;
use crate::recovery::salvage::remains::{Examined, SegmentFile, examine, foreign, newer, unreadable};
use crate::recovery::tree::io_error;
use crate::store::Note;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK: usize = 1 << 20;
/// The size of the blocks that are read one by one after an error.
const BLOCK: usize = 4096;
/// The maximum number of zeros that a copy contains after the last data of the file. The last frame of a
/// segment can end with zeros.
const ZEROS_MAX: u64 = 64 << 20;

/// Identifies a copied segment of a backup: two complete copies with equal values have the same content.
type Copied = (StreamId, Seq, Content);

/// The segments of backups that were copied.
#[derive(Debug, Default)]
pub(super) struct CopiedSegments {
    /// The segments of which every part was read and has the right digest.
    complete: HashSet<Copied>,
    /// The other segments, each with the repository. Another repository can have the missing parts.
    partial: HashSet<(PathBuf, Copied)>,
}

impl CopiedSegments {
    /// Returns `true` if a copy from this repository would contain nothing new.
    fn contains(&self, repository: &Path, segment: &Copied) -> bool {
        self.complete.contains(segment)
            || (!self.partial.is_empty()
                && self.partial.contains(&(repository.to_path_buf(), segment.clone())))
    }

    fn add(&mut self, repository: &Path, segment: Copied, is_complete: bool) {
        if is_complete {
            self.complete.insert(segment);
        } else {
            self.partial.insert((repository.to_path_buf(), segment));
        }
    }
}

/// A log of copied segments.
pub(super) struct Copies<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    /// The directory of the log.
    pub(super) log: &'a Path,
    /// The headers of the segments of backups.
    pub(super) headers: &'a mut Vec<SegmentHeader>,
    /// Notes on files that cannot be read or used.
    pub(super) notes: &'a mut Vec<Note>,
}

impl Copies<'_> {
    /// Copies the segments of a layer. Returns the number of copied segments.
    pub(super) fn layer(&mut self, segments: &[SegmentFile]) -> Result<u64> {
        let mut copied = 0;
        for segment in segments {
            let source = match self.storage.open(&segment.path, OpenMode::Read) {
                Ok(source) => source,
                Err(e) => {
                    self.notes.push(unreadable(&format!("{}: {e}", segment.path.display())));
                    continue;
                }
            };
            let target = self.create(segment.stream, segment.base)?;
            let len = copy_data(source.as_ref(), target.as_ref());
            let path = segment_path(self.log, segment.stream, segment.base);
            let error = len.map_err(|e| io_error("write", &path, e))?;
            self.notes.extend(error.map(|e| unreadable(&format!("{}: {e}", segment.path.display()))));
            copied += 1;
        }
        Ok(copied)
    }

    /// Copies the segments of a backup, except segments in `copied`. Adds the new copies to `copied`. Objects
    /// that do not match their digests are copied too, because the checksums in the segment show which frames
    /// are intact. Returns the number of copied segments.
    pub(super) fn backup(
        &mut self,
        repository: &Repository,
        manifest: &Manifest,
        copied: &mut CopiedSegments,
    ) -> Result<u64> {
        let (mut count, mut used) = (0, HashSet::new());
        for stream in &manifest.streams {
            for segment in &stream.segments {
                let place = (stream.stream, segment.base);
                let key = (stream.stream, segment.base, segment.content.clone());
                if copied.contains(repository.root(), &key) {
                    continue;
                }
                let is_complete = self.backup_segment(repository, place, &segment.content, &mut used)?;
                copied.add(repository.root(), key, is_complete);
                count += u64::from(self.keep_usable(stream.stream, segment.base)?);
            }
        }
        Ok(count)
    }

    /// Copies a segment of a backup. Returns `true` if every part was read and has the right length and digest.
    fn backup_segment(
        &mut self,
        repository: &Repository,
        (stream, base): (StreamId, Seq),
        content: &Content,
        used: &mut HashSet<Digest>,
    ) -> Result<bool> {
        let target = self.create(stream, base)?;
        let path = segment_path(self.log, stream, base);
        let (objects, mut end, mut is_complete) = (repository.objects(), 0, true);
        // Parts of segments never repeat, because the checksums of frames depend on the segment and the offset. Without
        // this condition, a hostile manifest could describe many more bytes than the repository contains.
        for part in content.parts() {
            if !used.insert(part.digest) {
                is_complete = false;
                continue;
            }
            match read_object(&objects, part) {
                Ok(bytes) => {
                    is_complete &= bytes.len() as u64 == part.len && Digest::of(&bytes) == part.digest;
                    let written = write_all_at(target.as_ref(), part.offset, &bytes);
                    written.map_err(|e| io_error("write", &path, e))?;
                    end = part.offset + bytes.len() as u64;
                }
                Err(e) => {
                    is_complete = false;
                    self.notes.push(unreadable(&format!("the object {}: {e}", part.digest)));
                }
            }
        }
        target.set_len(end).and_then(|()| target.sync()).map_err(|e| io_error("write", &path, e))?;
        Ok(is_complete)
    }

    /// Removes the copy of a segment if this version cannot read the segment. Returns `true` if the copy was kept.
    fn keep_usable(&mut self, stream: StreamId, base: Seq) -> Result<bool> {
        let path = segment_path(self.log, stream, base);
        match examine(self.storage.as_ref(), &path).map_err(|e| io_error("read", &path, e))? {
            Examined::Segment(segment) => {
                self.headers.extend(segment.header.map(|header| *header));
                return Ok(true);
            }
            Examined::Other | Examined::Compressed => return Ok(true),
            Examined::Newer => self.notes.push(newer(&format!("a segment of stream {stream}"))),
            Examined::Foreign => self.notes.push(foreign(&format!("a segment of stream {stream}"))),
        }
        self.storage.remove_file(&path).map_err(|e| io_error("remove", &path, e))?;
        Ok(false)
    }

    fn create(&self, stream: StreamId, base: Seq) -> Result<Arc<dyn File>> {
        let (dir, path) = (stream_dir(self.log, stream), segment_path(self.log, stream, base));
        self.storage.create_dir_all(&dir).map_err(|e| io_error("create", &dir, e))?;
        self.storage.open(&path, OpenMode::CreateNew).map_err(|e| io_error("create", &path, e))
    }
}

/// Reads an object without a check. Returns the reason as message text if the object cannot be read.
fn read_object(objects: &BlobStore, part: Part) -> std::result::Result<Vec<u8>, String> {
    let file = objects.open(&part.digest).map_err(|e| chain(&e))?;
    let mut bytes = vec![0; usize::try_from(part.len).unwrap_or(CHUNK)];
    let got = read_full_at(file.as_ref(), 0, &mut bytes).map_err(|e| e.to_string())?;
    bytes.truncate(got);
    Ok(bytes)
}

/// Copies the data of a file durably. Zeros become holes, so the copy of a sparse file is sparse. Unreadable blocks also
/// become holes. Returns the first error of reading. Errors: the copy cannot be written.
fn copy_data(source: &dyn File, target: &dyn File) -> io::Result<Option<io::Error>> {
    let len = match source.len() {
        Ok(len) => len,
        Err(e) => return Ok(Some(e)),
    };
    let end = data_end_before(source, len).map_or(len, |data| len.min(data.saturating_add(ZEROS_MAX)));
    let (mut at, mut error) = (0, None);
    let mut buffer = vec![0; CHUNK];
    while at < end {
        at = match source.next_data(at) {
            Ok(Some(data)) => data.max(at),
            Ok(None) => break,
            Err(_) => at,
        };
        let want = usize::try_from(end.saturating_sub(at)).unwrap_or(CHUNK).min(CHUNK);
        let part = buffer.get_mut(..want).unwrap_or_default();
        let got = match read_full_at(source, at, part) {
            Ok(got) => got,
            Err(e) => {
                error.get_or_insert(e);
                read_blocks(source, at, part);
                part.len()
            }
        };
        let part = part.get(..got).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        if part.iter().any(|byte| *byte != 0) {
            write_all_at(target, at, part)?;
        }
        at += got as u64;
    }
    target.set_len(end)?;
    target.sync()?;
    Ok(error)
}

/// Reads bytes block by block. Unreadable blocks count as zeros.
fn read_blocks(source: &dyn File, at: u64, out: &mut [u8]) {
    for (block, n) in out.chunks_mut(BLOCK).zip(0u64..) {
        block.fill(0);
        if read_full_at(source, at + n * BLOCK as u64, block).is_err() {
            block.fill(0);
        }
    }
}
