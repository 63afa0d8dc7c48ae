//! Options of an engine.

use crate::engine::domain::{Domain, InvalidDomain};
use crate::engine::entry::Event;
use crate::engine::error::{Error, Result};
use crate::engine::log::Durability;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::engine::storage::Storage;
use crate::engine::storage::os::OsStorage;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Options of an [`Engine`](super::Engine). [`EngineOptions::open`] opens the engine. The domain is required.
#[must_use = "options do nothing until `open` is called"]
pub struct EngineOptions<E: Event> {
    pub(super) root: PathBuf,
    pub(super) domain: Option<std::result::Result<Domain, InvalidDomain>>,
    pub(super) projections: Vec<Box<dyn Projection<E>>>,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) durability: Durability,
    pub(super) is_read_only: bool,
    pub(super) segment_bytes_max: Option<u64>,
    pub(super) transaction_wait: Duration,
    pub(super) accepts_missing_entries: bool,
}

impl<E: Event> fmt::Debug for EngineOptions<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.projections.iter().map(|p| p.name()).collect();
        f.debug_struct("EngineOptions")
            .field("root", &self.root)
            .field("domain", &self.domain)
            .field("projections", &names)
            .finish_non_exhaustive()
    }
}

impl<E: Event> EngineOptions<E> {
    /// Creates options for the engine in the directory `root`, on the file system of the machine.
    pub(super) fn new(root: &Path) -> EngineOptions<E> {
        EngineOptions {
            root: root.to_path_buf(),
            domain: None,
            projections: Vec::new(),
            storage: OsStorage::shared(),
            durability: Durability::Flush,
            is_read_only: false,
            segment_bytes_max: None,
            transaction_wait: Duration::from_secs(10),
            accepts_missing_entries: false,
        }
    }

    /// Sets the domain: the name and version of the embedder's event types. A log is rejected if the name of its domain
    /// differs, or if the version of its domain is newer.
    pub fn domain(mut self, name: &str, version: u32) -> EngineOptions<E> {
        self.domain = Some(Domain::new(name, version));
        self
    }

    /// Adds a projection.
    pub fn projection(mut self, projection: impl Projection<E> + 'static) -> EngineOptions<E> {
        self.projections.push(Box::new(projection));
        self
    }

    /// Adds a projection that consists of its parts: name, version, tables and the function that adds the rows of an
    /// entry. The function is called for entries of every kind. See [`Projection`] for the rules that it must follow.
    pub fn derive(
        self,
        name: &'static str,
        version: u32,
        tables: &'static [TableSpec],
        apply: fn(&Applied<'_, E>, &mut Tables) -> Result<()>,
    ) -> EngineOptions<E> {
        self.projection(Derived { name, version, tables, apply })
    }

    /// Permits [`Engine::append_if`](super::Engine::append_if) and [`Engine::append_once`](super::Engine::append_once) while
    /// entries of the log are missing. Their results may then be wrong: the missing entries may contain the key. Use this
    /// option after entries are known to be lost for good.
    pub fn accept_missing_entries(mut self) -> EngineOptions<E> {
        self.accepts_missing_entries = true;
        self
    }

    /// Sets the storage, such as the simulated disk of a test. The default is the file system of the machine. Available
    /// with the feature `testing`.
    #[cfg(feature = "testing")]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> EngineOptions<E> {
        self.storage = storage;
        self
    }

    /// Sets the durability of appends that do not name a durability. The default is [`Durability::Flush`].
    pub fn durability(mut self, durability: Durability) -> EngineOptions<E> {
        self.durability = durability;
        self
    }

    /// Opens the engine for reading only. Appends, transactions, merges and rebuilds are errors, and nothing is written
    /// to disk.
    pub fn read_only(mut self) -> EngineOptions<E> {
        self.is_read_only = true;
        self
    }

    /// Sets the size in bytes at which a segment is sealed and the next segment is begun. The default is 64 MiB.
    pub fn segment_bytes_max(mut self, bytes: u64) -> EngineOptions<E> {
        self.segment_bytes_max = Some(bytes);
        self
    }

    /// Sets the maximum time for which a transaction or a merge waits until another transaction or merge has ended;
    /// [`Duration::MAX`] waits without limit. The default is ten seconds.
    pub fn transaction_wait(mut self, wait: Duration) -> EngineOptions<E> {
        self.transaction_wait = wait;
        self
    }

    /// Returns the domain. Errors: no domain was set, or its name is not allowed.
    pub(super) fn checked_domain(&self) -> Result<Domain> {
        let misused = |reason: String| Error::Misused { reason };
        match &self.domain {
            Some(Ok(domain)) => Ok(*domain),
            Some(Err(e)) => Err(misused(e.to_string())),
            None => Err(misused("the options name no domain; call `domain(name, version)`".to_owned())),
        }
    }
}

/// A projection that consists of its parts.
struct Derived<E> {
    name: &'static str,
    version: u32,
    tables: &'static [TableSpec],
    apply: fn(&Applied<'_, E>, &mut Tables) -> Result<()>,
}

impl<E: Event> Projection<E> for Derived<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn tables(&self) -> &'static [TableSpec] {
        self.tables
    }

    fn apply(&self, entry: &Applied<'_, E>, tables: &mut Tables) -> Result<()> {
        (self.apply)(entry, tables)
    }
}
