//! Settings: loading from all sources, and conversion to Python dictionaries.

use crate::convert::{Unknown, text, to_python, to_value};
use crate::error::{refused, settings};
use contexta::config::{
    ConfigValue, LoadInputs, LoadedConfig, load_config, load_profile, make_local_config, make_test_config,
};
use contexta::contract::Value;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;

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
pub(crate) fn load_settings(how: &str, inputs: &Bound<'_, PyDict>) -> PyResult<Settings> {
    let mut load = LoadInputs::new();
    let given = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
        Ok(inputs.get_item(name)?.filter(|value| !value.is_none()))
    };
    let profile = given("profile")?.map(|profile| text(&profile)).transpose()?;
    if let (Some(profile), true) = (&profile, how != "load_profile") {
        load = load.profile(profile);
    }
    if let Some(overlays) = given("overlays")? {
        let names = overlays.try_iter()?.map(|name| text(&name?)).collect::<PyResult<Vec<String>>>()?;
        load = load.overlays(&names);
    }
    if let Some(file) = given("config_file")? {
        load = load.file(file.extract::<std::path::PathBuf>()?);
    }
    if let Some(discover) = given("discover")? {
        load = load.discover(discover.extract()?);
    }
    if let Some(config) = given("config")? {
        load = load.config(tree(to_value(&config, Unknown::Refuse)?));
    }
    if let Some(workspace) = given("workspace")? {
        load = load.workspace(workspace.extract::<std::path::PathBuf>()?);
    }
    if let Some(name) = given("project_name")? {
        load = load.project_name(&text(&name)?);
    }
    if let Some(variables) = given("env")? {
        let variables = variables.extract::<BTreeMap<String, String>>()?;
        load = load.environment(variables);
    }
    if let Some(use_env) = given("use_env")? {
        load = load.use_env(use_env.extract()?);
    }
    let loaded = match how {
        "load_config" => load_config(&load),
        "load_profile" => load_profile(profile.as_deref().unwrap_or_default(), &load),
        "make_local_config" => make_local_config(&load),
        "make_test_config" => make_test_config(&load),
        _ => return Err(refused("config_function_unknown", "the function does not exist")),
    };
    Ok(Settings { loaded: loaded.map_err(settings)? })
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
        ConfigValue::Int(value) => i64::try_from(value).map_or_else(|_| Value::Big(value.to_string()), Value::Int),
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
