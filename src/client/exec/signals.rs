//! Signals that this process receives while a program runs.

use crate::client::exec::proc::read;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::{flag, low_level::pipe};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The signals that are passed on to the program.
const FORWARDED: [(i32, Signal); 6] = [
    (SIGINT, Signal::INT),
    (SIGTERM, Signal::TERM),
    (SIGHUP, Signal::HUP),
    (SIGQUIT, Signal::QUIT),
    (SIGUSR1, Signal::USR1),
    (SIGUSR2, Signal::USR2),
];

/// Returns the signals that this process ignores, as a set of bits. The program inherits this, for example from nohup(1),
/// unless the signal is received here.
fn ignored() -> u64 {
    let status = read("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default()
}

/// Flags of the signals that were received.
#[derive(Debug)]
pub(super) struct Signals {
    wake: UnixStream,
    forwarded: Vec<(Arc<AtomicBool>, Signal)>,
    window: Arc<AtomicBool>,
    /// `true` after the end of the program: signals have their default effect again.
    is_over: Arc<AtomicBool>,
}

impl Signals {
    /// Begins to receive signals.
    pub(super) fn receive() -> io::Result<Signals> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut forwarded = Vec::new();
        let ignored = ignored();
        for (number, signal) in FORWARDED {
            if (ignored >> (number - 1)) & 1 == 1 {
                continue;
            }
            flag::register_conditional_default(number, Arc::clone(&is_over))?;
            let received = Arc::new(AtomicBool::new(false));
            flag::register(number, Arc::clone(&received))?;
            pipe::register(number, waker.try_clone()?)?;
            forwarded.push((received, signal));
        }
        let window = Arc::new(AtomicBool::new(false));
        flag::register(SIGWINCH, Arc::clone(&window))?;
        pipe::register(SIGWINCH, waker.try_clone()?)?;
        pipe::register(SIGCHLD, waker)?;
        Ok(Signals { wake, forwarded, window, is_over })
    }

    /// Waits until a signal arrives or the time has passed.
    pub(super) fn wait(&mut self, time: Duration) {
        let time = Timespec::try_from(time).ok();
        let _ = poll(&mut [PollFd::new(&self.wake, PollFlags::IN)], time.as_ref());
        let mut bytes = [0; 64];
        while self.wake.read(&mut bytes).is_ok_and(|len| len > 0) {}
    }

    /// Returns the signals to pass on that have arrived since the last call.
    pub(super) fn take_forwarded(&self) -> impl Iterator<Item = Signal> {
        let arrived = self.forwarded.iter().filter(|(received, _)| received.swap(false, Ordering::SeqCst));
        arrived.map(|(_, signal)| *signal)
    }

    /// Returns `true` if the size of the terminal has changed since the last call.
    pub(super) fn take_window(&self) -> bool {
        self.window.swap(false, Ordering::SeqCst)
    }

    /// Gives signals their default effect again, so that they end this process.
    pub(super) fn restore(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}
