//! Salvage of damaged workspaces and backups on the simulated disk: each kind of damage, crashes, and errors at every
//! operation.

use crate::backup::site::{capture_run, survival};
use contexta::config::UnifiedConfig;
use contexta::engine::Digest;
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess};
use contexta::recovery::{
    BackupOptions, DumpItem, Outcome, Progress, RecoveryStatus, SalvageReport, VerifyOptions, VerifyReport,
};
use contexta::{Backups, Contexta, Options, Remains, Result};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn open(disk: &SimDisk, process: u32, path: &str) -> Contexta {
    let mut config = UnifiedConfig::default();
    config.workspace.root_path = path.into();
    config.records.max_segment_bytes = 64 << 10;
    let options = Options::from_config(&config).unwrap().storage(disk.process(process));
    options.detect_code_revision(false).open().unwrap()
}

/// A workspace with three streams, one of them with several segments, and three artifacts.
fn workspace() -> SimDisk {
    let disk = SimDisk::new(1);
    for (process, name, points) in [(1, "first", 1500), (2, "second", 5), (3, "third", 20)] {
        let contexta = open(&disk, process, "/w");
        let run = contexta.run(name).run_id(name).start().unwrap();
        for step in 0..points {
            run.event("step.done", &format!("the message of step {step} of the run {name}")).unwrap();
        }
        run.complete().unwrap();
        capture_run(&disk, &contexta, &format!("{name}-model"), 3);
        contexta.close().unwrap();
        drop(contexta);
        // After a restart of the machine, the next process begins a new stream.
        disk.reboot();
    }
    disk.remove_tree(Path::new("/src"));
    disk
}

/// A small workspace with two streams and an artifact.
fn small() -> SimDisk {
    let disk = SimDisk::new(1);
    for process in [1, 2] {
        let contexta = open(&disk, process, "/w");
        capture_run(&disk, &contexta, &format!("run-{process}"), 2);
        contexta.close().unwrap();
        drop(contexta);
        // After a restart of the machine, the next process begins a new stream.
        disk.reboot();
    }
    disk.remove_tree(Path::new("/src"));
    disk
}

/// An entry: stream, sequence number, content, and object. The object of a record contains its position.
type Found = (String, u64, String, String);

/// Returns the entries of a workspace.
fn entries(disk: &SimDisk, root: &str) -> BTreeSet<Found> {
    let mut found = BTreeSet::new();
    for item in open(disk, 80, root).dump_log(None).unwrap() {
        if let DumpItem::Entry(entry) = item.unwrap() {
            let content = format!("{:?} {:?} {}", entry.time, entry.kind, entry.bytes);
            let object = format!("{:?}", entry.object);
            found.insert((entry.stream.to_string(), entry.seq.0, content, object));
        }
    }
    found
}

/// Returns the contents of entries, and the number of entries with each content.
fn contents(entries: &BTreeSet<Found>) -> BTreeMap<String, u64> {
    let mut contents = BTreeMap::new();
    for (_, _, content, _) in entries {
        *contents.entry(content.clone()).or_default() += 1;
    }
    contents
}

/// Returns the first content that occurs in `found` more often than in `all`.
fn excess(found: &BTreeSet<Found>, all: &BTreeSet<Found>) -> Option<String> {
    let known = contents(all);
    let mut found = contents(found).into_iter();
    found
        .find(|(content, count)| known.get(content).is_none_or(|known| count > known))
        .map(|(content, _)| content)
}

fn verify(disk: &SimDisk, root: &str) -> VerifyReport {
    open(disk, 81, root).verify(VerifyOptions::default()).unwrap()
}

fn digest(disk: &SimDisk, root: &str) -> Digest {
    open(disk, 82, root).digest().unwrap().0.digest
}

fn files_below(disk: &SimDisk, dir: &str) -> Files {
    let paths = disk.paths().into_iter().filter(|path| path.starts_with(dir));
    paths.filter_map(|path| disk.read(&path).map(|content| (path, content))).collect()
}

fn salvage(process: &Arc<SimProcess>) -> Result<SalvageReport> {
    Remains::new("/d").storage(Arc::<SimProcess>::clone(process)).salvage("/n", Progress::none())
}

/// Writes the damaged files to `/d`, removes the workspace, and salvages the files into `/n`.
fn salvaged(disk: &SimDisk, damaged: Files) -> (SimDisk, SalvageReport) {
    let disk = disk.fork();
    disk.remove_tree(Path::new("/w"));
    for (path, content) in damaged {
        disk.overwrite(&path, content);
    }
    let before = files_below(&disk, "/d");
    let report = salvage(&disk.spawn(50)).unwrap();
    assert!(files_below(&disk, "/d") == before, "the remains have changed");
    assert!(disk.paths().iter().all(|path| !path.starts_with("/n.salvage")), "temporary files remain");
    (disk, report)
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "seg")
}

/// Returns the files of the log and the bodies of `/w` under `/d`.
fn remains(disk: &SimDisk) -> Files {
    let moved = |path: &Path| Path::new("/d").join(path.strip_prefix("/w").unwrap());
    let is_kept = |path: &Path| path.starts_with("/w/log") || path.starts_with("/w/artifacts");
    files_below(disk, "/w")
        .into_iter()
        .filter(|(path, _)| is_kept(path))
        .map(|(p, c)| (moved(&p), c))
        .collect()
}

/// Checks a salvage that lost nothing.
fn assert_complete(disk: &SimDisk, damaged: Files, case: &str) {
    let (after, report) = salvaged(disk, damaged);
    assert_eq!(report.status, RecoveryStatus::Success, "{case}: {report:?}");
    let (found, all) = (entries(&after, "/n"), entries(disk, "/w"));
    let differ = (found.difference(&all).next(), all.difference(&found).next(), found.len(), all.len());
    assert!(found == all, "{case}: the entries differ: {differ:?} {report:?}");
    assert_eq!((report.digest, digest(&after, "/n")), (digest(disk, "/w"), report.digest), "{case}");
    assert_eq!(verify(&after, "/n").outcome, Outcome::Whole, "{case}");
    assert!(report.missing_bodies.is_empty() && report.bodies == 3, "{case}: {report:?}");
}

#[test]
fn everything_is_found_without_names_and_in_several_copies() {
    let disk = workspace();
    let intact = remains(&disk);
    assert!(intact.keys().filter(|path| is_segment(path)).count() > 5);
    assert_complete(&disk, intact.clone(), "intact");
    let renamed =
        intact.values().cloned().zip(0..).map(|(content, n)| (format!("/d/lost/f{n}").into(), content));
    assert_complete(&disk, renamed.collect(), "renamed");
    let mut partial = Files::new();
    for (n, (path, content)) in intact.iter().enumerate() {
        let copy = if n % 2 == 0 { "/d/a" } else { "/d/b/deep" };
        partial.insert(Path::new(copy).join(path.strip_prefix("/d").unwrap()), content.clone());
    }
    assert_complete(&disk, partial, "two partial copies");
    let mut pieces = Files::new();
    for (n, (path, content)) in intact.iter().enumerate() {
        if is_segment(path) {
            let (from, to) = (content.len() * 4 / 10, content.len() * 6 / 10);
            pieces.insert(format!("/d/x/begin{n}").into(), content[..to].to_vec());
            pieces.insert(format!("/d/y/end{n}").into(), content[from..].to_vec());
        } else {
            pieces.insert(path.clone(), content.clone());
        }
    }
    assert_complete(&disk, pieces, "overlapping pieces");
}

#[test]
fn segments_without_headers_are_recovered_from_the_names_of_their_directories() {
    let disk = workspace();
    let mut damaged = remains(&disk);
    for (_, content) in damaged.iter_mut().filter(|(path, _)| is_segment(path)) {
        let end = content.len().min(FRAMES_AT as usize);
        content[..end].fill(0);
    }
    let (after, report) = salvaged(&disk, damaged);
    assert!(entries(&after, "/n") == entries(&disk, "/w"), "the entries differ: {report:?}");
    assert_eq!(digest(&after, "/n"), digest(&disk, "/w"));
    assert!(!report.streams.iter().any(|stream| stream.is_new), "{report:?}");
}

/// Neither a name nor a header shows the stream of an entry.
#[test]
fn entries_of_unknown_streams_are_added_once() {
    let disk = workspace();
    let mut damaged = Files::new();
    for ((_, content), n) in remains(&disk).into_iter().zip(0..) {
        let rest = content.get(FRAMES_AT as usize..).map(<[u8]>::to_vec);
        for copy in ["a", "b"] {
            damaged.insert(format!("/d/{copy}/{n}").into(), rest.clone().unwrap_or(content.clone()));
        }
    }
    let (after, report) = salvaged(&disk, damaged.clone());
    let (all, found) = (entries(&disk, "/w"), entries(&after, "/n"));
    assert_eq!(report.unknown.added, found.len() as u64, "{report:?}");
    assert_eq!(excess(&found, &all), None);
    // A frame needs a neighbour, and each segment has many frames.
    assert_eq!(found.len(), all.len(), "{report:?}");
    assert!(report.streams.iter().all(|stream| stream.is_new), "{report:?}");
    // The same entries in a readable log are not doubled.
    damaged.extend(remains(&disk));
    let (after, report) = salvaged(&disk, damaged);
    assert!(entries(&after, "/n") == all, "{report:?}");
    assert_eq!(report.unknown.added, 0, "{report:?}");
}

#[test]
fn lost_entries_are_reported() {
    let disk = workspace();
    let all = entries(&disk, "/w");
    let mut damaged = remains(&disk);
    for (_, content) in damaged.iter_mut().filter(|(path, _)| is_segment(path)) {
        // Frames begin at multiples of 8, so a frame is cut.
        content.truncate((FRAMES_AT as usize + (content.len() - FRAMES_AT as usize) / 2) | 3);
    }
    damaged.retain(|path, _| !path.starts_with("/d/artifacts"));
    let (after, report) = salvaged(&disk, damaged);
    let found = entries(&after, "/n");
    assert!(found.is_subset(&all) && found.len() * 3 > all.len(), "{} of {}", found.len(), all.len());
    assert_eq!(report.status, RecoveryStatus::Degraded);
    assert_eq!(report.entries(), found.len() as u64);
    for (stream, seq, ..) in all.difference(&found) {
        let row = report.streams.iter().find(|row| row.stream.to_string() == *stream).unwrap();
        let is_named = |first: u64, last: Option<u64>| first <= *seq && last.is_none_or(|last| *seq <= last);
        let mut missing =
            row.missing.iter().map(|missing| (missing.first.0, missing.last.map(|last| last.0)));
        // The cut frame at the end of a stream is known to be lost. Nothing shows that further frames followed.
        let end = row.missing.last().and_then(|missing| missing.last).unwrap();
        assert!(end > row.last, "the cut frame is not reported: {row:?}");
        assert!(
            missing.any(|(first, last)| is_named(first, last)) || *seq > end.0,
            "{stream} {seq}: {row:?}"
        );
    }
}

#[test]
fn repository_of_backups_is_enough() {
    let disk = workspace();
    let backups = Backups::new("/w").repository("/d/repository").storage(disk.process(40));
    let plan = backups.plan(&BackupOptions::default()).unwrap();
    backups.create(&plan, Progress::none()).unwrap();
    let repository = files_below(&disk, "/d");
    assert_complete(&disk, repository.clone(), "backup");
    let without = repository.iter().filter(|(path, _)| !path.starts_with("/d/repository/backups"));
    let without: Files = without.map(|(path, content)| (path.clone(), content.clone())).collect();
    assert_complete(&disk, without.clone(), "objects of a backup without the manifest");
    let objects = without.into_iter().filter(|(path, _)| path.starts_with("/d/repository/objects"));
    assert_complete(&disk, objects.collect(), "only the objects of a backup");
    // Each of two repositories has lost half of its objects. Their manifests are equal.
    let mut halves = Files::new();
    for ((path, content), n) in repository.iter().zip(0..) {
        let rest = path.strip_prefix("/d/repository").unwrap();
        let is_object = rest.starts_with("objects");
        for copy in ["a", "b"].iter().filter(|copy| !is_object || (n % 2 == 0) == (**copy == "a")) {
            halves.insert(Path::new("/d").join(copy).join(rest), content.clone());
        }
    }
    let (after, report) = salvaged(&disk, halves);
    assert!(entries(&after, "/n") == entries(&disk, "/w"), "{report:?}");
    assert!(report.missing_bodies.is_empty() && report.bodies == 3, "{report:?}");
    // The workspace continues after the backup, and then loses a stream.
    let first = remains(&disk).into_keys().find(|path| is_segment(path)).unwrap();
    let stream = first.parent().unwrap().to_path_buf();
    let contexta = open(&disk, 7, "/w");
    contexta.run("later").start().unwrap().complete().unwrap();
    contexta.close().unwrap();
    let mut both = remains(&disk);
    both.retain(|path, _| !path.starts_with(&stream));
    both.extend(repository);
    assert_complete(&disk, both, "workspace and backup");
    // An object of the backup is lost.
    let mut damaged = files_below(&disk, "/d");
    let mut objects = damaged.keys().filter(|path| path.starts_with("/d/repository/objects")).cloned();
    let lost = objects.find(|path| damaged[path].len() > 10_000).unwrap();
    damaged.remove(&lost);
    let fork = disk.fork();
    fork.remove_tree(Path::new("/d"));
    let (after, report) = salvaged(&fork, damaged);
    assert_eq!(report.status, RecoveryStatus::Degraded);
    assert!(report.streams.iter().any(|stream| !stream.missing.is_empty()), "{report:?}");
    assert!(entries(&after, "/n").is_subset(&entries(&disk, "/w")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Flipped bytes and removed ranges of two copies: every entry that one of the copies contains is found, and no entry
    /// differs from the original.
    #[test]
    fn random_damage_of_two_copies(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 1usize..3000), 1..12)) {
        let disk = small();
        let all = entries(&disk, "/w");
        let mut damaged = Files::new();
        for (path, content) in remains(&disk) {
            damaged.insert(Path::new("/d/a").join(path.strip_prefix("/d").unwrap()), content.clone());
            damaged.insert(Path::new("/d/b").join(path.strip_prefix("/d").unwrap()), content);
        }
        let segments: Vec<PathBuf> = damaged.keys().filter(|path| is_segment(path)).cloned().collect();
        for (index, at, len) in damage {
            let content = damaged.get_mut(&segments[index.index(segments.len())]).unwrap();
            let from = (at % content.len() as u64) as usize;
            if at % 3 == 0 {
                content.drain(from..(from + len).min(content.len()));
                content.resize(content.len().max(1), 0);
            } else {
                content[from] ^= 1 + (at >> 32) as u8 % 200;
            }
        }
        let (after, report) = salvaged(&disk, damaged);
        let found = entries(&after, "/n");
        let known: BTreeSet<_> = found.iter().filter(|(stream, ..)| {
            report.streams.iter().any(|row| row.stream.to_string() == *stream && !row.is_new)
        }).cloned().collect();
        prop_assert!(known.is_subset(&all));
        prop_assert_eq!(excess(&found, &all), None, "{:?}", report);
        prop_assert!(found.len() == all.len() || report.status == RecoveryStatus::Degraded);
    }
}

/// Returns a disk with damaged remains at `/d`, and the digest of a salvage.
fn prepared() -> (SimDisk, Digest) {
    let disk = small();
    for (path, content) in remains(&disk) {
        disk.overwrite(&path, content);
    }
    disk.remove_tree(Path::new("/w"));
    let after = disk.fork();
    let report = salvage(&after.spawn(50)).unwrap();
    assert_eq!(report.status, RecoveryStatus::Success, "{report:?}");
    (disk, report.digest)
}

#[test]
fn interrupted_salvage_leaves_no_workspace_and_can_be_repeated() {
    let (disk, expected) = prepared();
    let is_new = |disk: &SimDisk| disk.paths().iter().any(|path| path.starts_with("/n"));
    let mut complete = 0;
    for at in 0.. {
        let disk = disk.fork();
        let process = disk.spawn(50);
        process.plan(Moment::Change(at), Fault::Kill);
        let result = salvage(&process);
        if process.is_alive() {
            result.unwrap();
            assert!(at > 30 && complete > 0, "{at}");
            break;
        }
        disk.crash(survival(at));
        if is_new(&disk) {
            assert_eq!(digest(&disk, "/n"), expected, "{at}");
            complete += 1;
        } else {
            assert_eq!(salvage(&disk.spawn(51)).unwrap().digest, expected, "{at}");
            assert_eq!(digest(&disk, "/n"), expected, "{at}");
        }
    }
}

#[test]
fn failed_operation_is_an_error_or_is_reported() {
    let (disk, expected) = prepared();
    let before = files_below(&disk, "/d");
    for at in 0.. {
        for fault in [ErrorKind::PermissionDenied, ErrorKind::StorageFull] {
            let disk = disk.fork();
            let process = disk.spawn(50);
            process.plan(
                Moment::Operation(at),
                match fault {
                    ErrorKind::StorageFull => Fault::ErrorAfter(fault),
                    _ => Fault::Error(fault),
                },
            );
            let result = salvage(&process);
            assert!(files_below(&disk, "/d") == before, "{at}: the remains have changed");
            let is_new = disk.paths().iter().any(|path| path.starts_with("/n"));
            match result {
                Ok(report) => {
                    let found = digest(&disk, "/n");
                    assert!(found == report.digest, "{at} {fault}: {report:?} {:?}", verify(&disk, "/n"));
                    let is_complete = report.digest == expected && report.missing_bodies.is_empty();
                    assert!(is_complete || report.status == RecoveryStatus::Degraded, "{at}: {report:?}");
                }
                // The last step makes the new name durable.
                Err(_) if is_new => assert_eq!(digest(&disk, "/n"), expected, "{at}"),
                Err(_) => {
                    assert_eq!(salvage(&disk.spawn(51)).unwrap().digest, expected, "{at}");
                }
            }
            if process.operations() <= at && fault == ErrorKind::StorageFull {
                assert!(at > 100, "{at}");
                return;
            }
        }
    }
}
