//! The creation of a backup. The objects are written first, and the manifest is written last. If the process
//! is killed earlier, the objects have no manifest, and the next backup uses them.

use crate::contract::Timestamp;
use crate::engine::blob::BlobInfo;
use crate::engine::entry::Seq;
use crate::engine::error::Error as EngineError;
use crate::engine::fault::chain;
use crate::engine::log::directory::{check_domain, list_streams};
use crate::engine::log::names::stream_dir;
use crate::engine::progress::Progress;
use crate::engine::verify::KnownEnd;
use crate::projections::DOMAIN;
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::content::FileState;
use crate::recovery::backup::copy::{Copier, CopyError};
use crate::recovery::backup::files::{SectionFile, similar_names, unreadable, walk};
use crate::recovery::backup::manifest::{FileCopy, Manifest, SavedNote, StreamCopy};
use crate::recovery::backup::plan::{BackupPlan, check_place, check_workspace};
use crate::recovery::backup::repository::Repository;
use crate::recovery::backup::section::Section;
use crate::recovery::backup::streams::LogCopy;
use crate::recovery::error::{Error, Result};
use crate::recovery::known::{Known, KnownFile};
use crate::recovery::status::RecoveryStatus;
use crate::recovery::workspace_dirs::{WorkspaceDirs, real_path};
use crate::store::{Note, Severity};
use std::collections::HashMap;
use std::path::PathBuf;

/// The result of a backup.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BackupResult {
    /// `Degraded` if a part of the workspace could not be copied.
    pub status: RecoveryStatus,
    /// The name of the backup.
    pub backup_ref: BackupRef,
    /// The time of creation, as in the manifest.
    pub created_at: Timestamp,
    /// The path of the manifest.
    pub location: PathBuf,
    /// The sections of the backup.
    pub included_sections: Vec<Section>,
    /// The number of bytes that were written.
    pub bytes_written: u64,
    /// The number of objects that were written.
    pub objects_written: u64,
    /// The number of objects that the repository contained already.
    pub objects_reused: u64,
    /// The number of streams in the backup.
    pub streams: u64,
    /// The number of bodies in the backup.
    pub bodies: u64,
    /// The number of files in the backup outside the log and the bodies.
    pub files: u64,
    /// Notes about parts of the workspace that are damaged or not part of the backup.
    pub notes: Vec<Note>,
    /// Short texts about the checks of this backup.
    pub verification_notes: Vec<String>,
}

/// Creates a backup, and adds its streams and bodies to the known streams and bodies of the workspace. Writers continue
/// during the backup. Errors: those of [`write_backup`].
pub(crate) fn create_backup(
    repository: &Repository,
    dirs: &WorkspaceDirs,
    plan: &BackupPlan,
    progress: Progress<'_>,
) -> Result<BackupResult> {
    // If the file cannot be read, the backup is created nevertheless. A note states that the file was not updated.
    let known = KnownFile::of(&repository.storage, &dirs.root);
    let epoch = known.epoch();
    let (mut result, manifest) = write_backup(repository, dirs, plan, progress)?;
    result.notes.extend(remember(&known, epoch, &manifest));
    Ok(result)
}

/// Creates a backup. A backup of a replaced log is created in this way, because its entries are no longer part of the
/// workspace. Errors: the repository cannot be written, the workspace does
/// not exist, or the log belongs to another program.
pub(in crate::recovery) fn write_backup(
    repository: &Repository,
    dirs: &WorkspaceDirs,
    plan: &BackupPlan,
    progress: Progress<'_>,
) -> Result<(BackupResult, Manifest)> {
    check_place(repository, dirs)?;
    check_workspace(repository, dirs)?;
    check_domain(repository.storage.as_ref(), &dirs.log, DOMAIN)?;
    let lock = repository.lock()?;
    if repository.contains(&plan.backup_ref)? {
        return Err(Error::BackupExists { backup: plan.backup_ref.to_string() });
    }
    let storage = repository.storage.as_ref();
    let root = real_path(storage, &dirs.root).display().to_string();
    let previous = repository.latest(&root, &list_streams(storage, &dirs.log)?)?;
    let copier = Copier::new(repository, plan.estimated_bytes, progress);
    let mut creation = Creation { repository, dirs, previous: previous.as_ref(), copier, notes: Vec::new() };
    let mut manifest = Manifest {
        backup_ref: plan.backup_ref.clone(),
        label: plan.label.clone(),
        created_at: plan.created_at,
        workspace_root: root,
        domain: DOMAIN,
        sections: plan.included_sections.clone(),
        streams: creation.streams()?,
        bodies: Vec::new(),
        files: Vec::new(),
        notes: Vec::new(),
    };
    // A body is stored before an entry refers to it. The bodies are listed after the streams were copied, so the
    // bodies of all copied entries are found.
    manifest.bodies = creation.bodies()?;
    manifest.files = creation.files(&plan.included_sections)?;
    manifest.notes = creation.notes.iter().map(SavedNote::from).collect();
    repository.sync_names(&lock, &creation.copier.reused_in)?;
    let manifest_bytes = repository.publish(&lock, &manifest)?;
    let Creation { copier, notes, .. } = creation;
    let result = BackupResult {
        status: RecoveryStatus::of(&notes),
        backup_ref: manifest.backup_ref.clone(),
        created_at: manifest.created_at,
        location: repository.manifest_path(&manifest.backup_ref),
        included_sections: manifest.sections.clone(),
        bytes_written: copier.written.1 + manifest_bytes,
        objects_written: copier.written.0,
        objects_reused: copier.reused,
        streams: manifest.streams.len() as u64,
        bodies: manifest.bodies.len() as u64,
        files: manifest.files.len() as u64,
        notes,
        verification_notes: vec![
            "objects_present".to_owned(),
            format!("manifest_written:{}", manifest.backup_ref),
        ],
    };
    Ok((result, manifest))
}

/// Adds the streams and bodies of the backup to the known streams and bodies of the workspace. Returns a note if they
/// cannot be added, for example because the workspace is on a read-only disk.
fn remember(known: &KnownFile, epoch: Result<u64>, manifest: &Manifest) -> Option<Note> {
    let add = |known: &mut Known| {
        for copy in manifest.streams.iter().filter(|copy| copy.last > Seq(0)) {
            let link = copy.head.map(|head| head.digest);
            known.see_stream(KnownEnd { stream: copy.stream, seq: copy.last, link });
        }
        manifest.bodies.iter().for_each(|body| known.see_body(body.digest));
    };
    let reason = match epoch.and_then(|epoch| known.add(epoch, add)) {
        Ok(true) => return None,
        Ok(false) => "entries or bodies were removed on purpose during the backup".to_owned(),
        Err(e) => chain(&e),
    };
    let message = format!("later checks do not know what this backup has found: {reason}");
    Some(Note::new(Severity::Info, "known_not_saved", message))
}

/// The state of the creation of a backup.
struct Creation<'a> {
    repository: &'a Repository,
    dirs: &'a WorkspaceDirs,
    previous: Option<&'a Manifest>,
    copier: Copier<'a>,
    notes: Vec<Note>,
}

impl Creation<'_> {
    fn streams(&mut self) -> Result<Vec<StreamCopy>> {
        let storage = &self.repository.storage;
        let mut log = LogCopy::new(storage, &self.dirs.log, self.previous);
        let mut streams = Vec::new();
        let listed = list_streams(storage.as_ref(), &self.dirs.log)?;
        log.notes.extend(log.removed(&listed));
        for stream in listed {
            match log.stream(&mut self.copier, stream) {
                Ok(copy) => streams.extend(copy),
                Err(CopyError::Source(e)) => {
                    self.notes.push(unreadable(&stream_dir(&self.dirs.log, stream), &chain(&e)));
                }
                Err(CopyError::Repository(e)) => return Err(e),
            }
        }
        self.notes.append(&mut log.notes);
        Ok(streams)
    }

    /// Copies the bodies. If the repository contains a body with the same length, the body is not read.
    fn bodies(&mut self) -> Result<Vec<BlobInfo>> {
        let from = self.dirs.bodies(&self.repository.storage);
        let (digests, errors) = from.list()?;
        self.notes.extend(errors.iter().map(|e| unreadable(&self.dirs.objects, &chain(e))));
        let mut bodies = Vec::with_capacity(digests.len());
        for digest in digests {
            let size_before = self.copier.objects.size_of(&digest)?;
            let copied = match self.copier.objects.copy_from(&from, &digest) {
                Ok(true) => true,
                Ok(false) => {
                    self.notes.push(damaged_body(&digest.to_string()));
                    false
                }
                // The body was removed after the directory was listed. No entry refers to a removed body.
                Err(EngineError::BodyMissing { .. }) => false,
                Err(e) if from.concerns(&e) => {
                    self.notes.push(unreadable(&from.path(&digest), &chain(&e)));
                    false
                }
                Err(e) => return Err(e.into()),
            };
            // The body is damaged in the workspace, but an earlier backup may have stored an intact copy.
            let is_intact = copied || size_before.is_some() && self.copier.objects.verify(&digest, &[])?;
            let size = self.copier.objects.size_of(&digest)?;
            if let Some(size) = size.filter(|_| is_intact) {
                if size_before == Some(size) {
                    self.copier.count_reused(&digest);
                } else {
                    self.copier.count_written(size);
                }
                self.copier.advance(size);
                bodies.push(BlobInfo { digest, size });
            }
        }
        Ok(bodies)
    }

    fn files(&mut self, sections: &[Section]) -> Result<Vec<FileCopy>> {
        let known = self.previous.map(|manifest| manifest.files.as_slice()).unwrap_or_default();
        let known: HashMap<(Section, &str), &FileCopy> =
            known.iter().map(|file| ((file.section, file.path.as_str()), file)).collect();
        let mut files = Vec::new();
        for section in sections {
            let storage = self.repository.storage.as_ref();
            let walked = walk(storage, self.dirs, self.repository.root(), *section);
            self.notes.extend(walked.notes);
            for file in walked.files {
                let known = known.get(&(*section, file.path.as_str())).copied();
                files.extend(self.file(*section, file, known)?);
            }
        }
        self.notes.extend(similar_names(&files));
        Ok(files)
    }

    fn file(
        &mut self,
        section: Section,
        file: SectionFile,
        known: Option<&FileCopy>,
    ) -> Result<Option<FileCopy>> {
        let state = FileState::of(&file.info, self.repository.storage.now());
        if let Some(known) = known.filter(|known| state.is_some() && known.state == state)
            && self.copier.contains(&known.content)?
        {
            return Ok(Some(known.clone()));
        }
        match self.copier.copy(&file.source, file.info.len) {
            Ok(content) => Ok(Some(FileCopy { section, path: file.path, content, state })),
            Err(CopyError::Source(e)) => {
                self.notes.push(unreadable(&file.source, &chain(&e)));
                Ok(None)
            }
            Err(CopyError::Repository(e)) => Err(e),
        }
    }
}

fn damaged_body(digest: &str) -> Note {
    let message = format!("in the workspace, the body {digest} does not match its digest");
    Note::new(Severity::Error, "artifact_body_damaged", message)
}
