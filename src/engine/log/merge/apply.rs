//! Applies a plan to one stream of the target. Files are written under temporary names, synced and renamed, in the
//! order of their sequence numbers.

use crate::engine::entry::Seq;
use crate::engine::error::Result;
use crate::engine::log::merge::encode::{Encoder, Replaced};
use crate::engine::log::merge::plan::{Action, Plan};
use crate::engine::log::merge::quarantine::quarantine_segment;
use crate::engine::log::merge::sides::Sides;
use crate::engine::log::merge::staged::{copy_segment, prepare, remove_segments};
use std::path::Path;

/// Applies a plan. If the application is interrupted, the next merge makes a new plan that leads to the same entries.
pub(super) fn apply(
    sides: &Sides<'_>,
    plan: &Plan,
    quarantine: &Path,
    segment_bytes_max: u64,
) -> Result<Replaced> {
    let mut done = Replaced::default();
    prepare(sides, plan.id)?;
    let replaced = plan.ranges.iter().filter(|range| range.action != Action::Keep).map(|range| range.base);
    let damaged = |base: &Seq| {
        plan.target.strays.contains(base) || plan.target.file(*base).is_some_and(|file| file.damaged)
    };
    for base in replaced.filter(damaged).chain(plan.remove_damaged.iter().copied()) {
        done.quarantined.extend(quarantine_segment(
            sides.storage.as_ref(),
            sides.into,
            plan.id,
            base,
            quarantine,
        )?);
    }
    if !plan.remove.is_empty() {
        remove_segments(sides, plan.id, &plan.remove)?;
    }
    if plan.ranges.iter().any(|range| range.action == Action::Encode) {
        Encoder::new(sides, plan, quarantine, segment_bytes_max)?.run(&mut done)?;
    } else {
        for range in plan.ranges.iter().filter(|range| range.action == Action::Copy) {
            done.bytes += copy_segment(sides, plan.id, range.base)?;
        }
    }
    Ok(done)
}
