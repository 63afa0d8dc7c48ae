//! Damaged and missing bodies: their examination, their quarantine, and their replacement by intact copies.

use crate::engine::blob::BlobStore;
use crate::engine::checksum::Digest;
use crate::engine::error::Error as EngineError;
use crate::engine::fault::chain;
use crate::engine::storage::replace::FileReplacement;
use crate::engine::storage::{FileReader, OpenMode, Storage, exists, temporary_path};
use crate::recovery::backup::io_error;
use crate::recovery::error::{Error, Result};
use crate::recovery::known::Known;
use crate::store::{Note, Severity, Store};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The fault of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyState {
    /// The body does not match its digest.
    Damaged,
    /// The body does not exist.
    Missing,
}

impl BodyState {
    /// Returns the stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            BodyState::Damaged => "damaged",
            BodyState::Missing => "missing",
        }
    }
}

/// The action for a damaged or missing body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyAction {
    /// Stores an intact copy from the source. A damaged body is copied to quarantine first.
    Heal,
    /// Moves the damaged body to quarantine. The body is lost.
    Quarantine,
    /// Nothing can be done. The body is lost.
    None,
}

impl BodyAction {
    /// Returns the stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            BodyAction::Heal => "heal",
            BodyAction::Quarantine => "quarantine",
            BodyAction::None => "none",
        }
    }
}

/// A damaged or missing body, and the action for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyRepair {
    /// The digest that names the body.
    pub digest: Digest,
    /// The fault.
    pub state: BodyState,
    /// The action.
    pub action: BodyAction,
    /// `true` if an entry of the log refers to the body. `false` if an earlier read has seen the body, and no readable
    /// entry refers to it.
    pub is_referenced: bool,
}

/// Examines all bodies to which the log refers, and all known bodies. `source` is the store of the intact copies. Returns
/// the damaged and missing bodies, and a note for each body that cannot be read.
pub(super) fn examine_bodies(
    store: &Store,
    known: &Known,
    source: Option<&BlobStore>,
) -> Result<(Vec<BodyRepair>, Vec<Note>)> {
    let (referenced, mut notes) = referenced_bodies(store)?;
    let others = known.bodies().filter(|body| !referenced.contains(body));
    let all = referenced.iter().map(|body| (*body, true)).chain(others.map(|body| (body, false)));
    let mut faulty = Vec::new();
    for (digest, is_referenced) in all {
        let state = match store.read(|view| view.verify_body(&digest)) {
            Ok(true) => continue,
            Ok(false) => BodyState::Damaged,
            Err(e) if e.code() == "artifact_body_missing" => BodyState::Missing,
            Err(e) => {
                let message = format!("the body {digest} cannot be read: {}", chain(&e));
                notes.push(Note::new(Severity::Error, "artifact_body_unreadable", message));
                continue;
            }
        };
        let is_healed = match source.map(|source| source.verify(&digest, &[])) {
            None | Some(Err(EngineError::BodyMissing { .. })) => false,
            Some(Ok(is_intact)) => is_intact,
            // A later repair may be able to read the copy, so the body does not count as lost.
            Some(Err(e)) => {
                let message = format!("the copy of the body {digest} cannot be read: {}", chain(&e));
                notes.push(Note::new(Severity::Error, "repair_copy_unreadable", message));
                continue;
            }
        };
        let action = match state {
            _ if is_healed => BodyAction::Heal,
            BodyState::Damaged => BodyAction::Quarantine,
            BodyState::Missing => BodyAction::None,
        };
        faulty.push(BodyRepair { digest, state, action, is_referenced });
    }
    Ok((faulty, notes))
}

/// Returns the bodies to which the log refers, and a note for each directory whose list of files cannot be read.
fn referenced_bodies(store: &Store) -> Result<(BTreeSet<Digest>, Vec<Note>)> {
    store.read(|view| {
        let mut bodies: BTreeSet<Digest> = view.bodies()?.into_iter().collect();
        let mut notes = Vec::new();
        for tree in view.trees()? {
            match view.tree_files(&tree) {
                Ok(files) => bodies.extend(files.into_iter().map(|(digest, _)| digest)),
                Err(e) => {
                    let message = format!(
                        "the list {tree} of the files of a directory cannot be read, so these files are not examined: {}",
                        chain(&e)
                    );
                    notes.push(Note::new(Severity::Warning, "repair_tree_unreadable", message));
                }
            }
        }
        Ok::<_, Error>((bodies, notes))
    })
}

/// The stores between which a repair moves bodies.
#[derive(Debug)]
pub(super) struct BodySite<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) bodies: BlobStore,
    pub(super) staging: &'a Path,
    pub(super) quarantine: &'a Path,
    pub(super) source: Option<&'a BlobStore>,
}

impl BodySite<'_> {
    /// Applies the action for a body. Returns the path of the copy in quarantine, if there is one. A damaged body is
    /// removed only after its copy in quarantine is durable.
    pub(super) fn apply(&self, body: &BodyRepair) -> Result<Option<PathBuf>> {
        let copy = match body.state {
            BodyState::Damaged => Some(self.quarantine(&body.digest)?),
            BodyState::Missing => None,
        };
        match (body.action, self.source) {
            (BodyAction::Heal, Some(source)) => {
                let mut content = FileReader::new(source.open(&body.digest)?);
                if self.bodies.ingest(&mut content)?.digest != body.digest {
                    return Err(Error::RepairPlanOutdated);
                }
            }
            (BodyAction::Quarantine, _) => self.remove(&body.digest)?,
            (BodyAction::Heal | BodyAction::None, _) => {}
        }
        Ok(copy)
    }

    /// Copies a damaged body to quarantine. The name of the copy contains a digest of its content, so different contents
    /// have different names.
    fn quarantine(&self, digest: &Digest) -> Result<PathBuf> {
        let content = content_digest(self.storage.as_ref(), &self.bodies.path(digest))?.to_string();
        let name = format!("body-{digest}-{}.bytes", content.get(..16).unwrap_or_default());
        let path = self.quarantine.join(&name);
        let wrap = |e| io_error("write", &path, e);
        let is_present = exists(self.storage.as_ref(), &path).map_err(wrap)?
            && content_digest(self.storage.as_ref(), &path)?.to_string() == content;
        self.storage.create_dir_all(self.quarantine).map_err(wrap)?;
        if is_present {
            // The process that wrote the copy may have ended before it synced the directory.
            self.storage.sync_dir(self.quarantine).map_err(wrap)?;
            return Ok(path);
        }
        let mut from = FileReader::new(self.bodies.open(digest)?);
        let mut copy =
            FileReplacement::in_dir(self.storage, self.quarantine, &name, "quarantine").map_err(wrap)?;
        io::copy(&mut from, &mut copy).map_err(wrap)?;
        copy.publish().map_err(wrap)?;
        Ok(path)
    }

    /// Removes a damaged body. The file is moved before it is examined again, because a process may have stored an intact
    /// body in the meantime. An intact body is stored again.
    fn remove(&self, digest: &Digest) -> Result<()> {
        let storage = self.storage.as_ref();
        let path = self.bodies.path(digest);
        storage.create_dir_all(self.staging).map_err(|e| io_error("create", self.staging, e))?;
        let moved = temporary_path(storage, self.staging, "body");
        let moved = moved.map_err(|e| io_error("get random bytes for a file name in", self.staging, e))?;
        storage.rename(&path, &moved).map_err(|e| io_error("rename", &path, e))?;
        if content_digest(storage, &moved)? == *digest {
            let file = storage.open(&moved, OpenMode::Read).map_err(|e| io_error("read", &moved, e))?;
            self.bodies.ingest(&mut FileReader::new(file))?;
        }
        storage.remove_file(&moved).map_err(|e| io_error("remove", &moved, e))?;
        if let Some(shard) = path.parent() {
            storage.sync_dir(shard).map_err(|e| io_error("sync", shard, e))?;
        }
        storage.sync_dir(self.staging).map_err(|e| io_error("sync", self.staging, e))
    }
}

/// Returns the BLAKE3 digest of a file.
fn content_digest(storage: &dyn Storage, path: &Path) -> Result<Digest> {
    let wrap = |e| io_error("read", path, e);
    let mut file = FileReader::new(storage.open(path, OpenMode::Read).map_err(wrap)?);
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Digest(*hasher.finalize().as_bytes())),
            Ok(got) => {
                hasher.update(buffer.get(..got).unwrap_or_default());
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(wrap(e)),
        }
    }
}
