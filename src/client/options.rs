//! How to open a workspace: by hand, or from settings. The one place where settings become each floor's options.

use crate::capture::CaptureOptions;
use crate::client::Contexta;
use crate::client::error::Result;
use crate::client::paths::Paths;
use crate::config::{DurabilityMode, UnifiedConfig};
use crate::engine::log::LogOptions;
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::store::Durability;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to open a workspace.
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) paths: Paths,
    pub(super) create: bool,
    /// Whether tables are written; without it they are made in memory.
    pub(super) publish: bool,
    /// Whether the directory of the tables is made where it is missing.
    pub(super) create_tables: bool,
    pub(super) projections: Option<PathBuf>,
    pub(super) temporary: Option<PathBuf>,
    pub(super) capture: CaptureOptions,
    pub(super) log: LogOptions,
    pub(super) storage: Option<Arc<dyn Storage>>,
}

impl Options {
    /// The workspace at this path; created if nothing is there.
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

    /// The workspace that the settings describe. Errors: a value outside its range, which only code can have put there.
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

    /// The project that runs belong to; by default `default`.
    pub fn project(mut self, name: &str) -> Options {
        self.capture.project = name.to_owned();
        self
    }

    /// Who captures: a token such as `sdk.rust`.
    pub fn producer(mut self, token: &str) -> Options {
        self.capture.producer = token.to_owned();
        self
    }

    /// What is promised when an event or metric has been captured; by default [`Durability::Flush`].
    pub fn durability(mut self, durability: Durability) -> Options {
        self.capture.durability = durability;
        self
    }

    /// Names of environment variables that may be captured; by default none is.
    pub fn environment_variables(mut self, names: &[&str]) -> Options {
        self.capture.environment_variables = names.iter().map(|n| (*n).to_owned()).collect();
        self
    }

    /// Whether to look for the revision of the code in the repository around the current directory; by default yes.
    pub fn detect_code_revision(mut self, on: bool) -> Options {
        self.capture.code_revision = on;
        self
    }

    /// The workspace is created if nothing is there, whatever the settings say.
    pub fn may_create(mut self) -> Options {
        self.create = true;
        self
    }

    /// The workspace must exist already.
    pub fn must_exist(mut self) -> Options {
        self.create = false;
        self
    }

    /// Changes nothing on disk, not even the projections.
    pub fn read_only(mut self) -> Options {
        self.create = false;
        self.publish = false;
        self.capture.records_read_only = true;
        self.capture.artifacts_read_only = true;
        self
    }

    /// Keeps the projections in this directory instead of the workspace: on local disk where the workspace lies on a
    /// network. They are derived; losing them loses nothing. One directory serves one workspace.
    pub fn projections_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.projections = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Where a temporary file is made when the tables of a large log do not fit in memory and the workspace is opened
    /// read-only; by default nowhere, and memory is used. Otherwise it is made beside the projections.
    pub fn temporary_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.temporary = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Another system than the real one, for tests.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Options {
        self.storage = Some(storage);
        self
    }

    /// Opens the workspace.
    pub fn open(self) -> Result<Contexta> {
        Contexta::open_with(self)
    }
}
