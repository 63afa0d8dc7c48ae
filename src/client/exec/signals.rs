//! Signals that this process receives while a program runs.

use crate::client::exec::proc::read;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::flag;
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::pipe;
use signal_hook::low_level::siginfo::Cause;
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

/// Returns the signals that this process ignores, for example because nohup(1) started it, as a set of bits; on systems
/// without proc(5), none. These signals are not received here, so that the program inherits that they are ignored.
fn ignored() -> u64 {
    let status = read("/proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default()
}

/// A signal that was received and is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) signal: Signal,
    /// `true` if the kernel sent the signal, because of a key or of the end of the terminal. Then the kernel has sent it
    /// to all processes of the foreground. `false` where this is not known.
    pub(super) is_from_kernel: bool,
}

impl Received {
    /// Returns `true` for a signal that usually ends programs.
    pub(super) fn is_terminating(self) -> bool {
        [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT].contains(&self.signal)
    }
}

/// The signals that this process receives.
#[derive(Debug)]
pub(super) struct Signals {
    wake: UnixStream,
    waker: UnixStream,
    received: SignalsInfo<WithOrigin>,
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
        let ignored = ignored();
        let is_received = |number: &i32| (ignored >> (number - 1)) & 1 == 0;
        let numbers: Vec<i32> = FORWARDED.map(|(number, _)| number).into_iter().filter(is_received).collect();
        for number in &numbers {
            flag::register_conditional_default(*number, Arc::clone(&is_over))?;
        }
        let received = SignalsInfo::new(&numbers)?;
        for number in &numbers {
            pipe::register(*number, waker.try_clone()?)?;
        }
        let window = Arc::new(AtomicBool::new(false));
        flag::register(SIGWINCH, Arc::clone(&window))?;
        pipe::register(SIGWINCH, waker.try_clone()?)?;
        pipe::register(SIGCHLD, waker.try_clone()?)?;
        Ok(Signals { wake, waker, received, window, is_over })
    }

    /// Returns a stream that ends [`Signals::wait`] when a byte is written.
    pub(super) fn waker(&self) -> io::Result<UnixStream> {
        self.waker.try_clone()
    }

    /// Waits until a signal arrives, a byte is written to a waker, or the time has passed.
    pub(super) fn wait(&mut self, time: Duration) {
        let time = Timespec::try_from(time).ok();
        let _ = poll(&mut [PollFd::new(&self.wake, PollFlags::IN)], time.as_ref());
        let mut bytes = [0; 64];
        while self.wake.read(&mut bytes).is_ok_and(|len| len > 0) {}
    }

    /// Returns the signals to pass on that have arrived since the last call.
    pub(super) fn take_forwarded(&mut self) -> impl Iterator<Item = Received> {
        self.received.pending().filter_map(|origin| {
            let (_, signal) = FORWARDED.into_iter().find(|(number, _)| *number == origin.signal)?;
            Some(Received { signal, is_from_kernel: matches!(origin.cause, Cause::Kernel) })
        })
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
