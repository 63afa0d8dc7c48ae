//! The append side: facts into the log, bodies into the object store. Never touches a projection.

use crate::contract::{ArtifactManifest, Fact, Valid, Value};
use crate::engine::Error;
use crate::engine::blob::{BlobInfo, BlobStore};
use crate::engine::chain::Head;
use crate::engine::checksum::Digest;
use crate::engine::entry::Stamp;
use crate::engine::log::{Committed, Durability, Log};
use crate::engine::storage::Storage;
use crate::projections::entry::{Captured, kind_name};
use crate::store::error::{self, Result};
use std::path::Path;
use std::sync::Arc;

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The stamp of the first fact; the others follow it.
    pub first: Stamp,
    /// How many.
    pub count: u64,
    /// What is promised about them.
    pub durability: Durability,
}

impl Receipt {
    /// The stamp of the `n`th fact of the append, from 0.
    pub fn stamp(&self, n: u64) -> Stamp {
        Stamp { time: self.first.time + n, seq: self.first.seq.plus(n), ..self.first }
    }
}

impl From<Committed> for Receipt {
    fn from(done: Committed) -> Receipt {
        Receipt { first: done.first, count: done.count, durability: done.durability }
    }
}

/// Appends to one workspace.
#[derive(Debug)]
pub struct Journal {
    log: Log,
    blobs: BlobStore,
}

impl Journal {
    /// A journal on this log and these bodies.
    pub fn new(log: Log, blobs: BlobStore) -> Journal {
        Journal { log, blobs }
    }

    /// Appends facts as one commit: all of them or none. Durability and cost: [`Log::append`].
    pub fn append(&self, facts: Vec<Fact>, durability: Durability) -> Result<Receipt> {
        self.append_captured(&facts.into_iter().map(Captured::from).collect::<Vec<_>>(), durability)
    }

    /// Appends one fact that replaces what earlier entries said.
    pub fn append_replacing(
        &self,
        fact: Fact,
        replaces: Vec<Stamp>,
        durability: Durability,
    ) -> Result<Receipt> {
        self.append_captured(&[Captured { fact, replaces, origin: None }], durability)
    }

    /// Appends, on disk when it returns, what must still be said when the disk is full: that something has ended. The log
    /// keeps some room back for it. With the head that covers it, to be kept elsewhere.
    pub fn append_end(&self, facts: Vec<Fact>) -> Result<Head> {
        let captured: Vec<Captured> = facts.into_iter().map(Captured::from).collect();
        Ok(self.log.append_end(&captured).map_err(name_kind)?.1)
    }

    pub(super) fn append_captured(&self, captured: &[Captured], durability: Durability) -> Result<Receipt> {
        Ok(self.log.append(captured, durability).map_err(name_kind)?.into())
    }

    /// Stores the body in `path`, durably, then in one commit the manifest that `describe` makes of it and the facts that
    /// go with it. On an error after the body was stored, the body is an orphan: space, no lie.
    pub fn append_artifact(
        &self,
        path: &Path,
        describe: impl FnOnce(&BlobInfo) -> crate::contract::Result<(Valid<ArtifactManifest>, Vec<Fact>)>,
    ) -> Result<(Receipt, Valid<ArtifactManifest>)> {
        let body = self.blobs.ingest_file(path)?;
        let (manifest, with) = describe(&body)?;
        let mut facts = vec![Fact::Artifact(Box::new(manifest.clone()), Some(body.digest.0))];
        facts.extend(with);
        Ok((self.append(facts, Durability::Fsync)?, manifest))
    }

    /// Hands over what is batched.
    pub fn flush(&self) -> Result<()> {
        Ok(self.log.flush()?)
    }

    /// Tells the clock of a time read from the log. `false`: it lies too far ahead to follow.
    pub fn observe(&self, time: u64) -> bool {
        self.log.observe(time)
    }

    /// Makes everything appended so far durable.
    pub fn sync(&self) -> Result<()> {
        Ok(self.log.sync()?)
    }

    /// Ends the own stream with a close mark. A later append goes on.
    pub fn close(&self) -> Result<Option<Head>> {
        Ok(self.log.close()?)
    }

    /// The own stream, and how far it goes.
    pub fn head(&self) -> Option<Head> {
        self.log.head()
    }

    /// The bodies.
    pub fn blobs(&self) -> &BlobStore {
        &self.blobs
    }

    /// Where the clock, and random bytes, come from.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        self.log.storage()
    }

    /// Fills `out` with random bytes.
    pub fn entropy(&self, out: &mut [u8]) -> Result<()> {
        let filled = self.storage().entropy(out);
        Ok(filled.map_err(|source| Error::Io {
            action: "read random bytes for",
            path: self.log.dir().into(),
            source,
        })?)
    }
}

/// Replaces the number of the kind of an entry that is too large by its name.
fn name_kind(e: Error) -> error::Error {
    match e {
        Error::EntryTooLarge { kind, bytes, limit } => {
            error::Error::FactTooLarge { what: kind_name(kind).unwrap_or("fact"), bytes, limit }
        }
        e => e.into(),
    }
}

/// What a manifest says of where a body in this workspace lies.
pub fn location_of(body: &BlobInfo) -> String {
    format!("blake3:{}", body.digest)
}

/// The name of a file as a manifest's attribute, if it has one.
pub fn file_name_attribute(path: &Path) -> Option<(String, Value)> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some(("file_name".to_owned(), Value::Text(name)))
}

/// Sixteen hexadecimal digits of the digest of a text: a ref component that follows from what it says.
pub fn short_digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string().chars().take(16).collect()
}
