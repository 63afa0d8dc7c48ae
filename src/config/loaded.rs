//! Loaded settings and their sources.

use crate::config::choice::Overlay;
use crate::config::error::{ConfigError, ConfigWarning};
use crate::config::places::Places;
use crate::config::source::Source;
use crate::config::unified::UnifiedConfig;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings and the source of each value.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LoadedConfig {
    /// The settings; every path that is set is absolute.
    pub config: UnifiedConfig,
    /// Warnings about settings that can be used, but may be mistakes.
    pub warnings: Vec<ConfigWarning>,
    /// The overlays that were applied, in order.
    pub overlays: Vec<Overlay>,
    /// The configuration file that the caller named or that was found in the workspace; `None` if there is no such
    /// file.
    pub file: Option<PathBuf>,
    /// The configuration file that was looked for in the workspace and does not exist; `None` in all other cases.
    pub looked_for: Option<PathBuf>,
    /// The run that this process belongs to: the value of the environment variable `CONTEXTA_RUN`.
    pub run: Option<String>,
    /// The header `traceparent` of the program that started this process: the value of the environment variable
    /// `TRACEPARENT`, which is not checked.
    pub trace_parent: Option<String>,
    pub(super) sources: Sources,
    pub(super) places: Places,
}

pub(super) type Sources = BTreeMap<&'static str, Source>;

impl LoadedConfig {
    /// Returns the source of the value of this key. For an unknown key, returns [`Source::Default`].
    pub fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }

    /// Returns `true` if a source set the value: the value is neither a default nor derived.
    pub fn is_set(&self, key: &str) -> bool {
        !matches!(self.source(key), Source::Default | Source::Derived(_))
    }
}

/// The valid settings, and the problems that were found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CheckedConfig {
    /// The settings. If the value from one source is refused, the setting keeps its value from the earlier sources.
    pub loaded: LoadedConfig,
    /// The problems, in the order of the sources; at most 100.
    pub problems: Vec<ConfigError>,
}

impl CheckedConfig {
    /// Returns the settings, or the first problem.
    pub fn into_result(self) -> Result<LoadedConfig, ConfigError> {
        match self.problems.into_iter().next() {
            Some(first) => Err(first),
            None => Ok(self.loaded),
        }
    }
}
