//! Errors and warnings about settings.

use crate::config::source::Source;
use std::path::PathBuf;

/// An error in the settings. [`ConfigError::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value of the wrong type, outside the range of the setting, or not among the choices of the setting.
    #[error("{key} cannot be {value}: expected {expected} ({source_of})")]
    InvalidValue {
        /// The code: `invalid_config_value`. Some settings have another code, such as `record_store_invalid_config`.
        code: &'static str,
        /// The key of the setting or section.
        key: String,
        /// The value, in JSON.
        value: String,
        /// Description of the expected values.
        expected: String,
        /// The source of the value.
        source_of: Source,
    },
    /// An unknown setting.
    #[error("unknown setting {key} ({source_of})")]
    UnknownField {
        /// The dotted key.
        key: String,
        /// The known key that is most similar; `None` if no key is similar.
        nearest: Option<String>,
        /// The source of the setting.
        source_of: Source,
    },
    /// An unknown profile or overlay.
    #[error("unknown {what} {value:?} ({source_of})")]
    InvalidSelector {
        /// `profile` or `overlay`.
        what: &'static str,
        /// The name.
        value: String,
        /// The known names.
        allowed: String,
        /// The source of the name.
        source_of: Source,
    },
    /// A variable named after a setting that can only be set in other ways.
    #[error("the variable {name} has no effect: {instead}")]
    NonOverridable {
        /// The name of the variable.
        name: String,
        /// Advice on how to change the setting, as message text.
        instead: &'static str,
    },
    /// A patch that is not a tree of settings, or an argument of `--set` that is not `key=value`.
    #[error("{what}")]
    InvalidInput {
        /// Description of the fault.
        what: String,
    },
    /// A configuration file that does not exist.
    #[error("the configuration file {path} does not exist")]
    FileNotFound {
        /// The file.
        path: PathBuf,
    },
    /// A configuration file that cannot be read.
    #[error("the configuration file {path} cannot be read: {why}")]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// Description of the cause.
        why: String,
    },
    /// A configuration file with an unknown extension.
    #[error("the configuration file {path} has an unknown format")]
    UnsupportedFile {
        /// The file.
        path: PathBuf,
    },
    /// A configuration file that is not valid in the format of its extension.
    #[error("the configuration file {path}{} is invalid: {why}", place(*.at))]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// Line and column, both from 1, if they are known.
        at: Option<(u64, u64)>,
        /// Description of the cause.
        why: String,
    },
}

fn place(at: Option<(u64, u64)>) -> String {
    at.map(|(line, column)| format!(", line {line}, column {column},")).unwrap_or_default()
}

impl ConfigError {
    /// Returns a stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            ConfigError::InvalidValue { code, .. } => code,
            ConfigError::UnknownField { .. } => "unknown_config_field",
            ConfigError::InvalidSelector { .. } => "invalid_profile_selector",
            ConfigError::NonOverridable { .. } => "non_overridable_config_key",
            ConfigError::InvalidInput { .. } => "invalid_config_input",
            ConfigError::FileNotFound { .. } => "config_file_not_found",
            ConfigError::FileUnreadable { .. } => "config_file_unreadable",
            ConfigError::UnsupportedFile { .. } => "unsupported_config_file",
            ConfigError::InvalidFile { .. } => "invalid_config_file",
        }
    }

    /// Returns a hint on how to resolve the error.
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::InvalidValue { key, source_of, .. } => Some(match source_of {
                Source::Set | Source::Patch | Source::Argument(_) => {
                    "`contexta config show` lists all settings and their sources".into()
                }
                Source::File(path) => format!("change {key} in the file {}", path.display()),
                Source::Variable(name) => format!("change the environment variable {name}"),
                Source::Overlay(overlay) => {
                    format!("leave out the overlay {overlay}, or override {key} with --set")
                }
                Source::Profile(profile) => {
                    format!("select a profile other than {profile}, or override {key} with --set")
                }
                Source::Config => format!("change {key} in the configuration that the program passes"),
                Source::Default => format!("set {key} to another value"),
                Source::Derived(from) => format!("set {key}, or change {from}"),
            }),
            ConfigError::UnknownField { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "`contexta config show` lists all settings".into(),
            }),
            ConfigError::InvalidSelector { allowed, .. } => Some(format!("choose one of: {allowed}")),
            ConfigError::NonOverridable { name, .. } => Some(format!("unset {name}")),
            ConfigError::InvalidInput { .. } => Some(
                "write a setting as key=value, such as records.durability_mode=fsync; in code, pass a map of settings"
                    .into(),
            ),
            ConfigError::FileNotFound { .. } => {
                Some("check the path; relative paths are resolved against the current directory".into())
            }
            ConfigError::FileUnreadable { .. } => Some("name a readable file of at most 1 MiB".into()),
            ConfigError::UnsupportedFile { .. } => {
                Some("give the file the extension .toml, .yaml, .yml or .json".into())
            }
            ConfigError::InvalidFile { .. } => {
                Some("`contexta config check FILE` lists every problem of a configuration file".into())
            }
        }
    }

    /// Returns the key of the setting that the error concerns; `None` if the error concerns no single setting.
    pub fn key(&self) -> Option<&str> {
        match self {
            ConfigError::InvalidValue { key, .. } | ConfigError::UnknownField { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// A setting or variable that can be used, but may be a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigWarning {
    /// An unknown variable with the prefix `CONTEXTA_`.
    UnknownVariable {
        /// The name.
        name: String,
        /// The known variable that is most similar; `None` if no variable is similar.
        nearest: Option<String>,
    },
    /// A setting without an effect was set.
    NoEffect {
        /// The key.
        key: &'static str,
        /// The source that set the setting.
        source_of: Source,
    },
}

impl ConfigWarning {
    /// Returns a stable name of the warning.
    pub fn code(&self) -> &'static str {
        match self {
            ConfigWarning::UnknownVariable { .. } => "unknown_config_variable",
            ConfigWarning::NoEffect { .. } => "config_no_effect",
        }
    }

    /// Returns the message of the warning.
    pub fn message(&self) -> String {
        match self {
            ConfigWarning::UnknownVariable { name, nearest } => {
                let nearest = nearest.as_ref().map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                format!("the variable {name} is unknown and has no effect{nearest}")
            }
            ConfigWarning::NoEffect { key, source_of } => {
                format!("the setting {key} has no effect yet ({source_of})")
            }
        }
    }
}

impl std::fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message())
    }
}
