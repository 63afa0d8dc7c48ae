//! The entries and marks in the frames of a segment.

use crate::engine::chain::Chain;
use crate::engine::checksum::Digest;
use crate::engine::entries::Entries;
use crate::engine::entry::{GapCause, Seq};
use crate::engine::error::{Error, Result};
use crate::engine::log::format::frame::{FLAG_SEAL, FrameHeader};
use crate::engine::log::format::mark::Mark;
use crate::engine::log::format::names;
use crate::engine::log::read::item::{Commit, FindingKind, Item};
use crate::engine::log::read::reader::{ScanMode, StreamReader};

impl StreamReader {
    /// Records the entries of a frame. For a frame that replaces erased entries, records a gap. `entries` is
    /// `None` if this build cannot decode the frame; a finding and a gap are then recorded instead.
    pub(super) fn read_entries(
        &mut self,
        base: Seq,
        offset: u64,
        header: &FrameHeader,
        entries: Option<Entries>,
    ) {
        self.record_gap_before(header.first);
        if header.is_erased() {
            let cause = std::mem::replace(&mut self.cause, GapCause::Erased);
            self.record_gap_before(header.next());
            self.cause = cause;
            return;
        }
        let Some(entries) = entries else {
            self.record_finding(FindingKind::Unreadable, base, offset, header.frame_len());
            self.record_gap_before(header.next());
            return;
        };
        if let (Some(chain), ScanMode::Full) = (&mut self.chain, self.mode) {
            for entry in &entries {
                chain.push(&entry.canonical_head());
                chain.push(entry.payload);
                if let Some(link) = self.watched.get_mut(&entry.stamp.seq) {
                    *link = Some(chain.link());
                }
            }
        }
        self.expected = header.next();
        self.last_time = entries.last().map_or(self.last_time, |e| e.stamp.time);
        self.counts.0 += entries.len() as u64;
        self.counts.1 += 1;
        self.queue.push_back(Item::Commit(Commit {
            segment: base,
            offset,
            end: offset + header.frame_len(),
            entries,
        }));
    }

    /// Records a gap if entries before the mark are missing. In a full scan, also compares the mark with the entries
    /// before the mark, and records each difference as a finding. `mark` is `None` if this build cannot decode the
    /// mark, which is recorded as a finding.
    pub(super) fn read_mark(
        &mut self,
        base: Seq,
        offset: u64,
        header: &FrameHeader,
        mark: Option<Mark>,
    ) -> Result<()> {
        let Some(mark) = mark else {
            self.record_finding(FindingKind::Unreadable, base, offset, header.frame_len());
            return Ok(());
        };
        if header.flags == FLAG_SEAL {
            self.sealed = true;
            self.last_seal = Some((base, header.first));
        }
        let whole_before = header.first == self.expected;
        self.record_gap_before(header.first);
        if self.mode == ScanMode::Follow || self.skips_chain {
            return Ok(());
        }
        self.mark_link = Some(mark.chain);
        // Zeros mean that a merge wrote this mark after a gap and did not know the link.
        let known = mark.chain != Chain::ORIGIN;
        self.last_mark = known.then(|| (header.first.previous(), mark.chain)).or(self.last_mark);
        if known && self.chain.as_ref().is_some_and(|chain| chain.link() != mark.chain) {
            self.record_finding(FindingKind::ChainBroken, base, offset, header.frame_len());
        }
        if let (Some(seal), true) = (&mark.seal, whole_before) {
            let counted = (seal.entries, seal.frames) == self.counts && seal.bytes == offset;
            if !counted || self.digest_before(base, offset)? != seal.digest {
                self.record_finding(FindingKind::SealBroken, base, offset, header.frame_len());
            }
        }
        Ok(())
    }

    /// Returns the digest of the first `end` bytes of the open segment. The digest is computed from the open
    /// file, because the path of the segment may now lead to another file, for example after a compaction.
    fn digest_before(&mut self, base: Seq, end: u64) -> Result<Digest> {
        let path = names::segment_path(&self.log, self.stream, base);
        let wrap = |e| Error::io("read segment", &path, e);
        let Some(mut source) = self.scan.as_ref().map(|scan| scan.source.beginning_of_same(end)) else {
            return Ok(Digest([0; 32]));
        };
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(256 << 10);
            let bytes = source.bytes(at, want).map_err(wrap)?;
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            at += bytes.len() as u64;
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }
}
