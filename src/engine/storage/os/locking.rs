//! The results of attempts to lock a file.

use std::fs::TryLockError;
use std::io;

/// Tries to lock a file. Returns `false` if another process holds the lock. An attempt that a signal interrupts is repeated.
/// The error has the kind [`io::ErrorKind::Unsupported`] if the file system has no locks. `is_local` returns `true` if the file
/// is on a disk of this machine.
pub(super) fn acquire(
    try_lock: impl Fn() -> Result<(), TryLockError>,
    is_local: impl FnOnce() -> bool,
) -> io::Result<bool> {
    loop {
        return match try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Interrupted => continue,
            // On a local disk, the same error states that the kernel has no memory for the lock (flock(2)).
            Err(TryLockError::Error(e)) if is_no_lock(&e) && !is_local() => {
                Err(io::Error::new(io::ErrorKind::Unsupported, e))
            }
            Err(TryLockError::Error(e)) => Err(e),
        };
    }
}

/// Returns `true` for the error ENOLCK. A network file system without a lock service returns this error.
#[cfg(unix)]
fn is_no_lock(e: &io::Error) -> bool {
    e.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error())
}

#[cfg(not(unix))]
fn is_no_lock(_e: &io::Error) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use std::cell::Cell;

    fn error(errno: Errno) -> Result<(), TryLockError> {
        Err(TryLockError::Error(errno.into()))
    }

    #[test]
    fn missing_lock_service_counts_as_a_file_system_without_locks_only_on_other_machines() {
        let remote = acquire(|| error(Errno::NOLCK), || false).unwrap_err();
        assert_eq!(remote.kind(), io::ErrorKind::Unsupported);
        let local = acquire(|| error(Errno::NOLCK), || true).unwrap_err();
        assert_eq!(local.raw_os_error(), Some(Errno::NOLCK.raw_os_error()));
        let other = acquire(|| error(Errno::IO), || false).unwrap_err();
        assert_eq!(other.raw_os_error(), Some(Errno::IO.raw_os_error()));
    }

    #[test]
    fn interrupted_attempt_is_repeated() {
        let attempts = Cell::new(0);
        let try_lock = || {
            attempts.set(attempts.get() + 1);
            if attempts.get() < 3 { error(Errno::INTR) } else { Ok(()) }
        };
        assert!(acquire(try_lock, || true).unwrap());
        assert_eq!(attempts.get(), 3);
        assert!(!acquire(|| Err(TryLockError::WouldBlock), || true).unwrap());
    }
}
