//! Recovery of entries from arbitrary bytes: damaged segments, pieces without a header, images, hostile input.

use crate::jobs::{Job, options};
use contexta::engine::Engine;
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Position, Seq, StreamId};
use contexta::engine::log::directory::list_streams;
use contexta::engine::log::frame::FRAME_MAGIC;
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::log::{Item, ScanMode, StreamReader};
use contexta::engine::repair::{Certainty, Salvaged, salvage};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Entries = BTreeMap<Position, (u64, Vec<u8>)>;

fn domain() -> Domain {
    Domain::new("jobs", 1).unwrap()
}

fn engine(storage: Arc<dyn Storage>) -> Engine<Job> {
    options("/q").storage(storage).segment_bytes_max(FRAMES_AT + 900).open().unwrap()
}

/// Two streams of several segments, with commits of one to four entries.
fn workspace() -> SimDisk {
    let disk = SimDisk::new(1);
    let engines = [1, 2].map(|n| engine(disk.process(n)));
    for id in 0..30 {
        let request = Some("r".repeat(10 + id as usize * 7 % 50));
        let events: Vec<Job> =
            (0..=id % 4).map(|n| Job::Added { id: 100 * n + id, request: request.clone() }).collect();
        engines[id as usize % 2].append_all(&events).unwrap();
    }
    for engine in &engines {
        engine.close().unwrap();
    }
    disk
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.extension().is_some_and(|e| e == "seg")).collect()
}

/// The entries that a reader of the log returns.
fn readable(disk: &SimDisk) -> Entries {
    let storage = disk.process(90);
    let mut entries = Entries::new();
    for stream in list_streams(storage.as_ref(), Path::new("/q/log")).unwrap() {
        let mut reader = StreamReader::open(&storage, Path::new("/q/log"), stream, ScanMode::Full).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::Commit(commit) = item {
                entries.extend(
                    commit.entries.into_iter().map(|e| (e.stamp.position(), (e.stamp.time, e.payload))),
                );
            }
        }
    }
    entries
}

fn found(disk: &SimDisk, path: impl AsRef<Path>) -> Vec<Salvaged<Job>> {
    salvage(&disk.process(91), path.as_ref(), domain()).unwrap().map(Result::unwrap).collect()
}

fn entries(found: &[Salvaged<Job>]) -> Entries {
    let entry = |f: &Salvaged<Job>| Some((f.stamp()?.position(), (f.time, f.payload.clone())));
    found.iter().filter_map(entry).collect()
}

fn certainties(found: &[Salvaged<Job>]) -> BTreeSet<Certainty> {
    found.iter().map(|found| found.certainty).collect()
}

#[test]
fn whole_log_gives_its_entries_once() {
    let disk = workspace();
    let found = engine(disk.process(3)).salvage("/q/log").unwrap();
    let found: Vec<Salvaged<Job>> = found.map(Result::unwrap).collect();
    assert_eq!(entries(&found), readable(&disk));
    assert_eq!((found.len(), certainties(&found)), (readable(&disk).len(), [Certainty::Frame].into()));
    assert!(found.iter().all(|found| matches!(found.event, Ok(Some(Job::Added { .. })))));
    let missing = salvage::<Job>(&disk.process(3), Path::new("/nowhere"), domain()).unwrap_err();
    assert_eq!(missing.code(), "storage_not_found");
}

#[test]
fn salvaged_events_are_appended_to_another_log() {
    let disk = workspace();
    let all = segments(&disk);
    for path in &all {
        let mut bytes = disk.read(path).unwrap();
        bytes[..FRAMES_AT as usize].fill(0);
        disk.overwrite(path, bytes);
    }
    assert!(readable(&disk).is_empty());
    let other = options("/other").storage(disk.process(5)).open().unwrap();
    let mut jobs = 0;
    for found in other.salvage("/q").unwrap() {
        other.append(&found.unwrap().event.unwrap().unwrap()).unwrap();
        jobs += 1;
    }
    assert_eq!(jobs, readable(&workspace()).len());
    assert_eq!(crate::jobs::jobs(&other.view().unwrap()).len(), jobs);
}

#[test]
fn lost_header_is_replaced_by_the_next_one_or_by_the_name_of_the_stream() {
    let disk = workspace();
    let truth = readable(&disk);
    let path = segments(&disk)[0].clone();
    let mut bytes = disk.read(&path).unwrap();
    bytes[..FRAMES_AT as usize].fill(7);
    disk.overwrite(&path, bytes.clone());
    let with_next = found(&disk, "/q/log");
    assert_eq!((entries(&with_next), certainties(&with_next)), (truth.clone(), [Certainty::Frame].into()));
    let alone = found(&disk, &path);
    assert!(!alone.is_empty() && certainties(&alone) == [Certainty::Entry].into());
    let stream: StreamId = path.parent().unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap();
    assert!(alone.iter().all(|found| found.stream == Some(stream)));
    // A file in quarantine has the stream in its name.
    let copy = PathBuf::from(format!("/copies/{stream}-1-0-{}.bytes", bytes.len()));
    disk.process(1).create_dir_all(Path::new("/copies")).unwrap();
    disk.overwrite(&copy, bytes);
    assert_eq!(entries(&found(&disk, &copy)), entries(&alone));
}

#[test]
fn piece_without_header_and_name_gives_the_entries_of_adjacent_frames() {
    let disk = workspace();
    let path = segments(&disk)[0].clone();
    let bytes = disk.read(&path).unwrap();
    let of_segment = entries(&found(&disk, &path));
    let truth: BTreeSet<(Seq, u64, Vec<u8>)> =
        of_segment.into_iter().map(|(position, (time, payload))| (position.seq, time, payload)).collect();
    for cut in [3, 4352, 4400, 4420] {
        disk.overwrite(Path::new("/piece"), bytes[FRAMES_AT as usize..].to_vec());
        disk.overwrite(Path::new("/piece"), [vec![1; cut % 16], bytes[cut.max(300)..].to_vec()].concat());
        let found = found(&disk, "/piece");
        let pieces: BTreeSet<_> = found.iter().map(|f| (f.seq, f.time, f.payload.clone())).collect();
        // The second copy of the header is in the first piece.
        let certainty = if cut < 4096 { Certainty::Frame } else { Certainty::Neighbour };
        assert_eq!(certainties(&found), [certainty].into(), "cut at {cut}");
        assert!(pieces.is_subset(&truth) && (cut > 4352 || pieces == truth), "cut at {cut}");
        assert!(cut < 4096 || found.iter().all(|found| found.stamp().is_none()));
    }
}

#[test]
fn frames_are_found_in_the_fragments_of_an_image() {
    let disk = workspace();
    let truth = readable(&disk);
    let mut image = vec![0x43; 1001];
    // The frames of all segments come first, then the headers, each at an odd offset.
    for path in segments(&disk) {
        let bytes = disk.read(&path).unwrap();
        image.extend_from_slice(&bytes[FRAMES_AT as usize..]);
        image.extend_from_slice(b"CxF1 and other noise");
    }
    for path in segments(&disk) {
        image.extend_from_slice(&disk.read(&path).unwrap()[..256]);
        image.push(9);
    }
    let empty = SimDisk::new(2);
    empty.overwrite(Path::new("/image"), image);
    let found = found(&empty, "/image");
    assert_eq!((entries(&found), certainties(&found)), (truth, [Certainty::Frame].into()));
}

#[test]
fn entries_before_the_damage_in_a_frame_are_found() {
    let disk = workspace();
    let truth = readable(&disk);
    let path = segments(&disk)[0].clone();
    let mut bytes = disk.read(&path).unwrap();
    let starts: Vec<usize> = (FRAMES_AT as usize..bytes.len())
        .step_by(8)
        .filter(|at| bytes[*at..].starts_with(&FRAME_MAGIC))
        .collect();
    // The first frame with four entries: its last row is damaged.
    let frame = starts.windows(2).find(|frame| bytes[frame[0] + 8] >= 3).unwrap();
    bytes[frame[1] - 9] ^= 1;
    disk.overwrite(&path, bytes);
    let readable = readable(&disk);
    let found = found(&disk, "/q/log");
    let entries = entries(&found);
    assert!(readable.len() < entries.len() && entries.len() < truth.len());
    assert!(entries.iter().all(|(position, entry)| truth.get(position) == Some(entry)));
    assert_eq!(certainties(&found), [Certainty::Frame, Certainty::Entry].into());
}

#[test]
fn entries_of_another_domain_are_not_returned() {
    let disk = workspace();
    let other = Domain::new("audit", 1).unwrap();
    assert_eq!(salvage::<Job>(&disk.process(1), Path::new("/q"), other).unwrap().count(), 0);
}

#[test]
fn block_that_cannot_be_read_is_an_error_and_the_rest_is_searched() {
    let disk = workspace();
    let path = segments(&disk)[0].clone();
    let mut errors = 0;
    for n in 0..40 {
        let faulty = disk.spawn(8);
        faulty.plan(Moment::Operation(n), Fault::Error(std::io::ErrorKind::Other));
        let Ok(found) = salvage::<Job>(&(faulty as Arc<dyn Storage>), &path, domain()) else { continue };
        let (good, bad): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
        errors += bad.len();
        assert!(bad.len() <= 1, "{bad:?}");
        assert!(!good.is_empty() || !bad.is_empty(), "operation {n}");
    }
    assert!(errors > 0);
}

/// The bytes of a file with a frame at every 256 bytes that announces 16 MiB, and frames that expand to 16 MiB.
fn hostile() -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < 1 << 20 {
        let expands = bytes.len() % 512 == 0;
        let (len, entries): (u32, u32) = if expands { (208, 25) } else { (16 << 20, 1) };
        let mut frame = FRAME_MAGIC.to_vec();
        frame.extend_from_slice(&len.to_le_bytes());
        frame.extend_from_slice(&entries.to_le_bytes());
        frame.extend_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        frame.resize(48, 0);
        // Each row repeats the payload before it twice.
        let mut shared = 0u32;
        for n in 0..entries {
            frame.extend_from_slice(&[0, 0, 0, 0, 0, 1, 1]);
            let mut varint = shared;
            let mut length = Vec::new();
            while varint >= 0x80 {
                length.push((varint & 0x7f) as u8 | 0x80);
                varint >>= 7;
            }
            length.push(varint as u8);
            frame.extend([length.clone(), length].concat());
            frame.extend_from_slice(if n == 0 { &[1, 65] } else { &[0] });
            shared = if n == 0 { 1 } else { shared * 2 };
        }
        frame.resize(256, 0);
        bytes.extend_from_slice(&frame);
    }
    bytes
}

#[test]
fn hostile_input_is_searched_in_bounded_time() {
    let disk = SimDisk::new(1);
    disk.overwrite(Path::new("/hostile"), hostile());
    // Without a limit, the search examines 32 GiB.
    assert!(found(&disk, "/hostile").is_empty());
    let mut log = workspace().read(&segments(&workspace())[0]).unwrap();
    log.extend(hostile());
    disk.overwrite(Path::new("/hostile"), log);
    assert!(!found(&disk, "/hostile").is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 120,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Everything that a reader finds in a damaged log is salvaged, and nothing that was never appended.
    #[test]
    fn every_readable_entry_is_salvaged_and_no_other(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..12),
        blocks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let disk = workspace();
        let truth = readable(&disk);
        let all = segments(&disk);
        for (file, at) in &flips {
            let path = file.get::<PathBuf>(&all);
            let mut bytes = disk.read(path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << (at % 8);
            disk.overwrite(path, bytes);
        }
        for (file, at) in &blocks {
            let path = file.get::<PathBuf>(&all);
            let mut bytes = disk.read(path).unwrap();
            let at = at.index(bytes.len()) / 512 * 512;
            let end = bytes.len().min(at + 512);
            bytes[at..end].fill(3);
            disk.overwrite(path, bytes);
        }
        let salvaged = entries(&found(&disk, "/q/log"));
        prop_assert!(salvaged.iter().all(|(position, entry)| truth.get(position) == Some(entry)));
        let readable = readable(&disk);
        prop_assert!(readable.iter().all(|(position, entry)| salvaged.get(position) == Some(entry)));
        // All segments in one file that begins anywhere.
        let image: Vec<u8> = all.iter().flat_map(|path| disk.read(path).unwrap()).collect();
        disk.overwrite(Path::new("/image"), image[cut.index(image.len())..].to_vec());
        let salvaged = entries(&found(&disk, "/image"));
        prop_assert!(salvaged.iter().all(|(position, entry)| truth.get(position) == Some(entry)));
    }

    #[test]
    fn arbitrary_bytes_give_no_entry_of_a_known_stream(
        pieces in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..100),
            Just(b"CxF1".to_vec()),
            Just(b"CTXASEG\0".to_vec()),
            Just(vec![0; 60]),
        ], 0..200),
    ) {
        let disk = SimDisk::new(1);
        disk.overwrite(Path::new("/bytes"), pieces.concat());
        prop_assert!(found(&disk, "/bytes").is_empty());
    }
}
