//! Code that writes one segment anew.

use crate::engine::chain::Chain;
use crate::engine::checksum::Digest;
use crate::engine::domain::Domain;
use crate::engine::entries::{Entries, EntryRef};
use crate::engine::entry::{GapCause, Seq, StreamChecksums, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::log::compact::report::SegmentSkip;
use crate::engine::log::format::columns::ColumnWriter;
use crate::engine::log::format::erased::ErasedRange;
use crate::engine::log::format::frame::{
    FLAG_CLOSE, FLAG_SEAL, FrameHeader, decode_checked, frame_salt, put_columns, put_mark,
};
use crate::engine::log::format::limits::FRAME_HEADER_LEN;
use crate::engine::log::format::mark::Mark;
use crate::engine::log::format::pending::{PendingEntries, PendingEntry};
use crate::engine::log::merge::{Sealing, Sides, Staged};
use crate::engine::log::read::directory::ResumePoint;
use crate::engine::log::read::{Commit, Item, ScanMode, StreamReader, Tail};

/// The number of entries at which a new frame is ended. Longer frames compress slightly better. However, one
/// damaged byte makes all entries of a frame unreadable, and a read of one entry decodes the complete frame.
const ENTRIES_PER_FRAME: usize = 8192;
/// The number of payload bytes at which a new frame is ended.
const BYTES_PER_FRAME: usize = 1 << 20;

/// The condition under which entries are erased.
pub(super) type IsErased<'a> = &'a (dyn Fn(EntryRef<'_>) -> bool + Sync);

/// The result of writing a segment anew, before the old file is replaced.
pub(super) enum Rewritten<'a> {
    /// The new file is complete and verified.
    Ready(Ready<'a>),
    /// The segment contains no entry to erase.
    NothingToErase,
    Skipped(SegmentSkip),
}

/// A new file that was written and verified.
pub(super) struct Ready<'a> {
    pub(super) staged: Staged<'a>,
    pub(super) entries: u64,
    pub(super) erased: u64,
    pub(super) digest: Digest,
    /// `true` if the segment has no seal, so a writer of the stream might append to it.
    pub(super) is_open: bool,
}

/// A segment that is being written anew.
pub(super) struct Rewriting<'a> {
    stream: StreamId,
    columns: ColumnWriter,
    checksums: StreamChecksums,
    is_erased: Option<IsErased<'a>>,
    staged: Staged<'a>,
    hasher: blake3::Hasher,
    salt: u64,
    /// The counts for the seal.
    sealing: Sealing,
    /// The entries of the next frame.
    frame: PendingEntries,
    /// The sequence number of the first entry of the next frame.
    first: Seq,
    /// The erased entries before the next frame.
    gone: Option<ErasedRange>,
    entries: u64,
    erased: u64,
    /// `false` if a new frame did not decode to the entries from which the frame was written.
    is_verified: bool,
}

impl<'a> Rewriting<'a> {
    /// Writes a segment anew under a temporary name. With `is_erased`, the entries that fulfil the condition are left
    /// out.
    pub(super) fn run(
        sides: &'a Sides<'a>,
        domain: Domain,
        (stream, segment): (StreamId, Seq),
        is_erased: Option<IsErased<'a>>,
    ) -> Result<Rewritten<'a>> {
        let at = ResumePoint { segment, offset: 0, next: segment };
        let open = |mode| {
            let reader =
                StreamReader::open_listed(sides.storage, sides.into, mode, at, (stream, vec![segment]));
            reader.and_then(|reader| reader.of_domain(domain))
        };
        if let Some(is_erased) = is_erased
            && !contains(open(ScanMode::Follow)?, is_erased)?
        {
            return Ok(Rewritten::NothingToErase);
        }
        let mut reader = open(ScanMode::Full)?;
        // The header is read with the first item.
        reader.has_next_item()?;
        let Some(header) = reader.header().cloned() else {
            return Ok(Rewritten::Skipped(SegmentSkip::Damaged { findings: 1 }));
        };
        let columns = ColumnWriter::new().map_err(|e| Error::io("allocate memory for", sides.into, e))?;
        let mut rewriting = Rewriting {
            stream,
            columns,
            checksums: StreamChecksums::of(stream),
            is_erased,
            staged: Staged::new(sides, stream, segment)?,
            hasher: blake3::Hasher::new(),
            salt: header.salt,
            sealing: Sealing::new(segment),
            frame: PendingEntries::new(),
            first: segment,
            gone: None,
            entries: 0,
            erased: 0,
            is_verified: true,
        };
        rewriting.write(&header.encode())?;
        let copied = rewriting.copy(&mut reader).inspect_err(|_| rewriting.staged.discard())?;
        match copied {
            0 => rewriting.finish(&reader),
            findings => {
                rewriting.staged.discard();
                Ok(Rewritten::Skipped(SegmentSkip::Damaged { findings }))
            }
        }
    }

    /// Copies the entries. Returns the number of findings. After the first finding, entries are not copied any more.
    fn copy(&mut self, reader: &mut StreamReader) -> Result<u64> {
        let mut findings = 0;
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(commit) if findings == 0 => self.push(&commit)?,
                Item::Commit(_) => {}
                Item::Finding(_) => findings += 1,
                Item::Gap(gap) => match gap.last.filter(|_| gap.cause == GapCause::Erased) {
                    Some(last) => {
                        self.end_frame()?;
                        self.add_gone(ErasedRange::between(gap.first, last, reader.last_time()))?;
                    }
                    // Entries that were already missing remain a gap between two frames.
                    None => self.end_all()?,
                },
            }
        }
        Ok(findings)
    }

    fn push(&mut self, commit: &Commit) -> Result<()> {
        for entry in &commit.entries {
            if self.is_erased.is_some_and(|is_erased| is_erased(entry)) {
                self.end_frame()?;
                let seq = entry.stamp.seq;
                self.add_gone(ErasedRange::between(seq, seq, entry.stamp.time))?;
                self.erased += 1;
                continue;
            }
            self.end_gone()?;
            let row = PendingEntry {
                kind: entry.kind,
                version: entry.version,
                time: entry.stamp.time,
                payload: entry.payload,
            };
            let follows = entry.stamp.seq == self.first.plus(self.frame.len() as u64)
                && entry.stamp.time >= self.frame.times().1;
            let is_full =
                self.frame.len() >= ENTRIES_PER_FRAME || self.frame.payload_bytes() >= BYTES_PER_FRAME;
            if !follows || is_full || !self.frame.has_room_for(1, row.payload.len()) {
                self.end_frame()?;
                self.first = entry.stamp.seq;
            }
            self.frame.push(row);
            self.entries += 1;
        }
        Ok(())
    }

    fn add_gone(&mut self, range: Option<ErasedRange>) -> Result<()> {
        let Some(range) = range else { return Ok(()) };
        if !self.gone.as_mut().is_some_and(|gone| gone.extend(range)) {
            self.end_gone()?;
            self.gone = Some(range);
        }
        Ok(())
    }

    fn end_all(&mut self) -> Result<()> {
        self.end_frame()?;
        self.end_gone()
    }

    /// Writes the frames that replace the erased entries before the next frame.
    fn end_gone(&mut self) -> Result<()> {
        let Some(range) = self.gone.take() else { return Ok(()) };
        let mut frames = Vec::new();
        range.put(&mut frames, self.salt, self.staged.len());
        self.write(&frames)
    }

    /// Writes the collected entries as a frame, and decodes the frame again.
    fn end_frame(&mut self) -> Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        self.end_gone()?;
        let mut bytes = Vec::new();
        let offset = self.staged.len();
        let salt = frame_salt(self.salt, offset);
        put_columns(&mut bytes, &mut self.columns, &self.frame, self.stream, self.first, salt);
        self.is_verified &= self.is_equal(&bytes, salt);
        self.sealing.push_frame(self.first, offset, self.frame.len() as u64, self.frame.times());
        self.frame.clear();
        self.write(&bytes)
    }

    /// Returns true if the frame has valid checksums and is decoded to the entries that it was written from.
    fn is_equal(&self, bytes: &[u8], salt: u64) -> bool {
        let frame = FrameHeader::decode(bytes, salt).zip(bytes.get(FRAME_HEADER_LEN..));
        let decoded = frame.filter(|(header, payload)| header.matches(payload, salt));
        let decoded = decoded.and_then(|(header, payload)| decode_checked(&header, payload, &self.checksums));
        decoded.is_some_and(|entries| are_equal(&entries, &self.frame, self.first))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.sealing.push_bytes(bytes);
        self.staged.write(bytes)
    }

    /// Writes the mark at the end, and verifies the new file.
    fn finish(mut self, reader: &StreamReader) -> Result<Rewritten<'a>> {
        self.end_all()?;
        let (next, time) = (reader.next_seq(), reader.last_time());
        // The link covers the erased entries too. If entries were missing before, the old mark may contain the link.
        let chain = reader.chain().map(Chain::link).or(reader.mark_link()).unwrap_or(Chain::ORIGIN);
        let salt = frame_salt(self.salt, self.staged.len());
        let mut mark = Vec::new();
        let is_sealed = reader.is_sealed();
        if is_sealed {
            let seal = std::mem::replace(&mut self.sealing, Sealing::new(next)).seal();
            put_mark(&mut mark, FLAG_SEAL, next, time, &Mark { chain, seal: Some(seal) }.encode(), salt);
        } else if reader.tail() == Tail::Closed {
            put_mark(&mut mark, FLAG_CLOSE, next, time, &Mark { chain, seal: None }.encode(), salt);
        }
        self.hasher.update(&mark);
        self.staged.write(&mark)?;
        let digest = Digest(*self.hasher.finalize().as_bytes());
        let written = self.staged.digest().inspect_err(|_| self.staged.discard())?;
        if !self.is_verified || written != digest {
            self.staged.discard();
            return Ok(Rewritten::Skipped(SegmentSkip::NotVerified));
        }
        let Rewriting { staged, entries, erased, .. } = self;
        Ok(Rewritten::Ready(Ready { staged, entries, erased, digest, is_open: !is_sealed }))
    }
}

/// Returns true if the reader returns an entry that fulfils the condition.
fn contains(mut reader: StreamReader, is_erased: IsErased<'_>) -> Result<bool> {
    while let Some(item) = reader.next_item()? {
        if let Item::Commit(commit) = item
            && commit.entries.iter().any(is_erased)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn are_equal(entries: &Entries, rows: &PendingEntries, first: Seq) -> bool {
    entries.len() == rows.len()
        && entries.iter().zip(rows.iter()).zip(0u64..).all(|((entry, row), n)| {
            entry.stamp.seq == first.plus(n)
                && (entry.stamp.time, entry.kind, entry.version) == (row.time, row.kind, row.version)
                && entry.payload == row.payload
        })
}
