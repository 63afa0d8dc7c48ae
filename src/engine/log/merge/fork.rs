//! Forks: one stream id, two histories. Which of them keeps the id, and what the other is called.
//!
//! All copies of a stream form a tree that branches where entries of one number differ. The names follow from the tree
//! alone: at each branching the child whose first entry has the smallest digest keeps the id, the others get ids derived from
//! (old id, number, digest), and so on inside each of them. So merges in any order come to the same names.
//! docs/design/005-merge-and-forks.md.

use crate::engine::entry::StreamId;
use crate::engine::error::Result;
use crate::engine::log::format::header::Origin;
use crate::engine::log::merge::history::{difference, digests_at};
use crate::engine::log::merge::report::Fork;
use crate::engine::log::merge::sides::{Part, Sides};
use std::collections::BTreeMap;

const STREAM_TAG: &[u8] = b"contexta derived stream 0\0";

/// The id of what branches off at an origin.
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

/// A stream as it shall be: its name, the parts whose union it is, and what branches off from it.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) id: StreamId,
    pub(super) origin: Option<Origin>,
    pub(super) parts: Vec<Part>,
    pub(super) children: Vec<Branch>,
}

impl Branch {
    /// The same branch under another parent: its id follows from its parent's, and its children's from its own.
    fn under(self, parent: StreamId) -> Branch {
        let Some(origin) = self.origin.map(|origin| Origin { parent, ..origin }) else { return self };
        let id = derived_id(&origin);
        let children = self.children.into_iter().map(|child| child.under(id)).collect();
        Branch { id, origin: Some(origin), parts: self.parts, children }
    }

    /// The same entries as a part of `trunk`, from which the branch turns out not to branch off.
    fn into_trunk(self, trunk: &Branch) -> Branch {
        let children = self.children.into_iter().map(|child| child.under(trunk.id)).collect();
        Branch { id: trunk.id, origin: trunk.origin, parts: self.parts, children }
    }

    /// All branches, each before those that branch off from it.
    pub(super) fn flatten(mut self, depth: usize, all: &mut Vec<(usize, Branch)>) {
        let children = std::mem::take(&mut self.children);
        all.push((depth, self));
        for child in children {
            child.flatten(depth + 1, all);
        }
    }
}

/// Two trees of one id as one. What is unlike goes under other ids; every fork found is told to `forks`.
pub(super) fn unite(sides: &Sides<'_>, a: Branch, b: Branch, forks: &mut Vec<Fork>) -> Result<Branch> {
    let (id, origin) = (a.id, a.origin);
    let (parts, candidates) = match difference(sides, &a.parts, &b.parts)? {
        None => ([a.parts, b.parts].concat(), a.children.into_iter().chain(b.children).collect()),
        Some((first, of_a, of_b)) => {
            let (stays, goes, content) = if of_a < of_b { (a, b, of_b) } else { (b, a, of_a) };
            let (before, behind): (Vec<Branch>, Vec<Branch>) =
                goes.children.into_iter().partition(|child| child.origin.is_none_or(|o| o.first <= first));
            let fork = Origin { parent: id, first, content };
            let derived = derived_id(&fork);
            let kept = stays.parts.first().map(|part| part.side);
            forks.extend(kept.map(|kept| Fork { stream: id, first, kept, derived }));
            let moved = Branch {
                id: derived,
                origin: Some(fork),
                parts: goes.parts.iter().filter_map(|part| part.from(first)).collect(),
                children: behind.into_iter().map(|child| child.under(derived)).collect(),
            };
            let common = goes.parts.iter().filter_map(|part| part.until(first));
            let parts = stays.parts.iter().copied().chain(common).collect();
            (parts, stays.children.into_iter().chain(before).chain([moved]).collect::<Vec<_>>())
        }
    };
    let mut children: BTreeMap<StreamId, Branch> = BTreeMap::new();
    for child in candidates {
        let child = match children.remove(&child.id) {
            Some(same) => unite(sides, same, child, forks)?,
            None => child,
        };
        children.insert(child.id, child);
    }
    settle(sides, Branch { id, origin, parts, children: children.into_values().collect() }, forks)
}

/// A branch whose trunk has the same first entry is no branch (an interrupted merge left it, or the trunk was damaged
/// there); one with a smaller first entry is the trunk.
fn settle(sides: &Sides<'_>, mut trunk: Branch, forks: &mut Vec<Fork>) -> Result<Branch> {
    let firsts = trunk.children.iter().filter_map(|child| child.origin).map(|o| o.first).collect();
    let there = digests_at(sides, &trunk.parts, &firsts)?;
    let misplaced = |child: &Branch| {
        child.origin.is_some_and(|o| there.get(&o.first).is_some_and(|digest| o.content <= *digest))
    };
    let Some(at) = trunk.children.iter().position(misplaced) else { return Ok(trunk) };
    let child = trunk.children.swap_remove(at).into_trunk(&trunk);
    unite(sides, trunk, child, forks)
}
