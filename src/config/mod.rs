//! Floor 1: settings. What they are called, what they may be, where they come from.
//!
//! ```text
//! schema defaults -> profile -> overlays -> file -> environment -> patches -> arguments     later wins
//!                                     │
//!                                     ▼
//!                 UnifiedConfig, and for each key the source of its value
//! ```
//!
//! *Key*: the dotted name of a setting, such as `records.durability_mode`. *Patch*: a tree of some settings. *Layer*: a
//! patch with its source. *Derived*: a directory that follows from another one as long as nobody sets it.
//!
//! [`model`] lists every setting once; keys, variables, defaults, ranges and the table of docs/CONFIGURATION.md follow from
//! it. This floor knows nobody who uses the settings. It reads no environment (a map is handed in), and of the disk only
//! the one file it is told of. Text from outside never panics; every refusal has a code and names key and source.
//!
//! ```
//! use contexta::config::{LoadInputs, Source, load_config};
//!
//! let inputs = LoadInputs::new().overlays(&["ci"]).set("records.durability_mode=fsync");
//! let loaded = load_config(&inputs)?;
//! assert_eq!(loaded.config.records.durability_mode.as_str(), "fsync");
//! assert_eq!(loaded.source("records.durability_mode"), &Source::Set);
//!
//! let error = load_config(&inputs.set("records.durabilty_mode=flush")).unwrap_err();
//! assert_eq!(error.code(), "unknown_config_field");
//! assert_eq!(error.hint().as_deref(), Some("did you mean records.durability_mode?"));
//! # Ok::<(), contexta::config::ConfigError>(())
//! ```
//!
//! Stability: Stable.

mod choice;
mod effect;
pub mod env;
mod error;
pub mod file;
mod inputs;
mod leaf;
mod load;
mod model;
mod nearest;
mod patch;
mod profile;
mod show;
mod value;

pub use choice::{
    ArtifactRetentionMode, ArtifactVerificationMode, CliVerbosity, DispatchFailureMode, DurabilityMode,
    IngestMode, MetricSelection, OutputFormat, RedactionMode, ReplayMode, SeverityLevel, Strictness,
};
pub use effect::{has_effect, keys_without_effect};
pub use error::{ConfigError, ConfigWarning};
pub use inputs::LoadInputs;
pub use load::{
    CheckedConfig, FILE_NAME, LoadedConfig, check_config, load_config, load_profile, make_local_config,
    make_test_config,
};
pub use model::{
    AlertPolicy, AnomalyPolicy, ArtifactStoreConfig, CaptureConfig, CliConfig, ComparisonPolicy,
    ContractConfig, DiagnosticsPolicy, ExportSurfaceConfig, HtmlConfig, HttpConfig, InterpretationConfig,
    Key, MetadataStoreConfig, NotebookConfig, RecordStoreConfig, RecoveryConfig, ReportPolicy,
    RetentionConfig, SearchPolicy, SecurityConfig, SurfaceConfig, TrendPolicy, UnifiedConfig,
    WorkspaceConfig, keys,
};
pub use profile::{Overlay, Profile};
pub use value::{ConfigValue, Source};
