//! The directories of a configuration. Each directory is set, or derived from another directory.

use crate::config::limit::Limit;
use crate::config::unified::UnifiedConfig;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The directories that a configuration describes. Each directory is set, or derived from another directory.
/// [`UnifiedConfig::directories`] returns them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Directories {
    /// The workspace: `workspace.root_path`.
    pub root: PathBuf,
    /// The tables: `metadata.database_path`.
    pub tables: PathBuf,
    /// The log: `records.root_path`.
    pub log: PathBuf,
    /// The bodies of artifacts: `artifacts.root_path`.
    pub artifacts: PathBuf,
    /// Reports: `workspace.reports_path`.
    pub reports: PathBuf,
    /// Exports: `workspace.exports_path`.
    pub exports: PathBuf,
    /// Cached files, which can be recreated: `workspace.cache_path`.
    pub cache: PathBuf,
    /// Records that could not be delivered to a sink yet: `recovery.outbox_root`.
    pub outbox: PathBuf,
    /// Backups: `recovery.backup_root`.
    pub backups: PathBuf,
    /// Restores in preparation: `recovery.restore_staging_root`.
    pub restore_staging: PathBuf,
}

impl UnifiedConfig {
    /// Returns every directory. A directory whose setting is `None` is derived from the path in another setting; the
    /// root of the workspace is never derived.
    pub fn directories(&self) -> Directories {
        let root = &self.workspace.root_path;
        let under = |set: &Option<PathBuf>, name: &str| set.clone().unwrap_or_else(|| root.join(name));
        let or = |set: &Option<PathBuf>, above: PathBuf| set.clone().unwrap_or(above);
        let (workspace, recovery) = (&self.workspace, &self.recovery);
        Directories {
            root: root.clone(),
            tables: or(&self.metadata.database_path, under(&workspace.metadata_path, "projections")),
            log: or(&self.records.root_path, under(&workspace.records_path, "log")),
            artifacts: or(&self.artifacts.root_path, under(&workspace.artifacts_path, "artifacts")),
            reports: under(&workspace.reports_path, "reports"),
            exports: under(&workspace.exports_path, "exports"),
            cache: under(&workspace.cache_path, "cache"),
            outbox: under(&recovery.outbox_root, "recovery/outbox"),
            backups: under(&recovery.backup_root, "recovery/backups"),
            restore_staging: under(&recovery.restore_staging_root, "recovery/staging"),
        }
    }
}

/// Returns the path of every setting that is a path, by key. For a path that is not set, the map contains the derived
/// path.
pub(super) fn paths(config: &UnifiedConfig) -> BTreeMap<&'static str, PathBuf> {
    let mut paths: BTreeMap<&'static str, PathBuf> = BTreeMap::new();
    config.clone().each(|field| {
        let derived = |(from, name): (&str, &str)| paths.get(from).map(|above| join(above, name));
        let path = match (field.leaf.path(), field.rule.limit) {
            (Some(path), _) => Some(path.clone()),
            (None, Limit::Under(from, name)) => derived((from, name)),
            (None, _) => None,
        };
        if let Some(path) = path {
            paths.insert(field.key, path);
        }
    });
    paths
}

/// Returns the path `name` under `above`; `above` itself if `name` is empty.
fn join(above: &Path, name: &str) -> PathBuf {
    if name.is_empty() { above.to_path_buf() } else { above.join(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_those_that_the_settings_show() {
        let mut moved = UnifiedConfig::default();
        moved.workspace.root_path = "w".into();
        moved.workspace.records_path = Some("far/log".into());
        moved.metadata.database_path = Some("fast".into());
        for config in [UnifiedConfig::default(), moved] {
            let directories = config.directories();
            let paths = paths(&config);
            for (key, path) in [
                ("workspace.root_path", directories.root),
                ("metadata.database_path", directories.tables),
                ("records.root_path", directories.log),
                ("artifacts.root_path", directories.artifacts),
                ("workspace.reports_path", directories.reports),
                ("workspace.exports_path", directories.exports),
                ("workspace.cache_path", directories.cache),
                ("recovery.outbox_root", directories.outbox),
                ("recovery.backup_root", directories.backups),
                ("recovery.restore_staging_root", directories.restore_staging),
            ] {
                assert_eq!(paths.get(key), Some(&path), "{key}");
            }
        }
    }
}
