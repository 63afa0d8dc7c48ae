//! Families of streams: a stream, and the streams that branch off from it.

use crate::engine::entry::StreamId;
use crate::engine::error::{Error, Result};
use crate::engine::log::format::header::Origin;
use crate::engine::log::merge::content::{content_of, files_of};
use crate::engine::log::merge::fork::{Branch, derived_id};
use crate::engine::log::merge::sides::{Part, Side, Sides};
use crate::engine::log::read::directory::{list_segments, list_streams, origin_of};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum depth of forks of forks. A merge does not unite the streams of a family with deeper forks; ordinary use does
/// not reach this depth.
const DEPTH_MAX: usize = 64;

/// A family: a stream, and the streams that branch off from it.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) source: BTreeSet<StreamId>,
    pub(super) target: BTreeSet<StreamId>,
    /// A map from each stream that branches off from another stream to the origin of the branching stream.
    pub(super) origins: BTreeMap<StreamId, Origin>,
    pub(super) too_deep: bool,
}

impl Family {
    /// Returns the streams that a stream branches off from, directly or indirectly, nearest first.
    pub(super) fn line(&self, id: StreamId) -> Vec<StreamId> {
        let parent = |id: &StreamId| self.origins.get(id).map(|origin| origin.parent);
        std::iter::successors(parent(&id), parent).take(DEPTH_MAX).collect()
    }
}

impl Family {
    /// Returns the family's streams in one log as a tree; `None` if the log has none of them. A parent that the log
    /// does not have becomes a [`Branch`] without entries.
    pub(super) fn tree(&self, side: Side) -> Option<Branch> {
        let ids = if side == Side::Target { &self.target } else { &self.source };
        let mut children: BTreeMap<StreamId, BTreeSet<StreamId>> = BTreeMap::new();
        let mut root = None;
        for id in ids {
            let mut id = *id;
            while let Some(origin) = self.origins.get(&id) {
                children.entry(origin.parent).or_default().insert(id);
                id = origin.parent;
            }
            root = Some(id);
        }
        root.map(|root| self.branch(side, root, &children))
    }

    fn branch(&self, side: Side, id: StreamId, children: &BTreeMap<StreamId, BTreeSet<StreamId>>) -> Branch {
        let ids = if side == Side::Target { &self.target } else { &self.source };
        let parts = if ids.contains(&id) { vec![Part::whole(side, id)] } else { Vec::new() };
        let below = children.get(&id).into_iter().flatten();
        let below = below.map(|child| self.branch(side, *child, children)).collect();
        Branch { id, origin: self.origins.get(&id).copied(), parts, children: below }
    }
}

/// The families that have streams in the source.
#[derive(Debug, Default)]
pub(super) struct Families {
    /// The families, sorted by the id of the root. The root is the stream from which all other streams of the family
    /// branch off, directly or indirectly.
    pub(super) families: Vec<Family>,
    /// Streams of the source whose directory cannot be listed.
    pub(super) unreadable: Vec<StreamId>,
}

impl Families {
    /// Finds every family that has a stream in the source. Each family also contains its streams in the target.
    pub(super) fn find(sides: &Sides<'_>, source_streams: &[StreamId]) -> Result<Families> {
        let mut found = Families::default();
        let mut origins = BTreeMap::new();
        let mut present: BTreeMap<StreamId, BTreeSet<Side>> = BTreeMap::new();
        let storage = sides.storage.as_ref();
        let target_streams = list_streams(storage, sides.into)?;
        for (side, ids) in [(Side::Target, &target_streams[..]), (Side::Source, source_streams)] {
            for id in ids {
                let listed = list_segments(storage, sides.log(side), *id);
                if side == Side::Source && matches!(listed, Err(Error::Io { .. })) {
                    found.unreadable.push(*id);
                    continue;
                }
                if !is_present(sides, side, *id)? {
                    continue;
                }
                present.entry(*id).or_default().insert(side);
                let origin = match origin_of(storage, sides.log(side), *id) {
                    // The merge of this stream reports the error.
                    Err(Error::Io { .. }) if side == Side::Source => None,
                    origin => origin?,
                };
                // The id of a derived stream follows from its origin. An origin that does not match the id is ignored.
                origins.extend(origin.filter(|o| derived_id(o) == *id).map(|o| (*id, o)));
            }
        }
        let mut families: BTreeMap<StreamId, Family> = BTreeMap::new();
        for (id, sides) in present {
            let mut line = vec![id];
            let mut root = id;
            while let Some(origin) = origins.get(&root).filter(|_| line.len() <= DEPTH_MAX) {
                root = origin.parent;
                line.push(root);
            }
            let family = families.entry(root).or_default();
            family.too_deep |= line.len() > DEPTH_MAX;
            family.origins.extend(line.iter().filter_map(|id| Some((*id, *origins.get(id)?))));
            family.target.extend(sides.contains(&Side::Target).then_some(id));
            family.source.extend(sides.contains(&Side::Source).then_some(id));
        }
        found.families.extend(families.into_values().filter(|family| !family.source.is_empty()));
        Ok(found)
    }
}

/// Returns true if a log has the stream. In the source only segments count. In the target every file with the name of a
/// segment counts, because a new segment may need the name.
fn is_present(sides: &Sides<'_>, side: Side, id: StreamId) -> Result<bool> {
    let files = files_of(sides, side, id)?;
    if side == Side::Target {
        return Ok(!files.is_empty());
    }
    for base in files {
        match content_of(sides.storage.as_ref(), sides.from, id, base) {
            Ok(content) if !content.is_segment() => {}
            // The merge of this stream reports the error.
            Ok(_) | Err(Error::Io { .. }) => return Ok(true),
            Err(e) => return Err(e),
        }
    }
    Ok(false)
}
