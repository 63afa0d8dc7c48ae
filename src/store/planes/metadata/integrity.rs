//! The integrity check of the metadata.

use crate::contract::{Object, ObjectKind, RunRef, Severity, StableRef, StageExecution, Timestamp};
use crate::engine::log::header::FORMAT_VERSION;
use crate::engine::verify::TablesState;
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::objects::ListedObject;
use crate::store::planes::metadata::lookup::is_known;
use crate::store::planes::metadata::parents::{Parent, parents};
use crate::store::planes::record::{KnownGap, check_log};
use crate::store::planes::shared::Planes;
use crate::store::view::StoreView;
use std::collections::HashMap;

/// The greatest number of issues in a report. Further issues are counted.
const ISSUES_MAX: usize = 10_000;

/// The extent of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum IntegrityDepth {
    /// The check covers the objects, and the existence of the objects that they name.
    Surface,
    /// The check also covers the log and the tables. The tables are compared with a rebuild.
    #[default]
    Full,
}

/// An issue of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrityIssue {
    /// The stable code.
    pub code: &'static str,
    /// A description for people.
    pub message: String,
    /// The severity.
    pub severity: Severity,
    /// The object; `None` if the issue is not about one object.
    pub subject: Option<StableRef>,
    /// The code of the suggested action.
    pub suggested_action: &'static str,
    /// Further values. Each value has a name.
    pub details: Vec<(&'static str, String)>,
}

/// The integrity of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrityReport {
    /// `true` if there is no issue.
    pub ok: bool,
    /// The version of the file format.
    pub format_version: u16,
    /// The time of the check.
    pub checked_at: Timestamp,
    /// The issues. The list contains at most 10,000 issues.
    pub issues: Vec<IntegrityIssue>,
    /// The number of issues with the severity error.
    pub errors: u64,
    /// The number of other issues.
    pub warnings: u64,
    /// Notes on missing entries of the log.
    pub notes: Vec<Note>,
}

/// The issues that were found.
#[derive(Default)]
struct Issues {
    listed: Vec<IntegrityIssue>,
    errors: u64,
    warnings: u64,
}

impl Issues {
    fn add(&mut self, issue: IntegrityIssue) {
        let counter = if issue.severity == Severity::Error { &mut self.errors } else { &mut self.warnings };
        *counter += 1;
        if self.listed.len() < ISSUES_MAX {
            self.listed.push(issue);
        }
    }
}

/// Checks the metadata. Only one object and the stage names of one run are in memory at the same time.
pub(super) fn check(planes: &Planes, depth: IntegrityDepth) -> Result<IntegrityReport> {
    let (mut issues, notes) = planes.read(|view| {
        let mut issues = Issues::default();
        for kind in ObjectKind::ALL {
            check_kind(view, *kind, &mut issues)?;
        }
        Ok((issues, view.notes()))
    })?;
    if depth == IntegrityDepth::Full {
        check_log(planes)?.issues.iter().for_each(|gap| issues.add(damage(gap)));
        if let TablesState::Mismatch { tables } = planes.store().compare_tables()? {
            issues.add(IntegrityIssue {
                code: "projections_differ",
                message: format!("tables differ from a rebuild: {}", tables.join(", ")),
                severity: Severity::Error,
                subject: None,
                suggested_action: "rebuild_projections",
                details: Vec::new(),
            });
        }
    }
    let Issues { listed, errors, warnings } = issues;
    Ok(IntegrityReport {
        ok: errors + warnings == 0,
        format_version: FORMAT_VERSION,
        checked_at: planes.now(),
        issues: listed,
        errors,
        warnings,
        notes,
    })
}

fn check_kind(view: &StoreView<'_>, kind: ObjectKind, issues: &mut Issues) -> Result<()> {
    let mut names: Option<StageNames> = None;
    for item in view.objects(kind, &format!("{}:", kind.ref_kind()))? {
        let object = match item? {
            ListedObject::Object(object) => object,
            ListedObject::Incomplete(note) => {
                issues.add(incomplete(note));
                continue;
            }
        };
        for parent in parents(&object) {
            if !is_known(view, &parent.own)? {
                issues.add(missing(&object, parent));
            }
        }
        issues.add_inverted_window(&object);
        if let Object::Stage(stage) = &object {
            // The stages of one run are adjacent.
            if let Some(complete) = names.take_if(|names| names.run != *stage.run_ref) {
                complete.report(issues);
            }
            names.get_or_insert_with(|| StageNames::new(&stage.run_ref)).add(stage);
        }
    }
    if let Some(last) = names {
        last.report(issues);
    }
    Ok(())
}

/// The stage names of one run. Each name has the first stage with this name and the number of such stages.
struct StageNames {
    run: StableRef,
    counts: HashMap<String, (StableRef, u64)>,
}

impl StageNames {
    fn new(run: &RunRef) -> StageNames {
        StageNames { run: run.into(), counts: HashMap::new() }
    }

    fn add(&mut self, stage: &StageExecution) {
        let first = || (stage.stage_execution_ref.clone().into(), 0);
        let (_, count) = self.counts.entry(stage.stage_name.clone()).or_insert_with(first);
        *count += 1;
    }

    fn report(self, issues: &mut Issues) {
        let mut repeated: Vec<_> = self.counts.into_iter().filter(|(_, (_, count))| *count > 1).collect();
        repeated.sort();
        for (name, (stage, count)) in repeated {
            issues.add(IntegrityIssue {
                code: "duplicate_stage_name_for_run",
                message: format!("{} has {count} stages with the name {name:?}", self.run),
                severity: Severity::Warning,
                subject: Some(stage),
                suggested_action: "review_stage_ambiguity",
                details: vec![
                    ("run_ref", self.run.to_string()),
                    ("stage_name", name),
                    ("count", count.to_string()),
                ],
            });
        }
    }
}

impl Issues {
    /// Adds an issue if a run or stage ends before its start.
    fn add_inverted_window(&mut self, object: &Object) {
        let (code, started_at, ended_at) = match object {
            Object::Run(run) => ("run_time_window_inverted", run.started_at, run.ended_at),
            Object::Stage(stage) => ("stage_time_window_inverted", stage.started_at, stage.ended_at),
            _ => return,
        };
        let Some(ended_at) = ended_at.filter(|ended_at| *ended_at < started_at) else { return };
        self.add(IntegrityIssue {
            code,
            message: format!("{} ends at {ended_at}, before its start at {started_at}", object.own_ref()),
            severity: Severity::Warning,
            subject: Some(object.own_ref().clone()),
            suggested_action: "review_temporal_inconsistency",
            details: Vec::new(),
        });
    }
}

fn missing(object: &Object, parent: Parent) -> IntegrityIssue {
    let own = object.own_ref();
    let action = match object.kind() {
        ObjectKind::Run => "review_or_remove_run",
        ObjectKind::Deployment => "review_or_remove_deployment",
        ObjectKind::Stage => "review_or_remove_stage",
        ObjectKind::Batch => "review_or_remove_batch",
        ObjectKind::Sample => "review_or_remove_sample",
        ObjectKind::Operation => "review_or_remove_operation",
        ObjectKind::Environment => "review_or_remove_environment",
        ObjectKind::Relation => "review_or_remove_relation",
        _ => "review_or_remove_provenance",
    };
    IntegrityIssue {
        code: parent.issue_code,
        message: format!("{own} names {}, which does not exist", parent.own),
        severity: if parent.may_be_missing { Severity::Warning } else { Severity::Error },
        subject: Some(own.clone()),
        suggested_action: action,
        details: vec![(parent.member, parent.own.to_string())],
    }
}

fn incomplete(note: Note) -> IntegrityIssue {
    let subject = note.details.iter().find(|(name, _)| *name == "subject");
    IntegrityIssue {
        code: note.code,
        message: note.message,
        severity: note.severity,
        subject: subject.and_then(|(_, own)| StableRef::parse(own).ok()),
        suggested_action: "review_object",
        details: Vec::new(),
    }
}

fn damage(gap: &KnownGap) -> IntegrityIssue {
    let place = [
        ("stream", gap.stream.map(|stream| stream.to_string())),
        ("segment", gap.segment.map(|segment| segment.to_string())),
        ("offset", gap.offset.map(|offset| offset.to_string())),
    ];
    IntegrityIssue {
        code: "log_damaged",
        message: gap.to_string(),
        severity: Severity::Error,
        subject: None,
        suggested_action: "repair_log",
        details: place.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
    }
}
