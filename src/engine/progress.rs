//! [`Progress`]: the receiver of the progress of a long operation.

use std::fmt;
use std::sync::Arc;

type Receiver = dyn Fn(u64, u64) + Send + Sync;

/// A receiver of the progress of a long operation. The default ignores all reports.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Receiver>>);

impl Progress {
    /// A receiver that ignores all reports.
    pub const NONE: Progress = Progress(None);

    /// Creates a receiver that calls `receive` with the work done and the total work, now and then and from any thread. A total
    /// of 0 is unknown.
    pub fn new(receive: impl Fn(u64, u64) + Send + Sync + 'static) -> Progress {
        Progress(Some(Arc::new(receive)))
    }

    /// Reports the work done and the total work.
    pub fn report(&self, done: u64, total: u64) {
        if let Some(receive) = &self.0 {
            receive(done, total);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Progress(..)" } else { "Progress(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn reports_reach_the_receiver_and_none_ignores_them() {
        let sum = Arc::new(AtomicU64::new(0));
        let into = Arc::clone(&sum);
        let progress = Progress::new(move |done, total| {
            into.fetch_add(done + total, Ordering::Relaxed);
        });
        progress.clone().report(1, 10);
        progress.report(2, 10);
        Progress::NONE.report(100, 100);
        assert_eq!(sum.load(Ordering::Relaxed), 23);
    }
}
