//! Repair of damaged engines: every entry that was readable before is readable afterwards, known losses stay known, and
//! the original bytes are in the log or in quarantine.

use crate::jobs::{Job, added, options};
use contexta::engine::checksum::{Digest, salted_crc32};
use contexta::engine::entry::{Entry, Position, Seq, StreamId};
use contexta::engine::log::directory::list_streams;
use contexta::engine::log::frame::{FrameHeader, decode_entries, frame_salt, put_entries};
use contexta::engine::log::header::{FRAMES_AT, SEGMENT_MAGIC, SegmentHeader};
use contexta::engine::log::limits::FRAME_HEADER_LEN;
use contexta::engine::log::pending::{PendingEntries, PendingEntry};
use contexta::engine::log::{Item, ScanMode, StreamReader, names};
use contexta::engine::progress::Progress;
use contexta::engine::repair::{RepairAction, RepairPlan, Unrepaired};
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use contexta::engine::storage::{OpenMode, Storage};
use contexta::engine::verify::{LogCheck, Outcome, TablesState};
use contexta::engine::{Engine, Result, Verification};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LOG: &str = "/q/log";
const QUARANTINE: &str = "/q/recovery/quarantine";
/// Segments of a few frames.
const SMALL: u64 = FRAMES_AT + 400;

type Files = BTreeMap<PathBuf, Vec<u8>>;
type Entries = BTreeMap<Position, Vec<u8>>;
type Extents = BTreeMap<StreamId, (Seq, bool)>;

fn engine(storage: Arc<dyn Storage>) -> Engine<Job> {
    options("/q").storage(storage).segment_bytes_max(SMALL).open().unwrap()
}

fn long(id: u32) -> Job {
    Job::Added { id, request: Some("r".repeat(20 + id as usize % 60)) }
}

/// Three streams of several segments, one of which a killed writer continued; and tables.
fn workspace() -> SimDisk {
    let disk = SimDisk::new(1);
    let engines = [1, 2, 3].map(|n| engine(disk.process(n)));
    for id in 0..36 {
        let events: Vec<Job> = (0..=id % 3).map(|n| long(100 * n + id)).collect();
        engines[id as usize % 3].append_all(&events).unwrap();
    }
    for engine in &engines {
        engine.close().unwrap();
    }
    drop(engines);
    let continued = engine(disk.process(4));
    continued.append_all(&[added(7), added(8)]).unwrap();
    continued.close().unwrap();
    drop(continued.view().unwrap());
    let killed = engine(disk.process(5));
    killed.append_all(&(0..9).map(long).collect::<Vec<_>>()).unwrap();
    killed.append_all(&[long(10), long(11)]).unwrap();
    disk.kill(5);
    disk
}

fn files(disk: &SimDisk, below: &str) -> Files {
    let paths = disk.paths().into_iter().filter(|path| path.starts_with(below));
    paths.map(|path| (path.clone(), disk.read(&path).unwrap_or_default())).collect()
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    files(disk, LOG).into_keys().filter(|path| path.extension().is_some_and(|e| e == "seg")).collect()
}

fn segments_in(disk: &SimDisk, dir: &Path) -> Vec<PathBuf> {
    segments(disk).into_iter().filter(|path| path.starts_with(dir)).collect()
}

/// Returns every readable entry, and for each stream the number before which every entry is read or named as missing,
/// and whether an unknown number is missing at the end.
fn readable(disk: &SimDisk) -> (Entries, Extents) {
    let storage = disk.process(90);
    let (mut entries, mut known) = (BTreeMap::new(), BTreeMap::new());
    for stream in list_streams(storage.as_ref(), Path::new(LOG)).unwrap() {
        let mut reader = StreamReader::open(&storage, Path::new(LOG), stream, ScanMode::Full).unwrap();
        let mut is_lost = false;
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Commit(commit) => {
                    entries.extend(commit.entries.into_iter().map(|e| (e.stamp.position(), e.payload)));
                }
                Item::Gap(gap) => is_lost |= gap.last.is_none(),
                Item::Finding(_) => {}
            }
        }
        known.insert(stream, (reader.next_seq(), is_lost));
    }
    (entries, known)
}

/// Returns the digest of tables that are built from the log alone. Saved tables may contain entries that are damaged since.
fn digest(disk: &SimDisk) -> Digest {
    let disk = disk.fork();
    disk.remove_tree(Path::new("/q/projections"));
    let engine = options("/q").storage(disk.process(91)).read_only().open().unwrap();
    engine.digest().unwrap().digest
}

fn plan_on(storage: Arc<dyn Storage>) -> RepairPlan {
    engine(storage).repair_plan().unwrap()
}

fn repair_on(storage: Arc<dyn Storage>) -> Result<RepairPlan> {
    let engine = engine(storage);
    let plan = engine.repair_plan()?;
    engine.repair(&plan, Progress::none())?;
    Ok(plan)
}

/// Returns the sizes of all segments, as text for messages.
fn sizes(files: &Files) -> String {
    let segments = files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "seg"));
    segments.map(|(path, bytes)| format!("{} {}\n", path.display(), bytes.len())).collect()
}

/// Asserts that each file of the log is unchanged, or is complete in quarantine.
fn assert_kept(before: &Files, disk: &SimDisk, context: &str) {
    let quarantine = files(disk, QUARANTINE);
    for (path, bytes) in before.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "seg")) {
        let is_kept =
            disk.read(path).as_ref() == Some(bytes) || quarantine.values().any(|copy| copy == bytes);
        assert!(is_kept || bytes.is_empty(), "{context}: {} is lost", path.display());
    }
}

/// Repairs, and asserts the guarantees of a repair. Returns the plan.
fn check_repair(disk: &SimDisk) -> RepairPlan {
    let (entries, known) = readable(disk);
    let is_first = files(disk, QUARANTINE).is_empty();
    let checked = verified(disk).log;
    assert!(!is_first || checked.known_losses == 0, "damage counts as known: {:?}", checked.problems);
    let tables = digest(disk);
    let before = files(disk, "/q");
    let plan = plan_on(disk.process(10));
    assert!(files(disk, "/q") == before, "planning changed files");
    let repairer = engine(disk.process(11));
    let report = repairer.repair(&plan, Progress::none()).unwrap();
    drop(repairer);
    assert_eq!((&report.applied.len(), &report.unrepaired), (&plan.steps.len(), &plan.unrepaired));
    let lines = plan.steps.len() + plan.unrepaired.len();
    let (planned, done) = (plan.to_string(), report.to_string());
    assert_eq!((planned.lines().count(), planned.ends_with('\n')), (lines.max(1), false));
    assert_eq!(done.lines().count(), lines.max(1) + report.quarantined.len(), "{done}");
    let context = format!("{plan}\n{}", sizes(&before));
    assert_kept(&before, disk, &context);
    let (entries_after, known_after) = readable(disk);
    for (position, payload) in &entries {
        assert_eq!(entries_after.get(position), Some(payload), "{position} is lost\n{context}");
    }
    for (stream, (next, is_lost)) in known {
        let (next_after, is_lost_after) = known_after[&stream];
        let was_moved = plan.steps.iter().any(|s| {
            s.stream == Some(stream)
                && matches!(s.action, RepairAction::MoveFile | RepairAction::RemoveUnfinished)
        });
        assert!(next_after >= next, "{stream}: {next_after} instead of {next}\n{context}");
        let is_known = is_lost_after || next_after > next || was_moved;
        // The number of lost entries is known now, or only a mark was torn.
        let is_bounded =
            plan.steps.iter().any(|s| s.stream == Some(stream) && s.lost.iter().all(|g| g.last.is_some()));
        assert!(!is_lost || is_known || is_bounded, "{stream}: a loss was forgotten\n{context}");
    }
    if entries_after == entries {
        assert_eq!(digest(disk), tables, "the tables differ\n{context}");
    }
    let again = plan_on(disk.process(12));
    assert!(again.is_empty(), "second plan:\n{again}\nafter\n{context}");
    assert_eq!(again.unrepaired, plan.unrepaired, "{context}");
    let checked = verified(disk);
    for problem in &checked.log.problems {
        let is_named = plan.unrepaired.iter().any(|left| Some(left.stream()) == problem.stream);
        let is_known = matches!(problem.code, "known_loss" | "segment_missing");
        assert!(is_named || (is_known && problem.offset.is_none()), "{problem:?}\n{context}");
    }
    if actions(&plan).contains(&RepairAction::RemoveTables) {
        let found = checked.tables.unwrap();
        assert_eq!((found.state, found.problems), (TablesState::Match, vec![]), "{context}");
    }
    let temporary =
        disk.paths().into_iter().find(|p| p.extension().is_some_and(|e| e == "tmp" || e == "bad"));
    assert_eq!(temporary, None);
    plan
}

/// Checks a copy of the disk and returns the result. The disk itself is not checked, because a check replaces damaged
/// tables.
fn verified(disk: &SimDisk) -> Verification {
    engine(disk.fork().process(92)).verify(&LogCheck::default()).unwrap()
}

/// Returns the offsets of the frames of an intact segment.
fn frames_of(bytes: &[u8]) -> Vec<usize> {
    let segment = SegmentHeader::decode_one(bytes).unwrap();
    let mut offsets = vec![FRAMES_AT as usize];
    while let Some(at) = offsets.last().copied()
        && let Some(head) = bytes.get(at..at + FRAME_HEADER_LEN)
        && let Some(header) = FrameHeader::decode(head, frame_salt(segment.salt, at as u64))
    {
        offsets.push(at + header.frame_len() as usize);
    }
    offsets.pop();
    offsets
}

fn overwrite(disk: &SimDisk, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = disk.read(path).unwrap();
    change(&mut bytes);
    disk.overwrite(path, bytes);
}

fn actions(plan: &RepairPlan) -> Vec<RepairAction> {
    plan.steps.iter().map(|step| step.action).collect()
}

#[test]
fn whole_log_needs_no_repair() {
    let disk = workspace();
    let before = files(&disk, LOG);
    let plan = check_repair(&disk);
    assert_eq!((plan.is_empty(), plan.to_string().as_str()), (true, "nothing to repair"));
    assert!(files(&disk, LOG) == before);
}

#[test]
fn damaged_frame_is_cut_out_and_its_entries_stay_known_as_missing() {
    let disk = workspace();
    let path = segments(&disk)[1].clone();
    overwrite(&disk, &path, |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    let plan = check_repair(&disk);
    assert_eq!(actions(&plan), [RepairAction::RemoveTables, RepairAction::RewriteSegment]);
    let step = &plan.steps[1];
    assert_eq!((step.path.as_path(), step.lost.len()), (path.as_path(), 1), "{plan}");
    let checked = verified(&disk);
    assert_eq!(checked.outcome(), Outcome::WholeExceptKnownLosses);
    let [problem] = checked.log.problems.as_slice() else { panic!("{:?}", checked.log.problems) };
    assert_eq!((problem.code, problem.segment, problem.offset), ("known_loss", step.segment, None));
    assert_eq!(problem.lost, Some((step.lost[0].first, step.lost[0].last)));
    // If the number of problems is limited, the report still counts the known loss, and the known loss does not hide
    // new damage.
    let counted = engine(disk.process(15));
    let limited = counted.verify(&LogCheck { problems_max: 0, ..LogCheck::default() }).unwrap();
    assert_eq!((limited.log.problems.len(), limited.log.omitted, limited.log.known_losses), (0, 1, 1));
    assert_eq!(limited.outcome(), Outcome::WholeExceptKnownLosses);
    overwrite(&disk, &segments(&disk)[2], |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    assert_eq!(verified(&disk).outcome(), Outcome::Damaged);
}

#[test]
fn lost_end_of_a_sealed_segment_is_a_known_loss_after_the_repair() {
    let disk = workspace();
    let path = segments(&disk)[1].clone();
    // Find the last frame before the seal.
    let mut frames = frames_of(&disk.read(&path).unwrap());
    frames.pop();
    let last = frames.pop().unwrap();
    overwrite(&disk, &path, |bytes| bytes[last + 60] ^= 1);
    assert_eq!(verified(&disk).outcome(), Outcome::Damaged);
    let plan = check_repair(&disk);
    let lost = plan.steps[1].lost[0];
    let checked = verified(&disk);
    let [problem] = checked.log.problems.as_slice() else { panic!("{:?}", checked.log.problems) };
    assert_eq!((problem.code, problem.lost), ("known_loss", Some((lost.first, lost.last))));
    assert_eq!(checked.outcome(), Outcome::WholeExceptKnownLosses);
    // The loss of a segment that is removed after the repair is new.
    disk.remove_tree(&segments(&disk)[2]);
    assert_eq!(verified(&disk).outcome(), Outcome::Damaged);
}

#[test]
fn torn_commit_at_the_end_becomes_a_gap_with_both_ends() {
    let disk = workspace();
    overwrite(&disk, &torn_candidate(&disk), |bytes| tear(bytes));
    let plan = check_repair(&disk);
    let step = plan.steps.last().unwrap();
    assert_eq!(
        (step.action, step.lost.len(), plan.unrepaired.len()),
        (RepairAction::RewriteSegment, 1, 0),
        "{plan}"
    );
    assert!(step.lost[0].last.is_some());
    assert_eq!(verified(&disk).outcome(), Outcome::WholeExceptKnownLosses);
}

#[test]
fn unreadable_end_of_unknown_length_stays_as_evidence() {
    let disk = workspace();
    let path = segments(&disk).pop().unwrap();
    overwrite(&disk, &path, |bytes| bytes.extend_from_slice(&[7; 100]));
    let before = disk.read(&path);
    let plan = check_repair(&disk);
    assert!(plan.is_empty(), "{plan}");
    assert!(matches!(plan.unrepaired[..], [Unrepaired::EndUnknown { .. }]), "{plan}");
    assert_eq!(disk.read(&path), before);
    // The same end behind another damage: the segment is rewritten, and the end is still unknown.
    overwrite(&disk, &path, |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    let plan = check_repair(&disk);
    assert_eq!(actions(&plan), [RepairAction::RemoveTables, RepairAction::RewriteSegment]);
    assert!(matches!(plan.unrepaired[..], [Unrepaired::EndUnknown { .. }]), "{plan}");
}

/// The streams with their directories.
fn streams(disk: &SimDisk) -> Vec<(StreamId, PathBuf)> {
    let ids = list_streams(disk.process(90).as_ref(), Path::new(LOG)).unwrap();
    ids.into_iter().map(|id| (id, names::stream_dir(Path::new(LOG), id))).collect()
}

#[test]
fn copy_of_a_segment_under_another_name_goes_to_quarantine() {
    let disk = workspace();
    let first = segments(&disk)[0].clone();
    let bytes = disk.read(&first).unwrap();
    let copy = first.with_file_name(names::segment_name(Seq(100_000)));
    disk.overwrite(&copy, bytes.clone());
    let plan = check_repair(&disk);
    assert_eq!(actions(&plan), [RepairAction::RemoveTables, RepairAction::MoveFile]);
    assert_eq!(disk.read(&copy), None);
    assert!(files(&disk, QUARANTINE).values().any(|kept| *kept == bytes));
    let checked = verified(&disk);
    assert_eq!(checked.outcome(), Outcome::Whole);
}

#[test]
fn foreign_file_in_place_of_the_last_segment_stays_as_evidence() {
    let disk = workspace();
    let all: Vec<_> = streams(&disk).into_iter().map(|(_, dir)| segments_in(&disk, &dir)).collect();
    let [last, foreign] = [all[0].last().unwrap(), &all[1][0]];
    disk.overwrite(last, disk.read(foreign).unwrap());
    let plan = check_repair(&disk);
    assert!(plan.is_empty() && matches!(plan.unrepaired[..], [Unrepaired::EndUnknown { .. }]), "{plan}");
}

#[test]
fn damaged_tables_and_leftovers_are_removed() {
    let disk = workspace();
    let tables =
        files(&disk, "/q/projections").into_keys().find(|p| p.extension().is_some_and(|e| e == "gen"));
    overwrite(&disk, &tables.unwrap(), |bytes| bytes[5000] ^= 1);
    let dir = streams(&disk)[0].1.clone();
    for path in [
        dir.join("segment-0123456789abcdef.tmp"),
        dir.join(names::segment_name(Seq(90_000))),
        "/q/projections/generation-0123456789abcdef.tmp".into(),
        "/q/projections/00000000000000000001-0123456789abcdef.gen.bad".into(),
        Path::new(QUARANTINE).join("quarantine-0123456789abcdef.tmp"),
    ] {
        disk.process(90).create_dir_all(path.parent().unwrap()).unwrap();
        disk.overwrite(&path, Vec::new());
    }
    let plan = check_repair(&disk);
    let mut expected = vec![RepairAction::RemoveTables];
    expected.extend([RepairAction::RemoveLeftover; 4]);
    assert_eq!(actions(&plan), expected, "{plan}");
}

#[test]
fn stream_that_a_writer_holds_is_named_and_not_changed() {
    let disk = workspace();
    let writer = engine(disk.process(6));
    writer.append_all(&(0..30).map(long).collect::<Vec<_>>()).unwrap();
    writer.append(&added(1)).unwrap();
    let is_held = |path: &PathBuf| {
        let stream = path.parent().unwrap().file_name().unwrap().to_str().unwrap().parse().unwrap();
        contexta::engine::log::directory::is_held(disk.process(90).as_ref(), Path::new(LOG), stream)
    };
    let (held, idle): (Vec<PathBuf>, Vec<PathBuf>) = segments(&disk).into_iter().partition(is_held);
    let (held, idle) = (held[0].clone(), idle[0].clone());
    for path in [&held, &idle] {
        overwrite(&disk, path, |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    }
    let before = disk.read(&held);
    let plan = plan_on(disk.process(10));
    assert!(matches!(plan.unrepaired[..], [Unrepaired::Held { .. }]), "{plan}");
    assert!(plan.steps.iter().all(|step| step.path != held));
    engine(disk.process(11)).repair(&plan, Progress::none()).unwrap();
    assert_eq!(disk.read(&held), before);
    drop(writer);
    assert!(!plan_on(disk.process(12)).is_empty());
}

#[test]
fn outdated_plan_is_refused_and_changes_nothing_in_the_log() {
    let disk = workspace();
    let path = segments(&disk)[0].clone();
    overwrite(&disk, &path, |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    let plan = plan_on(disk.process(10));
    overwrite(&disk, &path, |bytes| bytes[FRAMES_AT as usize + 61] ^= 1);
    let before = files(&disk, LOG);
    let refused = engine(disk.process(11)).repair(&plan, Progress::none()).unwrap_err();
    assert_eq!(refused.code(), "repair_plan_outdated");
    assert!(refused.hint().is_some());
    assert!(files(&disk, LOG) == before);
    let _ = check_repair(&disk);
}

#[test]
fn engine_opened_for_reading_plans_and_refuses_to_repair() {
    let disk = workspace();
    let path = segments(&disk)[0].clone();
    overwrite(&disk, &path, |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    let reader = options("/q").storage(disk.process(10)).read_only().open().unwrap();
    let plan = reader.repair_plan().unwrap();
    assert!(!plan.is_empty());
    let refused = reader.repair(&plan, Progress::none()).unwrap_err();
    assert_eq!(refused.code(), "engine_read_only");
}

/// The segments of a stream with a sealed segment before its last one.
fn sealed_and_last(disk: &SimDisk) -> (PathBuf, PathBuf) {
    let all = streams(disk).into_iter().map(|(_, dir)| segments_in(disk, &dir));
    let mut segments = all.into_iter().max_by_key(Vec::len).unwrap();
    let last = segments.pop().unwrap();
    (segments.pop().unwrap(), last)
}

#[test]
fn rewritten_segment_keeps_its_seal_so_that_the_loss_of_the_next_one_stays_known() {
    let disk = workspace();
    let (sealed, last) = sealed_and_last(&disk);
    overwrite(&disk, &sealed, |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    overwrite(&disk, &last, |bytes| bytes.truncate(100));
    let plan = check_repair(&disk);
    assert_eq!(actions(&plan), [RepairAction::RemoveTables, RepairAction::RewriteSegment]);
    assert!(matches!(plan.unrepaired[..], [Unrepaired::EndUnknown { .. }]), "{plan}");
    // The seal itself is lost.
    let disk = workspace();
    overwrite(&disk, &sealed, |bytes| {
        let end = bytes.iter().rposition(|b| *b != 0).unwrap();
        bytes[end - 20..].fill(1);
    });
    overwrite(&disk, &last, |bytes| bytes.truncate(100));
    let plan = check_repair(&disk);
    assert_eq!(actions(&plan), [RepairAction::RemoveTables, RepairAction::RewriteSegment]);
    assert!(matches!(plan.unrepaired[..], [Unrepaired::EndUnknown { .. }]), "{plan}");
}

#[test]
fn bytes_behind_the_seal_of_the_last_segment_are_no_loss() {
    let disk = workspace();
    let (sealed, last) = sealed_and_last(&disk);
    disk.remove_tree(&last);
    overwrite(&disk, &sealed, |bytes| bytes.extend_from_slice(&[7; 100]));
    let plan = check_repair(&disk);
    assert_eq!(actions(&plan), [RepairAction::RemoveTables, RepairAction::RewriteSegment]);
    assert!(plan.steps[1].lost.is_empty() && plan.unrepaired.is_empty(), "{plan}");
}

#[test]
fn lost_header_is_written_again_if_the_next_header_has_the_salt() {
    let disk = workspace();
    let (sealed, _) = sealed_and_last(&disk);
    overwrite(&disk, &sealed, |bytes| bytes[..FRAMES_AT as usize].fill(9));
    let plan = check_repair(&disk);
    assert_eq!(actions(&plan), [RepairAction::RemoveTables, RepairAction::RewriteSegment]);
    assert!(plan.steps[1].lost.is_empty(), "{plan}");
    let checked = verified(&disk);
    assert_eq!(checked.outcome(), Outcome::Whole);
    // The salt is the same as before: if the header is lost again, the entries are still readable.
    let before = readable(&disk).0;
    overwrite(&disk, &sealed, |bytes| bytes[..FRAMES_AT as usize].fill(9));
    assert_eq!(readable(&disk).0, before);
}

#[test]
fn interrupted_creation_is_removed_and_the_stream_can_still_be_continued() {
    let disk = workspace();
    let torn = torn_candidate(&disk);
    let (stream, dir) = streams(&disk).into_iter().find(|(_, dir)| torn.starts_with(dir)).unwrap();
    let next = readable(&disk).1[&stream].0;
    let path = dir.join(names::segment_name(next));
    disk.overwrite(&path, disk.read(&torn).unwrap()[..20].to_vec());
    let plan = check_repair(&disk);
    assert_eq!(actions(&plan), [RepairAction::RemoveUnfinished]);
    assert_eq!(disk.read(&path), None);
    assert!(disk.paths().contains(&dir.join("lock")));
}

#[test]
fn repaired_stream_is_never_continued() {
    let disk = workspace();
    for (_, dir) in streams(&disk) {
        let first = &segments_in(&disk, &dir)[0];
        overwrite(&disk, first, |bytes| bytes[100] ^= 1);
    }
    let _ = check_repair(&disk);
    let before = streams(&disk);
    engine(disk.process(15)).append(&added(1)).unwrap();
    assert_eq!(streams(&disk).len(), before.len() + 1);
}

#[test]
fn entries_that_contradict_the_chain_are_left_unchanged() {
    let disk = workspace();
    let (sealed, _) = sealed_and_last(&disk);
    overwrite(&disk, &sealed, |bytes| {
        let segment = SegmentHeader::decode_one(bytes).unwrap();
        let at = FRAMES_AT as usize;
        let salt = frame_salt(segment.salt, FRAMES_AT);
        let header = FrameHeader::decode(&bytes[at..], salt).unwrap();
        let entries = decode_entries(&header, &bytes[at + FRAME_HEADER_LEN..], segment.stream).unwrap();
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        for entry in &mut entries {
            *entry.payload.last_mut().unwrap() = b's';
        }
        let mut rows = PendingEntries::new();
        for entry in &entries {
            let (kind, version, time) = (entry.kind, entry.version, entry.stamp.time);
            rows.push(PendingEntry { kind, version, time, payload: &entry.payload });
        }
        let mut frame = Vec::new();
        put_entries(&mut frame, &mut Vec::new(), &rows, segment.stream, header.first, salt);
        assert_eq!(frame.len() as u64, header.frame_len());
        bytes[at..at + frame.len()].copy_from_slice(&frame);
        // Another damage of the same segment.
        bytes[100] ^= 1;
    });
    let plan = check_repair(&disk);
    assert!(plan.is_empty(), "{plan}");
    assert!(matches!(plan.unrepaired[..], [Unrepaired::Contradiction { .. }]), "{plan}");
}

#[test]
fn segment_of_a_newer_format_is_left_unchanged() {
    let disk = workspace();
    let (sealed, _) = sealed_and_last(&disk);
    overwrite(&disk, &sealed, |bytes| {
        for at in [0, 4096] {
            bytes[at + 10] = 9;
            let sum = salted_crc32(u64::from_le_bytes(SEGMENT_MAGIC), &[&bytes[at..at + 252]]);
            bytes[at + 252..at + 256].copy_from_slice(&sum.to_le_bytes());
        }
    });
    let plan = check_repair(&disk);
    assert!(plan.is_empty() && matches!(plan.unrepaired[..], [Unrepaired::Newer { .. }]), "{plan}");
    assert_eq!(plan.unrepaired[0].code(), "newer_format");
}

#[test]
fn directory_with_segments_of_another_stream_only_is_left_unchanged() {
    let disk = workspace();
    let dir = streams(&disk)[0].1.clone();
    disk.copy_tree(&dir, Path::new("/q/log/018bcfe5680070000000000000000001"));
    let plan = check_repair(&disk);
    assert!(plan.is_empty() && matches!(plan.unrepaired[..], [Unrepaired::NotOwn { .. }]), "{plan}");
}

#[test]
fn stream_that_is_held_when_the_plan_is_applied_is_not_changed() {
    let disk = workspace();
    let (sealed, _) = sealed_and_last(&disk);
    overwrite(&disk, &sealed, |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    let plan = plan_on(disk.process(10));
    let before = files(&disk, LOG);
    let holder = disk.process(16);
    let lock = holder.open(&sealed.with_file_name("lock"), OpenMode::ReadWrite).unwrap();
    assert!(lock.try_lock().unwrap());
    let report = engine(disk.process(11)).repair(&plan, Progress::none()).unwrap();
    assert!(matches!(report.unrepaired[..], [Unrepaired::Held { .. }]) && files(&disk, LOG) == before);
    drop(lock);
    let _ = check_repair(&disk);
}

#[test]
fn plan_of_another_directory_removes_nothing() {
    let disk = workspace();
    let tables =
        files(&disk, "/q/projections").into_keys().find(|p| p.extension().is_some_and(|e| e == "gen"));
    overwrite(&disk, &tables.unwrap(), |bytes| bytes[5000] ^= 1);
    let plan = plan_on(disk.process(10));
    let before = files(&disk, "/q");
    let other = options("/other").storage(disk.process(11)).open().unwrap();
    assert_eq!(other.repair(&plan, Progress::none()).unwrap_err().code(), "repair_plan_outdated");
    assert!(files(&disk, "/q") == before);
}

#[test]
fn names_and_texts_of_a_plan_are_stable() {
    let disk = damaged();
    let plan = plan_on(disk.process(10));
    let names: Vec<&str> = plan.steps.iter().map(|step| step.action.name()).collect();
    assert!(names.is_sorted_by_key(|name| *name != "remove_tables"), "tables are removed first: {names:?}");
    for name in ["remove_tables", "rewrite_segment", "move_file"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(plan.to_string().lines().count(), plan.steps.len() + plan.unrepaired.len());
    let step = plan.steps.iter().find(|step| !step.lost.is_empty()).unwrap().to_string();
    for part in ["rewrite_segment /q/log/", "bytes are copied to quarantine", "lost: stream"] {
        assert!(step.contains(part), "{step}");
    }
}

/// Returns the last segment of the killed writer, which has reserved space at its end.
fn torn_candidate(disk: &SimDisk) -> PathBuf {
    let lasts = streams(disk).into_iter().map(|(_, dir)| segments_in(disk, &dir).pop().unwrap());
    lasts.into_iter().find(|path| disk.read(path).unwrap().ends_with(&[0; 100])).unwrap()
}

/// Cuts 20 bytes off the last frame, which ends with the last byte that is not zero.
fn tear(bytes: &mut [u8]) {
    let end = bytes.iter().rposition(|b| *b != 0).unwrap();
    bytes[end - 20..].fill(0);
}

/// A log with every kind of damage.
fn damaged() -> SimDisk {
    let disk = workspace();
    let mut all: Vec<_> = streams(&disk).into_iter().map(|(_, dir)| segments_in(&disk, &dir)).collect();
    all.sort_by_key(|segments| std::cmp::Reverse(segments.len()));
    let [one, two, three, ..] = &all[..] else { panic!() };
    overwrite(&disk, &torn_candidate(&disk), |bytes| tear(bytes));
    overwrite(&disk, &one[0], |bytes| bytes[FRAMES_AT as usize + 60] ^= 1);
    overwrite(&disk, &one[1], |bytes| bytes[3] ^= 1);
    overwrite(&disk, &three[1], |bytes| bytes[..FRAMES_AT as usize].fill(9));
    disk.overwrite(&three[0].with_file_name(names::segment_name(Seq(2))), disk.read(&two[0]).unwrap());
    disk.overwrite(&one[0].with_file_name(names::segment_name(Seq(70_000))), disk.read(&two[0]).unwrap());
    disk
}

/// Repairs a damaged log with a fault at each operation, then with `after`, then completely.
fn interrupted(fault: impl Fn() -> Fault, after: impl Fn(&SimDisk, u64)) {
    let original = damaged();
    let (entries, _) = readable(&original);
    let before = files(&original, LOG);
    let expected = original.fork();
    let _ = check_repair(&expected);
    let (expected, known) = readable(&expected);
    for n in 0.. {
        let disk = original.fork();
        let process = disk.spawn(20);
        process.plan(Moment::Operation(n), fault());
        let _ = repair_on(process.clone() as Arc<dyn Storage>);
        disk.kill(20);
        after(&disk, n);
        let (interim, _) = readable(&disk);
        let lost: Vec<_> = entries.iter().filter(|(position, _)| !interim.contains_key(position)).collect();
        assert!(lost.is_empty(), "operation {n}: {lost:?}");
        assert_kept(&before, &disk, &format!("operation {n}"));
        let _ = check_repair(&disk);
        assert!(readable(&disk) == (expected.clone(), known.clone()), "operation {n}");
        if !process.has_passed_plans() {
            assert!(n > 200, "the repair has {n} operations");
            break;
        }
    }
}

#[test]
fn repair_killed_at_any_operation_loses_nothing_and_is_finished_by_the_next() {
    interrupted(|| Fault::Kill, |_, _| {});
}

#[test]
fn power_cut_during_a_repair_loses_nothing() {
    interrupted(|| Fault::Kill, |disk, n| disk.cut_power(n));
}

#[test]
fn repair_with_any_failed_operation_loses_nothing_and_is_finished_by_the_next() {
    interrupted(|| Fault::Error(std::io::ErrorKind::Other), |_, _| {});
}

#[test]
fn repair_on_a_disk_that_fills_up_leaves_the_log_readable() {
    let original = damaged();
    let (entries, _) = readable(&original);
    let before = files(&original, LOG);
    for free in (0..).step_by(2903) {
        let disk = original.fork();
        disk.set_free_bytes(Some(free));
        let outcome = repair_on(disk.process(20));
        disk.set_free_bytes(None);
        assert!(entries.iter().all(|(position, _)| readable(&disk).0.contains_key(position)), "{free} bytes");
        assert_kept(&before, &disk, "full disk");
        let _ = check_repair(&disk);
        match outcome {
            Ok(_) => break,
            Err(e) => assert_eq!(e.code(), "storage_full"),
        }
    }
}

#[derive(Debug, Clone)]
enum Damage {
    Flip(prop::sample::Index, prop::sample::Index),
    Noise(prop::sample::Index, prop::sample::Index, u8),
    Cut(prop::sample::Index, prop::sample::Index),
    Remove(prop::sample::Index),
    Empty(prop::sample::Index),
    Append(prop::sample::Index, Vec<u8>),
    /// The bytes of one segment under the name of another, or under an unused name.
    Replace(prop::sample::Index, prop::sample::Index),
    Copy(prop::sample::Index, prop::sample::Index, u64),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), index()).prop_map(|(file, at)| Damage::Flip(file, at)),
        3 => (index(), index(), any::<u8>()).prop_map(|(file, at, byte)| Damage::Noise(file, at, byte)),
        2 => (index(), index()).prop_map(|(file, at)| Damage::Cut(file, at)),
        1 => index().prop_map(Damage::Remove),
        1 => index().prop_map(Damage::Empty),
        1 => (index(), prop::collection::vec(any::<u8>(), 1..300)).prop_map(|(file, bytes)| Damage::Append(file, bytes)),
        1 => (index(), index()).prop_map(|(file, by)| Damage::Replace(file, by)),
        1 => (index(), index(), 1..200u64).prop_map(|(file, dir, base)| Damage::Copy(file, dir, base)),
    ]
}

fn apply(disk: &SimDisk, damage: &Damage) {
    let all = segments(disk);
    if all.is_empty() {
        return;
    }
    match damage {
        // Half of the positions are behind the header area.
        Damage::Flip(file, at) => overwrite(disk, file.get::<PathBuf>(&all), |bytes| {
            let first = if at.index(2) == 0 { 0 } else { FRAMES_AT as usize };
            if bytes.len() > first {
                let at = first + at.index(bytes.len() - first);
                bytes[at] ^= 1 << (at % 8);
            }
        }),
        Damage::Noise(file, at, byte) => overwrite(disk, file.get::<PathBuf>(&all), |bytes| {
            if !bytes.is_empty() {
                let at = at.index(bytes.len()) / 64 * 64;
                let end = (at + [64, 512, 4096][usize::from(*byte) % 3]).min(bytes.len());
                bytes[at..end].fill(byte / 3);
            }
        }),
        Damage::Cut(file, at) => {
            overwrite(disk, file.get::<PathBuf>(&all), |bytes| bytes.truncate(at.index(bytes.len() + 1)))
        }
        Damage::Remove(file) => disk.remove_tree(file.get::<PathBuf>(&all)),
        Damage::Empty(file) => disk.overwrite(file.get::<PathBuf>(&all), Vec::new()),
        Damage::Append(file, more) => {
            overwrite(disk, file.get::<PathBuf>(&all), |bytes| bytes.extend_from_slice(more))
        }
        Damage::Replace(file, by) => {
            disk.overwrite(file.get::<PathBuf>(&all), disk.read(by.get::<PathBuf>(&all)).unwrap())
        }
        Damage::Copy(file, dir, base) => {
            let to = dir.get::<PathBuf>(&all).with_file_name(names::segment_name(Seq(*base)));
            disk.overwrite(&to, disk.read(file.get::<PathBuf>(&all)).unwrap());
        }
    }
}

/// The number of cases; `PROPTEST_CASES` scales it.
fn cases() -> ProptestConfig {
    let given = ProptestConfig::default();
    let rng_seed = match given.rng_seed {
        proptest::test_runner::RngSeed::Random => proptest::test_runner::RngSeed::Fixed(1),
        fixed => fixed,
    };
    ProptestConfig { cases: (150 * given.cases).div_ceil(256), rng_seed, failure_persistence: None, ..given }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn repair_of_random_damage_keeps_every_guarantee(damages in prop::collection::vec(damage(), 1..6)) {
        let disk = workspace();
        damages.iter().for_each(|damage| apply(&disk, damage));
        let _ = check_repair(&disk);
    }
}
