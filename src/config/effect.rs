//! Settings that have no effect yet. The settings are checked and shown, but no code uses their values.

use crate::config::error::ConfigWarning;
use crate::config::source::Source;

/// The keys of settings without an effect. A test compares the list with the code that reads settings.
const WITHOUT_EFFECT: &[&str] = &[
    "metadata.auto_migrate",
    "records.enable_indexes",
    "artifacts.verification_mode",
    "artifacts.create_missing_dirs",
    "artifacts.chunk_size_bytes",
    "recovery.replay_mode_default",
    "recovery.require_plan_before_apply",
    "surfaces.http.enabled",
    "surfaces.http.host",
    "surfaces.http.port",
    "surfaces.http.open_browser",
    "surfaces.html.enabled",
    "surfaces.html.inline_charts",
    "surfaces.notebook.enabled",
    "surfaces.export.html_inline_charts",
    "surfaces.export.include_completeness_notes",
    "security.allow_unredacted_local_exports",
];

/// Returns the keys of all settings that have no effect yet.
pub fn keys_without_effect() -> &'static [&'static str] {
    WITHOUT_EFFECT
}

/// Returns `false` if the setting of this key is checked and shown, but has no effect yet.
pub fn has_effect(key: &str) -> bool {
    !WITHOUT_EFFECT.contains(&key)
}

/// Returns one warning for each setting without an effect that a file, a variable, a patch or an argument set. Profiles
/// and overlays cause no warning, because they are part of the program.
pub(super) fn warnings<'a>(
    sources: impl IntoIterator<Item = (&'a &'static str, &'a Source)>,
) -> impl Iterator<Item = ConfigWarning> {
    sources.into_iter().filter_map(|(key, source)| {
        let key: &'static str = key;
        let set = match source {
            Source::File(_) | Source::Variable(_) | Source::Patch | Source::Set | Source::Argument(_) => true,
            // A whole configuration contains every setting, so the settings that the caller chose are not known.
            Source::Config => false,
            Source::Default | Source::Derived(_) | Source::Profile(_) | Source::Overlay(_) => false,
        };
        let warning = || ConfigWarning::NoEffect { key, source_of: source.clone() };
        (set && !has_effect(key)).then(warning)
    })
}
