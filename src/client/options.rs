//! [`Options`]: the options for opening a workspace, set in code or taken from the settings.

use crate::capture::{
    CaptureOptions, DispatchOptions, FailureMode, IngestMode, RedactionMode, RedactionOptions, Sink,
    TraceContext,
};
use crate::client::error::Result;
use crate::client::paths::Paths;
use crate::client::sinks::ConfiguredSink;
use crate::config::{self, ConfigWarning, DispatchFailureMode, DurabilityMode, Strictness, UnifiedConfig};
use crate::contract::Origin;
use crate::engine::log::LogOptions;
use crate::engine::storage::Storage;
use crate::projections::DOMAIN;
use crate::store::Durability;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
    pub(super) dispatch: DispatchOptions,
    pub(super) configured_sinks: Vec<ConfiguredSink>,
    pub(super) log: LogOptions,
    pub(super) storage: Option<Arc<dyn Storage>>,
    pub(super) opened: OpenedWith,
}

/// The settings that a workspace is opened with.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenedWith {
    /// The settings, including the changes that the methods of [`Options`] made.
    pub(super) config: UnifiedConfig,
    /// The warnings about the settings.
    pub(super) warnings: Vec<ConfigWarning>,
    /// The run that this process belongs to, according to the environment.
    pub(super) run: Option<String>,
}

impl Options {
    /// Returns options for the workspace at this path. `open` creates the workspace if the path does not exist.
    pub fn new(workspace: impl AsRef<Path>) -> Options {
        let paths = Paths::new(workspace.as_ref());
        let mut config = UnifiedConfig::default();
        config.workspace.root_path = workspace.as_ref().to_path_buf();
        Options {
            opened: OpenedWith { config, ..OpenedWith::default() },
            dispatch: DispatchOptions::new(&paths.recovery()),
            configured_sinks: Vec::new(),
            paths,
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
            ingest_mode: match config.artifacts.default_ingest_mode {
                config::IngestMode::Copy => IngestMode::Copy,
                config::IngestMode::Move => IngestMode::Move,
                config::IngestMode::Adopt => IngestMode::Adopt,
            },
            trace_parent: None,
            origin: Origin::ExplicitCapture,
            config_snapshot: config.capture.capture_config_snapshot,
            redaction: RedactionOptions {
                mode: match config.security.redaction_mode {
                    config::RedactionMode::Strict => RedactionMode::Strict,
                    config::RedactionMode::Off => RedactionMode::Off,
                    config::RedactionMode::SafeDefault => RedactionMode::SafeDefault,
                },
                secret_key_patterns: config.security.secret_key_patterns.clone(),
            },
            mark_invalid_records: config.contract.validation_mode == Strictness::Lenient,
        };
        let paths = Paths::of(config);
        let directories = config.directories();
        let dispatch = DispatchOptions {
            retry_attempts: config.capture.retry_attempts,
            retry_backoff: Duration::try_from_secs_f64(config.capture.retry_backoff_seconds)
                .unwrap_or_default(),
            failure_mode: match config.capture.dispatch_failure_mode {
                DispatchFailureMode::Outbox => FailureMode::Outbox,
                _ => FailureMode::Raise,
            },
            degraded_markers: config.capture.write_degraded_marker_on_partial_failure,
            outbox: directories.outbox,
            ..DispatchOptions::new(&paths.recovery())
        };
        let nothing_written =
            config.metadata.read_only && config.records.read_only && config.artifacts.read_only;
        Ok(Options {
            paths,
            dispatch,
            configured_sinks: config.capture.sinks.iter().cloned().map(ConfiguredSink).collect(),
            create: config.workspace.create_missing_dirs && !nothing_written,
            publish: !config.metadata.read_only,
            create_tables: config.metadata.auto_create && !config.metadata.read_only,
            capture,
            opened: OpenedWith { config: config.clone(), ..OpenedWith::default() },
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
        self.opened.config.project_name = name.to_owned();
        self
    }

    /// Sets the name of the program that produces the records: a token such as `sdk.rust`.
    pub fn producer(mut self, token: &str) -> Options {
        self.capture.producer = token.to_owned();
        self.opened.config.capture.producer_ref = token.to_owned();
        self
    }

    /// Sets the durability that an event or metric has when the call that captures it returns; by default
    /// [`Durability::Flush`].
    pub fn durability(mut self, durability: Durability) -> Options {
        self.capture.durability = durability;
        self.opened.config.records.durability_mode = match durability {
            Durability::Flush => DurabilityMode::Flush,
            Durability::Fsync => DurabilityMode::Fsync,
            Durability::Batched => DurabilityMode::Batched,
        };
        self
    }

    /// Sets the names of the environment variables that are captured; by default none.
    pub fn environment_variables(mut self, names: &[&str]) -> Options {
        self.capture.environment_variables = names.iter().map(|n| (*n).to_owned()).collect();
        let listed = &mut self.opened.config.security.environment_variable_allowlist;
        listed.clone_from(&self.capture.environment_variables);
        self
    }

    /// Turns on or off the detection of the code revision, in the repository that contains the current directory; by
    /// default on.
    pub fn detect_code_revision(mut self, on: bool) -> Options {
        self.capture.code_revision = on;
        self.opened.config.capture.capture_code_revision = on;
        self
    }

    /// Sets whether the configuration of a run is stored as an artifact, besides the parameters; by default `true`.
    pub fn config_snapshot(mut self, on: bool) -> Options {
        self.capture.config_snapshot = on;
        self.opened.config.capture.capture_config_snapshot = on;
        self
    }

    /// Sets the trace and the span of the program that started this program, such as the header `traceparent` in the
    /// environment variable `TRACEPARENT`. The scopes of the session belong to this trace. By default each run has a
    /// trace of its own.
    pub fn trace_parent(mut self, parent: TraceContext) -> Options {
        self.capture.trace_parent = Some(parent);
        self
    }

    /// Adds a sink: a receiver of captured facts besides the log. Sinks are called in the order in which they were
    /// added. The sinks of the settings are called after them.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Options {
        self.dispatch.sinks.push(sink);
        self
    }

    /// Replaces all sinks, including those of the settings. An empty list means no sinks. Sinks that are added later
    /// with [`Options::sink`] are kept.
    pub fn sinks(mut self, sinks: impl IntoIterator<Item = Arc<dyn Sink>>) -> Options {
        self.dispatch.sinks = sinks.into_iter().collect();
        self.configured_sinks.clear();
        self.opened.config.capture.sinks.clear();
        self
    }

    /// Sets the number of retries after a failed delivery to a sink, and the time before the first retry. The time
    /// doubles with each retry, up to one hour. By default, a failed delivery is not retried.
    pub fn retry(mut self, attempts: u32, backoff: Duration) -> Options {
        (self.dispatch.retry_attempts, self.dispatch.retry_backoff) = (attempts, backoff);
        let capture = &mut self.opened.config.capture;
        (capture.retry_attempts, capture.retry_backoff_seconds) = (attempts, backoff.as_secs_f64());
        self
    }

    /// Sets the reaction to a failed delivery to a sink, and to a fact that cannot be written to the log; by default
    /// [`FailureMode::Raise`].
    pub fn failure_mode(mut self, mode: FailureMode) -> Options {
        self.dispatch.failure_mode = mode;
        self.opened.config.capture.dispatch_failure_mode = match mode {
            FailureMode::Raise => DispatchFailureMode::Raise,
            FailureMode::Outbox => DispatchFailureMode::Outbox,
        };
        self
    }

    /// Sets the time after which a writer without new entries counts as dead, on file systems without locks; by default
    /// ten minutes. Its open runs are then shown as `interrupted`. With locks, the death of a process is known at once.
    pub fn writer_timeout(mut self, timeout: Duration) -> Options {
        self.opened.config.capture.writer_timeout_seconds = timeout.as_secs_f64();
        self
    }

    /// Sets the directory for facts that could not be written to the log, and for dead letters. The directory may be on
    /// another disk. By default it is `recovery/outbox` in the workspace.
    pub fn outbox_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.dispatch.outbox = dir.as_ref().to_path_buf();
        self.opened.config.recovery.outbox_root = Some(dir.as_ref().to_path_buf());
        self
    }

    /// Allows the creation of the workspace, even if the settings forbid it.
    pub fn may_create(mut self) -> Options {
        self.create = true;
        self.opened.config.workspace.create_missing_dirs = true;
        self
    }

    /// Requires that the workspace exists.
    pub fn must_exist(mut self) -> Options {
        self.create = false;
        self.opened.config.workspace.create_missing_dirs = false;
        self
    }

    /// Forbids every change on disk, including changes of the projections.
    pub fn read_only(mut self) -> Options {
        self.create = false;
        self.publish = false;
        self.capture.records_read_only = true;
        self.capture.artifacts_read_only = true;
        let config = &mut self.opened.config;
        config.workspace.create_missing_dirs = false;
        config.metadata.read_only = true;
        config.records.read_only = true;
        config.artifacts.read_only = true;
        self
    }

    /// Stores the projections in this directory instead of the workspace: for example on a local disk, if the workspace
    /// is on a network drive. Projections are derived from the log and can be deleted. Each workspace needs its own
    /// directory.
    pub fn projections_dir(mut self, dir: impl AsRef<Path>) -> Options {
        self.projections = Some(dir.as_ref().to_path_buf());
        self.opened.config.metadata.database_path = Some(dir.as_ref().to_path_buf());
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
