//! Tests of views that take the last entries of their own engine from memory, while the log is changed in other ways.

use crate::jobs::{Job, Queue, added, jobs, on, options};
use contexta::engine::domain::Domain;
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::projection::{Projector, ProjectorOptions, ProjectorPaths};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::SimDisk;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The time in nanoseconds after which the change time of a file is trusted, and more.
const OLD: i64 = 3_000_000_000;

/// Returns a writer and a projector of the same log, as an engine has them.
pub(crate) fn parts(storage: &Arc<dyn Storage>, segment_bytes_max: u64) -> (Log, Projector<Job>) {
    let domain = Domain::new("jobs", 1).unwrap();
    let paths = ProjectorPaths { log: "/q/log".into(), generations: "/q/projections".into() };
    let (mut log_options, options) = (LogOptions::new(domain), ProjectorOptions::new(domain));
    log_options.segment_bytes_max = segment_bytes_max;
    let log = Log::new(Arc::clone(storage), paths.log.clone(), log_options);
    (log, Projector::new(Arc::clone(storage), paths, options, vec![Box::new(Queue)]))
}

/// A thread takes the open segment, and waits for another view before it catches up. An entry that is appended during
/// the wait is in the next view.
#[test]
fn entry_that_is_appended_while_a_view_waits_is_in_the_next_view() {
    for is_recorded in [true, false] {
        let disk = SimDisk::new(40);
        let (log, projector) = parts(&disk.process(1), 1 << 20);
        let append = |id: u32| log.append(&[added(id)], Durability::Flush).unwrap();
        append(0);
        if is_recorded {
            projector.view(log.open_segment()).unwrap();
            append(1);
            projector.view(log.open_segment()).unwrap();
        }
        append(2);
        disk.advance(OLD);
        projector.view(log.open_segment()).unwrap();
        let open = log.open_segment();
        append(3);
        disk.advance(OLD);
        projector.view(open).unwrap();
        let view = projector.view(log.open_segment()).unwrap();
        assert!(jobs(&view).contains(&3), "{:?}", jobs(&view));
    }
}

/// A directory is renamed, and a copy takes its place, like in a restore. The writer still appends to the segment that it
/// has open. Every view has the entries of the log at the path.
#[test]
fn entries_of_an_exchanged_directory_are_those_of_the_log_at_the_path() {
    for depth in 0..4 {
        let disk = SimDisk::new(42);
        let engine = options("/a/q").storage(disk.process(1)).open().unwrap();
        // There must be so many entries that no generation is published later.
        engine.append_all(&(100..160).map(added).collect::<Vec<Job>>()).unwrap();
        for id in 0..3 {
            engine.append(&added(id)).unwrap();
            engine.view().unwrap();
            disk.advance(OLD);
        }
        engine.view().unwrap();
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "seg");
        let segment = disk.paths().into_iter().find(is_segment).unwrap();
        // The directory of the stream, of the log, of the engine, and the directory above.
        let exchanged = segment.ancestors().nth(depth + 1).unwrap();
        let moved = exchanged.with_file_name("moved");
        disk.process(3).rename(exchanged, &moved).unwrap();
        disk.copy_tree(&moved, exchanged);
        for id in 3..6 {
            engine.append(&added(id)).unwrap();
            let expected = jobs(&options("/a/q").storage(disk.process(2)).open().unwrap().view().unwrap());
            assert_eq!(jobs(&engine.view().unwrap()), expected, "{} {id}", exchanged.display());
            assert_eq!(jobs(&engine.view().unwrap()), expected, "{} {id}", exchanged.display());
            disk.advance(OLD);
        }
    }
}

/// The open segment has a second name, and its first name is changed. The path of the segment leads to no file.
#[test]
fn entries_of_a_renamed_segment_with_another_name_are_not_returned() {
    let disk = SimDisk::new(43);
    let engine = on(disk.process(1));
    engine.append(&added(0)).unwrap();
    for id in 1..3 {
        engine.append(&added(id)).unwrap();
        engine.view().unwrap();
        disk.advance(OLD);
    }
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "seg");
    let segment = disk.paths().into_iter().find(is_segment).unwrap();
    let storage = disk.process(2);
    storage.link_file(&segment, Path::new("/q/copy")).unwrap();
    engine.append(&added(3)).unwrap();
    assert_eq!(jobs(&engine.view().unwrap()), [0, 1, 2, 3]);
    storage.rename(&segment, Path::new("/q/other")).unwrap();
    engine.append(&added(4)).unwrap();
    assert!(jobs(&engine.view().unwrap()).is_empty());
}

/// The recorded frames follow the place of the cursor, but not its last entry. The segment is then read.
#[test]
fn record_that_does_not_follow_the_last_entry_of_the_cursor_is_not_used() {
    for is_other in [false, true] {
        let disk = SimDisk::new(44);
        let process = disk.spawn(1);
        let storage: Arc<dyn Storage> = process.clone();
        let (log, projector) = parts(&storage, 1 << 20);
        // There must be so many entries that no generation is published later.
        log.append(&(100..160).map(added).collect::<Vec<Job>>(), Durability::Flush).unwrap();
        for id in 0..3 {
            log.append(&[added(id)], Durability::Flush).unwrap();
            projector.view(log.open_segment()).unwrap();
        }
        disk.advance(OLD);
        projector.view(log.open_segment()).unwrap();
        log.append(&[added(3)], Durability::Flush).unwrap();
        let mut open = log.open_segment().unwrap();
        let (_, checksum) = open.written.as_mut().unwrap().before.as_mut().unwrap();
        *checksum ^= u32::from(is_other);
        let before = process.operations();
        assert!(jobs(&projector.view(Some(open)).unwrap()).contains(&3));
        // The metadata of the directory and of the segment.
        assert_eq!(process.operations() - before > 2, is_other);
    }
}

/// An entry of a stream without a frame in the frame index is read from the start of the stream, also if all frames of the
/// index are in memory.
#[test]
fn entry_without_an_indexed_frame_is_read_if_the_frame_index_is_in_memory() {
    for is_published in [true, false] {
        let disk = SimDisk::new(45);
        let engine = on(disk.process(1));
        let other = on(disk.process(2));
        let first = engine.append(&added(0)).unwrap();
        let domain = Domain::new("jobs", 1).unwrap();
        let mut options = ProjectorOptions::new(domain);
        options.publish = is_published;
        let paths = ProjectorPaths { log: "/q/log".into(), generations: "/projections".into() };
        let projector = Projector::<Job>::new(disk.process(3), paths, options, vec![Box::new(Queue)]);
        let view = projector.view(None).unwrap();
        let second = other.append(&added(1)).unwrap();
        assert_ne!(first.stream, second.stream);
        let found = view.entries(&[first.position(), second.position()]).unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true], "{is_published}");
    }
}
