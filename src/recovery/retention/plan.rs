//! The plan of a removal. Planning writes nothing.

use crate::contract::Timestamp;
use crate::engine::blob::BlobInfo;
use crate::engine::checksum::Digest;
use crate::engine::storage::FileInfo;
use crate::recovery::backup::{Section, walk};
use crate::recovery::cache::is_in_repository;
use crate::recovery::compaction::{self, CompactionOptions, CompactionPlan};
use crate::recovery::erase::{
    EraseSite, are_facts_spilled, is_captured_into, may_hide_artifacts, used_bodies,
};
use crate::recovery::error::Result;
use crate::recovery::workspace_dirs::real_path;
use crate::store::{self, Note, Severity, chain};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The number of nanoseconds in a day.
const DAY: u64 = 86_400_000_000_000;
/// The minimum age in nanoseconds of removed bodies and temporary files. A younger file may belong to a
/// capture that has not ended.
const UNFINISHED_MAX: u64 = DAY;

/// The rules that decide which files are removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionRules {
    /// The minimum age in days of removed cached files. `None` keeps all cached files.
    pub cache_days: Option<u64>,
    /// The minimum age in days of removed reports. `None` keeps all reports.
    pub report_days: Option<u64>,
    /// The minimum age in days of removed exports. `None` keeps all exports.
    pub export_days: Option<u64>,
    /// `true` to remove bodies that no artifact uses.
    pub removes_bodies: bool,
    /// `true` to compact the log.
    pub compacts_log: bool,
}

/// The plan of a removal.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RetentionPlan {
    /// The rules.
    pub rules: RetentionRules,
    /// The time of the plan. The ages refer to this time.
    pub planned_at: Timestamp,
    /// The files that are removed, in the order of the removal: cached files, temporary files, exports, reports.
    pub files: Vec<RetiredFile>,
    /// The bodies that no artifact uses. They are removed if [`RetentionRules::removes_bodies`] is `true`.
    pub bodies: Vec<BlobInfo>,
    /// The segments of the log that are compacted; `None` if the rules do not compact the log.
    pub compaction: Option<CompactionPlan>,
    /// The number of bytes of all files and bodies that are removed.
    pub bytes: u64,
    /// Notes about files and bodies that cannot be examined.
    pub notes: Vec<Note>,
}

/// A file that is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetiredFile {
    /// The kind of the file: `cache`, `temporary`, `exports` or `reports`.
    pub kind: &'static str,
    /// The path.
    pub path: PathBuf,
    /// The length in bytes.
    pub bytes: u64,
    /// The time of the last change.
    pub changed_at: Timestamp,
}

/// Plans a removal at the time `now`, in nanoseconds since the epoch. Links are not followed. A file to which an
/// artifact refers is kept, because it is the content of the artifact.
pub(crate) fn plan_retention(site: &EraseSite<'_>, rules: RetentionRules, now: u64) -> Result<RetentionPlan> {
    // The plan contains the time in microseconds.
    let now = now / 1_000 * 1_000;
    let mut plan = RetentionPlan {
        rules,
        planned_at: Timestamp::from_nanos(now),
        files: Vec::new(),
        bodies: Vec::new(),
        compaction: None,
        bytes: 0,
        notes: Vec::new(),
    };
    let referenced = referenced_files(site, &mut plan.notes);
    plan.add_section(site, (Section::Cache, rules.cache_days), now, &referenced);
    plan.add_temporaries(site, now)?;
    plan.add_section(site, (Section::Exports, rules.export_days), now, &referenced);
    plan.add_section(site, (Section::Reports, rules.report_days), now, &referenced);
    plan.add_bodies(site, now)?;
    if rules.compacts_log {
        let options = CompactionOptions::default();
        plan.compaction = Some(compaction::plan(site.storage, &site.dirs.log, &options)?);
    }
    let bodies = if rules.removes_bodies { plan.bodies.iter().map(|body| body.size).sum() } else { 0 };
    plan.bytes = plan.files.iter().map(|file| file.bytes).sum::<u64>() + bodies;
    Ok(plan)
}

/// Returns the local files to which artifacts refer; `None` if the artifacts cannot be read.
fn referenced_files(site: &EraseSite<'_>, notes: &mut Vec<Note>) -> Option<BTreeSet<PathBuf>> {
    let storage = site.storage.as_ref();
    let read = site.store.read(|view| {
        let hiding = view.notes().into_iter().find(may_hide_artifacts);
        Ok::<_, store::Error>((view.file_uses()?, hiding))
    });
    match read {
        Ok((uses, None)) => Some(uses.into_iter().map(|(_, path)| real_path(storage, &path)).collect()),
        Ok((_, Some(hiding))) => {
            let message = format!(
                "reports and exports are kept, because an artifact may be missing: {}",
                hiding.message
            );
            notes.push(Note::new(Severity::Error, "retention_files_kept", message));
            None
        }
        Err(e) => {
            let message =
                format!("reports and exports are kept, because the artifacts cannot be read: {}", chain(&e));
            notes.push(Note::new(Severity::Error, "retention_artifacts_unreadable", message));
            None
        }
    }
}

impl RetentionPlan {
    fn add_section(
        &mut self,
        site: &EraseSite<'_>,
        (section, days): (Section, Option<u64>),
        now: u64,
        referenced: &Option<BTreeSet<PathBuf>>,
    ) {
        let Some(days) = days else { return };
        // Cached files can be recreated, so no artifact refers to them.
        if referenced.is_none() && section != Section::Cache {
            return;
        }
        let walked = walk(site.storage.as_ref(), site.dirs, site.repository.root(), section);
        let mut files: Vec<RetiredFile> = Vec::new();
        for file in walked.files {
            let real = real_path(site.storage.as_ref(), &file.source);
            let is_content = referenced.iter().any(|paths| paths.contains(&real));
            let is_backup =
                section == Section::Cache && is_in_repository(site.storage.as_ref(), site.dirs, &file.source);
            if !is_content && !is_backup && age(&file.info, now) >= days.saturating_mul(DAY) {
                files.push(retired(section.name(), file.source, &file.info));
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        self.files.extend(files);
        self.notes.extend(walked.notes.into_iter().filter(|note| note.severity == Severity::Error));
    }

    /// Adds temporary files of bodies if the programs that created them have probably ended.
    fn add_temporaries(&mut self, site: &EraseSite<'_>, now: u64) -> Result<()> {
        for path in site.dirs.bodies(site.storage).temporaries()? {
            if let Ok(info) = site.storage.info(&path)
                && age(&info, now) >= UNFINISHED_MAX
            {
                self.files.push(retired("temporary", path, &info));
            }
        }
        Ok(())
    }

    /// Adds the bodies that no artifact uses. While a program captures into the workspace, no body is added.
    fn add_bodies(&mut self, site: &EraseSite<'_>, now: u64) -> Result<()> {
        let store = site.dirs.bodies(site.storage);
        let (digests, errors) = store.list()?;
        self.notes.extend(errors.iter().map(|e| {
            Note::new(
                Severity::Error,
                "retention_bodies_unreadable",
                format!("bodies are kept: {}", chain(e)),
            )
        }));
        if digests.is_empty() {
            return Ok(());
        }
        if is_captured_into(site)? {
            let message =
                "unused bodies are not listed, because a program captures into the workspace".to_owned();
            self.notes.push(Note::new(Severity::Info, "retention_bodies_in_use", message));
            return Ok(());
        }
        if are_facts_spilled(site, &BTreeSet::new())? {
            let message = "unused bodies are not listed, because artifacts wait in the outbox; run `contexta outbox replay`";
            self.notes.push(Note::new(Severity::Info, "retention_bodies_in_use", message));
            return Ok(());
        }
        let used = match site.store.read(|view| Ok::<_, store::Error>(whole_use(view))) {
            Ok(Ok(used)) => used,
            Ok(Err(reason)) => {
                self.notes.push(Note::new(Severity::Error, "retention_bodies_kept", reason));
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        for digest in digests.into_iter().filter(|digest| !used.contains(digest)) {
            if let Ok(info) = site.storage.info(&store.path(&digest))
                && age(&info, now) >= UNFINISHED_MAX
            {
                self.bodies.push(BlobInfo { digest, size: info.len });
            }
        }
        Ok(())
    }
}

/// Returns the bodies that artifacts use. If the list may be incomplete, returns the reason instead. The list
/// may be incomplete if entries of the log are missing, because a missing entry may belong to an artifact.
fn whole_use(view: &store::StoreView<'_>) -> std::result::Result<BTreeSet<Digest>, String> {
    if let Some(note) = view.notes().iter().find(|note| may_hide_artifacts(note)) {
        return Err(format!("no body is removed, because an artifact may be missing: {}", note.message));
    }
    used_bodies(view, |_| false)
        .map_err(|e| format!("no body is removed, because a directory cannot be read: {}", chain(&e)))
}

/// Returns the time since the last change of a file or its name, in nanoseconds.
fn age(info: &FileInfo, now: u64) -> u64 {
    now.saturating_sub(info.modified.max(info.changed))
}

fn retired(kind: &'static str, path: PathBuf, info: &FileInfo) -> RetiredFile {
    let changed_at = Timestamp::from_nanos(info.modified.max(info.changed));
    RetiredFile { kind, path, bytes: info.len, changed_at }
}
