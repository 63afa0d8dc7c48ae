//! Settings as a TOML file that gives the same settings again.

use crate::config::model::{UnifiedConfig, keys};
use crate::config::value::ConfigValue;

impl UnifiedConfig {
    /// All settings as TOML. Loaded again, they are the same; a path that is not UTF-8 is the exception.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for ((key, value), known) in self.settings().into_iter().zip(keys()) {
            let (within, name) = key.rsplit_once('.').unwrap_or(("", key));
            if within != section {
                text.push_str(&format!("\n[{within}]\n"));
                section = within;
            }
            text.push_str(&format!("# {}\n{name} = {}\n", known.doc, toml(&value)));
        }
        text
    }
}

fn toml(value: &ConfigValue) -> String {
    match value {
        // TOML has no null.
        ConfigValue::Null => "\"none\"".to_owned(),
        ConfigValue::Text(text) => quoted(text),
        ConfigValue::List(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_json(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
