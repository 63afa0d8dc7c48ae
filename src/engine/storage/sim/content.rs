//! The bytes of one simulated file: as processes see them, as the disk has them, and the changes in between.

use crate::engine::storage::sim::survival::{Judge, Part, SECTOR};
use std::sync::Arc;

/// A change that no sync has covered yet.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

/// What a file holds. Both images are shared with forks until one of them changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    seen: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    /// With the place of each among all changes of the disk, oldest first.
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
    /// A file that holds these bytes, all of them durable.
    pub(super) fn durable(bytes: Vec<u8>) -> Content {
        let bytes = Arc::new(bytes);
        Content { seen: Arc::clone(&bytes), durable: bytes, unsynced: Vec::new() }
    }

    /// The bytes as processes see them.
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

    /// A sync that succeeds: what is still waiting reaches the disk.
    pub(super) fn sync(&mut self) {
        for (_, change) in self.unsynced.drain(..) {
            let durable = Arc::make_mut(&mut self.durable);
            match change {
                Change::Write { offset, bytes } => write(durable, offset, &bytes),
                Change::SetLen(len) => durable.resize(len, 0),
            }
        }
    }

    /// A sync that fails, as on Linux: what was waiting counts as clean and never reaches the disk, though
    /// processes go on seeing it. A later sync succeeds and covers none of it.
    pub(super) fn fail_sync(&mut self) {
        self.unsynced.clear();
    }

    /// The places of the unsynced changes among all changes.
    pub(super) fn orders(&self) -> impl Iterator<Item = u64> {
        self.unsynced.iter().map(|(order, _)| *order)
    }

    /// What a power cut leaves.
    pub(super) fn surviving(&self, judge: &mut Judge) -> Vec<u8> {
        let mut out = self.durable.to_vec();
        for (order, change) in &self.unsynced {
            match (judge.part(*order), change) {
                (Part::Nothing, _) | (Part::FrontHalf, Change::SetLen(_)) => {}
                (_, Change::SetLen(len)) => out.resize(*len, 0),
                (Part::Whole, Change::Write { offset, bytes }) => write(&mut out, *offset, bytes),
                (Part::FrontHalf, Change::Write { offset, bytes }) => {
                    write(&mut out, *offset, bytes.get(..bytes.len() / 2).unwrap_or_default());
                }
                (Part::SomeSectors, Change::Write { offset, bytes }) => {
                    write_some_sectors(&mut out, *offset, bytes, judge);
                }
            }
        }
        out
    }
}

/// Writes the sectors that the coin picks; the length may have grown by sectors that are not there.
fn write_some_sectors(out: &mut Vec<u8>, offset: usize, bytes: &[u8], judge: &mut Judge) {
    if judge.coin() && out.len() < offset + bytes.len() {
        out.resize(offset + bytes.len(), 0);
    }
    let mut done = 0;
    while done < bytes.len() {
        let at = offset + done;
        let n = (SECTOR - at % SECTOR).min(bytes.len() - done);
        if judge.coin() {
            write(out, at, bytes.get(done..done + n).unwrap_or_default());
        }
        done += n;
    }
}
