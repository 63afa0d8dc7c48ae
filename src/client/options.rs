//! [`Options`]: the options for opening a workspace, set in code or taken from the settings.

use crate::capture::{CaptureOptions, TraceContext};
use crate::client::error::Result;
use crate::client::paths::Paths;
use crate::config::{DurabilityMode, UnifiedConfig};
use crate::engine::log::LogOptions;
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::store::Durability;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The options for opening a workspace. `Options::open` opens it.
#[derive(Debug, Clone)]
#[must_use = "the options open nothing until `open` is called"]
pub struct Options {
    pub(super) paths: Paths,
    pub(super) create: bool,
    /// `true` to write tables to disk; `false` to have them in memory only.
    pub(super) publish: bool,
    /// `true` to create the directory of the tables if it is missing.
    pub(super) create_tables: bool,
    pub(super) projections: Option<PathBuf>,
    pub(super) temporary: Option<PathBuf>,
    pub(super) capture: CaptureOptions,
    pub(super) log: LogOptions,
    pub(super) storage: Option<Arc<dyn Storage>>,
}

impl Options {
    /// Returns options for the workspace at this path. `open` creates the workspace if the path does not exist.
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

    /// Returns the options that the settings describe. Errors: a value is outside its range, which is possible if code
    /// assigned it.
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
            ..CaptureOptions::default()
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

    /// Sets the project of new runs; by default `default`.
    pub fn project(mut self, name: &str) -> Options {
        self.capture.project = name.to_owned();
        self
    }

    /// Sets the name of the program that produces the records: a token such as `sdk.rust`.
    pub fn producer(mut self, token: &str) -> Options {
        self.capture.producer = token.to_owned();
        self
    }

    /// Sets the durability that an event or metric has when the call that captures it returns; by default
    /// [`Durability::Flush`].
    pub fn durability(mut self, durability: Durability) -> Options {
        self.capture.durability = durability;
        self
    }

    /// Sets the names of the environment variables that are captured; by default none.
    pub fn environment_variables(mut self, names: &[&str]) -> Options {
        self.capture.environment_variables = names.iter().map(|n| (*n).to_owned()).collect();
        self
    }

    /// Turns on or off the detection of the code revision, in the repository that contains the current directory; by
    /// default on.
    pub fn detect_code_revision(mut self, on: bool) -> Options {
        self.capture.code_revision = on;
        self
    }

    /// Sets the trace and the span of the program that started this program, such as the header `traceparent` in the
    /// environment variable `TRACEPARENT`. The scopes of the session belong to this trace. By default each run has a
    /// trace of its own.
    pub fn trace_parent(mut self, parent: TraceContext) -> Options {
        self.capture.trace_parent = Some(parent);
        self
    }

    /// Allows the creation of the workspace, even if the settings forbid it.
    pub fn may_create(mut self) -> Options {
        self.create = true;
        self
    }

    /// Requires that the workspace exists.
    pub fn must_exist(mut self) -> Options {
        self.create = false;
        self
    }

    /// Forbids every change on disk, including changes of the projections.
    pub fn read_only(mut self) -> Options {
        self.create = false;
        self.publish = false;
        self.capture.records_read_only = true;
        self.capture.artifacts_read_only = true;
        self
    }

    /// Stores the projections in this directory instead of the workspace: for example on a local disk, if the workspace
    /// is on a network drive. Projections are derived from the log and can be deleted. Each workspace needs its own
    /// directory.
    pub fn projections_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.projections = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Sets the directory of the temporary file for changes of tables. If the tables of the workspace may not be
    /// written, changes beyond the memory limit are moved to this file; without this option, all changes stay in
    /// memory. If the tables may be written, the temporary file is in the directory of the projections, and this option
    /// is ignored.
    pub fn temporary_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.temporary = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Replaces the file system with another storage, for tests.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Options {
        self.storage = Some(storage);
        self
    }
}
