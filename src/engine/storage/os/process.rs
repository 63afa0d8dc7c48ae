//! The id of the process, without a system call. Every append reads the id, to detect a child of `fork(2)`, and
//! the system call would take as long as the rest of a small append.
//!
//! The id is stored in a page that the kernel replaces by zeros in a child of `fork(2)` (`MADV_WIPEONFORK`, Linux
//! 4.14). A zero therefore means that the id must be read from the kernel.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns the id of the running process.
pub(super) fn id() -> u32 {
    static STORED: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();
    let Some(stored) = STORED.get_or_init(wiped_on_fork) else { return std::process::id() };
    match stored.load(Ordering::Relaxed) {
        0 => {
            let id = std::process::id();
            stored.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

/// Returns a number that is 0, and that is 0 again in every child of `fork(2)`. Returns `None` if the kernel does
/// not support such pages.
#[expect(unsafe_code, reason = "a page that is wiped on fork; the SAFETY comments give the argument")]
fn wiped_on_fork() -> Option<&'static AtomicU32> {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    let len = rustix::param::page_size();
    let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: the kernel selects the address of a new anonymous mapping, so no existing memory changes.
    let page = unsafe { mmap_anonymous(std::ptr::null_mut(), len, access, flags) }.ok()?;
    // SAFETY: the page was mapped above, and nothing refers to it. In the child of a fork the page is filled with
    // zeros, before any code of the child runs.
    if unsafe { madvise(page, len, Advice::LinuxWipeOnFork) }.is_err() {
        // SAFETY: the page was mapped above, and nothing refers to it.
        let _ = unsafe { munmap(page, len) };
        return None;
    }
    // SAFETY: the page is readable, writable, zeroed, aligned, and never unmapped. All accesses to it are atomic.
    Some(unsafe { AtomicU32::from_ptr(page.cast()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the exit status of a child of `fork(2)` in which `child` runs.
    #[expect(unsafe_code, reason = "fork(2); the SAFETY comments give the argument")]
    fn in_fork(child: impl FnOnce() -> i32) -> i32 {
        use nix::sys::wait::{WaitStatus, waitpid};
        use nix::unistd::{ForkResult, fork};
        // SAFETY: the child only reads and writes atomics and calls getpid, fork, waitpid and _exit.
        match unsafe { fork() }.unwrap() {
            // SAFETY: _exit does not return, so the child leaves the memory of the tests unchanged.
            ForkResult::Child => unsafe { nix::libc::_exit(child()) },
            ForkResult::Parent { child } => match waitpid(child, None).unwrap() {
                WaitStatus::Exited(_, status) => status,
                other => panic!("{other:?}"),
            },
        }
    }

    #[test]
    fn id_is_right_in_the_process_in_a_fork_and_in_a_fork_of_a_fork() {
        assert!(wiped_on_fork().is_some(), "the kernel does not support MADV_WIPEONFORK");
        let is_right = || id() == std::process::id() && id() == std::process::id();
        assert!(is_right());
        assert_eq!(in_fork(|| if is_right() { in_fork(|| if is_right() { 3 } else { 2 }) } else { 1 }), 3);
        assert!(is_right());
    }
}
