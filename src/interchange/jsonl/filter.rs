//! The filter of an export: the part of a workspace that is exported.

use crate::contract::{AnyRecord, LineageEdge, Object, RecordType, RunRef, StableRef, Timestamp};
use crate::interchange::error::Result;
use crate::store::StoreView;
use std::collections::BTreeSet;

/// The filter of an export: the part of a workspace that is exported. The default is the whole workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportFilter {
    /// The project to export, by ref or name; `None` for all projects.
    pub project: Option<String>,
    /// The runs to export, each given by its ref, id or name, or a prefix of its id or name; empty for all runs. The
    /// projects of these runs are exported too.
    pub runs: Vec<String>,
    /// The kinds of lines to export, such as `run` or `record`; empty for all kinds.
    pub kinds: Vec<String>,
    /// The families of records to export; empty for all families.
    pub record_types: Vec<RecordType>,
    /// The start of a time range: records that were observed earlier are not exported. `None` for no limit. Other kinds
    /// of lines are not affected.
    pub since: Option<Timestamp>,
    /// The end of a time range: records that were observed at this time or later are not exported. `None` for no limit.
    /// Other kinds of lines are not affected.
    pub until: Option<Timestamp>,
}

/// An [`ExportFilter`] with the refs of its project and runs.
pub(super) struct Selection<'a> {
    filter: &'a ExportFilter,
    project: Option<StableRef>,
    runs: BTreeSet<RunRef>,
}

impl<'a> Selection<'a> {
    /// Looks up the project and the runs of a filter.
    pub(super) fn new(view: &StoreView<'_>, filter: &'a ExportFilter) -> Result<Selection<'a>> {
        let project = filter.project.as_deref().map(|asked| view.find_project(asked)).transpose()?;
        let runs = filter.runs.iter().map(|asked| Ok(view.find_run(asked)?.run_ref));
        Ok(Selection { filter, project: project.map(StableRef::from), runs: runs.collect::<Result<_>>()? })
    }

    /// Returns `true` if lines of this kind are exported.
    pub(super) fn wants_kind(&self, kind: &str) -> bool {
        self.filter.kinds.is_empty() || self.filter.kinds.iter().any(|wanted| wanted == kind)
    }

    /// Returns `true` if this run is exported.
    pub(super) fn wants_run(&self, run: &RunRef) -> bool {
        (self.runs.is_empty() || self.runs.contains(run))
            && self.project.as_ref().is_none_or(|project| in_project(run, project))
    }

    /// Returns `true` if the object with this ref is exported. If runs are selected, the only exported objects
    /// outside any run are the projects of these runs.
    fn wants_ref(&self, any: &StableRef) -> bool {
        match any.run() {
            Some(run) => self.wants_run(&run),
            None => {
                self.project.as_ref().is_none_or(|project| in_project(any, project))
                    && (self.runs.is_empty()
                        || any.kind() == "project" && self.runs.iter().any(|run| in_project(run, any)))
            }
        }
    }

    /// Returns `true` if the filter selects neither a project nor runs.
    pub(super) fn is_everything(&self) -> bool {
        self.runs.is_empty() && self.project.is_none()
    }

    /// Returns `true` if this object is exported.
    pub(super) fn wants_object(&self, object: &Object) -> bool {
        match object {
            Object::Deployment(deployment) => match &deployment.run_ref {
                Some(run) => self.wants_run(run),
                None => self.runs.is_empty() && self.wants_ref(&deployment.project_ref),
            },
            Object::Relation(edge) => self.wants_edge(edge),
            Object::Provenance(_) => true,
            object => self.wants_ref(object.own_ref()),
        }
    }

    /// Returns `true` if an edge is exported. An edge is exported if its source or its target is exported.
    pub(super) fn wants_edge(&self, edge: &LineageEdge) -> bool {
        self.is_everything() || self.wants_ref(&edge.source_ref) || self.wants_ref(&edge.target_ref)
    }

    /// Returns `true` if this record is exported.
    pub(super) fn wants_record(&self, record: &AnyRecord) -> bool {
        let observation = &record.envelope().observation;
        self.wants_run(&observation.run_ref)
            && (self.filter.record_types.is_empty()
                || self.filter.record_types.contains(&record.record_type()))
            && self.filter.since.is_none_or(|since| observation.observed_at >= since)
            && self.filter.until.is_none_or(|until| observation.observed_at < until)
    }
}

/// Returns `true` if a ref belongs to the project, that is, if the first components of both refs are equal.
fn in_project(any: &StableRef, project: &StableRef) -> bool {
    any.components().next() == project.components().next()
}
