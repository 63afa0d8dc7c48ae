//! Methods of `StoreView` that read lineage edges.

use crate::contract::{ArtifactRef, Fact, LineageEdge, Object, RelationRef, RunRef, StableRef, StageRef};
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::tables::{ARTIFACTS, ENDS, RELATIONS};
use crate::store::error::Result;
use crate::store::view::StoreView;

impl StoreView<'_> {
    /// Returns the edges whose source or target is `subject`, ordered by ref.
    pub fn relations_of(&self, subject: &StableRef) -> Result<Vec<LineageEdge>> {
        let mut refs = Vec::new();
        for row in self.whole.keys(ENDS, &keys::of_ref(subject))? {
            refs.extend(keys::split::<2>(row?.key()).and_then(|[_, r]| RelationRef::parse(r).ok()));
        }
        let mut edges = Vec::new();
        for relation in refs {
            // A later fact about the edge may have another source or target.
            let edge = self.relation(&relation)?;
            edges.extend(edge.filter(|edge| [&edge.source_ref, &edge.target_ref].contains(&subject)));
        }
        Ok(edges)
    }

    /// Returns the edge with this ref; `None` if no edge has the ref.
    pub fn relation(&self, relation: &RelationRef) -> Result<Option<LineageEdge>> {
        let versions = self.view.versions_of(RELATIONS, relation.as_str().as_bytes())?;
        match self.effective(RELATIONS.name, versions)? {
            None => Ok(None),
            Some((Captured { fact: Fact::Object(Object::Relation(edge)), .. }, _)) => {
                Ok(Some(edge.into_inner()))
            }
            Some(_) => Err(self.malformed_row(RELATIONS.name)),
        }
    }

    /// Returns the refs of the artifacts of a run, ordered by ref. Reads neither manifests nor bodies.
    pub fn artifact_refs(&self, run: &RunRef) -> Result<Vec<ArtifactRef>> {
        let mut refs = Vec::new();
        for row in self.view.versions(ARTIFACTS, &keys::under(ArtifactRef::KIND, run))? {
            let row = row?;
            let artifact = std::str::from_utf8(&row.key).ok().and_then(|text| ArtifactRef::parse(text).ok());
            refs.push(artifact.ok_or_else(|| self.malformed_row(ARTIFACTS.name))?);
        }
        Ok(refs)
    }

    /// Returns `true` if there is a manifest of the artifact.
    pub fn has_artifact(&self, artifact: &ArtifactRef) -> Result<bool> {
        Ok(!self.view.versions_of(ARTIFACTS, artifact.as_str().as_bytes())?.is_empty())
    }

    /// Returns the ref of an artifact of a run: the first ref that is not less than `from`. Returns `None` if
    /// the run has no such artifact. Reads one row.
    pub fn artifact_from(&self, run: &RunRef, from: &StableRef) -> Result<Option<String>> {
        let prefix = keys::under(ArtifactRef::KIND, run);
        let mut rows = self.view.rows_from(ARTIFACTS, &prefix, from.as_str().as_bytes())?;
        let Some(row) = rows.next().transpose()? else { return Ok(None) };
        let key = row.key().split(|byte| *byte == 0).next().and_then(|key| std::str::from_utf8(key).ok());
        Ok(Some(key.ok_or_else(|| self.malformed_row(ARTIFACTS.name))?.to_owned()))
    }

    /// Returns the stage that the manifest of an artifact names. Returns `None` if there is no manifest, or if the
    /// manifest names no stage. Does not read the body.
    pub fn stage_of_artifact(&self, artifact: &ArtifactRef) -> Result<Option<StageRef>> {
        let versions = self.view.versions_of(ARTIFACTS, artifact.as_str().as_bytes())?;
        match self.effective(ARTIFACTS.name, versions)? {
            None => Ok(None),
            Some((Captured { fact: Fact::Artifact(manifest, _), .. }, _)) => {
                Ok(manifest.stage_execution_ref.clone())
            }
            Some(_) => Err(self.malformed_row(ARTIFACTS.name)),
        }
    }
}
