//! Readers of an artifact's body.

use crate::engine;
use crate::engine::storage::File;
use crate::store::error::Result;
use crate::store::planes::artifact::handle::ArtifactHandle;
use crate::store::planes::error::PlaneError;
use crate::store::planes::shared::Planes;
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

/// The default size of a chunk: 1 MiB.
const CHUNK_BYTES: usize = 1 << 20;

/// A reader of an artifact's body. The reader does not verify the content.
#[derive(Debug)]
pub struct ArtifactReader {
    file: Arc<dyn File>,
    offset: u64,
    len: u64,
}

impl ArtifactReader {
    /// Opens the body. Errors: the artifact is a directory, or the body cannot be opened.
    pub(super) fn open(planes: &Planes, handle: &ArtifactHandle) -> Result<ArtifactReader> {
        if handle.is_tree {
            return Err(PlaneError::ArtifactIsTree { artifact: handle.manifest.artifact_ref.clone() }.into());
        }
        let file = planes.journal().blobs().open(&handle.digest)?;
        Ok(ArtifactReader { file, offset: 0, len: handle.size_bytes })
    }

    /// Returns the length of the body in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.len
    }
}

impl Read for ArtifactReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(self.offset, out)?;
        self.offset += got as u64;
        Ok(got)
    }
}

impl Seek for ArtifactReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let offset = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => self.len.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.offset.checked_add_signed(distance),
        };
        let before_start = || io::Error::new(io::ErrorKind::InvalidInput, "the offset is before the start");
        self.offset = offset.ok_or_else(before_start)?;
        Ok(self.offset)
    }
}

/// An iterator over the chunks of an artifact's body. All chunks except the last have the same size. The
/// iterator ends after the first error.
#[derive(Debug)]
pub struct ArtifactChunks {
    reader: ArtifactReader,
    path: PathBuf,
    size: usize,
    has_ended: bool,
}

impl ArtifactChunks {
    pub(super) fn new(reader: ArtifactReader, path: PathBuf, size: Option<NonZeroUsize>) -> ArtifactChunks {
        ArtifactChunks { reader, path, size: size.map_or(CHUNK_BYTES, NonZeroUsize::get), has_ended: false }
    }
}

impl Iterator for ArtifactChunks {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        // The buffer grows with the content. A chunk size above the length of the body therefore needs no
        // additional memory.
        let mut chunk = Vec::new();
        match self.reader.by_ref().take(self.size as u64).read_to_end(&mut chunk) {
            Ok(0) => {
                self.has_ended = true;
                None
            }
            Ok(_) => Some(Ok(chunk)),
            Err(e) => {
                self.has_ended = true;
                Some(Err(engine::Error::io("read", &self.path, e).into()))
            }
        }
    }
}
