//! The workspaces of the Python package contexta 1.0.0, imported into temporary directories.

use crate::golden_answers::lineage::Lineage;
use crate::golden_answers::metrics::Metrics;
use crate::golden_answers::question::gunzip;
use crate::golden_answers::text::Names;
use crate::support::TempDir;
use contexta::contract::Value;
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
    pub(super) metrics: Metrics,
    pub(super) lineage: Lineage,
}

/// The refs of the runs in a workspace.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<String>);

impl Runs {
    fn add(&mut self, line: &Value) {
        if line.get("kind").and_then(Value::as_str) == Some("run") {
            let run = line.get("object").and_then(|object| object.get("run_ref")).and_then(Value::as_str);
            self.0.push(run.unwrap().to_owned());
        }
    }

    /// Returns `true` if several projects have a run with this id.
    pub(super) fn is_ambiguous(&self, id: &str) -> bool {
        let ids = self.0.iter().filter_map(|run| run.split_once('.'));
        ids.filter(|(_, other)| *other == id).count() > 1
    }

    /// Returns `true` if the text is the ref of a run without the kind.
    pub(super) fn is_ref_without_kind(&self, text: &str) -> bool {
        self.0.iter().any(|run| run.strip_prefix("run:") == Some(text))
    }
}

impl Workspace {
    /// Imports a workspace, with the bodies of its artifacts.
    pub(super) fn import(name: &str) -> Workspace {
        let directory = TempDir::new(&format!("golden-answers-{name}"));
        let file = reference().join(name).join("interchange.jsonl.gz");
        let (mut names, mut runs, mut metrics) = (Names::default(), Runs::default(), Metrics::default());
        let mut lineage = Lineage::default();
        let text = gunzip(&file);
        for line in text.lines() {
            let line = parse(line).unwrap();
            names.add(&line);
            runs.add(&line);
            metrics.add(&line);
            lineage.add(&line);
        }
        let workspace = Workspace { directory, names, runs, metrics, lineage };
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
