//! Reading of small files, such as the files of `/proc`, up to a size limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Returns the text of a file; `None` if it cannot be read, is not UTF-8, or is longer than `bytes_max`.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> Option<String> {
    // Opening a pipe would block. The length in the metadata is not checked, because it is 0 for files of `/proc`.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(bytes_max + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= bytes_max).then_some(text)
}

/// Returns the trimmed text of a file of at most 64 KiB; `None` if the file is blank or cannot be read.
pub(super) fn read_line(path: &Path) -> Option<String> {
    let text = read_text(path, 64 << 10)?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
