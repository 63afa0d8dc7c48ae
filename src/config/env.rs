//! Environment variables: those that set a setting, and other variables whose names begin with `CONTEXTA_`.

use crate::config::error::{ConfigError, ConfigWarning};
use crate::config::key::keys;
use crate::config::nearest::nearest;
use crate::config::variables::{FIXED, RESERVED};
use std::collections::BTreeMap;
use std::ffi::OsString;

pub use crate::config::variables::{OVERLAYS, PREFIX, PROFILE, WORKSPACE};

/// The environment variables that the configuration uses: those with the prefix `CONTEXTA_`, and the home directory.
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

    /// Returns an environment with the home directory only.
    pub(super) fn only_home(&self) -> Environment {
        Environment { home: self.home.clone(), ..Environment::default() }
    }

    /// Returns the value of the variable, unless it is blank.
    pub(super) fn raw(&self, name: &str) -> Option<&OsString> {
        let blank = |value: &OsString| value.to_str().is_some_and(|text| text.trim().is_empty());
        self.variables.get(name).filter(|value| !blank(value))
    }

    /// Returns the variables that set a setting, in the order of the keys: key of the setting, name of the variable,
    /// value.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, &str, &OsString)> {
        keys().iter().filter_map(|key| {
            let name = key.variable.as_deref()?;
            Some((key.name, name, self.raw(name)?))
        })
    }

    /// Returns errors for variables of settings that no variable can set, and warnings for unknown variables.
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
