//! A configuration file: the first byte selects TOML, YAML or JSON. The rest is read or rejected within bounds, with
//! the same result each time; an accepted file is printed as a file with the same settings.

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
            // These keys select a profile and are not settings.
            tree.remove("profile");
            tree.remove("overlays");
            ConfigValue::Map(tree)
        }
        Err(error) => {
            let message = error.to_string();
            assert!(
                !message.contains('\n') && message.len() < 1000,
                "an error has more than one line: {message}"
            );
            return;
        }
    };
    let inputs = LoadInputs::new().use_env(false).base_dir("/base");
    let loaded = match load_config(&inputs.clone().patch(tree.clone())) {
        Ok(loaded) => loaded,
        Err(error) => {
            let message = format!("{error} {:?}", error.hint());
            assert!(
                error.key().is_some() && message.len() < 2000,
                "an error does not name its key: {message}"
            );
            return;
        }
    };
    loaded.config.check().expect("loaded settings are within their ranges");
    let shown = parse(loaded.config.to_toml().as_bytes(), FileFormat::Toml, Path::new("shown.toml"));
    let again =
        load_config(&inputs.clone().patch(ConfigValue::Map(shown.expect("printed settings are TOML"))));
    assert!(
        again.expect("printed settings load").config == loaded.config,
        "printed settings differ from the loaded ones"
    );
    // Sets the settings section by section, as `--set` does.
    let ConfigValue::Map(sections) = tree else { return };
    let assign = |(name, value): (&String, &ConfigValue)| format!("{name}={}", value.to_json());
    let set = sections.iter().map(assign).fold(inputs, |inputs, assignment| inputs.set(&assignment));
    if let Ok(set) = load_config(&set) {
        assert!(set.config == loaded.config, "a file and --set give different settings");
    }
}
