//! The plan of a repair, and its planner.

use crate::engine::entry::{Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::directory::{check_domain, is_held, list_streams};
use crate::engine::log::merge::{FileAction, FileSurvey, Quarantined};
use crate::engine::log::{Finding, names};
use crate::engine::repair::site::RepairSite;
use crate::engine::repair::step::{RepairAction, RepairStep};
use crate::engine::repair::tables::{examine_tables, quarantine_leftovers, table_leftovers};
use crate::engine::repair::unrepaired::Unrepaired;
use crate::engine::storage::Storage;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The plan of a repair: the steps in their order, and the damage that they do not remove. Its text form has a line for
/// each step and for each damage, and does not end with a newline. The text form of a plan without steps and damage is
/// `nothing to repair`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a plan changes nothing until it is applied"]
pub struct RepairPlan {
    /// The steps.
    pub steps: Vec<RepairStep>,
    /// The damage that stays, and the streams that were not examined.
    pub unrepaired: Vec<Unrepaired>,
}

impl RepairPlan {
    /// Returns true if the plan has no steps. The log may nevertheless be damaged: [`RepairPlan::unrepaired`] names the
    /// damage that no step removes, and the streams that were not examined because a writer holds them.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the planned changes of a stream.
    pub(super) fn files_of(&self, stream: StreamId) -> Vec<FileSurvey> {
        let steps = self.steps.iter().filter(|step| step.stream == Some(stream));
        steps.filter_map(file_of).collect()
    }

    /// Returns the streams with at least one step, in the order of the steps.
    pub(super) fn streams(&self) -> Vec<StreamId> {
        let mut streams: Vec<StreamId> = self.steps.iter().filter_map(|step| step.stream).collect();
        streams.dedup();
        streams
    }
}

impl fmt::Display for RepairPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() && self.unrepaired.is_empty() {
            return f.write_str("nothing to repair");
        }
        write_report(f, &self.steps, &self.unrepaired, &[])
    }
}

/// Writes a line for each step, for each damage that stays, and for each copy in quarantine. Does not end the text with
/// a newline.
pub(super) fn write_report(
    f: &mut fmt::Formatter<'_>,
    steps: &[RepairStep],
    unrepaired: &[Unrepaired],
    quarantined: &[Quarantined],
) -> fmt::Result {
    let steps = steps.iter().map(ToString::to_string);
    let left = unrepaired.iter().map(|left| format!("{}: {left}", left.code()));
    let copies = quarantined.iter().map(|copy| format!("quarantined: {copy}"));
    let lines: Vec<String> = steps.chain(left).chain(copies).collect();
    f.write_str(&lines.join("\n"))
}

/// Examines a log and its tables, and returns the plan of a repair. Changes nothing on disk.
///
/// Cost: reads the log about twice and the tables once, in constant memory except for the steps, which contain every
/// damaged range. Errors: a directory cannot be listed; [`Error::ForeignDomain`] if a stream belongs to another domain.
/// A stream that cannot be read is not an error, but a part of the plan ([`RepairPlan::unrepaired`]).
pub fn plan_repair(storage: &Arc<dyn Storage>, site: &RepairSite) -> Result<RepairPlan> {
    check_domain(storage.as_ref(), &site.log, site.domain)?;
    let mut plan = RepairPlan::default();
    for stream in list_streams(storage.as_ref(), &site.log)? {
        match plan_stream(storage, site, stream, &mut plan) {
            Ok(()) => {}
            Err(e @ Error::ForeignDomain { .. }) => return Err(e),
            Err(e) => {
                let source = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
                plan.unrepaired.push(Unrepaired::Unreadable { stream, reason: format!("{e}{source}") });
            }
        }
    }
    let mut steps = plan_tables(storage.as_ref(), site, &plan)?;
    steps.append(&mut plan.steps);
    let leftovers = [
        table_leftovers(storage.as_ref(), &site.generations)?,
        quarantine_leftovers(storage.as_ref(), &site.quarantine)?,
    ];
    steps.extend(leftovers.into_iter().flatten().map(|path| leftover(path, None)));
    plan.steps = steps;
    Ok(plan)
}

fn plan_stream(
    storage: &Arc<dyn Storage>,
    site: &RepairSite,
    stream: StreamId,
    plan: &mut RepairPlan,
) -> Result<()> {
    if is_held(storage.as_ref(), &site.log, stream) {
        plan.unrepaired.push(Unrepaired::Held { stream });
        return Ok(());
    }
    let log = site.repaired(storage);
    let leftovers = log.leftovers(stream)?;
    let survey = log.survey(stream)?;
    plan.steps.extend(survey.files.into_iter().map(|file| step_of(site, stream, file)));
    let dir = names::stream_dir(&site.log, stream);
    plan.steps.extend(leftovers.iter().map(|name| leftover(dir.join(name), Some(stream))));
    plan.unrepaired.extend(survey.left.into_iter().map(|left| Unrepaired::of(stream, left)));
    Ok(())
}

/// Returns the steps for tables: those that are damaged, or all if segments change, because the positions in tables
/// then name other bytes.
fn plan_tables(storage: &dyn Storage, site: &RepairSite, plan: &RepairPlan) -> Result<Vec<RepairStep>> {
    let is_stale = plan.steps.iter().any(|step| step.action.outdates_tables());
    let stale = || is_stale.then(|| "segments change from which the tables are derived".to_owned());
    let tables = examine_tables(storage, &site.generations)?;
    let steps = tables.into_iter().filter_map(|(path, damage)| {
        Some(RepairStep { reason: damage.or_else(stale)?, ..file_step(RepairAction::RemoveTables, path) })
    });
    Ok(steps.collect())
}

fn file_step(action: RepairAction, path: PathBuf) -> RepairStep {
    RepairStep {
        action,
        path,
        stream: None,
        segment: None,
        len: None,
        digest: None,
        reason: String::new(),
        findings: Vec::new(),
        lost: Vec::new(),
    }
}

fn leftover(path: PathBuf, stream: Option<StreamId>) -> RepairStep {
    let reason = "an interrupted process left the file".to_owned();
    RepairStep { stream, reason, ..file_step(RepairAction::RemoveLeftover, path) }
}

fn step_of(site: &RepairSite, stream: StreamId, file: FileSurvey) -> RepairStep {
    let (action, reason) = match file.action {
        FileAction::Rewrite => (RepairAction::RewriteSegment, damage_text(&file.findings)),
        FileAction::Move if file.findings.is_empty() => {
            (RepairAction::MoveFile, "the file belongs to another stream or segment".to_owned())
        }
        FileAction::Move => {
            (RepairAction::MoveFile, "neither a header nor an entry of the file can be read".to_owned())
        }
        FileAction::Remove => {
            (RepairAction::RemoveUnfinished, "the creation of the segment was interrupted".to_owned())
        }
    };
    RepairStep {
        stream: Some(stream),
        segment: Some(file.base),
        len: Some(file.len),
        digest: Some(file.digest),
        reason,
        findings: file.findings,
        lost: file.lost,
        ..file_step(action, names::segment_path(&site.log, stream, file.base))
    }
}

/// Returns the planned change of a segment file; `None` for another step.
fn file_of(step: &RepairStep) -> Option<FileSurvey> {
    let action = match step.action {
        RepairAction::RewriteSegment => FileAction::Rewrite,
        RepairAction::MoveFile => FileAction::Move,
        RepairAction::RemoveUnfinished => FileAction::Remove,
        RepairAction::RemoveTables | RepairAction::RemoveLeftover => return None,
    };
    Some(FileSurvey {
        base: step.segment.unwrap_or(Seq(0)),
        action,
        len: step.len?,
        digest: step.digest?,
        findings: step.findings.clone(),
        lost: step.lost.clone(),
    })
}

/// The number of findings that a reason names.
const NAMED_MAX: usize = 3;

fn damage_text(findings: &[Finding]) -> String {
    let text = |finding: &Finding| {
        format!("{} at offset {} ({} bytes)", finding.kind.name(), finding.offset, finding.len)
    };
    let mut texts: Vec<String> = findings.iter().take(NAMED_MAX).map(text).collect();
    if findings.len() > NAMED_MAX {
        texts.push(format!("{} more", findings.len() - NAMED_MAX));
    }
    texts.join(", ")
}
