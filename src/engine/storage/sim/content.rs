//! The content of a simulated file: the bytes that processes see, the durable bytes, and the changes that are not
//! durable yet.

use crate::engine::storage::sim::survival::{Part, SECTOR, Selection};
use std::sync::Arc;

/// A change of a file's content that is not durable yet.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

/// The content of a file. Forks of the disk share `seen` and `durable` until a write changes them in one of the disks.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    seen: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    /// The pending changes, oldest first, each with its ordinal number. All changes of the disk are numbered in their
    /// order.
    unsynced: Vec<(u64, Change)>,
}

fn write(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if to.len() < offset + bytes.len() {
        to.resize(offset + bytes.len(), 0);
    }
    if let Some(place) = to.get_mut(offset..offset + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

impl Content {
    /// Creates durable content.
    pub(super) fn durable(bytes: Vec<u8>) -> Content {
        let bytes = Arc::new(bytes);
        Content { seen: Arc::clone(&bytes), durable: bytes, unsynced: Vec::new() }
    }

    /// Returns the bytes that processes see.
    pub(super) fn seen(&self) -> &Arc<Vec<u8>> {
        &self.seen
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn write(&mut self, order: u64, offset: usize, bytes: &[u8]) {
        write(Arc::make_mut(&mut self.seen), offset, bytes);
        self.unsynced.push((order, Change::Write { offset, bytes: bytes.to_vec() }));
    }

    pub(super) fn set_len(&mut self, order: u64, len: usize) {
        Arc::make_mut(&mut self.seen).resize(len, 0);
        self.unsynced.push((order, Change::SetLen(len)));
    }

    /// Performs a successful sync: the pending changes reach the disk.
    pub(super) fn sync(&mut self) {
        for (_, change) in self.unsynced.drain(..) {
            let durable = Arc::make_mut(&mut self.durable);
            match change {
                Change::Write { offset, bytes } => write(durable, offset, &bytes),
                Change::SetLen(len) => durable.resize(len, 0),
            }
        }
    }

    /// Performs a failing sync as Linux does: the pending changes count as clean and never reach the disk, though
    /// processes still see them. A later sync succeeds without these changes.
    pub(super) fn fail_sync(&mut self) {
        self.unsynced.clear();
    }

    /// Returns the ordinal number of each pending change. All changes of the disk are numbered in their order.
    pub(super) fn orders(&self) -> impl Iterator<Item = u64> {
        self.unsynced.iter().map(|(order, _)| *order)
    }

    /// Returns the bytes that a power cut leaves: the durable bytes, and those parts of the pending changes that
    /// `selection` chooses.
    pub(super) fn surviving(&self, selection: &mut Selection) -> Vec<u8> {
        let mut out = self.durable.to_vec();
        for (order, change) in &self.unsynced {
            match (selection.part(*order), change) {
                (Part::Nothing, _) | (Part::FrontHalf, Change::SetLen(_)) => {}
                (_, Change::SetLen(len)) => out.resize(*len, 0),
                (Part::Whole, Change::Write { offset, bytes }) => write(&mut out, *offset, bytes),
                (Part::FrontHalf, Change::Write { offset, bytes }) => {
                    write(&mut out, *offset, bytes.get(..bytes.len() / 2).unwrap_or_default());
                }
                (Part::SomeSectors, Change::Write { offset, bytes }) => {
                    write_some_sectors(&mut out, *offset, bytes, selection);
                }
            }
        }
        out
    }
}

/// Writes randomly chosen sectors of `bytes`, as a power cut may leave them. `out` may become as long as if all sectors
/// were written.
fn write_some_sectors(out: &mut Vec<u8>, offset: usize, bytes: &[u8], selection: &mut Selection) {
    if selection.coin() && out.len() < offset + bytes.len() {
        out.resize(offset + bytes.len(), 0);
    }
    let mut done = 0;
    while done < bytes.len() {
        let at = offset + done;
        let n = (SECTOR - at % SECTOR).min(bytes.len() - done);
        if selection.coin() {
            write(out, at, bytes.get(done..done + n).unwrap_or_default());
        }
        done += n;
    }
}
