//! The survey of one stream before a repair: the files that have to change, and the damage that a repair leaves.
//!
//! Invariants:
//! 1. The survey reads the stream as if the files that hold none of its entries were gone, because that is the stream
//!    that a reader finds after the repair.
//! 2. A file that is the only evidence of a loss stays: the last file of a stream if its entries cannot be read, and the
//!    unreadable end of the last segment if the number of lost entries is unknown.
//! 3. A stream that contradicts its chain or a seal, and a stream of a newer format, are left unchanged.

use crate::engine::checksum::Digest;
use crate::engine::codec::CODEC_ROWS;
use crate::engine::entry::{Gap, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::FLAG_ENTRIES;
use crate::engine::log::format::header::SegmentHeader;
use crate::engine::log::format::limits::FRAME_HEADER_LEN;
use crate::engine::log::format::names;
use crate::engine::log::merge::content::{Content, content_of, files_of};
use crate::engine::log::merge::end::{EndWatch, Lost};
use crate::engine::log::merge::outline::{FileOutline, Outline, Tally};
use crate::engine::log::merge::plan::Plan;
use crate::engine::log::merge::sides::{Side, Sides};
use crate::engine::log::read::directory::{may_be_creation, origin_of};
use crate::engine::log::read::item::{Finding, FindingKind, Item, Tail};
use crate::engine::log::read::reader::StreamReader;
use crate::engine::log::read::resync::last_header;
use crate::engine::log::read::source::{Source, content_len};
use crate::engine::storage::{File, OpenMode, read_full_at};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

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

/// The scan of a stream without the files that hold none of its entries.
#[derive(Debug)]
struct Scan {
    files: BTreeMap<Seq, FileScan>,
    /// Missing entries without a finding.
    gaps: Vec<Gap>,
    next: Seq,
    last: Option<Seq>,
    is_closed: bool,
    is_sealed: bool,
    /// Segments with a seal, each with the sequence number after its last entry.
    seals: BTreeMap<Seq, Seq>,
    lost: Option<Lost>,
    end_header: Option<SegmentHeader>,
}

#[derive(Debug, Default)]
struct FileScan {
    findings: Vec<Finding>,
    lost: Vec<Gap>,
    has_entries: bool,
}

impl Scan {
    fn of(sides: &Sides<'_>, stream: StreamId, bases: &[Seq]) -> Result<Scan> {
        let mut reader = StreamReader::open_listed(sides.storage, sides.into, stream, bases.to_vec())?;
        let mut watch = EndWatch::new(Side::Target, stream);
        let mut files: BTreeMap<Seq, FileScan> = BTreeMap::new();
        let (mut gaps, mut last, mut damaged) = (Vec::new(), None, None);
        let mut seals = BTreeMap::new();
        while let Some(item) = reader.next_item()? {
            watch.observe(&item);
            seals.extend(reader.last_seal());
            match item {
                Item::Commit(commit) => {
                    files.entry(commit.segment).or_default().has_entries = true;
                    last = commit.entries.last().map(|entry| entry.stamp.seq);
                    damaged = None;
                }
                Item::Finding(finding) => {
                    damaged = Some(finding.segment);
                    files.entry(finding.segment).or_default().findings.push(finding);
                }
                Item::Gap(gap) => match damaged.take() {
                    Some(base) => files.entry(base).or_default().lost.push(gap),
                    None => gaps.push(gap),
                },
            }
        }
        seals.extend(reader.last_seal());
        let end = watch.end(&reader);
        Ok(Scan {
            files,
            gaps,
            next: end.next,
            last,
            is_closed: reader.tail() == Tail::Closed,
            is_sealed: reader.is_sealed(),
            seals,
            lost: end.lost,
            end_header: reader.header().cloned(),
        })
    }

    fn findings(&self, base: Seq) -> &[Finding] {
        self.files.get(&base).map(|file| file.findings.as_slice()).unwrap_or_default()
    }

    fn has_entries(&self, base: Seq) -> bool {
        self.files.get(&base).is_some_and(|file| file.has_entries)
    }

    /// Returns the reason for leaving the whole stream unchanged, if there is one.
    fn forbids(&self, sides: &Sides<'_>) -> Result<Option<Left>> {
        for (base, file) in &self.files {
            let is_explained = file.findings.iter().any(|finding| is_repairable(finding.kind));
            for finding in &file.findings {
                let is_contradiction = match finding.kind {
                    FindingKind::Newer { .. } => return Ok(Some(Left::Newer)),
                    FindingKind::Unreadable if is_newer_frame(sides, finding)? => {
                        return Ok(Some(Left::Newer));
                    }
                    FindingKind::ChainBroken => true,
                    // Damaged bytes before a seal change its digest.
                    FindingKind::SealBroken => !is_explained,
                    _ => false,
                };
                if is_contradiction {
                    return Ok(Some(Left::Contradiction { segment: *base, kind: finding.kind }));
                }
            }
        }
        Ok(None)
    }

    /// Returns the sequence number after the entries that are lost at the end of the stream, if the last frame header
    /// in the unreadable bytes shows it: the frame reaches to the end of the file. Bytes behind a seal held no entry.
    fn bound_of_end(&self, sides: &Sides<'_>) -> Result<Option<Seq>> {
        let (Some(lost), Some(header)) = (&self.lost, &self.end_header) else { return Ok(None) };
        if self.seals.contains_key(&lost.segment) {
            return Ok(Some(self.next));
        }
        if header.base != lost.segment {
            return Ok(None);
        }
        let read = |file: Arc<dyn File>| {
            let len = content_len(file.as_ref())?;
            let last = last_header(&mut Source::new(file, false)?, lost.offset, header.salt)?;
            Ok(last.filter(|(at, frame)| at + frame.frame_len() >= len))
        };
        let last = with_file(sides, lost.stream, lost.segment, read)?;
        Ok(last.map(|(_, frame)| frame.next().max(self.next)))
    }
}

/// Returns true if a segment with this damage is written anew from its whole frames.
fn is_repairable(kind: FindingKind) -> bool {
    match kind {
        FindingKind::Damaged
        | FindingKind::Torn
        | FindingKind::HeaderCopy
        | FindingKind::HeaderLost
        | FindingKind::Doubled
        | FindingKind::Unreadable => true,
        FindingKind::Foreign
        | FindingKind::Newer { .. }
        | FindingKind::ChainBroken
        | FindingKind::SealBroken => false,
    }
}

/// Returns true if a frame with valid checksums that cannot be decoded was written by a newer build.
fn is_newer_frame(sides: &Sides<'_>, finding: &Finding) -> Result<bool> {
    let mut bytes = [0; FRAME_HEADER_LEN];
    let read = |file: Arc<dyn File>| read_full_at(file.as_ref(), finding.offset, &mut bytes);
    with_file(sides, finding.stream, finding.segment, read)?;
    let [codec, flags] = [12, 14].map(|at| bytes.get(at..at + 2).unwrap_or_default());
    Ok(flags != FLAG_ENTRIES.to_le_bytes() || codec != CODEC_ROWS.to_le_bytes())
}

fn with_file<T>(
    sides: &Sides<'_>,
    stream: StreamId,
    base: Seq,
    read: impl FnOnce(Arc<dyn File>) -> io::Result<T>,
) -> Result<T> {
    let path = names::segment_path(sides.into, stream, base);
    let file = sides.storage.open(&path, OpenMode::Read).and_then(read);
    file.map_err(|e| Error::io("read segment", &path, e))
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
        if let Some(left) = scan.forbids(sides)? {
            return unchanged(left);
        }
        let needless = needless(sides, stream, &scan, &rest, &contents)?;
        if needless.is_empty() {
            break (rest, scan);
        }
        changes.extend(needless);
    };
    let mut left = Vec::new();
    if scan.is_sealed
        && let Some(segment) = remove_trailing(&mut changes, rest.last().copied())
    {
        left.push(Left::EndUnknown { segment, after: scan.next.previous() });
    }
    let bound = scan.bound_of_end(sides)?;
    let unknown = scan.lost.filter(|_| bound.is_none());
    left.extend(unknown.map(|lost| Left::EndUnknown { segment: lost.segment, after: scan.next.previous() }));
    let mut rewritten = BTreeSet::new();
    for base in &rest {
        let findings = scan.findings(*base);
        if findings.iter().any(|finding| (finding.kind, finding.offset) == (FindingKind::Torn, 0)) {
            left.push(Left::EndUnknown { segment: *base, after: scan.next.previous() });
        } else if findings.iter().any(|finding| is_repairable(finding.kind) && !is_end(finding, unknown)) {
            rewritten.insert(*base);
        }
    }
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
    for base in rest.iter().filter(|base| !scan.has_entries(**base)) {
        let is_own = matches!(contents.get(base), Some(Content::Own(_)));
        if scan.findings(*base).is_empty() {
            if may_be_creation(sides.storage.as_ref(), sides.into, stream, *base)? {
                needless.insert(*base, FileAction::Remove);
            }
        } else if !is_own && rest.last() != Some(base) {
            needless.insert(*base, FileAction::Move);
        }
    }
    Ok(needless)
}

/// Removes the files behind the last segment from `changes`, and returns the first of them. If the last segment has a
/// seal, its writer had created another one, which such a file may have replaced.
fn remove_trailing(changes: &mut BTreeMap<Seq, FileAction>, last: Option<Seq>) -> Option<Seq> {
    let is_trailing = |base: &Seq, action: &mut FileAction| {
        *action == FileAction::Move && last.is_none_or(|last| *base > last)
    };
    changes.extract_if(.., is_trailing).map(|(base, _)| base).min()
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

/// Returns the BLAKE3 digest of the first `len` bytes of a file.
fn digest_of(file: &dyn File, len: u64) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0u8; 256 << 10];
    let mut at = 0;
    while at < len {
        let want = usize::try_from(len - at).unwrap_or(usize::MAX).min(buffer.len());
        let got = read_full_at(file, at, buffer.get_mut(..want).unwrap_or_default())?;
        if got == 0 {
            break;
        }
        hasher.update(buffer.get(..got).unwrap_or_default());
        at += got as u64;
    }
    Ok(Digest(*hasher.finalize().as_bytes()))
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
    let mut target = Outline::NONE;
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
    let is_beyond = next > scan.last.map_or(Seq::FIRST, Seq::next);
    let mut plan = Plan::rewriting(stream, origin, target, rewritten);
    plan.seals = scan.seals.clone();
    plan.mark = (scan.is_closed || is_beyond).then_some(next);
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
