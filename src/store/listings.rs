//! Methods of `StoreView` that list deployments, batches and samples, and the provenance of lineage edges.

use crate::contract::{
    BatchExecution, BatchRef, DeploymentExecution, Object, ObjectModel, ProjectRef, ProvenanceRecord,
    ProvenanceRef, RelationRef, RunRef, SampleObservation, StableRef, StageRef,
};
use crate::projections::keys;
use crate::projections::tables::ENDS;
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::objects::ListedObject;
use crate::store::order;
use crate::store::view::StoreView;

/// Objects of one kind, and notes on objects that are not listed because their attributes are incomplete or
/// contradictory.
pub type Listed<T> = (Vec<T>, Vec<Note>);

impl StoreView<'_> {
    /// Returns the objects of one kind that `accepts` accepts and whose refs begin with `prefix`.
    pub(in crate::store) fn listed<T: ObjectModel>(
        &self,
        prefix: &[u8],
        accepts: impl Fn(&Object) -> bool,
    ) -> Result<Listed<T>> {
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        for item in self.objects(T::OBJECT_KIND, &String::from_utf8_lossy(prefix))? {
            match item? {
                ListedObject::Object(object) if accepts(&object) => found.extend(T::of_object(object)),
                ListedObject::Object(_) => {}
                ListedObject::Incomplete(note) => notes.push(note),
            }
        }
        Ok((found, notes))
    }

    /// Returns the batches of a run, or of one stage of the run, ordered by stage, position, start and ref.
    pub fn batches(&self, run: &RunRef, stage: Option<&StageRef>) -> Result<Listed<BatchExecution>> {
        let prefix = stage.map_or_else(|| keys::under("batch", run), |stage| keys::under("batch", stage));
        let (mut batches, notes) = self.listed(&prefix, |_| true)?;
        batches.sort_by_cached_key(order::batch);
        Ok((batches, notes))
    }

    /// Returns the samples of a run, ordered by stage, batch, time of observation and ref. `stage` and `batch` restrict
    /// the samples. Samples without a batch come last in their stage.
    pub fn samples(
        &self,
        run: &RunRef,
        stage: Option<&StageRef>,
        batch: Option<&BatchRef>,
    ) -> Result<Listed<SampleObservation>> {
        let parent: &StableRef = match (batch, stage) {
            (Some(batch), _) => batch,
            (None, Some(stage)) => stage,
            (None, None) => run,
        };
        let (mut samples, notes) = self.listed(&keys::under("sample", parent), |_| true)?;
        samples.retain(|sample: &SampleObservation| {
            batch.is_none() || sample.batch_execution_ref.as_ref() == batch
        });
        samples.sort_by_cached_key(order::sample);
        Ok((samples, notes))
    }

    /// Returns all deployments, or the deployments of a project, ordered by project, name, position, start and ref.
    pub fn deployments(&self, project: Option<&ProjectRef>) -> Result<Listed<DeploymentExecution>> {
        let prefix = project.map_or_else(|| b"deployment:".to_vec(), |p| keys::under("deployment", p));
        let (mut deployments, notes) = self.listed(&prefix, |_| true)?;
        deployments.sort_by_cached_key(order::deployment);
        Ok((deployments, notes))
    }

    /// Returns the deployments that name `subject` as their run, artifact or environment, ordered by position, start and
    /// ref. Reads only these deployments.
    pub fn deployments_of(&self, subject: &StableRef) -> Result<Vec<DeploymentExecution>> {
        let mut found = Vec::new();
        for own in self.naming(subject, "deployment")? {
            found.extend(self.model(&own)?.filter(|d: &DeploymentExecution| {
                let named =
                    [d.run_ref.as_deref(), d.artifact_ref.as_deref(), d.environment_snapshot_ref.as_deref()];
                // A later fact about the deployment may name another object.
                named.contains(&Some(subject))
            }));
        }
        found.sort_by_cached_key(order::deployment_of_subject);
        Ok(found)
    }

    /// Returns the provenance records of a lineage edge, ordered by time of the assertion and ref.
    pub fn provenance_of(&self, relation: &RelationRef) -> Result<Vec<ProvenanceRecord>> {
        let mut found = Vec::new();
        for own in self.naming(relation, ProvenanceRef::KIND)? {
            let record = self.model(&own)?;
            found.extend(record.filter(|record: &ProvenanceRecord| record.relation_ref == *relation));
        }
        found.sort_by(|a: &ProvenanceRecord, b| {
            (a.asserted_at, &a.provenance_ref).cmp(&(b.asserted_at, &b.provenance_ref))
        });
        Ok(found)
    }

    /// Returns the refs of the relations, deployments and provenance records that name `subject`. The refs
    /// are sorted. An object is also included if only an earlier fact about the object names `subject`.
    pub fn naming_any(&self, subject: &StableRef) -> Result<Vec<StableRef>> {
        let mut refs = Vec::new();
        for row in self.whole.keys(ENDS, &keys::of_ref(subject))? {
            refs.extend(keys::split::<2>(row?.key()).and_then(|[_, own]| StableRef::parse(own).ok()));
        }
        self.retain_existing(refs, |own| own)
    }

    /// Returns pairs of refs. The first ref of a pair is of the kind `kind` and under `parent`. The second
    /// ref is the ref of a relation, deployment or provenance record that names the first ref. The pairs are
    /// sorted. As in [`naming_any`](StoreView::naming_any), earlier facts are included.
    pub fn naming_under(&self, kind: &str, parent: &StableRef) -> Result<Vec<(StableRef, StableRef)>> {
        self.naming_under_if(kind, parent, |_| Ok(true))
    }

    /// Returns the pairs of [`naming_under`](StoreView::naming_under), without the pairs for whose first ref
    /// `accepts` returns `false`. `accepts` is called once for each first ref. The refs are passed in
    /// ascending order.
    pub fn naming_under_if(
        &self,
        kind: &str,
        parent: &StableRef,
        mut accepts: impl FnMut(&StableRef) -> Result<bool>,
    ) -> Result<Vec<(StableRef, StableRef)>> {
        let mut refs = Vec::new();
        let mut last: Option<(StableRef, bool)> = None;
        for row in self.whole.keys(ENDS, &keys::under(kind, parent))? {
            let row = row?;
            if last.as_ref().is_none_or(|(named, _)| keys::after_ref(row.key(), named).is_none()) {
                let named = keys::split::<2>(row.key()).and_then(|[named, _]| StableRef::parse(named).ok());
                let Some(named) = named else { continue };
                let is_accepted = accepts(&named)?;
                last = Some((named, is_accepted));
            }
            let Some((named, true)) = &last else { continue };
            let own = keys::split::<2>(row.key()).and_then(|[_, own]| StableRef::parse(own).ok());
            refs.extend(own.map(|own| (named.clone(), own)));
        }
        self.retain_existing(refs, |(_, own)| own)
    }

    /// Returns the items whose relation, deployment or provenance record has an entry as of the stamp of the
    /// view. `own` returns the ref of this object. [`ENDS`] also contains objects with later entries only.
    fn retain_existing<T>(&self, items: Vec<T>, own: impl Fn(&T) -> &StableRef) -> Result<Vec<T>> {
        if self.as_of.is_none() {
            return Ok(items);
        }
        let mut kept = Vec::new();
        for item in items {
            if self.has_object(own(&item))? {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    /// Returns the refs of the objects of one kind that name `subject`.
    fn naming(&self, subject: &StableRef, kind: &str) -> Result<Vec<StableRef>> {
        let mut refs = self.naming_any(subject)?;
        refs.retain(|own| own.kind() == kind);
        Ok(refs)
    }
}
