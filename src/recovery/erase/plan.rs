//! The plan of an erasure. Planning writes nothing.

use crate::contract::RunRef;
use crate::contract::fact::{ErasedEntries, ErasureStep};
use crate::engine::checksum::Digest;
use crate::engine::entry::{Position, StreamId};
use crate::engine::progress::Progress;
use crate::recovery::backup::BackupRef;
use crate::recovery::erase::bodies::{RunBodies, may_hide_artifacts, used_bodies};
use crate::recovery::erase::held::{Needed, backup_with, files_not_in};
use crate::recovery::erase::outbox::{are_facts_spilled, files_only_in_outbox, spilled_entries};
use crate::recovery::erase::scan::{FoundEntries, RunEntries, Wanted, find_entries};
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::{Error, Result};
use crate::recovery::workspace_dirs::real_path;
use crate::store::{self, DeadLetterFile, Note, Severity, StoreView, chain};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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
    /// The number of temporary files of bodies. Interrupted programs have left these files, and they may contain bodies of
    /// the runs. An erasure removes these files, except files that a program still uses.
    pub temporary_files: u64,
    /// The files in the directories of reports and exports, if artifacts of the runs refer to them. An
    /// erasure removes these files.
    pub files: Vec<PathBuf>,
    /// Further such files, which the backup does not contain with their present content. An erasure removes these files
    /// only with [`EraseOptions::without_backup`](crate::recovery::EraseOptions::without_backup), and keeps them otherwise.
    pub unsaved_files: Vec<PathBuf>,
    /// The latest backup that contains all entries and bodies of the runs; `None` if there is none.
    pub backup_ref: Option<BackupRef>,
    /// Notes about parts of the log that cannot be read, and about bodies and files that cannot be removed.
    pub notes: Vec<Note>,
    /// The digest of the entries, bodies and files. An erasure is refused if the digest has changed.
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
    /// The number of entries in the outbox. An entry can be in the outbox and in the log.
    pub outbox_entries: u64,
}

/// A plan, and the data that an application of the plan needs.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) plan: ErasePlan,
    pub(super) found: FoundEntries,
    /// The entries in the outbox.
    pub(super) spilled: FoundEntries,
    /// The bodies of the runs, including bodies that other runs use.
    pub(super) bodies: RunBodies,
    /// The positions of the dead letters of the runs.
    pub(super) letters: BTreeSet<Position>,
}

impl Examined {
    /// Returns the runs with entries. Each run has the range of its entries in each stream of the log and of the outbox.
    pub(super) fn ranges(&self) -> BTreeMap<&RunRef, BTreeMap<StreamId, ErasedEntries>> {
        let mut ranges: BTreeMap<&RunRef, BTreeMap<StreamId, ErasedEntries>> = BTreeMap::new();
        for (run, entries) in self.found.runs.iter().chain(&self.spilled.runs) {
            let known = ranges.entry(run).or_default();
            for (stream, new) in &entries.streams {
                let range = known.entry(*stream).or_insert(*new);
                range.first = range.first.min(new.first);
                range.last = range.last.max(new.last);
                range.entries = range.entries.max(new.entries);
            }
        }
        ranges
    }
}

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
        let reason = "entries, bodies or files of the runs have changed since the plan was made".to_owned();
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
    let letters = DeadLetterFile::new(site.storage, &site.dirs.outbox).positions()?;
    let wanted = Wanted { runs: &runs, letters: &letters };
    let found = find_entries(site.storage, &site.dirs.log, wanted, progress)?;
    let spilled = spilled_entries(site, wanted)?;
    let examine = |view: &StoreView<'_>| {
        let bodies = RunBodies::of(view, [&found, &spilled])?;
        Ok::<_, store::Error>((bodies, used_bodies(view, |run| runs.contains(run))))
    };
    let (bodies, used) = site.store.read(examine)?;
    let mut notes = bodies.unknown_files(&site.dirs.bodies(site.storage), used.as_ref().ok())?;
    notes.extend(found.notes.iter().chain(&spilled.notes).cloned());
    let (mut count, mut body_bytes) = (0, 0);
    let is_waiting = are_facts_spilled(site, &runs)?;
    match used {
        Ok(used) if is_waiting && bodies.all.difference(&used).next().is_some() => {
            let message = "no body can be removed, because artifacts wait in the outbox; run `contexta outbox replay` first";
            notes.push(Note::new(Severity::Error, "erase_bodies_kept", message));
        }
        Ok(used) => {
            let store = site.dirs.bodies(site.storage);
            for digest in bodies.all.difference(&used) {
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
    let needed = Needed { segments: &found.segments, bodies: &bodies.all };
    let is_readable = found.notes.iter().all(|note| note.severity != Severity::Error);
    let backup_ref = if is_readable { backup_with(site, &needed)? } else { None };
    let backup_ref = match backup_ref {
        Some(backup)
            if files_not_in(site, &backup, &files_only_in_outbox(site, &spilled, &found))?.is_empty() =>
        {
            Some(backup)
        }
        _ => None,
    };
    let files = files_of(site, &runs, [&found, &spilled], is_waiting, &mut notes)?;
    let unsaved = match &backup_ref {
        Some(backup) => files_not_in(site, backup, &files)?,
        None => BTreeSet::new(),
    };
    let (unsaved_files, files): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|path| unsaved.contains(path));
    let planned = |(run, state): (&RunRef, &RunState)| planned(run, state, [&found, &spilled]);
    let plan = ErasePlan {
        fingerprint: Digest([0; 32]),
        runs: states.iter().map(planned).collect(),
        bodies: count,
        body_bytes,
        temporary_files: site.dirs.bodies(site.storage).temporaries()?.len() as u64,
        files,
        unsaved_files,
        backup_ref,
        notes,
    };
    let letters = found.letters.union(&spilled.letters).copied().collect();
    let mut examined = Examined { plan, found, spilled, bodies, letters };
    examined.plan.fingerprint = fingerprint(site, &examined);
    Ok(examined)
}

fn planned(run: &RunRef, state: &RunState, [found, spilled]: [&FoundEntries; 2]) -> PlannedErasure {
    let entries = found.runs.get(run);
    PlannedErasure {
        outbox_entries: spilled.runs.get(run).map_or(0, RunEntries::count),
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
fn files_of(
    site: &EraseSite<'_>,
    runs: &BTreeSet<RunRef>,
    found: [&FoundEntries; 2],
    is_waiting: bool,
    notes: &mut Vec<Note>,
) -> Result<Vec<PathBuf>> {
    let storage = site.storage.as_ref();
    let dirs = [&site.dirs.reports, &site.dirs.exports];
    let dirs = dirs.map(|dir| real_path(storage, dir));
    let entries = found.into_iter().flat_map(|found| found.runs.values());
    let files: BTreeSet<&PathBuf> = entries.flat_map(|run| &run.files).collect();
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
        None if is_waiting => Some("artifacts wait in the outbox; run `contexta outbox replay`".to_owned()),
        None => None,
    };
    if let Some(reason) = reason {
        notes.extend(files.iter().map(|path| kept_file(path, &reason)));
        return Ok(Vec::new());
    }
    let others = uses.into_iter().filter(|(run, _)| !runs.contains(run));
    let others: BTreeSet<PathBuf> = others.map(|(_, path)| real_path(storage, &path)).collect();
    files.retain(|path| !others.contains(&real_path(storage, path)));
    Ok(files)
}

/// Returns a note about a report or export that is not removed.
pub(super) fn kept_file(path: &Path, reason: &str) -> Note {
    let message = format!("the file {} is kept, because {reason}", path.display());
    Note::new(Severity::Error, "erase_file_kept", message)
}

/// Returns the digest of the entries, bodies and files of a plan. A changed file has another length or another time.
fn fingerprint(site: &EraseSite<'_>, examined: &Examined) -> Digest {
    let Examined { plan, found, spilled, bodies, letters } = examined;
    let mut covered = Vec::new();
    for (run, entries) in found.runs.iter().chain(&spilled.runs) {
        covered.extend_from_slice(run.as_str().as_bytes());
        covered.push(0);
        for stream in entries.streams.values() {
            covered.extend_from_slice(&stream.stream);
            for number in [stream.first, stream.last, stream.entries] {
                covered.extend_from_slice(&number.to_le_bytes());
            }
        }
    }
    bodies.all.iter().for_each(|digest| covered.extend_from_slice(&digest.0));
    covered.extend_from_slice(&plan.bodies.to_le_bytes());
    for letter in letters {
        covered.extend_from_slice(&letter.stream.0);
        covered.extend_from_slice(&letter.seq.0.to_le_bytes());
    }
    for files in [&plan.files, &plan.unsaved_files] {
        covered.extend_from_slice(&(files.len() as u64).to_le_bytes());
        for path in files {
            covered.extend_from_slice(path.as_os_str().as_encoded_bytes());
            covered.push(0);
            let info = site.storage.info(path).ok();
            for number in [info.map(|info| info.len), info.map(|info| info.modified)] {
                covered.extend_from_slice(&number.unwrap_or_default().to_le_bytes());
            }
        }
    }
    Digest::of(&covered)
}
