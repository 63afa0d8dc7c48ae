//! Functions that list the settings of a configuration and check the ranges of the values.

use crate::config::directories::paths;
use crate::config::error::ConfigError;
use crate::config::limit::Limit;
use crate::config::refusal::refused;
use crate::config::source::Source;
use crate::config::unified::UnifiedConfig;
use crate::config::value::ConfigValue;
use std::path::Path;

impl UnifiedConfig {
    /// Returns every setting with its value, in the order of the configuration reference. For a path that is not set,
    /// the value is the path that is derived from another setting.
    pub fn settings(&self) -> Vec<(&'static str, ConfigValue)> {
        let paths = paths(self);
        let mut all = Vec::new();
        self.clone().each(|field| {
            let shown = match (field.rule.limit, paths.get(field.key)) {
                (Limit::Under(..), Some(path)) => shown(path),
                _ => field.leaf.shown(),
            };
            all.push((field.key, shown));
        });
        all
    }

    /// Returns the value that [`UnifiedConfig::settings`] contains for this key; `None` if the key is unknown.
    pub fn setting(&self, key: &str) -> Option<ConfigValue> {
        self.settings().into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Checks every value against its range, because code can assign any value to a field. Errors: the first value
    /// outside the range of its setting.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut wrong = None;
        self.clone().each(|field| {
            let value = field.leaf.shown();
            let derived = matches!(field.rule.limit, Limit::Under(..));
            let empty = derived && value == ConfigValue::Text(String::new());
            if wrong.is_none() && (empty || !field.rule.holds(&value) || !field.leaf.read(&value)) {
                wrong = Some(refused(&field, &value, Source::Config));
            }
        });
        wrong.map_or(Ok(()), Err)
    }
}

fn shown(path: &Path) -> ConfigValue {
    ConfigValue::Text(path.display().to_string())
}
