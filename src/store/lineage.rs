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
        let mut found = None;
        let mut malformed = false;
        self.view.versions(RELATIONS, relation.as_str().as_bytes(), |key, versions| {
            if key != relation.as_str().as_bytes() {
                return Ok(());
            }
            match current(versions).and_then(|c| Captured::from_row(&c.version.value)).map(|c| c.fact) {
                Some(Fact::Object(Object::Relation(edge))) => found = Some(edge.into_inner()),
                _ => malformed = true,
            }
            Ok(())
        })?;
        if malformed { Err(self.broken_row(RELATIONS.name)) } else { Ok(found) }
    }
}
