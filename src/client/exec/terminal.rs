//! The pseudo-terminal of a program, and the terminal of this process.

use rustix::fs::{Mode, OFlags, open};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::getpgrp;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    OptionalActions, OutputModes, Termios, isatty, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
    tcsetwinsize,
};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The standard streams of this process that are terminals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streams {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
}

impl Streams {
    pub(super) fn of_process() -> Streams {
        Streams {
            stdin: isatty(rustix::stdio::stdin()),
            stdout: isatty(rustix::stdio::stdout()),
            stderr: isatty(rustix::stdio::stderr()),
        }
    }

    /// Returns the terminal of this process; `None` if no stream is a terminal.
    pub(super) fn terminal(self) -> Option<BorrowedFd<'static>> {
        if self.stdout {
            Some(rustix::stdio::stdout())
        } else if self.stderr {
            Some(rustix::stdio::stderr())
        } else {
            self.stdin.then(rustix::stdio::stdin)
        }
    }
}

/// A pseudo-terminal.
#[derive(Debug)]
pub(super) struct Pty {
    /// The side of this process.
    pub(super) master: OwnedFd,
    /// The side of the program.
    pub(super) slave: OwnedFd,
}

impl Pty {
    /// Opens a pseudo-terminal with the modes and the size of a terminal. If the terminal of this process is in raw mode,
    /// the pseudo-terminal has the modes from before, and converts output such as line feeds in its place. Otherwise the
    /// terminal converts output, and the pseudo-terminal does not.
    pub(super) fn open(terminal: BorrowedFd<'_>, raw: Option<&RawMode>) -> io::Result<Pty> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        fcntl_setfd(&master, FdFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let slave = open(&*name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        if let Some(raw) = raw {
            tcsetattr(&slave, OptionalActions::Now, &raw.modes)?;
        } else if let Ok(mut modes) = tcgetattr(terminal) {
            modes.output_modes.remove(OutputModes::OPOST);
            tcsetattr(&slave, OptionalActions::Now, &modes)?;
        }
        copy_size(terminal, master.as_fd());
        Ok(Pty { master, slave })
    }
}

/// Gives the size of a terminal to another one. An error is ignored: the size is a matter of appearance.
pub(super) fn copy_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    if let Ok(size) = tcgetwinsize(from) {
        let _ = tcsetwinsize(to, size);
    }
}

/// Returns `true` if this process has a controlling terminal.
pub(super) fn has_controlling_terminal() -> bool {
    open("/dev/tty", OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).is_ok()
}

/// A terminal in raw mode, in which each key is passed on to the program. Dropping the value restores the modes.
pub(super) struct RawMode {
    modes: Termios,
}

impl RawMode {
    /// Returns `true` if standard input is a terminal whose input belongs to this process.
    pub(super) fn is_possible() -> bool {
        let stdin = rustix::stdio::stdin();
        isatty(stdin) && tcgetpgrp(stdin).is_ok_and(|group| group == getpgrp())
    }

    /// Puts the terminal of standard input into raw mode.
    pub(super) fn enter() -> io::Result<RawMode> {
        let stdin = rustix::stdio::stdin();
        let modes = tcgetattr(stdin)?;
        let mut raw = modes.clone();
        raw.make_raw();
        tcsetattr(stdin, OptionalActions::Now, &raw)?;
        Ok(RawMode { modes })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, &self.modes);
    }
}
