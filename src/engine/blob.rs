//! The store of bodies: files `objects/ab/cdef...`, named by the BLAKE3 digest of their content.
//!
//! A body is written to a temporary file, which is synced and renamed; then the directory is synced. A body under its
//! final name is therefore complete. The caller appends the entry that refers to a body after the body is stored, so
//! every reference in the log has its body. A crash before the append leaves a body without a reference, which only
//! occupies space.

use crate::engine::checksum::Digest;
use crate::engine::error::{Error, Result};
use crate::engine::storage::replace::is_temporary;
use crate::engine::storage::{
    File, FileReader, NotARegularFile, OpenMode, Storage, publish, read_full_at, temporary_path, write_all_at,
};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The beginning of the names of temporary files.
const TEMPORARY_STEM: &str = "body";
/// The number of bytes that are read or written at once.
pub(super) const CHUNK: usize = 1 << 20;
/// The minimum length in bytes of a hole after the expected size of a body. A body with such a hole counts as damaged
/// without being hashed, because hashing the zeros of a very large hole would take long.
const HOLE_MIN: u64 = 1 << 30;

/// The digest and size of a stored body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobInfo {
    /// The BLAKE3 digest of the content, which names the body.
    pub digest: Digest,
    /// The length in bytes.
    pub size: u64,
}

/// A store of bodies.
#[derive(Debug, Clone)]
pub struct BlobStore {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) objects: PathBuf,
    pub(super) staging: PathBuf,
}

impl BlobStore {
    /// Creates a store in the directory `objects`, with temporary files in `staging` (on the same file system).
    pub fn new(storage: Arc<dyn Storage>, objects: PathBuf, staging: PathBuf) -> BlobStore {
        BlobStore { storage, objects, staging }
    }

    /// Returns the path of the body with this digest.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let (shard, rest) = name.split_at_checked(2).unwrap_or(("", &name));
        self.objects.join(shard).join(rest)
    }

    /// Stores the bytes of `content` durably, in constant memory. An undamaged body with the same content is not
    /// replaced. After an error the temporary file is removed, if possible.
    pub fn ingest(&self, content: &mut dyn Read) -> Result<BlobInfo> {
        self.through_temporary(|temporary| self.ingest_through(temporary, content))
    }

    /// Calls `store` with the path of a temporary file, which `store` creates. If `store` fails, the temporary file is
    /// removed if possible.
    pub(super) fn through_temporary<T>(&self, store: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let fail = |action| move |path: &Path, e: io::Error| Error::io(action, path, e);
        self.storage.create_dir_all(&self.staging).map_err(|e| fail("create")(&self.staging, e))?;
        let temporary = temporary_path(self.storage.as_ref(), &self.staging, TEMPORARY_STEM)
            .map_err(|e| fail("get random bytes for a file name in")(&self.staging, e))?;
        let result = store(&temporary);
        if result.is_err() {
            // An error is ignored: a leftover temporary file only occupies space.
            let _ = self.storage.remove_file(&temporary);
        }
        result
    }

    /// Copies a body from another store durably. Returns `false`, and stores nothing, if the body in the other store is
    /// damaged. If this store has a body of the same length under the digest, returns `true` without reading or
    /// replacing the body.
    pub fn copy_from(&self, other: &BlobStore, digest: &Digest) -> Result<bool> {
        if self.size_of(digest)?.is_some_and(|size| other.size_of(digest).ok() == Some(Some(size))) {
            return Ok(true);
        }
        // The body is verified first, because `ingest` would store damaged content under the digest of the damaged
        // content.
        if !other.verify(digest, &[])? {
            return Ok(false);
        }
        let content = other.open(digest)?;
        Ok(self.ingest(&mut FileReader::new(content))?.digest == *digest)
    }

    /// Returns the digests of all bodies, directory by directory, and the errors of the directories that cannot be listed.
    /// Both are empty if the store does not exist. Errors: the store itself cannot be listed.
    pub fn list(&self) -> Result<(Vec<Digest>, Vec<Error>)> {
        let names = |dir: &Path| match self.storage.list(dir) {
            Ok(names) => Ok(names),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(Error::io("list", dir, e)),
        };
        let (mut digests, mut errors) = (Vec::new(), Vec::new());
        for shard in names(&self.objects)?.iter().filter(|name| name.is_dir) {
            match names(&self.objects.join(&shard.name)) {
                Ok(bodies) => digests.extend(
                    bodies
                        .iter()
                        .filter(|name| name.is_file)
                        .filter_map(|body| format!("{}{}", shard.name, body.name).parse::<Digest>().ok()),
                ),
                Err(e) => errors.push(e),
            }
        }
        Ok((digests, errors))
    }

    /// Returns the temporary files in the staging directory. A process that stores a body may still use them. Files of
    /// users in this directory are left out. Errors: the directory exists and cannot be listed.
    pub fn temporaries(&self) -> Result<Vec<PathBuf>> {
        let entries = match self.storage.list(&self.staging) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|e| Error::io("list", &self.staging, e))?,
        };
        let temporary =
            entries.iter().filter(|entry| entry.is_file && is_temporary(&entry.name, TEMPORARY_STEM));
        Ok(temporary.map(|entry| self.staging.join(&entry.name)).collect())
    }

    /// Returns true if an error concerns a file or directory of this store.
    pub fn concerns(&self, error: &Error) -> bool {
        matches!(error, Error::Io { path, .. } if path.starts_with(&self.objects))
    }

    fn ingest_through(&self, temporary: &Path, content: &mut dyn Read) -> Result<BlobInfo> {
        let wrap = |action: &'static str, path: &Path| {
            let path = path.to_path_buf();
            move |e: io::Error| Error::io(action, &path, e)
        };
        let file = self.storage.open(temporary, OpenMode::CreateNew).map_err(wrap("create", temporary))?;
        let mut hasher = blake3::Hasher::new();
        let mut size = 0u64;
        let mut buffer = vec![0u8; CHUNK];
        loop {
            let got = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(got) => got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::io("read the content for", temporary, e)),
            };
            let part = buffer.get(..got).unwrap_or_default();
            hasher.update(part);
            write_all_at(file.as_ref(), size, part).map_err(wrap("write", temporary))?;
            size += got as u64;
        }
        let info = BlobInfo { digest: Digest(*hasher.finalize().as_bytes()), size };
        self.keep(temporary, file.as_ref(), info)?;
        Ok(info)
    }

    /// Makes the temporary file `file` the body with this digest and size. If the body already exists, is undamaged and
    /// has no second name, removes the temporary file instead. A body with a second name is replaced, because a program
    /// could change it through that name.
    pub(super) fn keep(&self, temporary: &Path, file: &dyn File, info: BlobInfo) -> Result<()> {
        let wrap = |action: &'static str, path: &Path| {
            let path = path.to_path_buf();
            move |e: io::Error| Error::io(action, &path, e)
        };
        let BlobInfo { digest, size } = info;
        let path = self.path(&digest);
        // A body that cannot be read is replaced like a damaged body.
        if self.storage.info(&path).is_ok_and(|body| body.is_file && body.len == size && body.names <= 1)
            && self.verify(&digest, &[size]).unwrap_or(false)
        {
            // The process that stored the body may not have synced the directories yet.
            if let Some(shard) = path.parent() {
                self.storage.sync_dir(shard).map_err(wrap("sync", shard))?;
                self.storage.sync_dir(&self.objects).map_err(wrap("sync", &self.objects))?;
            }
            return self.storage.remove_file(temporary).map_err(wrap("remove", temporary));
        }
        self.publish(temporary, file, &path)
    }

    /// Makes the content of the temporary file `file` durable, and renames the file to `path`.
    pub(super) fn publish(&self, temporary: &Path, file: &dyn File, path: &Path) -> Result<()> {
        let wrap = |action: &'static str, path: &Path| {
            let path = path.to_path_buf();
            move |e: io::Error| Error::io(action, &path, e)
        };
        file.sync().map_err(wrap("sync", temporary))?;
        if let Some(shard) = path.parent() {
            self.storage.create_dir_all(shard).map_err(wrap("create", shard))?;
        }
        publish(self.storage.as_ref(), temporary, path).map_err(wrap("publish", path))
    }

    /// Returns the size of a body; `None` if the body does not exist. Errors: the metadata of the body cannot be read,
    /// or the body is not a regular file.
    pub fn size_of(&self, digest: &Digest) -> Result<Option<u64>> {
        let path = self.path(digest);
        match self.storage.info(&path) {
            Ok(info) if info.is_file => Ok(Some(info.len)),
            Ok(info) => {
                let kind = if info.is_dir { "a directory" } else { "a special file" };
                Err(Error::io("read the metadata of", &path, NotARegularFile::error(kind)))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read the metadata of", &path, e)),
        }
    }

    /// Opens a body for reading. Error: [`Error::BodyMissing`] if the body does not exist.
    pub fn open(&self, digest: &Digest) -> Result<Arc<dyn File>> {
        let path = self.path(digest);
        self.storage.open(&path, OpenMode::Read).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::BodyMissing { digest: digest.to_string() },
            _ => Error::io("read", &path, e),
        })
    }

    /// Returns true if the content of a body matches the digest.
    ///
    /// `sizes` holds the sizes that are recorded for the body. A body with a hole of at least 1 GiB after the greatest
    /// of these sizes counts as damaged without being read. Any other body is read completely.
    pub fn verify(&self, digest: &Digest, sizes: &[u64]) -> Result<bool> {
        let file = self.open(digest)?;
        let wrap = |e| Error::io("read", &self.path(digest), e);
        if let Some(size) = sizes.iter().max()
            && has_large_hole(file.as_ref(), *size).map_err(wrap)?
        {
            return Ok(false);
        }
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0u8; CHUNK];
        let mut at = 0u64;
        loop {
            let got = read_full_at(file.as_ref(), at, &mut buffer).map_err(wrap)?;
            if got == 0 {
                return Ok(hasher.finalize().as_bytes() == &digest.0);
            }
            hasher.update(buffer.get(..got).unwrap_or_default());
            at += got as u64;
        }
    }
}

/// Returns true if a file has a hole of at least [`HOLE_MIN`] bytes after the expected size `size`.
fn has_large_hole(file: &dyn File, size: u64) -> io::Result<bool> {
    // File systems store data in blocks, so data after the expected size may belong to the last block of the content.
    let from = size.saturating_add(CHUNK as u64);
    let hole_end = from.saturating_add(HOLE_MIN);
    Ok(file.len()? >= hole_end && file.next_data(from)?.is_none_or(|at| at >= hole_end))
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use super::*;
    use crate::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess, Survival};

    fn store(process: &Arc<SimProcess>) -> BlobStore {
        let storage: Arc<dyn Storage> = Arc::<SimProcess>::clone(process);
        BlobStore::new(storage, "/w/objects".into(), "/w/staging".into())
    }

    fn temporaries(disk: &SimDisk) -> Vec<PathBuf> {
        disk.paths().into_iter().filter(|path| path.starts_with("/w/staging")).collect()
    }

    #[test]
    fn failed_ingest_leaves_no_temporary_file() {
        // The store is empty, contains the body, or contains a damaged body.
        for existing in [None, Some(&b"body"[..]), Some(&b"ruin"[..])] {
            let mut operation = 0;
            loop {
                let disk = SimDisk::new(operation);
                if let Some(content) = existing {
                    disk.overwrite(&store(&disk.spawn(1)).path(&Digest::of(b"body")), content.to_vec());
                }
                let process = disk.spawn(2);
                process.plan(Moment::Operation(operation), Fault::Error(io::ErrorKind::Other));
                let result = store(&process).ingest(&mut &b"body"[..]);
                assert_eq!(temporaries(&disk), Vec::<PathBuf>::new(), "{existing:?} {operation} {result:?}");
                if !process.has_passed_plans() {
                    assert!(operation > 5 && result.is_ok(), "{operation}");
                    break;
                }
                operation += 1;
            }
        }
    }

    #[test]
    fn ingest_of_unreadable_content_leaves_no_temporary_file() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let disk = SimDisk::new(1);
        store(&disk.spawn(1)).ingest(&mut Broken).unwrap_err();
        assert_eq!(disk.paths(), Vec::<PathBuf>::new());
    }

    #[test]
    fn existing_body_is_durable_when_its_second_ingest_returns() {
        let body = Digest::of(b"body");
        let disk = SimDisk::new(1);
        let first = disk.spawn(1);
        // The first process is killed before it syncs the directory, so the name of the body is not durable.
        let trial = SimDisk::new(1).spawn(1);
        store(&trial).ingest(&mut &b"body"[..]).unwrap();
        let changes = trial.changes();
        first.plan(Moment::Change(changes - 1), Fault::Kill);
        store(&first).ingest(&mut &b"body"[..]).unwrap_err();
        let path = store(&first).path(&body);
        assert_eq!(disk.read(&path).as_deref(), Some(&b"body"[..]));
        let lost = disk.fork();
        lost.crash(Survival::Dropped);
        assert_eq!(lost.read(&path), None, "the name was durable already");
        let second = disk.spawn(2);
        assert_eq!(store(&second).ingest(&mut &b"body"[..]).unwrap().digest, body);
        disk.crash(Survival::Dropped);
        assert_eq!(disk.read(&path).as_deref(), Some(&b"body"[..]));
    }

    #[test]
    fn stored_body_survives_an_immediate_power_cut() {
        let disk = SimDisk::new(1);
        let blobs = store(&disk.spawn(1));
        let info = blobs.ingest(&mut &b"body"[..]).unwrap();
        disk.crash(Survival::Dropped);
        let blobs = store(&disk.spawn(2));
        assert!(blobs.verify(&info.digest, &[4]).unwrap());
        assert_eq!(blobs.size_of(&info.digest).unwrap(), Some(4));
        assert_eq!(blobs.list().unwrap().0, [info.digest]);
    }

    #[test]
    fn damaged_body_of_equal_length_is_replaced_by_the_next_ingest() {
        let disk = SimDisk::new(1);
        let blobs = store(&disk.spawn(1));
        let info = blobs.ingest(&mut &b"body"[..]).unwrap();
        disk.overwrite(&blobs.path(&info.digest), b"ruin".to_vec());
        assert!(!blobs.verify(&info.digest, &[4]).unwrap());
        blobs.ingest(&mut &b"body"[..]).unwrap();
        assert!(blobs.verify(&info.digest, &[4]).unwrap());
    }

    #[test]
    fn existing_body_with_unreadable_metadata_is_replaced() {
        let plain = SimDisk::new(1);
        store(&plain.spawn(1)).ingest(&mut &b"body"[..]).unwrap();
        let reads = {
            let disk = plain.fork();
            let process = disk.spawn(2);
            store(&process).ingest(&mut &b"body"[..]).unwrap();
            process.operations()
        };
        let mut replaced = 0;
        for operation in 0..reads {
            let disk = plain.fork();
            let process = disk.spawn(2);
            process.plan(Moment::Operation(operation), Fault::Error(io::ErrorKind::PermissionDenied));
            replaced += u64::from(store(&process).ingest(&mut &b"body"[..]).is_ok());
            assert!(store(&disk.spawn(3)).verify(&Digest::of(b"body"), &[]).unwrap());
        }
        // Six operations read the existing body: the metadata, the opening, the length, and three reads, two of these
        // at the end.
        assert_eq!(replaced, 6);
    }

    #[test]
    fn existing_body_that_cannot_be_read_is_not_taken_for_whole() {
        let body = Digest::of(b"body");
        let damaged = SimDisk::new(1);
        damaged.overwrite(&store(&damaged.spawn(1)).path(&body), b"ruin".to_vec());
        let mut stored = 0;
        for operation in 0.. {
            let disk = damaged.fork();
            let process = disk.spawn(2);
            process.plan(Moment::Operation(operation), Fault::Error(io::ErrorKind::PermissionDenied));
            if store(&process).ingest(&mut &b"body"[..]).is_ok() {
                stored += 1;
                assert!(store(&disk.spawn(3)).verify(&body, &[]).unwrap(), "{operation}");
            }
            if !process.has_passed_plans() {
                break;
            }
        }
        assert!(stored > 1, "{stored}");
    }

    #[test]
    fn copy_stores_undamaged_bodies_and_omits_damaged_ones() {
        let (near, far) = (SimDisk::new(1), SimDisk::new(2));
        let (target, source) = (store(&near.spawn(1)), store(&far.spawn(1)));
        let body = source.ingest(&mut &b"body"[..]).unwrap().digest;
        assert!(target.copy_from(&source, &body).unwrap());
        assert!(target.verify(&body, &[]).unwrap());
        let damaged = source.ingest(&mut &b"other"[..]).unwrap().digest;
        far.overwrite(&source.path(&damaged), b"ruins".to_vec());
        assert!(!target.copy_from(&source, &damaged).unwrap());
        assert_eq!(target.list().unwrap().0, [body]);
        // A body of another length is copied again.
        near.overwrite(&target.path(&body), b"bod".to_vec());
        assert!(target.copy_from(&source, &body).unwrap());
        assert!(target.verify(&body, &[]).unwrap());
    }

    #[test]
    fn missing_body_and_unreadable_body_have_different_errors() {
        let disk = SimDisk::new(1);
        let process = disk.spawn(1);
        let blobs = store(&process);
        let digest = Digest::of(b"body");
        assert_eq!(blobs.verify(&digest, &[]).unwrap_err().code(), "artifact_body_missing");
        assert_eq!(blobs.size_of(&digest).unwrap(), None);
        blobs.ingest(&mut &b"body"[..]).unwrap();
        let asks: [fn(&BlobStore, &Digest) -> Option<Error>; 2] =
            [|blobs, digest| blobs.size_of(digest).err(), |blobs, digest| blobs.open(digest).err()];
        for ask in asks {
            let next = Moment::Operation(process.operations());
            process.plan(next, Fault::Error(io::ErrorKind::PermissionDenied));
            assert_eq!(ask(&blobs, &digest).unwrap().code(), "storage_permission_denied");
        }
    }
}
