//! Settings: loading from all sources, and conversion to Python dictionaries.

use crate::convert::{Unknown, text, to_python, to_value};
use crate::error::{refused, settings};
use contexta::config::{
    ConfigError, ConfigValue, Key, LoadInputs, LoadedConfig, Source, UnifiedConfig, keys, load_config,
    load_profile, make_local_config, make_test_config,
};
use contexta::contract::Value;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The producer of records of Python programs, unless the settings name another one.
const PRODUCER: &str = "sdk.python.local";

/// Loaded settings.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) loaded: LoadedConfig,
}

#[pymethods]
impl Settings {
    /// Returns all settings as a dictionary of sections.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut tree = BTreeMap::new();
        for (key, value) in self.loaded.config.settings() {
            insert(&mut tree, key, plain(value));
        }
        to_python(py, &Value::Map(tree))
    }

    /// Returns the paths that no source set: the key of each path, and the key of the path from which it is derived.
    fn derived(&self) -> BTreeMap<&'static str, &'static str> {
        let derived = |key: &Key| match self.loaded.source(key.name) {
            Source::Derived(from) => Some((key.name, *from)),
            _ => None,
        };
        keys().iter().filter_map(derived).collect()
    }

    /// Returns the warnings as texts.
    fn warnings(&self) -> Vec<String> {
        self.loaded.warnings.iter().map(ToString::to_string).collect()
    }

    /// Returns the run that this process belongs to, from the environment variable `CONTEXTA_RUN`.
    fn run(&self) -> Option<&str> {
        self.loaded.run.as_deref()
    }
}

/// Loads settings. `how` is the name of the function of the library: `load_config`, `load_profile`,
/// `make_local_config` or `make_test_config`. `inputs` has the arguments of this function.
#[pyfunction]
pub(crate) fn load_settings(py: Python<'_>, how: &str, inputs: &Bound<'_, PyDict>) -> PyResult<Settings> {
    let mut load = LoadInputs::new();
    let given = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
        Ok(inputs.get_item(name)?.filter(|value| !value.is_none()))
    };
    let profile = given("profile")?.map(|profile| text(&profile)).transpose()?;
    if let (Some(profile), true) = (&profile, how != "load_profile") {
        load = load.profile(profile);
    }
    if let Some(overlays) = given("overlays")? {
        let names = overlays.try_iter().map_err(|_| invalid("overlays", "a list of names"))?;
        let names = names.map(|name| text(&name?)).collect::<PyResult<Vec<String>>>()?;
        load = load.overlays(&names);
    }
    if let Some(file) = given("config_file")? {
        load = load.file(path("config_file", &file)?);
    }
    if let Some(discover) = given("discover")? {
        load = load.discover(discover.extract()?);
    }
    if let Some(config) = given("config")? {
        load = match tree(to_value(&config, Unknown::Refuse).map_err(|error| unusable(&error))?) {
            whole if is_whole(&whole) => load.config(configuration(whole).map_err(refusal)?),
            some => load.config(some),
        };
    }
    if let Some(workspace) = given("workspace")? {
        load = load.workspace(path("workspace", &workspace)?);
    }
    if let Some(name) = given("project_name")? {
        load = load.project_name(&text(&name)?);
    }
    let use_env = given("use_env")?.map(|use_env| use_env.extract::<bool>()).transpose()?;
    match given("env")? {
        Some(variables) => {
            let variables = variables.extract::<BTreeMap<OsString, OsString>>();
            load = load.environment(variables.map_err(|_| invalid("env", "a mapping of texts to texts"))?);
        }
        None if use_env == Some(false) || (use_env.is_none() && how == "make_test_config") => {
            load = load.environment(home());
        }
        None => {}
    }
    if let Some(use_env) = use_env {
        load = load.use_env(use_env);
    }
    let loaded = py.detach(|| match how {
        "load_config" => Some(load_config(&load)),
        "load_profile" => {
            Some(load_profile(profile.as_deref().unwrap_or_default(), &load.environment(home())))
        }
        "make_local_config" => Some(make_local_config(&load)),
        "make_test_config" => Some(make_test_config(&load)),
        _ => None,
    });
    let loaded = loaded.ok_or_else(|| refused("config_function_unknown", "the function does not exist"))?;
    Ok(Settings { loaded: with_producer(loaded.map_err(refusal)?) })
}

/// Sets the producer of Python programs, if no source set a producer.
fn with_producer(mut loaded: LoadedConfig) -> LoadedConfig {
    if *loaded.source("capture.producer_ref") == Source::Default {
        PRODUCER.clone_into(&mut loaded.config.capture.producer_ref);
    }
    loaded
}

/// Returns `true` if the tree contains every setting. Such a tree replaces all settings of other sources.
fn is_whole(tree: &ConfigValue) -> bool {
    let has = |key: &Key| {
        let mut names = key.name.split('.');
        names
            .try_fold(tree, |tree, name| match tree {
                ConfigValue::Map(members) => members.get(name),
                _ => None,
            })
            .is_some()
    };
    keys().iter().all(has)
}

/// Returns the configuration that consists of the settings of a tree, with absolute paths.
fn configuration(tree: ConfigValue) -> Result<UnifiedConfig, ConfigError> {
    let inputs = LoadInputs::new().environment(home()).use_env(false).config(tree);
    load_config(&inputs).map(|loaded| loaded.config)
}

/// Returns the variables that name the home directory, for paths that begin with `~`.
fn home() -> Vec<(OsString, OsString)> {
    let variable = |name: &str| Some((name.into(), std::env::var_os(name)?));
    ["HOME", "USERPROFILE"].into_iter().filter_map(variable).collect()
}

fn path(name: &str, given: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    given.extract().map_err(|_| invalid(name, "a path"))
}

fn invalid(name: &str, expected: &str) -> PyErr {
    refusal(ConfigError::InvalidInput { what: format!("{name} must be {expected}") })
}

/// Converts the error for an object without a plain form to an error of the settings.
fn unusable(error: &PyErr) -> PyErr {
    Python::attach(|py| {
        let message =
            error.value(py).getattr("message").and_then(|message| text(&message)).unwrap_or_default();
        refusal(ConfigError::InvalidInput { what: format!("config cannot be used: {message}") })
    })
}

/// Converts an error of the settings to an exception whose details name the setting.
fn refusal(error: ConfigError) -> PyErr {
    let key = error.key().map(str::to_owned);
    let raised = settings(error);
    Python::attach(|py| {
        let details = PyDict::new(py);
        let named = key.map(|key| {
            details.set_item("field", key).and_then(|()| raised.value(py).setattr("details", details))
        });
        match named {
            Some(Err(error)) => error,
            _ => raised,
        }
    })
}

/// Inserts a value at a dotted key.
fn insert(tree: &mut BTreeMap<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => drop(tree.insert(key.to_owned(), value)),
        Some((section, rest)) => {
            let section = tree.entry(section.to_owned()).or_insert_with(|| Value::Map(BTreeMap::new()));
            if let Value::Map(members) = section {
                insert(members, rest, value);
            }
        }
    }
}

fn plain(value: ConfigValue) -> Value {
    match value {
        ConfigValue::Null => Value::Null,
        ConfigValue::Bool(value) => Value::Bool(value),
        ConfigValue::Int(value) => {
            i64::try_from(value).map_or_else(|_| Value::Big(value.to_string()), Value::Int)
        }
        ConfigValue::Float(value) => Value::Float(value),
        ConfigValue::Text(text) => Value::Text(text),
        ConfigValue::List(items) => Value::List(items.into_iter().map(plain).collect()),
        ConfigValue::Map(members) => {
            Value::Map(members.into_iter().map(|(key, value)| (key, plain(value))).collect())
        }
    }
}

/// Converts a value to a tree of settings.
pub(crate) fn tree(value: Value) -> ConfigValue {
    match value {
        Value::Null => ConfigValue::Null,
        Value::Bool(value) => ConfigValue::Bool(value),
        Value::Int(value) => ConfigValue::Int(value.into()),
        Value::Big(digits) => digits.parse().map_or(ConfigValue::Int(i128::MAX), ConfigValue::Int),
        Value::Float(value) => ConfigValue::Float(value),
        Value::Text(text) => ConfigValue::Text(text),
        Value::List(items) => ConfigValue::List(items.into_iter().map(tree).collect()),
        Value::Map(members) => {
            ConfigValue::Map(members.into_iter().map(|(key, value)| (key, tree(value))).collect())
        }
    }
}
