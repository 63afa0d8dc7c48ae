//! An iterator over the refs of all artifacts. The refs are read in pages.

use crate::contract::ArtifactRef;
use crate::projections::tables::ARTIFACTS;
use crate::store::error::Result;
use crate::store::planes::shared::Planes;
use std::collections::VecDeque;

/// The number of refs in a page.
const PAGE_REFS: usize = 1024;
const PREFIX: &[u8] = b"artifact:";

/// An iterator over the sorted refs of all artifacts. The iterator has at most 1,024 refs in memory.
/// Artifacts that are recorded during the iteration may be missing. The iterator ends after the first error.
#[derive(Debug)]
#[must_use = "the iterator reads nothing until it is advanced"]
pub struct ArtifactRefs {
    planes: Planes,
    page: VecDeque<ArtifactRef>,
    /// The first key of the next page; `None` after the last page.
    next: Option<Vec<u8>>,
}

impl ArtifactRefs {
    pub(super) fn new(planes: &Planes) -> ArtifactRefs {
        ArtifactRefs { planes: planes.clone(), page: VecDeque::new(), next: Some(PREFIX.to_vec()) }
    }

    fn read_page(&mut self) -> Result<()> {
        let Some(from) = self.next.take() else { return Ok(()) };
        let page = self.planes.read(|view| {
            let mut page: Vec<ArtifactRef> = Vec::new();
            for row in view.view.rows_from(ARTIFACTS, PREFIX, &from)? {
                let row = row?;
                // The key of a row begins with the ref and a zero byte.
                let text = row.key().split(|byte| *byte == 0).next();
                let text = text.and_then(|text| std::str::from_utf8(text).ok());
                let artifact = text.and_then(|text| ArtifactRef::parse(text).ok());
                let artifact = artifact.ok_or_else(|| view.malformed_row(ARTIFACTS.name))?;
                // The versions of one artifact are adjacent.
                if page.last() == Some(&artifact) {
                    continue;
                }
                if page.len() == PAGE_REFS {
                    break;
                }
                page.push(artifact);
            }
            Ok(page)
        })?;
        if page.len() == PAGE_REFS {
            // The rows of the last artifact begin with its ref and a zero byte.
            self.next = page.last().map(|last| [last.as_str().as_bytes(), &[1]].concat());
        }
        self.page.extend(page);
        Ok(())
    }
}

impl Iterator for ArtifactRefs {
    type Item = Result<ArtifactRef>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && let Err(e) = self.read_page()
        {
            return Some(Err(e));
        }
        self.page.pop_front().map(Ok)
    }
}
