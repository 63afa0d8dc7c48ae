//! Plans for repairs of the metadata.

use crate::contract::StableRef;
use crate::engine::repair::RepairPlan as LogRepairPlan;
use crate::store::error::Result;
use crate::store::planes::metadata::integrity::IntegrityReport;
use crate::store::planes::shared::Planes;

/// A suggested repair.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairCandidate {
    /// The code of the issue.
    pub issue_code: &'static str,
    /// The object; `None` if the issue is not about one object.
    pub subject: Option<StableRef>,
    /// The code of the action.
    pub action: &'static str,
    /// The reason for the repair. The text is the description of the issue.
    pub rationale: String,
}

/// A plan of repairs. A plan changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairPlan {
    /// `true` if there is nothing to repair.
    pub ok: bool,
    /// The suggested repairs. The list has the order of the issues.
    pub candidates: Vec<RepairCandidate>,
    /// The codes of the actions, without duplicates. The codes are in the order of their first candidates.
    pub actions: Vec<&'static str>,
    /// The steps that remove damage of the log and the tables. The plan is empty if the report names no such
    /// damage.
    pub log: LogRepairPlan,
}

/// A plan of repairs, and its description.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairPreview {
    /// The plan.
    pub plan: RepairPlan,
    /// The lines of the description.
    pub summary_lines: Vec<String>,
}

/// Derives the plan of repairs from a report.
pub(super) fn plan(planes: &Planes, report: &IntegrityReport) -> Result<RepairPlan> {
    let candidates: Vec<RepairCandidate> = report
        .issues
        .iter()
        .map(|issue| RepairCandidate {
            issue_code: issue.code,
            subject: issue.subject.clone(),
            action: issue.suggested_action,
            rationale: issue.message.clone(),
        })
        .collect();
    let mut actions = Vec::new();
    for candidate in &candidates {
        if !actions.contains(&candidate.action) {
            actions.push(candidate.action);
        }
    }
    let is_damaged = actions.iter().any(|action| ["repair_log", "rebuild_projections"].contains(action));
    let log = if is_damaged { planes.plan_repair()? } else { LogRepairPlan::default() };
    Ok(RepairPlan { ok: candidates.is_empty(), candidates, actions, log })
}

/// Describes a plan.
pub(super) fn preview(plan: RepairPlan) -> RepairPreview {
    let mut summary_lines = Vec::new();
    if plan.ok {
        summary_lines.push("no repair is required".to_owned());
    } else {
        summary_lines.push(format!("{} repair candidates", plan.candidates.len()));
    }
    summary_lines.extend(plan.candidates.iter().map(|candidate| {
        let subject = candidate.subject.as_ref().map_or_else(|| "<store>".to_owned(), ToString::to_string);
        format!("{}: {subject} ({})", candidate.action, candidate.issue_code)
    }));
    if !plan.log.is_empty() {
        summary_lines.extend(plan.log.to_string().lines().map(str::to_owned));
    }
    RepairPreview { plan, summary_lines }
}
