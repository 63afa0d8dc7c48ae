//! `contexta config show`, `contexta config path`, `contexta config check`. None of them opens a workspace.

use crate::config::{ConfigError, ConfigValue, ConfigWarning, LoadedConfig, check_config, has_effect, keys};
use crate::contract::Value;
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, ConfigCheckArgs, ConfigShowArgs};
use crate::surfaces::cli::output::{Output, plain};
use crate::surfaces::cli::settings::inputs;
use crate::surfaces::cli::text::table;
use crate::surfaces::escape;
use std::path::Path;

pub(in crate::surfaces::cli) fn show(cli: &Cli, args: &ConfigShowArgs, out: &Output) -> Outcome {
    let loaded = &cli.loaded;
    if args.toml {
        out.text(&escape::document(loaded.config.to_toml()))?;
        return Ok(0);
    }
    let shown = |key: &str| !args.changed || loaded.is_set(key);
    let settings = loaded.config.settings().into_iter().filter(|(key, _)| shown(key));
    if out.is_json() {
        let settings = settings.map(|(key, v)| {
            let source = Value::text(loaded.source(key));
            let effect = has_effect(key).into();
            (key.to_owned(), Value::map([("value", value(&v)), ("source", source), ("has_effect", effect)]))
        });
        out.json(&Value::map([
            ("settings", Value::Map(settings.collect())),
            ("profile", Value::text(loaded.config.profile_name)),
            ("overlays", Value::List(loaded.overlays.iter().map(Value::text).collect())),
            ("file", path_value(loaded.file.as_deref())),
            ("warnings", warnings(&loaded.warnings)),
        ]))?;
    } else {
        let row = |(key, v): (&str, ConfigValue)| {
            let effect = if has_effect(key) { "" } else { "no effect yet" };
            vec![key.to_owned(), v.to_json(), loaded.source(key).to_string(), effect.to_owned()]
        };
        let rows: Vec<Vec<String>> = settings.map(row).collect();
        out.text(&table(out, &["KEY", "VALUE", "SOURCE", ""], &rows, "everything is as by default"))?;
        out.warnings(&loaded.warnings);
    }
    Ok(0)
}

pub(in crate::surfaces::cli) fn path(cli: &Cli, out: &Output) -> Outcome {
    let loaded = &cli.loaded;
    let settings: Vec<(&str, ConfigValue)> = loaded.config.settings();
    let directories = || {
        let named = settings.iter().zip(keys()).filter(|(_, key)| key.is_path);
        named.map(|((key, value), _)| (*key, value.to_string()))
    };
    let workspace = &loaded.config.workspace.root_path;
    if out.is_json() {
        let directories = directories().map(|(key, path)| (key.to_owned(), Value::Text(path)));
        out.json(&Value::map([
            ("workspace", path_value(Some(workspace))),
            ("file", path_value(loaded.file.as_deref())),
            ("looked_for", path_value(loaded.looked_for.as_deref())),
            ("directories", Value::Map(directories.collect())),
            ("warnings", warnings(&loaded.warnings)),
        ]))?;
        return Ok(0);
    }
    let file = match (&loaded.file, &loaded.looked_for) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(path)) => format!("none; {} is not there", path.display()),
        (None, None) => "none".to_owned(),
    };
    let mut rows = vec![
        vec!["workspace".to_owned(), workspace.display().to_string()],
        vec!["configuration file".to_owned(), file],
    ];
    rows.extend(directories().map(|(key, path)| vec![key.to_owned(), path]));
    out.text(&table(out, &["", ""], &rows, ""))?;
    out.warnings(&loaded.warnings);
    Ok(0)
}

pub(in crate::surfaces::cli) fn check(cli: &Cli, args: &ConfigCheckArgs, out: &Output) -> Outcome {
    let checked = check_config(&inputs(cli, args.file.as_deref()));
    let LoadedConfig { warnings: noted, file, .. } = &checked.loaded;
    let good = checked.problems.is_empty() && (noted.is_empty() || !args.strict);
    if out.is_json() {
        out.json(&Value::map([
            ("ok", good.into()),
            ("file", path_value(file.as_deref())),
            ("problems", Value::List(checked.problems.iter().map(problem).collect())),
            ("warnings", warnings(noted)),
        ]))?;
    } else {
        let mut text: String = checked.problems.iter().map(line).collect();
        for warning in noted {
            text.push_str(&format!("warning [{}]: {}\n", warning.code(), plain(&warning.message())));
        }
        if good {
            let file = file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
            text.push_str(&format!("the settings are good ({file})\n"));
        }
        out.text(&text)?;
    }
    Ok(u8::from(!good))
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
