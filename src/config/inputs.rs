//! What settings are made from, and what paths in them start from.

use crate::config::env::Environment;
use crate::config::value::ConfigValue;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What settings are to be made from. Nothing given means: the defaults.
#[derive(Debug, Clone, Default)]
pub struct LoadInputs {
    pub(super) profile: Option<String>,
    pub(super) overlays: Option<Vec<String>>,
    pub(super) file: Option<PathBuf>,
    pub(super) discover: bool,
    pub(super) patches: Vec<Given>,
    pub(super) project_name: Option<String>,
    pub(super) workspace: Option<PathBuf>,
    pub(super) environment: Environment,
    pub(super) base: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub(super) enum Given {
    Tree(ConfigValue),
    Text(String),
}

impl LoadInputs {
    /// The defaults and nothing else.
    pub fn new() -> LoadInputs {
        LoadInputs::default()
    }

    /// The profile; stronger than the file's and the environment's.
    pub fn profile(mut self, name: &str) -> LoadInputs {
        self.profile = Some(name.to_owned());
        self
    }

    /// The overlays; they replace the file's and the environment's. An empty list switches those off.
    pub fn overlays(mut self, names: &[impl AsRef<str>]) -> LoadInputs {
        self.overlays = Some(names.iter().map(|name| name.as_ref().to_owned()).collect());
        self
    }

    /// A configuration file.
    pub fn file(mut self, path: impl AsRef<Path>) -> LoadInputs {
        self.file = Some(path.as_ref().to_path_buf());
        self
    }

    /// Without a file: takes `contexta.toml` in the workspace, if there is one.
    pub fn discover(mut self, on: bool) -> LoadInputs {
        self.discover = on;
        self
    }

    /// A tree of settings; a later one is stronger.
    pub fn patch(mut self, tree: ConfigValue) -> LoadInputs {
        self.patches.push(Given::Tree(tree));
        self
    }

    /// A setting as text, `key=value`.
    pub fn set(mut self, assignment: &str) -> LoadInputs {
        self.patches.push(Given::Text(assignment.to_owned()));
        self
    }

    /// The project's name.
    pub fn project_name(mut self, name: &str) -> LoadInputs {
        self.project_name = Some(name.to_owned());
        self
    }

    /// The workspace; the strongest input.
    pub fn workspace(mut self, path: impl AsRef<Path>) -> LoadInputs {
        self.workspace = Some(path.as_ref().to_path_buf());
        self
    }

    /// The environment, such as `std::env::vars_os()`. Only `CONTEXTA_*` and the home directory are looked at.
    pub fn environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> LoadInputs
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        self.environment = Environment::new(variables.into_iter().map(|(k, v)| (k.into(), v.into())));
        self
    }

    /// What relative paths start from; by default the current directory. Those in a `contexta.toml` that was found in a
    /// workspace start from that workspace.
    pub fn base_dir(mut self, path: impl AsRef<Path>) -> LoadInputs {
        self.base = Some(path.as_ref().to_path_buf());
        self
    }
}

/// What relative paths start from, and `~`.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    pub(super) base: Option<PathBuf>,
    pub(super) home: Option<PathBuf>,
}

impl Places {
    /// The path from the root of the file system. Links and `..` are left to the system, which alone knows where they
    /// lead. `None`: it begins with `~`, and nobody knows the home directory.
    pub(super) fn absolute(&self, path: &Path) -> Option<PathBuf> {
        let path = match path.strip_prefix("~") {
            Ok(rest) => self.home.as_ref()?.join(rest),
            Err(_) => path.to_path_buf(),
        };
        let path = match &self.base {
            Some(base) => base.join(path),
            None if path.as_os_str().is_empty() => PathBuf::from("."),
            None => path,
        };
        let path = std::path::absolute(&path).unwrap_or(path);
        Some(path.components().collect())
    }
}
