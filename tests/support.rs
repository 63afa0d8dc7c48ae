//! Helpers that the tests share: workspaces in memory or in a temporary directory, with a few runs.

use contexta::engine::Digest;
use contexta::engine::storage::sim::SimDisk;
use contexta::recovery::Outcome;
use contexta::recovery::{Progress, VerifyOptions};
use contexta::{Contexta, ImportSettings, ImportSource, Options};
use std::path::{Path, PathBuf};

/// A check of the log alone.
pub(crate) const LOG_ONLY: VerifyOptions<'static> = VerifyOptions {
    chain: true,
    bodies: false,
    references: false,
    projections: false,
    heads: Vec::new(),
    subset: None,
    progress: Progress::none(),
};

/// A directory that is removed when it goes out of scope.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new(name: &str) -> TempDir {
        let path = std::env::temp_dir().join(format!("contexta-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens a workspace of a simulated process.
pub(crate) fn open_sim(disk: &SimDisk, process: u32, path: &str) -> Contexta {
    let options =
        Options::new(path).project("wine").storage(disk.process(process)).detect_code_revision(false);
    options.open().unwrap()
}

/// Opens the workspace in a directory of the real file system, or creates it.
pub(crate) fn open(path: &Path) -> Contexta {
    Options::new(path).project("wine").detect_code_revision(false).open().unwrap()
}

/// Returns the digest of the tables of a workspace. Checks that the workspace is whole.
pub(crate) fn whole_digest(root: &Path) -> Digest {
    let contexta = Options::new(root).must_exist().read_only().open().unwrap();
    assert_eq!(contexta.verify(VerifyOptions::default()).unwrap().outcome, Outcome::Whole);
    contexta.digest().unwrap().0.digest
}

/// Imports the lines of an interchange file, which must all be accepted.
pub(crate) fn import_lines(contexta: &Contexta, lines: &str) {
    let source = ImportSource::Reader("lines", &mut lines.trim_start().as_bytes());
    let report = contexta.import_jsonl(source, ImportSettings::default()).unwrap();
    assert_eq!(report.total().refused, 0, "{report:?}");
}

/// Captures two finished runs with parameters, stages, series and events.
pub(crate) fn two_runs(contexta: &Contexta) {
    for (id, alpha, last) in [("good", 0.1, 0.2), ("bad", 0.9, 0.7)] {
        let run = contexta.run(id).run_id(id).param("alpha", alpha).param("depth", 3i64).start().unwrap();
        let train = run.stage("train").unwrap();
        train.event("training.started", "go").unwrap();
        for step in 0..5 {
            train.metric_at("loss", step, last + (5 - step) as f64 / 10.0).unwrap();
        }
        train.complete().unwrap();
        run.metric("accuracy", 1.0 - last).unwrap();
        run.complete().unwrap();
    }
}
