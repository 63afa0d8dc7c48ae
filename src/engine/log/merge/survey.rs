//! The survey of one stream before a repair: the files that have to change, and the damage that a repair leaves.
//!
//! Invariants:
//! 1. The survey reads the stream as if the files that hold none of its entries were gone, because that is the stream
//!    that a reader finds after the repair.
//! 2. A file that is the only evidence of a loss stays: the last file of a stream if its entries cannot be read, and the
//!    unreadable end of the last segment if the number of lost entries is unknown.
//! 3. A stream that contradicts its chain or a seal, and a stream of a newer format, are left unchanged.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Gap, Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::merge::content::{Content, content_of, files_of};
use crate::engine::log::merge::damage::{Forbidden, Scan, is_repairable, with_file};
use crate::engine::log::merge::digest::digest_of;
use crate::engine::log::merge::end::Lost;
use crate::engine::log::merge::outline::{FileOutline, Outline, Tally};
use crate::engine::log::merge::plan::Plan;
use crate::engine::log::merge::sides::{Side, Sides};
use crate::engine::log::read::directory::{may_be_creation, origin_of};
use crate::engine::log::read::item::{Finding, FindingKind};
use crate::engine::log::read::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// The change of one file of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum FileAction {
    /// The segment is written anew from its whole frames.
    Rewrite,
    /// The file is no segment of the stream, and moves to quarantine.
    Move,
    /// The file never held an entry, because its creation was interrupted, and is removed.
    Remove,
}

/// A file of a stream that has to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct FileSurvey {
    pub(in crate::engine) base: Seq,
    pub(in crate::engine) action: FileAction,
    pub(in crate::engine) len: u64,
    pub(in crate::engine) digest: Digest,
    pub(in crate::engine) findings: Vec<Finding>,
    /// The entries that are lost with the damage of the file.
    pub(in crate::engine) lost: Vec<Gap>,
}

/// Damage that a repair leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Left {
    /// A segment has a newer format. The stream is left unchanged.
    Newer,
    /// The entries contradict the chain or a seal. The stream is left unchanged.
    Contradiction { segment: Seq, kind: FindingKind },
    /// No file in the directory belongs to the stream. The stream is left unchanged.
    NotOwn,
    /// An unknown number of entries after `after` is lost. The unreadable bytes in `segment` are the only evidence.
    EndUnknown { segment: Seq, after: Seq },
}

/// The result of a survey.
#[derive(Debug)]
pub(in crate::engine) struct Survey {
    /// The files that have to change, ascending.
    pub(in crate::engine) files: Vec<FileSurvey>,
    pub(in crate::engine) left: Vec<Left>,
    pub(super) plan: Option<Plan>,
}

/// Surveys a stream of the target. Changes nothing. Cost: about two full scans of the stream, in constant memory except
/// for the list of damaged ranges.
pub(super) fn survey(sides: &Sides<'_>, stream: StreamId) -> Result<Survey> {
    let unchanged = |left| Ok(Survey { files: Vec::new(), left: vec![left], plan: None });
    let mut contents = BTreeMap::new();
    for base in files_of(sides, Side::Target, stream)? {
        contents.insert(base, content_of(sides.storage.as_ref(), sides.into, stream, base)?);
    }
    let is_foreign = |base: &Seq| matches!(contents.get(base), Some(Content::Foreign));
    if !contents.is_empty() && contents.keys().all(is_foreign) {
        return unchanged(Left::NotOwn);
    }
    let mut changes: BTreeMap<Seq, FileAction> = BTreeMap::new();
    changes.extend(contents.keys().filter(|base| is_foreign(base)).map(|base| (*base, FileAction::Move)));
    // A segment with a lost header is read with the salt in the header of the next file, so each file that goes may
    // make another one readable.
    let (rest, scan) = loop {
        let rest: Vec<Seq> = contents.keys().filter(|base| !changes.contains_key(base)).copied().collect();
        let scan = Scan::of(sides, stream, &rest)?;
        match scan.forbids(sides)? {
            Some(Forbidden::Newer) => return unchanged(Left::Newer),
            Some(Forbidden::Contradiction { segment, kind }) => {
                return unchanged(Left::Contradiction { segment, kind });
            }
            None => {}
        }
        let needless = needless(sides, stream, &scan, &rest, &contents)?;
        if needless.is_empty() {
            break (rest, scan);
        }
        changes.extend(needless);
    };
    let mut left = Vec::new();
    let end_unknown = |segment| Left::EndUnknown { segment, after: scan.next.previous() };
    left.extend(remove_trailing(&mut changes, &scan, rest.last().copied()).map(end_unknown));
    let bound = scan.bound_of_end(sides)?;
    let cut = scan.cut_header();
    let unknown = scan.lost.filter(|_| bound.is_none());
    left.extend(cut.or(unknown.map(|lost| lost.segment)).map(end_unknown));
    let is_damage = |finding: &Finding| is_repairable(finding.kind) && !is_end(finding, unknown);
    let is_segment = |base: &Seq| {
        scan.has_entries(*base) || matches!(contents.get(base), Some(Content::Own(_))) && Some(*base) != cut
    };
    let is_damaged = |base: &&Seq| is_segment(base) && scan.findings(**base).iter().any(is_damage);
    let rewritten: BTreeSet<Seq> = rest.iter().filter(is_damaged).copied().collect();
    changes.extend(rewritten.iter().map(|base| (*base, FileAction::Rewrite)));
    let mut files = Vec::new();
    for (base, action) in &changes {
        files.push(file_survey(sides, stream, (*base, *action), &scan, bound)?);
    }
    let plan = rewriting(sides, stream, &scan, contents, (&rewritten, bound, unknown))?;
    Ok(Survey { files, left, plan })
}

/// Returns true if a finding is the unreadable end of a stream that lost an unknown number of entries.
fn is_end(finding: &Finding, unknown: Option<Lost>) -> bool {
    unknown.is_some_and(|lost| (lost.segment, lost.offset) == (finding.segment, finding.offset))
}

/// Returns the files in `rest` without entries of the stream that are neither segments nor evidence of a loss.
fn needless(
    sides: &Sides<'_>,
    stream: StreamId,
    scan: &Scan,
    rest: &[Seq],
    contents: &BTreeMap<Seq, Content>,
) -> Result<BTreeMap<Seq, FileAction>> {
    let mut needless = BTreeMap::new();
    // A later segment shows how many entries are lost.
    let mut is_bounded = false;
    for base in rest.iter().rev() {
        let is_own = matches!(contents.get(base), Some(Content::Own(_)));
        let is_skipped = !scan.has_entries(*base)
            && scan.findings(*base).is_empty()
            && may_be_creation(sides.storage.as_ref(), sides.into, stream, *base)?;
        if is_skipped {
            needless.insert(*base, FileAction::Remove);
        } else if is_own || scan.has_entries(*base) {
            is_bounded = true;
        } else if is_bounded {
            needless.insert(*base, FileAction::Move);
        }
    }
    Ok(needless)
}

/// Removes the files behind the last segment from `changes` if they may have replaced a segment of the stream, and returns
/// the first of them: if the last segment has a seal, because its writer had created another one, or if the first has the
/// name of the next segment.
fn remove_trailing(changes: &mut BTreeMap<Seq, FileAction>, scan: &Scan, last: Option<Seq>) -> Option<Seq> {
    let is_trailing = |(base, action): (&Seq, &FileAction)| {
        let is_behind = last.is_none_or(|last| *base > last);
        (*action == FileAction::Move && is_behind).then_some(*base)
    };
    let first = changes.iter().find_map(is_trailing)?;
    if !scan.is_sealed && first != scan.next {
        return None;
    }
    changes.retain(|base, action| is_trailing((base, action)).is_none());
    Some(first)
}

fn file_survey(
    sides: &Sides<'_>,
    stream: StreamId,
    (base, action): (Seq, FileAction),
    scan: &Scan,
    bound: Option<Seq>,
) -> Result<FileSurvey> {
    let (len, digest) = with_file(sides, stream, base, |file| {
        let len = file.len()?;
        Ok((len, digest_of(file.as_ref(), len)?))
    })?;
    let mut lost: Vec<Gap> = scan.files.get(&base).map(|file| file.lost.clone()).unwrap_or_default();
    if action == FileAction::Move {
        let covers = |gap: &&Gap| gap.first <= base && gap.last.is_none_or(|last| base <= last);
        lost.extend(scan.gaps.iter().filter(covers));
    }
    if let Some(bound) = bound {
        lost.retain_mut(|gap| {
            gap.last = gap.last.or(Some(bound.previous()));
            gap.last >= Some(gap.first)
        });
    }
    Ok(FileSurvey { base, action, len, digest, findings: scan.findings(base).to_vec(), lost })
}

/// Returns the plan that writes damaged segments anew; `None` if no segment is damaged.
fn rewriting(
    sides: &Sides<'_>,
    stream: StreamId,
    scan: &Scan,
    contents: BTreeMap<Seq, Content>,
    (rewritten, bound, unknown): (&BTreeSet<Seq>, Option<Seq>, Option<Lost>),
) -> Result<Option<Plan>> {
    if rewritten.is_empty() {
        return Ok(None);
    }
    let mut target = Outline { links: scan.links.clone(), ..Outline::NONE };
    for (base, content) in contents {
        let header = match content {
            Content::Own(header) => Some(*header),
            Content::Unknown | Content::Foreign | Content::Unfinished => None,
        };
        if header.is_some() || scan.has_entries(base) {
            let (damaged, tally) = (rewritten.contains(&base), Tally::default());
            target.files.push(FileOutline { base, header, damaged, tally, exceeds_part: false });
        }
    }
    let origin = origin_of(sides.storage.as_ref(), sides.into, stream)?;
    let next = bound.unwrap_or(scan.next);
    let after_last = scan.last.map_or(origin.map_or(Seq::FIRST, |origin| origin.first), Seq::next);
    let mut plan = Plan::rewriting(stream, origin, target, rewritten);
    plan.seals = scan.seals.clone();
    if let Some(cut) = scan.cut_header()
        && let Some(file) = plan.target.files.iter().rfind(|file| file.base != cut)
    {
        // Without a seal before it, the incomplete header area would look like an interrupted creation. If a copy of its
        // header is whole, this copy shows how many entries before it are lost.
        let next = if plan.target.file(cut).is_some() { after_last } else { scan.next };
        plan.seals.entry(file.base).or_insert(next.max(file.base));
    }
    plan.mark = (scan.is_closed || next > after_last).then_some(next);
    plan.lost = match unknown.filter(|lost| rewritten.contains(&lost.segment)) {
        // Zeros would not show that entries are lost.
        Some(lost) => {
            let skip_zeros = |file| Source::new(file, false)?.first_nonzero(lost.offset);
            let offset = with_file(sides, stream, lost.segment, skip_zeros)?;
            Some(Lost { offset: offset.unwrap_or(lost.offset), ..lost })
        }
        None => None,
    };
    Ok(Some(plan))
}
