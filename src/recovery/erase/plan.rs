//! The plan of an erasure. Planning writes nothing.

use crate::contract::RunRef;
use crate::contract::fact::{ErasedEntries, ErasureStep};
use crate::engine::checksum::Digest;
use crate::engine::progress::Progress;
use crate::recovery::backup::BackupRef;
use crate::recovery::erase::bodies::{bodies_of, used_bodies};
use crate::recovery::erase::held::{Needed, backup_with};
use crate::recovery::erase::scan::{FoundEntries, RunEntries, find_entries};
use crate::recovery::erase::site::EraseSite;
use crate::recovery::error::{Error, Result};
use crate::recovery::workspace_dirs::real_path;
use crate::store::location::local_path;
use crate::store::{self, Note, Severity, StoreView, chain};
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
    let plan = ErasePlan {
        fingerprint: fingerprint(&found, &bodies),
        runs: states.iter().map(|(run, state)| planned(run, state, found.runs.get(run))).collect(),
        bodies: count,
        body_bytes,
        files: files_of(site, &found, backup_ref.as_ref())?,
        backup_ref,
        notes,
    };
    Ok(Examined { plan, found, bodies })
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

/// Returns the existing files in the directories of reports and exports to which artifacts of the runs refer. Files to
/// which artifacts of other runs refer, and files that are not in the backup, are not part of the result.
fn files_of(site: &EraseSite<'_>, found: &FoundEntries, backup: Option<&BackupRef>) -> Result<Vec<PathBuf>> {
    let storage = site.storage.as_ref();
    let artifacts = site.store.read(|view| view.artifacts(None))?;
    let others = artifacts.iter().filter(|artifact| !found.runs.contains_key(&artifact.manifest.run_ref));
    let others = others.filter_map(|artifact| local_path(&artifact.manifest.location_ref));
    let others: BTreeSet<PathBuf> = others.map(|path| real_path(storage, &path)).collect();
    let manifest = backup.map(|backup| site.repository.read(backup)).transpose()?;
    let is_saved = |path: &Path, len: u64| {
        let files = manifest.iter().flat_map(|manifest| &manifest.files);
        let mut same = files.filter(|file| file.content.len == len && path.ends_with(Path::new(&file.path)));
        manifest.is_none() || same.next().is_some()
    };
    let dirs = [&site.dirs.reports, &site.dirs.exports];
    let dirs = dirs.map(|dir| real_path(storage, dir));
    let files: BTreeSet<&PathBuf> = found.runs.values().flat_map(|run| &run.files).collect();
    let is_own = |path: &PathBuf| {
        let real = real_path(storage, path);
        dirs.iter().any(|dir| real != *dir && real.starts_with(dir))
            && !others.contains(&real)
            && storage.info(path).is_ok_and(|info| info.is_file && is_saved(&real, info.len))
    };
    Ok(files.into_iter().filter(|path| is_own(path)).cloned().collect())
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
