//! Lineage edges, from either end.

use crate::contract::{Fact, LineageEdge, Object, RelationRef, StableRef};
use crate::engine::projection::view::current;
use crate::projections::entry::Captured;
use crate::projections::keys;
use crate::projections::tables::{ENDS, RELATIONS};
use crate::store::error::Result;
use crate::store::view::StoreView;

impl StoreView<'_> {
    /// The edges that have `subject` at one end, by ref.
    pub fn relations_of(&self, subject: &StableRef) -> Result<Vec<LineageEdge>> {
        let mut refs = Vec::new();
        self.view.keys(ENDS, &keys::attributes_of(subject), |key| {
            refs.extend(keys::split::<2>(key).and_then(|[_, r]| RelationRef::parse(r).ok()));
            Ok(true)
        })?;
        let mut edges = Vec::new();
        for relation in refs {
            edges.extend(self.relation(&relation)?);
        }
        Ok(edges)
    }

    /// One edge.
    pub fn relation(&self, relation: &RelationRef) -> Result<Option<LineageEdge>> {
        let versions = self.view.versions_of(RELATIONS, relation.as_str().as_bytes())?;
        let Some(chosen) = current(versions) else { return Ok(None) };
        match Captured::from_row(&chosen.version.value).map(|c| c.fact) {
            Some(Fact::Object(Object::Relation(edge))) => Ok(Some(edge.into_inner())),
            _ => Err(self.broken_row(RELATIONS.name)),
        }
    }
}
