//! Waiting subscriptions on the real file system.

use crate::support::TempDir;
use contexta::engine::codec::{self, CodecError};
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Event, Kind, PayloadVersion};
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::storage::os::OsStorage;
use contexta::engine::subscribe::{Item, SubscribeOptions, Subscription};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

#[derive(Debug, PartialEq)]
struct Number(u64);

impl Event for Number {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(1)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&self.0, out)
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> Result<Option<Number>, CodecError> {
        codec::decode(payload).map(|number| Some(Number(number)))
    }
}

fn domain() -> Domain {
    Domain::new("numbers", 1).unwrap()
}

fn log(dir: &Path) -> Log {
    Log::new(OsStorage::shared(), dir.to_path_buf(), LogOptions::new(domain()))
}

fn append(log: &Log, number: u64) {
    log.append(&[Number(number)], Durability::Flush).unwrap();
}

/// Opens a subscription, reads it to the end, and calls `act` while another thread waits for the next entry. The
/// number of this entry must be 7.
fn assert_woken(dir: PathBuf, poll_interval: Duration, act: impl FnOnce()) {
    let (caught_up, is_caught_up) = mpsc::channel();
    let follower = std::thread::spawn(move || {
        let options =
            SubscribeOptions { wait: Duration::from_secs(120), poll_interval, ..SubscribeOptions::default() };
        let mut subscription = Subscription::<Number>::open(OsStorage::shared(), dir, domain(), options);
        while !matches!(subscription.next().unwrap().unwrap(), Item::CaughtUp(_)) {}
        caught_up.send(()).unwrap();
        subscription.next().unwrap().unwrap()
    });
    is_caught_up.recv().unwrap();
    act();
    let item = follower.join().unwrap();
    assert!(matches!(item, Item::Entry { event: Number(7), .. }), "{item:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn waiting_subscription_is_woken_by_an_append_to_a_known_stream() {
    let dir = TempDir::new("subscribe-known");
    let writer = log(dir.path());
    append(&writer, 1);
    assert_woken(dir.path().to_path_buf(), Duration::from_secs(3600), || append(&writer, 7));
}

#[test]
#[cfg(target_os = "linux")]
fn waiting_subscription_is_woken_by_a_new_stream() {
    let dir = TempDir::new("subscribe-new");
    append(&log(dir.path()), 1);
    let running = log(dir.path());
    append(&running, 2);
    assert_woken(dir.path().to_path_buf(), Duration::from_secs(3600), || append(&log(dir.path()), 7));
}

#[test]
fn waiting_subscription_polls_until_the_log_exists() {
    let dir = TempDir::new("subscribe-absent");
    let path = dir.path().join("log");
    assert_woken(path.clone(), Duration::from_millis(5), || append(&log(&path), 7));
}
