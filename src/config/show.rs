//! Settings as a TOML file.

use crate::config::key::keys;
use crate::config::unified::UnifiedConfig;
use crate::config::value::ConfigValue;

impl UnifiedConfig {
    /// Returns all settings as TOML. Loading the text as a file gives the same settings, with two exceptions: relative
    /// paths become absolute, and paths that are not UTF-8 change. A derived path is written as a comment, so that the
    /// path stays derived.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        let set = self.set_values();
        for (((key, value), known), set) in self.settings().into_iter().zip(keys()).zip(set) {
            let (within, name) = key.rsplit_once('.').unwrap_or(("", key));
            if within != section {
                text.push_str(&format!("\n[{within}]\n"));
                section = within;
            }
            let derived = if known.derived_from.is_some() && !set { "# " } else { "" };
            text.push_str(&format!("# {}\n{derived}{name} = {}\n", known.doc, toml(&value)));
        }
        text
    }

    /// Returns one item for each setting, in order: `true` if the setting has a value, and `false` if the setting is
    /// `None`.
    fn set_values(&self) -> Vec<bool> {
        let mut set = Vec::new();
        self.clone().each(|field| set.push(field.leaf.shown() != ConfigValue::Null));
        set
    }
}

fn toml(value: &ConfigValue) -> String {
    match value {
        // TOML has no null.
        ConfigValue::Null => "\"none\"".to_owned(),
        ConfigValue::Text(text) => quoted(text),
        ConfigValue::List(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        ConfigValue::Map(members) => {
            let members = members.iter().map(|(name, value)| format!("{} = {}", quoted(name), toml(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
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
