//! The steps of a salvage. The new workspace is built in a staging directory, which is renamed at the end. If a salvage
//! is interrupted, the new workspace does not exist.
//!
//! 1. Copies of segments, and segments of backups, are merged into the new log.
//! 2. Entries in all other bytes are merged into the new log, if their streams are known.
//! 3. Damaged segments of the new log are repaired.
//! 4. Entries of unknown streams are appended to new streams, unless a stream contains them.
//! 5. The tables are derived from the log, and the bodies are copied.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::fault::chain;
use crate::engine::log::header::SegmentHeader;
use crate::engine::log::merge::{Change, MergeOptions, merge};
use crate::engine::log::names::{segment_name, segment_path};
use crate::engine::progress::Progress;
use crate::engine::projection::{Note as EngineNote, Projector, ProjectorOptions, ProjectorPaths};
use crate::engine::repair::{RepairSite, plan_repair, repair};
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::recovery::backup::{ARCHIVE_BYTES_MAX, Archive, Manifest, Repository};
use crate::recovery::error::{Error, Result};
use crate::recovery::salvage::bodies::{BodySearch, missing_bodies};
use crate::recovery::salvage::copies::{CopiedSegments, Copies};
use crate::recovery::salvage::layers::layers;
use crate::recovery::salvage::place::Place;
use crate::recovery::salvage::remains::Remains;
use crate::recovery::salvage::report::{SalvageReport, SalvagedStream, UnknownEntries};
use crate::recovery::salvage::scattered::Search;
use crate::recovery::salvage::streams::{damaged_segments, read_streams};
use crate::recovery::status::RecoveryStatus;
use crate::recovery::tree::{io_error, remove_tree};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::{Note, Severity, Store};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of steps that progress reports.
const STEPS: u64 = 6;
/// The maximum length of the content of an archive, as a multiple of the length of the archive.
const ARCHIVE_RATIO_MAX: u64 = 1000;
/// The minimum of the limit of the content of an archive in bytes.
const ARCHIVE_LIMIT_MIN: u64 = 64 << 20;

/// Builds the workspace `into` from the remains in `from`. `dirs` are the directories of the staged workspace
/// ([`staged_workspace`](super::staged_workspace)). Reads `from` and writes nothing there. Errors: `into` exists and is
/// not empty, one of the directories contains the other, the remains contain no entry and no body, or a directory cannot
/// be written. After an error, `into` is unchanged.
pub(crate) fn salvage_workspace(
    storage: &Arc<dyn Storage>,
    from: &Path,
    (into, dirs): (&Path, &WorkspaceDirs),
    progress: Progress<'_>,
) -> Result<SalvageReport> {
    let remains = Remains::find(storage, from)?;
    let place = Place::prepare(storage, from, into)?;
    let result = Salvage::new(storage, &place, dirs, remains).run(from, into, progress);
    let result = result.and_then(|report| place.publish().map(|()| report));
    // After an error, the next salvage removes the directory.
    let discarded = place.discard();
    let mut report = result?;
    if let Err(e) = discarded {
        let message = format!("the staging directory was not removed: {}", chain(&e));
        report.notes.push(Note::new(Severity::Warning, "salvage_not_cleaned_up", message));
    }
    Ok(report)
}

/// A salvage in progress.
struct Salvage<'a> {
    storage: &'a Arc<dyn Storage>,
    place: &'a Place,
    dirs: &'a WorkspaceDirs,
    remains: Remains,
    /// The readable manifests, each with its repository. The newest manifests come first.
    manifests: Vec<(Repository, Manifest)>,
    headers: Vec<SegmentHeader>,
    /// Copies of damaged segments, which are searched for further entries.
    damaged: Vec<PathBuf>,
    notes: Vec<Note>,
}

impl<'a> Salvage<'a> {
    fn new(
        storage: &'a Arc<dyn Storage>,
        place: &'a Place,
        dirs: &'a WorkspaceDirs,
        mut remains: Remains,
    ) -> Salvage<'a> {
        let notes = std::mem::take(&mut remains.notes);
        let (manifests, headers, damaged) = (Vec::new(), Vec::new(), Vec::new());
        Salvage { storage, place, dirs, remains, manifests, headers, damaged, notes }
    }

    fn run(mut self, from: &Path, into: &Path, progress: Progress<'_>) -> Result<SalvageReport> {
        let step = |n| progress.report(n, STEPS);
        for dir in [&self.dirs.log, &self.dirs.objects, &self.dirs.projections, &self.dirs.reports] {
            self.storage.create_dir_all(dir).map_err(|e| io_error("create", dir, e))?;
        }
        self.extract_archives();
        self.read_manifests()?;
        step(1);
        let segments = self.remains.segments.len() as u64;
        self.copy_segments()?;
        self.copy_backups()?;
        step(2);
        let files: Vec<PathBuf> = self.damaged.iter().chain(&self.remains.others).cloned().collect();
        let headers = std::mem::take(&mut self.headers);
        let search = Search { storage: self.storage, files: &files, headers: &headers };
        let (pieces, mut found_notes) = (self.place.pieces(), Vec::new());
        let unknown = search.known_streams(&pieces, &mut found_notes, &mut || self.absorb())?;
        self.notes.append(&mut found_notes);
        step(3);
        self.repair()?;
        let (unknown, new) = search.unknown_streams(unknown, &self.dirs.log)?;
        step(4);
        let ends = self.known_ends();
        let streams = read_streams(self.storage, &self.dirs.log, &ends, &new)?;
        let store = self.store();
        self.derive_tables(&store)?;
        let digest = store.digest()?.digest;
        step(5);
        let missing = self.bodies(&store)?;
        let bodies = self.dirs.bodies(self.storage).list()?.0.len() as u64;
        if bodies == 0 && streams.iter().all(|stream| stream.entries == 0) {
            return Err(Error::NothingSalvaged { path: from.to_path_buf() });
        }
        step(STEPS);
        self.notes.extend(result_notes(&streams, &missing, unknown));
        Ok(SalvageReport {
            status: RecoveryStatus::of(&self.notes),
            source: from.to_path_buf(),
            workspace: into.to_path_buf(),
            files: self.remains.count,
            segments,
            backups: self.manifests.len() as u64,
            streams,
            unknown,
            bodies,
            missing_bodies: missing.into_iter().collect(),
            digest,
            notes: self.notes,
        })
    }

    /// Extracts the readable part of each archive into a temporary repository. A file that is no archive, or whose content
    /// cannot be written, is searched like other files.
    fn extract_archives(&mut self) {
        for (path, n) in std::mem::take(&mut self.remains.archives).into_iter().zip(0..) {
            let root = self.place.archives().join(format!("{n}"));
            match self.extract(&path, &root) {
                Ok((objects, fault)) => {
                    if let Some(e) = fault.filter(|_| !objects.is_empty()) {
                        let message = format!("a part of an archive was not read: {}", chain(&e));
                        self.notes.push(Note::new(Severity::Error, "salvage_archive_damaged", message));
                    }
                    if objects.is_empty() {
                        self.remains.others.push(path);
                    }
                    self.remains.repositories.insert(root, objects);
                }
                Err(e) => {
                    let message = format!("the archive {} was not used: {}", path.display(), chain(&e));
                    self.notes.push(Note::new(Severity::Error, "salvage_archive_skipped", message));
                    // If the removal fails, the files are removed with the staging directory.
                    let _ = remove_tree(self.storage.as_ref(), &root);
                    self.remains.others.push(path);
                }
            }
        }
    }

    /// Extracts the readable part of an archive. Returns the objects, and the fault at which the extraction has stopped.
    /// Errors: the content is longer than the limit, or cannot be written.
    fn extract(&self, path: &Path, root: &Path) -> Result<(Vec<Digest>, Option<Error>)> {
        let repository = Repository::new(self.storage, root);
        let len = self.storage.info(path).map_err(|e| io_error("read the metadata of", path, e))?.len;
        let bytes_max = len.saturating_mul(ARCHIVE_RATIO_MAX).clamp(ARCHIVE_LIMIT_MIN, ARCHIVE_BYTES_MAX);
        match Archive::new(self.storage, path, bytes_max).extract_readable(&repository)? {
            Some(e @ Error::ArchiveTooLarge { .. }) => Err(e),
            fault => Ok((repository.objects().list()?.0, fault)),
        }
    }

    /// Reads the manifests of all repositories. Objects that no manifest contains are searched like other files.
    fn read_manifests(&mut self) -> Result<()> {
        for (root, objects) in std::mem::take(&mut self.remains.repositories) {
            let repository = Repository::new(self.storage, &root);
            let mut known = HashSet::new();
            for manifest in repository.manifests()? {
                match manifest {
                    Ok(manifest) => {
                        known.extend(manifest.parts().map(|(digest, _)| digest));
                        self.manifests.push((repository.clone(), manifest));
                    }
                    Err(manifest) => {
                        let message = format!(
                            "the manifest {} was not used: {}",
                            manifest.path.display(),
                            manifest.reason
                        );
                        self.notes.push(Note::new(Severity::Error, "salvage_manifest_unreadable", message));
                    }
                }
            }
            let store = repository.objects();
            for digest in objects.iter().filter(|digest| !known.contains(*digest)) {
                self.remains.add_file(self.storage.as_ref(), store.path(digest));
            }
            self.remains.searched.insert(root.join("objects"));
        }
        // The archives were extracted before. An archive in an archive is searched like other files.
        self.remains.others.append(&mut self.remains.archives);
        self.notes.append(&mut self.remains.notes);
        self.manifests.sort_by_key(|(_, manifest)| std::cmp::Reverse(manifest.created_at));
        Ok(())
    }

    fn copies<'b>(&'b mut self, log: &'b Path) -> Copies<'b> {
        Copies { storage: self.storage, log, headers: &mut self.headers, notes: &mut self.notes }
    }

    fn copy_segments(&mut self) -> Result<()> {
        let segments = std::mem::take(&mut self.remains.segments);
        self.headers.extend(segments.iter().filter_map(|segment| segment.header.as_deref().cloned()));
        let pieces = self.place.pieces();
        for layer in layers(segments) {
            let mut copies = self.copies(&pieces);
            if copies.layer(&layer)? > 0 {
                self.absorb_segments()?;
            }
        }
        Ok(())
    }

    fn copy_backups(&mut self) -> Result<()> {
        let (pieces, mut copied) = (self.place.pieces(), CopiedSegments::default());
        for (repository, manifest) in std::mem::take(&mut self.manifests) {
            let mut copies = self.copies(&pieces);
            if copies.backup(&repository, &manifest, &mut copied)? > 0 {
                self.absorb_segments()?;
            }
            self.manifests.push((repository, manifest));
        }
        Ok(())
    }

    /// Merges copied segments into the new log. Keeps copies of damaged segments for the search.
    fn absorb_segments(&mut self) -> Result<()> {
        let pieces = self.place.pieces();
        let damaged = damaged_segments(self.storage, &pieces)?;
        self.merge()?;
        for (stream, base) in damaged {
            let path = segment_path(&pieces, stream, base);
            self.keep_damaged(&path, stream, base)?;
        }
        remove_tree(self.storage.as_ref(), &pieces)
    }

    fn keep_damaged(&mut self, path: &Path, stream: StreamId, base: Seq) -> Result<()> {
        // The search reads the id of the stream from the name of the directory.
        let dir = self.place.quarantine().join(format!("{}", self.damaged.len())).join(stream.to_string());
        let kept = dir.join(segment_name(base));
        self.storage.create_dir_all(&dir).map_err(|e| io_error("create", &dir, e))?;
        self.storage.rename(path, &kept).map_err(|e| io_error("rename", path, e))?;
        self.damaged.push(kept);
        Ok(())
    }

    /// Merges the log of pieces into the new log, and removes the log of pieces.
    fn absorb(&mut self) -> Result<()> {
        self.merge()?;
        remove_tree(self.storage.as_ref(), &self.place.pieces())
    }

    fn merge(&mut self) -> Result<()> {
        let options =
            MergeOptions::new(DOMAIN, &self.place.pieces(), &self.dirs.log, &self.place.quarantine());
        let report = merge(self.storage, &options, Progress::none())?;
        for stream in &report.streams {
            if let Change::Skipped(reason) = stream.change {
                let message = format!("a copy of stream {} was not used: {}", stream.stream, reason.name());
                self.notes.push(Note::new(Severity::Error, "merge_stream_skipped", message));
            }
        }
        for fork in &report.forks {
            let message = format!(
                "stream {} has two histories from entry {} on; one of them is now stream {}",
                fork.stream, fork.first, fork.derived
            );
            self.notes.push(Note::new(Severity::Warning, "merge_stream_forked", message));
        }
        Ok(())
    }

    /// Repairs the new log, so that it contains no damaged bytes except evidence of losses.
    fn repair(&mut self) -> Result<()> {
        let site = RepairSite::new(DOMAIN, &self.dirs.log, &self.dirs.projections, &self.place.quarantine());
        let plan = plan_repair(self.storage, &site)?;
        let report = repair(self.storage, &site, &plan, Progress::none())?;
        for left in &report.unrepaired {
            let message = format!("damage remains in the new workspace: {left}");
            self.notes.push(
                Note::new(Severity::Error, "salvage_damage_remains", message).with("damage", left.code()),
            );
        }
        Ok(())
    }

    /// Returns the sequence number of the last entry of each stream that the backups contain.
    fn known_ends(&self) -> BTreeMap<StreamId, Seq> {
        let mut ends = BTreeMap::new();
        for copy in self.manifests.iter().flat_map(|(_, manifest)| &manifest.streams) {
            let end = ends.entry(copy.stream).or_insert(Seq(0));
            *end = copy.last.max(*end);
        }
        ends
    }

    fn store(&self) -> Store {
        let paths = ProjectorPaths { log: self.dirs.log.clone(), generations: self.dirs.projections.clone() };
        let projector = Projector::new(
            Arc::clone(self.storage),
            paths,
            ProjectorOptions::new(DOMAIN),
            crate::projections::all(),
        );
        Store::new(projector, self.dirs.bodies(self.storage))
    }

    /// Derives the tables. Errors: a stream of the new log could not be read, so the tables would be incomplete.
    fn derive_tables(&self, store: &Store) -> Result<()> {
        let notes = store.catch_up()?;
        let unread = notes.iter().find(|note| matches!(note, EngineNote::StreamUnreadable { .. }));
        unread
            .map_or(Ok(()), |note| Err(io_error("read", &self.dirs.log, io::Error::other(note.to_string()))))
    }

    /// Copies the bodies. Returns the digests of the bodies that were not found.
    fn bodies(&mut self, store: &Store) -> Result<BTreeSet<Digest>> {
        let into = self.dirs.bodies(self.storage);
        let mut search = BodySearch {
            storage: self.storage,
            into: &into,
            notes: &mut self.notes,
            sparse: BTreeSet::new(),
        };
        for objects in &self.remains.stores {
            search.copy_all(objects)?;
        }
        for (repository, manifest) in &self.manifests {
            for body in &manifest.bodies {
                search.copy(&repository.objects(), &body.digest)?;
            }
        }
        // The first round can find the list of the files of a directory. The second round can then find these
        // files.
        for _ in 0..2 {
            // A body whose content is a segment is not in the list of other files.
            for digest in missing_bodies(store, &into)? {
                for objects in &self.remains.searched {
                    let from = search.store(objects);
                    if from.size_of(&digest).is_ok_and(|size| size.is_some())
                        && search.copy(&from, &digest)?
                    {
                        break;
                    }
                }
            }
            search.find(&self.remains.others, &missing_bodies(store, &into)?)?;
        }
        missing_bodies(store, &into)
    }
}

/// Returns notes on entries and bodies that are missing.
fn result_notes(
    streams: &[SalvagedStream],
    missing: &BTreeSet<Digest>,
    unknown: UnknownEntries,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let incomplete = streams.iter().filter(|stream| !stream.missing.is_empty()).count();
    if incomplete > 0 {
        let message = format!("entries are missing in {incomplete} streams");
        notes
            .push(Note::new(Severity::Error, "salvage_entries_missing", message).with("streams", incomplete));
    }
    if !missing.is_empty() {
        let message = format!("{} bodies that artifacts refer to were not found", missing.len());
        notes
            .push(Note::new(Severity::Error, "artifact_body_missing", message).with("bodies", missing.len()));
    }
    if unknown.added > 0 {
        let message = format!(
            "{} entries of unknown streams were added to new streams; a later merge with an intact copy of the \
             original streams adds these entries a second time",
            unknown.added
        );
        notes.push(Note::new(Severity::Warning, "salvage_stream_unknown", message));
    }
    if unknown.undecodable > 0 {
        let message = format!(
            "{} entries of unknown streams were not added, because this version cannot decode them",
            unknown.undecodable
        );
        notes.push(Note::new(Severity::Warning, "salvage_entry_undecodable", message));
    }
    notes
}
