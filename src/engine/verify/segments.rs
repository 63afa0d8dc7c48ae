//! Reads the items of a stream, or of one segment, and adds the problems that are found.

use crate::engine::entries::EntryRef;
use crate::engine::entry::{Event, Seq};
use crate::engine::error::Result;
use crate::engine::log::{Commit, Finding, FindingKind, Item, StreamReader};
use crate::engine::verify::problems::Problems;

/// Reads a stream to its end, and adds the problems that are found. Returns the number of intact entries.
pub(super) fn read_items<E: Event>(
    reader: &mut StreamReader,
    problems: &mut Problems,
    advance: &mut dyn FnMut(u64),
) -> Result<u64> {
    let mut entries = 0;
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Commit(commit) => {
                problems.end_finding();
                advance(commit.end - commit.offset);
                entries += commit.entries.len() as u64;
                commit.entries.iter().for_each(|entry| check_payload::<E>(&commit, entry, problems));
            }
            Item::Gap(gap) => problems.add_gap(&gap, reader.header().map(|header| header.base)),
            Item::Finding(finding) => problems.add_finding(finding),
        }
    }
    problems.end_finding();
    Ok(entries)
}

fn check_payload<E: Event>(commit: &Commit, entry: EntryRef<'_>, problems: &mut Problems) {
    if let Err(error) = E::decode(entry.kind, entry.version, entry.payload)
        && E::KINDS.iter().any(|(kind, _)| *kind == entry.kind)
    {
        problems.add_unreadable(commit, entry, &error);
    }
}

/// Reads the segment that begins with the entry `base`, and adds the problems that are found. `reader` begins
/// at this segment. Missing entries between this segment and the next segment are problems of this segment. A
/// link in the next header that differs from the chain is also a problem of this segment. Returns the number
/// of intact entries.
pub(super) fn read_segment<E: Event>(
    reader: &mut StreamReader,
    base: Seq,
    problems: &mut Problems,
    advance: &mut dyn FnMut(u64),
) -> Result<u64> {
    let mut entries = 0;
    // The first sequence number of the next segment. It is set after a finding in the file of the next
    // segment.
    let mut next: Option<Seq> = None;
    while let Some(item) = reader.next_item()? {
        match item {
            Item::Commit(commit) if commit.segment > base => break,
            Item::Commit(commit) => {
                problems.end_finding();
                advance(commit.end - commit.offset);
                entries += commit.entries.len() as u64;
                commit.entries.iter().for_each(|entry| check_payload::<E>(&commit, entry, problems));
            }
            Item::Gap(gap) if next.is_some_and(|next| gap.first >= next) => break,
            Item::Gap(gap) => problems.add_gap(&gap, reader.header().map(|header| header.base)),
            Item::Finding(finding) if finding.segment > base => {
                next = Some(finding.segment);
                if is_about_previous(&finding) {
                    problems.add_finding(finding);
                }
            }
            Item::Finding(finding) => problems.add_finding(finding),
        }
    }
    problems.end_finding();
    Ok(entries)
}

/// Returns true if a finding in the file of a segment concerns the entries of the previous segment: the link in the
/// header differs from the chain.
fn is_about_previous(finding: &Finding) -> bool {
    finding.kind == FindingKind::ChainBroken && finding.offset == 0
}
