//! The scan of a stream for a repair: findings and losses by file.

use crate::engine::checksum::Digest;
use crate::engine::codec::{CODEC_COLUMNS, CODEC_ERASED, CODEC_ROWS};
use crate::engine::entry::{Gap, GapCause, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::FLAG_ENTRIES;
use crate::engine::log::format::header::SegmentHeader;
use crate::engine::log::format::limits::FRAME_HEADER_LEN;
use crate::engine::log::format::names;
use crate::engine::log::merge::end::{EndWatch, Lost};
use crate::engine::log::merge::sides::{Side, Sides};
use crate::engine::log::read::directory::ResumePoint;
use crate::engine::log::read::item::{Finding, FindingKind, Item, Tail};
use crate::engine::log::read::reader::{ScanMode, StreamReader};
use crate::engine::log::read::resync::last_header;
use crate::engine::log::read::source::{Source, content_len};
use crate::engine::storage::{File, OpenMode, read_full_at};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Damage that forbids the repair of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forbidden {
    /// A segment or frame has a newer format.
    Newer,
    /// The entries contradict the chain or a seal.
    Contradiction { segment: Seq, kind: FindingKind },
}

/// The scan of a stream without the files that hold none of its entries.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) files: BTreeMap<Seq, FileScan>,
    /// Missing entries without a finding.
    pub(super) gaps: Vec<Gap>,
    pub(super) next: Seq,
    /// The last sequence number of an entry that was read or is erased.
    pub(super) last: Option<Seq>,
    pub(super) is_closed: bool,
    pub(super) is_sealed: bool,
    /// Segments with a seal, each with the sequence number after its last entry.
    pub(super) seals: BTreeMap<Seq, Seq>,
    /// The links in the marks, each with the sequence number of the entry before the mark.
    pub(super) links: BTreeMap<Seq, Digest>,
    pub(super) lost: Option<Lost>,
    pub(super) end_header: Option<SegmentHeader>,
}

#[derive(Debug, Default)]
pub(super) struct FileScan {
    pub(super) findings: Vec<Finding>,
    pub(super) lost: Vec<Gap>,
    /// True if the file has entries, or a frame that replaces erased entries.
    pub(super) has_entries: bool,
}

impl FileScan {
    fn is_cut(&self) -> bool {
        self.findings.iter().any(|finding| (finding.kind, finding.offset) == (FindingKind::Torn, 0))
    }
}

impl Scan {
    pub(super) fn of(sides: &Sides<'_>, stream: StreamId, bases: &[Seq]) -> Result<Scan> {
        let mut reader = StreamReader::open_listed(
            sides.storage,
            sides.into,
            ScanMode::Full,
            ResumePoint::START,
            (stream, bases.to_vec()),
        )?;
        let mut watch = EndWatch::new(Side::Target, stream);
        let mut files: BTreeMap<Seq, FileScan> = BTreeMap::new();
        let (mut gaps, mut last, mut damaged) = (Vec::new(), None, None);
        let (mut seals, mut links) = (BTreeMap::new(), BTreeMap::new());
        while let Some(item) = reader.next_item()? {
            watch.observe(&item);
            seals.extend(reader.last_seal());
            links.extend(reader.last_mark());
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
                Item::Gap(gap) if gap.cause == GapCause::Erased => {
                    if let Some(base) = reader.open_segment_base() {
                        files.entry(base).or_default().has_entries = true;
                    }
                    last = gap.last;
                    damaged = None;
                }
                Item::Gap(gap) => match damaged.take() {
                    Some(base) => files.entry(base).or_default().lost.push(gap),
                    None => gaps.push(gap),
                },
            }
        }
        seals.extend(reader.last_seal());
        links.extend(reader.last_mark());
        let end = watch.end(&reader);
        // A last segment whose header area is incomplete is evidence itself.
        let is_cut = files.values().any(FileScan::is_cut);
        Ok(Scan {
            files,
            gaps,
            next: end.next,
            last,
            is_closed: reader.tail() == Tail::Closed,
            is_sealed: reader.is_sealed(),
            seals,
            links,
            lost: end.lost.filter(|_| !is_cut),
            end_header: reader.header().cloned(),
        })
    }

    pub(super) fn findings(&self, base: Seq) -> &[Finding] {
        self.files.get(&base).map(|file| file.findings.as_slice()).unwrap_or_default()
    }

    pub(super) fn has_entries(&self, base: Seq) -> bool {
        self.files.get(&base).is_some_and(|file| file.has_entries)
    }

    /// Returns the last segment if its header area is incomplete, and its creation was finished.
    pub(super) fn cut_header(&self) -> Option<Seq> {
        self.files.iter().find(|(_, file)| file.is_cut()).map(|(base, _)| *base)
    }

    /// Returns the reason for leaving the whole stream unchanged, if there is one.
    pub(super) fn forbids(&self, sides: &Sides<'_>) -> Result<Option<Forbidden>> {
        for (base, file) in &self.files {
            let is_explained = file.findings.iter().any(|finding| is_repairable(finding.kind));
            for finding in &file.findings {
                let is_contradiction = match finding.kind {
                    FindingKind::Newer { .. } => return Ok(Some(Forbidden::Newer)),
                    FindingKind::Unreadable if is_newer_frame(sides, finding)? => {
                        return Ok(Some(Forbidden::Newer));
                    }
                    FindingKind::ChainBroken => true,
                    // Damaged bytes before a seal change its digest.
                    FindingKind::SealBroken => !is_explained,
                    _ => false,
                };
                if is_contradiction {
                    return Ok(Some(Forbidden::Contradiction { segment: *base, kind: finding.kind }));
                }
            }
        }
        Ok(None)
    }

    /// Returns the sequence number after the entries that are lost at the end of the stream, if the last frame header
    /// in the unreadable bytes shows it: the frame reaches to the end of the file. Bytes behind a seal held no entry.
    pub(super) fn bound_of_end(&self, sides: &Sides<'_>) -> Result<Option<Seq>> {
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
pub(super) fn is_repairable(kind: FindingKind) -> bool {
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
    let is_known = [CODEC_ROWS, CODEC_COLUMNS, CODEC_ERASED].iter().any(|known| codec == known.to_le_bytes());
    Ok(flags != FLAG_ENTRIES.to_le_bytes() || !is_known)
}

pub(super) fn with_file<T>(
    sides: &Sides<'_>,
    stream: StreamId,
    base: Seq,
    read: impl FnOnce(Arc<dyn File>) -> io::Result<T>,
) -> Result<T> {
    let path = names::segment_path(sides.into, stream, base);
    let file = sides.storage.open(&path, OpenMode::Read).and_then(read);
    file.map_err(|e| Error::io("read segment", &path, e))
}
