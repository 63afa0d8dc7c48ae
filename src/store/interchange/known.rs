//! What stands in the workspace of the things that lines speak of.

use crate::contract::{Canonical, Fact, Object, RunStatus, StableRef};
use crate::engine::entry::{Position, Stamp};
use crate::projections::entry::Captured;
use crate::store::artifacts::ArtifactRow;
use crate::store::error::Result;
use crate::store::interchange::line::LineContent;
use crate::store::records::{place_of, record_at};
use crate::store::view::StoreView;
use std::collections::HashMap;

/// What is known here of the thing that some lines of a round speak of.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The canonical text of what stands here.
    pub(super) stands: Option<String>,
    /// The facts that a later import replaces.
    pub(super) replaceable: Vec<Stamp>,
    /// Whether it has ended.
    pub(super) closed: bool,
    /// The artifact as it stands.
    pub(super) artifact: Option<ArtifactRow>,
    /// A record stands here under this ref, whatever it says.
    pub(super) taken: bool,
}

/// What is known of the things that lines speak of, each looked up once.
pub(super) fn known<'a>(
    view: &StoreView<'_>,
    lines: impl IntoIterator<Item = (&'a StableRef, &'a LineContent)>,
) -> Result<HashMap<StableRef, Known>> {
    let mut all: HashMap<StableRef, Known> = HashMap::new();
    let mut places: Vec<(&StableRef, Position)> = Vec::new();
    for (own, content) in lines {
        if all.contains_key(own) {
            continue;
        }
        let mut known = Known::default();
        match content {
            LineContent::Object(object) => {
                let stands = view.object(object.kind(), own)?;
                known.closed =
                    stands.as_ref().and_then(status_of).is_some_and(|status| status != RunStatus::Open);
                known.stands = stands.and_then(|stands| stands.to_json().ok());
            }
            LineContent::Artifact(manifest, _) => {
                known.artifact = view.artifact(&manifest.artifact_ref)?;
                known.stands = known.artifact.as_ref().and_then(|row| row.manifest.to_json().ok());
            }
            LineContent::Record(record) => {
                known.taken = view.first_imported(own)?.is_some();
                places.extend(place_of(&record.envelope().record_ref).map(|(_, at)| (own, at)));
            }
        }
        if !matches!(content, LineContent::Record(_)) && view.first_imported(own)?.is_some() {
            let stamps = view.stamps_of(own)?;
            let positions: Vec<Position> = stamps.iter().map(Stamp::position).collect();
            let facts = view.facts_at(&positions)?;
            let imported = |(stamp, fact): (Stamp, Option<(_, Captured)>)| {
                fact.filter(|(_, captured)| captured.origin.is_some()).map(|_| stamp)
            };
            known.replaceable = stamps.into_iter().zip(facts).filter_map(imported).collect();
        }
        all.insert(own.clone(), known);
    }
    // Records that were captured here have their places in their refs.
    let positions: Vec<Position> = places.iter().map(|(_, at)| *at).collect();
    for ((own, _), found) in places.iter().zip(view.facts_at(&positions)?) {
        let record =
            found.map(|(entry, captured)| record_at(captured.fact, entry.stamp)).transpose()?.flatten();
        if let (Some(record), Some(known)) = (record, all.get_mut(*own))
            && StableRef::from(&record.envelope().record_ref) == **own
        {
            known.taken = true;
            known.stands = record.to_json().ok();
        }
    }
    Ok(all)
}

fn status_of(object: &Object) -> Option<RunStatus> {
    Some(match object {
        Object::Run(run) => run.status,
        Object::Stage(stage) => stage.status,
        Object::Batch(batch) => batch.status,
        Object::Deployment(deployment) => deployment.status,
        _ => return None,
    })
}

/// Whether a line says that something has not ended.
pub(super) fn is_open(content: &LineContent) -> bool {
    matches!(content, LineContent::Object(object) if status_of(object) == Some(RunStatus::Open))
}

/// Whether a fact says that something has ended.
pub(super) fn is_closed(fact: &Fact) -> bool {
    matches!(fact, Fact::Object(object) if status_of(object).is_some_and(|status| status != RunStatus::Open))
}
