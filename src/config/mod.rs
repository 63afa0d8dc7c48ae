//! Floor 1: settings, with their names, values and sources.
//!
//! ```text
//! defaults -> profile -> overlays -> file -> environment -> arguments -> configuration, patches, --set     later wins
//!                                       |
//!                                       v
//!                   UnifiedConfig, and for each key the source of its value
//! ```
//!
//! *Key*: the dotted name of a setting, such as `records.durability_mode`. *Patch*: a tree of some settings. *Derived*:
//! computed from the path of another directory, because no source sets the path.
//!
//! In code, a configuration is a struct literal that overrides defaults. A directory that is `None` is derived when the
//! configuration is used, so a new root of the workspace moves all these directories:
//!
//! ```
//! use contexta::config::{UnifiedConfig, WorkspaceConfig};
//!
//! # let dir = std::env::temp_dir().join(format!("contexta-doc-config-{}", std::process::id()));
//! # let root_path = dir.join(".contexta");
//! let config = UnifiedConfig {
//!     project_name: "advanced-proj".into(),
//!     workspace: WorkspaceConfig { root_path, ..Default::default() },
//!     ..Default::default()
//! };
//! assert_eq!(config.directories().log, config.workspace.root_path.join("log"));
//! let contexta = contexta::Options::from_config(&config)?.open()?;
//! let run = contexta.run("first").start()?;
//! run.metric("loss", 0.5)?;
//! run.complete()?;
//! let snapshot = contexta.run_snapshot(run.run_ref().as_str())?;
//! assert_eq!(snapshot.run.project_name, "advanced-proj");
//! assert!(config.workspace.root_path.join("log").is_dir());
//! # drop(contexta);
//! # std::fs::remove_dir_all(dir)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`load_config`] builds a configuration from all sources. [`load_config`] reads the environment of the process,
//! unless the inputs contain another environment or disable environment variables:
//!
//! ```
//! use contexta::config::{ConfigValue, LoadInputs, Source, load_config};
//!
//! let inputs = LoadInputs::new()
//!     .use_env(false)
//!     .profile("test")
//!     .workspace(".contexta")
//!     .config(ConfigValue::at("project_name", "advanced-proj"));
//! let loaded = load_config(&inputs)?;
//! assert_eq!(loaded.config.project_name, "advanced-proj");
//! assert!(loaded.config.workspace.root_path.ends_with(".contexta"));
//! assert_eq!(loaded.source("project_name"), &Source::Patch);
//!
//! let error = load_config(&inputs.set("records.durabilty_mode=flush")).unwrap_err();
//! assert_eq!(error.code(), "unknown_config_field");
//! assert_eq!(error.hint().as_deref(), Some("did you mean records.durability_mode?"));
//! # Ok::<(), contexta::config::ConfigError>(())
//! ```
//!
//! `sections/` and `unified.rs` list every setting once; keys, variables, defaults, ranges and the table of
//! docs/CONFIGURATION.md are derived from them. This floor does not depend on the code that uses the settings. Only
//! `process_env.rs` reads the environment, and only `file.rs` reads the disk. Text from outside never causes a panic.
//! Every error has a code, and names the key and the source of a refused value.
//!
//! Stability: Stable.

mod choice;
mod declarations;
mod directories;
mod effect;
pub mod env;
mod error;
mod field;
pub mod file;
mod inputs;
mod key;
mod leaf;
mod limit;
mod load;
mod loaded;
mod loading;
mod nearest;
mod patch;
mod places;
mod process_env;
mod profile;
mod quote;
mod refusal;
mod section;
mod sections;
mod settings;
mod show;
mod source;
mod unified;
mod value;
mod variables;

pub use choice::{
    AlertOperator, ArtifactRetentionMode, ArtifactVerificationMode, Better, CliVerbosity,
    DispatchFailureMode, DurabilityMode, IngestMode, MetricSelection, OutputFormat, Overlay, Profile,
    RedactionMode, ReplayMode, SeverityLevel, Strictness, UnknownChoice,
};
pub use declarations::{AlertRuleConfig, AlertRules, AlertThreshold, MetricDeclarations};
pub use directories::Directories;
pub use effect::{has_effect, keys_without_effect};
pub use error::{ConfigError, ConfigWarning};
pub use inputs::{ConfigInput, LoadInputs};
pub use key::{Key, keys};
pub use load::{FILE_NAME, check_config, load_config, load_profile, make_local_config, make_test_config};
pub use loaded::{CheckedConfig, LoadedConfig};
pub use sections::{
    AlertPolicy, AnomalyPolicy, ArtifactStoreConfig, CaptureConfig, CliConfig, ComparisonPolicy,
    ContractConfig, DiagnosticsPolicy, ExportSurfaceConfig, HtmlConfig, HttpConfig, InterpretationConfig,
    MetadataStoreConfig, NotebookConfig, RecordStoreConfig, RecoveryConfig, ReportPolicy, RetentionConfig,
    SearchPolicy, SecurityConfig, SurfaceConfig, TrendPolicy, WorkspaceConfig,
};
pub use source::Source;
pub use unified::UnifiedConfig;
pub use value::ConfigValue;
