//! The blocks of files: reservation, holes, and sharing between files.

use rustix::fs::{FallocateFlags, SeekFrom, fallocate, ioctl_ficlone, seek};
use rustix::io::Errno;
use std::fs;
use std::io;

pub(super) fn allocate(file: &fs::File, len: u64) -> io::Result<()> {
    let old = file.metadata()?.len();
    if len <= old {
        return Ok(());
    }
    loop {
        match fallocate(file, FallocateFlags::empty(), old, len - old) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::NOTSUP | Errno::NOSYS) => return Err(io::ErrorKind::Unsupported.into()),
            Err(e) => return Err(e.into()),
        }
    }
}

/// Returns the first offset at or after `offset` that may contain data, found with `lseek`; `None` if only a hole
/// follows. The call moves the position of the open file, which no other code uses: all access is by offset.
pub(super) fn next_data(file: &fs::File, offset: u64) -> io::Result<Option<u64>> {
    match seek(file, SeekFrom::Data(offset)) {
        Ok(at) => Ok(Some(at.max(offset))),
        Err(Errno::NXIO) => Ok(None),
        Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(Some(offset)),
        Err(e) => Err(e.into()),
    }
}

/// Makes `to` a clone of `from`, which shares its blocks (ioctl_ficlone(2)).
pub(super) fn share_blocks(from: &fs::File, to: &fs::File) -> io::Result<()> {
    Ok(ioctl_ficlone(to, from)?)
}
