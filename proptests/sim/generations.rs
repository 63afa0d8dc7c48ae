//! Damaged projection files: 10,000 flipped bits, and generations that are deleted, truncated, older or foreign. The
//! answer is always correct.

use crate::domain::{PlainTables, Workspace};
use crate::sim::machine::Records;
use crate::sim::seeds::{Dice, for_each_seed};
use contexta::engine::log::Durability;
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::progress::Progress;
use contexta::engine::projection::generation::{BLOCK_LEN, Generation};
use contexta::engine::storage::sim::{Fault, Moment};
use std::path::PathBuf;

const FLIPS: usize = 500;

/// A workspace with a generation, and other generations that could replace it.
struct Published {
    workspace: Workspace,
    records: Records,
    path: PathBuf,
    bytes: Vec<u8>,
    plain: PlainTables,
    others: Vec<Vec<u8>>,
}

/// Appends some commits in two streams, then publishes; returns the generation.
fn publish(workspace: &Workspace, records: &mut Records, dice: &mut Dice) -> (PathBuf, Vec<u8>) {
    let logs = [workspace.log(1), workspace.log(2)];
    for n in 0..12 {
        records.append(&logs[n % 2], &mut Vec::new(), 1 + dice.below(4), Durability::Flush).unwrap();
    }
    workspace.projector(3, true).rebuild(Progress::none()).unwrap();
    let path = workspace.generations().pop().unwrap();
    let bytes = workspace.disk.read(&path).unwrap();
    (path, bytes)
}

impl Published {
    fn new(seed: u64, dice: &mut Dice) -> Published {
        let workspace = Workspace::new(seed, FRAMES_AT + 3_000);
        let mut records = Records::default();
        let (_, older) = publish(&workspace, &mut records, dice);
        // A copy with a different history, and an unrelated workspace.
        let copy = workspace.copy_to("/copy");
        let (_, parted) = publish(&copy, &mut records.clone(), dice);
        let (_, foreign) = publish(&Workspace::new(seed + 1, FRAMES_AT), &mut Records::default(), dice);
        let (path, bytes) = publish(&workspace, &mut records, dice);
        let plain = workspace.plain_tables();
        Published { workspace, records, path, bytes, plain, others: vec![older, parted, foreign] }
    }

    fn restore(&self) {
        let dir = self.path.parent().unwrap();
        for path in self.workspace.disk.paths().iter().filter(|p| p.starts_with(dir)) {
            self.workspace.disk.remove_tree(path);
        }
        self.workspace.disk.overwrite(&self.path, self.bytes.clone());
    }

    /// Checks that a new process answers correctly and, if it may publish, that the next process does too.
    fn check(&self, publish: bool, context: &dyn Fn() -> String) {
        for process in [10, 11].into_iter().take(if publish { 2 } else { 1 }) {
            let tables = self.workspace.projector(process, publish).read(PlainTables::read);
            let tables = tables.unwrap_or_else(|e| panic!("{}: {e:?}", context()));
            assert!(tables == self.plain, "{}: a wrong answer", context());
        }
    }

    /// Draws a bit: a third of the flips is anywhere, the others are near bytes that are not zero.
    fn draw_bit(&self, dice: &mut Dice) -> usize {
        let bits = self.bytes.len() * 8;
        if dice.once_in(3) {
            return dice.below(bits);
        }
        let from = dice.below(self.bytes.len());
        let at = (from..self.bytes.len()).chain(0..from).find(|at| self.bytes[*at] != 0);
        at.unwrap_or(from) * 8 + dice.below(8)
    }
}

#[test]
fn flipped_bits_of_a_generation_never_give_a_wrong_answer() {
    let seeds: Vec<u64> = (1..=20).collect();
    for_each_seed(&seeds, |seed| {
        let mut dice = Dice::new(seed);
        let published = Published::new(seed, &mut dice);
        for _ in 0..FLIPS {
            let bit = published.draw_bit(&mut dice);
            published.workspace.flip(&published.path, bit);
            let publish = dice.once_in(20);
            published.check(publish, &|| format!("bit {bit}"));
            if publish {
                published.restore();
            } else {
                published.workspace.flip(&published.path, bit);
            }
        }
    });
}

/// The last block is padded with zeros, which are checked as well.
#[test]
fn flipped_bit_in_any_block_of_a_generation_is_detected() {
    let published = Published::new(1, &mut Dice::new(1));
    let disk = &published.workspace.disk;
    let storage = disk.process(30);
    let open = || Generation::open(storage.as_ref(), &published.path).unwrap();
    let blocks = open().image_len().div_ceil(BLOCK_LEN as u64);
    assert!(blocks > 2);
    for flipped in 0..blocks {
        let at = (flipped as usize + 1) * BLOCK_LEN;
        for bit in [at * 8, (at + BLOCK_LEN) * 8 - 1] {
            published.workspace.flip(&published.path, bit);
            let generation = open();
            for number in 0..blocks {
                let read = generation.block(number, &mut [0; BLOCK_LEN]);
                assert_eq!(
                    read.is_err(),
                    number == flipped,
                    "block {number} with a flipped bit in {flipped}"
                );
            }
            published.workspace.flip(&published.path, bit);
        }
    }
}

#[test]
fn unreadable_generation_or_directory_is_skipped() {
    let published = Published::new(3, &mut Dice::new(3));
    for publish in [false, true] {
        // Opening the file or listing the directory fails once; the answer is correct nevertheless.
        for at in 0..6 {
            let process = published.workspace.disk.spawn(40);
            process.plan(Moment::Operation(at), Fault::Error(std::io::ErrorKind::PermissionDenied));
            let reader = published.workspace.projector_on(process, publish);
            let (tables, notes) =
                reader.read(PlainTables::read_with_notes).unwrap_or_else(|e| panic!("operation {at}: {e:?}"));
            assert!(tables == published.plain, "operation {at}: {notes:?}");
            published.restore();
        }
    }
}

#[test]
fn generation_damaged_under_a_reader_never_gives_a_wrong_answer() {
    for_each_seed(&[1, 2, 3, 4], |seed| {
        let mut dice = Dice::new(seed);
        let mut published = Published::new(seed, &mut dice);
        let log = published.workspace.log(4);
        for _ in 0..40 {
            // The reader has read a little, everything or nothing when the bit flips; then it catches up.
            let reader = published.workspace.projector(12, false);
            match dice.below(3) {
                0 => drop(reader.catch_up().unwrap()),
                1 => drop(reader.read(PlainTables::read).unwrap()),
                _ => {}
            }
            let bit = published.draw_bit(&mut dice);
            published.workspace.flip(&published.path, bit);
            published.records.append(&log, &mut Vec::new(), 1, Durability::Flush).unwrap();
            published.plain = published.workspace.plain_tables();
            let tables = reader.read(PlainTables::read).unwrap();
            assert!(tables == published.plain, "bit {bit}: a wrong answer");
            published.workspace.flip(&published.path, bit);
        }
    });
}

#[test]
fn missing_truncated_older_or_foreign_generation_never_gives_a_wrong_answer() {
    for_each_seed(&[1, 2, 3, 4, 5, 6], |seed| {
        let mut dice = Dice::new(seed);
        let published = Published::new(seed, &mut dice);
        let disk = &published.workspace.disk;
        for publish in [false, true] {
            disk.remove_tree(&published.path);
            published.check(publish, &|| "gone".to_owned());
            published.restore();
            for (n, other) in published.others.iter().enumerate() {
                disk.overwrite(&published.path, other.clone());
                published.check(publish, &|| format!("the other generation {n}"));
                published.restore();
            }
            for _ in 0..20 {
                let len = dice.below(published.bytes.len());
                disk.overwrite(&published.path, published.bytes[..len].to_vec());
                published.check(publish, &|| format!("cut to {len}"));
                published.restore();
                // Valid blocks of another generation.
                let other = &published.others[dice.below(3)];
                let mut mixed = published.bytes.clone();
                let at = dice.below(mixed.len().min(other.len()) / 4096) * 4096;
                mixed[at..at + 4096].copy_from_slice(&other[at..at + 4096]);
                disk.overwrite(&published.path, mixed);
                published.check(publish, &|| format!("a foreign block at {at}"));
                published.restore();
            }
        }
    });
}
