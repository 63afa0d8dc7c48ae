//! Tests of repairs with and without a source, of checks in levels and shares, and of known streams and bodies that are
//! gone.

use crate::backup::tree;
use crate::support::TempDir;
use crate::verify::rewrite;
use contexta::config::{LoadInputs, load_config};
use contexta::contract::RecordType;
use contexta::engine::chain::Head;
use contexta::engine::checksum::Digest;
use contexta::engine::entry::Seq;
use contexta::engine::log::names::segment_path;
use contexta::engine::log::{ScanMode, StreamReader};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess};
use contexta::interpretation::RecordQuery;
use contexta::recovery::{
    BackupOptions, BodyAction, DumpItem, Forgotten, Outcome, Progress, RecoveryStatus, RepairPlan,
    RepairResult, RestoreOptions, Share, VerifyLevel, VerifyOptions, VerifyReport,
};
use contexta::{Backups, Contexta, Options, RepairSettings};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Opens the workspace `/x/<name>` with segments of at most this many bytes.
fn open_with(storage: Arc<dyn Storage>, name: &str, segment_bytes: u64) -> Contexta {
    let inputs = LoadInputs::new().base_dir("/x").workspace(name).set("project_name=wine");
    let setting = format!("records.max_segment_bytes={segment_bytes}");
    let config = load_config(&inputs.set(&setting)).unwrap().config;
    Options::from_config(&config).unwrap().storage(storage).detect_code_revision(false).open().unwrap()
}

fn open(disk: &SimDisk, process: u32, name: &str) -> Contexta {
    open_with(disk.process(process), name, 1 << 16)
}

/// Records a finished run with this number of points and with an artifact.
fn capture(disk: &SimDisk, process: u32, name: &str, points: i64) {
    let contexta = open(disk, process, "w");
    let run = contexta.run(name).run_id(name).start().unwrap();
    for step in 0..points {
        run.metric_at("loss", step, 1.0 / (step + 1) as f64).unwrap();
    }
    let path = format!("/src/{name}.bin");
    disk.overwrite(Path::new(&path), format!("the weights of {name}").repeat(40).into_bytes());
    run.register_artifact("model", &path).unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    // The next process begins a stream of its own.
    disk.reboot();
}

/// A workspace with three finished runs, each in its own stream of several segments.
fn workspace() -> SimDisk {
    let disk = SimDisk::new(7);
    ["first", "second", "third"].iter().zip(1..).for_each(|(name, process)| {
        capture(&disk, process, name, 1400);
    });
    disk
}

fn backups(disk: &SimDisk) -> Backups {
    Backups::new("/x/w").repository("/backups").storage(disk.process(40))
}

fn back_up(disk: &SimDisk) -> String {
    let backups = backups(disk);
    let plan = backups.plan(&BackupOptions::default()).unwrap();
    backups.create(&plan, Progress::none()).unwrap().backup_ref.to_string()
}

fn settings(from: Option<&str>) -> RepairSettings {
    RepairSettings { from: from.map(PathBuf::from), repository: Some("/backups".into()), forget: false }
}

/// Plans and applies a repair. Checks that a second repair would change nothing.
fn repaired(disk: &SimDisk, settings: &RepairSettings) -> (RepairPlan, RepairResult) {
    let contexta = open(disk, 50, "w");
    let plan = contexta.plan_repair(settings, Progress::none()).unwrap();
    let result = contexta.repair(&plan, settings, Progress::none()).unwrap();
    contexta.close().unwrap();
    let again = open(disk, 51, "w").plan_repair(settings, Progress::none()).unwrap();
    assert!(again.is_empty(), "{again:?} {result:?}");
    (plan, result)
}

fn verified(disk: &SimDisk, options: VerifyOptions<'_>) -> VerifyReport {
    let checked = Options::new("/x/w").storage(disk.process(60)).read_only().open().unwrap();
    checked.verify(options).unwrap()
}

fn outcome(disk: &SimDisk) -> Outcome {
    verified(disk, VerifyOptions::default()).outcome
}

fn codes(report: &VerifyReport) -> Vec<&'static str> {
    report.problems.iter().map(|problem| problem.code).collect()
}

fn digest(disk: &SimDisk) -> String {
    open(disk, 61, "w").digest().unwrap().0.digest.to_string()
}

fn files(disk: &SimDisk, below: &str, extension: &str) -> Vec<PathBuf> {
    let is_wanted =
        |p: &PathBuf| p.starts_with(below) && p.extension().is_some_and(|found| found == extension);
    disk.paths().into_iter().filter(is_wanted).collect()
}

/// Returns the position of every entry that can be read.
fn entries(disk: &SimDisk) -> BTreeSet<String> {
    let items = open(disk, 62, "w").dump_log(None).unwrap().map(Result::unwrap);
    let entry = |item| match item {
        DumpItem::Entry(entry) => Some(format!("{} {:020}", entry.stream, entry.seq.0)),
        _ => None,
    };
    items.filter_map(entry).collect()
}

fn flip(disk: &SimDisk, path: &Path, at: usize) {
    let mut bytes = disk.read(path).unwrap();
    bytes[at] ^= 0x40;
    disk.overwrite(path, bytes);
}

fn bodies(disk: &SimDisk) -> Vec<PathBuf> {
    disk.paths().into_iter().filter(|path| path.starts_with("/x/w/artifacts/objects")).collect()
}

/// Damages the workspace: a flipped byte in the middle of a segment, a missing segment, a cut stream, a missing stream,
/// a damaged body and a missing body.
fn ruin(disk: &SimDisk) {
    let segments = files(disk, "/x/w/log", "seg");
    let streams: Vec<PathBuf> = {
        let dirs: BTreeSet<PathBuf> = segments.iter().map(|s| s.parent().unwrap().to_path_buf()).collect();
        dirs.into_iter().collect()
    };
    assert_eq!(streams.len(), 3);
    let of = |n: usize| segments.iter().filter(|s| s.starts_with(&streams[n])).collect::<Vec<_>>();
    assert!(of(0).len() > 2, "{segments:?}");
    flip(disk, of(0)[0], 20_000);
    disk.remove_tree(of(0)[1]);
    let last = *of(1).last().unwrap();
    let bytes = disk.read(last).unwrap();
    disk.overwrite(last, bytes[..bytes.len() / 2].to_vec());
    disk.remove_tree(&streams[2]);
    let bodies = bodies(disk);
    disk.overwrite(&bodies[0], b"other bytes".to_vec());
    disk.remove_tree(&bodies[1]);
}

#[test]
fn repair_from_a_backup_leaves_no_gap() {
    let disk = workspace();
    let expected = (digest(&disk), entries(&disk));
    let backup = back_up(&disk);
    ruin(&disk);
    assert_eq!(outcome(&disk), Outcome::Damaged);
    let (plan, result) = repaired(&disk, &settings(Some(&backup)));
    assert_eq!(plan.heals.len(), 3, "{plan:?}");
    assert_eq!(result.status, RecoveryStatus::Success, "{result:?}");
    assert!(result.missing.is_empty() && result.recorded_losses == 0, "{result:?}");
    assert_eq!((digest(&disk), entries(&disk)), expected);
    let report = verified(&disk, VerifyOptions::default());
    assert_eq!((report.outcome, report.problems.len()), (Outcome::Whole, 0), "{report:?}");
    // The damaged bytes are in quarantine.
    let kept = files(&disk, "/x/w/recovery/quarantine", "bytes");
    assert!(kept.iter().any(|path| disk.read(path).unwrap() == b"other bytes"), "{kept:?}");
    let is_kept = result.quarantined.iter().all(|path| kept.contains(path));
    // The damaged segment and the damaged body. The shortened segment has no damaged bytes, and the copy contains all of its
    // bytes.
    assert!(result.quarantined.len() == 2 && is_kept, "{:?} {kept:?}", result.quarantined);
}

#[test]
fn directory_of_backups_and_another_workspace_are_sources_too() {
    for from in ["/backups", "/x/copy"] {
        let disk = workspace();
        let expected = (digest(&disk), entries(&disk));
        back_up(&disk);
        disk.copy_tree(Path::new("/x/w"), Path::new("/x/copy"));
        ruin(&disk);
        let (_, result) = repaired(&disk, &settings(Some(from)));
        assert_eq!(result.status, RecoveryStatus::Success, "{from} {result:?}");
        assert_eq!((digest(&disk), entries(&disk)), expected, "{from}");
        assert_eq!(outcome(&disk), Outcome::Whole, "{from}");
    }
}

#[test]
fn damaged_object_of_a_backup_heals_the_rest_and_adds_no_entry() {
    let disk = workspace();
    let expected = entries(&disk);
    let backup = back_up(&disk);
    let objects: Vec<PathBuf> =
        disk.paths().into_iter().filter(|path| path.starts_with("/backups/objects")).collect();
    let is_segment = |path: &&PathBuf| disk.read(path).unwrap().starts_with(b"CTXASEG");
    let damaged = objects.iter().find(is_segment).unwrap();
    flip(&disk, damaged, 30_000);
    ruin(&disk);
    let (_, result) = repaired(&disk, &settings(Some(&backup)));
    let found = entries(&disk);
    assert!(found.len() > expected.len() / 2, "{} {}", found.len(), expected.len());
    // Repairs that record a loss append entries in a stream of their own.
    let streams: BTreeSet<&str> = expected.iter().map(|entry| &entry[..32]).collect();
    assert!(found.iter().filter(|e| streams.contains(&e[..32])).all(|entry| expected.contains(entry)));
    assert_eq!(result.notes.iter().filter(|note| note.code == "repair_body_failed").count(), 0);
}

/// Twenty places of a log with 100,000 entries are damaged.
#[test]
fn repair_of_100_000_entries_with_20_damaged_places_loses_exactly_what_it_lists() {
    let disk = SimDisk::new(3);
    let contexta = open_with(disk.process(1), "w", 1 << 20);
    let run = contexta.run("long").run_id("long").start().unwrap();
    for step in 0..100_000 {
        run.metric_at("loss", step, step as f64).unwrap();
    }
    run.complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let all = entries(&disk);
    assert!(all.len() > 100_000);
    let before = digest(&disk);
    let backup = back_up(&disk);
    let healthy = disk.fork();
    let segments = files(&disk, "/x/w/log", "seg");
    assert!(segments.len() > 4, "{segments:?}");
    for n in 0..20 {
        let path = &segments[n % segments.len()];
        let len = disk.read(path).unwrap().len();
        flip(&disk, path, 10_000 + (n / segments.len()) * (len - 20_000) / 6);
    }
    let damaged = disk.fork();
    let readable = entries(&disk);
    assert!(readable.len() < all.len() && readable.len() + 1000 > all.len(), "{}", readable.len());

    let (plan, result) = repaired(&disk, &settings(None));
    assert!(plan.heals.is_empty() && !plan.steps.is_empty());
    assert_eq!(result.status, RecoveryStatus::Degraded);
    let own: BTreeSet<&str> = all.iter().map(|entry| &entry[..32]).collect();
    let kept: BTreeSet<String> =
        entries(&disk).into_iter().filter(|entry| own.contains(&entry[..32])).collect();
    assert_eq!(kept, readable);
    let listed: BTreeSet<String> = result
        .missing
        .iter()
        .flat_map(|gap| {
            let last = gap.last.unwrap().0;
            (gap.first.0..=last).map(move |seq| format!("{} {seq:020}", gap.stream))
        })
        .collect();
    assert_eq!(listed, all.difference(&readable).cloned().collect());
    assert_eq!(result.missing.len(), 20, "{:?}", result.missing);

    // Every intact point is answered, and the run shows its losses.
    let contexta = open(&disk, 70, "w");
    let series = contexta.step_series("long", "loss", None).unwrap();
    assert_eq!(series.points.len() as u64 + listed.len() as u64, 100_000);
    let snapshot = contexta.run_snapshot("long").unwrap();
    assert!(snapshot.notes.iter().any(|note| note.code == "log_gap"), "{:?}", snapshot.notes);
    assert_eq!(result.recorded_losses, 20);
    drop(contexta);
    let report = verified(&disk, VerifyOptions::default());
    assert_eq!(report.outcome, Outcome::WholeExceptKnownLosses, "{:?}", report.problems);
    assert_eq!(report.problems.len(), 20);

    // With a backup nothing is missing.
    let (_, result) = repaired(&damaged, &settings(Some(&backup)));
    assert_eq!((result.status, result.missing.len()), (RecoveryStatus::Success, 0), "{result:?}");
    assert_eq!(entries(&damaged), all);
    assert_eq!(digest(&damaged), before);
    assert_eq!(digest(&healthy), before);
}

#[test]
fn second_repair_changes_nothing_and_a_later_check_finds_nothing_new() {
    let disk = workspace();
    ruin(&disk);
    let (_, first) = repaired(&disk, &settings(None));
    assert_eq!(first.status, RecoveryStatus::Degraded);
    assert!(first.recorded_losses > 0);
    let problems = verified(&disk, VerifyOptions::default()).problems;
    let files_before = disk.paths();
    let (plan, second) = repaired(&disk, &settings(None));
    assert!(plan.is_empty());
    assert_eq!((second.recorded_losses, second.applied.len()), (0, 0), "{second:?}");
    assert_eq!((second.missing, second.unrepaired), (first.missing, first.unrepaired));
    assert_eq!(verified(&disk, VerifyOptions::default()).problems, problems);
    let segments = |paths: &[PathBuf]| paths.iter().filter(|p| p.starts_with("/x/w/log")).count();
    assert_eq!(segments(&disk.paths()), segments(&files_before));
}

#[test]
fn lost_body_moves_to_quarantine_and_is_recorded_in_its_run() {
    let disk = workspace();
    let body = bodies(&disk)[0].clone();
    disk.overwrite(&body, b"other bytes".to_vec());
    let (plan, result) = repaired(&disk, &settings(None));
    assert_eq!(plan.bodies.len(), 1);
    assert_eq!((plan.bodies[0].action, plan.bodies[0].is_referenced), (BodyAction::Quarantine, true));
    assert_eq!((result.recorded_losses, result.quarantined.len()), (1, 1), "{result:?}");
    assert_eq!(disk.read(&result.quarantined[0]).unwrap(), b"other bytes");
    assert_eq!(disk.read(&body), None);
    assert_eq!(codes(&verified(&disk, VerifyOptions::default())), ["artifact_body_missing"]);
    let contexta = open(&disk, 70, "w");
    let mut degraded = RecordQuery::default();
    degraded.family = Some(RecordType::Degraded);
    let degraded: Vec<String> = ["first", "second", "third"]
        .iter()
        .filter(|run| {
            let records = contexta.list_records(run, &degraded).unwrap().records;
            records.iter().any(|row| format!("{:?}", row.record).contains("repair.body_lost"))
        })
        .map(ToString::to_string)
        .collect();
    assert_eq!(degraded.len(), 1);
}

/// The copy contains another entry, with valid checksums, in the place of an entry that the workspace has lost.
#[test]
fn entry_of_a_copy_that_contradicts_the_chain_is_never_taken() {
    let disk = SimDisk::new(5);
    let contexta = open(&disk, 1, "w");
    let run = contexta.run("first").run_id("first").start().unwrap();
    for text in ["one alpha", "two bravo", "six gamma"] {
        run.event("said", text).unwrap();
    }
    run.complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    disk.copy_tree(Path::new("/x/w"), Path::new("/x/copy"));
    let (own, copy) = (files(&disk, "/x/w/log", "seg"), files(&disk, "/x/copy/log", "seg"));
    let at = |path: &Path, text: &str| {
        disk.read(path).unwrap().windows(text.len()).position(|bytes| bytes == text.as_bytes()).unwrap()
    };
    flip(&disk, &own[0], at(&own[0], "two bravo"));
    let healed = disk.fork();
    let (plan, _) = repaired(&healed, &settings(Some("/x/copy")));
    assert_eq!(plan.heals.len(), 1);

    rewrite(&disk, &copy[0], "two bravo", "two omega");
    let contexta = open(&disk, 50, "w");
    let plan = contexta.plan_repair(&settings(Some("/x/copy")), Progress::none()).unwrap();
    assert!(plan.heals.is_empty(), "{plan:?}");
    assert_eq!(plan.notes[0].code, "repair_copy_refused", "{plan:?}");
    let result = contexta.repair(&plan, &settings(Some("/x/copy")), Progress::none()).unwrap();
    assert_eq!(result.missing.len(), 1);
    for path in files(&disk, "/x/w/log", "seg") {
        let bytes = disk.read(&path).unwrap();
        assert!(!bytes.windows(9).any(|found| found == b"two omega"));
    }
}

#[test]
fn stream_with_a_writer_is_named_and_not_changed() {
    let disk = workspace();
    let writing = open(&disk, 20, "w");
    let run = writing.run("live").run_id("live").start().unwrap();
    run.event("said", "still here").unwrap();
    let live: Vec<(PathBuf, Vec<u8>)> = files(&disk, "/x/w/log", "seg")
        .into_iter()
        .map(|path| (path.clone(), disk.read(&path).unwrap()))
        .filter(|(_, bytes)| bytes.windows(10).any(|found| found == b"still here"))
        .collect();
    assert_eq!(live.len(), 1);
    ruin_one(&disk);
    let contexta = open(&disk, 50, "w");
    let plan = contexta.plan_repair(&settings(None), Progress::none()).unwrap();
    let held = |left: &[contexta::recovery::Unrepaired]| {
        left.iter().filter(|left| left.code() == "held_by_a_writer").count()
    };
    assert_eq!(held(&plan.unrepaired), 1, "{plan:?}");
    let result = contexta.repair(&plan, &settings(None), Progress::none()).unwrap();
    assert_eq!((held(&result.unrepaired), result.applied.is_empty()), (1, false));
    assert_eq!(disk.read(&live[0].0).unwrap(), live[0].1);
    run.event("said", "and goes on").unwrap();
    run.complete().unwrap();
    writing.close().unwrap();
}

/// Flips one byte of a finished stream.
fn ruin_one(disk: &SimDisk) {
    let segments = files(disk, "/x/w/log", "seg");
    let is_long = |path: &&PathBuf| disk.read(path).unwrap()[20_000..20_100].iter().any(|byte| *byte != 0);
    flip(disk, segments.iter().find(is_long).unwrap(), 20_000);
}

#[test]
fn plan_of_a_changed_workspace_is_refused_and_changes_nothing() {
    let disk = workspace();
    ruin_one(&disk);
    let contexta = open(&disk, 50, "w");
    let plan = contexta.plan_repair(&settings(None), Progress::none()).unwrap();
    flip(&disk, &files(&disk, "/x/w/log", "seg")[1], 30_000);
    let before: Vec<_> = files(&disk, "/x/w", "seg").iter().map(|path| disk.read(path)).collect();
    let refused = contexta.repair(&plan, &settings(None), Progress::none()).unwrap_err();
    assert_eq!(refused.code(), "recovery_plan_outdated");
    let after: Vec<_> = files(&disk, "/x/w", "seg").iter().map(|path| disk.read(path)).collect();
    assert_eq!(before, after);
    let read_only = Options::new("/x/w").storage(disk.process(51)).read_only().open().unwrap();
    let plan = read_only.plan_repair(&settings(None), Progress::none()).unwrap();
    assert!(read_only.repair(&plan, &settings(None), Progress::none()).is_err());
    let missing = contexta.plan_repair(&settings(Some("/nowhere")), Progress::none()).unwrap_err();
    assert_eq!(missing.code(), "recovery_repair_source_invalid");
    let own = contexta.plan_repair(&settings(Some("/x/w")), Progress::none()).unwrap_err();
    assert_eq!(own.code(), "recovery_repair_source_invalid");
}

// ---- levels and shares

#[test]
fn all_shares_together_find_what_a_complete_check_finds() {
    let disk = workspace();
    for (n, path) in files(&disk, "/x/w/log", "seg").iter().enumerate().filter(|(n, _)| n % 2 == 0) {
        flip(&disk, path, 15_000 + n);
    }
    let segments = files(&disk, "/x/w/log", "seg");
    disk.remove_tree(&segments[1]);
    disk.overwrite(&bodies(&disk)[0], b"other bytes".to_vec());
    let complete = verified(&disk, VerifyOptions { projections: false, ..VerifyOptions::default() });
    let mut found = (Vec::new(), 0, (0, 0), (0, 0));
    for n in 1..=5 {
        let subset = Share::new(n, 5);
        let report = verified(&disk, VerifyOptions { subset, ..VerifyOptions::default() });
        let coverage = report.coverage.unwrap();
        found.1 += report.entries();
        found.2 = (found.2.0 + coverage.segments.0, coverage.segments.1);
        found.3 = (found.3.0 + coverage.bodies.0, coverage.bodies.1);
        found.0.extend(report.problems);
    }
    let key =
        |p: &contexta::recovery::Problem| format!("{:?}", (p.code, p.stream, p.segment, p.offset, p.lost));
    let keys = |problems: &[contexta::recovery::Problem]| problems.iter().map(key).collect::<BTreeSet<_>>();
    assert_eq!(keys(&found.0), keys(&complete.problems));
    assert_eq!(found.0.len(), complete.problems.len());
    assert_eq!(found.1, complete.entries());
    assert!(found.2.0 == found.2.1 && found.2.0 > 6, "{found:?}");
    assert_eq!(found.3, (3, 3));
}

#[test]
fn level_frames_reads_checksums_and_level_chain_finds_replaced_entries() {
    let disk = SimDisk::new(5);
    let contexta = open(&disk, 1, "w");
    let run = contexta.run("first").run_id("first").start().unwrap();
    run.event("said", "two bravo").unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let head = verified(&disk, VerifyOptions::default()).streams[0].head.unwrap();
    rewrite(&disk, &files(&disk, "/x/w/log", "seg")[0], "two bravo", "two omega");
    disk.overwrite(Path::new("/none"), Vec::new());
    let at = |level| verified(&disk, VerifyOptions::at(level));
    let frames = at(VerifyLevel::Frames);
    assert_eq!((frames.outcome, frames.bodies), (Outcome::Whole, 0), "{frames:?}");
    assert_eq!(codes(&at(VerifyLevel::Chain)), ["chain_broken"]);
    assert!(codes(&at(VerifyLevel::Projections)).contains(&"chain_broken"));
    let heads = VerifyOptions { heads: vec![head], ..VerifyOptions::at(VerifyLevel::Chain) };
    assert!(codes(&verified(&disk, heads)).contains(&"head_differs"));
    // A flipped byte is found by every level.
    flip(&disk, &files(&disk, "/x/w/log", "seg")[0], 4_500);
    assert_eq!(at(VerifyLevel::Frames).outcome, Outcome::Damaged);
}

// ---- known and gone

/// Checks the workspace and records what the check has found.
fn remember(disk: &SimDisk) {
    let contexta = open(disk, 63, "w");
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    assert!(contexta.remember(&report).unwrap());
}

/// Returns the directory of one stream.
fn one_stream(disk: &SimDisk) -> PathBuf {
    files(disk, "/x/w/log", "seg")[0].parent().unwrap().to_path_buf()
}

/// Reads the workspace, which replaces the saved tables.
fn read(disk: &SimDisk) {
    let contexta = open(disk, 64, "w");
    contexta.list_runs(None).unwrap();
    contexta.rebuild(Default::default()).unwrap();
}

#[test]
fn known_stream_that_is_gone_is_reported_until_a_repair_forgets_it() {
    let disk = workspace();
    remember(&disk);
    disk.remove_tree(&one_stream(&disk));
    for _ in 0..2 {
        let report = verified(&disk, VerifyOptions { projections: false, ..VerifyOptions::default() });
        assert!(codes(&report).contains(&"stream_missing"), "{report:?}");
        read(&disk);
        remember(&disk);
    }
    assert_eq!(codes(&verified(&disk, VerifyOptions::default())), ["stream_missing"]);
    // A repair without the option does not forget.
    let (plan, result) = repaired(&disk, &settings(None));
    assert!(plan.forgets.is_empty());
    let missing: Vec<&str> = result.notes.iter().map(|note| note.code).collect();
    assert_eq!(
        (missing, result.status),
        (vec!["repair_known_missing"], RecoveryStatus::Degraded),
        "{result:?}"
    );
    assert_eq!(outcome(&disk), Outcome::Damaged);
    let forget = RepairSettings { forget: true, ..settings(None) };
    let (plan, result) = repaired(&disk, &forget);
    assert!(matches!(plan.forgets[..], [Forgotten::Stream { .. }]), "{plan:?}");
    assert_eq!(result.forgotten, plan.forgets);
    assert_eq!(outcome(&disk), Outcome::Whole);
}

#[test]
fn saved_tables_remember_a_stream_that_no_check_has_seen() {
    let disk = workspace();
    read(&disk);
    disk.remove_tree(&one_stream(&disk));
    read(&disk);
    read(&disk);
    assert_eq!(codes(&verified(&disk, VerifyOptions::default())), ["stream_missing"]);
}

#[test]
fn stream_that_is_shorter_than_before_is_reported() {
    let disk = workspace();
    back_up(&disk);
    let last = files(&disk, &one_stream(&disk).display().to_string(), "seg").pop().unwrap();
    disk.remove_tree(&last);
    read(&disk);
    let report = verified(&disk, VerifyOptions::default());
    assert_eq!(codes(&report), ["entries_missing"], "{report:?}");
    let lost = report.problems[0].lost.unwrap();
    assert!(lost.1.unwrap() > lost.0);
    let forget = RepairSettings { forget: true, ..settings(None) };
    let _ = repaired(&disk, &forget);
    assert_eq!(outcome(&disk), Outcome::Whole);
}

#[test]
fn known_body_that_is_gone_with_its_entry_is_reported() {
    let disk = workspace();
    remember(&disk);
    disk.remove_tree(Path::new("/x/w/log"));
    bodies(&disk).iter().for_each(|body| disk.remove_tree(body));
    capture(&disk, 9, "later", 3);
    let report = verified(&disk, VerifyOptions::default());
    let count = |code| codes(&report).iter().filter(|found| **found == code).count();
    assert_eq!((count("stream_missing"), count("artifact_body_missing")), (3, 3), "{report:?}");
    let forget = RepairSettings { forget: true, ..settings(None) };
    let (plan, _) = repaired(&disk, &forget);
    assert_eq!(plan.forgets.len(), 6);
    assert_eq!(outcome(&disk), Outcome::Whole);
}

#[test]
fn restore_to_an_earlier_state_is_no_loss() {
    let disk = workspace();
    let backup = back_up(&disk);
    capture(&disk, 9, "later", 3);
    remember(&disk);
    let backups = backups(&disk);
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    assert_eq!(plan.removed_streams.len(), 1);
    backups.restore(&plan, Progress::none()).unwrap();
    let report = verified(&disk, VerifyOptions::default());
    assert_eq!(report.outcome, Outcome::Whole, "{report:?}");
    // The restored streams are still known.
    disk.remove_tree(&one_stream(&disk));
    read(&disk);
    assert_eq!(codes(&verified(&disk, VerifyOptions::default())), ["stream_missing"]);
}

#[test]
fn damaged_file_of_known_streams_is_reported_and_never_used() {
    let disk = workspace();
    remember(&disk);
    let path = Path::new("/x/w/recovery/known.txt");
    let text = disk.read(path).unwrap();
    let mut changed = text.clone();
    let at = changed.windows(6).position(|bytes| bytes == b"stream").unwrap();
    changed[at + 8] ^= 1;
    disk.overwrite(path, changed.clone());
    let report = verified(&disk, VerifyOptions::default());
    assert_eq!(report.outcome, Outcome::Whole, "{report:?}");
    assert!(report.notes.iter().any(|note| note.code == "known_unusable"), "{:?}", report.notes);
    remember(&disk);
    assert_eq!(disk.read(path).unwrap(), text);
    assert_eq!(disk.read(Path::new("/x/w/recovery/known.damaged.txt")).unwrap(), changed);
}

// ---- known streams, removals on purpose, and updates by several processes

const KNOWN: &str = "/x/w/recovery/known.txt";

#[test]
fn check_from_before_a_restore_or_a_repair_that_forgets_adds_nothing() {
    let disk = workspace();
    let backup = back_up(&disk);
    capture(&disk, 9, "later", 3);
    let checking = open(&disk, 63, "w");
    let report = checking.verify(VerifyOptions::default()).unwrap();
    disk.remove_tree(Path::new(KNOWN));
    let backups = backups(&disk);
    let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
    backups.restore(&plan, Progress::none()).unwrap();
    assert!(!checking.remember(&report).unwrap());
    assert_eq!(outcome(&disk), Outcome::Whole);
    // A later check adds streams again.
    remember(&disk);
    let report = checking.verify(VerifyOptions::default()).unwrap();
    disk.remove_tree(&one_stream(&disk));
    read(&disk);
    let _ = repaired(&disk, &RepairSettings { forget: true, ..settings(None) });
    checking.remember(&report).unwrap();
    assert_eq!(outcome(&disk), Outcome::Whole);
}

#[test]
fn process_that_updates_the_known_streams_at_any_moment_loses_no_update() {
    let disk = SimDisk::new(8);
    capture(&disk, 1, "first", 3);
    let before = verified(&disk, VerifyOptions::default());
    capture(&disk, 2, "second", 3);
    let process = disk.spawn(70);
    let early = open_with(Arc::<SimProcess>::clone(&process), "w", 1 << 16);
    let late = Arc::new(open(&disk, 71, "w"));
    let after = Arc::new(late.verify(VerifyOptions::default()).unwrap());
    let lines = |disk: &SimDisk| {
        let text = String::from_utf8(disk.read(Path::new(KNOWN)).unwrap()).unwrap();
        text.lines().filter(|line| line.starts_with("stream ")).count()
    };
    let streams = after.streams.len();
    let mut both = 0;
    for at in 0.. {
        disk.remove_tree(Path::new(KNOWN));
        let (late, after) = (Arc::clone(&late), Arc::clone(&after));
        let has_updated = Arc::new(AtomicBool::new(false));
        let updated = Arc::clone(&has_updated);
        let update = move || updated.store(late.remember(&after).is_ok(), Ordering::Relaxed);
        process.plan(Moment::Operation(process.operations() + at), Fault::Meanwhile(Box::new(update)));
        early.remember(&before).unwrap();
        if !process.has_passed_plans() {
            break;
        }
        if has_updated.load(Ordering::Relaxed) {
            both += 1;
            assert_eq!(lines(&disk), streams, "operation {at}");
        }
    }
    assert!(both > 0 && streams > before.streams.len());
}

/// Writes the file of the known streams with these ends.
fn write_known(disk: &SimDisk, ends: &[Head]) {
    let mut text = "contexta known 1\n".to_owned();
    ends.iter().for_each(|end| text.push_str(&format!("stream {end}\n")));
    let digest = Digest::of(text.as_bytes());
    disk.overwrite(Path::new(KNOWN), format!("{text}end {digest}\n").into_bytes());
}

/// Returns a key of each problem that a check of the log finds.
fn problem_keys(disk: &SimDisk, subset: Option<Share>) -> Vec<String> {
    let options = VerifyOptions { projections: false, subset, ..VerifyOptions::default() };
    let report = verified(disk, options);
    let key =
        |p: &contexta::recovery::Problem| format!("{:?}", (p.code, p.stream, p.segment, p.offset, p.lost));
    let mut keys: Vec<String> = report.problems.iter().map(key).collect();
    keys.sort();
    keys
}

#[test]
fn shares_report_each_problem_of_known_streams_exactly_once() {
    let base = workspace();
    let heads: Vec<Head> =
        verified(&base, VerifyOptions::default()).streams.iter().map(|stream| stream.head.unwrap()).collect();
    let first = one_stream(&base);
    let segments = files(&base, &first.display().to_string(), "seg");
    let damages: [&dyn Fn(&SimDisk); 5] = [
        &|_| {},
        &|disk| disk.remove_tree(&first),
        &|disk| segments.iter().for_each(|segment| disk.remove_tree(segment)),
        &|disk| disk.remove_tree(segments.last().unwrap()),
        &|disk| disk.remove_tree(&segments[1]),
    ];
    let mut found = BTreeSet::new();
    for (n, damage) in damages.iter().enumerate() {
        for at in [None, Some(1), Some(400), Some(1200)] {
            let disk = base.fork();
            damage(&disk);
            let other = |head: &Head| match at {
                Some(seq) => Head { seq: Seq(seq), digest: Digest([7; 32]), ..*head },
                None => *head,
            };
            write_known(&disk, &heads.iter().map(other).collect::<Vec<_>>());
            let complete = problem_keys(&disk, None);
            found.extend(complete.iter().cloned());
            for of in [1, 2, 5] {
                let mut union: Vec<String> =
                    (1..=of).flat_map(|share| problem_keys(&disk, Share::new(share, of))).collect();
                union.sort();
                assert_eq!(union, complete, "damage {n}, known entry {at:?}, {of} shares");
            }
        }
    }
    for code in ["head_differs", "stream_missing", "entries_missing"] {
        assert!(found.iter().any(|key| key.contains(code)), "{code}: {found:?}");
    }
}

#[test]
fn check_without_links_keeps_the_known_link() {
    let disk = workspace();
    remember(&disk);
    let text = || String::from_utf8(disk.read(Path::new(KNOWN)).unwrap()).unwrap();
    let before = text();
    let contexta = open(&disk, 63, "w");
    let report = contexta.verify(VerifyOptions::at(VerifyLevel::Frames)).unwrap();
    contexta.remember(&report).unwrap();
    assert_eq!(text(), before);
}

#[test]
fn requested_rebuild_reports_a_stream_that_only_the_saved_tables_know() {
    let disk = workspace();
    read(&disk);
    disk.remove_tree(&one_stream(&disk));
    open(&disk, 65, "w").rebuild(Default::default()).unwrap();
    assert_eq!(codes(&verified(&disk, VerifyOptions::default())), ["stream_missing"]);
}

/// A rebuild replaces the tables that know the lost entries, so the rebuild must keep the knowledge.
#[test]
fn requested_rebuild_reports_a_shorter_stream_and_an_empty_stream_that_only_the_saved_tables_know() {
    for is_empty in [false, true] {
        let disk = workspace();
        read(&disk);
        let segments = files(&disk, &one_stream(&disk).display().to_string(), "seg");
        let first = if is_empty { 0 } else { segments.len() - 1 };
        segments[first..].iter().for_each(|segment| disk.remove_tree(segment));
        assert!(disk.read(Path::new(KNOWN)).is_none());
        for process in [65, 66] {
            open(&disk, process, "w").rebuild(Default::default()).unwrap();
            let report = verified(&disk, VerifyOptions::default());
            assert_eq!(codes(&report), ["entries_missing"], "{is_empty} {process} {report:?}");
        }
    }
}

#[test]
fn requested_rebuild_of_a_complete_log_reports_no_loss() {
    let disk = workspace();
    read(&disk);
    capture(&disk, 9, "later", 3);
    open(&disk, 65, "w").rebuild(Default::default()).unwrap();
    assert!(disk.read(Path::new(KNOWN)).is_none());
    assert_eq!(outcome(&disk), Outcome::Whole);
}

/// The link after the last known entry is unknown, and an earlier entry has a known link.
#[test]
fn both_known_ends_of_a_stream_are_compared() {
    let base = workspace();
    let head = verified(&base, VerifyOptions::default()).streams[0].head.unwrap();
    let unlinked = Head { digest: Digest([0; 32]), ..head };
    let earlier = |digest| Head { seq: Seq(400), digest, ..head };
    let beyond = |by: u64| Head { seq: Seq(head.seq.0 + by), ..unlinked };
    let right = {
        let disk = base.fork();
        let heads = vec![earlier(Digest([7; 32]))];
        let report = verified(&disk, VerifyOptions { heads, ..VerifyOptions::default() });
        assert_eq!(codes(&report), ["head_differs"]);
        earlier(link_after(&disk, &head, Seq(400)))
    };
    let wrong = earlier(Digest([7; 32]));
    let cases: [(&[Head], &[&str]); 5] = [
        (&[right, unlinked], &[]),
        (&[wrong, unlinked], &["head_differs"]),
        (&[right, beyond(5)], &["entries_missing"]),
        (&[wrong, beyond(5)], &["entries_missing", "head_differs"]),
        (
            &[Head { seq: Seq(head.seq.0 + 2), digest: Digest([7; 32]), ..head }, beyond(5)],
            &["entries_missing"],
        ),
    ];
    for (ends, expected) in cases {
        let disk = base.fork();
        write_known(&disk, ends);
        let mut found = codes(&verified(&disk, VerifyOptions::default()));
        found.sort_unstable();
        assert_eq!(found, expected, "{ends:?}");
    }
}

/// Returns the link after an entry of a stream.
fn link_after(disk: &SimDisk, head: &Head, seq: Seq) -> Digest {
    let storage = disk.process(67);
    let log = Path::new("/x/w/log");
    let mut reader = StreamReader::open(&storage, log, head.stream, ScanMode::Full).unwrap();
    reader.watch(seq);
    while reader.next_item().unwrap().is_some() {}
    reader.watched(seq).unwrap()
}

/// The body with the list of files is in one share. The other shares cannot read the list, and must not report the list.
#[test]
fn lost_list_of_the_files_of_a_directory_is_reported_by_exactly_one_share() {
    let disk = SimDisk::new(7);
    let contexta = open(&disk, 1, "w");
    let run = contexta.run("first").run_id("first").start().unwrap();
    for name in ["a", "b", "c"] {
        disk.overwrite(&Path::new("/src/dir").join(name), name.repeat(200).into_bytes());
    }
    let before: BTreeSet<PathBuf> = disk.paths().into_iter().collect();
    run.register_artifact("directory", "/src/dir").unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    drop((run, contexta));
    let is_list = |path: &PathBuf| {
        path.starts_with("/x/w/artifacts/objects")
            && !["a", "b", "c"].iter().any(|name| disk.read(path).unwrap() == name.repeat(200).into_bytes())
    };
    let lists: Vec<PathBuf> =
        disk.paths().into_iter().filter(|path| !before.contains(path)).filter(is_list).collect();
    assert_eq!(lists.len(), 1, "{lists:?}");
    for damage in [None, Some(b"damaged".to_vec())] {
        let disk = disk.fork();
        match &damage {
            None => disk.remove_tree(&lists[0]),
            Some(bytes) => disk.overwrite(&lists[0], bytes.clone()),
        }
        for of in [1, 2, 5] {
            let shares = (1..=of).map(|share| {
                let options = VerifyOptions { subset: Share::new(share, of), ..VerifyOptions::default() };
                verified(&disk, options)
            });
            let reports: Vec<VerifyReport> = shares.collect();
            let expected = if damage.is_none() { "artifact_body_missing" } else { "artifact_body_damaged" };
            let found: Vec<&str> = reports.iter().flat_map(|report| codes(report)).collect();
            assert_eq!(found, [expected], "{of}");
            let notes = reports.iter().flat_map(|report| &report.notes);
            let unchecked: Vec<_> = notes.filter(|note| note.code == "could_not_check").collect();
            assert!(unchecked.is_empty(), "{of} {unchecked:?}");
        }
    }
}

/// The number of removals begins again after the file was deleted. A check from before the deletion must add nothing.
#[test]
fn check_from_before_the_file_of_known_streams_was_deleted_adds_nothing() {
    let disk = workspace();
    let backup = back_up(&disk);
    let forget = |disk: &SimDisk| {
        let backups = backups(disk);
        let plan = backups.plan_restore(&backup, &RestoreOptions::default()).unwrap();
        backups.restore(&plan, Progress::none()).unwrap();
    };
    forget(&disk);
    capture(&disk, 9, "later", 3);
    let checking = open(&disk, 63, "w");
    let report = checking.verify(VerifyOptions::default()).unwrap();
    disk.remove_tree(Path::new(KNOWN));
    forget(&disk);
    assert!(!checking.remember(&report).unwrap(), "the removal was not noticed");
    assert_eq!(outcome(&disk), Outcome::Whole);
}

#[test]
fn plan_of_a_repair_knows_streams_that_only_the_saved_tables_know() {
    let disk = workspace();
    read(&disk);
    disk.remove_tree(&one_stream(&disk));
    let forget = RepairSettings { forget: true, ..settings(None) };
    let (plan, _) = repaired(&disk, &forget);
    assert!(matches!(plan.forgets[..], [Forgotten::Stream { .. }]), "{plan:?}");
    assert_eq!(outcome(&disk), Outcome::Whole);
}

#[test]
fn loss_is_not_recorded_while_the_copy_cannot_be_read() {
    let dir = TempDir::new("repair-unread");
    let (root, repository) = (dir.path().join("w"), dir.path().join("backups"));
    let open = || Options::new(&root).project("wine").detect_code_revision(false).open().unwrap();
    let contexta = open();
    let run = contexta.run("first").start().unwrap();
    for step in 0..1400 {
        run.metric_at("loss", step, 1.0 / f64::from(step + 1)).unwrap();
    }
    run.complete().unwrap();
    let head = contexta.close().unwrap().unwrap();
    drop(contexta);
    let backups = Backups::new(&root).repository(&repository);
    let plan = backups.plan(&BackupOptions::default()).unwrap();
    let backup = backups.create(&plan, Progress::none()).unwrap().backup_ref.to_string();
    let segment = segment_path(&root.join("log"), head.stream, Seq::FIRST);
    let content = std::fs::read(&segment).unwrap();
    let objects = tree(&repository.join("objects"));
    let of_segment = |(_, bytes): &&(PathBuf, Vec<u8>)| bytes.len() > 20_000 && content.starts_with(bytes);
    let (object, _) = objects.iter().find(of_segment).unwrap();
    let mut damaged = content.clone();
    damaged[20_000] ^= 1;
    std::fs::write(&segment, &damaged).unwrap();
    // A directory in place of the object cannot be read.
    let aside = dir.path().join("aside");
    std::fs::rename(object, &aside).unwrap();
    std::fs::create_dir(object).unwrap();
    let settings =
        RepairSettings { from: Some(backup.into()), repository: Some(repository.clone()), forget: false };
    let repair = || {
        let contexta = open();
        let plan = contexta.plan_repair(&settings, Progress::none()).unwrap();
        let result = contexta.repair(&plan, &settings, Progress::none()).unwrap();
        contexta.close().unwrap();
        (plan, result)
    };
    let (plan, result) = repair();
    assert_eq!(plan.unread, [head.stream], "{plan:?}");
    assert_eq!((result.status, result.recorded_losses), (RecoveryStatus::Degraded, 0), "{result:?}");
    assert!(result.notes.iter().any(|note| note.code == "repair_copy_unreadable"), "{result:?}");
    assert!(std::fs::read(&segment).unwrap() == damaged);
    // A later repair heals the stream.
    std::fs::remove_dir(object).unwrap();
    std::fs::rename(&aside, object).unwrap();
    let (_, result) = repair();
    assert_eq!(result.status, RecoveryStatus::Success, "{result:?}");
    let verified = open().verify(VerifyOptions::default()).unwrap();
    assert_eq!(verified.outcome, Outcome::Whole, "{verified:?}");
}

#[test]
fn lost_file_of_a_directory_is_recorded_in_its_run() {
    let disk = SimDisk::new(12);
    disk.overwrite(Path::new("/src/model/one.bin"), b"one".to_vec());
    disk.overwrite(Path::new("/src/model/two.bin"), b"two".to_vec());
    let contexta = open(&disk, 1, "w");
    let run = contexta.run("first").run_id("first").start().unwrap();
    run.register_artifact("model", "/src/model").unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let lost = bodies(&disk).into_iter().find(|body| disk.read(body).unwrap() == b"one").unwrap();
    disk.remove_tree(&lost);
    let (_, result) = repaired(&disk, &settings(None));
    assert_eq!((result.status, result.recorded_losses), (RecoveryStatus::Degraded, 1), "{result:?}");
    let snapshot = format!("{:?}", open(&disk, 2, "w").run_snapshot("first").unwrap());
    assert!(snapshot.contains("one.bin") && snapshot.contains("repair.body_lost"), "{snapshot}");
    let (_, again) = repaired(&disk, &settings(None));
    assert_eq!(again.recorded_losses, 0);
}

#[cfg(feature = "cli")]
mod command {
    use super::*;
    use contexta::contract::Value;
    use contexta::contract::json::read::parse;
    use contexta::run_cli_captured;
    use std::fs;

    fn run_as(root: &Path, format: &str, args: &[&str]) -> (u8, String) {
        let mut all = vec!["contexta", "--format", format, "--workspace", root.to_str().unwrap()];
        all.extend(args);
        let output = run_cli_captured(all.into_iter().map(Into::into));
        let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        (output.exit_code, String::from_utf8(text).unwrap())
    }

    fn run(root: &Path, args: &[&str]) -> (u8, Value) {
        let (code, text) = run_as(root, "json", args);
        (code, parse(&text).unwrap())
    }

    fn count(value: &Value, member: &str) -> usize {
        value.get(member).and_then(Value::as_list).unwrap().len()
    }

    fn member<'a>(value: &'a Value, name: &str) -> &'a str {
        value.get(name).and_then(Value::as_str).unwrap()
    }

    /// Creates a workspace with a finished run with an artifact. Returns the only segment and the only body.
    fn small_workspace(dir: &TempDir) -> (PathBuf, PathBuf, PathBuf) {
        let root = dir.path().join("w");
        let contexta = Options::new(&root).detect_code_revision(false).open().unwrap();
        let run = contexta.run("first").run_id("first").start().unwrap();
        for step in 0..50 {
            run.metric_at("loss", step, 0.5).unwrap();
        }
        let path = dir.path().join("model.bin");
        fs::write(&path, "the weights").unwrap();
        run.register_artifact("model", &path).unwrap();
        run.complete().unwrap();
        contexta.close().unwrap();
        let all = files_below(&root);
        let segment = all.iter().find(|p| p.extension().is_some_and(|e| e == "seg")).unwrap().clone();
        let body = all.iter().find(|p| p.starts_with(root.join("artifacts"))).unwrap().clone();
        (root, segment, body)
    }

    fn files_below(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    fn content(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        files_below(root).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    fn damage(segment: &Path, body: &Path) {
        let mut bytes = fs::read(segment).unwrap();
        bytes[5_000] ^= 1;
        fs::write(segment, bytes).unwrap();
        fs::write(body, "other bytes").unwrap();
    }

    #[test]
    fn commands_plan_and_repair_with_and_without_a_source() {
        let dir = TempDir::new("repair-command");
        let (root, segment, body) = small_workspace(&dir);
        let (code, nothing) = run(&root, &["repair", "--dry-run"]);
        assert_eq!((code, count(&nothing, "steps"), count(&nothing, "bodies")), (0, 0, 0), "{nothing:?}");
        let (code, digest) = run(&root, &["digest"]);
        assert_eq!(code, 0);
        let (_, backup) = run(&root, &["backup", "create"]);
        let name = member(&backup, "backup_ref").to_owned();
        let copy = dir.path().join("copy");
        copy_tree(&root, &copy);
        damage(&segment, &body);

        let before = content(&root);
        let (code, plan) = run(&root, &["repair", "--from", &name, "--dry-run"]);
        assert_eq!((code, count(&plan, "heals"), count(&plan, "bodies")), (0, 1, 1), "{plan:?}");
        assert_eq!(member(&plan, "source"), format!("backup {name}"));
        assert_eq!(content(&root), before, "a preview changes nothing");
        let (code, result) = run(&root, &["repair", "--from", &name]);
        assert_eq!((code, member(&result, "status"), count(&result, "healed")), (0, "SUCCESS", 1));
        assert_eq!((count(&result, "missing"), count(&result, "quarantined")), (0, 2), "{result:?}");
        assert_eq!(run(&root, &["verify"]).0, 0);
        assert_eq!(member(&run(&root, &["digest"]).1, "digest"), member(&digest, "digest"));

        damage(&segment, &body);
        let (code, result) = run(&root, &["repair", "--from", copy.to_str().unwrap()]);
        assert_eq!((code, member(&result, "status")), (0, "SUCCESS"), "{result:?}");

        damage(&segment, &body);
        let (code, text) = run_as(&root, "text", &["repair"]);
        assert_eq!(code, 1, "{text}");
        for expected in ["DEGRADED", "rewrite_segment", "moved to quarantine", "Missing entries"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let (code, again) = run(&root, &["repair"]);
        assert_eq!((code, count(&again, "applied"), count(&again, "missing")), (1, 0, 1), "{again:?}");
        let (code, error) = run(&root, &["repair", "--from", "nothing-here"]);
        let error = error.get("error").unwrap();
        assert_eq!((code, member(error, "code")), (1, "recovery_repair_source_invalid"));
    }

    fn copy_tree(from: &Path, to: &Path) {
        for path in files_below(from) {
            let target = to.join(path.strip_prefix(from).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(&path, target).unwrap();
        }
    }

    #[test]
    fn commands_verify_levels_shares_and_known_streams() {
        let dir = TempDir::new("verify-levels");
        let (root, segment, body) = small_workspace(&dir);
        let (code, report) = run(&root, &["verify"]);
        assert_eq!((code, member(&report, "outcome")), (0, "whole"));
        assert_eq!(report.get("subset"), Some(&Value::Null));
        assert!(root.join("recovery/known.txt").exists());
        fs::write(&body, "other bytes").unwrap();
        assert_eq!(run(&root, &["verify", "--level", "chain"]).0, 0);
        assert_eq!(run(&root, &["verify", "--level", "bodies"]).0, 1);
        let shares: Vec<(u8, Value)> =
            ["1/3", "2/3", "3/3"].map(|n| run(&root, &["verify", "--subset", n])).into();
        assert_eq!(shares.iter().filter(|(code, _)| *code == 1).count(), 1, "{shares:?}");
        let (_, text) = run_as(&root, "text", &["verify", "--subset", "1/3"]);
        assert!(text.contains("the rest was"), "{text}");
        assert_eq!(run(&root, &["verify", "--subset", "4/3"]).0, 2);
        fs::remove_dir_all(segment.parent().unwrap()).unwrap();
        assert_eq!(run(&root, &["runs"]).0, 0);
        let (code, report) = run(&root, &["verify"]);
        assert_eq!(code, 1);
        let codes: Vec<&str> = report
            .get("problems")
            .and_then(Value::as_list)
            .unwrap()
            .iter()
            .map(|problem| member(problem, "code"))
            .collect();
        assert!(codes.contains(&"stream_missing"), "{codes:?}");
        let (_, plan) = run(&root, &["repair", "--forget", "--dry-run"]);
        assert_eq!(count(&plan, "forgets"), 1, "{plan:?}");
        run(&root, &["repair", "--forget"]);
        assert_eq!(run(&root, &["verify", "--level", "chain"]).0, 0);
    }

    #[test]
    fn command_rebuild_reports_the_tables_of_one_projection() {
        let dir = TempDir::new("rebuild-projection");
        let (root, _, _) = small_workspace(&dir);
        let (code, all) = run(&root, &["rebuild"]);
        assert!(code == 0 && count(&all, "tables") > 3, "{all:?}");
        let name = member(&all.get("tables").and_then(Value::as_list).unwrap()[0], "name").to_owned();
        let (code, one) = run(&root, &["rebuild", "--table", &name]);
        assert_eq!((code, member(&one, "digest")), (0, member(&all, "digest")));
        let tables = one.get("tables").and_then(Value::as_list).unwrap();
        assert!(tables.len() < count(&all, "tables"), "{one:?}");
        assert!(tables.iter().any(|table| member(table, "name") == name), "{one:?}");
        let (code, error) = run(&root, &["rebuild", "--projection", "nothing-here"]);
        let error = error.get("error").unwrap();
        assert_eq!((code, member(error, "code")), (1, "recovery_projection_not_found"));
    }
}
