//! Tests of verification: while a writer is running, after a kill during the creation of a segment, after a merge that
//! split a fork, and of entries that were replaced by other entries with valid checksums.

use crate::support::{LOG_ONLY, open_sim, two_runs};
use contexta::config::{LoadInputs, load_config};
use contexta::engine::checksum::salted_crc32;
use contexta::engine::entries::EntryRef;
use contexta::engine::entry::{Seq, canonical_head, entry_checksum};
use contexta::engine::log::frame::{FrameHeader, decode_entries, frame_salt};
use contexta::engine::log::header::{FRAMES_AT, SegmentHeader};
use contexta::engine::log::limits::FRAME_HEADER_LEN;
use contexta::engine::log::names;
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk};
use contexta::recovery::{DumpItem, Outcome, VerifyOptions, VerifyReport};
use contexta::{Contexta, MergeSettings, Options};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A message so long that two such messages do not fit into one segment of a [`small`] workspace.
const LONG: usize = 40_000;

/// Opens the workspace `/x/w` with the smallest permitted segments.
fn small(storage: Arc<dyn Storage>) -> contexta::Result<Contexta> {
    let inputs = LoadInputs::new().base_dir("/x").workspace("w").set("project_name=wine");
    let config = load_config(&inputs.set("records.max_segment_bytes=65536")).unwrap().config;
    Options::from_config(&config)?.storage(storage).detect_code_revision(false).open()
}

/// Records a run with this number of long events.
fn long_run(storage: Arc<dyn Storage>, id: &str, events: usize) -> contexta::Result<()> {
    let contexta = small(storage)?;
    let run = contexta.run(id).run_id(id).start()?;
    for n in 0..events {
        run.event("long", &format!("{n} {}", "m".repeat(LONG)))?;
    }
    run.complete()?;
    contexta.close()?;
    Ok(())
}

fn verified(storage: Arc<dyn Storage>, workspace: &str, options: VerifyOptions<'_>) -> VerifyReport {
    let checked = Options::new(workspace).storage(storage).read_only().open().unwrap();
    checked.verify(options).unwrap()
}

fn codes(report: &VerifyReport) -> Vec<&'static str> {
    report.problems.iter().map(|p| p.code).collect()
}

fn has_note(report: &VerifyReport, code: &str) -> bool {
    report.notes.iter().any(|note| note.code == code)
}

fn segments(disk: &SimDisk, workspace: &str) -> Vec<PathBuf> {
    let is_segment = |p: &PathBuf| p.starts_with(workspace) && p.extension().is_some_and(|e| e == "seg");
    disk.paths().into_iter().filter(is_segment).collect()
}

// ---- while a writer is running

/// Creates a workspace with two finished runs and a published generation.
fn base_disk() -> SimDisk {
    let disk = SimDisk::new(30);
    long_run(disk.process(1), "before", 0).unwrap();
    small(disk.process(2)).unwrap().list_runs(None).unwrap();
    disk
}

/// Calls `read` repeatedly. In each call another operation of the reading process is interrupted by an append.
fn with_appends_at_every_operation(read: impl Fn(Arc<dyn Storage>, u64)) {
    let base = base_disk();
    // The append is within the existing segment, or starts a new segment.
    for len in [20, LONG] {
        for at in 0.. {
            let disk = base.fork();
            let writing = small(disk.process(3)).unwrap();
            let run = writing.run("live").start().unwrap();
            run.event("first", "f").unwrap();
            let process = disk.spawn(4);
            let meanwhile = move || {
                for _ in 0..3 {
                    run.event("more", &"m".repeat(len)).unwrap();
                }
            };
            process.plan(Moment::Operation(at), Fault::Meanwhile(Box::new(meanwhile)));
            read(process.clone(), at);
            if !process.has_passed_plans() {
                break;
            }
        }
    }
}

#[test]
fn append_during_any_operation_of_verify_is_not_reported_as_damage() {
    with_appends_at_every_operation(|process, at| {
        let report = verified(process, "/x/w", VerifyOptions::default());
        assert_eq!(report.outcome, Outcome::Whole, "operation {at}: {:?}", report.problems);
        assert!(report.streams.iter().all(|s| s.head.is_some()), "operation {at}: {:?}", report.streams);
    });
}

#[test]
fn frame_that_is_being_written_leaves_the_head_of_the_entries_before_it() {
    let disk = base_disk();
    let writing = small(disk.process(3)).unwrap();
    let run = writing.run("live").start().unwrap();
    run.event("first", "f").unwrap();
    let path = segments(&disk, "/x/w").pop().unwrap();
    let expected = verified(disk.process(4), "/x/w", LOG_ONLY).streams;
    let mut bytes = disk.read(&path).unwrap();
    bytes.extend([1; 12]);
    disk.overwrite(&path, bytes);
    let report = verified(disk.process(4), "/x/w", LOG_ONLY);
    assert_eq!((report.outcome, codes(&report)), (Outcome::Whole, Vec::new()), "{:?}", report.problems);
    assert_eq!(report.notes.iter().map(|note| note.code).collect::<Vec<_>>(), ["stream_in_flight"]);
    assert!(expected.iter().all(|stream| stream.head.is_some()), "{expected:?}");
    assert_eq!(report.streams, expected);
}

#[test]
fn append_during_any_operation_of_a_listing_or_dump_is_not_reported_as_damage() {
    with_appends_at_every_operation(|process, at| {
        let checked = Options::new("/x/w").storage(process).read_only().open().unwrap();
        for stream in checked.log_streams().unwrap() {
            assert!(stream.notes.is_empty(), "operation {at}: {:?}", stream.notes);
        }
        let items = checked.dump_log(None).unwrap().map(Result::unwrap);
        let notes: Vec<_> = items.filter(|item| matches!(item, DumpItem::Note(_))).collect();
        assert!(notes.is_empty(), "operation {at}: {notes:?}");
    });
}

// ---- unfinished creations of segments

/// Returns the first bytes of the segment that a writer of the stream at `dir` would create.
fn header_area(disk: &SimDisk, path: &Path, base: Seq) -> Vec<u8> {
    let header = SegmentHeader::decode_one(&disk.read(path).unwrap()).unwrap();
    SegmentHeader { base, previous_salt: header.salt, salt: 77, ..header }.encode()
}

/// Returns the possible contents of a file after a kill or power failure during the creation of a segment.
fn unfinished_forms(area: &[u8]) -> Vec<Vec<u8>> {
    let with = |at: usize, len: usize, bytes: &[u8]| {
        let mut form = vec![0; len];
        form[at..at + bytes.len()].copy_from_slice(bytes);
        form
    };
    let mut forms: Vec<Vec<u8>> =
        [0, 1, 100, 256, 2176, 4096, 4097, 4351].map(|cut| area[..cut].to_vec()).into();
    // Some sectors of a write are on disk, and others are not.
    forms.extend([with(0, 512, b""), with(0, area.len(), b""), with(0, area.len(), &area[..512])]);
    forms.push(with(4096, area.len(), &area[4096..]));
    forms
}

/// Creates a workspace whose only stream ends in a segment without seal and close mark. Also returns the path of the
/// segment, and the next sequence number.
fn killed_in_one_segment() -> (SimDisk, PathBuf, Seq) {
    let disk = SimDisk::new(31);
    let contexta = small(disk.process(1)).unwrap();
    let run = contexta.run("a").start().unwrap();
    run.event("long", "m").unwrap();
    disk.kill(1);
    drop((run, contexta));
    let report = verified(disk.process(2), "/x/w", LOG_ONLY);
    assert_eq!(report.outcome, Outcome::Whole);
    let path = segments(&disk, "/x/w").remove(0);
    let next = report.streams[0].head.unwrap().seq.next();
    (disk, path, next)
}

#[test]
fn unfinished_creation_of_first_segment_is_a_note_and_not_damage() {
    let (disk, path, _) = killed_in_one_segment();
    let area = header_area(&disk, &path, Seq::FIRST);
    for form in unfinished_forms(&area) {
        let (disk, context) = (disk.fork(), format!("{} bytes", form.len()));
        disk.overwrite(&path, form);
        let report = verified(disk.process(2), "/x/w", VerifyOptions::default());
        assert_eq!(report.outcome, Outcome::Whole, "{context}: {:?}", report.problems);
        assert!(has_note(&report, "segment_unfinished"), "{context}: {:?}", report.notes);
        let list = small(disk.process(3)).unwrap().list_runs(None).unwrap();
        assert!(list.notes.iter().all(|n| n.code != "log_unfinished"), "{context}: {:?}", list.notes);
        // No header records the directory and boot in which the stream may be continued, so the next writer starts another
        // stream.
        long_run(disk.process(4), "next", 1).unwrap();
        let report = verified(disk.process(5), "/x/w", VerifyOptions::default());
        assert_eq!((report.outcome, report.streams.len()), (Outcome::Whole, 2), "{context}");
    }
}

#[test]
fn unfinished_creation_after_unsealed_segment_is_repaired_by_next_writer() {
    let (disk, path, next) = killed_in_one_segment();
    let file = names::segment_path(path.parent().unwrap().parent().unwrap(), stream_of(&path), next);
    for form in unfinished_forms(&header_area(&disk, &path, next)) {
        let (disk, context) = (disk.fork(), format!("{} bytes", form.len()));
        disk.overwrite(&file, form);
        let report = verified(disk.process(2), "/x/w", VerifyOptions::default());
        assert_eq!(report.outcome, Outcome::Whole, "{context}: {:?}", report.problems);
        assert_eq!(report.streams[0].head.map(|h| h.seq), Some(next.previous()), "{context}");
        assert!(has_note(&report, "segment_unfinished"), "{context}: {:?}", report.notes);
        let list = small(disk.process(3)).unwrap().list_runs(None).unwrap();
        assert!(list.notes.iter().all(|n| n.code != "log_unfinished"), "{context}: {:?}", list.notes);
        long_run(disk.process(4), "next", 3).unwrap();
        let report = verified(disk.process(5), "/x/w", VerifyOptions::default());
        assert_eq!(report.outcome, Outcome::Whole, "{context}: {:?}", report.problems);
        assert!(!has_note(&report, "segment_unfinished"), "{context}: {:?}", report.notes);
        assert_eq!(report.streams.len(), 1, "{context}: the stream was not continued");
    }
}

fn stream_of(path: &Path) -> contexta::engine::entry::StreamId {
    let name = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    name.parse().unwrap()
}

#[test]
fn last_segment_truncated_in_its_header_area_after_sealed_segment_is_damage() {
    let disk = SimDisk::new(32);
    long_run(disk.process(1), "a", 3).unwrap();
    let paths = segments(&disk, "/x/w");
    let last = paths.last().unwrap();
    assert!(paths.len() > 1);
    let whole = disk.read(last).unwrap();
    for form in unfinished_forms(&whole[..FRAMES_AT as usize]) {
        disk.overwrite(last, form.clone());
        let report = verified(disk.process(2), "/x/w", LOG_ONLY);
        assert_eq!(report.outcome, Outcome::Damaged, "{} bytes", form.len());
        let is_open = report.problems.iter().filter_map(|p| p.lost).any(|(_, last)| last.is_none());
        // A file of the length of the header area, with one valid copy of the header, ends where entries would begin.
        let has_end = form.len() as u64 == FRAMES_AT && form.iter().any(|b| *b != 0);
        assert_eq!(is_open, !has_end, "{} bytes: {:?}", form.len(), report.problems);
    }
}

#[test]
fn last_segment_with_other_bytes_than_a_header_is_damage() {
    let (disk, path, next) = killed_in_one_segment();
    let file = names::segment_path(path.parent().unwrap().parent().unwrap(), stream_of(&path), next);
    let area = header_area(&disk, &path, next);
    let mut forms = vec![vec![0xaa; 300], area[..1000].to_vec(), area.clone(), area.clone()];
    forms[1][500] = 1;
    forms[2][3] ^= 1;
    forms[2][4097] ^= 1;
    // A header is missing, although frames follow it.
    forms[3] = vec![0; area.len() + 100];
    *forms[3].last_mut().unwrap() = 1;
    for (n, form) in forms.into_iter().enumerate() {
        disk.overwrite(&file, form);
        let report = verified(disk.process(2), "/x/w", LOG_ONLY);
        assert_eq!(report.outcome, Outcome::Damaged, "form {n}");
    }
}

/// A writer is killed at any change on disk, and so is the writer that continues the stream: no header of a segment is
/// reported as damaged, and no recorded entry is lost.
#[test]
fn kill_at_any_change_leaves_no_damaged_header() {
    let base = SimDisk::new(33);
    drop(small(base.process(9)).unwrap());
    let check = |disk: &SimDisk, context: &str| {
        let report = verified(disk.process(5), "/x/w", LOG_ONLY);
        // A partial frame at the end of a segment is reported. It may belong to an append that was not acknowledged.
        let in_frames = report.problems.iter().all(|p| p.offset.is_some_and(|offset| offset >= FRAMES_AT));
        assert!(in_frames, "{context}: {:?}", report.problems);
        report
    };
    let mut unfinished = 0;
    for change in 0.. {
        let disk = base.fork();
        let process = disk.spawn(1);
        process.plan(Moment::Change(change), Fault::Kill);
        let done = long_run(process.clone(), "a", 4);
        if process.is_alive() {
            done.unwrap();
            break;
        }
        let before = check(&disk, &format!("killed at {change}"));
        if !has_note(&before, "segment_unfinished") {
            continue;
        }
        unfinished += 1;
        for second in 0.. {
            let (disk, context) = (disk.fork(), format!("killed at {change}, then at {second}"));
            let process = disk.spawn(2);
            process.plan(Moment::Change(second), Fault::Kill);
            let done = long_run(process.clone(), "b", 2);
            let after = check(&disk, &context);
            assert!(after.entries() >= before.entries(), "{context}");
            long_run(disk.process(3), "c", 1).unwrap();
            let last = check(&disk, &context);
            if process.is_alive() {
                done.unwrap();
                // The stream of a writer that was killed while it started a new segment was continued.
                let begun = before.streams[0].entries == 0;
                assert_eq!(last.streams.len(), if begun { 2 } else { 1 }, "{context}");
                assert_eq!(has_note(&last, "segment_unfinished"), begun, "{context}");
                break;
            }
        }
    }
    assert!(unfinished >= 2, "the first creation or a rotation was not interrupted");
}

// ---- merges

/// Two workspaces with two histories of one stream, each with published tables, are merged into each other. Whichever
/// side keeps the id of the stream, a note explains the tables of the other side.
#[test]
fn tables_from_before_a_merge_that_split_a_fork_are_not_damage() {
    let disk = SimDisk::new(34);
    two_runs(&open_sim(&disk, 1, "/w"));
    let segment = segments(&disk, "/w").remove(0);
    let before = disk.read(&segment).unwrap();
    two_runs(&open_sim(&disk, 2, "/w"));
    disk.copy_tree(Path::new("/w"), Path::new("/other"));
    disk.overwrite(&segment, before);
    let contexta = open_sim(&disk, 3, "/w");
    contexta.run("another").start().unwrap().complete().unwrap();
    drop(contexta);
    for workspace in ["/w", "/other"] {
        open_sim(&disk, 4, workspace).list_runs(None).unwrap();
    }
    let mut explained = 0;
    for (from, into) in [("/w", "/other"), ("/other", "/w")] {
        let disk = disk.fork();
        let report = open_sim(&disk, 5, into).merge(from, MergeSettings::default()).unwrap();
        assert_eq!(report.log.forks.len(), 1, "{report:?}");
        let report = verified(disk.process(6), into, VerifyOptions::default());
        assert_eq!(report.outcome, Outcome::Whole, "{into}: {:?}", report.problems);
        explained += u32::from(has_note(&report, "projections_rebuilt"));
        // A stream that lost entries is still damaged, although a merge derived another stream from it.
        open_sim(&disk, 7, into).list_runs(None).unwrap();
        let trunk = segments(&disk, into).into_iter().find(|p| stream_of(p) == stream_of(&segment)).unwrap();
        let bytes = disk.read(&trunk).unwrap();
        disk.overwrite(&trunk, bytes[..FRAMES_AT as usize].to_vec());
        let report = verified(disk.process(8), into, VerifyOptions::default());
        assert_eq!(codes(&report), ["log_changed"], "{into}");
    }
    assert_eq!(explained, 1, "no side keeps the id");
}

// ---- the chain

/// Replaces text in an entry by other text of the same length, and corrects all checksums of the changed bytes.
pub(crate) fn rewrite(disk: &SimDisk, path: &Path, from: &str, to: &str) {
    let mut bytes = disk.read(path).unwrap();
    let segment = SegmentHeader::decode_one(&bytes).unwrap();
    let find = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).position(|window| window == text);
    let mut at = FRAMES_AT as usize;
    loop {
        let salt = frame_salt(segment.salt, at as u64);
        let header = FrameHeader::decode(&bytes[at..], salt).expect("a frame holds the text");
        let range = at + FRAME_HEADER_LEN..at + FRAME_HEADER_LEN + header.payload_len as usize;
        let payload = &mut bytes[range.clone()];
        let entries = decode_entries(&header, payload, segment.stream).unwrap_or_default();
        let holds = |entry: &EntryRef<'_>| find(entry.payload, from.as_bytes()).is_some();
        if let Some(entry) = entries.iter().find(holds) {
            let mut changed = entry.payload.to_vec();
            let place = find(&changed, from.as_bytes()).unwrap();
            changed[place..place + to.len()].copy_from_slice(to.as_bytes());
            let head = canonical_head(&entry.stamp, entry.kind, entry.version, changed.len());
            let place = find(payload, &entry.checksum.to_le_bytes()).unwrap();
            payload[place..place + 4].copy_from_slice(&entry_checksum(&head, &changed).to_le_bytes());
            let place = find(payload, from.as_bytes()).unwrap();
            payload[place..place + to.len()].copy_from_slice(to.as_bytes());
            let sum = salted_crc32(salt, &[payload]);
            bytes[at + 32..at + 36].copy_from_slice(&sum.to_le_bytes());
            let sum = salted_crc32(salt.rotate_left(17), &[&bytes[at..at + FRAME_HEADER_LEN - 4]]);
            bytes[at + FRAME_HEADER_LEN - 4..at + FRAME_HEADER_LEN].copy_from_slice(&sum.to_le_bytes());
            break;
        }
        at += header.frame_len() as usize;
    }
    disk.overwrite(path, bytes);
}

/// Returns the code, segment and offset of each problem.
fn places(report: &VerifyReport) -> Vec<(&'static str, u64, u64)> {
    let problem = |p: &contexta::recovery::Problem| (p.code, p.segment.unwrap().0, p.offset.unwrap());
    report.problems.iter().map(problem).collect()
}

/// Returns the offset of the last frame in a segment, which is a mark.
fn last_mark(disk: &SimDisk, path: &Path) -> u64 {
    let bytes = disk.read(path).unwrap();
    let salt = SegmentHeader::decode_one(&bytes).unwrap().salt;
    let (mut at, mut mark) = (FRAMES_AT, None);
    while let Some(header) = FrameHeader::decode(&bytes[at as usize..], frame_salt(salt, at)) {
        mark = (header.entries == 0).then_some(at);
        at += header.frame_len();
    }
    mark.unwrap()
}

fn messages(disk: &SimDisk, texts: &[&str]) {
    let contexta = small(disk.process(1)).unwrap();
    let run = contexta.run("a").start().unwrap();
    for text in texts {
        run.event("message", text).unwrap();
    }
    run.complete().unwrap();
    contexta.close().unwrap();
}

#[test]
fn entry_replaced_before_a_close_mark_breaks_the_chain_at_the_mark() {
    let disk = SimDisk::new(35);
    messages(&disk, &["original"]);
    let path = segments(&disk, "/x/w").remove(0);
    let mark = last_mark(&disk, &path);
    assert_eq!(verified(disk.process(2), "/x/w", LOG_ONLY).outcome, Outcome::Whole);
    rewrite(&disk, &path, "original", "modified");
    let report = verified(disk.process(2), "/x/w", LOG_ONLY);
    assert_eq!((report.outcome, places(&report)), (Outcome::Damaged, vec![("chain_broken", 1, mark)]));
}

#[test]
fn entry_replaced_in_a_sealed_segment_breaks_its_seal_and_the_chain() {
    let disk = SimDisk::new(36);
    messages(&disk, &["original", &"m".repeat(LONG), &"m".repeat(LONG), "last"]);
    let paths = segments(&disk, "/x/w");
    let seal = last_mark(&disk, &paths[0]);
    let next = SegmentHeader::decode_one(&disk.read(&paths[1]).unwrap()).unwrap().base.0;
    assert_eq!(verified(disk.process(2), "/x/w", LOG_ONLY).outcome, Outcome::Whole);
    rewrite(&disk, &paths[0], "original", "modified");
    let report = verified(disk.process(2), "/x/w", LOG_ONLY);
    let expected = [("chain_broken", 1, seal), ("seal_broken", 1, seal), ("chain_broken", next, 0)];
    assert_eq!((report.outcome, places(&report)), (Outcome::Damaged, expected.to_vec()));
}

#[test]
fn segment_with_lost_headers_continues_the_chain() {
    let disk = SimDisk::new(37);
    messages(
        &disk,
        &["original", &"m".repeat(LONG), &"m".repeat(LONG), &"m".repeat(LONG), &"m".repeat(LONG)],
    );
    let paths = segments(&disk, "/x/w");
    assert!(paths.len() > 2);
    for path in &paths[..2] {
        let disk = disk.fork();
        let mut bytes = disk.read(path).unwrap();
        bytes[0] ^= 1;
        bytes[4096] ^= 1;
        disk.overwrite(path, bytes);
        let report = verified(disk.process(2), "/x/w", LOG_ONLY);
        // The digest of the seal includes the header.
        assert_eq!(codes(&report), ["header_lost", "seal_broken"], "{}", path.display());
        assert!(report.problems.iter().all(|p| p.lost.is_none()), "{:?}", report.problems);
        assert!(report.streams[0].head.is_some());
    }
}
