//! What is wrong with a setting, and what is only worth saying.

use crate::config::value::Source;
use std::path::PathBuf;

/// Settings cannot be used. [`ConfigError::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value of the wrong type, outside its range, or none of those to choose from.
    #[error("{key} cannot be {value}: it is {expected} ({source_of})")]
    InvalidValue {
        /// The code: `invalid_config_value`, or that of the store which would refuse the value.
        code: &'static str,
        /// The setting, or the section.
        key: String,
        /// The value, in JSON.
        value: String,
        /// What it must be.
        expected: String,
        /// Who says so.
        source_of: Source,
    },
    /// There is no such setting.
    #[error("there is no setting {key} ({source_of})")]
    UnknownField {
        /// The dotted key.
        key: String,
        /// The known one that is most like it.
        nearest: Option<String>,
        /// Who names it.
        source_of: Source,
    },
    /// There is no such profile or overlay.
    #[error("there is no {what} {value:?} ({source_of})")]
    InvalidSelector {
        /// `profile` or `overlay`.
        what: &'static str,
        /// The name.
        value: String,
        /// Those there are.
        allowed: String,
        /// Who names it.
        source_of: Source,
    },
    /// A variable for what no variable can set.
    #[error("the variable {name} cannot be set: {instead}")]
    NonOverridable {
        /// The variable.
        name: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A patch that is no tree of settings, or a `--set` that is no `key=value`.
    #[error("{what}")]
    InvalidInput {
        /// In words.
        what: String,
    },
    /// There is no such file.
    #[error("there is no configuration file {path}")]
    FileNotFound {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {why}")]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// Neither TOML, YAML nor JSON, by its name.
    #[error("the configuration file {path} is of no known format")]
    UnsupportedFile {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what its name says.
    #[error("the configuration file {path}{} is invalid: {why}", place(*.at))]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// Line and column, both from 1, where they are known.
        at: Option<(u64, u64)>,
        /// In words.
        why: String,
    },
}

fn place(at: Option<(u64, u64)>) -> String {
    at.map(|(line, column)| format!(", line {line}, column {column},")).unwrap_or_default()
}

impl ConfigError {
    /// A stable name of the error.
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

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::InvalidValue { key, source_of, .. } => Some(match source_of {
                Source::Set | Source::Patch | Source::Argument(_) => {
                    "`contexta config show` lists what is set".into()
                }
                place => format!("change {key} in the {place}"),
            }),
            ConfigError::UnknownField { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "`contexta config show` lists all settings".into(),
            }),
            ConfigError::InvalidSelector { allowed, .. } => Some(format!("there are {allowed}")),
            ConfigError::NonOverridable { .. } => None,
            ConfigError::InvalidInput { .. } => {
                Some("write it as key=value, such as records.durability_mode=fsync".into())
            }
            ConfigError::FileNotFound { .. } => Some("the path is taken from the current directory".into()),
            ConfigError::FileUnreadable { .. } => Some("name a readable file of at most 1 MiB".into()),
            ConfigError::UnsupportedFile { .. } => Some("name it .toml, .yaml, .yml or .json".into()),
            ConfigError::InvalidFile { .. } => None,
        }
    }

    /// The setting it is about, where it is about one.
    pub fn key(&self) -> Option<&str> {
        match self {
            ConfigError::InvalidValue { key, .. } | ConfigError::UnknownField { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// Settings can be used, but somebody may have meant something else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigWarning {
    /// A variable that begins as ours do and is none.
    UnknownVariable {
        /// Its name.
        name: String,
        /// The known one that is most like it.
        nearest: Option<String>,
    },
    /// A setting was set that nothing reads yet.
    NoEffect {
        /// Its key.
        key: &'static str,
        /// Where it was set.
        source_of: Source,
    },
}

impl ConfigWarning {
    /// A stable name of the warning.
    pub fn code(&self) -> &'static str {
        match self {
            ConfigWarning::UnknownVariable { .. } => "unknown_config_variable",
            ConfigWarning::NoEffect { .. } => "config_no_effect",
        }
    }

    /// In words.
    pub fn message(&self) -> String {
        match self {
            ConfigWarning::UnknownVariable { name, nearest } => {
                let nearest = nearest.as_ref().map(|n| format!("; did you mean {n}?")).unwrap_or_default();
                format!("the variable {name} sets nothing{nearest}")
            }
            ConfigWarning::NoEffect { key, source_of } => {
                format!("the setting {key} has no effect yet ({source_of})")
            }
        }
    }
}
