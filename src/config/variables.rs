//! Names of environment variables.

/// The prefix of the names of all variables.
pub const PREFIX: &str = "CONTEXTA_";
/// The variable that selects the profile.
pub const PROFILE: &str = "CONTEXTA_PROFILE";
/// The variable that selects the overlays.
pub const OVERLAYS: &str = "CONTEXTA_PROFILE_OVERLAYS";
/// The variable that sets the workspace. It overrides `CONTEXTA_WORKSPACE_ROOT_PATH`.
pub const WORKSPACE: &str = "CONTEXTA_WORKSPACE";
/// The variable with the ref of the run that this process belongs to.
pub const RUN: &str = "CONTEXTA_RUN";
/// The variable with the trace and the span of the program that started this process.
pub const TRACE_PARENT: &str = "TRACEPARENT";
/// Variables that set no setting, but have another purpose. These variables cause no warning.
pub(super) const RESERVED: [&str; 3] = [RUN, TRACE_PARENT, "CONTEXTA_SIM_SECONDS"];
/// Variables named after a setting that can only be set in other ways, each with advice on how to change the setting.
pub(super) const FIXED: [(&str, &str); 2] = [
    ("CONTEXTA_CONFIG_VERSION", "write config_version into the configuration file"),
    ("CONTEXTA_PROFILE_NAME", "select a profile with CONTEXTA_PROFILE"),
];

/// Returns the name of the variable for the setting of this key; `None` if no variable can set the setting.
pub(super) fn variable_of(key: &str) -> Option<String> {
    let name = format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "_"));
    FIXED.iter().all(|(fixed, _)| *fixed != name).then_some(name)
}
