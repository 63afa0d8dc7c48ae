//! The content of a file in a backup, as a list of objects.

use crate::engine::checksum::Digest;
use crate::engine::storage::FileInfo;

/// The length of a part of a file in bytes. Each part is one object. Only the last part of a file can be
/// shorter.
pub(in crate::recovery) const PART_LEN: u64 = 1 << 20;
/// The minimum age of the last change of a file in nanoseconds. After a younger change, the state of the file
/// is not saved in a manifest. The times of a file system have a limited resolution, so a later change could
/// have the same time.
const SETTLED_AFTER: u64 = 2_000_000_000;

/// An object: its digest, and its length in a manifest. A hostile manifest can contain another length than the other
/// manifests.
pub(super) type Object = (Digest, u64);

/// The content of a file. The file is divided into consecutive parts, and each part is stored as one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(in crate::recovery) struct Content {
    /// The length in bytes.
    pub(in crate::recovery) len: u64,
    /// The BLAKE3 digests of the parts, in the order of the parts.
    pub(in crate::recovery) objects: Vec<Digest>,
}

impl Content {
    /// Returns `true` if the content has one digest for each part of its length.
    pub(in crate::recovery) fn is_consistent(&self) -> bool {
        self.len.div_ceil(PART_LEN) == self.objects.len() as u64
    }

    /// Returns the digest, the offset in the file and the length of each part.
    pub(in crate::recovery) fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        self.objects.iter().zip(0u64..).map(|(digest, n)| {
            let offset = n.saturating_mul(PART_LEN);
            Part { digest: *digest, offset, len: self.len.saturating_sub(offset).min(PART_LEN) }
        })
    }
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::recovery) struct Part {
    /// The BLAKE3 digest of the bytes.
    pub(in crate::recovery) digest: Digest,
    /// The offset in the file.
    pub(in crate::recovery) offset: u64,
    /// The length in bytes.
    pub(in crate::recovery) len: u64,
}

/// The state of a file at the time of its copy. If the file has the same state later, its content has not
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::recovery) struct FileState(pub(in crate::recovery) [u64; 6]);

impl FileState {
    /// Returns the state of a file at the time `now`. Returns `None` in two cases: the file system has no
    /// inode numbers or no times of changes, or the file was changed so recently that a later change could
    /// have the same time.
    pub(in crate::recovery) fn of(info: &FileInfo, now: u64) -> Option<FileState> {
        let place = info.place?;
        let is_settled = info.changed > 0 && info.changed.saturating_add(SETTLED_AFTER) < now;
        let state = [info.len, info.modified, info.changed, place.device, place.inode, place.created];
        is_settled.then_some(FileState(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_content() {
        for (len, count) in [(0, 0), (1, 1), (PART_LEN, 1), (PART_LEN + 1, 2), (3 * PART_LEN, 3)] {
            let content = Content { len, objects: vec![Digest([7; 32]); count] };
            assert!(content.is_consistent());
            assert_eq!(content.parts().map(|part| part.len).sum::<u64>(), len);
            let mut end = 0;
            for part in content.parts() {
                assert_eq!(part.offset, end);
                end += part.len;
            }
        }
        assert!(!Content { len: u64::MAX, objects: vec![Digest([7; 32])] }.is_consistent());
    }
}
