//! Watching of directories with inotify(7).

use crate::engine::storage::interface::Watch;
use crate::engine::storage::os::mounts::is_local;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The longest time-out of one call of poll(2), which does not accept every [`Duration`].
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest polling interval.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// A watch with inotify. If changes of some directories are not reported, every wait ends after the polling
/// interval at the latest.
#[derive(Debug)]
pub(super) struct InotifyWatch {
    /// The inotify instance; `None` if the instance could not be created, for example because of a limit.
    inotify: Option<OwnedFd>,
    poll_interval: Duration,
    /// The directories whose changes are not reported.
    unreported: BTreeSet<PathBuf>,
    /// True after events were lost, or after a watched directory was removed or moved. Every wait then ends after
    /// the polling interval at the latest.
    has_lost_events: bool,
}

impl InotifyWatch {
    pub(super) fn new(poll_interval: Duration) -> InotifyWatch {
        InotifyWatch {
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
            poll_interval: poll_interval.max(POLL_INTERVAL_MIN),
            unreported: BTreeSet::new(),
            has_lost_events: false,
        }
    }

    fn can_report(&self, dir: &Path) -> bool {
        let flags = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        // Changes by other hosts are not reported, so files on a network file system are polled.
        let is_local = File::open(dir).is_ok_and(|dir| is_local(&dir));
        let Some(inotify) = self.inotify.as_ref().filter(|_| is_local) else { return false };
        inotify::add_watch(inotify, dir, flags).is_ok()
    }

    /// Returns true if some changes may not be reported. A wait must then end after the polling interval.
    fn polls(&self) -> bool {
        self.inotify.is_none() || self.has_lost_events || !self.unreported.is_empty()
    }

    /// Reads all pending events, so that only later events end the next wait.
    fn drain(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let Some(inotify) = &self.inotify else { return };
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        let lost = ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT;
        loop {
            match events.next() {
                Ok(event) => self.has_lost_events |= event.events().intersects(lost),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    self.has_lost_events = true;
                    return;
                }
            }
        }
    }

    /// Returns true if an event was reported within `timeout`.
    fn is_reported(&mut self, timeout: Duration) -> io::Result<bool> {
        let Some(inotify) = &self.inotify else {
            std::thread::sleep(timeout);
            return Ok(false);
        };
        let started = Instant::now();
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
            match poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&left)) {
                Ok(0) => return Ok(false),
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.drain();
        Ok(true)
    }
}

impl Watch for InotifyWatch {
    fn add(&mut self, dir: &Path) -> bool {
        let can_report = self.can_report(dir);
        if can_report {
            self.unreported.remove(dir);
        } else {
            self.unreported.insert(dir.to_path_buf());
        }
        can_report
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<Option<Duration>> {
        let slice = timeout.min(if self.polls() { self.poll_interval } else { WAIT_MAX });
        let started = Instant::now();
        let is_reported = self.is_reported(slice)?;
        let rest = timeout.saturating_sub(started.elapsed());
        Ok(Some(rest).filter(|rest| is_reported || !rest.is_zero()))
    }
}
