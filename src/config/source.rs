//! The source of the value of a setting.

use crate::config::choice::{Overlay, Profile};
use std::fmt;
use std::path::PathBuf;

/// The source of the value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The default.
    Default,
    /// No source set the path. The path is derived from the setting of this key.
    Derived(&'static str),
    /// A profile.
    Profile(Profile),
    /// An overlay.
    Overlay(Overlay),
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A tree of some settings, passed by code.
    Patch,
    /// A whole configuration passed by code.
    Config,
    /// `key=value` on the command line.
    Set,
    /// A separate argument: workspace, project name, profile or overlays.
    Argument(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Derived(key) => write!(f, "from {key}"),
            Source::Profile(profile) => write!(f, "profile {profile}"),
            Source::Overlay(overlay) => write!(f, "overlay {overlay}"),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Variable(name) => write!(f, "variable {name}"),
            Source::Patch => f.write_str("patch"),
            Source::Config => f.write_str("config"),
            Source::Set => f.write_str("--set"),
            Source::Argument(name) => write!(f, "argument {name}"),
        }
    }
}
