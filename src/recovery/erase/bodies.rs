//! The bodies of erased runs.

use crate::contract::RunRef;
use crate::engine;
use crate::engine::blob::{BlobInfo, BlobStore};
use crate::engine::checksum::Digest;
use crate::engine::log::directory::{has_writer, list_streams};
use crate::engine::storage::exists;
use crate::recovery::backup::io_error;
use crate::recovery::erase::outbox::{are_facts_spilled, spill};
use crate::recovery::erase::scan::FoundEntries;
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::{Error, Result};
use crate::recovery::known::KnownFile;
use crate::store::{self, Note, Severity, StoreView, chain};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The number of bodies that are removed after one search for programs that capture. The search opens the lock file of each
/// stream.
const REMOVED_TOGETHER: usize = 32;

/// The number of searches for programs that capture, before bodies are kept.
const CAPTURE_CHECKS: u32 = 10;
/// The pause between two of these searches.
const PAUSE: Duration = Duration::from_millis(20);

/// A stored body and its size.
type Present = (Digest, u64);

/// The bodies of the artifacts of runs.
#[derive(Debug, Default)]
pub(super) struct RunBodies {
    /// All bodies. If an artifact is a directory, the bodies of its files are included.
    pub(super) all: BTreeSet<Digest>,
    /// The bodies that are lists of the files of directories.
    pub(super) lists: BTreeSet<Digest>,
    /// The lists that are missing or damaged, and the errors. The files in these lists are not known.
    unreadable: BTreeMap<Digest, String>,
}

impl RunBodies {
    /// Returns the bodies of the runs. Errors: a list of files exists, and reading it fails. A missing or damaged list is no
    /// error.
    pub(super) fn of(view: &StoreView<'_>, found: [&FoundEntries; 2]) -> store::Result<RunBodies> {
        let mut bodies = RunBodies::default();
        let runs = found.into_iter().flat_map(|found| found.runs.values());
        for (digest, is_list) in runs.flat_map(|run| &run.bodies) {
            bodies.all.insert(*digest);
            if !*is_list || !bodies.lists.insert(*digest) {
                continue;
            }
            match view.tree_files(digest) {
                Ok(files) => bodies.all.extend(files.into_iter().map(|(file, _)| file)),
                Err(e @ store::Error::Engine(engine::Error::Io { .. })) => return Err(e),
                Err(e) => drop(bodies.unreadable.insert(*digest, chain(&e))),
            }
        }
        Ok(bodies)
    }

    /// Returns a note for each list of files that is missing or damaged, if files of the list may remain. `used` contains the
    /// bodies that other runs use. An earlier erasure removes a list after all of its files, so no file remains if every body
    /// is a body of these runs or of other runs.
    pub(super) fn unknown_files(
        &self,
        store: &BlobStore,
        used: Option<&BTreeSet<Digest>>,
    ) -> engine::Result<Vec<Note>> {
        if self.unreadable.is_empty() {
            return Ok(Vec::new());
        }
        let (stored, errors) = store.list()?;
        if let Some(e) = errors.into_iter().next() {
            return Err(e);
        }
        let is_known =
            |body: &Digest| self.all.contains(body) || used.is_some_and(|used| used.contains(body));
        if stored.iter().all(is_known) {
            return Ok(Vec::new());
        }
        Ok(self.unreadable.iter().map(|(list, reason)| unknown_files(list, reason)).collect())
    }
}

fn unknown_files(list: &Digest, reason: &str) -> Note {
    let message = format!(
        "the files of the directory artifact with the body {list} are not known, and are not removed: {reason}; artifact \
         bodies that no artifact uses remain, and can contain these files; remove such bodies with `contexta retention apply \
         --bodies`"
    );
    Note::new(Severity::Error, "erase_files_unknown", message)
}

/// Returns the bodies that the artifacts of a view use, except artifacts of the runs for which `is_excluded` returns
/// `true`. Errors: the list of the files of a directory cannot be read, so its files are not known.
pub(in crate::recovery) fn used_bodies(
    view: &StoreView<'_>,
    is_excluded: impl Fn(&RunRef) -> bool,
) -> store::Result<BTreeSet<Digest>> {
    let (mut used, mut trees) = (BTreeSet::new(), BTreeSet::new());
    for body in view.body_uses()?.into_iter().filter(|body| !is_excluded(&body.run_ref)) {
        used.insert(body.digest);
        if body.is_tree && trees.insert(body.digest) {
            used.extend(view.tree_files(&body.digest)?.into_iter().map(|(file, _)| file));
        }
    }
    Ok(used)
}

/// Removes the given bodies that no artifact uses. Returns the removed bodies, and a note if bodies are kept. The bodies
/// `lists` are lists of the files of directories. They are removed after the removal of all other bodies is durable, so that
/// a repetition of an interrupted removal can read which files belong to the directories.
///
/// Another program may have stored one of the bodies again, and may not have appended its artifact yet. The lock on the
/// bodies excludes such programs. The log is read after the lock was acquired. If the lock cannot be acquired, the
/// bodies are kept. They are also kept while a program captures into the workspace, because the artifacts of this
/// program may not be in the log yet. The caller holds the lock of merges, so no merge adds an artifact.
pub(in crate::recovery) fn remove_unused(
    site: &EraseSite<'_>,
    candidates: &BTreeSet<Digest>,
    lists: &BTreeSet<Digest>,
    accepts_gaps: bool,
) -> Result<(Vec<BlobInfo>, Vec<Note>)> {
    let blobs = site.dirs.bodies(site.storage);
    let mut present = Vec::new();
    for digest in candidates {
        if let Some(size) = blobs.size_of(digest)? {
            present.push((*digest, size));
        }
    }
    // An interrupted removal may have left removed bodies among the known bodies.
    let known = KnownFile::of(site.storage, &site.dirs.root);
    let mut absent: BTreeSet<Digest> = known.load()?.into_known().bodies().collect();
    absent.retain(|digest| candidates.contains(digest) && !present.iter().any(|(other, _)| other == digest));
    if present.is_empty() && absent.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let held = match blobs.lock_removal() {
        Ok(held) => held,
        Err(e) => return Ok((Vec::new(), vec![not_locked(&e)])),
    };
    if is_captured_for_long(site)? {
        return Ok((Vec::new(), vec![in_use(present.len())]));
    }
    if are_facts_spilled(site, &BTreeSet::new())? {
        let message = "no body was removed, because artifacts wait in the outbox; run `contexta outbox replay`, and repeat the \
                       command";
        return Ok((Vec::new(), vec![Note::new(Severity::Error, "erase_bodies_kept", message)]));
    }
    let used = match site.store.read(|view| Ok::<_, store::Error>(known_use(view, accepts_gaps)))? {
        Ok(used) => used,
        Err(reason) => {
            let message = format!("no body was removed, because {reason}");
            return Ok((Vec::new(), vec![Note::new(Severity::Error, "erase_bodies_kept", message)]));
        }
    };
    present.retain(|(digest, _)| !used.contains(digest));
    absent.retain(|digest| !used.contains(digest));
    // A check reports known bodies that are gone, except bodies that were removed on purpose. If the disk is full, the file
    // with the known bodies can be written only after bodies were removed.
    let gone: Vec<Digest> = present.iter().map(|(digest, _)| *digest).chain(absent).collect();
    if gone.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let forget = || known.forget(|known| gone.iter().for_each(|digest| known.forget_body(digest)));
    if let Err(e @ Error::KnownBusy { .. }) = forget() {
        // A later check would report the removed bodies.
        return Err(e);
    }
    let mut notes = Vec::new();
    present.sort_by_key(|(digest, _)| lists.contains(digest));
    let files = present.partition_point(|(digest, _)| !lists.contains(digest));
    let removed = remove_all(site, &blobs, present.split_at(files), &mut notes);
    // A check that ran during the removal may have added removed bodies.
    forget()?;
    drop(held);
    Ok((removed?, notes))
}

/// Removes the bodies durably, first the files and then the lists of files. Returns the removed bodies. Stops with a note if a
/// program begins to capture.
fn remove_all(
    site: &EraseSite<'_>,
    blobs: &BlobStore,
    (files, lists): (&[Present], &[Present]),
    notes: &mut Vec<Note>,
) -> Result<Vec<BlobInfo>> {
    let mut removed = Vec::new();
    for bodies in [files, lists] {
        let count = remove_durably(site, blobs, bodies)?;
        removed.extend(
            bodies.iter().take(count).map(|(digest, size)| BlobInfo { digest: *digest, size: *size }),
        );
        if count < bodies.len() {
            notes.push(in_use(files.len() + lists.len() - removed.len()));
            break;
        }
    }
    Ok(removed)
}

/// Removes the bodies in this order, and synchronizes the directories. Stops if a program begins to capture. Returns the
/// number of removed bodies.
fn remove_durably(site: &EraseSite<'_>, blobs: &BlobStore, bodies: &[Present]) -> Result<usize> {
    let (mut removed, mut shards): (usize, BTreeSet<PathBuf>) = Default::default();
    for (digest, _) in bodies {
        if removed.is_multiple_of(REMOVED_TOGETHER) && is_captured_for_long(site)? {
            break;
        }
        let path = blobs.path(digest);
        match site.storage.remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_error("remove", &path, e)),
            _ => shards.extend(path.parent().map(Path::to_path_buf)),
        }
        removed += 1;
    }
    for shard in shards {
        site.storage.sync_dir(&shard).map_err(|e| io_error("sync", &shard, e))?;
    }
    Ok(removed)
}

/// Removes the temporary files of bodies durably. Returns the number of removed files, and a note if files are kept.
///
/// A program that stores a body holds the lock on the bodies, or the lock of merges. The caller holds the lock of merges.
/// The files that exist while both locks are held therefore belong to programs that were interrupted.
pub(super) fn remove_temporaries(site: &EraseSite<'_>) -> Result<(u64, Option<Note>)> {
    let (store, dir) = (site.dirs.bodies(site.storage), &site.dirs.body_staging);
    let (mut held, mut removed) = (None, 0);
    if !store.temporaries()?.is_empty() {
        match store.lock_removal() {
            Ok(lock) => held = Some(lock),
            Err(e) => return Ok((0, Some(temporaries_kept(dir, &e)))),
        }
        for path in store.temporaries()? {
            match site.storage.remove_file(&path) {
                Ok(()) => removed += 1,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(io_error("remove", &path, e)),
            }
        }
    }
    // Without the sync, a crash could restore the temporary name of a body that was stored and removed.
    if exists(site.storage.as_ref(), dir).map_err(|e| io_error("inspect", dir, e))? {
        site.storage.sync_dir(dir).map_err(|e| io_error("sync", dir, e))?;
    }
    drop(held);
    Ok((removed, None))
}

fn temporaries_kept(dir: &Path, e: &engine::Error) -> Note {
    let message = format!(
        "temporary files in {} were not removed, and may contain bodies of the runs: {}; end the programs that store bodies, \
         and delete the run again by its ref",
        dir.display(),
        chain(e)
    );
    Note::new(Severity::Error, "erase_temporary_kept", message)
}

/// Returns a note about bodies that are kept, because the lock on the bodies cannot be acquired.
fn not_locked(e: &engine::Error) -> Note {
    let code = if e.code() == "bodies_in_use" { "erase_bodies_in_use" } else { "erase_bodies_kept" };
    let hint = e.hint().map(|hint| format!("; {hint}, and repeat the command")).unwrap_or_default();
    let message = format!("no body was removed, because the bodies cannot be locked: {}{hint}", chain(e));
    Note::new(Severity::Error, code, message)
}

fn in_use(count: usize) -> Note {
    let message = format!(
        "{count} bodies were not removed, because a program captures into the workspace; end the program and delete the \
         run again"
    );
    Note::new(Severity::Error, "erase_bodies_in_use", message)
}

/// Returns the bodies that the artifacts of a view use, or the reason why they are not known.
fn known_use(view: &StoreView<'_>, accepts_gaps: bool) -> std::result::Result<BTreeSet<Digest>, String> {
    let is_accepted = |note: &Note| accepts_gaps && note.code == "log_gap";
    let notes = view.notes();
    match notes.iter().find(|note| may_hide_artifacts(note) && !is_accepted(note)) {
        Some(note) => Err(format!("an artifact may be missing: {}", note.message)),
        None => {
            used_bodies(view, |_| false).map_err(|e| format!("a directory cannot be read: {}", chain(&e)))
        }
    }
}

/// Returns `true` if the tables may lack artifacts because of the facts that a note reports.
pub(in crate::recovery) fn may_hide_artifacts(note: &Note) -> bool {
    note.severity == Severity::Error || note.code == "entry_unknown_kind"
}

/// Returns `true` if a process holds a stream for some time. A new child process holds the locks of its parent until it starts
/// its program. Such a process does not capture.
fn is_captured_for_long(site: &EraseSite<'_>) -> Result<bool> {
    for _ in 1..CAPTURE_CHECKS {
        if !is_captured_into(site)? {
            return Ok(false);
        }
        site.storage.sleep(PAUSE);
    }
    is_captured_into(site)
}

/// Returns `true` if a process may write to a stream of the log or of the outbox. On a file system without locks, every stream
/// without a close mark counts as a stream with a writer.
pub(in crate::recovery) fn is_captured_into(site: &EraseSite<'_>) -> Result<bool> {
    let (storage, log) = (site.storage.as_ref(), site.dirs.log.as_path());
    let streams = list_streams(storage, log).map_err(Error::from)?;
    let is_written = |log, stream| has_writer(storage, log, stream) != Some(false);
    if streams.into_iter().any(|stream| is_written(log, stream)) {
        return Ok(true);
    }
    let spill = spill(site);
    Ok(spill.streams()?.into_iter().any(|stream| is_written(spill.dir(), stream)))
}
