//! A backup in one file: an archive (docs/FORMAT.md, section 22). An archive is checked completely before its content is
//! written anywhere.
//!
//! Invariants:
//! 1. No path is taken from an archive. The names of members are parsed as digests and names of backups.
//! 2. The extraction writes only objects that the checked manifest lists, with the sizes that the manifest lists.

use crate::engine::checksum::Digest;
use crate::engine::error::Error as EngineError;
use crate::engine::storage::{FileReader, OpenMode, Storage};
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::manifest::Manifest;
use crate::recovery::backup::manifest_lines::from_text;
use crate::recovery::backup::names::MemberName;
use crate::recovery::backup::repository::{MANIFEST_BYTES_MAX, Repository};
use crate::recovery::error::{Error, Result};
use crate::recovery::tree::io_error;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first bytes of a file that zstd has compressed.
pub(in crate::recovery) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The number of bytes that are read at once.
const CHUNK: usize = 1 << 20;
/// The maximum binary logarithm of the zstd window. The limit of the window is 128 MiB, which limits the
/// memory of the decompressor.
const WINDOW_LOG_MAX: u32 = 27;
/// The maximum length of the name of a member in bytes.
const NAME_BYTES_MAX: u64 = 4096;
/// The default limit of the total length of the content of an archive: 1 TiB.
pub const ARCHIVE_BYTES_MAX: u64 = 1 << 40;

/// An archive.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    /// The maximum total length of the content in bytes.
    bytes_max: u64,
}

/// An archive that was checked.
#[derive(Debug, Clone)]
pub(crate) struct CheckedArchive {
    archive: Archive,
    pub(in crate::recovery) manifest: Manifest,
}

impl Archive {
    /// Creates access to the archive at `path`. An archive whose content has more than `bytes_max` bytes is refused.
    pub(crate) fn new(storage: &Arc<dyn Storage>, path: &Path, bytes_max: u64) -> Archive {
        Archive { storage: Arc::clone(storage), path: path.to_path_buf(), bytes_max }
    }

    fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::ArchiveInvalid { path: self.path.clone(), reason: reason.into() }
    }

    /// Converts an I/O error of a read. The decompressor and the tar reader also report malformed data as I/O
    /// errors.
    fn broken(&self, e: &io::Error) -> Error {
        self.invalid(format!("it is damaged or incomplete: {e}"))
    }

    /// Reads the archive completely, and compares all objects with their digests. Writes nothing. Errors: the
    /// archive is damaged, incomplete or longer than the limit; a member is neither an object nor a manifest,
    /// or occurs twice; the objects differ from the objects that the manifest lists.
    pub(crate) fn check(&self) -> Result<CheckedArchive> {
        let mut objects = BTreeMap::new();
        let mut manifest: Option<Manifest> = None;
        self.members(|name, content| {
            if manifest.is_some() {
                return Err(self.invalid("it has members after the manifest"));
            }
            match name {
                MemberName::Object(digest) => {
                    let found = self.digest_of(content)?;
                    if found.0 != digest {
                        return Err(self.invalid(format!("the object {digest} does not match its digest")));
                    }
                    if objects.insert(digest, found.1).is_some() {
                        return Err(self.invalid(format!("it has the object {digest} twice")));
                    }
                }
                MemberName::Manifest(backup) => manifest = Some(self.manifest(&backup, content)?),
            }
            Ok(())
        })?;
        let manifest = manifest.ok_or_else(|| self.invalid("it has no manifest"))?;
        let expected = manifest.objects();
        if let Some((digest, _)) = expected.iter().find(|(digest, len)| objects.get(*digest) != Some(*len)) {
            return Err(self.invalid(format!("the object {digest} is missing or has a wrong length")));
        }
        if let Some(digest) = objects.keys().find(|digest| !expected.contains_key(*digest)) {
            return Err(self.invalid(format!("the object {digest} does not belong to the backup")));
        }
        Ok(CheckedArchive { archive: self.clone(), manifest })
    }

    /// Writes all readable objects and manifests of a damaged archive into a repository. Stops at the first fault and
    /// returns it.
    pub(in crate::recovery) fn extract_readable(&self, into: &Repository) -> Result<Option<Error>> {
        let (objects, lock) = (into.objects(), into.lock()?);
        let mut failure = None;
        let read = self.members(|name, content| {
            match name {
                // A damaged object is stored under the digest of its content, so its bytes are kept.
                MemberName::Object(_) => drop(objects.ingest(content)?),
                MemberName::Manifest(backup) => {
                    let manifest = self.manifest(&backup, content)?;
                    // An error of the repository ends the salvage.
                    failure = into.publish(&lock, &manifest).err();
                }
            }
            Ok(())
        });
        match (failure, read) {
            (Some(e), _) => Err(e),
            (None, Err(e @ (Error::ArchiveInvalid { .. } | Error::ArchiveTooLarge { .. }))) => Ok(Some(e)),
            (None, Err(Error::Engine(EngineError::Io { action, path, source }))) if path == self.path => {
                Ok(Some(io_error(action, &path, source)))
            }
            (None, read) => read.map(|()| None),
        }
    }

    /// Calls `visit` with the name and the content of each member. Members that are directories are ignored.
    fn members(&self, mut visit: impl FnMut(MemberName, &mut dyn Read) -> Result<()>) -> Result<()> {
        let file = self.storage.open(&self.path, OpenMode::Read);
        let file = file.map_err(|e| io_error("read", &self.path, e))?;
        let decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(CHUNK, FileReader::new(file)));
        let mut decoder = decoder.map_err(|e| self.broken(&e))?;
        decoder.window_log_max(WINDOW_LOG_MAX).map_err(|e| self.broken(&e))?;
        let mut limited = Limited { inner: decoder, left: self.bytes_max, is_exceeded: false };
        let read = self.read_members(&mut limited, &mut visit);
        if limited.is_exceeded {
            return Err(Error::ArchiveTooLarge { path: self.path.clone(), bytes_max: self.bytes_max });
        }
        read
    }

    fn read_members(
        &self,
        decoder: &mut impl Read,
        visit: &mut impl FnMut(MemberName, &mut dyn Read) -> Result<()>,
    ) -> Result<()> {
        let mut archive = tar::Archive::new(decoder);
        let mut long_name: Option<Vec<u8>> = None;
        // Without raw members, the crate would read long names of any length into memory.
        for member in archive.entries().map_err(|e| self.broken(&e))?.raw(true) {
            let mut member = member.map_err(|e| self.broken(&e))?;
            let kind = member.header().entry_type();
            if kind == tar::EntryType::GNULongName {
                long_name = Some(self.long_name(&mut member)?);
                continue;
            }
            let bytes = long_name.take().unwrap_or_else(|| member.path_bytes().into_owned());
            let name = String::from_utf8_lossy(&bytes).into_owned();
            match kind {
                tar::EntryType::Directory => continue,
                tar::EntryType::Regular => {}
                _ => return Err(self.invalid(format!("the member {name:?} is not a regular file"))),
            }
            let parsed = MemberName::parse(&name);
            let parsed = parsed.ok_or_else(|| {
                self.invalid(format!("the member {name:?} is neither an object nor a manifest"))
            })?;
            let size = member.header().size().map_err(|e| self.broken(&e))?;
            let mut content = Counted { inner: &mut member, count: 0, error: None };
            let visited = visit(parsed, &mut content);
            if let Some(e) = content.error {
                return Err(self.broken(&e));
            }
            visited?;
            if content.count != size {
                return Err(self.invalid(format!("the member {name:?} is incomplete")));
            }
        }
        // The rest is read, so that a wrong checksum at the end of the compressed data is found.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|e| self.broken(&e))?;
        Ok(())
    }

    /// Reads the content of a member that contains the name of the next member.
    fn long_name(&self, member: &mut impl Read) -> Result<Vec<u8>> {
        let mut name = Vec::new();
        member.take(NAME_BYTES_MAX + 1).read_to_end(&mut name).map_err(|e| self.broken(&e))?;
        if name.len() as u64 > NAME_BYTES_MAX {
            return Err(self.invalid("it has a member with a name that is too long"));
        }
        // The name ends with a zero byte.
        name.pop_if(|byte| *byte == 0);
        Ok(name)
    }

    /// Returns the digest and the length of the content.
    fn digest_of(&self, content: &mut dyn Read) -> Result<(Digest, u64)> {
        let (mut hasher, mut len) = (blake3::Hasher::new(), 0);
        let mut buffer = vec![0; CHUNK];
        loop {
            let got = content.read(&mut buffer).map_err(|e| self.broken(&e))?;
            let part = buffer.get(..got).unwrap_or_default();
            if part.is_empty() {
                return Ok((Digest(*hasher.finalize().as_bytes()), len));
            }
            hasher.update(part);
            len += got as u64;
        }
    }

    fn manifest(&self, backup: &BackupRef, content: &mut dyn Read) -> Result<Manifest> {
        let mut text = String::new();
        let read = content.take(MANIFEST_BYTES_MAX + 1).read_to_string(&mut text);
        read.map_err(|e| self.broken(&e))?;
        if text.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(self.invalid("the manifest is too long"));
        }
        let manifest = from_text(&text).map_err(|reason| self.invalid(format!("the manifest: {reason}")))?;
        if manifest.backup_ref != *backup {
            return Err(self.invalid(format!("the manifest describes the backup {}", manifest.backup_ref)));
        }
        Ok(manifest)
    }
}

impl CheckedArchive {
    /// Returns the name of the backup.
    pub(crate) fn backup(&self) -> &BackupRef {
        &self.manifest.backup_ref
    }

    /// Writes the backup into a repository. Errors: the file has changed since the check, or the repository cannot be
    /// written.
    pub(crate) fn extract(&self, into: &Repository) -> Result<()> {
        let (objects, lock) = (into.objects(), into.lock()?);
        let mut left = self.manifest.objects();
        let changed = || self.archive.invalid("it has changed since it was checked");
        self.archive.members(|name, content| {
            let MemberName::Object(digest) = name else {
                return self.archive.digest_of(content).map(|_| ());
            };
            let len = left.remove(&digest).ok_or_else(changed)?;
            let stored = objects.ingest(content)?;
            if (stored.digest, stored.size) == (digest, len) { Ok(()) } else { Err(changed()) }
        })?;
        if !left.is_empty() {
            return Err(changed());
        }
        into.publish(&lock, &self.manifest).map(|_| ())
    }
}

/// A reader that fails after a number of bytes.
struct Limited<R> {
    inner: R,
    left: u64,
    is_exceeded: bool,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        match self.left.checked_sub(got as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_exceeded = true;
                return Err(io::Error::other("the content is longer than the limit"));
            }
        }
        Ok(got)
    }
}

/// A reader that counts the bytes it has read and stores the last error.
struct Counted<R> {
    inner: R,
    count: u64,
    error: Option<io::Error>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(out) {
            Ok(got) => {
                self.count += got as u64;
                Ok(got)
            }
            Err(e) => {
                let kind = e.kind();
                self.error = Some(e);
                Err(kind.into())
            }
        }
    }
}
