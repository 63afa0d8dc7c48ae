//! The plan of an erasure. Planning writes nothing.

use crate::contract::RunRef;
use crate::contract::fact::{ErasedEntries, ErasureStep};
use crate::engine::checksum::Digest;
use crate::engine::progress::Progress;
use crate::recovery::backup::BackupRef;
use crate::recovery::erase::bodies::{bodies_of, may_hide_artifacts, used_bodies};
use crate::recovery::erase::held::{Needed, backup_with, files_not_in};
use crate::recovery::erase::outbox::{are_facts_spilled, spill, spilled_of};
use crate::recovery::erase::scan::{FoundEntries, RunEntries, find_entries};
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::{Error, Result};
use crate::recovery::workspace_dirs::real_path;
use crate::store::{self, Note, Severity, StoreView, chain};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The code of the note about facts of the runs in the outbox.
pub(super) const OUTBOX_KEPT: &str = "erase_outbox_kept";

/// The plan of an erasure of runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ErasePlan {
    /// The runs, in ascending order of their refs.
    pub runs: Vec<PlannedErasure>,
    /// The number of bodies that no other run uses. An erasure removes these bodies.
    pub bodies: u64,
    /// The total size of these bodies in bytes.
    pub body_bytes: u64,
    /// The files in the directories of reports and exports, if artifacts of the runs refer to them. An
    /// erasure removes these files.
    pub files: Vec<PathBuf>,
    /// The latest backup that contains all entries and bodies of the runs; `None` if there is none.
    pub backup_ref: Option<BackupRef>,
    /// Notes about parts of the log that cannot be read, and about bodies that cannot be removed.
    pub notes: Vec<Note>,
    /// The digest of the entries and bodies. An erasure is refused if the digest has changed.
    pub fingerprint: Digest,
}

/// A run in the plan of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedErasure {
    /// The ref of the run.
    pub run_ref: RunRef,
    /// The name of the run. `None` if the run was erased before and the erasure is incomplete.
    pub name: Option<String>,
    /// `true` if a process still captures the run. Such a run cannot be erased.
    pub is_open: bool,
    /// The entries of the run in each stream.
    pub streams: Vec<ErasedEntries>,
    /// The number of entries.
    pub entries: u64,
    /// The total length of the entries' payloads in bytes. The entries can take less or more space in the
    /// log, because equal parts are stored once and each commit has a header.
    pub payload_bytes: u64,
}

/// A plan, and the data that an application of the plan needs.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) plan: ErasePlan,
    pub(super) found: FoundEntries,
    /// The bodies of the runs, including bodies that other runs use.
    pub(super) bodies: BTreeSet<Digest>,
    /// The files of the plan that the backup does not contain. They are removed only if the erasure is forced.
    pub(super) unsaved: BTreeSet<PathBuf>,
}

/// The reason why a file that is not in the backup is kept.
const NOT_SAVED: &str = "the backup does not contain it with its present content; remove the file by hand, or force the \
                         deletion";

/// The state of a run in the tables.
#[derive(Debug, Clone, Default)]
struct RunState {
    /// The name; `None` if the tables do not contain the run.
    name: Option<String>,
    is_open: bool,
}

/// Plans the erasure of runs. `asked` names the runs by ref, id, name or prefix. A run that was erased before is
/// named by its ref. Reads the whole log. Errors: a run is not found.
pub(crate) fn plan_erasure(
    site: &EraseSite<'_>,
    asked: &[String],
    progress: Progress<'_>,
) -> Result<ErasePlan> {
    let states = site.store.read(|view| find_all(view, asked))?;
    Ok(examine(site, &states, progress)?.plan)
}

/// Examines the runs of a plan again.
pub(super) fn examine_again(
    site: &EraseSite<'_>,
    plan: &ErasePlan,
    progress: Progress<'_>,
) -> Result<Examined> {
    let refs: Vec<RunRef> = plan.runs.iter().map(|run| run.run_ref.clone()).collect();
    let states = site.store.read(|view| refs.iter().map(|run| state_of(view, run)).collect())?;
    let examined = examine(site, &states, progress)?;
    if examined.plan.fingerprint != plan.fingerprint {
        let reason = "entries or bodies of the runs were added or removed since the plan was made".to_owned();
        return Err(Error::BackupPlanOutdated { reason });
    }
    Ok(examined)
}

fn find_all(view: &StoreView<'_>, asked: &[String]) -> store::Result<BTreeMap<RunRef, RunState>> {
    asked.iter().map(|asked| find(view, asked)).collect()
}

fn find(view: &StoreView<'_>, asked: &str) -> store::Result<(RunRef, RunState)> {
    match view.find_run(asked) {
        Ok(row) => state_of(view, &row.run_ref),
        Err(e @ store::Error::RunNotFound { .. }) => {
            let text = asked.trim();
            let run = RunRef::parse(text).or_else(|_| RunRef::of(text));
            let erased = view.erasures()?.into_iter().map(|(_, erasure)| erasure);
            let mut erased = erased.filter(|erasure| matches!(erasure.step(), ErasureStep::Requested(_)));
            match run.ok().filter(|run| erased.any(|erasure| erasure.run_ref() == run)) {
                Some(run) => Ok((run, RunState::default())),
                None => Err(e),
            }
        }
        Err(e) => Err(e),
    }
}

fn state_of(view: &StoreView<'_>, run: &RunRef) -> store::Result<(RunRef, RunState)> {
    let Some(row) = view.run(run)? else { return Ok((run.clone(), RunState::default())) };
    let writers = view.writers(run)?;
    let is_open = writers.iter().any(|writer| writer.is_capturing());
    Ok((run.clone(), RunState { name: Some(row.name), is_open }))
}

fn examine(
    site: &EraseSite<'_>,
    states: &BTreeMap<RunRef, RunState>,
    progress: Progress<'_>,
) -> Result<Examined> {
    let runs: BTreeSet<RunRef> = states.keys().cloned().collect();
    let found = find_entries(site.storage, &site.dirs.log, &runs, progress)?;
    let examine = |view: &StoreView<'_>| {
        let (bodies, notes) = bodies_of(view, &found);
        Ok::<_, store::Error>((bodies, notes, used_bodies(view, |run| runs.contains(run))))
    };
    let (bodies, mut notes, used) = site.store.read(examine)?;
    notes.extend(found.notes.iter().cloned());
    let (mut count, mut body_bytes) = (0, 0);
    match used {
        Ok(used) => {
            let store = site.dirs.bodies(site.storage);
            for digest in bodies.difference(&used) {
                let size = store.size_of(digest)?;
                count += u64::from(size.is_some());
                body_bytes += size.unwrap_or(0);
            }
        }
        Err(e) => {
            let message =
                format!("no body can be removed, because a directory cannot be read: {}", chain(&e));
            notes.push(Note::new(Severity::Error, "erase_bodies_kept", message));
        }
    }
    let needed = Needed { segments: &found.segments, bodies: &bodies };
    let is_readable = found.notes.iter().all(|note| note.severity != Severity::Error);
    let backup_ref = if is_readable { backup_with(site, &needed)? } else { None };
    let files = files_of(site, &found, &mut notes)?;
    let unsaved = match &backup_ref {
        Some(backup) => files_not_in(site, backup, &files)?,
        None => BTreeSet::new(),
    };
    notes.extend(unsaved.iter().map(|path| kept_file(path, NOT_SAVED)));
    let spilled = spilled_of(site, &runs)?;
    notes.extend(Some(spilled).filter(|count| *count > 0).map(|count| outbox_kept(site, count)));
    let plan = ErasePlan {
        fingerprint: fingerprint(&found, &bodies),
        runs: states.iter().map(|(run, state)| planned(run, state, found.runs.get(run))).collect(),
        bodies: count,
        body_bytes,
        files,
        backup_ref,
        notes,
    };
    Ok(Examined { plan, found, bodies, unsaved })
}

/// Returns a note about facts of the runs in the outbox.
fn outbox_kept(site: &EraseSite<'_>, count: u64) -> Note {
    let dir = spill(site).dir().display().to_string();
    let message = format!(
        "the bytes of {count} facts of the runs remain in the outbox; run `contexta outbox replay`, and delete the runs \
         again; after this, end all programs that use the workspace, and remove the directory {dir}"
    );
    Note::new(Severity::Error, OUTBOX_KEPT, message)
}

fn planned(run: &RunRef, state: &RunState, entries: Option<&RunEntries>) -> PlannedErasure {
    PlannedErasure {
        run_ref: run.clone(),
        name: state.name.clone(),
        is_open: state.is_open,
        streams: entries.map(|entries| entries.streams.values().copied().collect()).unwrap_or_default(),
        entries: entries.map_or(0, RunEntries::count),
        payload_bytes: entries.map_or(0, |entries| entries.bytes),
    }
}

/// Returns the existing files in the directories of reports and exports to which artifacts of the runs refer. If an
/// artifact of another run refers to a file, the file is left out. If such an artifact may be missing, all files are left
/// out, and a note states this.
fn files_of(site: &EraseSite<'_>, found: &FoundEntries, notes: &mut Vec<Note>) -> Result<Vec<PathBuf>> {
    let storage = site.storage.as_ref();
    let dirs = [&site.dirs.reports, &site.dirs.exports];
    let dirs = dirs.map(|dir| real_path(storage, dir));
    let files: BTreeSet<&PathBuf> = found.runs.values().flat_map(|run| &run.files).collect();
    let is_own = |path: &PathBuf| {
        let real = real_path(storage, path);
        dirs.iter().any(|dir| real != *dir && real.starts_with(dir))
            && storage.info(path).is_ok_and(|info| info.is_file)
    };
    let mut files: Vec<PathBuf> = files.into_iter().filter(|path| is_own(path)).cloned().collect();
    if files.is_empty() {
        return Ok(files);
    }
    let read = |view: &StoreView<'_>| {
        let hiding = view.notes().into_iter().find(may_hide_artifacts);
        Ok::<_, store::Error>((view.file_uses()?, hiding))
    };
    let (uses, hiding) = site.store.read(read)?;
    let reason = match hiding {
        Some(note) => Some(format!("an artifact may be missing: {}", note.message)),
        None if are_facts_spilled(site)? => {
            Some("artifacts wait in the outbox; run `contexta outbox replay`".to_owned())
        }
        None => None,
    };
    if let Some(reason) = reason {
        notes.extend(files.iter().map(|path| kept_file(path, &reason)));
        return Ok(Vec::new());
    }
    let others = uses.into_iter().filter(|(run, _)| !found.runs.contains_key(run));
    let others: BTreeSet<PathBuf> = others.map(|(_, path)| real_path(storage, &path)).collect();
    files.retain(|path| !others.contains(&real_path(storage, path)));
    Ok(files)
}

/// Returns a note about a report or export that is not removed.
pub(super) fn kept_file(path: &Path, reason: &str) -> Note {
    let message = format!("the file {} is kept, because {reason}", path.display());
    Note::new(Severity::Warning, "erase_file_kept", message)
}

fn fingerprint(found: &FoundEntries, bodies: &BTreeSet<Digest>) -> Digest {
    let mut covered = Vec::new();
    for (run, entries) in &found.runs {
        covered.extend_from_slice(run.as_str().as_bytes());
        covered.push(0);
        for stream in entries.streams.values() {
            covered.extend_from_slice(&stream.stream);
            for number in [stream.first, stream.last, stream.entries] {
                covered.extend_from_slice(&number.to_le_bytes());
            }
        }
    }
    bodies.iter().for_each(|digest| covered.extend_from_slice(&digest.0));
    Digest::of(&covered)
}
