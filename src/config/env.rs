//! Environment variables of settings, and other environment variables with the prefix `CONTEXTA_`.

use crate::config::error::{ConfigError, ConfigWarning};
use crate::config::key::keys;
use crate::config::nearest::nearest;
use crate::config::variables::{FIXED, RESERVED};
use std::collections::BTreeMap;
use std::ffi::OsString;

pub use crate::config::variables::{OVERLAYS, PREFIX, PROFILE, RUN, TRACE_PARENT, WORKSPACE};

/// The environment variables that the configuration uses: the variables with the prefix `CONTEXTA_`, `TRACEPARENT`, and
/// the home directory.
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
                Some(name) if name.starts_with(PREFIX) || name == TRACE_PARENT => {
                    drop(own.variables.insert(name.to_owned(), value))
                }
                _ => {}
            }
        }
        own.home = own.home.or(profile).filter(|home| !home.is_empty());
        own
    }

    /// Returns an environment without variables. Only the home directory remains, for paths that begin with `~`.
    pub(super) fn only_home(&self) -> Environment {
        Environment { home: self.home.clone(), ..Environment::default() }
    }

    /// Returns the value of a variable; `None` if the variable is missing or blank.
    pub(super) fn raw(&self, name: &str) -> Option<&OsString> {
        let blank = |value: &OsString| value.to_str().is_some_and(|text| text.trim().is_empty());
        self.variables.get(name).filter(|value| !blank(value))
    }

    /// Returns the variables that set a setting, in the order of the keys. Each item has the key of the setting, the
    /// name of the variable and the value. Blank variables are left out.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, &str, &OsString)> {
        keys().iter().filter_map(|key| {
            let name = key.variable.as_deref()?;
            Some((key.name, name, self.raw(name)?))
        })
    }

    /// Returns errors and warnings for variables that set no setting. A variable named after a setting that can only be
    /// set in other ways is an error. An unknown variable causes a warning.
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
