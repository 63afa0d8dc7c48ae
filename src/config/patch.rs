//! A tree of settings taken apart: which settings it sets, and what in it is none.

use crate::config::error::ConfigError;
use crate::config::leaf::INVALID_VALUE;
use crate::config::model::keys;
use crate::config::nearest::nearest;
use crate::config::value::{ConfigValue, Source};
use std::collections::BTreeMap;

/// Settings by key.
pub(super) type Settings = BTreeMap<&'static str, ConfigValue>;

/// Problems that are told at once; a hostile file could hold any number.
pub(super) const PROBLEMS_MAX: usize = 100;

/// Longest value that an error quotes.
const QUOTED_CHARS_MAX: usize = 80;

/// The settings that the tree sets. Unknown names, and values where sections should be, become problems.
pub(super) fn settings(tree: ConfigValue, source: &Source, problems: &mut Vec<ConfigError>) -> Settings {
    let mut found = Settings::new();
    take(String::new(), tree, source, &mut found, problems);
    found
}

fn take(
    at: String,
    tree: ConfigValue,
    source: &Source,
    found: &mut Settings,
    problems: &mut Vec<ConfigError>,
) {
    if problems.len() >= PROBLEMS_MAX {
        return;
    }
    if let Some(key) = keys().iter().find(|key| key.name == at) {
        found.insert(key.name, tree);
        return;
    }
    let within = format!("{at}.");
    if !at.is_empty() && !keys().iter().any(|key| key.name.starts_with(&within)) {
        problems.push(unknown(at, &tree, source));
        return;
    }
    let ConfigValue::Map(members) = tree else {
        problems.push(ConfigError::InvalidValue {
            code: INVALID_VALUE,
            key: at,
            value: quoted(&tree),
            expected: "a section with settings".to_owned(),
            source_of: source.clone(),
        });
        return;
    };
    for (name, value) in members {
        // A name with a dot in it would look like two.
        let name = if name.contains('.') { format!("{name:?}") } else { name };
        take(if at.is_empty() { name } else { format!("{within}{name}") }, value, source, found, problems);
    }
}

/// That there is no such setting. A section that holds one thing is named with it, as it was written.
fn unknown(mut at: String, mut tree: &ConfigValue, source: &Source) -> ConfigError {
    while let ConfigValue::Map(members) = tree
        && members.len() == 1
        && let Some((name, inner)) = members.first_key_value()
        && at.len() < QUOTED_CHARS_MAX
    {
        at = format!("{at}.{name}");
        tree = inner;
    }
    let sections = keys().iter().filter_map(|key| key.name.rsplit_once('.')).map(|(section, _)| section);
    let names = keys().iter().map(|key| key.name);
    let nearest = match tree {
        ConfigValue::Map(_) => nearest(&at, sections),
        _ => nearest(&at, names),
    };
    ConfigError::UnknownField {
        key: short(&at),
        nearest: nearest.map(str::to_owned),
        source_of: source.clone(),
    }
}

/// A value as an error quotes it.
pub(super) fn quoted(value: &ConfigValue) -> String {
    match value {
        ConfigValue::List(items) if items.len() > QUOTED_CHARS_MAX => format!("a list of {}", items.len()),
        ConfigValue::Map(_) => "a section".to_owned(),
        value => short(&value.to_json()),
    }
}

/// At most so much of a text that an error stays one line.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
