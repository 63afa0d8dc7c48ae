//! Options for opening a workspace, set by hand or from a configuration. The only file where settings become options of
//! other floors.

use crate::capture::CaptureOptions;
use crate::client::error::Result;
use crate::client::paths::Paths;
use crate::config::{DurabilityMode, UnifiedConfig};
use crate::engine::log::LogOptions;
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::store::Durability;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options for opening a workspace.
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    pub(super) paths: Paths,
    pub(super) create: bool,
    /// Write tables to disk; without it they are made in memory.
    pub(super) publish: bool,
    /// Create the directory of the tables if it is missing.
    pub(super) create_tables: bool,
    pub(super) projections: Option<PathBuf>,
    pub(super) temporary: Option<PathBuf>,
    pub(super) capture: CaptureOptions,
    pub(super) log: LogOptions,
    pub(super) storage: Option<Arc<dyn Storage>>,
}

impl Options {
    /// The workspace at this path; created if the path does not exist.
    pub fn new(workspace: impl AsRef<Path>) -> Options {
        Options {
            paths: Paths::new(workspace.as_ref()),
            create: true,
            publish: true,
            create_tables: true,
            projections: None,
            temporary: None,
            capture: CaptureOptions::default(),
            log: LogOptions::new(DOMAIN),
            storage: None,
        }
    }

    /// The workspace that the settings describe. Errors: a value is outside of its range, because code assigned it.
    pub fn from_config(config: &UnifiedConfig) -> Result<Options> {
        config.check()?;
        let durability = match config.records.durability_mode {
            DurabilityMode::Flush => Durability::Flush,
            DurabilityMode::Fsync => Durability::Fsync,
            DurabilityMode::Batched => Durability::Batched,
        };
        let capture = CaptureOptions {
            project: config.project_name.clone(),
            producer: config.capture.producer_ref.clone(),
            durability,
            environment_variables: config.security.environment_variable_allowlist.clone(),
            code_revision: config.capture.capture_code_revision,
            environment: config.capture.capture_environment_snapshot,
            packages: config.capture.capture_installed_packages,
            records_read_only: config.records.read_only,
            artifacts_read_only: config.artifacts.read_only,
        };
        let nothing_written =
            config.metadata.read_only && config.records.read_only && config.artifacts.read_only;
        Ok(Options {
            paths: Paths::of(config),
            create: config.workspace.create_missing_dirs && !nothing_written,
            publish: !config.metadata.read_only,
            create_tables: config.metadata.auto_create && !config.metadata.read_only,
            capture,
            log: LogOptions {
                segment_bytes_max: config.records.max_segment_bytes,
                ..LogOptions::new(DOMAIN)
            },
            ..Options::new(&config.workspace.root_path)
        })
    }

    /// Sets the project that runs belong to; by default `default`.
    pub fn project(mut self, name: &str) -> Options {
        self.capture.project = name.to_owned();
        self
    }

    /// Sets the name of the producer of records: a token such as `sdk.rust`.
    pub fn producer(mut self, token: &str) -> Options {
        self.capture.producer = token.to_owned();
        self
    }

    /// Sets the durability of a captured event or metric when the call returns; by default [`Durability::Flush`].
    pub fn durability(mut self, durability: Durability) -> Options {
        self.capture.durability = durability;
        self
    }

    /// Sets the names of environment variables that a run may record; by default none.
    pub fn environment_variables(mut self, names: &[&str]) -> Options {
        self.capture.environment_variables = names.iter().map(|n| (*n).to_owned()).collect();
        self
    }

    /// Records the code revision of the repository that contains the current directory, or not; by default it is
    /// recorded.
    pub fn detect_code_revision(mut self, on: bool) -> Options {
        self.capture.code_revision = on;
        self
    }

    /// Creates the workspace if it does not exist, independent of the settings.
    pub fn may_create(mut self) -> Options {
        self.create = true;
        self
    }

    /// Refuses a workspace that does not exist.
    pub fn must_exist(mut self) -> Options {
        self.create = false;
        self
    }

    /// Opens the workspace without changes on disk; the projections are not written either.
    pub fn read_only(mut self) -> Options {
        self.create = false;
        self.publish = false;
        self.capture.records_read_only = true;
        self.capture.artifacts_read_only = true;
        self
    }

    /// Stores the projections in this directory instead of the workspace, such as a local disk for a workspace on a
    /// network. Projections are derived, so no data depends on them. Each workspace needs a directory of its own.
    pub fn projections_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.projections = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Sets the directory of a temporary file for tables that do not fit in memory when the workspace is opened
    /// read-only; by default memory is used. A workspace that is not read-only has that file beside the projections.
    pub fn temporary_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.temporary = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Sets the storage, such as a simulated disk for tests.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Options {
        self.storage = Some(storage);
        self
    }
}
