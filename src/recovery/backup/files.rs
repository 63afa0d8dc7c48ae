//! The files of a workspace outside the log and the bodies.

use crate::engine::storage::{FileInfo, ItemKind, Storage};
use crate::recovery::backup::manifest::{FileCopy, is_plain_path};
use crate::recovery::backup::section::Section;
use crate::recovery::workspace_dirs::{WorkspaceDirs, real_path};
use crate::store::{Note, Severity};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The greatest depth of directories in a section.
const DEPTH_MAX: usize = 64;

/// A file of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::recovery) struct SectionFile {
    /// The path in the section. `/` separates its components.
    pub(in crate::recovery) path: String,
    /// The path on disk.
    pub(in crate::recovery) source: PathBuf,
    pub(in crate::recovery) info: FileInfo,
}

/// The files of a section, with notes about files and directories that cannot be copied.
#[derive(Debug, Default)]
pub(in crate::recovery) struct Walked {
    pub(in crate::recovery) files: Vec<SectionFile>,
    pub(in crate::recovery) notes: Vec<Note>,
}

/// Returns the directories and files that belong to a section. Each of them has a name in the section.
fn places(dirs: &WorkspaceDirs, section: Section) -> Vec<(&'static str, &Path)> {
    // The order is the order of `Section::top_names`.
    let paths: Vec<&Path> = match section {
        Section::Config => vec![&dirs.config_file],
        Section::Records | Section::Artifacts => Vec::new(),
        Section::Recovery => vec![&dirs.outbox, &dirs.sinks, &dirs.quarantine],
        Section::Reports => vec![&dirs.reports],
        Section::Cache => vec![&dirs.cache],
        Section::Exports => vec![&dirs.exports],
    };
    section.top_names().iter().copied().zip(paths).collect()
}

/// Lists the files of a section. Links are not followed and not copied. The repository and the directories
/// that the engine manages are not listed.
pub(in crate::recovery) fn walk(
    storage: &dyn Storage,
    dirs: &WorkspaceDirs,
    repository: &Path,
    section: Section,
) -> Walked {
    let excluded = dirs.managed().into_iter().chain([repository]);
    let excluded = excluded.map(|dir| real_path(storage, dir)).collect();
    let mut walk = Walk { storage, excluded, walked: Walked::default() };
    for (name, place) in places(dirs, section) {
        match storage.info(place) {
            Ok(info) if info.is_dir => walk.dir(name, place, DEPTH_MAX),
            Ok(info) if info.is_file => walk.file(name.to_owned(), place.to_path_buf(), info),
            Ok(_) => walk.skip(place, "it is neither a file nor a directory"),
            Err(e) if is_missing(&e) => {}
            Err(e) => walk.unreadable(place, &e),
        }
    }
    walk.walked
}

fn is_missing(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

struct Walk<'a> {
    storage: &'a dyn Storage,
    excluded: Vec<PathBuf>,
    walked: Walked,
}

impl Walk<'_> {
    fn dir(&mut self, path: &str, dir: &Path, depth: usize) {
        if self.excluded.contains(&real_path(self.storage, dir)) {
            return;
        }
        let Some(depth) = depth.checked_sub(1) else { return self.skip(dir, "it is nested too deeply") };
        let items = match self.storage.items(dir) {
            Ok(items) => items,
            Err(e) if is_missing(&e) => return,
            Err(e) => return self.unreadable(dir, &e),
        };
        for item in items {
            let source = dir.join(&item.name);
            let name = item.name.to_str().map(|name| format!("{path}/{name}"));
            let Some(name) = name.filter(|name| is_plain_path(name)) else {
                self.skip(&source, "its name is not valid Unicode");
                continue;
            };
            match item.kind {
                ItemKind::Dir => self.dir(&name, &source, depth),
                ItemKind::File { .. } => match self.storage.info(&source) {
                    Ok(info) => self.file(name, source, info),
                    Err(e) if is_missing(&e) => {}
                    Err(e) => self.unreadable(&source, &e),
                },
                ItemKind::Link => self.skip(&source, "it is a link"),
                ItemKind::Special => self.skip(&source, "it is neither a file nor a directory"),
            }
        }
    }

    fn file(&mut self, path: String, source: PathBuf, info: FileInfo) {
        self.walked.files.push(SectionFile { path, source, info });
    }

    fn skip(&mut self, path: &Path, reason: &str) {
        let message = format!("{} is not part of the backup: {reason}", path.display());
        self.walked.notes.push(Note::new(Severity::Warning, "backup_file_skipped", message));
    }

    fn unreadable(&mut self, path: &Path, e: &io::Error) {
        self.walked.notes.push(unreadable(path, e));
    }
}

/// Returns a note about a file or directory that cannot be read.
pub(super) fn unreadable(path: &Path, e: &dyn std::fmt::Display) -> Note {
    let message = format!("{} is not part of the backup: {e}", path.display());
    Note::new(Severity::Error, "backup_source_unreadable", message)
}

/// Returns a note on each file whose path differs from the path of an earlier file only in upper and lower case.
pub(super) fn similar_names(files: &[FileCopy]) -> Vec<Note> {
    let mut known: BTreeMap<(Section, String), &str> = BTreeMap::new();
    let mut notes = Vec::new();
    for file in files {
        let key = (file.section, file.path.to_lowercase());
        if let Some(other) = known.insert(key, &file.path) {
            let message = format!(
                "the files {other} and {} differ only in upper and lower case; a restore to a file system that ignores \
                 case keeps only one of them",
                file.path
            );
            notes.push(Note::new(Severity::Warning, "backup_file_names_similar", message));
        }
    }
    notes
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
