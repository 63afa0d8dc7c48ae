//! The workspaces of the Python package contexta 1.0.0, imported into temporary directories.

use crate::golden_answers::lineage::Lineage;
use crate::golden_answers::metrics::Metrics;
use crate::golden_answers::parts::Parts;
use crate::golden_answers::question::gunzip;
use crate::golden_answers::replays::Records;
use crate::golden_answers::runs::Runs;
use crate::golden_answers::text::Names;
use crate::support::TempDir;
use contexta::contract::json::read::parse;
use contexta::{Contexta, ImportSettings, ImportSource, Options};
use std::path::{Path, PathBuf};

/// The names of the workspaces, those with the most questions first.
pub(super) const WORKSPACES: [&str; 14] = [
    "seed-02",
    "seed-06",
    "seed-01",
    "seed-04",
    "seed-05",
    "seed-03",
    "case11",
    "case07",
    "case01",
    "case05",
    "case03",
    "qs01",
    "case09",
    "quickstart",
];

/// Returns the directory with the data of all workspaces.
pub(super) fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/reference")
}

/// An imported workspace.
pub(super) struct Workspace {
    directory: TempDir,
    pub(super) names: Names,
    pub(super) runs: Runs,
    pub(super) parts: Parts,
    pub(super) metrics: Metrics,
    pub(super) lineage: Lineage,
    pub(super) records: Records,
}

impl Workspace {
    /// Imports a workspace, with the bodies of its artifacts.
    pub(super) fn import(name: &str) -> Workspace {
        let directory = TempDir::new(&format!("golden-answers-{name}"));
        let file = reference().join(name).join("interchange.jsonl.gz");
        let (mut names, mut runs, mut metrics) = (Names::default(), Runs::default(), Metrics::default());
        let (mut lineage, mut parts) = (Lineage::default(), Parts::default());
        let mut records = Records::default();
        let text = gunzip(&file);
        for line in text.lines() {
            let line = parse(line).unwrap();
            names.add(&line);
            runs.add(&line);
            parts.add(&line, file.parent().unwrap());
            metrics.add(&line);
            lineage.add(&line);
            records.add(&line);
        }
        let workspace = Workspace { directory, names, runs, parts, metrics, lineage, records };
        let contexta = workspace.open();
        let report = contexta.import_jsonl(ImportSource::File(&file), ImportSettings::default()).unwrap();
        assert!(report.is_complete(), "{name}: {report:?}");
        contexta.close().unwrap();
        workspace
    }

    pub(super) fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    pub(super) fn open(&self) -> Contexta {
        Options::new(self.directory.path()).detect_code_revision(false).open().unwrap()
    }
}
