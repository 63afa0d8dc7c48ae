//! Environment variables: their names, and which of those handed in are settings.

use crate::config::error::{ConfigError, ConfigWarning};
use crate::config::model::keys;
use crate::config::nearest::nearest;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// How the names of all our variables begin.
pub const PREFIX: &str = "CONTEXTA_";
/// Selects the profile.
pub const PROFILE: &str = "CONTEXTA_PROFILE";
/// Selects the overlays.
pub const OVERLAYS: &str = "CONTEXTA_PROFILE_OVERLAYS";
/// The workspace: as `CONTEXTA_WORKSPACE_ROOT_PATH`, and stronger.
pub const WORKSPACE: &str = "CONTEXTA_WORKSPACE";
/// Set by us for others, or for our own tests: no settings, and no mistake.
const RESERVED: [&str; 2] = ["CONTEXTA_RUN", "CONTEXTA_SIM_SECONDS"];
/// What no variable can set.
const FIXED: [(&str, &str); 2] = [
    ("CONTEXTA_CONFIG_VERSION", "a file says which version it is written for"),
    ("CONTEXTA_PROFILE_NAME", "CONTEXTA_PROFILE selects a profile"),
];

/// Environment variables as they were handed in. What is not ours is not kept, save for the home directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Environment {
    variables: BTreeMap<String, OsString>,
    pub(super) home: Option<OsString>,
}

impl Environment {
    pub(super) fn new(all: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        let mut own = Environment::default();
        let mut profile = None;
        for (name, value) in all {
            match name.to_str() {
                Some("HOME") => own.home = Some(value),
                Some("USERPROFILE") => profile = Some(value),
                Some(name) if name.starts_with(PREFIX) => drop(own.variables.insert(name.to_owned(), value)),
                _ => {}
            }
        }
        own.home = own.home.or(profile).filter(|home| !home.is_empty());
        own
    }

    /// Without settings, as if no variable were set.
    pub(super) fn only_home(&self) -> Environment {
        Environment { home: self.home.clone(), ..Environment::default() }
    }

    /// The variable as it is, unless it is blank.
    pub(super) fn raw(&self, name: &str) -> Option<&OsString> {
        let blank = |value: &OsString| value.to_str().is_some_and(|text| text.trim().is_empty());
        self.variables.get(name).filter(|value| !blank(value))
    }

    /// The settings among the variables, in the order of keys: key, variable, value.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, &str, &OsString)> {
        keys().iter().filter_map(|key| {
            let name = key.variable.as_deref()?;
            Some((key.name, name, self.raw(name)?))
        })
    }

    /// What is wrong with variables that are no settings.
    pub(super) fn others(&self) -> (Vec<ConfigError>, Vec<ConfigWarning>) {
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        let known = || keys().iter().filter_map(|key| key.variable.as_deref());
        for name in self.variables.keys() {
            if let Some((_, instead)) = FIXED.iter().find(|(fixed, _)| fixed == name) {
                problems.push(ConfigError::NonOverridable { name: name.clone(), instead });
            } else if !known().chain(RESERVED).chain([PROFILE, OVERLAYS, WORKSPACE]).any(|k| k == name) {
                let nearest = nearest(name, known().chain([PROFILE, OVERLAYS, WORKSPACE])).map(str::to_owned);
                warnings.push(ConfigWarning::UnknownVariable { name: name.clone(), nearest });
            }
        }
        (problems, warnings)
    }
}

/// The variable that sets the setting of this key.
pub(super) fn variable_of(key: &str) -> Option<String> {
    let name = format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "_"));
    FIXED.iter().all(|(fixed, _)| *fixed != name).then_some(name)
}
