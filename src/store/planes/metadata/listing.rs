//! Lists of objects, and their filter.

use crate::contract::{BatchRef, Object, ObjectKind, ObjectModel, ProjectRef, RunRef, StableRef, StageRef};
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::planes::shared::Planes;

/// A filter of objects. Each field that is not `None` names an object. The filter accepts the objects that
/// belong to all named objects. A filter without named objects accepts all objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListFilter {
    /// The project of the objects.
    pub project_ref: Option<ProjectRef>,
    /// The run of the objects.
    pub run_ref: Option<RunRef>,
    /// The stage of the objects.
    pub stage_execution_ref: Option<StageRef>,
    /// The batch of the objects.
    pub batch_execution_ref: Option<BatchRef>,
}

impl ListFilter {
    /// Creates a filter for the objects of one project.
    pub fn of_project(project: ProjectRef) -> ListFilter {
        ListFilter { project_ref: Some(project), ..ListFilter::default() }
    }

    /// Creates a filter for the objects of one run.
    pub fn of_run(run: RunRef) -> ListFilter {
        ListFilter { run_ref: Some(run), ..ListFilter::default() }
    }

    /// Returns the refs of the filter. The innermost ref is the first.
    fn refs(&self) -> impl Iterator<Item = &StableRef> {
        let batch = self.batch_execution_ref.as_deref();
        let (stage, run) = (self.stage_execution_ref.as_deref(), self.run_ref.as_deref());
        [batch, stage, run, self.project_ref.as_deref()].into_iter().flatten()
    }

    /// Returns `true` if the filter accepts the object. The ref of an object begins with the refs of the
    /// objects that it belongs to. The ref of a deployment contains the ref of its project, but not the ref
    /// of its run.
    fn accepts(&self, object: &Object) -> bool {
        match object {
            Object::Deployment(deployment) => {
                let named = [Some(&*deployment.project_ref), deployment.run_ref.as_deref()];
                self.refs().all(|wanted| named.contains(&Some(wanted)))
            }
            _ => self.refs().all(|wanted| is_below(object.own_ref(), wanted)),
        }
    }
}

/// Returns `true` if `own` is the ref of `parent` or of an object below it.
fn is_below(own: &StableRef, parent: &StableRef) -> bool {
    own.value().strip_prefix(parent.value()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A list of objects. All listed objects are in memory.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Listing<T> {
    /// The objects.
    pub items: Vec<T>,
    /// Notes on missing entries of the log, and on objects that are not listed because their members are incomplete or
    /// contradictory.
    pub notes: Vec<Note>,
}

/// Lists the objects of one kind that the filter accepts, sorted by `key`.
pub(super) fn list<T: ObjectModel, K: Ord>(
    planes: &Planes,
    filter: &ListFilter,
    key: impl Fn(&T) -> K,
) -> Result<Listing<T>> {
    let innermost = match T::OBJECT_KIND {
        ObjectKind::Deployment => filter.project_ref.as_deref(),
        _ => filter.refs().next(),
    };
    let prefix = format!("{}:{}", T::OBJECT_KIND.ref_kind(), innermost.map_or("", StableRef::value));
    let (mut items, notes) = planes.read(|view| {
        let (items, mut notes) = view.listed(prefix.as_bytes(), |object| filter.accepts(object))?;
        notes.extend(view.notes());
        Ok((items, notes))
    })?;
    items.sort_by_cached_key(key);
    Ok(Listing { items, notes })
}
