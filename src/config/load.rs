//! Loads settings from all sources. A later source overrides earlier ones.
//!
//! The sources are, in this order: the defaults, the profile, the overlays, the file, the environment, the arguments
//! for project name and workspace, and last the complete configurations, patches and `--set`, in the order in which
//! they were given. Each source is checked, even if later sources override all its values.

use crate::config::env::Environment;
use crate::config::error::ConfigError;
use crate::config::file;
use crate::config::inputs::{Given, LoadInputs};
use crate::config::loaded::{CheckedConfig, LoadedConfig};
use crate::config::loading::{Loading, NAME};
use crate::config::places::Places;
use crate::config::source::Source;
use crate::config::unified::UnifiedConfig;
use crate::config::value::ConfigValue;
use crate::config::variables;
use std::path::{Path, PathBuf};

/// The name of the configuration file in a workspace.
pub const FILE_NAME: &str = "contexta.toml";

impl LoadedConfig {
    /// Returns these settings with a patch applied. Paths that are derived from a changed path are derived again.
    pub fn patched(&self, tree: ConfigValue) -> Result<LoadedConfig, ConfigError> {
        let mut loading = Loading::new(self.clone());
        loading.apply_given(&Given::Tree(tree));
        loading.finish().into_result()
    }
}

/// Loads settings. Reads at most one file and creates nothing. Errors: the first problem.
pub fn load_config(inputs: &LoadInputs) -> Result<LoadedConfig, ConfigError> {
    check_config(inputs).into_result()
}

/// Loads settings. Returns the valid settings and the problems, at most 100.
pub fn check_config(inputs: &LoadInputs) -> CheckedConfig {
    let environment = inputs.variables();
    let load = |file, within| load(inputs, &environment, Origin { file, within });
    if inputs.file.is_some() || inputs.discover != Some(true) {
        return load(inputs.file.as_deref(), None);
    }
    let mut without = load(None, None);
    let root = without.loaded.config.workspace.root_path.clone();
    let path = root.join(FILE_NAME);
    if file::exists(&path) {
        return load(Some(&path), Some(&root));
    }
    without.loaded.looked_for = Some(path);
    without
}

/// Loads settings with this profile. Of the inputs, the file and the environment variables are ignored.
pub fn load_profile(name: &str, inputs: &LoadInputs) -> Result<LoadedConfig, ConfigError> {
    load_config(&LoadInputs { file: None, discover: None, ..inputs.clone() }.use_env(false).profile(name))
}

/// Loads settings from all inputs, but with the profile `local`.
pub fn make_local_config(inputs: &LoadInputs) -> Result<LoadedConfig, ConfigError> {
    load_config(&inputs.clone().profile("local"))
}

/// Loads settings from all inputs, but with the profile `test`. Environment variables are ignored unless
/// [`LoadInputs::use_env`] enables them, so that tests behave the same on every machine.
pub fn make_test_config(inputs: &LoadInputs) -> Result<LoadedConfig, ConfigError> {
    load_config(&inputs.clone().use_env(inputs.use_env.unwrap_or(false)).profile("test"))
}

/// The configuration file, if there is a file. If the file was found in a workspace, `within` is the workspace.
#[derive(Debug, Clone, Copy)]
struct Origin<'a> {
    file: Option<&'a Path>,
    within: Option<&'a Path>,
}

/// Loads the settings: applies all sources in the order that the module comment describes.
fn load(inputs: &LoadInputs, environment: &Environment, origin: Origin<'_>) -> CheckedConfig {
    let places = Places { base: inputs.base.clone(), home: environment.home.clone().map(PathBuf::from) };
    let absolute = |path: &Path| places.absolute(path).unwrap_or_else(|| path.to_path_buf());
    let path = origin.file.map(absolute);
    let mut config = UnifiedConfig::default();
    config.workspace.root_path = absolute(&config.workspace.root_path);
    let mut loading = Loading::new(LoadedConfig {
        config,
        file: path.clone(),
        run: environment.raw(variables::RUN).map(|run| run.to_string_lossy().into_owned()),
        trace_parent: environment
            .raw(variables::TRACE_PARENT)
            .and_then(|header| header.to_str())
            .map(str::to_owned),
        places,
        ..LoadedConfig::default()
    });
    let mut tree = path.as_ref().and_then(|path| match file::read(path) {
        Ok(tree) => Some(tree),
        Err(problem) => {
            loading.problem(problem);
            None
        }
    });
    loading.select(inputs, environment, tree.as_mut());
    if let (Some(path), Some(tree)) = (path, tree) {
        loading.apply_file(path, tree, origin.within);
    }
    loading.apply_environment(environment);
    if let Some(name) = &inputs.project_name {
        loading.apply([(NAME, name.as_str().into())].into(), &Source::Argument(NAME));
    }
    if let Some(path) = &inputs.workspace {
        loading.set_root(path, Source::Argument("workspace"));
    }
    for given in &inputs.given {
        loading.apply_given(given);
    }
    loading.finish()
}
