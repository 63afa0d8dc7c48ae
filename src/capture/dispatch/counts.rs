//! Counts of spilled and lost facts, and of deliveries.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of a session: the facts that the log could not append, and the deliveries to sinks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DispatchCounts {
    /// The number of facts that were written to the outbox, because the log could not append them. A replay does not
    /// change this number.
    pub spilled: u64,
    /// The number of facts that neither the log nor the outbox could store.
    pub lost: u64,
    /// The number of deliveries that succeeded.
    pub delivered: u64,
    /// The number of deliveries that failed after all attempts, or that wait for a replay.
    pub failed: u64,
}

/// The counts of a session. A relaxed order is sufficient, because no other data depends on the counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    spilled: AtomicU64,
    lost: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
    /// The numbers of spilled and of lost facts that no degraded marker has reported yet.
    unreported: [AtomicU64; 2],
}

impl Counts {
    pub(super) fn add_spilled(&self, n: u64) {
        self.spilled.fetch_add(n, Ordering::Relaxed);
        self.unreported[0].fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn add_lost(&self, n: u64) {
        self.lost.fetch_add(n, Ordering::Relaxed);
        self.unreported[1].fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn add_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_unreported(&self) -> bool {
        self.unreported.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Returns the numbers of spilled and lost facts that no marker has reported yet, and sets them to zero.
    pub(super) fn take_unreported(&self) -> (u64, u64) {
        let [spilled, lost] = &self.unreported;
        (spilled.swap(0, Ordering::Relaxed), lost.swap(0, Ordering::Relaxed))
    }

    /// Adds the numbers that [`Counts::take_unreported`] returned, because the marker could not be captured.
    pub(super) fn return_unreported(&self, (spilled, lost): (u64, u64)) {
        self.unreported[0].fetch_add(spilled, Ordering::Relaxed);
        self.unreported[1].fetch_add(lost, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> DispatchCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DispatchCounts {
            spilled: read(&self.spilled),
            lost: read(&self.lost),
            delivered: read(&self.delivered),
            failed: read(&self.failed),
        }
    }
}
