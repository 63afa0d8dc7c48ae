//! Interruption of a command that has no other end. SIGINT, SIGTERM, or the closed pipe of its output ends
//! the command.

use crate::surfaces::cli::output::Output;
use std::io;
#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that end the command. A second signal ends the process at once, even if the process waits for the reader of
/// its output.
pub(super) struct Interrupt {
    #[cfg(unix)]
    is_signalled: Arc<AtomicBool>,
}

impl Interrupt {
    /// Begins to catch the signals.
    #[cfg(unix)]
    pub(super) fn catch() -> io::Result<Interrupt> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        use signal_hook::flag;
        let is_signalled = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&is_signalled))?;
            flag::register(signal, Arc::clone(&is_signalled))?;
        }
        Ok(Interrupt { is_signalled })
    }

    /// Catches nothing: signals end the process.
    #[cfg(not(unix))]
    pub(super) fn catch() -> io::Result<Interrupt> {
        Ok(Interrupt {})
    }

    /// Returns `true` if the command must end.
    #[cfg(unix)]
    pub(super) fn is_due(&self, out: &Output) -> bool {
        self.is_signalled.load(Ordering::SeqCst) || out.is_closed()
    }

    /// Returns `false`: a closed pipe is noticed when the next line is written.
    #[cfg(not(unix))]
    pub(super) fn is_due(&self, _out: &Output) -> bool {
        false
    }
}
