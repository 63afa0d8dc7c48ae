//! The members of a ref in a walk: the ref itself, the refs of its parts, and the refs of the objects that
//! contain it.

use crate::contract::{ArtifactRef, ObjectKind, RunRef, StableRef};
use crate::interpretation::lineage::model::Direction;
use crate::store::{Result, StoreView};
use std::collections::HashMap;

/// The kinds of the parts of a run, in the order of their names.
const PARTS_OF_RUN: [&str; 7] = ["artifact", "batch", "environment", "op", "record", "sample", "stage"];

/// A member, and the ref of a relation, deployment or provenance record that names the member.
pub(super) type Named = (StableRef, StableRef);

/// Finds the members that relations and deployments name. Reads the artifacts of each run only once.
#[derive(Debug)]
pub(super) struct Members<'v> {
    view: &'v StoreView<'v>,
    direction: Direction,
    /// The artifacts that relations, deployments or provenance records name. The outer key is the run, and
    /// the inner key is the stage.
    artifacts: HashMap<RunRef, HashMap<StableRef, Vec<Named>>>,
}

impl<'v> Members<'v> {
    pub(super) fn new(view: &'v StoreView<'v>, direction: Direction) -> Members<'v> {
        Members { view, direction, artifacts: HashMap::new() }
    }

    /// Returns the members of the ref `at` that other objects name. Each member is returned once for each object that
    /// names it.
    pub(super) fn of(&mut self, at: &StableRef) -> Result<Vec<Named>> {
        let mut named = self.exact(at)?;
        match at.kind() {
            "run" if self.direction == Direction::Both => {
                named.extend(self.artifacts_of_run(at)?);
                named.extend(self.stages_of_run(at)?);
                for deployment in self.view.deployments_of(at)? {
                    named.extend(self.exact(&deployment.deployment_execution_ref)?);
                }
            }
            "run" => {
                for kind in PARTS_OF_RUN {
                    named.extend(self.view.naming_under(kind, at)?);
                }
            }
            "stage" => {
                named.extend(self.artifacts_of_stage(at)?);
                if self.direction != Direction::Both {
                    for kind in ["batch", "op", "sample"] {
                        named.extend(self.view.naming_under(kind, at)?);
                    }
                }
            }
            "batch" if self.direction != Direction::Both => {
                for kind in ["op", "sample"] {
                    named.extend(self.view.naming_under(kind, at)?);
                }
            }
            _ => {}
        }
        if climbs(at, self.direction) {
            let mut whole = whole_of(at);
            while let Some(one) = whole.filter(|whole| whole.kind() != "project") {
                named.extend(self.exact(&one)?);
                whole = whole_of(&one);
            }
        }
        Ok(named)
    }

    fn exact(&self, at: &StableRef) -> Result<Vec<Named>> {
        Ok(self.view.naming_any(at)?.into_iter().map(|own| (at.clone(), own)).collect())
    }

    /// Returns the artifacts of a run that other objects name. A relation can also name an artifact that is
    /// not in the workspace. Such an artifact is left out.
    fn artifacts_of_run(&self, run: &StableRef) -> Result<Vec<Named>> {
        let Ok(of) = RunRef::try_from(run.clone()) else { return Ok(Vec::new()) };
        // The members are visited in ascending order. `next` is the first artifact of the run that is not
        // less than the member of the last look-up. A member before `next` is not in the workspace, so it
        // needs no look-up.
        let mut next = Some(String::new());
        self.view.naming_under_if("artifact", run, |member| {
            if next.as_ref().is_some_and(|next| next.as_str() < member.as_str()) {
                next = self.view.artifact_from(&of, member)?;
            }
            Ok(next.as_deref() == Some(member.as_str()))
        })
    }

    /// Returns the stages of a run that other objects name. Stages that are not in the workspace are left
    /// out.
    fn stages_of_run(&self, run: &StableRef) -> Result<Vec<Named>> {
        let is_there = |member: &StableRef| Ok(self.view.object(ObjectKind::Stage, member)?.is_some());
        self.view.naming_under_if("stage", run, is_there)
    }

    fn artifacts_of_stage(&mut self, stage: &StableRef) -> Result<Vec<Named>> {
        let Some(run) = stage.run() else { return Ok(Vec::new()) };
        if !self.artifacts.contains_key(&run) {
            let mut by_stage: HashMap<StableRef, Vec<Named>> = HashMap::new();
            let mut last: Option<(StableRef, Option<StableRef>)> = None;
            for (artifact, own) in self.view.naming_under("artifact", &run)? {
                if last.as_ref().is_none_or(|(of, _)| *of != artifact) {
                    last = Some((artifact.clone(), stage_of(self.view, &artifact)?));
                }
                if let Some((_, Some(stage))) = &last {
                    by_stage.entry(stage.clone()).or_default().push((artifact, own));
                }
            }
            self.artifacts.insert(run.clone(), by_stage);
        }
        Ok(self.artifacts.get(&run).and_then(|stages| stages.get(stage)).cloned().unwrap_or_default())
    }
}

/// Returns the stage of an artifact.
pub(super) fn stage_of(view: &StoreView<'_>, artifact: &StableRef) -> Result<Option<StableRef>> {
    let Ok(artifact) = ArtifactRef::try_from(artifact.clone()) else { return Ok(None) };
    Ok(view.stage_of_artifact(&artifact)?.map(StableRef::from))
}

/// Returns `true` if a walk continues from the part `at` to the relations of the objects that contain the
/// part.
fn climbs(at: &StableRef, direction: Direction) -> bool {
    match at.kind() {
        "stage" | "batch" | "sample" | "op" => {
            matches!(direction, Direction::Upstream | Direction::Downstream)
        }
        "artifact" | "record" => direction == Direction::Upstream,
        _ => false,
    }
}

/// Returns the whole that a part belongs to, by the components of its ref.
pub(super) fn whole_of(part: &StableRef) -> Option<StableRef> {
    let count = part.components().count();
    let (kind, kept) = match (part.kind(), count) {
        ("run" | "deployment", 2) => ("project", 1),
        ("stage" | "artifact" | "record" | "environment", 3) => ("run", 2),
        ("batch", 4) | ("sample" | "op", 4) => ("stage", 3),
        ("sample" | "op", 5) => ("batch", 4),
        _ => return None,
    };
    let components: Vec<&str> = part.components().take(kept).collect();
    StableRef::parse(&format!("{kind}:{}", components.join("."))).ok()
}
