//! Opening of files and directories without blocking; other kinds of objects are rejected.

use crate::engine::storage::interface::NotARegularFile;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

fn with(options: &fs::OpenOptions, flags: OFlags, path: &Path) -> io::Result<fs::File> {
    options.clone().custom_flags((flags | OFlags::CLOEXEC).bits().cast_signed()).open(path)
}

/// Opens a file without blocking on a pipe and without acquiring a controlling terminal.
pub(super) fn file(options: &fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
    match with(options, OFlags::NONBLOCK | OFlags::NOCTTY, path) {
        // A file server holds a lease on the file (fcntl(2)). A blocking open waits a few seconds for its release.
        Err(e) if e.kind() == io::ErrorKind::WouldBlock && fs::metadata(path)?.is_file() => {
            with(options, OFlags::NOCTTY, path)
        }
        // ENXIO is the error of opening a socket.
        Err(e) if e.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            let meta = fs::metadata(path)?;
            Err(if meta.is_file() { e } else { NotARegularFile::error(kind(&meta)) })
        }
        opened => opened,
    }
}

/// Opens a directory to sync it.
pub(super) fn directory(path: &Path) -> io::Result<fs::File> {
    with(fs::OpenOptions::new().read(true), OFlags::DIRECTORY, path)
}

pub(super) fn kind(meta: &fs::Metadata) -> &'static str {
    let kind = meta.file_type();
    match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () => "a special file",
    }
}
