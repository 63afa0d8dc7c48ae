//! The check of backups. The check reads every object and compares it with its digest.

use crate::contract::Timestamp;
use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::error::Error as EngineError;
use crate::engine::fault::chain;
use crate::engine::progress::Progress;
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::content::Object;
use crate::recovery::backup::heal::Healer;
use crate::recovery::backup::manifest::Manifest;
use crate::recovery::backup::repository::{Repository, UnreadableBackup};
use crate::recovery::error::{Error, Result};
use crate::recovery::status::RecoveryStatus;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::Note;
use std::collections::{BTreeMap, BTreeSet};

/// Options of a check of backups.
#[derive(Debug, Clone, Default)]
pub struct BackupVerifyOptions<'a> {
    /// The backup to check. `None` means all backups of the repository.
    pub backup: Option<BackupRef>,
    /// The receiver of progress. The progress is the number of bytes of the objects that were read, and the
    /// total number of bytes.
    pub progress: Progress<'a>,
}

/// The result of a check of backups.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupVerification {
    /// `Failure` if a backup cannot be restored as it was created. `Degraded` if a part of the workspace was not copied
    /// when a backup was created.
    pub status: RecoveryStatus,
    /// The backups that were checked, the oldest first.
    pub backups: Vec<BackupRef>,
    /// The number of objects that were read. If several backups use an object, it is read once.
    pub objects: u64,
    /// The total length of the read objects in bytes.
    pub bytes: u64,
    /// The objects that are missing, damaged or unreadable, without the healed objects.
    pub problems: Vec<BackupProblem>,
    /// The number of healed objects: missing or damaged objects that were replaced by intact copies from a
    /// workspace.
    pub healed: u64,
    /// The manifests that cannot be used.
    pub unreadable: Vec<UnreadableBackup>,
    /// Notes on parts of the workspace that a backup does not contain.
    pub notes: Vec<Note>,
}

/// An object that is missing, damaged or unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupProblem {
    /// The digest that names the object.
    pub digest: Digest,
    /// The stable code of the problem: `backup_object_missing`, `backup_object_damaged` or
    /// `backup_object_unreadable`.
    pub code: &'static str,
    /// The message text.
    pub message: String,
    /// The backups that need the object.
    pub backups: Vec<BackupRef>,
}

/// Reads every object of the backups. If `heal_from` is given, replaces missing and damaged objects by intact
/// copies from the files of this workspace. Errors: the repository contains no backup.
pub(crate) fn verify_backups(
    repository: &Repository,
    options: &BackupVerifyOptions<'_>,
    heal_from: Option<&WorkspaceDirs>,
) -> Result<BackupVerification> {
    let lock = heal_from.map(|_| repository.lock_existing()).transpose()?;
    let scope = Scope::read(repository, options.backup.as_ref())?;
    let total = scope.objects.iter().fold(0, |sum: u64, (_, len)| sum.saturating_add(*len));
    let store = repository.objects();
    let mut report = BackupVerification {
        status: RecoveryStatus::of(&scope.notes),
        backups: scope.backups.into_iter().map(|(_, backup)| backup).collect(),
        objects: 0,
        bytes: 0,
        problems: Vec::new(),
        healed: 0,
        unreadable: scope.unreadable,
        notes: scope.notes,
    };
    let mut found = FoundAll::new();
    for object in &scope.objects {
        let (digest, len) = object;
        report.objects += 1;
        report.bytes = report.bytes.saturating_add(*len);
        found.extend(problem_of(&store, digest, *len).map(|problem| (*object, problem)));
        options.progress.report(report.bytes, total);
    }
    if let Some(dirs) = heal_from.filter(|_| !found.is_empty()) {
        for object in Healer::new(repository, dirs, &report.backups, found.keys())?.heal_all()? {
            report.healed += 1;
            found.remove(&object);
        }
    }
    report.problems = problems(found, repository, &report.backups)?;
    drop(lock);
    if !report.problems.is_empty() || !report.unreadable.is_empty() {
        report.status = RecoveryStatus::Failure;
    }
    Ok(report)
}

/// The backups that are checked. The manifests are read one after another and not kept, because each of them can be
/// large.
#[derive(Default)]
struct Scope {
    /// The backups with their times, the oldest first.
    backups: Vec<(Timestamp, BackupRef)>,
    objects: BTreeSet<Object>,
    unreadable: Vec<UnreadableBackup>,
    notes: Vec<Note>,
}

impl Scope {
    /// Reads one backup, or all backups of the repository.
    fn read(repository: &Repository, backup: Option<&BackupRef>) -> Result<Scope> {
        let mut scope = Scope::default();
        if let Some(backup) = backup {
            scope.add(&repository.read(backup)?);
            return Ok(scope);
        }
        for read in repository.manifests()? {
            match read {
                Ok(manifest) => scope.add(&manifest),
                Err(manifest) => scope.unreadable.push(manifest),
            }
        }
        if scope.backups.is_empty() && scope.unreadable.is_empty() {
            return Err(Error::NoBackups { root: repository.root().to_path_buf() });
        }
        scope.backups.sort();
        Ok(scope)
    }

    fn add(&mut self, manifest: &Manifest) {
        self.backups.push((manifest.created_at, manifest.backup_ref.clone()));
        self.objects.extend(manifest.parts());
        self.notes.extend(manifest.degraded_notes());
    }
}

/// The code and the message of the problem of an object.
type Found = (&'static str, String);
/// The problems of all objects.
type FoundAll = BTreeMap<Object, Found>;

/// Returns the problems. Each problem lists the backups that need the object.
fn problems(found: FoundAll, repository: &Repository, backups: &[BackupRef]) -> Result<Vec<BackupProblem>> {
    let mut users: BTreeMap<Object, Vec<BackupRef>> = BTreeMap::new();
    for backup in backups.iter().filter(|_| !found.is_empty()) {
        for object in repository.read(backup)?.objects() {
            if found.contains_key(&object) {
                users.entry(object).or_default().push(backup.clone());
            }
        }
    }
    let problem = |(object, (code, message)): (Object, Found)| {
        let backups = users.remove(&object).unwrap_or_default();
        BackupProblem { digest: object.0, code, message, backups }
    };
    Ok(found.into_iter().map(problem).collect())
}

/// Checks an object. Returns the code and the message of its problem, or `None` if the object is intact.
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
