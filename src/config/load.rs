//! Settings from all their sources, the later ones stronger.
//!
//! 1 defaults, 2 profile, 3 overlays, 4 file, 5 environment, 6 patches and `--set` in the order they were given, 7 the
//! project's name, 8 the workspace. Each layer is checked, also where a stronger one replaces it.

use crate::config::effect;
use crate::config::env;
use crate::config::env::Environment;
use crate::config::error::{ConfigError, ConfigWarning};
use crate::config::file;
use crate::config::inputs::{Given, LoadInputs, Places};
use crate::config::leaf::{INVALID_VALUE, Limit};
use crate::config::model::{Field, UnifiedConfig};
use crate::config::patch::{PROBLEMS_MAX, Settings, quoted, settings, short};
use crate::config::profile::{Overlay, Profile, of_overlay, of_profile, words};
use crate::config::value::{ConfigValue, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file in a workspace that holds its settings.
pub const FILE_NAME: &str = "contexta.toml";

const ROOT: &str = "workspace.root_path";
const NAME: &str = "project_name";

/// Settings, and where they came from.
#[derive(Debug, Clone, Default)]
pub struct LoadedConfig {
    /// The settings; every path is absolute.
    pub config: UnifiedConfig,
    /// What may be meant otherwise.
    pub warnings: Vec<ConfigWarning>,
    /// The overlays that were applied, in their order.
    pub overlays: Vec<Overlay>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The file that would have been read if it were there.
    pub looked_for: Option<PathBuf>,
    sources: Sources,
    places: Places,
}

type Sources = BTreeMap<&'static str, Source>;

impl LoadedConfig {
    /// Where the value of this key came from.
    pub fn source(&self, key: &str) -> &Source {
        self.sources.get(key).unwrap_or(&Source::Default)
    }

    /// Whether somebody set it: its value is neither a default nor follows from another one.
    pub fn is_set(&self, key: &str) -> bool {
        !matches!(self.source(key), Source::Default | Source::Derived(_))
    }

    /// These settings with a patch over them. What follows from a path that it changes moves along, unless it was set.
    pub fn patched(&self, tree: ConfigValue) -> Result<LoadedConfig, ConfigError> {
        let mut loading = Loading { loaded: self.clone(), problems: Vec::new() };
        loading.apply_given(&Given::Tree(tree));
        loading.finish().into_result()
    }
}

/// Settings as far as they can be used, and everything that is wrong with them.
#[derive(Debug, Clone)]
pub struct CheckedConfig {
    /// With the values that were not refused.
    pub loaded: LoadedConfig,
    /// What is wrong, in the order it was met; at most a hundred.
    pub problems: Vec<ConfigError>,
}

impl CheckedConfig {
    fn into_result(self) -> Result<LoadedConfig, ConfigError> {
        match self.problems.into_iter().next() {
            Some(first) => Err(first),
            None => Ok(self.loaded),
        }
    }
}

/// Makes settings. Errors: the first thing that is wrong. Reads at most one file; creates nothing.
pub fn load_config(inputs: &LoadInputs) -> Result<LoadedConfig, ConfigError> {
    check_config(inputs).into_result()
}

/// Makes settings and says everything that is wrong.
pub fn check_config(inputs: &LoadInputs) -> CheckedConfig {
    if inputs.file.is_some() || !inputs.discover {
        return load(inputs, inputs.file.as_deref(), None);
    }
    let mut without = load(inputs, None, None);
    let root = without.loaded.config.workspace.root_path.clone();
    let path = root.join(FILE_NAME);
    if file::exists(&path) {
        return load(inputs, Some(&path), Some(&root));
    }
    without.loaded.looked_for = Some(path);
    without
}

/// The settings of a profile: no file, no environment.
pub fn load_profile(name: &str, inputs: &LoadInputs) -> Result<LoadedConfig, ConfigError> {
    let environment = inputs.environment.only_home();
    load_config(&LoadInputs { file: None, discover: false, environment, ..inputs.clone() }.profile(name))
}

/// The settings of profile `local`, with everything else that is given.
pub fn make_local_config(inputs: &LoadInputs) -> Result<LoadedConfig, ConfigError> {
    load_config(&inputs.clone().profile("local"))
}

/// The settings of profile `test`; the environment is not looked at, so that tests are alike everywhere.
pub fn make_test_config(inputs: &LoadInputs) -> Result<LoadedConfig, ConfigError> {
    let environment = inputs.environment.only_home();
    load_config(&LoadInputs { environment, ..inputs.clone() }.profile("test"))
}

/// All layers. `within`: the workspace that the file was found in.
fn load(inputs: &LoadInputs, path: Option<&Path>, within: Option<&Path>) -> CheckedConfig {
    let places =
        Places { base: inputs.base.clone(), home: inputs.environment.home.clone().map(PathBuf::from) };
    let absolute = |path: &Path| places.absolute(path).unwrap_or_else(|| path.to_path_buf());
    let path = path.map(absolute);
    let mut config = UnifiedConfig::default();
    config.workspace.root_path = absolute(&config.workspace.root_path);
    let loaded = LoadedConfig { config, file: path.clone(), places, ..LoadedConfig::default() };
    let mut loading = Loading { loaded, problems: Vec::new() };
    let mut tree = path.as_ref().and_then(|path| match file::read(path) {
        Ok(tree) => Some(tree),
        Err(problem) => {
            loading.problems.push(problem);
            None
        }
    });
    loading.select(inputs, tree.as_mut());
    if let (Some(path), Some(tree)) = (path, tree) {
        loading.apply_file(path, tree, within);
    }
    loading.apply_environment(&inputs.environment);
    for given in &inputs.patches {
        loading.apply_given(given);
    }
    if let Some(name) = &inputs.project_name {
        loading.apply([(NAME, name.as_str().into())].into(), &Source::Argument(NAME));
    }
    if let Some(path) = &inputs.workspace {
        loading.set_root(path, Source::Argument("workspace"));
    }
    loading.finish()
}

#[derive(Debug)]
struct Loading {
    loaded: LoadedConfig,
    problems: Vec<ConfigError>,
}

impl Loading {
    /// Chooses profile and overlays and applies them.
    fn select(&mut self, inputs: &LoadInputs, tree: Option<&mut BTreeMap<String, ConfigValue>>) {
        let from_file = self.loaded.file.clone().map(Source::File).unwrap_or(Source::Default);
        let mut profile: Option<(String, Source)> = None;
        let mut overlays: Option<(Vec<String>, Source)> = None;
        let mut wrong = |name: &str| {
            let path = self.loaded.file.clone().unwrap_or_default();
            let why = format!("`{name}` must be a text, or a list of texts for overlays");
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
            let value = inputs.environment.raw(name)?.to_string_lossy().into_owned();
            Some((value, Source::Variable(name.to_owned())))
        };
        profile = variable(env::PROFILE).or(profile);
        overlays = variable(env::OVERLAYS).map(|(list, source)| (words(&list), source)).or(overlays);
        let argument = |name| Source::Argument(name);
        profile = inputs.profile.clone().map(|name| (name, argument("profile"))).or(profile);
        overlays = inputs.overlays.clone().map(|list| (list, argument("overlays"))).or(overlays);

        let profile = match profile {
            None => Some(Profile::Local),
            Some((name, source)) => self.selected("profile", &name, &source, Profile::parse, Profile::ALL),
        };
        if let Some(profile) = profile {
            self.apply(of_profile(profile).into_iter().collect(), &Source::Profile(profile));
        }
        let (names, source) = overlays.unwrap_or((Vec::new(), Source::Default));
        let mut chosen = Vec::new();
        for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
            chosen.extend(self.selected("overlay", name, &source, Overlay::parse, Overlay::ALL));
        }
        // In their own order, whatever order they were named in.
        chosen.sort();
        chosen.dedup();
        for overlay in &chosen {
            self.apply(of_overlay(*overlay).into_iter().collect(), &Source::Overlay(*overlay));
        }
        self.loaded.overlays = chosen;
    }

    fn selected<T: std::fmt::Display>(
        &mut self,
        what: &'static str,
        name: &str,
        source: &Source,
        parse: fn(&str) -> Option<T>,
        all: &[T],
    ) -> Option<T> {
        let found = parse(name.trim());
        if found.is_none() {
            let allowed = all.iter().map(T::to_string).collect::<Vec<_>>().join(", ");
            let value = short(name);
            self.problem(ConfigError::InvalidSelector { what, value, allowed, source_of: source.clone() });
        }
        found
    }

    fn apply_file(&mut self, path: PathBuf, tree: BTreeMap<String, ConfigValue>, within: Option<&Path>) {
        let source = Source::File(path);
        let mut settings = settings(ConfigValue::Map(tree), &source, &mut self.problems);
        let Some(root) = within else { return self.apply(settings, &source) };
        // Its paths start where it lies, so that it means the same from everywhere.
        let places = Places { base: Some(root.to_path_buf()), ..self.loaded.places.clone() };
        let own = std::mem::replace(&mut self.loaded.places, places);
        if let Some(value) = settings.remove(ROOT) {
            let said = match &value {
                ConfigValue::Text(text) => self.loaded.places.absolute(Path::new(text)),
                _ => None,
            };
            if !said.is_some_and(|said| file::same_place(&said, root)) {
                let expected = format!("{}, where the file lies, or not set there", root.display());
                self.refuse(ROOT, &value, expected, &source);
            }
        }
        self.apply(settings, &source);
        self.loaded.places = own;
        // A profile that the file selects does not move the workspace that the file lies in.
        if self.loaded.config.workspace.root_path != root {
            self.set_root(root, source);
        }
    }

    fn apply_environment(&mut self, environment: &Environment) {
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
        if let Some(path) = environment.raw(env::WORKSPACE) {
            self.set_root(Path::new(path), Source::Variable(env::WORKSPACE.to_owned()));
        }
    }

    fn apply_given(&mut self, given: &Given) {
        let (tree, source) = match given {
            Given::Tree(tree @ ConfigValue::Map(_)) => (tree.clone(), Source::Patch),
            Given::Tree(other) => {
                let what = format!("a patch is a tree of settings, not {}", quoted(other));
                return self.problem(ConfigError::InvalidInput { what });
            }
            Given::Text(text) => match text.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => {
                    (ConfigValue::at(key.trim(), ConfigValue::of_text(value)), Source::Set)
                }
                _ => {
                    let what = format!("{:?} is no key=value", short(text));
                    return self.problem(ConfigError::InvalidInput { what });
                }
            },
        };
        let settings = settings(tree, &source, &mut self.problems);
        self.apply(settings, &source);
    }

    /// Puts the settings into the configuration, each checked.
    fn apply(&mut self, mut settings: Settings, source: &Source) {
        let Loading { loaded: LoadedConfig { config, sources, places, .. }, problems } = self;
        config.each(|field| {
            let Some(value) = settings.remove(field.key) else { return };
            let derived = matches!(field.rule.limit, Limit::Under(..));
            // As an optional setting reads it. A directory of that name is written `./none`.
            if derived && value.is_nothing() {
                sources.remove(field.key);
                return;
            }
            let before = field.leaf.shown();
            let mut good = field.leaf.read(&value) && field.rule.holds(&field.leaf.shown());
            if good && let Some(path) = field.leaf.path() {
                match places.absolute(path) {
                    Some(absolute) => *path = absolute,
                    None => good = false,
                }
            }
            if good {
                sources.insert(field.key, source.clone());
                return;
            }
            field.leaf.read(&before);
            if problems.len() < PROBLEMS_MAX {
                problems.push(refused(&field, &value, source.clone()));
            }
        });
    }

    /// Sets the workspace to a path that need not be text.
    fn set_root(&mut self, path: &Path, source: Source) {
        match self.loaded.places.absolute(path) {
            Some(path) => {
                self.loaded.config.workspace.root_path = path;
                self.loaded.sources.insert(ROOT, source);
            }
            None => self.refuse(ROOT, &path.display().to_string().into(), "a path".to_owned(), &source),
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

    fn problem(&mut self, problem: ConfigError) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    fn finish(mut self) -> CheckedConfig {
        let LoadedConfig { config, sources, warnings, .. } = &mut self.loaded;
        derive(config, sources);
        // A patch finishes settings a second time.
        warnings.retain(|warning| !matches!(warning, ConfigWarning::NoEffect { .. }));
        warnings.extend(effect::warnings(&*sources));
        CheckedConfig { loaded: self.loaded, problems: self.problems }
    }
}

/// Makes every path that nobody set follow from the one it depends on.
pub(super) fn derive(config: &mut UnifiedConfig, sources: &mut Sources) {
    let mut paths: BTreeMap<&'static str, PathBuf> = BTreeMap::new();
    config.each(|field| {
        let pinned = !matches!(sources.get(field.key), None | Some(Source::Derived(_)));
        let Some(path) = field.leaf.path() else { return };
        if let Limit::Under(from, name) = field.rule.limit
            && !pinned
            && let Some(above) = paths.get(from)
        {
            *path = if name.is_empty() { above.clone() } else { above.join(name) };
            sources.insert(field.key, Source::Derived(from));
        }
        paths.insert(field.key, path.clone());
    });
}

/// The error that a value does not fit a setting.
pub(super) fn refused(field: &Field<'_>, value: &ConfigValue, source: Source) -> ConfigError {
    // The code of a store is for values of the right type that it would refuse.
    let number = match value {
        ConfigValue::Int(_) => true,
        ConfigValue::Text(text) => text.trim().parse::<i128>().is_ok(),
        _ => false,
    };
    let text = matches!((field.rule.limit, value), (Limit::Only(_), ConfigValue::Text(_)));
    let typed = text || number && matches!(field.rule.limit, Limit::Int(..));
    let words = field.rule.words();
    let expected = match (field.rule.limit, words) {
        (Limit::Only(only), _) => format!("`{only}` and nothing else"),
        (_, Some(words)) => format!("{}, {words}", field.leaf.kind()),
        (_, None) => field.leaf.kind(),
    };
    ConfigError::InvalidValue {
        code: if typed { field.rule.code } else { INVALID_VALUE },
        key: field.key.to_owned(),
        value: quoted(value),
        expected,
        source_of: source,
    }
}

/// The texts of a selector in a file: `None` if it is neither text nor a list of texts, `Some(None)` if it is null.
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
