//! The comparison of cursors with the log. A cursor is confirmed if the log still contains the entries that the cursor
//! counts as applied, with the same gaps.

use crate::engine::entry::{Gap, GapCause, Seq, StreamId};
use crate::engine::error::Result;
use crate::engine::log::directory::ResumePoint;
use crate::engine::log::moved::is_in_derived_stream;
use crate::engine::log::{Commit, Item, OpenSegment, StreamReader, WrittenFrames};
use crate::engine::projection::cursor::{CurrentFile, Cursor, FRESH, Files, Listing};
use crate::engine::projection::log_access::{CommitPlace, LogAccess};
use crate::engine::projection::note::RebuildReason;

/// The result of comparing a stream with its cursor.
pub(super) enum StreamState {
    /// The stream has not changed since the cursor was stored.
    Unchanged,
    /// The stream may have new entries. Contains the confirmed cursor. Also contains the reader that confirmed the
    /// cursor and continues at the cursor; `None` if no entry was applied, so that the stream was not read.
    ///
    /// The stream must not be opened again at the offset in the cursor. A compaction or an erasure may have replaced the
    /// file in the meantime, and the offset is only right in the file that the reader has open.
    Changed(Box<Cursor>, Option<Box<StreamReader>>),
    /// The log contradicts the cursor: applied entries are no longer in the log, or the gaps before the cursor have
    /// changed.
    Contradicted(RebuildReason),
}

impl LogAccess<'_> {
    /// Compares the cursor of a stream with the log. Returns whether the stream is unchanged, may have new entries, or
    /// contradicts the cursor.
    pub(super) fn confirm(
        &self,
        stream: StreamId,
        mut cursor: Cursor,
        listing: &Listing,
    ) -> Result<StreamState> {
        let files = listing.seen_from(cursor.resume.segment);
        let same = files.is_same(&cursor.files);
        let rebooted = cursor.is_of_another_boot(self.boot);
        if !rebooted
            && let (true, true, Some(file)) = (same, cursor.is_complete, &files.current)
            && self.storage.now() > file.newest_change().saturating_add(FRESH)
        {
            return Ok(StreamState::Unchanged);
        }
        if cursor.last.0 == Seq(0) {
            return Ok(StreamState::Changed(Box::new(Cursor::start()), None));
        }
        let inode = |file: &CurrentFile| file.inode;
        let appended_at_most = !rebooted
            && files.earlier == cursor.files.earlier
            && files.current.as_ref().map(inode) == cursor.files.current.as_ref().map(inode)
            // A gap in this segment may have been repaired; the metadata of the file does not show a repair.
            && !cursor.gaps.iter().any(|gap| gap.last >= Some(cursor.resume.segment));
        let confirmed = if appended_at_most { self.confirm_last(&cursor, listing, same)? } else { None };
        let (place, reader) = match confirmed {
            Some(confirmed) => confirmed,
            // The change is more than an append, so the whole stream is read and compared.
            None => match self.confirm_all(&cursor, listing)? {
                Scanned::Same(place, reader) => (place, reader),
                Scanned::Completed => return Ok(StreamState::Contradicted(RebuildReason::Completed(stream))),
                Scanned::Erased => return Ok(StreamState::Contradicted(RebuildReason::Erased)),
                Scanned::Different => {
                    return Ok(StreamState::Contradicted(self.contradiction(stream, cursor.last)));
                }
            },
        };
        // The new cursor ends with the last applied entry: marks and gaps after this entry are read again.
        (cursor.frame, cursor.resume) = (place.frame, place.end);
        cursor.boot = cursor.boot.filter(|_| !rebooted);
        cursor.gaps.retain(|gap| gap.first <= cursor.last.0);
        Ok(StreamState::Changed(Box::new(cursor), Some(reader)))
    }

    /// Confirms the cursor of the stream that this process appends to, if the recorded frames `written` follow the cursor.
    /// Reads only the metadata of the open segment. Returns the cursor after the frames. Returns `None` if the cursor must
    /// be confirmed with [`LogAccess::confirm_open`] instead.
    ///
    /// The applied frames are not compared with the file. The cursor was compared with this file earlier in this boot. This
    /// process holds the lock of the stream, so no other process has written to the file since then.
    pub(super) fn confirm_written(
        &self,
        cursor: &Cursor,
        open: &OpenSegment,
        written: &WrittenFrames,
    ) -> Option<Cursor> {
        let next = written.commits.first().and_then(|commit| commit.entries.first());
        let next = next.map_or(open.next, |entry| entry.stamp.seq);
        let start = ResumePoint { segment: open.base, offset: written.start, next };
        let is_next = cursor.resume == start && written.before == Some(cursor.last);
        if !is_next || !cursor.gaps.is_empty() || self.is_reread_needed(cursor) {
            return None;
        }
        let listing = self.list_open(open, &cursor.files)?;
        let mut cursor = cursor.clone();
        for commit in &written.commits {
            debug_assert_eq!(cursor.resume.offset, commit.offset, "the record has all frames");
            cursor.move_to(&CommitPlace::of(commit)?, self.boot);
        }
        if (cursor.resume.offset, cursor.resume.next) != (open.end, open.next) {
            return None;
        }
        cursor.files = listing.seen_from(cursor.resume.segment);
        (cursor.is_complete, cursor.is_final) =
            (listing.shows_appends(&cursor.files, cursor.resume.offset), false);
        Some(cursor)
    }

    /// Confirms the cursor of the stream that this process appends to. Reads only the metadata of the open segment and
    /// the last frame before the cursor. Returns the metadata, the confirmed cursor, and the reader that has read this
    /// frame and ends at [`OpenSegment::end`].
    ///
    /// Returns `None` if the cursor must be confirmed with [`LogAccess::confirm`] instead: the cursor is not in the
    /// open segment or was read during another boot, gaps precede the cursor, or the frame or the metadata does not
    /// match the cursor.
    ///
    /// The directory of the stream is not listed, because only this process, which holds the lock of the stream,
    /// creates segments.
    pub(super) fn confirm_open(
        &self,
        cursor: &Cursor,
        open: &OpenSegment,
    ) -> Option<(Listing, Box<Cursor>, Box<StreamReader>)> {
        let is_within = cursor.frame.segment == open.base
            && cursor.resume.segment == open.base
            && cursor.resume.offset <= open.end
            && cursor.resume.next <= open.next;
        if !is_within || !cursor.gaps.is_empty() || self.is_reread_needed(cursor) {
            return None;
        }
        let listing = self.list_open(open, &cursor.files)?;
        let mut reader = StreamReader::of_open_segment(self.storage, self.log, open, cursor.frame);
        // After an error of the storage, the caller confirms the cursor with `confirm`, which returns the error.
        let Ok(Some(Item::Commit(commit))) = reader.next_item() else { return None };
        let place = CommitPlace::of(&commit).filter(|place| place.last == cursor.last)?;
        let cursor = Cursor { frame: place.frame, resume: place.end, ..cursor.clone() };
        Some((listing, Box::new(cursor), Box::new(reader)))
    }

    /// Reads the metadata of the open segment. Returns `None` in the cases of [`Listing::of_open_segment`].
    fn list_open(&self, open: &OpenSegment, then: &Files) -> Option<Listing> {
        Listing::of_open_segment(self.storage.as_ref(), self.log, open, then, self.is_log_same)
    }

    /// Returns true if no entry of the stream was applied, or if the applied entries were read during another boot.
    fn is_reread_needed(&self, cursor: &Cursor) -> bool {
        cursor.last.0 == Seq(0) || cursor.is_of_another_boot(self.boot)
    }

    /// Returns the reason for the rebuild after the log has contradicted a cursor: [`RebuildReason::Divided`] if the
    /// last entry of the cursor is in a derived stream, otherwise [`RebuildReason::History`]. `last` is the sequence
    /// number and the checksum of this entry.
    pub(super) fn contradiction(&self, stream: StreamId, last: (Seq, u32)) -> RebuildReason {
        // An unreadable derived stream does not explain the contradiction; the rebuild reports it as unreadable.
        let moved = is_in_derived_stream(self.storage, self.log, stream, last).unwrap_or(false);
        if moved { RebuildReason::Divided(stream) } else { RebuildReason::History(stream) }
    }

    /// Confirms the cursor without a scan of the whole stream. Reads the frame that begins at the offset in the cursor.
    /// Returns the [`CommitPlace`] of this frame, and the reader that has read the frame. Returns `None` if the frame
    /// does not end with the last entry of the cursor. Also returns `None` if the files have changed, but no entry or
    /// mark follows the cursor: the change is then not an append.
    fn confirm_last(
        &self,
        cursor: &Cursor,
        listing: &Listing,
        is_unchanged: bool,
    ) -> Result<Option<(CommitPlace, Box<StreamReader>)>> {
        let mut reader = Box::new(self.reader_of(listing, cursor.frame)?);
        let Some(Item::Commit(commit)) = reader.next_item()? else { return Ok(None) };
        let Some(place) = CommitPlace::of(&commit).filter(|place| place.last == cursor.last) else {
            return Ok(None);
        };
        let mut is_appended = || -> Result<bool> {
            Ok(reader.has_next_item()? || reader.resume_point().offset != cursor.resume.offset)
        };
        Ok(if is_unchanged || is_appended()? { Some((place, reader)) } else { None })
    }

    /// Confirms the cursor by a scan of the whole stream up to the frame that contains the cursor's last entry.
    fn confirm_all(&self, cursor: &Cursor, listing: &Listing) -> Result<Scanned> {
        let mut reader = Box::new(self.reader_of(listing, ResumePoint::START)?);
        let mut gaps: Vec<Gap> = Vec::new();
        let known: Vec<Gap> = cursor.gaps.iter().filter(|gap| gap.first <= cursor.last.0).copied().collect();
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Commit(commit) => {
                    let Some(place) = CommitPlace::of(&commit) else { continue };
                    if place.last.0 >= cursor.last.0 {
                        // A compaction combines frames, so the entry may be inside a frame. The reader then returns
                        // the frame again, and the entries that are applied already are removed from it.
                        let is_inside = place.last != cursor.last && contains(&commit, cursor.last);
                        let end = if is_inside { place.frame } else { place.end };
                        let place = CommitPlace { end, ..place };
                        if is_inside {
                            reader.return_again(Item::Commit(commit));
                        }
                        return Ok(match is_inside || place.last == cursor.last {
                            true if gaps == known => Scanned::Same(place, reader),
                            true if gaps.iter().all(|gap| is_within(gap, &known)) => Scanned::Completed,
                            is_found => changed(&gaps, &known, cursor.last.0, is_found),
                        });
                    }
                }
                Item::Gap(gap) if gap.last.is_some() => gaps.push(gap),
                Item::Gap(_) | Item::Finding(_) => {}
            }
        }
        Ok(changed(&gaps, &known, cursor.last.0, false))
    }
}

/// Returns the result for a stream whose gaps have changed, or that does not contain the last entry of the
/// cursor. `last` is the number of this entry, and `is_found` is true if the stream contains it. The result
/// is [`Scanned::Erased`] if entries were erased and all other missing entries were already missing before.
fn changed(gaps: &[Gap], known: &[Gap], last: Seq, is_found: bool) -> Scanned {
    let is_erased = |gap: &Gap| gap.cause == GapCause::Erased;
    let covers_last = |gap: &Gap| is_erased(gap) && gap.first <= last && Some(last) <= gap.last;
    let has_lost = gaps.iter().any(|gap| !is_erased(gap) && !is_within(gap, known));
    match (is_found || gaps.iter().any(covers_last)) && !has_lost {
        true => Scanned::Erased,
        false => Scanned::Different,
    }
}

/// The result of comparing a cursor with a whole stream.
enum Scanned {
    /// The stream contains the last entry of the cursor, with the gaps of the cursor before it. Contains the place of the
    /// frame that ends with the entry. If the frame contains later entries too, the place ends where the frame begins.
    /// Also contains the reader, which continues where the place ends.
    Same(CommitPlace, Box<StreamReader>),
    /// The stream contains the last entry of the cursor, and some of the entries that were missing before it.
    Completed,
    /// Entries that the cursor counts as applied were erased. The stream contains all other entries that were
    /// applied. It contains the last entry of the cursor, or this entry was erased.
    Erased,
    /// The stream does not contain the last entry of the cursor, or other entries are missing before it.
    Different,
}

/// Returns true if a commit contains an entry with this sequence number and checksum.
fn contains(commit: &Commit, entry: (Seq, u32)) -> bool {
    commit.entries.iter().any(|other| (other.stamp.seq, other.checksum) == entry)
}

/// Returns true if one of the gaps in `known` contains all entries of `gap`.
fn is_within(gap: &Gap, known: &[Gap]) -> bool {
    known.iter().any(|known| known.first <= gap.first && gap.last <= known.last)
}
