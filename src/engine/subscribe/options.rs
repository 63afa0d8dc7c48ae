//! Options of a subscription.

use crate::engine::entry::Kind;
use crate::engine::subscribe::position::SubscriptionPosition;
use std::collections::BTreeSet;
use std::time::Duration;

/// Options of a subscription. The default returns all entries from the beginning of the log, and does not wait.
#[derive(Debug, Clone)]
pub struct SubscribeOptions {
    /// The position behind which the subscription begins.
    pub from: SubscriptionPosition,
    /// The kinds of the entries to return; `None` for all kinds. The position also moves over entries of other kinds.
    pub kinds: Option<BTreeSet<Kind>>,
    /// The longest time that a call of `next` waits for something new. [`Duration::MAX`] waits without end. The default
    /// is zero: the call does not wait.
    pub wait: Duration,
    /// The interval at which a waiting call reads the log where the operating system does not report changes of files.
    /// Linux reports them (inotify(7)), except on network file systems and beyond the limits of inotify. The default is
    /// 100 ms.
    pub poll_interval: Duration,
}

impl Default for SubscribeOptions {
    fn default() -> SubscribeOptions {
        SubscribeOptions {
            from: SubscriptionPosition::start(),
            kinds: None,
            wait: Duration::ZERO,
            poll_interval: Duration::from_millis(100),
        }
    }
}
