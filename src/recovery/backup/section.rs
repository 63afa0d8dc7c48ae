//! The sections of a backup.

use std::fmt;

/// A kind of content of a workspace that a backup can contain. The text form is [`Section::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Section {
    /// The configuration file of the workspace.
    Config,
    /// The log.
    Records,
    /// The bodies of artifacts.
    Artifacts,
    /// The outbox, the positions of sinks, and the quarantine.
    Recovery,
    /// Reports.
    Reports,
    /// Cached files.
    Cache,
    /// Exports.
    Exports,
}

impl Section {
    /// All sections, in the order in which a backup copies the sections.
    pub const ALL: [Section; 7] = [
        Section::Config,
        Section::Records,
        Section::Artifacts,
        Section::Recovery,
        Section::Reports,
        Section::Cache,
        Section::Exports,
    ];

    /// Returns the stable lower-case name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Section::Config => "config",
            Section::Records => "records",
            Section::Artifacts => "artifacts",
            Section::Recovery => "recovery",
            Section::Reports => "reports",
            Section::Cache => "cache",
            Section::Exports => "exports",
        }
    }

    /// Returns the names of the files and directories of the section. Each path in the section begins with one of them.
    pub(super) fn top_names(self) -> &'static [&'static str] {
        match self {
            Section::Config => &["contexta.toml"],
            Section::Records | Section::Artifacts => &[],
            Section::Recovery => &["outbox", "sinks", "quarantine"],
            Section::Reports => &["reports"],
            Section::Cache => &["cache"],
            Section::Exports => &["exports"],
        }
    }

    /// Returns true if a path in a manifest belongs to the section. The section `config` is a single file.
    pub(super) fn holds(self, path: &str) -> bool {
        let first = if self == Section::Config { path } else { path.split('/').next().unwrap_or(path) };
        self.top_names().contains(&first)
    }

    /// Returns the section with this name. Returns `None` if the name is unknown.
    #[must_use]
    pub fn parse(name: &str) -> Option<Section> {
        Section::ALL.into_iter().find(|section| section.name() == name)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
