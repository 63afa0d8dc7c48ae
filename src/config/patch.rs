//! Converts a tree of settings into a map from key to value.

use crate::config::error::ConfigError;
use crate::config::key::keys;
use crate::config::limit::INVALID_VALUE;
use crate::config::nearest::nearest;
use crate::config::quote::{QUOTED_CHARS_MAX, quoted, short};
use crate::config::source::Source;
use crate::config::value::ConfigValue;
use std::collections::BTreeMap;

/// The settings of a tree: the value of each key.
pub(super) type Settings = BTreeMap<&'static str, ConfigValue>;

/// The greatest number of problems that are reported at once. A hostile file could contain any number of problems.
pub(super) const PROBLEMS_MAX: usize = 100;

/// Returns the settings that the tree sets. Adds a problem for each unknown name, and for each section name that has a
/// value other than a map.
pub(super) fn settings(tree: ConfigValue, source: &Source, problems: &mut Vec<ConfigError>) -> Settings {
    let mut reader = Reader { source, found: Settings::new(), problems };
    reader.take(String::new(), tree);
    reader.found
}

struct Reader<'a> {
    source: &'a Source,
    found: Settings,
    problems: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    fn take(&mut self, at: String, tree: ConfigValue) {
        if self.problems.len() >= PROBLEMS_MAX {
            return;
        }
        if let Some(key) = keys().iter().find(|key| key.name == at) {
            self.found.insert(key.name, tree);
            return;
        }
        let within = format!("{at}.");
        if !at.is_empty() && !keys().iter().any(|key| key.name.starts_with(&within)) {
            self.problems.push(unknown(at, &tree, self.source));
            return;
        }
        let ConfigValue::Map(members) = tree else {
            self.problems.push(ConfigError::InvalidValue {
                code: INVALID_VALUE,
                key: at,
                value: quoted(&tree),
                expected: "a section with settings".to_owned(),
                source_of: self.source.clone(),
            });
            return;
        };
        for (name, value) in members {
            // Without quotes, a name that contains a dot would look like two names.
            let name = if name.contains('.') { format!("{name:?}") } else { name };
            self.take(if at.is_empty() { name } else { format!("{within}{name}") }, value);
        }
    }
}

/// Returns the error for an unknown setting, with the most similar known name. As long as the value is a map with a
/// single member, the name of the member is appended to the key, so that the error shows the whole key.
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
