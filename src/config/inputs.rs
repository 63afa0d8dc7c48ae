//! The sources of settings that a caller chooses for loading.

use crate::config::env::Environment;
use crate::config::process_env;
use crate::config::unified::UnifiedConfig;
use crate::config::value::ConfigValue;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The sources of settings. If no source is given, [`load_config`](crate::config::load_config) uses the defaults and
/// the environment of the process.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct LoadInputs {
    pub(super) profile: Option<String>,
    pub(super) overlays: Option<Vec<String>>,
    pub(super) file: Option<PathBuf>,
    pub(super) discover: Option<bool>,
    pub(super) given: Vec<Given>,
    pub(super) project_name: Option<String>,
    pub(super) workspace: Option<PathBuf>,
    pub(super) use_env: Option<bool>,
    pub(super) environment: Option<Environment>,
    pub(super) base: Option<PathBuf>,
}

/// Settings passed by code or on the command line.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Config(Box<UnifiedConfig>),
    Tree(ConfigValue),
    Text(String),
}

/// A whole configuration, or a tree of some settings: the argument of [`LoadInputs::config`].
#[derive(Debug, Clone)]
pub struct ConfigInput(Given);

impl From<UnifiedConfig> for ConfigInput {
    fn from(config: UnifiedConfig) -> ConfigInput {
        ConfigInput(Given::Config(Box::new(config)))
    }
}

impl From<ConfigValue> for ConfigInput {
    fn from(tree: ConfigValue) -> ConfigInput {
        ConfigInput(Given::Tree(tree))
    }
}

impl LoadInputs {
    /// Creates inputs without chosen sources: only the defaults and the environment are used.
    pub fn new() -> LoadInputs {
        LoadInputs::default()
    }

    /// Selects the profile, in place of a profile that the file or the environment selects.
    pub fn profile(mut self, name: &str) -> LoadInputs {
        self.profile = Some(name.to_owned());
        self
    }

    /// Selects the overlays, in place of overlays that the file or the environment selects. An empty list selects none.
    pub fn overlays(mut self, names: &[impl AsRef<str>]) -> LoadInputs {
        self.overlays = Some(names.iter().map(|name| name.as_ref().to_owned()).collect());
        self
    }

    /// Selects the configuration file. A second call replaces the file of the first call.
    pub fn file(mut self, path: impl AsRef<Path>) -> LoadInputs {
        self.file = Some(path.as_ref().to_path_buf());
        self
    }

    /// Enables or disables the search for the file `contexta.toml` in the workspace. With the search enabled, the file
    /// is used if it exists and no other file is selected. By default `Contexta::load` and `Options::load` search for
    /// the file, and [`load_config`](crate::config::load_config) does not.
    pub fn discover(mut self, on: bool) -> LoadInputs {
        self.discover = Some(on);
        self
    }

    /// Enables the search for the file `contexta.toml`, unless the caller has enabled or disabled the search.
    pub(crate) fn discover_by_default(mut self) -> LoadInputs {
        self.discover.get_or_insert(true);
        self
    }

    /// Adds settings: a whole [`UnifiedConfig`], which replaces every setting, or a [`ConfigValue`], which is a tree of
    /// some settings. The added settings override all other sources. A later call of this method or of
    /// [`LoadInputs::set`] overrides earlier calls of both methods.
    pub fn config(mut self, config: impl Into<ConfigInput>) -> LoadInputs {
        self.given.push(config.into().0);
        self
    }

    /// Adds a tree of settings, like [`LoadInputs::config`] with a tree.
    pub fn patch(self, tree: ConfigValue) -> LoadInputs {
        self.config(tree)
    }

    /// Adds a setting as text, `key=value`. The setting has the same precedence as the argument of
    /// [`LoadInputs::config`].
    pub fn set(mut self, assignment: &str) -> LoadInputs {
        self.given.push(Given::Text(assignment.to_owned()));
        self
    }

    /// Sets the name of the project, in place of a name in the profile, the file or the environment.
    pub fn project_name(mut self, name: &str) -> LoadInputs {
        self.project_name = Some(name.to_owned());
        self
    }

    /// Sets the workspace, in place of a workspace in the profile, the file or the environment.
    pub fn workspace(mut self, path: impl AsRef<Path>) -> LoadInputs {
        self.workspace = Some(path.as_ref().to_path_buf());
        self
    }

    /// Uses these variables in place of the environment of the process. Only variables named `CONTEXTA_*`, the variable
    /// `TRACEPARENT` and the home directory are read.
    pub fn environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> LoadInputs
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let variables = variables.into_iter().map(|(k, v)| (k.into(), v.into()));
        self.environment = Some(Environment::new(variables));
        self
    }

    /// Uses or ignores environment variables. By default, [`load_config`](crate::config::load_config) uses environment
    /// variables, and [`make_test_config`](crate::config::make_test_config) ignores them. If the variables are ignored,
    /// the environment of the process is not read. Of variables that were passed to [`LoadInputs::environment`], only
    /// the home directory is then used, for paths that begin with `~`.
    pub fn use_env(mut self, on: bool) -> LoadInputs {
        self.use_env = Some(on);
        self
    }

    /// Sets the directory against which relative paths are resolved; by default the current directory. Relative paths
    /// in a `contexta.toml` that was found in a workspace are resolved against that workspace.
    pub fn base_dir(mut self, path: impl AsRef<Path>) -> LoadInputs {
        self.base = Some(path.as_ref().to_path_buf());
        self
    }

    /// Returns the environment that settings are read from: the variables passed by the caller, or else those of the
    /// process. If variables are ignored, the environment contains at most the home directory.
    pub(super) fn variables(&self) -> Environment {
        match (self.use_env.unwrap_or(true), &self.environment) {
            (true, Some(given)) => given.clone(),
            (true, None) => Environment::new(process_env::variables()),
            (false, Some(given)) => given.only_home(),
            (false, None) => Environment::default(),
        }
    }
}
