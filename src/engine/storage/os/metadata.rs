//! Metadata of files in the form of the storage interface.

use crate::engine::storage::interface::{FileInfo, ItemKind, Place};
use std::fs;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn nanoseconds(time: io::Result<SystemTime>) -> u64 {
    time.ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
        .and_then(|d| d.as_secs().checked_mul(1_000_000_000)?.checked_add(u64::from(d.subsec_nanos())))
        .unwrap_or(0)
}

pub(super) fn file_info(meta: &fs::Metadata) -> FileInfo {
    FileInfo {
        len: meta.len(),
        is_dir: meta.is_dir(),
        is_file: meta.is_file(),
        modified: nanoseconds(meta.modified()),
        changed: changed_at(meta),
        place: place_of(meta),
        names: names_of(meta),
    }
}

#[cfg(unix)]
pub(super) fn item_kind(meta: &fs::Metadata) -> ItemKind {
    use std::os::unix::fs::PermissionsExt;
    match meta.file_type() {
        kind if kind.is_dir() => ItemKind::Dir,
        kind if kind.is_symlink() => ItemKind::Link,
        kind if kind.is_file() => ItemKind::File { is_executable: meta.permissions().mode() & 0o100 != 0 },
        _ => ItemKind::Special,
    }
}

#[cfg(not(unix))]
pub(super) fn item_kind(meta: &fs::Metadata) -> ItemKind {
    match meta.file_type() {
        kind if kind.is_dir() => ItemKind::Dir,
        kind if kind.is_symlink() => ItemKind::Link,
        kind if kind.is_file() => ItemKind::File { is_executable: false },
        _ => ItemKind::Special,
    }
}

#[cfg(unix)]
pub(super) fn names_of(meta: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    meta.nlink()
}

#[cfg(not(unix))]
pub(super) fn names_of(_meta: &fs::Metadata) -> u64 {
    1
}

#[cfg(unix)]
fn place_of(meta: &fs::Metadata) -> Option<Place> {
    use std::os::unix::fs::MetadataExt;
    Some(Place { device: meta.dev(), inode: meta.ino(), created: nanoseconds(meta.created()) })
}

#[cfg(not(unix))]
fn place_of(_meta: &fs::Metadata) -> Option<Place> {
    None
}

#[cfg(unix)]
fn changed_at(meta: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(meta.ctime()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(meta.ctime_nsec()).unwrap_or(0))
}

#[cfg(not(unix))]
fn changed_at(_meta: &fs::Metadata) -> u64 {
    0
}
