//! Transactions: appends that depend on what the tables contain.
//!
//! A transaction holds the lock of the engine while it reads the current tables and appends, so that no other
//! transaction on the machine appends in between. Plain appends do not take the lock. A condition is therefore reliable
//! only if all events that can change its result are appended by transactions.

use crate::engine::entry::{Event, Stamp};
use crate::engine::error::{Error, Result};
use crate::engine::front::condition::Condition;
use crate::engine::front::engine::Engine;
use crate::engine::front::idempotency::IDEMPOTENCY_KEYS;
use crate::engine::log::{Committed, Durability};
use crate::engine::projection::Note;
use crate::engine::projection::view::View;

/// Returns an error if `is_refused` returns true for a note of the view. A condition on such a view may have a wrong
/// result.
fn check_notes(view: &View, is_refused: impl Fn(&Note) -> bool) -> Result<()> {
    let refused = view.notes().iter().find(|note| is_refused(note));
    refused.map_or(Ok(()), |note| Err(Error::ViewIncomplete { reason: note.to_string() }))
}

/// Returns true if the note states that a stream could not be read, or has a newer format than this build supports.
fn is_unreadable_stream(note: &Note) -> bool {
    matches!(note, Note::StreamUnreadable { .. } | Note::Newer { .. })
}

/// The events that a transaction appends when it ends.
#[derive(Debug)]
pub struct Transaction<E> {
    events: Vec<E>,
}

impl<E: Event> Transaction<E> {
    /// Adds an event to the commit of the transaction.
    pub fn append(&mut self, event: E) {
        self.events.push(event);
    }
}

/// The result of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transacted<T> {
    /// The value that the closure `judge` of [`Engine::transact`] returned.
    pub value: T,
    /// The commit with the events of the transaction; `None` if the transaction appended no event.
    pub committed: Option<Committed>,
}

/// The result of an append with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Once {
    /// The event was appended.
    Appended(Stamp),
    /// An event with the same key was appended before. Contains the stamp of the entry of this earlier event.
    Known(Stamp),
}

impl<E: Event> Engine<E> {
    /// Returns true if the note states that entries are missing, and the options accept missing entries.
    fn is_accepted(&self, note: &Note) -> bool {
        self.accepts_missing_entries && matches!(note, Note::Gap(_))
    }

    /// Calls `judge` with a view of the current tables, then appends the events that `judge` added as one commit, with
    /// at least [`Durability::Flush`]. Transactions on one directory run one after another on the machine, in whatever
    /// thread or process. If `judge` returns an error or panics, nothing is appended.
    ///
    /// Missing entries are no error: the notes of the view name them, and `judge` decides.
    ///
    /// The lock is released when the commit is written, or when the process ends. Exception: a child that was created
    /// by `fork(2)` after the first transaction shares the open lock file, until it ends, calls `exec` or begins a
    /// transaction of its own. If the parent is killed during a transaction, the lock is held until the child no longer
    /// shares the file.
    ///
    /// Errors, in addition to those of `judge`: [`Error::TransactionBusy`] if another transaction holds the lock for
    /// too long, [`Error::LocksUnsupported`] if the file system has no locks, [`Error::ViewIncomplete`] if a stream
    /// cannot be read or has a newer format, [`Error::Misused`] for a transaction within a transaction or a transaction
    /// that a forked child continues, and the errors of [`Engine::view`] and [`Engine::append`].
    pub fn transact<T, F: From<Error>>(
        &self,
        judge: impl FnOnce(&View, &mut Transaction<E>) -> std::result::Result<T, F>,
    ) -> std::result::Result<Transacted<T>, F> {
        self.check_writable()?;
        let held =
            self.lock.acquire(self.storage.as_ref(), &self.paths.transaction_lock, self.transaction_wait)?;
        let process = self.storage.process_id();
        let view = self.view()?;
        check_notes(&view, is_unreadable_stream)?;
        let mut transaction = Transaction { events: Vec::new() };
        let value = judge(&view, &mut transaction)?;
        if self.storage.process_id() != process {
            let reason = "a forked child cannot continue the transaction of its parent".to_owned();
            return Err(Error::Misused { reason }.into());
        }
        let committed = match transaction.events.as_slice() {
            [] => None,
            events => Some(self.append_with(events, self.durability.max(Durability::Flush))?),
        };
        drop(held);
        Ok(Transacted { value, committed })
    }

    /// Appends the event if the condition holds. Returns `None`, and appends nothing, if the condition does not hold.
    /// Errors: [`Error::ViewIncomplete`] if entries are missing, unless the options
    /// [accept missing entries](super::EngineOptions::accept_missing_entries), and the errors of [`Engine::transact`].
    pub fn append_if(&self, condition: &Condition, event: E) -> Result<Option<Committed>> {
        let done = self.transact(|view, transaction| {
            check_notes(view, |note| matches!(note, Note::Gap(_)) && !self.is_accepted(note))?;
            if condition.holds(view)? {
                transaction.append(event);
            }
            Ok::<(), Error>(())
        })?;
        Ok(done.committed)
    }

    /// Appends the event unless an event with the same idempotency key is in the log. Errors: [`Error::Misused`] if the
    /// event has no key, [`Error::ViewIncomplete`] if the log has entries that this build cannot decode, or if entries are
    /// missing (their keys are unknown), and the errors of [`Engine::transact`]. Missing entries are no error if the
    /// options [accept them](super::EngineOptions::accept_missing_entries).
    ///
    /// [`Once::Known`] does not state whether the earlier entry is durable. Two logs may contain events with the same
    /// key: a merge keeps both entries. Other appends do not check the key.
    pub fn append_once(&self, event: E) -> Result<Once> {
        let Some(key) = event.idempotency_key() else {
            return Err(Error::Misused { reason: "the event has no idempotency key".to_owned() });
        };
        let done = self.transact(|view, transaction| {
            // The keys of missing entries, and of entries that this build cannot decode, are unknown.
            check_notes(view, |note| note.is_missing_entries() && !self.is_accepted(note))?;
            let known = IDEMPOTENCY_KEYS.versions(view, &key)?.first().map(|version| version.stamp);
            if known.is_none() {
                transaction.append(event);
            }
            Ok::<Option<Stamp>, Error>(known)
        })?;
        match (done.value, done.committed) {
            (Some(stamp), _) => Ok(Once::Known(stamp)),
            (None, Some(committed)) => Ok(Once::Appended(committed.first)),
            (None, None) => Err(Error::CommitEmpty),
        }
    }
}
