//! The check of a restored log. The check reads the log, compares the log with the heads in the manifest, and
//! derives the tables.

use crate::engine::checksum::Digest;
use crate::engine::entry::StreamId;
use crate::engine::log::directory::list_segments;
use crate::engine::progress::Progress;
use crate::engine::projection::{Projector, ProjectorOptions, ProjectorPaths};
use crate::engine::storage::Storage;
use crate::engine::verify::KnownEnd;
use crate::projections::DOMAIN;
use crate::recovery::backup::Manifest;
use crate::recovery::error::{Error, Result};
use crate::recovery::verify::{Problem, VerifyOptions, verify};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::{Note, Severity, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The result of the check of a restored log.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) entries: u64,
    /// The digest of the tables.
    pub(super) digest: Digest,
    pub(super) notes: Vec<Note>,
    /// The ends of the restored streams.
    pub(super) ends: BTreeMap<StreamId, KnownEnd>,
}

/// Checks a restored log. `is_cut` is `true` if the latest entries were left out. The heads are then not
/// compared. Errors: the log has damage that the manifest does not record.
pub(super) fn check(
    storage: &Arc<dyn Storage>,
    (log, staging): (&Path, &Path),
    dirs: &WorkspaceDirs,
    (manifest, is_cut): (&Manifest, bool),
) -> Result<Checked> {
    let projector = Projector::new(
        Arc::clone(storage),
        ProjectorPaths { log: log.to_path_buf(), generations: staging.join("projections") },
        ProjectorOptions {
            publish: false,
            spill: Some(staging.to_path_buf()),
            ..ProjectorOptions::new(DOMAIN)
        },
        crate::projections::all(),
    );
    let store = Store::new(projector, dirs.bodies(storage));
    let heads = manifest.streams.iter().filter_map(|stream| stream.head).filter(|_| !is_cut);
    let options = VerifyOptions {
        bodies: false,
        projections: false,
        heads: heads.collect(),
        progress: Progress::none(),
        ..VerifyOptions::default()
    };
    let report = verify(storage, log, &store, None, options)?;
    let damaged: BTreeSet<StreamId> =
        manifest.streams.iter().filter(|stream| stream.damage > 0).map(|stream| stream.stream).collect();
    let mut notes = Vec::new();
    for problem in &report.problems {
        // The bytes of an undecodable entry are intact, so the workspace contained the same entry.
        let is_known = problem.code == "entry_unreadable"
            || problem.stream.is_some_and(|stream| damaged.contains(&stream));
        if !is_known {
            return Err(failed(manifest, &problem.message));
        }
        notes.push(known_damage(problem));
    }
    if let Some(note) = report.notes.iter().find(|note| note.severity == Severity::Error) {
        return Err(failed(manifest, &note.message));
    }
    check_segments(storage.as_ref(), log, (manifest, is_cut))?;
    let digest = store.digest()?.digest;
    notes.extend(missing_bodies(&store, manifest)?);
    let ends = report.streams.iter().map(|stream| {
        let link = stream.head.map(|head| head.digest);
        (stream.stream, KnownEnd { stream: stream.stream, seq: stream.last, link })
    });
    Ok(Checked { entries: report.entries(), digest, notes, ends: ends.collect() })
}

fn failed(manifest: &Manifest, reason: &str) -> Error {
    Error::RestoreCheckFailed { backup: manifest.backup_ref.to_string(), reason: reason.to_owned() }
}

fn known_damage(problem: &Problem) -> Note {
    let message = format!("the backup contains earlier damage of the workspace: {}", problem.message);
    Note::new(Severity::Warning, "restored_stream_damaged", message)
}

/// Checks that the restored log contains every segment of the manifest.
fn check_segments(storage: &dyn Storage, log: &Path, (manifest, is_cut): (&Manifest, bool)) -> Result<()> {
    for stream in manifest.streams.iter().filter(|_| !is_cut) {
        if list_segments(storage, log, stream.stream)?.len() != stream.segments.len() {
            return Err(failed(manifest, &format!("stream {} is incomplete", stream.stream)));
        }
    }
    Ok(())
}

/// Returns a note if the log refers to bodies that the backup does not contain.
fn missing_bodies(store: &Store, manifest: &Manifest) -> Result<Option<Note>> {
    let present: BTreeSet<Digest> = manifest.bodies.iter().map(|body| body.digest).collect();
    let needed = store.read(|view| view.bodies())?;
    let missing = needed.iter().filter(|digest| !present.contains(*digest)).count();
    let message = format!("the backup does not contain {missing} bodies that artifacts refer to");
    let note = Note::new(Severity::Warning, "artifact_body_missing", message).with("bodies", missing);
    Ok((missing > 0).then_some(note))
}
