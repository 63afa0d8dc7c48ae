//! The lines that are checked against one view of the workspace, and the facts that they add.

use crate::contract::{RecordRef, RunRef, StableRef};
use crate::engine::entry::Stamp;
use crate::interchange::jsonl::loss::{LOSS_BYTES_MAX, Loss};
use crate::store::{EncodedEvent, Receipt};
use std::collections::{HashMap, HashSet};

/// The number of entries from which on a commit is appended.
const COMMIT_ENTRIES: usize = 512;
/// The number of bytes of payloads from which on a commit is appended.
const COMMIT_BYTES: usize = 1 << 20;

/// The lines of a round about one object, artifact or record.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The digests of all of them.
    pub(super) digests: Vec<[u8; 16]>,
    /// The stamp of the last appended fact.
    pub(super) stamp: Option<Stamp>,
}

/// The facts of one round.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Facts that are not appended yet.
    pending: Vec<EncodedEvent>,
    /// The refs that the pending facts are about.
    subjects: Vec<Option<StableRef>>,
    bytes: usize,
    /// The imported lines, by ref.
    pub(super) seen: HashMap<StableRef, Seen>,
    /// Losses that are not recorded yet.
    pub(super) losses: Vec<Loss>,
    /// The refs of the recorded losses.
    pub(super) recorded_losses: HashSet<RecordRef>,
    /// The runs of valid lines.
    pub(super) runs: HashSet<RunRef>,
}

impl Round {
    /// Creates a round that only records losses.
    pub(super) fn with_losses(losses: Vec<Loss>) -> Round {
        Round { losses, ..Round::default() }
    }

    /// Adds a fact with a payload of about `len` bytes.
    pub(super) fn push(&mut self, event: EncodedEvent, len: usize, subject: Option<StableRef>) {
        self.bytes += len;
        self.pending.push(event);
        self.subjects.push(subject);
    }

    /// Returns `true` if the pending facts fill a commit.
    pub(super) fn is_full(&self) -> bool {
        let losses = self.losses.len();
        self.pending.len() + losses >= COMMIT_ENTRIES || self.bytes + losses * LOSS_BYTES_MAX >= COMMIT_BYTES
    }

    /// Removes the pending facts, and returns them with the refs that they are about.
    pub(super) fn take_pending(&mut self) -> (Vec<EncodedEvent>, Vec<Option<StableRef>>) {
        self.bytes = 0;
        (std::mem::take(&mut self.pending), std::mem::take(&mut self.subjects))
    }

    /// Records the stamps of appended facts.
    pub(super) fn appended(&mut self, subjects: Vec<Option<StableRef>>, receipt: &Receipt) {
        for (n, subject) in (0..).zip(subjects) {
            if let Some(seen) = subject.and_then(|subject| self.seen.get_mut(&subject)) {
                seen.stamp = Some(receipt.stamp(n));
            }
        }
    }
}
