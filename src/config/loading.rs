//! The settings while sources are applied: each source overrides the settings of the sources before it.

use crate::config::choice::{Overlay, Profile};
use crate::config::effect;
use crate::config::env::Environment;
use crate::config::error::{ConfigError, ConfigWarning};
use crate::config::file;
use crate::config::inputs::{Given, LoadInputs};
use crate::config::limit::{INVALID_VALUE, Limit};
use crate::config::loaded::{CheckedConfig, LoadedConfig};
use crate::config::patch::{PROBLEMS_MAX, Settings, settings};
use crate::config::places::Places;
use crate::config::profile::{of_overlay, of_profile, words};
use crate::config::quote::{quoted, short};
use crate::config::refusal::refused;
use crate::config::source::Source;
use crate::config::unified::UnifiedConfig;
use crate::config::value::ConfigValue;
use crate::config::variables;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const ROOT: &str = "workspace.root_path";
/// The key of the project's name.
pub(super) const NAME: &str = "project_name";

/// The text for the expected value in an error message. The error is a path that begins with `~` although the home
/// directory is not known.
const HOMELESS: &str = "a path without `~`, because the environment does not name the home directory";

/// The settings and problems while sources are applied.
#[derive(Debug)]
pub(super) struct Loading {
    loaded: LoadedConfig,
    problems: Vec<ConfigError>,
}

impl Loading {
    pub(super) fn new(loaded: LoadedConfig) -> Loading {
        Loading { loaded, problems: Vec::new() }
    }

    /// Applies the settings of the profile and of the overlays. The caller, the environment or the file selects them;
    /// the caller has precedence over the environment, and the environment over the file.
    pub(super) fn select(
        &mut self,
        inputs: &LoadInputs,
        environment: &Environment,
        tree: Option<&mut BTreeMap<String, ConfigValue>>,
    ) {
        let from_file = self.loaded.file.clone().map(Source::File).unwrap_or(Source::Default);
        let mut profile: Option<(String, Source)> = None;
        let mut overlays: Option<(Vec<String>, Source)> = None;
        let mut wrong = |name: &str| {
            let path = self.loaded.file.clone().unwrap_or_default();
            let why = format!("`{name}` must be a text; `overlays` may also be a list of texts");
            self.problems.push(ConfigError::InvalidFile { path, at: None, why });
        };
        if let Some(tree) = tree {
            match tree.remove("profile") {
                Some(ConfigValue::Text(name)) => profile = Some((name, from_file.clone())),
                Some(ConfigValue::Null) | None => {}
                Some(_) => wrong("profile"),
            }
            match tree.remove("overlays").map(texts_of) {
                Some(Some(list)) => overlays = list.map(|list| (list, from_file)),
                Some(None) => wrong("overlays"),
                None => {}
            }
        }
        let variable = |name: &str| {
            let value = environment.raw(name)?.to_string_lossy().into_owned();
            Some((value, Source::Variable(name.to_owned())))
        };
        profile = variable(variables::PROFILE).or(profile);
        overlays = variable(variables::OVERLAYS).map(|(list, source)| (words(&list), source)).or(overlays);
        let argument = |name| Source::Argument(name);
        profile = inputs.profile.clone().map(|name| (name, argument("profile"))).or(profile);
        overlays = inputs.overlays.clone().map(|list| (list, argument("overlays"))).or(overlays);

        let profile = match profile {
            None => Some(Profile::Local),
            Some((name, source)) => self.selected("profile", (&name, &source), Profile::ALL),
        };
        if let Some(profile) = profile {
            self.apply(of_profile(profile).into_iter().collect(), &Source::Profile(profile));
        }
        let (names, source) = overlays.unwrap_or((Vec::new(), Source::Default));
        let mut chosen = Vec::new();
        for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
            chosen.extend(self.selected("overlay", (name, &source), Overlay::ALL));
        }
        // Overlays are applied in a fixed order, whatever the order in which they were named.
        chosen.sort();
        chosen.dedup();
        for overlay in &chosen {
            self.apply(of_overlay(*overlay).into_iter().collect(), &Source::Overlay(*overlay));
        }
        self.loaded.overlays = chosen;
    }

    /// Returns the profile or overlay of this name. If the name is unknown, adds a problem and returns `None`.
    fn selected<T: FromStr + std::fmt::Display>(
        &mut self,
        what: &'static str,
        (name, source): (&str, &Source),
        all: &[T],
    ) -> Option<T> {
        let found = name.trim().parse().ok();
        if found.is_none() {
            let allowed = all.iter().map(T::to_string).collect::<Vec<_>>().join(", ");
            let value = short(name);
            self.problem(ConfigError::InvalidSelector { what, value, allowed, source_of: source.clone() });
        }
        found
    }

    pub(super) fn apply_file(
        &mut self,
        path: PathBuf,
        tree: BTreeMap<String, ConfigValue>,
        within: Option<&Path>,
    ) {
        let source = Source::File(path);
        let mut settings = settings(ConfigValue::Map(tree), &source, &mut self.problems);
        let Some(root) = within else { return self.apply(settings, &source) };
        // Relative paths are resolved against the directory of the file, so that they do not depend on the current
        // directory.
        let places = Places { base: Some(root.to_path_buf()), ..self.loaded.places.clone() };
        let own = std::mem::replace(&mut self.loaded.places, places);
        if let Some(value) = settings.remove(ROOT) {
            let named = match &value {
                ConfigValue::Text(text) => self.loaded.places.absolute(Path::new(text)),
                _ => None,
            };
            if !named.is_some_and(|named| file::same_place(&named, root)) {
                let expected =
                    format!("{} (the directory that contains the file), or no value", root.display());
                self.refuse(ROOT, &value, expected, &source);
            }
        }
        self.apply(settings, &source);
        self.loaded.places = own;
        // A profile selected by the file does not move the workspace that contains the file.
        if self.loaded.config.workspace.root_path != root {
            self.set_root(root, source);
        }
    }

    pub(super) fn apply_environment(&mut self, environment: &Environment) {
        let (problems, warnings) = environment.others();
        problems.into_iter().for_each(|problem| self.problem(problem));
        self.loaded.warnings.extend(warnings);
        for (key, name, value) in environment.settings() {
            let source = Source::Variable(name.to_owned());
            match value.to_str() {
                Some(text) => self.apply([(key, ConfigValue::of_text(text))].into(), &source),
                None => {
                    let shown = value.to_string_lossy().into_owned().into();
                    self.refuse(key, &shown, "text in UTF-8".to_owned(), &source);
                }
            }
        }
        if let Some(path) = environment.raw(variables::WORKSPACE) {
            self.set_root(Path::new(path), Source::Variable(variables::WORKSPACE.to_owned()));
        }
    }

    pub(super) fn apply_given(&mut self, given: &Given) {
        let (tree, source) = match given {
            Given::Config(config) => return self.apply_config(config),
            Given::Tree(tree @ ConfigValue::Map(_)) => (tree.clone(), Source::Patch),
            Given::Tree(other) => {
                let what = format!("a patch must be a map of settings, not {}", quoted(other));
                return self.problem(ConfigError::InvalidInput { what });
            }
            Given::Text(text) => match text.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => {
                    (ConfigValue::at(key.trim(), ConfigValue::of_text(value)), Source::Set)
                }
                _ => {
                    let what = format!("{:?} is not key=value", short(text));
                    return self.problem(ConfigError::InvalidInput { what });
                }
            },
        };
        let settings = settings(tree, &source, &mut self.problems);
        self.apply(settings, &source);
    }

    /// Replaces the values of all settings by those of `config`. If a value is refused, adds a problem and keeps the
    /// old values. Relative paths are resolved against the same directory as the paths of other sources.
    fn apply_config(&mut self, config: &UnifiedConfig) {
        if let Err(problem) = config.check() {
            return self.problem(problem);
        }
        let mut config = config.clone();
        let mut homeless = Vec::new();
        config.each(|field| {
            let key = field.key;
            self.loaded.sources.insert(key, Source::Config);
            let shown = field.leaf.shown();
            match field.leaf.path() {
                None if matches!(field.rule.limit, Limit::Under(..)) => drop(self.loaded.sources.remove(key)),
                None => {}
                Some(path) => match self.loaded.places.absolute(path) {
                    Some(absolute) => *path = absolute,
                    None => homeless.push((key, shown)),
                },
            }
        });
        for (key, value) in &homeless {
            self.refuse(key, value, HOMELESS.to_owned(), &Source::Config);
        }
        if homeless.is_empty() {
            self.loaded.config = config;
        }
    }

    /// Checks each of the settings and applies it to the configuration. If a value is refused, adds a problem, and the
    /// setting keeps its old value.
    pub(super) fn apply(&mut self, mut settings: Settings, source: &Source) {
        let Loading { loaded: LoadedConfig { config, sources, places, .. }, problems } = self;
        config.each(|field| {
            let Some(value) = settings.remove(field.key) else { return };
            let before = field.leaf.shown();
            let mut good = field.leaf.read(&value) && field.rule.holds(&field.leaf.shown());
            if good && let Some(path) = field.leaf.path() {
                match places.absolute(path) {
                    Some(absolute) => *path = absolute,
                    None => good = false,
                }
            }
            if good {
                // A path that is set to none is derived again. A directory named `none` is written `./none`.
                match field.leaf.path().is_none() && matches!(field.rule.limit, Limit::Under(..)) {
                    true => drop(sources.remove(field.key)),
                    false => drop(sources.insert(field.key, source.clone())),
                }
                return;
            }
            field.leaf.read(&before);
            if problems.len() < PROBLEMS_MAX {
                problems.push(refused(&field, &value, source.clone()));
            }
        });
    }

    /// Sets the root of the workspace. Unlike the paths in a file, this path need not be UTF-8.
    pub(super) fn set_root(&mut self, path: &Path, source: Source) {
        match self.loaded.places.absolute(path) {
            Some(path) => {
                self.loaded.config.workspace.root_path = path;
                self.loaded.sources.insert(ROOT, source);
            }
            None => self.refuse(ROOT, &path.display().to_string().into(), HOMELESS.to_owned(), &source),
        }
    }

    fn refuse(&mut self, key: &str, value: &ConfigValue, expected: String, source: &Source) {
        self.problem(ConfigError::InvalidValue {
            code: INVALID_VALUE,
            key: key.to_owned(),
            value: quoted(value),
            expected,
            source_of: source.clone(),
        });
    }

    pub(super) fn problem(&mut self, problem: ConfigError) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    pub(super) fn finish(mut self) -> CheckedConfig {
        let LoadedConfig { config, sources, warnings, .. } = &mut self.loaded;
        // `LoadedConfig::patched` calls `finish` again, so earlier warnings are replaced.
        warnings.retain(|warning| !matches!(warning, ConfigWarning::NoEffect { .. }));
        warnings.extend(effect::warnings(&*sources));
        config.each(|field| {
            if let (Limit::Under(from, _), None) = (field.rule.limit, field.leaf.path()) {
                sources.insert(field.key, Source::Derived(from));
            }
        });
        CheckedConfig { loaded: self.loaded, problems: self.problems }
    }
}

/// Returns the names in the value of `overlays` in a file. Returns `Some(None)` if the value is null, and `None` if the
/// value is neither null, a text nor a list of texts.
fn texts_of(value: ConfigValue) -> Option<Option<Vec<String>>> {
    match value {
        ConfigValue::Null => Some(None),
        ConfigValue::Text(list) => Some(Some(words(&list))),
        ConfigValue::List(items) => {
            let text = |item| if let ConfigValue::Text(text) = item { Some(text) } else { None };
            items.into_iter().map(text).collect::<Option<_>>().map(Some)
        }
        _ => None,
    }
}
