//! The demonstration of a recovery in a new directory. A process captures a run and is killed. The log is
//! damaged, and the tables are deleted. A check names the loss, and a backup restores the workspace.

use crate::client::Contexta;
use crate::client::backups::Backups;
use crate::client::error::{Error, Result};
use crate::client::options::Options;
use crate::recovery::{
    BackupOptions, BackupRef, Outcome, Problem, Progress, RecoveryStatus, RestoreOptions, VerifyOptions,
};
use crate::store::Durability;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name of the captured run.
const RUN: &str = "training";
/// The name of the captured metric.
const METRIC: &str = "loss";
/// The number of points after which the process is killed.
const POINTS_MIN: usize = 200;
/// The greatest number of points that the process captures.
const POINTS_MAX: usize = 1_000_000;

/// The result of a demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DemoReport {
    /// The directory with the workspace.
    pub(crate) directory: PathBuf,
    /// The steps, in order.
    pub(crate) steps: Vec<DemoStep>,
    /// `true` if the directory is kept.
    pub(crate) is_kept: bool,
    /// `true` if the restored workspace is intact and has all points.
    pub(crate) is_restored: bool,
}

/// A step of a demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DemoStep {
    /// The action.
    pub(crate) action: String,
    /// The result.
    pub(crate) result: String,
}

/// Captures the points of the demonstration until the process is killed. Writes a line to `out` after each point.
pub(crate) fn capture(workspace: &Path, out: &mut dyn Write) -> Result<()> {
    let options = Options::new(workspace).project("demo").detect_code_revision(false);
    let contexta = options.durability(Durability::Flush).open()?;
    let run = contexta.run(RUN).start()?;
    for step in 0..POINTS_MAX {
        run.metric_at(METRIC, step, 1.0 / (step + 1) as f64)?;
        if writeln!(out, "{step}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    run.complete()?;
    contexta.close()?;
    Ok(())
}

/// Runs the demonstration in the new directory `directory`. Without a directory, the demonstration uses a
/// temporary directory and removes this directory at the end.
///
/// `arguments` are the arguments that make this program capture. The path of the workspace is added to them.
/// Errors: the directory cannot be created, the process cannot be started, or a step fails.
pub(crate) fn run(directory: Option<&Path>, arguments: &[&str]) -> Result<DemoReport> {
    let is_kept = directory.is_some();
    let temporary = || std::env::temp_dir().join(format!("contexta-demo-{}", std::process::id()));
    let directory = directory.map_or_else(temporary, Path::to_path_buf);
    let result = run_in(&directory, arguments);
    if !is_kept {
        let removed = fs::remove_dir_all(&directory);
        if result.is_ok() {
            removed.map_err(|source| Error::Demo { directory, source })?;
        }
    }
    result.map(|report| DemoReport { is_kept, ..report })
}

fn run_in(directory: &Path, arguments: &[&str]) -> Result<DemoReport> {
    let io = |source| Error::Demo { directory: directory.to_path_buf(), source };
    fs::create_dir_all(directory.parent().unwrap_or(directory))
        .and_then(|()| fs::create_dir(directory))
        .map_err(io)?;
    let mut demo = Demo { workspace: directory.join("workspace"), steps: Vec::new() };
    demo.capture_and_kill(arguments).map_err(io)?;
    let points = demo.count_points()?;
    let backup = demo.back_up()?;
    demo.damage().map_err(io)?;
    demo.check()?;
    demo.count_points()?;
    demo.restore(&backup)?;
    let restored = demo.count_points()?;
    let is_whole = demo.check()?;
    let is_restored = is_whole && restored == points;
    Ok(DemoReport { directory: directory.to_path_buf(), steps: demo.steps, is_kept: true, is_restored })
}

struct Demo {
    workspace: PathBuf,
    steps: Vec<DemoStep>,
}

impl Demo {
    fn add(&mut self, action: impl Into<String>, result: impl Into<String>) {
        self.steps.push(DemoStep { action: action.into(), result: result.into() });
    }

    fn open(&self) -> Result<Contexta> {
        Contexta::open_existing(&self.workspace)
    }

    fn backups(&self) -> Backups {
        Backups::new(&self.workspace)
    }

    /// Starts the process that captures, and kills it.
    fn capture_and_kill(&mut self, arguments: &[&str]) -> std::io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(arguments).arg(&self.workspace).stdout(Stdio::piped()).spawn()?;
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        let captured =
            lines.into_iter().flatten().take(POINTS_MIN).filter(std::result::Result::is_ok).count();
        child.kill()?;
        child.wait()?;
        self.add(
            format!("A process captured the run `{RUN}` and was killed."),
            format!("It had reported {captured} captured points of the metric `{METRIC}`."),
        );
        Ok(())
    }

    /// Counts the points of the run.
    fn count_points(&mut self) -> Result<usize> {
        let series = self.open()?.step_series(RUN, METRIC, None)?;
        let notes = series.notes.iter().map(|note| format!(" Note {}: {}.", note.code, note.message));
        let result = format!("{} points.{}", series.points_total, notes.collect::<String>());
        self.add(format!("contexta series {RUN} {METRIC}"), result);
        Ok(series.points_total)
    }

    fn back_up(&mut self) -> Result<BackupRef> {
        let backups = self.backups();
        let plan =
            backups.plan(&BackupOptions { label: Some("demo".to_owned()), ..BackupOptions::default() })?;
        let result = backups.create(&plan, Progress::none())?;
        self.add(
            "contexta backup create --label demo",
            format!("{}, {} bytes written.", result.status, result.bytes_written),
        );
        Ok(result.backup_ref)
    }

    /// Changes one bit in the middle of the log, and deletes the tables.
    fn damage(&mut self) -> std::io::Result<()> {
        let Some(segment) = largest_segment(&self.workspace.join("log"))? else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let mut bytes = fs::read(&segment)?;
        let content = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        let at = content / 2;
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0x10;
        }
        fs::write(&segment, &bytes)?;
        let name = segment.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.add(
            format!("One bit of the segment {name} was changed."),
            format!("The changed byte is at offset {at}."),
        );
        fs::remove_dir_all(self.workspace.join("projections"))?;
        self.add(
            "The directory with the tables was deleted.",
            "The next query derives the tables from the log.",
        );
        Ok(())
    }

    /// Checks the workspace. Returns `true` if the check finds no problem.
    fn check(&mut self) -> Result<bool> {
        let report = self.open()?.verify(VerifyOptions::default())?;
        let problem = |problem: &Problem| format!(" {}.", problem.message);
        let problems: String = report.problems.iter().map(problem).collect();
        self.add("contexta verify", format!("{}.{problems}", report.outcome.as_str()));
        Ok(report.outcome == Outcome::Whole)
    }

    fn restore(&mut self, backup: &BackupRef) -> Result<()> {
        let backups = self.backups();
        let plan = backups.plan_restore(backup.as_str(), &RestoreOptions::default())?;
        let result = backups.restore(&plan, Progress::none())?;
        let status = if result.status == RecoveryStatus::Success { "" } else { " See its notes." };
        self.add(format!("contexta restore apply {backup}"), format!("{}.{status}", result.status));
        Ok(())
    }
}

/// Returns the path of the largest segment of a log.
fn largest_segment(log: &Path) -> std::io::Result<Option<PathBuf>> {
    let mut segments = Vec::new();
    for stream in fs::read_dir(log)? {
        for file in fs::read_dir(stream?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "seg") {
                segments.push((fs::metadata(&path)?.len(), path));
            }
        }
    }
    Ok(segments.into_iter().max().map(|(_, path)| path))
}
