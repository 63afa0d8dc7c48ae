//! Settings from arbitrary text: nothing panics, accepted values are within their ranges, and a file and `--set` give
//! the same result.

#[path = "../fuzz/bodies/config_file.rs"]
mod config_file;

use contexta::config::{ConfigValue, LoadInputs, check_config, keys, load_config};
use proptest::prelude::*;

/// Arbitrary text, or a piece of typical settings.
fn text() -> impl Strategy<Value = String> {
    let names: Vec<&str> =
        keys().iter().flat_map(|key| [key.name, key.name.split('.').next().unwrap()]).collect();
    prop_oneof![
        any::<String>(),
        "[\\[\\]{}\"',:=\\-0-9a-z~#.\\n ]{0,40}",
        prop::sample::select(names).prop_map(str::to_owned),
        prop::sample::select(vec![
            "null",
            "none",
            "true",
            "nan",
            "1e999",
            "-0",
            "~/x",
            "[1]",
            "{\"a\": {}}",
            "\0"
        ])
        .prop_map(str::to_owned),
    ]
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn configuration_file_of_any_bytes_never_panics(choice in 0u8..3, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        config_file::run(&[vec![choice], bytes].concat());
    }

    #[test]
    fn configuration_file_of_any_lines_is_rejected_or_within_ranges(
        choice in 0u8..3,
        lines in prop::collection::vec((text(), text(), 0usize..3), 0..6),
    ) {
        let mut file = String::from(char::from(choice));
        for (name, value, form) in lines {
            match form {
                0 => file.push_str(&format!("{name} = {value}\n")),
                1 => file.push_str(&format!("{name}: {value}\n")),
                _ => file.push_str(&format!("[{name}]\n{value}\n")),
            }
        }
        config_file::run(file.as_bytes());
    }

    #[test]
    fn any_assignment_and_variable_is_rejected_or_within_ranges(
        sets in prop::collection::vec((text(), text()), 0..4),
        variables in prop::collection::vec((prop::sample::select(keys().to_vec()), text()), 0..4),
    ) {
        let mut inputs = LoadInputs::new().environment([] as [(&str, &str); 0]).base_dir("/base");
        inputs = inputs.environment(variables.iter().filter_map(|(key, value)| Some((key.variable.clone()?, value.clone()))));
        for (key, value) in &sets {
            inputs = inputs.set(&format!("{key}={value}")).set(value);
        }
        let checked = check_config(&inputs);
        prop_assert_eq!(load_config(&inputs).is_ok(), checked.problems.is_empty());
        prop_assert!(checked.problems.iter().all(|problem| !problem.code().is_empty()));
        if checked.problems.is_empty() {
            prop_assert!(checked.loaded.config.check().is_ok());
        }
    }

    #[test]
    fn variable_and_set_give_the_same_setting_for_the_same_text(key in prop::sample::select(keys().to_vec()), value in text()) {
        let Some(variable) = key.variable.clone() else { return Ok(()) };
        // A blank variable counts as unset.
        prop_assume!(!value.trim().is_empty());
        let inputs = || LoadInputs::new().environment([] as [(&str, &str); 0]).base_dir("/base");
        let by_set = load_config(&inputs().set(&format!("{}={value}", key.name)));
        let by_variable = load_config(&inputs().environment([(variable, value)]));
        prop_assert_eq!(by_set.as_ref().map_err(|e| e.code()).map(|l| &l.config), by_variable.as_ref().map_err(|e| e.code()).map(|l| &l.config));
    }

    #[test]
    fn patch_changes_its_setting_and_dependent_settings_only(
        key in prop::sample::select(keys().to_vec()),
        value in text(),
    ) {
        let inputs = LoadInputs::new().environment([] as [(&str, &str); 0]).base_dir("/base");
        let before = load_config(&inputs).unwrap();
        let Ok(after) = before.patched(ConfigValue::at(key.name, value)) else { return Ok(()) };
        for (was, is) in before.config.settings().into_iter().zip(after.config.settings()) {
            let follows = is.0.ends_with("_path") || is.0.ends_with("_root");
            prop_assert!(was == is || was.0 == key.name || (key.is_path && follows), "{:?} {:?}", was, is);
        }
    }
}
