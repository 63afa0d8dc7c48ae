//! A round of an import: lines that are compared with one view of the workspace, and the facts that they add.

use crate::contract::{RecordRef, RunRef, StableRef};
use crate::engine::entry::Stamp;
use crate::interchange::jsonl::loss::{LOSS_BYTES_MAX, Loss};
use crate::store::{EncodedEvent, Receipt};
use std::collections::{HashMap, HashSet};

/// The number of pending entries at which a commit is appended.
const COMMIT_ENTRIES: usize = 512;
/// The number of bytes of pending payloads at which a commit is appended.
const COMMIT_BYTES: usize = 1 << 20;

/// The imported lines of one round that are about the same object, artifact or record.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The digests of the contents of these lines.
    pub(super) digests: Vec<[u8; 16]>,
    /// The stamp of the last fact that these lines added; `None` if the fact is not appended yet.
    pub(super) stamp: Option<Stamp>,
}

/// The facts of one round.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Facts that are not appended yet.
    pending: Vec<EncodedEvent>,
    /// For each pending fact, the ref of the object, artifact or record that the fact is about; `None` for a fact that
    /// no line contains.
    subjects: Vec<Option<StableRef>>,
    bytes: usize,
    /// The imported lines, keyed by the ref of their object, artifact or record.
    pub(super) seen: HashMap<StableRef, Seen>,
    /// The losses of this round for which no degraded record was added yet.
    pub(super) losses: Vec<Loss>,
    /// The refs of the degraded records that this round has added for losses.
    pub(super) recorded_losses: HashSet<RecordRef>,
    /// The runs that the valid lines belong to.
    pub(super) runs: HashSet<RunRef>,
}

impl Round {
    /// Creates a round that only adds degraded records for these losses.
    pub(super) fn with_losses(losses: Vec<Loss>) -> Round {
        Round { losses, ..Round::default() }
    }

    /// Adds a fact with a payload of about `len` bytes.
    pub(super) fn push(&mut self, event: EncodedEvent, len: usize, subject: Option<StableRef>) {
        self.bytes += len;
        self.pending.push(event);
        self.subjects.push(subject);
    }

    /// Returns `true` if the pending facts and the losses must be appended, because they reach [`COMMIT_ENTRIES`] or
    /// [`COMMIT_BYTES`].
    pub(super) fn is_full(&self) -> bool {
        let losses = self.losses.len();
        self.pending.len() + losses >= COMMIT_ENTRIES || self.bytes + losses * LOSS_BYTES_MAX >= COMMIT_BYTES
    }

    /// Removes and returns the pending facts. The second list contains, for each fact, the ref that the fact is about,
    /// if any.
    pub(super) fn take_pending(&mut self) -> (Vec<EncodedEvent>, Vec<Option<StableRef>>) {
        self.bytes = 0;
        (std::mem::take(&mut self.pending), std::mem::take(&mut self.subjects))
    }

    /// Saves the stamps of facts that were appended, so that facts of later lines of the round can replace them.
    /// `subjects` is the second list of [`Round::take_pending`].
    pub(super) fn appended(&mut self, subjects: Vec<Option<StableRef>>, receipt: &Receipt) {
        for (n, subject) in (0..).zip(subjects) {
            if let Some(seen) = subject.and_then(|subject| self.seen.get_mut(&subject)) {
                seen.stamp = Some(receipt.stamp(n));
            }
        }
    }
}
