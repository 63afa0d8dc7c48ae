//! Quarantine: copies of the unreadable bytes of a log, for later analysis.
//!
//! Nothing is removed from the log. A copy under its final name is complete and on disk. The same bytes are copied only
//! once.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::names;
use crate::engine::log::read::item::{Finding, FindingKind, Item};
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::storage::{File, OpenMode, Storage, publish, read_full_at, temporary_path, write_all_at};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CHUNK: usize = 256 << 10;

/// A copy of a byte range of a segment. Its text form names the range and the path of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantined {
    /// The path of the copy.
    pub path: PathBuf,
    /// The stream.
    pub stream: StreamId,
    /// The first sequence number of the segment.
    pub segment: Seq,
    /// Offset in the segment at which the copied bytes begin.
    pub offset: u64,
    /// Number of copied bytes.
    pub len: u64,
}

impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Quarantined { path, stream, segment, offset, len } = self;
        write!(
            f,
            "{len} bytes at offset {offset} of segment {segment} of stream {stream} as {}",
            path.display()
        )
    }
}

/// Returns true if the bytes of a finding of this kind are copied to quarantine.
pub(super) fn is_damage(kind: FindingKind) -> bool {
    match kind {
        FindingKind::Damaged
        | FindingKind::Torn
        | FindingKind::HeaderLost
        | FindingKind::Foreign
        | FindingKind::Doubled
        | FindingKind::Unreadable => true,
        FindingKind::HeaderCopy
        | FindingKind::Newer { .. }
        | FindingKind::ChainBroken
        | FindingKind::SealBroken => false,
    }
}

/// Copies every damaged range of a stream into `dir`, as `<stream>-<segment>-<offset>-<length>.bytes`, durably.
///
/// Ranges that are damaged, torn, duplicate or unreadable are copied. If both copies of a segment header are damaged,
/// or the header names another segment, the whole file is copied. If a file with the same name holds other bytes, the
/// new name also contains a digest. A repeated call copies nothing, but returns the same result. Cost: a full scan of
/// the stream, in constant memory. Errors: a file could not be read or written; earlier copies stay.
pub fn quarantine(
    storage: &Arc<dyn Storage>,
    log: &Path,
    stream: StreamId,
    dir: &Path,
) -> Result<Vec<Quarantined>> {
    let mut copied = Vec::new();
    let mut reader = StreamReader::open(storage, log, stream, ScanMode::Full)?;
    while let Some(item) = reader.next_item()? {
        let Item::Finding(finding) = item else { continue };
        if is_damage(finding.kind) {
            copied.extend(quarantine_finding(storage.as_ref(), log, &finding, dir)?);
        }
    }
    Ok(copied)
}

/// Copies the whole file of a segment into the quarantine directory `dir`. Returns `None` if the file is empty.
pub(super) fn quarantine_segment(
    storage: &dyn Storage,
    log: &Path,
    stream: StreamId,
    segment: Seq,
    dir: &Path,
) -> Result<Option<Quarantined>> {
    // For a finding of this kind, the whole file is copied.
    let finding = Finding { kind: FindingKind::Foreign, stream, segment, offset: 0, len: 0 };
    quarantine_finding(storage, log, &finding, dir)
}

/// Removes the temporary files that interrupted copies left in the quarantine directory `dir`.
pub(super) fn remove_leftovers(storage: &dyn Storage, dir: &Path) -> Result<()> {
    for name in storage.list(dir).map_err(|e| Error::io("list", dir, e))? {
        if name.is_file && name.name.starts_with("quarantine-") && name.name.ends_with(".tmp") {
            let path = dir.join(&name.name);
            storage.remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
    }
    Ok(())
}

fn quarantine_finding(
    storage: &dyn Storage,
    log: &Path,
    finding: &Finding,
    dir: &Path,
) -> Result<Option<Quarantined>> {
    let Finding { kind, stream, segment, offset, len } = *finding;
    let path = names::segment_path(log, stream, segment);
    let wrap = |e| Error::io("read segment", &path, e);
    let file = storage.open(&path, OpenMode::Read).map_err(wrap)?;
    let file_len = file.len().map_err(wrap)?;
    let whole = matches!(kind, FindingKind::Foreign | FindingKind::HeaderLost);
    let len = if whole { file_len } else { len.min(file_len.saturating_sub(offset)) };
    if len == 0 {
        return Ok(None);
    }
    let range = Range { file: file.as_ref(), offset, len };
    storage.create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
    let stem = format!("{stream}-{segment}-{offset}-{len}");
    let mut copy = dir.join(format!("{stem}.bytes"));
    let mut present = holds(storage, &copy, &range)?;
    if present == Some(false) {
        // A copy of the same range with other content exists from an earlier damage.
        let digest = range.digest().map_err(wrap)?.to_string();
        copy = dir.join(format!("{stem}-{}.bytes", digest.get(..16).unwrap_or_default()));
        present = holds(storage, &copy, &range)?;
    }
    if present != Some(true) {
        range.copy_to(storage, dir, &copy).map_err(|e| Error::io("write", &copy, e))?;
    }
    Ok(Some(Quarantined { path: copy, stream, segment, offset, len }))
}

/// Returns true if a file holds exactly the bytes of `range`; `None` if the file does not exist.
fn holds(storage: &dyn Storage, path: &Path, range: &Range<'_>) -> Result<Option<bool>> {
    let wrap = |e| Error::io("read", path, e);
    let file = match storage.open(path, OpenMode::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(wrap(e)),
    };
    let len = file.len().map_err(wrap)?;
    let existing = Range { file: file.as_ref(), offset: 0, len };
    Ok(Some(len == range.len && existing.digest().map_err(wrap)? == range.digest().map_err(wrap)?))
}

struct Range<'a> {
    file: &'a dyn File,
    offset: u64,
    len: u64,
}

impl Range<'_> {
    fn each(&self, mut f: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut buffer = vec![0u8; CHUNK];
        let mut at = 0u64;
        while at < self.len {
            let want = usize::try_from(self.len - at).unwrap_or(usize::MAX).min(CHUNK);
            let part = buffer.get_mut(..want).unwrap_or_default();
            let got = read_full_at(self.file, self.offset + at, part)?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            f(at, part.get(..got).unwrap_or_default())?;
            at += got as u64;
        }
        Ok(())
    }

    fn digest(&self) -> io::Result<Digest> {
        let mut hasher = blake3::Hasher::new();
        self.each(|_, bytes| {
            hasher.update(bytes);
            Ok(())
        })?;
        Ok(Digest(*hasher.finalize().as_bytes()))
    }

    fn copy_to(&self, storage: &dyn Storage, dir: &Path, to: &Path) -> io::Result<()> {
        let temporary = temporary_path(storage, dir, "quarantine")?;
        let written = storage.open(&temporary, OpenMode::CreateNew).and_then(|copy| {
            self.each(|at, bytes| write_all_at(copy.as_ref(), at, bytes))?;
            copy.sync()?;
            publish(storage, &temporary, to)
        });
        if written.is_err() {
            // An error is ignored: a leftover file only takes space.
            let _ = storage.remove_file(&temporary);
        }
        written
    }
}
