//! The names of streams, segments and lock files. No other module formats or parses the names of segments.

use crate::engine::checksum::hex;
use crate::engine::entry::{Seq, StreamId};
use std::path::{Path, PathBuf};

/// Name of the lock file of a stream.
pub const LOCK_NAME: &str = "lock";

/// Name of the lock file of a stream that no other process may continue. The writer renames the lock file to this name,
/// and keeps the lock on the renamed file. Other processes look for [`LOCK_NAME`] before they continue a stream.
pub const ABANDONED_LOCK_NAME: &str = "left";

const SEGMENT_SUFFIX: &str = ".seg";
const SEQ_DIGITS: usize = 20;
/// The total length in bytes of the names of a stream and a segment, with a separator before each name.
const NAMES_LEN: usize = 1 + 32 + 1 + SEQ_DIGITS + SEGMENT_SUFFIX.len();

/// Returns the directory of a stream.
pub fn stream_dir(log: &Path, stream: StreamId) -> PathBuf {
    // The capacity includes the name of a segment, because many callers append this name.
    let mut dir = PathBuf::with_capacity(log.as_os_str().len() + NAMES_LEN);
    dir.push(log);
    dir.push(hex(&stream.0));
    dir
}

/// Returns the file name of the segment that begins with `base`: 20 digits and `.seg`. Because of leading zeros, the
/// names sort like the numbers.
pub fn segment_name(base: Seq) -> String {
    // Every view makes such a name, and `format!` takes several times longer.
    let mut digits = [b'0'; SEQ_DIGITS];
    let mut rest = base.0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut name = String::with_capacity(SEQ_DIGITS + SEGMENT_SUFFIX.len());
    name.extend(digits.map(char::from));
    name + SEGMENT_SUFFIX
}

/// Returns the path of a segment.
pub fn segment_path(log: &Path, stream: StreamId, base: Seq) -> PathBuf {
    let mut path = stream_dir(log, stream);
    path.push(segment_name(base));
    path
}

/// Returns the sequence number in the name of a segment; `None` for any other name.
pub fn parse_segment(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(SEGMENT_SUFFIX)?;
    if digits.len() != SEQ_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|n| *n > 0).map(Seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_name_is_a_segment() {
        assert_eq!(segment_name(Seq(1_234_567)), "00000000000001234567.seg");
        assert_eq!(parse_segment(&segment_name(Seq(7))), Some(Seq(7)));
        assert_eq!(parse_segment(&segment_name(Seq(u64::MAX))), Some(Seq(u64::MAX)));
        for bad in
            ["7.seg", "00000000000000000007", "0000000000000000000x.seg", "99999999999999999999.seg", "lock"]
        {
            assert_eq!(parse_segment(bad), None, "{bad}");
        }
        assert_eq!(parse_segment("00000000000000000000.seg"), None);
    }
}
