//! Memory maps of finished segments.

use crate::engine::storage::interface::Mapping;
use std::fs;
use std::sync::Arc;

#[derive(Debug)]
struct OsMapping(memmap2::Mmap);

impl Mapping for OsMapping {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

pub(super) fn map(file: &fs::File) -> Option<Arc<dyn Mapping>> {
    // SAFETY: a mapping is sound while the file is not truncated and while every reader treats the bytes as
    // untrusted. Only segments that are followed by another segment are mapped (as `File::map` demands; the segment
    // reader is its only caller). Their writer may still append a seal, but no code of this crate truncates such a
    // segment or opens it for writing again. Replacing such a segment is a rename, which does not change the mapped
    // inode. Files on network file systems, where another host may truncate them, are not mapped
    // (`mounts::is_local`). A user may still change a finished segment in place while it is read: the decoders
    // validate a copy of the bytes, so the change appears as a failed checksum. Truncating the file raises SIGBUS,
    // as RELIABILITY.md states.
    unsafe { memmap2::Mmap::map(file) }.ok().map(|m| Arc::new(OsMapping(m)) as Arc<dyn Mapping>)
}
