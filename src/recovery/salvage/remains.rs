//! The files below a damaged directory. Files are classified by their content, because their names may be lost.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::fault::chain;
use crate::engine::log::header::{HeaderFault, SECOND_HEADER_AT, SEGMENT_HEADER_LEN, SegmentHeader};
use crate::engine::log::names::parse_segment;
use crate::engine::repair::salvage::{Files, salvage_files};
use crate::engine::storage::{File, OpenMode, Storage, exists, read_full_at};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::recovery::backup::{PART_LEN, ZSTD_MAGIC};
use crate::recovery::error::Result;
use crate::store::{Note, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file with a segment, or with the name of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentFile {
    pub(super) path: PathBuf,
    pub(super) stream: StreamId,
    pub(super) base: Seq,
    /// The header; `None` if neither copy of the header can be read.
    pub(super) header: Option<Box<SegmentHeader>>,
    /// The length of the file in bytes.
    pub(super) len: u64,
}

impl SegmentFile {
    /// Returns the salt; 0 if no header can be read.
    pub(super) fn salt(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.salt)
    }

    /// Returns the salt of the previous segment; 0 if the salt is unknown.
    pub(super) fn previous_salt(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.previous_salt)
    }
}

/// The files below a damaged directory. About 200 bytes of memory are needed for each file.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// The number of all files.
    pub(super) count: u64,
    /// The segments.
    pub(super) segments: Vec<SegmentFile>,
    /// All other files that may contain entries or bodies.
    pub(super) others: Vec<PathBuf>,
    /// The directories with bodies of artifacts: `ab/cdef...`, named by the digest.
    pub(super) stores: BTreeSet<PathBuf>,
    /// The directories with objects of backups that were searched like other files. Some of the objects can be bodies.
    pub(super) searched: BTreeSet<PathBuf>,
    /// The files that may be archives: backups in one file.
    pub(super) archives: Vec<PathBuf>,
    /// The repositories of backups, each with the objects that the directory contains.
    pub(super) repositories: BTreeMap<PathBuf, Vec<Digest>>,
    /// Notes on files and directories that cannot be read or used.
    pub(super) notes: Vec<Note>,
}

impl Remains {
    /// Lists the files below a directory. Links are not followed. Errors: the directory does not exist.
    pub(super) fn find(storage: &Arc<dyn Storage>, dir: &Path) -> Result<Remains> {
        let mut remains = Remains::default();
        for path in Files::below(storage, dir)? {
            match path {
                Ok(path) => {
                    remains.count += 1;
                    remains.add(storage.as_ref(), path);
                }
                Err(e) => remains.notes.push(unreadable(&chain(&e))),
            }
        }
        remains.divide_stores(storage);
        Ok(remains)
    }

    /// Searches the stores for parts of segments. A store with such a part contains the objects of a repository whose
    /// manifests and lock file are lost, so its objects are added as files.
    fn divide_stores(&mut self, storage: &Arc<dyn Storage>) {
        for objects in std::mem::take(&mut self.stores) {
            let store = BlobStore::new(Arc::clone(storage), objects.clone(), objects.clone());
            let (digests, errors) = store.list().unwrap_or_else(|e| (Vec::new(), vec![e]));
            let files: Vec<PathBuf> = digests.iter().map(|digest| store.path(digest)).collect();
            if self.contain_segments(storage, &files) {
                files.into_iter().for_each(|path| self.add_file(storage.as_ref(), path));
                self.notes.extend(errors.iter().map(|e| unreadable(&chain(e))));
                self.searched.insert(objects);
            } else {
                // The search for bodies lists the directory again, and names the errors.
                self.stores.insert(objects);
            }
        }
    }

    /// Returns `true` if one of the objects has the header of a segment, or contains entries.
    fn contain_segments(&self, storage: &Arc<dyn Storage>, files: &[PathBuf]) -> bool {
        let is_segment = |path: &PathBuf| {
            let examined = examine(storage.as_ref(), path);
            matches!(examined, Ok(Examined::Segment(_) | Examined::Newer))
        };
        // A part of a segment is not longer than a part of a file in a backup.
        let is_short = |path: &PathBuf| storage.info(path).is_ok_and(|info| info.len <= PART_LEN);
        let has_entries = |path: &PathBuf| {
            let headers = self.segments.iter().filter_map(|segment| segment.header.as_deref());
            let file = std::slice::from_ref(path);
            salvage_files::<Captured>(storage, file, headers, DOMAIN).flatten().next().is_some()
        };
        files.iter().any(is_segment) || files.iter().filter(|path| is_short(path)).any(has_entries)
    }

    fn add(&mut self, storage: &dyn Storage, path: PathBuf) {
        if let Some(root) = repository_of_manifest(&path) {
            self.repositories.entry(root).or_default();
            return;
        }
        if let Some((objects, digest)) = object_of(&path) {
            let root = objects.parent().unwrap_or(&objects).to_path_buf();
            let is_named = objects.file_name().is_some_and(|name| name == "objects");
            if is_named && (self.repositories.contains_key(&root) || is_repository(storage, &root)) {
                self.repositories.entry(root).or_default().push(digest);
            } else {
                self.stores.insert(objects);
            }
            return;
        }
        self.add_file(storage, path);
    }

    /// Adds a file that is neither a manifest nor the object of a store.
    pub(super) fn add_file(&mut self, storage: &dyn Storage, path: PathBuf) {
        match examine(storage, &path) {
            Ok(Examined::Segment(segment)) => self.segments.push(segment),
            Ok(Examined::Newer) => self.notes.push(newer(&path.display().to_string())),
            Ok(Examined::Foreign) => self.notes.push(foreign(&path.display().to_string())),
            Ok(Examined::Compressed) => self.archives.push(path),
            Ok(Examined::Other) => self.others.push(path),
            Err(e) => self.notes.push(unreadable(&format!("{}: {e}", path.display()))),
        }
    }
}

/// Returns the note on a file or directory that cannot be read.
pub(super) fn unreadable(reason: &str) -> Note {
    Note::new(Severity::Error, "salvage_source_unreadable", format!("a part was not read: {reason}"))
}

/// Returns the note on a segment of a newer format.
pub(super) fn newer(segment: &str) -> Note {
    let message = format!("{segment} was written by a newer version of contexta and was not used");
    Note::new(Severity::Error, "salvage_segment_newer", message)
}

/// Returns the note on a segment of another domain.
pub(super) fn foreign(segment: &str) -> Note {
    let message = format!("{segment} belongs to the log of another program and was not used");
    Note::new(Severity::Warning, "salvage_segment_foreign", message)
}

/// Returns the repository of a file with the name of a manifest.
fn repository_of_manifest(path: &Path) -> Option<PathBuf> {
    let dir = path.parent()?;
    let is_manifest = path.extension()? == "jsonl" && dir.file_name()? == "backups";
    is_manifest.then(|| dir.parent().unwrap_or(Path::new("")).to_path_buf())
}

/// Returns the directory and the digest of a file with the name of an object: `objects/ab/cdef...`.
fn object_of(path: &Path) -> Option<(PathBuf, Digest)> {
    let shard = path.parent()?;
    let (shard_name, rest) = (shard.file_name()?.to_str()?, path.file_name()?.to_str()?);
    let digest = format!("{shard_name}{rest}").parse().ok().filter(|_| shard_name.len() == 2)?;
    Some((shard.parent()?.to_path_buf(), digest))
}

fn is_repository(storage: &dyn Storage, root: &Path) -> bool {
    ["backups", "repository.lock"].iter().any(|name| exists(storage, &root.join(name)).unwrap_or(false))
}

/// The content of a file.
pub(super) enum Examined {
    /// A segment, or a file with the name of a segment.
    Segment(SegmentFile),
    /// A segment whose format is newer than this version.
    Newer,
    /// A segment of another domain.
    Foreign,
    /// A file that zstd has compressed.
    Compressed,
    /// Any other file.
    Other,
}

/// Reads both copies of the header of a segment. If neither can be read, uses the name of the file and its directory.
pub(super) fn examine(storage: &dyn Storage, path: &Path) -> std::io::Result<Examined> {
    let file = storage.open(path, OpenMode::Read)?;
    let len = file.len()?;
    let named = named_segment(path);
    let (mut found, mut is_newer) = (Vec::new(), false);
    for at in [0, SECOND_HEADER_AT] {
        let mut bytes = [0; SEGMENT_HEADER_LEN];
        // An unreadable block counts as a damaged copy of the header.
        let got = read_full_at(file.as_ref(), at, &mut bytes).unwrap_or(0);
        match SegmentHeader::decode_one(bytes.get(..got).unwrap_or_default()) {
            Ok(header) => found.push(header),
            Err(HeaderFault::Newer { .. }) => is_newer = true,
            Err(HeaderFault::Damaged) => {}
        }
    }
    let is_named = |header: &&SegmentHeader| named == Some((header.stream, header.base));
    let header = found.iter().find(is_named).or(found.first()).cloned().map(Box::new);
    let segment = |stream, base, header| {
        Examined::Segment(SegmentFile { path: path.to_path_buf(), stream, base, header, len })
    };
    Ok(match (header, named) {
        (Some(header), _) if !DOMAIN.reads(header.domain) => Examined::Foreign,
        (Some(header), _) => segment(header.stream, header.base, Some(header)),
        (None, _) if is_newer => Examined::Newer,
        (None, Some((stream, base))) => segment(stream, base, None),
        (None, None) if begins_with(file.as_ref(), &ZSTD_MAGIC) => Examined::Compressed,
        (None, None) => Examined::Other,
    })
}

fn begins_with<const N: usize>(file: &dyn File, bytes: &[u8; N]) -> bool {
    let mut start = [0; N];
    read_full_at(file, 0, &mut start).is_ok_and(|got| got == N) && start == *bytes
}

/// Returns the stream and the first sequence number in the path `<stream>/<sequence number>.seg`.
fn named_segment(path: &Path) -> Option<(StreamId, Seq)> {
    let base = parse_segment(path.file_name()?.to_str()?)?;
    Some((path.parent()?.file_name()?.to_str()?.parse().ok()?, base))
}
