//! A configuration file: the first byte chooses TOML, YAML or JSON. Whatever it says, it is read or refused in bounds, the
//! same each time; what is accepted prints as a file that gives the same settings again.

use contexta::config::file::{FileFormat, parse};
use contexta::config::{ConfigValue, LoadInputs, load_config};
use std::path::Path;

pub(crate) fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let (format, name) = match choice % 3 {
        0 => (FileFormat::Toml, "a.toml"),
        1 => (FileFormat::Yaml, "a.yaml"),
        _ => (FileFormat::Json, "a.json"),
    };
    let tree = match parse(bytes, format, Path::new(name)) {
        Ok(mut tree) => {
            // They choose, and are no settings.
            tree.remove("profile");
            tree.remove("overlays");
            ConfigValue::Map(tree)
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains('\n') && said.len() < 1000, "an error is one line: {said}");
            return;
        }
    };
    let inputs = LoadInputs::new().use_env(false).base_dir("/base");
    let loaded = match load_config(&inputs.clone().patch(tree.clone())) {
        Ok(loaded) => loaded,
        Err(error) => {
            let said = format!("{error} {:?}", error.hint());
            assert!(error.key().is_some() && said.len() < 2000, "a refusal names its key: {said}");
            return;
        }
    };
    loaded.config.check().expect("what was loaded is in its ranges");
    let shown = parse(loaded.config.to_toml().as_bytes(), FileFormat::Toml, Path::new("shown.toml"));
    let again = load_config(&inputs.clone().patch(ConfigValue::Map(shown.expect("what is shown is TOML"))));
    assert!(again.expect("what is shown loads").config == loaded.config, "and gives the same settings");
    // As `--set` says it, section by section.
    let ConfigValue::Map(sections) = tree else { return };
    let assign = |(name, value): (&String, &ConfigValue)| format!("{name}={}", value.to_json());
    let set = sections.iter().map(assign).fold(inputs, |inputs, assignment| inputs.set(&assignment));
    if let Ok(set) = load_config(&set) {
        assert!(set.config == loaded.config, "a file and --set say the same");
    }
}
