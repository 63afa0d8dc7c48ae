//! Forks: one stream id with two histories.
//!
//! All copies of a stream form a tree, which branches where entries with the same sequence number differ. The ids
//! depend on the tree alone. At each branching, the history whose first differing entry has the smallest digest keeps
//! the id. Every other history gets an id derived from the old id, the sequence number and the digest. The rule applies
//! again inside each branch, so merges in any order lead to the same ids. docs/design/005-merge-and-forks.md describes
//! the rule.

use crate::engine::entry::StreamId;
use crate::engine::error::Result;
use crate::engine::log::format::header::Origin;
use crate::engine::log::merge::history::{Difference, difference, digests_at};
use crate::engine::log::merge::report::Fork;
use crate::engine::log::merge::sides::{Part, Sides};
use std::collections::BTreeMap;

const STREAM_TAG: &[u8] = b"contexta derived stream 0\0";

/// Returns the id of the stream that branches off at an origin.
pub fn derived_id(origin: &Origin) -> StreamId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(STREAM_TAG).update(&origin.parent.0).update(&origin.first.0.to_le_bytes());
    hasher.update(&origin.content.0);
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    StreamId(id)
}

/// A planned stream: its id, the [`Part`]s (ranges of the entries of a stream) that it unites, and the streams that
/// branch off from it.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) id: StreamId,
    pub(super) origin: Option<Origin>,
    pub(super) parts: Vec<Part>,
    pub(super) children: Vec<Branch>,
}

impl Branch {
    /// Returns the branch as a branch of `parent`. The id of a derived stream depends on its parent, so the ids of the
    /// branch and of its children are derived again.
    fn under(self, parent: StreamId) -> Branch {
        let Some(origin) = self.origin.map(|origin| Origin { parent, ..origin }) else { return self };
        let id = derived_id(&origin);
        let children = self.children.into_iter().map(|child| child.under(id)).collect();
        Branch { id, origin: Some(origin), parts: self.parts, children }
    }

    /// Returns this branch with the id and the origin of `trunk`, because [`unite`] unites only branches with equal
    /// ids. The ids of the children are derived again.
    fn into_trunk(self, trunk: &Branch) -> Branch {
        let children = self.children.into_iter().map(|child| child.under(trunk.id)).collect();
        Branch { id: trunk.id, origin: trunk.origin, parts: self.parts, children }
    }

    /// Appends the branch and all its descendants to `all`, each with its depth. Each branch comes before the streams
    /// that branch off from it.
    pub(super) fn flatten(mut self, depth: usize, all: &mut Vec<(usize, Branch)>) {
        let children = std::mem::take(&mut self.children);
        all.push((depth, self));
        for child in children {
            child.flatten(depth + 1, all);
        }
    }
}

/// Unites two trees whose roots have the same id. If their histories differ, one of the two histories gets a derived
/// id. Adds every fork that is found to `forks`. Returns `None` if the histories differ in erased entries, so that the first
/// different entry is not known.
pub(super) fn unite(
    sides: &Sides<'_>,
    a: Branch,
    b: Branch,
    forks: &mut Vec<Fork>,
) -> Result<Option<Branch>> {
    let (id, origin) = (a.id, a.origin);
    let (parts, candidates) = match difference(sides, &a.parts, &b.parts)? {
        Difference::Erased(_) => return Ok(None),
        Difference::None => ([a.parts, b.parts].concat(), a.children.into_iter().chain(b.children).collect()),
        Difference::Entry(first, of_a, of_b) => {
            let (keeping, derived_from, content) = if of_a < of_b { (a, b, of_b) } else { (b, a, of_a) };
            let (before, behind): (Vec<Branch>, Vec<Branch>) = derived_from
                .children
                .into_iter()
                .partition(|child| child.origin.is_none_or(|o| o.first <= first));
            let fork = Origin { parent: id, first, content };
            let derived = derived_id(&fork);
            let kept = keeping.parts.first().map(|part| part.side);
            forks.extend(kept.map(|kept| Fork { stream: id, first, kept, derived }));
            let moved = Branch {
                id: derived,
                origin: Some(fork),
                parts: derived_from.parts.iter().filter_map(|part| part.from(first)).collect(),
                children: behind.into_iter().map(|child| child.under(derived)).collect(),
            };
            let common = derived_from.parts.iter().filter_map(|part| part.until(first));
            let parts = keeping.parts.iter().copied().chain(common).collect();
            (parts, keeping.children.into_iter().chain(before).chain([moved]).collect::<Vec<_>>())
        }
    };
    let mut children: BTreeMap<StreamId, Branch> = BTreeMap::new();
    for child in candidates {
        let child = match children.remove(&child.id) {
            Some(same) => unite(sides, same, child, forks)?,
            None => Some(child),
        };
        let Some(child) = child else { return Ok(None) };
        children.insert(child.id, child);
    }
    place_children(sides, Branch { id, origin, parts, children: children.into_values().collect() }, forks)
}

/// Unites the trunk (the parent branch) with each child that must not be a separate branch. There are two such cases.
/// In the first, an interrupted merge has left the first entry of the child in the trunk too. In the second, the first
/// entry of the child has a smaller digest than the entry of the trunk with the same sequence number; the history of
/// the child then keeps the id of the trunk.
fn place_children(sides: &Sides<'_>, mut trunk: Branch, forks: &mut Vec<Fork>) -> Result<Option<Branch>> {
    let firsts = trunk.children.iter().filter_map(|child| child.origin).map(|o| o.first).collect();
    let digests = digests_at(sides, &trunk.parts, &firsts)?;
    let misplaced = |child: &Branch| {
        child.origin.is_some_and(|o| digests.get(&o.first).is_some_and(|digest| o.content <= *digest))
    };
    let Some(at) = trunk.children.iter().position(misplaced) else { return Ok(Some(trunk)) };
    let child = trunk.children.swap_remove(at).into_trunk(&trunk);
    unite(sides, trunk, child, forks)
}
