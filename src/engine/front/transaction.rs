//! Transactions: appends that depend on what the tables contain.
//!
//! A transaction holds the lock of the engine while it reads the current tables and appends, so that no other
//! transaction on the machine appends in between. Plain appends do not take the lock: a condition holds only if all
//! events that can change it are appended by transactions.

use crate::engine::entry::{Event, Stamp};
use crate::engine::error::{Error, Result};
use crate::engine::front::condition::Condition;
use crate::engine::front::engine::Engine;
use crate::engine::front::idempotency::IDEMPOTENCY_KEYS;
use crate::engine::log::{Committed, Durability};
use crate::engine::projection::view::View;

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
    /// The commit with the events of the transaction; `None` if it appended none.
    pub committed: Option<Committed>,
}

/// The result of an append with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Once {
    /// The event was appended.
    Appended(Stamp),
    /// An event with the same key was appended before. This is its stamp.
    Known(Stamp),
}

impl<E: Event> Engine<E> {
    /// Calls `judge` with a view of the current tables, then appends the events that `judge` added as one commit, with
    /// at least [`Durability::Flush`]. Transactions on one directory run one after another on the machine, in whatever
    /// thread or process. If `judge` returns an error or panics, nothing is appended.
    ///
    /// The lock is held until the commit is written, or until the process ends. Errors, in addition to those of
    /// `judge`: [`Error::TransactionBusy`] if another transaction holds the lock for too long,
    /// [`Error::LocksUnsupported`] if the file system has no locks, [`Error::Misused`] for a transaction within a
    /// transaction, and the errors of [`Engine::view`] and [`Engine::append`].
    pub fn transact<T, F: From<Error>>(
        &self,
        judge: impl FnOnce(&View, &mut Transaction<E>) -> std::result::Result<T, F>,
    ) -> std::result::Result<Transacted<T>, F> {
        self.check_writable()?;
        let held =
            self.lock.acquire(self.storage.as_ref(), &self.paths.transaction_lock, self.transaction_wait)?;
        let view = self.view()?;
        let mut transaction = Transaction { events: Vec::new() };
        let value = judge(&view, &mut transaction)?;
        let committed = match transaction.events.as_slice() {
            [] => None,
            events => Some(self.append_with(events, self.durability.max(Durability::Flush))?),
        };
        drop(held);
        Ok(Transacted { value, committed })
    }

    /// Appends the event if the condition holds. Returns `None`, and appends nothing, if it does not. Errors: as for
    /// [`Engine::transact`].
    pub fn append_if(&self, condition: &Condition, event: E) -> Result<Option<Committed>> {
        let done = self.transact(|view, transaction| {
            if condition.holds(view)? {
                transaction.append(event);
            }
            Ok::<(), Error>(())
        })?;
        Ok(done.committed)
    }

    /// Appends the event unless an event with the same idempotency key is in the log. Errors: [`Error::Misused`] if
    /// the event has no key; otherwise the errors of [`Engine::transact`].
    ///
    /// Two logs may contain events with the same key. A merge keeps both entries.
    pub fn append_once(&self, event: E) -> Result<Once> {
        let Some(key) = event.idempotency_key() else {
            return Err(Error::Misused { reason: "the event has no idempotency key".to_owned() });
        };
        let done = self.transact(|view, transaction| {
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
