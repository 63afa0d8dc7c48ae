//! The documents of the settings and of the directories that they name.

use crate::config::{ConfigValue, LoadedConfig, has_effect, keys};
use crate::interpretation::{Block, Cell, ReportDocument, ReportSection, Table};

/// Returns a document with a table of the settings that `is_shown` accepts, with their sources.
pub(crate) fn settings(loaded: &LoadedConfig, is_shown: impl Fn(&str) -> bool) -> ReportDocument {
    let row = |(key, value): (&str, ConfigValue)| {
        let effect = if has_effect(key) { "" } else { "no effect yet" };
        vec![Cell::text(key), Cell::Text(value.to_json()), Cell::text(loaded.source(key)), Cell::text(effect)]
    };
    let settings = loaded.config.settings().into_iter().filter(|(key, _)| is_shown(key));
    let table = Table::new(&["Key", "Value", "Source", ""], settings.map(row).collect());
    let section = ReportSection::table("", table, "all settings have their defaults");
    ReportDocument { title: "Settings".to_owned(), sections: vec![section] }
}

/// Returns a document with the paths of the workspace, of the configuration file and of every directory that the
/// settings name.
pub(crate) fn paths(loaded: &LoadedConfig) -> ReportDocument {
    let file = match (&loaded.file, &loaded.looked_for) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(path)) => format!("none; {} does not exist", path.display()),
        (None, None) => "none".to_owned(),
    };
    let mut pairs = vec![
        ("workspace".to_owned(), Cell::text(loaded.config.workspace.root_path.display())),
        ("configuration file".to_owned(), Cell::Text(file)),
    ];
    let settings = loaded.config.settings();
    let directories = settings.iter().zip(keys()).filter(|(_, key)| key.is_path);
    pairs.extend(directories.map(|((key, value), _)| ((*key).to_owned(), Cell::text(value))));
    ReportDocument { title: "Paths".to_owned(), sections: vec![ReportSection::new("", Block::Pairs(pairs))] }
}
