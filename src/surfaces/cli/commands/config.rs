//! The commands `contexta config show`, `contexta config path` and `contexta config check`. They open no workspace.

use crate::config::{ConfigError, ConfigValue, ConfigWarning, LoadedConfig, check_config, has_effect, keys};
use crate::contract::Value;
use crate::surfaces::cli::args::{Cli, ConfigCheckArgs, ConfigShowArgs};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::{Output, plain};
use crate::surfaces::cli::settings::inputs;
use crate::surfaces::document;
use crate::surfaces::escape;
use std::path::Path;

pub(in crate::surfaces::cli) fn show(cli: &Cli, args: &ConfigShowArgs, out: &Output) -> Outcome {
    let loaded = &cli.loaded;
    if args.toml {
        out.text(&escape::document(loaded.config.to_toml()))?;
        return Ok(0);
    }
    let is_shown = |key: &str| !args.changed || loaded.is_set(key);
    out.answer_value(|| settings_value(loaded, is_shown), || document::settings(loaded, is_shown))?;
    out.warnings(&loaded.warnings);
    Ok(0)
}

fn settings_value(loaded: &LoadedConfig, is_shown: impl Fn(&str) -> bool) -> Value {
    let settings = loaded.config.settings().into_iter().filter(|(key, _)| is_shown(key));
    let settings = settings.map(|(key, v)| {
        let source = Value::text(loaded.source(key));
        let effect = has_effect(key).into();
        (key.to_owned(), Value::map([("value", value(&v)), ("source", source), ("has_effect", effect)]))
    });
    Value::map([
        ("settings", Value::Map(settings.collect())),
        ("profile", Value::text(loaded.config.profile_name)),
        ("overlays", Value::List(loaded.overlays.iter().map(Value::text).collect())),
        ("file", path_value(loaded.file.as_deref())),
        ("warnings", warnings(&loaded.warnings)),
    ])
}

pub(in crate::surfaces::cli) fn path(cli: &Cli, out: &Output) -> Outcome {
    let loaded = &cli.loaded;
    out.answer_value(|| paths_value(loaded), || document::paths(loaded))?;
    out.warnings(&loaded.warnings);
    Ok(0)
}

fn paths_value(loaded: &LoadedConfig) -> Value {
    let settings = loaded.config.settings();
    let directories = settings.iter().zip(keys()).filter(|(_, key)| key.is_path);
    let directories =
        directories.map(|((key, value), _)| ((*key).to_owned(), Value::Text(value.to_string())));
    Value::map([
        ("workspace", path_value(Some(&loaded.config.workspace.root_path))),
        ("file", path_value(loaded.file.as_deref())),
        ("looked_for", path_value(loaded.looked_for.as_deref())),
        ("directories", Value::Map(directories.collect())),
        ("warnings", warnings(&loaded.warnings)),
    ])
}

pub(in crate::surfaces::cli) fn check(cli: &Cli, args: &ConfigCheckArgs, out: &Output) -> Outcome {
    let checked = check_config(&inputs(cli, args.file.as_deref()));
    let LoadedConfig { warnings: found, file, .. } = &checked.loaded;
    let is_valid = checked.problems.is_empty() && (found.is_empty() || !args.strict);
    if out.is_json() {
        out.json(&Value::map([
            ("ok", is_valid.into()),
            ("file", path_value(file.as_deref())),
            ("problems", Value::List(checked.problems.iter().map(problem).collect())),
            ("warnings", warnings(found)),
        ]))?;
    } else {
        let mut text: String = checked.problems.iter().map(line).collect();
        for warning in found {
            text.push_str(&format!("warning [{}]: {}\n", warning.code(), plain(&warning.message())));
        }
        if is_valid {
            let file = file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
            text.push_str(&format!("the settings are valid ({file})\n"));
        }
        out.text(&text)?;
    }
    Ok(u8::from(!is_valid))
}

fn line(problem: &ConfigError) -> String {
    let hint = problem.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    format!("ERROR [{}]: {}{}\n", problem.code(), plain(&problem.to_string()), plain(&hint))
}

fn problem(problem: &ConfigError) -> Value {
    Value::map([
        ("code", problem.code().into()),
        ("key", problem.key().map(str::to_owned).into()),
        ("message", Value::text(problem)),
        ("hint", problem.hint().into()),
    ])
}

fn warnings(warnings: &[ConfigWarning]) -> Value {
    let warning = |w: &ConfigWarning| {
        let key = if let ConfigWarning::NoEffect { key, .. } = w { Some((*key).to_owned()) } else { None };
        Value::map([("code", w.code().into()), ("key", key.into()), ("message", w.message().into())])
    };
    Value::List(warnings.iter().map(warning).collect())
}

fn path_value(path: Option<&Path>) -> Value {
    path.map(|path| path.display().to_string()).into()
}

fn value(v: &ConfigValue) -> Value {
    match v {
        ConfigValue::Null => Value::Null,
        ConfigValue::Bool(b) => Value::Bool(*b),
        ConfigValue::Int(n) => i64::try_from(*n).map_or_else(|_| Value::Big(n.to_string()), Value::Int),
        ConfigValue::Float(x) => Value::Float(*x),
        ConfigValue::Text(text) => Value::text(text),
        ConfigValue::List(items) => Value::List(items.iter().map(value).collect()),
        ConfigValue::Map(members) => Value::Map(members.iter().map(|(k, v)| (k.clone(), value(v))).collect()),
    }
}
