//! An input of an ingest: the first byte selects the length of the reads, and the rest is JSON lines. Every line is
//! recorded or refused with its number, whatever the other lines are. The length of the reads has no effect, except that
//! interchange objects are imported after the short lines that were read with them. No run is open after the end.

use contexta::config::{LoadInputs, load_config};
use contexta::contract::RunStatus;
use contexta::engine::storage::sim::SimDisk;
use contexta::{IngestCommit, IngestSettings, Options};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

pub(crate) fn run(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let whole = ingest(text, usize::MAX);
    let parts = ingest(text, 1 + usize::from(*choice));
    let ends = text.iter().filter(|byte| **byte == b'\n').count() as u64;
    let lines = ends + u64::from(text.last().is_some_and(|byte| *byte != b'\n'));
    assert_eq!((whole.0, parts.0), (lines, lines), "the number of lines");
    if !may_have_objects(text) {
        assert_eq!(whole, parts, "the result depends on the length of the reads");
    }
}

/// Returns `true` if a line may be an object of the interchange format.
fn may_have_objects(text: &[u8]) -> bool {
    text.windows(6).any(|part| part == b"object") || text.windows(2).any(|part| part == b"\\u")
}

/// A source that returns a limited number of bytes for each read.
struct Parts<'a>(&'a [u8], usize);

impl Read for Parts<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(self.1);
        self.0.read(&mut out[..len])
    }
}

/// Ingests a text. Returns the number of lines, the number of refused lines, and line and code of each problem.
fn ingest(text: &[u8], part: usize) -> (u64, u64, Vec<(u64, &'static str)>) {
    let disk = SimDisk::new(1);
    disk.overwrite(Path::new("/in/file"), b"content".to_vec());
    let inputs =
        LoadInputs::new().use_env(false).base_dir("/base").set("capture.capture_environment_snapshot=false");
    let settings = load_config(&inputs).expect("the settings load").config;
    let options = Options::from_config(&settings).expect("the settings are options");
    let options = options.storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.open().expect("the workspace opens");
    let mut ingest =
        contexta.ingest(Box::new(Parts(text, part)), IngestSettings::default()).expect("an ingest");
    let (mut last, mut problems, mut started) = (IngestCommit::default(), Vec::new(), BTreeSet::new());
    while let Some(commit) = ingest.next_commit().expect("the disk works") {
        assert!(commit.is_durable && commit.lines >= last.lines && commit.refused <= commit.lines);
        for problem in &commit.problems {
            assert!((last.lines + 1..=commit.lines).contains(&problem.line), "{problem:?}");
            assert!(!problem.code.is_empty() && !problem.message.is_empty() && !problem.is_recorded);
            problems.push((problem.line, problem.code));
        }
        started.extend(commit.started.iter().map(|(_, run)| run.to_string()));
        last = commit;
    }
    drop(ingest);
    if !may_have_objects(text) {
        let refused: BTreeSet<u64> = problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(last.refused, refused.len() as u64, "{problems:?}");
        let runs = contexta.list_runs(None).expect("the runs are listed").runs;
        assert!(runs.iter().all(|row| row.run.status != RunStatus::Open), "an open run");
        let runs: BTreeSet<String> = runs.iter().map(|row| row.run.run_ref.to_string()).collect();
        assert_eq!(runs, started);
    }
    (last.lines, last.refused, problems)
}
