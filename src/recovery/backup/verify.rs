//! The check of backups: every object is read and compared with its digest.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::error::Error as EngineError;
use crate::engine::fault::chain;
use crate::engine::log::names::segment_path;
use crate::engine::progress::Progress;
use crate::engine::storage::{FileReader, OpenMode, read_full_at};
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::content::Content;
use crate::recovery::backup::files::places;
use crate::recovery::backup::manifest::{FileCopy, Manifest};
use crate::recovery::backup::repository::{Repository, UnreadableBackup};
use crate::recovery::error::Result;
use crate::recovery::status::RecoveryStatus;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Options of a check of backups.
#[derive(Debug, Clone, Default)]
pub struct BackupVerifyOptions<'a> {
    /// The backup to check; `None` for all backups of the repository.
    pub backup: Option<BackupRef>,
    /// The receiver of progress: bytes of objects that are read, and their total.
    pub progress: Progress<'a>,
}

/// The result of a check of backups.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupVerification {
    /// `Failure` if a backup cannot be restored completely.
    pub status: RecoveryStatus,
    /// The backups that were checked.
    pub backups: Vec<BackupRef>,
    /// The number of objects that were read. An object that several backups use is read once.
    pub objects: u64,
    /// The number of bytes of these objects.
    pub bytes: u64,
    /// The objects that are missing or damaged.
    pub problems: Vec<BackupProblem>,
    /// The number of objects that were missing or damaged, and were replaced by an intact copy from the workspace.
    pub healed: u64,
    /// The manifests that cannot be used.
    pub unreadable: Vec<UnreadableBackup>,
}

/// An object that is missing or damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupProblem {
    /// The digest that names the object.
    pub digest: Digest,
    /// A stable code: `backup_object_missing`, `backup_object_damaged` or `backup_object_unreadable`.
    pub code: &'static str,
    /// The text for people.
    pub message: String,
    /// The backups that need the object.
    pub backups: Vec<BackupRef>,
}

/// Reads every object of the backups. With `heal_from`, replaces objects that are missing or damaged by an intact copy
/// from the files of this workspace.
pub(crate) fn verify_backups(
    repository: &Repository,
    options: &BackupVerifyOptions<'_>,
    heal_from: Option<&WorkspaceDirs>,
) -> Result<BackupVerification> {
    let (manifests, unreadable) = match &options.backup {
        Some(backup) => (vec![repository.read(backup)?], Vec::new()),
        None => repository.read_all()?,
    };
    let lock = heal_from.map(|_| repository.lock()).transpose()?;
    let objects: BTreeMap<Digest, u64> = manifests.iter().flat_map(Manifest::objects).collect();
    let total = objects.values().fold(0, |sum: u64, len| sum.saturating_add(*len));
    let store = repository.objects();
    let mut report = BackupVerification {
        status: RecoveryStatus::Success,
        backups: manifests.iter().map(|manifest| manifest.backup_ref.clone()).collect(),
        objects: 0,
        bytes: 0,
        problems: Vec::new(),
        healed: 0,
        unreadable,
    };
    let mut found = BTreeMap::new();
    for (digest, len) in &objects {
        report.objects += 1;
        report.bytes = report.bytes.saturating_add(*len);
        found.extend(problem_of(&store, digest, *len).map(|problem| (*digest, problem)));
        options.progress.report(report.bytes, total);
    }
    if let Some(dirs) = heal_from {
        let healer = Healer::new(repository, dirs, &manifests, &found);
        for digest in healer.heal_all(&objects)? {
            report.healed += 1;
            found.remove(&digest);
        }
    }
    report.problems = problems(found, &manifests);
    drop(lock);
    if !report.problems.is_empty() || !report.unreadable.is_empty() {
        report.status = RecoveryStatus::Failure;
    }
    Ok(report)
}

/// The code and the message of the problem of an object.
type Found = (&'static str, String);

/// Returns the problems with the backups that need the objects.
fn problems(found: BTreeMap<Digest, Found>, manifests: &[Manifest]) -> Vec<BackupProblem> {
    let mut users: BTreeMap<Digest, Vec<BackupRef>> = BTreeMap::new();
    for manifest in manifests.iter().filter(|_| !found.is_empty()) {
        for digest in manifest.objects().into_keys().filter(|digest| found.contains_key(digest)) {
            users.entry(digest).or_default().push(manifest.backup_ref.clone());
        }
    }
    let problem = |(digest, (code, message)): (Digest, Found)| {
        let backups = users.get(&digest).cloned().unwrap_or_default();
        BackupProblem { digest, code, message, backups }
    };
    found.into_iter().map(problem).collect()
}

/// Returns the code and the message of the problem of an object; `None` if the object is intact.
fn problem_of(store: &BlobStore, digest: &Digest, len: u64) -> Option<Found> {
    let unreadable = |e: &EngineError| {
        ("backup_object_unreadable", format!("the object {digest} cannot be read: {}", chain(e)))
    };
    match store.size_of(digest) {
        Ok(None) => return Some(("backup_object_missing", format!("the object {digest} is missing"))),
        Ok(Some(size)) if size != len => {
            let message = format!("the object {digest} has {size} bytes instead of {len}");
            return Some(("backup_object_damaged", message));
        }
        Ok(Some(_)) => {}
        Err(e) => return Some(unreadable(&e)),
    }
    match store.verify(digest, &[len]) {
        Ok(true) => None,
        Ok(false) => {
            Some(("backup_object_damaged", format!("the object {digest} does not match its digest")))
        }
        Err(e) => Some(unreadable(&e)),
    }
}

/// Restores objects from the files of a workspace.
struct Healer<'a> {
    repository: &'a Repository,
    bodies: BlobStore,
    /// The places in the files of the workspace at which the bytes of each object were when they were copied.
    places: BTreeMap<Digest, Vec<(PathBuf, u64)>>,
}

impl<'a> Healer<'a> {
    /// Creates a healer of the objects `found`.
    fn new(
        repository: &'a Repository,
        dirs: &WorkspaceDirs,
        manifests: &[Manifest],
        found: &BTreeMap<Digest, Found>,
    ) -> Healer<'a> {
        let bodies = dirs.bodies(&repository.storage);
        let mut places: BTreeMap<Digest, Vec<(PathBuf, u64)>> =
            found.keys().map(|digest| (*digest, Vec::new())).collect();
        let mut add = |content: &Content, path: &Path| {
            for part in content.parts() {
                if let Some(places) = places.get_mut(&part.digest) {
                    places.push((path.to_path_buf(), part.offset));
                }
            }
        };
        for manifest in manifests {
            for stream in &manifest.streams {
                for segment in &stream.segments {
                    add(&segment.content, &segment_path(&dirs.log, stream.stream, segment.base));
                }
            }
            for file in &manifest.files {
                add(&file.content, &source_of(dirs, file).unwrap_or_default());
            }
        }
        for places in places.values_mut() {
            places.sort();
            places.dedup();
        }
        Healer { repository, bodies, places }
    }

    /// Stores an intact copy of each object that has one in the workspace. Returns the digests of these objects.
    fn heal_all(&self, objects: &BTreeMap<Digest, u64>) -> Result<Vec<Digest>> {
        let mut healed = Vec::new();
        for (digest, places) in &self.places {
            let len = objects.get(digest).copied().unwrap_or(0);
            if self.heal(digest, len, places)? {
                healed.push(*digest);
            }
        }
        Ok(healed)
    }

    fn heal(&self, digest: &Digest, len: u64, places: &[(PathBuf, u64)]) -> Result<bool> {
        let objects = self.repository.objects();
        for (path, offset) in places {
            if let Some(bytes) = self.read(path, *offset, len)
                && Digest::of(&bytes) == *digest
            {
                objects.ingest(&mut bytes.as_slice())?;
                return Ok(true);
            }
        }
        // The object may be a body. A missing or damaged body does not help.
        if !self.bodies.verify(digest, &[len]).unwrap_or(false) {
            return Ok(false);
        }
        let mut content = FileReader::new(self.bodies.open(digest)?);
        Ok(objects.ingest(&mut content)?.digest == *digest)
    }

    fn read(&self, path: &Path, offset: u64, len: u64) -> Option<Vec<u8>> {
        let file = self.repository.storage.open(path, OpenMode::Read).ok()?;
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        let got = read_full_at(file.as_ref(), offset, &mut bytes).ok()?;
        (got == bytes.len()).then_some(bytes)
    }
}

/// Returns the path of a copied file in a workspace.
pub(in crate::recovery) fn source_of(dirs: &WorkspaceDirs, file: &FileCopy) -> Option<PathBuf> {
    places(dirs, file.section).into_iter().find_map(|(name, place)| {
        let rest = file.path.strip_prefix(name)?;
        if rest.is_empty() {
            return Some(place.to_path_buf());
        }
        Some(place.join(rest.strip_prefix('/')?))
    })
}
