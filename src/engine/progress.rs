//! Progress of a long operation.

use std::fmt;

/// The receiver of the progress of a long operation. The default receiver ignores all reports.
#[derive(Clone, Copy, Default)]
pub struct Progress<'a> {
    receiver: Option<&'a (dyn Fn(u64, u64) + Sync)>,
}

impl<'a> Progress<'a> {
    /// Creates a receiver that ignores all reports.
    #[must_use]
    pub const fn none() -> Progress<'a> {
        Progress { receiver: None }
    }

    /// Creates a receiver that passes the amount done so far and the total to the function `receiver`. The unit depends
    /// on the operation. The function may be called on any thread.
    #[must_use]
    pub const fn new(receiver: &'a (dyn Fn(u64, u64) + Sync)) -> Progress<'a> {
        Progress { receiver: Some(receiver) }
    }

    /// Reports the amount done so far and the total.
    pub fn report(&self, done: u64, total: u64) {
        if let Some(receiver) = self.receiver {
            receiver(done, total);
        }
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("is_received", &self.receiver.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn receiver_gets_each_report() {
        let received = Mutex::new(Vec::new());
        let receiver = |done, total| received.lock().unwrap().push((done, total));
        let progress = Progress::new(&receiver);
        progress.report(1, 3);
        progress.report(3, 3);
        Progress::none().report(9, 9);
        assert_eq!(*received.lock().unwrap(), [(1, 3), (3, 3)]);
    }
}
