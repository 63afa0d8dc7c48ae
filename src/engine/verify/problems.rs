//! The problems of one stream while it is read. A gap that follows a finding is reported as the entries that are lost
//! because of the finding.
//!
//! A gap within a segment is a known loss if it does not follow a finding. Damage cannot cause such a gap. A writer
//! never skips a sequence number, and a frame that was moved is unreadable, because its checksum depends on its offset.
//! Damage between two intact frames therefore leaves unreadable bytes between them, which are a finding. Only a repair
//! or a merge, which writes a segment without its lost entries, leaves a gap without unreadable bytes. The same holds
//! for a gap between the last frame of a segment and a mark.

use crate::engine::codec::CodecError;
use crate::engine::entries::EntryRef;
use crate::engine::entry::{Gap, GapCause, Seq, StreamId};
use crate::engine::log::{Commit, Finding};
use crate::engine::verify::problem::{KNOWN_LOSS, Problem};

/// Collects the problems of a stream.
#[derive(Debug)]
pub(super) struct Problems {
    stream: StreamId,
    /// The number of problems after which further problems are only counted, not stored.
    room: usize,
    /// The last finding, until the next item shows whether entries are lost because of the finding; otherwise `None`.
    pending: Option<Finding>,
    pub(super) found: Vec<Problem>,
    /// The number of problems that are only counted.
    pub(super) omitted: u64,
    /// The number of known losses, including those that are only counted.
    pub(super) known_losses: u64,
    /// The number of erased entries. They are not a problem.
    pub(super) erased: u64,
}

impl Problems {
    pub(super) fn new(stream: StreamId, room: usize) -> Problems {
        Problems { stream, room, pending: None, found: Vec::new(), omitted: 0, known_losses: 0, erased: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.omitted == 0
    }

    /// Adds a finding. If a gap follows, the missing entries are reported as lost because of the finding.
    pub(super) fn add_finding(&mut self, finding: Finding) {
        self.end_finding();
        self.pending = Some(finding);
    }

    /// Adds the last finding as a problem without lost entries, because no gap has followed.
    pub(super) fn end_finding(&mut self) {
        if let Some(f) = self.pending.take() {
            let kind = f.kind.name().replace('_', " ");
            let message = format!("{kind} at offset {} of segment {}; no entry is lost", f.offset, f.segment);
            self.add(self.at_finding(&f, message));
        }
    }

    /// Adds the missing entries of a gap as a problem. Erased entries are counted, but are not a problem. If
    /// the gap follows a finding, the problem also contains the finding. `segment` is the segment in which
    /// the reader found the gap.
    pub(super) fn add_gap(&mut self, gap: &Gap, segment: Option<Seq>) {
        if gap.cause == GapCause::Erased {
            self.end_finding();
            self.erased += gap.last.map_or(0, |last| last.0 - gap.first.previous().0);
            return;
        }
        let problem = match self.pending.take() {
            Some(f) => {
                let kind = f.kind.name().replace('_', " ");
                let message = format!("{kind} at offset {} of segment {}: lost {gap}", f.offset, f.segment);
                self.at_finding(&f, message)
            }
            None if gap.cause == GapCause::Damaged => {
                let message = format!(
                    "lost {gap}; the entries were missing already when a repair or a merge wrote the segment anew"
                );
                Problem { segment, ..self.of_stream(KNOWN_LOSS, message) }
            }
            None => {
                let cause = gap.cause.name();
                let message = format!("{}: lost {gap}", cause.replace('_', " "));
                // A missing segment is identified by the number of its first entry.
                Problem { segment: Some(gap.first), ..self.of_stream(cause, message) }
            }
        };
        self.add(Problem { lost: Some((gap.first, gap.last)), ..problem });
    }

    /// Adds an entry that cannot be decoded.
    pub(super) fn add_unreadable(&mut self, commit: &Commit, entry: EntryRef<'_>, error: &CodecError) {
        let message = format!("entry {} is intact, but cannot be decoded: {error}", entry.stamp.position());
        let problem = Problem {
            segment: Some(commit.segment),
            offset: Some(commit.offset),
            len: Some(commit.end - commit.offset),
            lost: Some((entry.stamp.seq, Some(entry.stamp.seq))),
            ..self.of_stream("entry_unreadable", message)
        };
        self.add(problem);
    }

    /// Adds a problem of a saved head, even if the maximum number of problems is reached.
    pub(super) fn add_for_head(
        &mut self,
        code: &'static str,
        lost: Option<(Seq, Option<Seq>)>,
        message: String,
    ) {
        let problem = Problem { lost, ..self.of_stream(code, message) };
        self.found.push(problem);
    }

    /// Sets the first and the last lost entry of the damage at the end of the stream, which a saved head has shown.
    /// Returns true if such damage was found before. Otherwise changes nothing and returns false.
    pub(super) fn bound_loss_at_end(&mut self, first: Seq, last: Seq) -> bool {
        let at_end = self.found.iter_mut().rfind(|problem| problem.is_at_end());
        at_end.map(|problem| problem.lost = Some((first, Some(last)))).is_some()
    }

    /// Removes damage at the end of the stream, because it may be a write in progress.
    pub(super) fn remove_unfinished_end(&mut self) {
        self.found.retain(|problem| !(matches!(problem.code, "torn" | "damaged") && problem.is_at_end()));
    }

    fn add(&mut self, problem: Problem) {
        self.known_losses += u64::from(problem.is_known_loss());
        // Damage at the end of the stream is added even above the limit. A stream has at most one end.
        if self.found.len() < self.room || problem.is_at_end() {
            self.found.push(problem);
        } else {
            self.omitted += 1;
        }
    }

    fn of_stream(&self, code: &'static str, message: String) -> Problem {
        Problem { stream: Some(self.stream), ..Problem::new(code, message) }
    }

    fn at_finding(&self, f: &Finding, message: String) -> Problem {
        Problem {
            segment: Some(f.segment),
            offset: Some(f.offset),
            len: Some(f.len),
            ..self.of_stream(f.kind.name(), message)
        }
    }
}
