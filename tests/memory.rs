//! Decoding uses bounded memory for any input. Every decoder of bytes from outside has a stated limit, and a counting
//! allocator checks the limits with hostile lengths, counts and nesting. docs/FUZZING.md lists the limits.
#![expect(unsafe_code, reason = "a global allocator cannot be written without unsafe code")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests may panic; clippy.toml permits it in test functions only"
)]

#[path = "../fuzz/bodies/generation.rs"]
#[expect(dead_code, reason = "only the valid generation is used here")]
mod generation;

use contexta::config::file::{FILE_BYTES_MAX, FileFormat, parse as parse_config};
use contexta::contract::StableRef;
use contexta::contract::json::read::parse;
use contexta::engine::blob::BlobStore;
use contexta::engine::bytes::{put_length_prefixed, put_varint};
use contexta::engine::chain::Chain;
use contexta::engine::checksum::salted_crc32;
use contexta::engine::codec::{CodecError, PAYLOAD_BYTES_MAX};
use contexta::engine::domain::Domain;
use contexta::engine::entry::{
    Entry, Event, Kind, PayloadVersion, Seq, Stamp, StreamId, canonical_head, entry_checksum,
};
use contexta::engine::intake::Intake;
use contexta::engine::log::directory::read_headers;
use contexta::engine::log::frame::{FRAME_MAGIC, FrameHeader, decode_entries, frame_salt};
use contexta::engine::log::header::{FRAMES_AT, SegmentHeader};
use contexta::engine::log::limits::{
    EXPANDED_BYTES_MAX, FRAME_ENTRIES_MAX, FRAME_HEADER_LEN, FRAME_PAYLOAD_BYTES_MAX,
};
use contexta::engine::log::mark::{Mark, SEAL_INDEX_MAX};
use contexta::engine::log::names::segment_path;
use contexta::engine::log::{Item, ScanMode, StreamReader};
use contexta::engine::projection::cursor::Cursor;
use contexta::engine::projection::generation::{BLOCK_LEN, Generation};
use contexta::engine::repair::salvage;
use contexta::engine::storage::OpenMode;
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::sim::SimDisk;
use contexta::store::Durability;
use contexta::{Options, rewritten};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

// ---- the limits

/// Memory in addition to that of the decoder: for error messages, and for concurrent work of the test runner.
const SLACK: usize = 64 << 10;
/// Memory for the entries of a frame: the payloads, and for each entry the entry itself and its kind.
const FRAME_CAP: usize = EXPANDED_BYTES_MAX + FRAME_ENTRIES_MAX * (size_of::<Entry>() + 64) + SLACK;
/// Memory for reading a stream: the window around one frame, a copy of the frame's payload, and the entries.
const READER_CAP: usize = 2 * FRAME_PAYLOAD_BYTES_MAX + FRAME_CAP + (1 << 20);
/// Memory for salvage: the window around one frame, two frames that confirm each other, and the list of their entries.
const SALVAGE_CAP: usize = 128 << 20;
/// Memory for one header area.
const HEADERS_CAP: usize = FRAMES_AT as usize + SLACK;
/// Memory for each byte of a mark.
const MARK_FACTOR: usize = 2;
/// Memory for each byte of a JSON text: an object with one member has five bytes and needs a node of a tree.
const JSON_FACTOR: usize = 150;
/// Memory for each byte of a ref: an error quotes the text.
const REF_FACTOR: usize = 24;
/// Memory for reading a payload and writing it again: the memory that counts in the payload may reserve before any item
/// is read, and memory for each byte (the JSON in a payload exists twice at that time).
const PAYLOAD_CAP: usize = (2 << 20) + SLACK;
const PAYLOAD_FACTOR: usize = 300;
/// Memory for each byte of a configuration file. Another limit bounds the expansion of aliases in YAML.
const CONFIG_FACTOR: usize = 150;
const CONFIG_CAP: usize = (4 << 20) + SLACK;
/// Memory for each byte of the row of a cursor.
const CURSOR_FACTOR: usize = 64;
/// Memory for opening a generation and reading its blocks: two blocks, and the checksums of the file.
const fn generation_cap(file_len: usize) -> usize {
    2 * BLOCK_LEN + file_len / 128 + SLACK
}

// ---- counting

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of allocations of this thread.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count_allocation(bytes: usize) {
    // The variable does not exist any more while the thread ends.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    let held = HELD.fetch_add(bytes, Ordering::SeqCst) + bytes;
    PEAK.fetch_max(held, Ordering::SeqCst);
}

fn count_release(bytes: usize) {
    HELD.fetch_sub(bytes, Ordering::SeqCst);
}

// SAFETY: every call is passed on to the allocator of the system unchanged; counting accesses none of the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_allocation(layout.size());
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count_allocation(layout.size());
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count_release(layout.size());
        // SAFETY: guaranteed by the caller.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // The old and the new block may exist at the same time.
        count_allocation(new_size);
        count_release(layout.size());
        // SAFETY: guaranteed by the caller.
        unsafe { System.realloc(at, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `f` and asserts that its peak memory is at most `cap`.
fn within<T>(what: &str, cap: usize, f: impl FnOnce() -> T) -> T {
    let before = HELD.load(Ordering::SeqCst);
    PEAK.store(before, Ordering::SeqCst);
    let result = f();
    let peak = PEAK.load(Ordering::SeqCst).saturating_sub(before);
    println!("{what}: {peak} bytes of {cap}");
    assert!(peak <= cap, "{what}: {peak} bytes exceed the cap of {cap}");
    result
}

/// A lock that serialises the tests, because they measure the whole process.
fn alone() -> impl Drop {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---- bodies

#[test]
fn file_becomes_a_body_in_constant_memory() {
    const SIZE: u64 = 64 << 20;
    let _alone = alone();
    let dir = std::env::temp_dir().join(format!("contexta-memory-body-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let source = dir.join("sparse");
    std::fs::File::create(&source).and_then(|file| file.set_len(SIZE)).expect("a file");
    let blobs = BlobStore::new(OsStorage::shared(), dir.join("objects"), dir.join("staging"));
    for intake in [Intake::Copy, Intake::Link] {
        let mut seen = 0;
        let mut count = |part: &[u8]| seen += part.len() as u64;
        let taken = within("a file of 64 MiB", 4 << 20, || blobs.ingest_file(&source, intake, &mut count));
        assert_eq!((taken.expect("a body").info.size, seen), (SIZE, SIZE));
    }
    std::fs::remove_dir_all(&dir).expect("the directory");
}

// ---- frames

const STREAM: StreamId = StreamId([3; 16]);
const SALT: u64 = 7;

/// A frame of rows with correct checksums: kind, number of bytes shared with the start and the end of the previous
/// row of the same kind, and the bytes between them. The rest of `entries` is claimed and missing.
fn frame(entries: usize, rows: &[(u16, usize, usize, &[u8])]) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut before: std::collections::HashMap<u16, Vec<u8>> = Default::default();
    for (n, (kind, prefix, suffix, middle)) in (0u64..).zip(rows) {
        let last = before.remove(kind).unwrap_or_default();
        let front = last.get(..*prefix).unwrap_or_default();
        let back = last.len().checked_sub(*suffix).and_then(|at| last.get(at..)).unwrap_or_default();
        // A count that exceeds every limit is not generated here.
        let fits = front.len() + back.len() + middle.len() <= PAYLOAD_BYTES_MAX;
        let whole = if fits { [front, middle, back].concat() } else { last.clone() };
        let stamp = Stamp { time: 1 + n, stream: STREAM, seq: Seq(1 + n) };
        let head = canonical_head(&stamp, Kind(*kind), PayloadVersion(1), whole.len());
        payload.extend_from_slice(&entry_checksum(&head, &whole).to_le_bytes());
        for number in [n.min(1), u64::from(*kind), 1, *prefix as u64, *suffix as u64] {
            put_varint(&mut payload, number);
        }
        put_length_prefixed(&mut payload, middle);
        before.insert(*kind, whole);
    }
    let mut out = FRAME_MAGIC.to_vec();
    for number in [payload.len() as u32, entries as u32, 1] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in [1u64, 1] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&salted_crc32(SALT, &[&payload]).to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    let checksum = salted_crc32(SALT.rotate_left(17), &[&out]);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&payload);
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

/// Frames that claim as much memory as possible, with the expected results.
fn hostile_frames() -> Vec<(&'static str, Vec<u8>, bool)> {
    let doubling: Vec<(u16, usize, usize, &[u8])> = std::iter::once((1, 0, 0, &[7u8; 64][..]))
        .chain((0..40).map(|n| (1, 64 << n.min(30), 64 << n.min(30), &[][..])))
        .collect();
    let large = vec![1u8; PAYLOAD_BYTES_MAX];
    let mut repeated: Vec<(u16, usize, usize, &[u8])> = vec![(1, 0, 0, &large)];
    repeated.extend((0..40).map(|_| (1, large.len(), 0, &[][..])));
    let four = [&repeated[..4], &[]].concat();
    let kinds: Vec<(u16, usize, usize, &[u8])> = (0..=u16::MAX).map(|k| (k, 0, 0, &b"k"[..])).collect();
    let thin: Vec<(u16, usize, usize, &[u8])> = kinds.iter().map(|_| (1, 0, 0, &b""[..])).collect();
    vec![
        ("a frame that doubles with each row", frame(41, &doubling), false),
        ("a frame that repeats 4 MiB", frame(repeated.len(), &repeated), false),
        ("a frame of four times 4 MiB", frame(4, &four), true),
        ("a frame of all possible kinds", frame(kinds.len(), &kinds), true),
        ("a frame of empty entries", frame(thin.len(), &thin), true),
        ("a frame that claims entries", frame(FRAME_ENTRIES_MAX, &thin[..2]), false),
    ]
}

#[test]
fn decoding_of_frames_uses_bounded_memory() {
    let _alone = alone();
    for (what, bytes, readable) in hostile_frames() {
        let header = FrameHeader::decode(&bytes, SALT).expect(what);
        let payload = &bytes[FRAME_HEADER_LEN..];
        assert!(header.matches(payload, SALT), "{what}");
        let read = within(what, FRAME_CAP, || decode_entries(&header, payload, STREAM));
        assert_eq!(read.is_some(), readable, "{what}");
    }
}

/// Sets the checksums of a frame to those that are correct for its position in a segment.
fn place(frame: &mut [u8], offset: u64) {
    let Some((head, payload)) = frame.split_first_chunk_mut::<FRAME_HEADER_LEN>() else { return };
    let salt = frame_salt(SALT, offset);
    let len = u32::from_le_bytes(std::array::from_fn(|n| head[4 + n])) as usize;
    let payload = payload.get(..len).unwrap_or_default();
    head[32..36].copy_from_slice(&salted_crc32(salt, &[payload]).to_le_bytes());
    let checksum = salted_crc32(salt.rotate_left(17), &[&head[..44]]);
    head[44..48].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn reader_uses_the_memory_of_one_frame() {
    let _alone = alone();
    let header = SegmentHeader {
        stream: STREAM,
        home: None,
        origin: None,
        domain: Domain::new("memory", 1).unwrap(),
        base: Seq(1),
        chain: Chain::ORIGIN,
        salt: SALT,
        previous_salt: 0,
        time: 1,
    };
    let mut claims = frame(1, &[(1, 0, 0, b"x")]);
    claims[4..8].copy_from_slice(&(FRAME_PAYLOAD_BYTES_MAX as u32).to_le_bytes());
    let checksum = salted_crc32(SALT.rotate_left(17), &[&claims[..44]]);
    claims[44..48].copy_from_slice(&checksum.to_le_bytes());
    let log = Path::new("/log");
    for (what, bytes, readable) in hostile_frames() {
        // Two claims of 16 MiB that the file does not contain, the frame three times, and damage between them.
        let mut file = header.encode();
        for part in [&claims, &claims, &bytes, &vec![0xa5; 24], &bytes, &bytes] {
            let mut part = part.clone();
            place(&mut part, file.len() as u64);
            file.extend(part);
        }
        let disk = SimDisk::new(1);
        disk.overwrite(&segment_path(log, STREAM, Seq(1)), file);
        let storage = disk.process(1);
        for mode in [ScanMode::Follow, ScanMode::Full] {
            let commits = within(&format!("a stream with {what}, {mode:?}"), READER_CAP, || {
                let mut reader = StreamReader::open(&storage, log, STREAM, mode).unwrap();
                let mut commits = 0;
                while let Some(item) = reader.next_item().unwrap() {
                    commits += usize::from(matches!(item, Item::Commit(_)));
                }
                commits
            });
            assert_eq!(commits, usize::from(readable), "{what}");
        }
    }
}

/// An event that is not decoded.
struct Undecoded;

impl Event for Undecoded {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[];
    fn kind(&self) -> Kind {
        Kind(0)
    }
    fn encode(&self, _: &mut Vec<u8>) -> Result<(), CodecError> {
        Ok(())
    }
    fn decode(_: Kind, _: PayloadVersion, _: &[u8]) -> Result<Option<Undecoded>, CodecError> {
        Ok(None)
    }
}

#[test]
fn salvage_uses_the_memory_of_a_few_frames() {
    let _alone = alone();
    let domain = Domain::new("memory", 1).unwrap();
    for (what, bytes, readable) in hostile_frames() {
        // Three adjacent frames of a segment without its header, in files with and without the name of the stream.
        let mut file = Vec::new();
        for _ in 0..3 {
            let mut part = bytes.clone();
            place(&mut part, FRAMES_AT + file.len() as u64);
            file.extend(part);
        }
        let disk = SimDisk::new(1);
        let named = segment_path(Path::new("/log"), STREAM, Seq(1));
        disk.overwrite(&named, file.clone());
        disk.overwrite(Path::new("/piece"), file);
        for path in [named.as_path(), Path::new("/piece")] {
            let found = within(&format!("salvage of {what}"), SALVAGE_CAP, || {
                salvage::<Undecoded>(&disk.process(1), path, domain).unwrap().map(Result::unwrap).count()
            });
            assert!(!readable || found > 0, "{what}");
        }
    }
}

// ---- headers, marks, cursors

#[test]
fn headers_and_marks_use_memory_proportional_to_length() {
    let _alone = alone();
    let disk = SimDisk::new(1);
    disk.overwrite(Path::new("/segment"), vec![1; 1 << 20]);
    let file = disk.process(1).open(Path::new("/segment"), OpenMode::Read).unwrap();
    within("a header area", HEADERS_CAP, || read_headers(file.as_ref(), STREAM, Seq::FIRST).unwrap());
    for (count, len) in
        [(u64::MAX, 16 << 10), (1 << 60, 0), (65_536, 100), (65_537, 65_537 * 16), (65_536, 1 << 20)]
    {
        let mut seal = vec![0; 112 + len];
        seal[104..112].copy_from_slice(&u64::to_le_bytes(count));
        let what = format!("a seal that claims {count} places");
        let read = within(&what, MARK_FACTOR * seal.len() + SLACK, || Mark::decode(&seal, true));
        let honest = count <= SEAL_INDEX_MAX as u64 && count * 16 == len as u64;
        assert_eq!(read.is_some(), honest, "{what}");
    }
}

#[test]
fn cursor_uses_memory_proportional_to_its_row() {
    let _alone = alone();
    let whole = Cursor::start().encode();
    // A flag and the boot id follow the gaps.
    let (front, boot) = whole.split_at(whole.len() - 17);
    let mut row = front.to_vec();
    row.pop();
    for (claimed, there) in [(u64::MAX, 3usize), (1 << 40, 1000), (100_000, 100_000)] {
        let mut row = row.clone();
        put_varint(&mut row, claimed);
        row.extend([1, 2, 0].repeat(there));
        row.extend_from_slice(boot);
        let what = format!("a cursor that claims {claimed} gaps");
        let read = within(&what, CURSOR_FACTOR * row.len() + SLACK, || Cursor::decode(STREAM, &row));
        assert_eq!(read.is_some(), claimed == there as u64);
    }
}

// ---- text

/// Texts that use the most memory for their length.
fn hostile_json(len: usize, depth: usize) -> Vec<(&'static str, String)> {
    let nest = |open: &str, close: &str| {
        let one = format!("{}0{}", open.repeat(depth), close.repeat(depth));
        format!("[{}]", vec![one.as_str(); len / (one.len() + 1)].join(","))
    };
    vec![
        ("numbers", format!("[{}0]", "0,".repeat(len / 2))),
        ("lists", format!("[{}[]]", "[],".repeat(len / 3))),
        ("lists of one", format!("[{}[0]]", "[0],".repeat(len / 4))),
        ("nested lists", nest("[", "]")),
        ("nested objects", nest("{\"\":", "}")),
        ("objects", format!("[{}{{}}]", "{\"\":0},".repeat(len / 7))),
        ("unclosed brackets", "[".repeat(len)),
        ("unclosed objects", "{\"\":".repeat(len / 4)),
        ("a text", format!("\"{}\"", "a".repeat(len))),
        ("escapes", format!("\"{}\"", "\\n".repeat(len / 2))),
        ("digits", "9".repeat(len)),
    ]
}

#[test]
fn json_uses_memory_proportional_to_its_length() {
    let _alone = alone();
    for len in [1 << 10, 1 << 19] {
        for (what, text) in hostile_json(len, 63) {
            let what = format!("JSON, {} bytes of {what}", text.len());
            let _ = within(&what, JSON_FACTOR * text.len() + SLACK, || parse(&text));
        }
    }
    let over = " ".repeat((16 << 20) + 1);
    assert!(within("JSON over the limit", SLACK, || parse(&over)).is_err());
}

#[test]
fn refs_use_memory_proportional_to_their_length() {
    let _alone = alone();
    for text in ["a".repeat(1 << 20), "\u{1}:".repeat(1 << 19), format!("run:{}", "a.".repeat(1 << 19))] {
        let cap = REF_FACTOR * text.len() + SLACK;
        assert!(within("a ref", cap, || StableRef::parse(&text)).is_err());
    }
}

// ---- configuration files

#[test]
fn configuration_files_use_memory_proportional_to_their_length() {
    let _alone = alone();
    let path = Path::new("a");
    let len = FILE_BYTES_MAX as usize / 4;
    let mut bomb = "a0: &a0 [x]\n".to_owned();
    for n in 1..12 {
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(10)));
    }
    let dotted = format!("{}a = 1\n", "a.".repeat(len / 2));
    let tables: String = (0..len / 8).map(|n| format!("[a{n}]\n")).collect();
    let samples = [
        (FileFormat::Json, format!("{{\"a\": {}", "[".repeat(len))),
        (FileFormat::Json, format!("{{\"a\": [{}1]}}", "1,".repeat(len / 2))),
        (FileFormat::Toml, format!("a = {}", "[".repeat(len))),
        (FileFormat::Toml, format!("a = [{}]", "1,".repeat(len / 2))),
        (FileFormat::Toml, dotted),
        (FileFormat::Toml, format!("[{}a]\n", "a.".repeat(len / 2))),
        (FileFormat::Toml, "a = {a = ".repeat(len / 9)),
        (FileFormat::Toml, tables),
        (FileFormat::Yaml, "[".repeat(len)),
        (FileFormat::Yaml, format!("a: [{}]", "1,".repeat(len / 2))),
        (FileFormat::Yaml, "- ".repeat(len / 2)),
        (FileFormat::Yaml, "a: &a x\n".repeat(len / 8)),
        (FileFormat::Yaml, "{a: ".repeat(len / 4)),
        (FileFormat::Yaml, "? ".repeat(len / 2)),
        (FileFormat::Yaml, bomb),
    ];
    for (format, text) in samples {
        let what = format!("{format:?}, {} bytes of {}", text.len(), text.get(..12).unwrap_or_default());
        let _ = within(&what, CONFIG_CAP + CONFIG_FACTOR * text.len(), || {
            parse_config(text.as_bytes(), format, path)
        });
    }
}

// ---- payloads

#[test]
fn payloads_use_memory_proportional_to_their_length_whatever_they_claim() {
    let _alone = alone();
    let version = PayloadVersion(1);
    let claims: [&[u8]; 4] = [
        &[253, 0, 0, 0, 0, 0, 0, 0, 0x80],
        &[253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[252, 0xff, 0xff, 0x1f, 0],
        &[252, 0, 0, 2, 0],
    ];
    for kind in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 19, 32, 33, 34, 48] {
        // A claim in place of each of the first fields, with texts before it and some bytes after it.
        for claim in claims {
            for fields in 0..16 {
                let payload = [&[0][..], &[1, b'a'].repeat(fields), claim, &[0; 40]].concat();
                let read = within(&format!("kind {kind}, a claim"), PAYLOAD_CAP, || {
                    rewritten(Kind(kind), version, &payload)
                });
                assert!(read.is_err());
            }
            let payload = [claim, &[0; 4000]].concat();
            let read = within(&format!("kind {kind}, replaced"), PAYLOAD_CAP, || {
                rewritten(Kind(kind), version, &payload)
            });
            assert!(read.is_err());
        }
    }
    for (what, json) in hostile_json(1 << 18, 50) {
        let text = format!("{{\"k\":{json}}}");
        let mut payload =
            b"\x00\x00\x07run:p.r\x00\x00\x00\x00\x00\x08sdk.rust\x00\x00\x00\x00\x00\x01e\x02\x00\x00\x00"
                .to_vec();
        payload.push(252);
        payload.extend_from_slice(&(text.len() as u32).to_le_bytes());
        payload.extend_from_slice(text.as_bytes());
        payload.extend_from_slice(b"\x01m\x00\x00");
        let cap = PAYLOAD_CAP + PAYLOAD_FACTOR * payload.len();
        let read = within(&format!("an event of {what}"), cap, || rewritten(Kind(16), version, &payload));
        assert_eq!(read.is_ok(), parse(&text).is_ok(), "{what}");

        // A whole object as JSON: the text is read, converted to a model, and written again.
        let text = format!(
            concat!(
                r#"{{"extensions":[],"metadata":{},"name":"R","project_ref":"project:p","run_ref":"run:p.r","#,
                r#""schema_version":"1.0.0","started_at":"2024-01-01T00:00:00Z","status":"open"}}"#
            ),
            text
        );
        let mut payload = vec![0, 0, 252];
        payload.extend_from_slice(&(text.len() as u32).to_le_bytes());
        payload.extend_from_slice(text.as_bytes());
        let read = within(&format!("a run of {what}"), cap, || rewritten(Kind(2), version, &payload));
        assert_eq!(read.is_ok(), parse(&text).is_ok(), "{what}");
    }
}

// ---- generations

#[test]
fn generation_uses_memory_proportional_to_its_file() {
    let _alone = alone();
    let path = Path::new("/w/projections/00000000000000000001-0000000000000000.gen");
    let good = &generation::good().generation;
    let claims = |image_len: u64, len: usize| {
        let mut file = good[..len.min(good.len())].to_vec();
        file.resize(len, 0);
        file[16..24].copy_from_slice(&image_len.to_le_bytes());
        let checksum = salted_crc32(0, &[&file[..92]]);
        file[92..96].copy_from_slice(&checksum.to_le_bytes());
        file
    };
    let files = [
        ("a valid generation", good.clone()),
        ("a generation that claims 2^62 bytes", claims(1 << 62, 9000)),
        ("a generation that claims the most", claims(u64::MAX / 2 - 1, 4096)),
        ("a generation that claims 2^40 bytes", claims(1 << 40, good.len())),
    ];
    for (what, file) in files {
        let disk = SimDisk::new(1);
        let cap = generation_cap(file.len());
        let is_good = file == *good;
        disk.overwrite(path, file);
        let storage = disk.process(1);
        let blocks = within(what, cap, || {
            let generation = Generation::open(storage.as_ref(), path).ok()?;
            let mut block = [0; BLOCK_LEN];
            let blocks = generation.image_len().div_ceil(BLOCK_LEN as u64);
            Some((0..blocks).filter(|n| generation.block(*n, &mut block).is_ok()).count())
        });
        assert_eq!(blocks.is_some_and(|n| n > 3), is_good, "{what}");
    }
}

// ---- interchange

/// Generates lines of metrics while they are read. An import rejects every tenth line.
struct Lines {
    next: u64,
    count: u64,
    /// The number of spaces at the beginning of the object in each line.
    spaces: usize,
    line: Vec<u8>,
    at: usize,
}

impl std::io::Read for Lines {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.line.len() {
            if self.next == self.count {
                return Ok(0);
            }
            let (n, value) = (self.next, if self.next % 10 == 9 { "true" } else { "0.5" });
            self.line = format!(
                concat!(
                    r#"{{"kind":"record","object":{{"envelope":{{"observed_at":"2024-01-01T00:00:00Z","producer_ref":"x","#,
                    r#""record_ref":"record:p.r.k{}","record_type":"metric","recorded_at":"2024-01-02T00:00:00Z","#,
                    r#""run_ref":"run:p.r"}},"payload":{{"metric_key":"loss","value":{},"value_type":"float"}}}}}}"#,
                    "\n"
                ),
                n, value
            )
            .into_bytes();
            self.line.splice(1..1, std::iter::repeat_n(b' ', self.spaces));
            (self.next, self.at) = (n + 1, 0);
        }
        let part = &self.line[self.at..];
        let len = part.len().min(out.len());
        out[..len].copy_from_slice(&part[..len]);
        self.at += len;
        Ok(len)
    }
}

/// Returns the peak memory of importing this number of lines with this number of spaces, and that of exporting them.
fn interchange_takes(count: u64, spaces: usize) -> (usize, usize) {
    use contexta::{Contexta, ExportFilter, ImportSettings, ImportSource};
    let dir = std::env::temp_dir().join(format!("contexta-memory-{count}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let contexta = Contexta::open(&dir).expect("the workspace opens");
    let peak = |work: &mut dyn FnMut()| {
        let before = HELD.load(Ordering::SeqCst);
        PEAK.store(before, Ordering::SeqCst);
        work();
        PEAK.load(Ordering::SeqCst) - before
    };
    let import = peak(&mut || {
        let mut lines = Lines { next: 0, count, spaces, line: Vec::new(), at: 0 };
        let source = ImportSource::Reader("lines", &mut lines);
        let report = contexta.import_jsonl(source, ImportSettings::default()).expect("an import");
        assert_eq!((report.total().new, report.total().refused), (count - count / 10, count / 10));
    });
    let export = peak(&mut || {
        let filter = ExportFilter::default();
        let report = contexta.export_jsonl(&mut std::io::sink(), &filter).expect("an export");
        // The rejected lines are exported too, as losses of their run.
        assert_eq!(report.kinds["record"], count);
    });
    drop(contexta);
    let _ = std::fs::remove_dir_all(&dir);
    (import, export)
}

#[test]
fn import_and_export_use_the_same_memory_for_few_and_many_lines() {
    let _alone = alone();
    let (few, many) = (interchange_takes(20_000, 0), interchange_takes(80_000, 0));
    println!("20,000 lines: {few:?} bytes, 80,000 lines: {many:?}");
    // The pages of the tables are cached up to a limit, which takes about 440 bytes a line here. An import or export
    // that held the lines as well would need several hundred bytes more for each.
    const GROWTH_A_LINE_MAX: usize = 512;
    let growth = |few: usize, many: usize| many.saturating_sub(few) / 60_000;
    assert!(growth(few.0, many.0) < GROWTH_A_LINE_MAX, "importing: {few:?} {many:?}");
    assert!(growth(few.1, many.1) < GROWTH_A_LINE_MAX, "exporting: {few:?} {many:?}");
    assert!(many.0 < 48 << 20 && many.1 < 48 << 20, "{many:?}");
}

/// The lines together are several times as long as the part that an import keeps in memory.
#[test]
fn import_keeps_a_part_of_large_lines_in_memory() {
    let _alone = alone();
    let (import, _) = interchange_takes(250, 256 << 10);
    println!("250 lines of 256 KiB: {import} bytes");
    assert!(import < 16 << 20, "{import} bytes");
}

// ---- capture

#[test]
fn points_of_a_series_allocate_memory_only_when_a_batch_is_written() {
    const POINTS: usize = 10_000;
    let _alone = alone();
    let dir = std::env::temp_dir().join(format!("contexta-allocations-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let options = Options::new(&dir).project("p").detect_code_revision(false);
    let contexta = options.durability(Durability::Batched).open().unwrap();
    let run = contexta.run("r").start().unwrap();
    let series = run.series("loss").unwrap();
    let capture = |count: usize| (0..count).for_each(|n| drop(series.point_at(n, n as f64).unwrap()));
    // The buffers of the log grow to their final size.
    capture(5 * POINTS);
    let before = ALLOCATIONS.get();
    capture(POINTS);
    let allocations = ALLOCATIONS.get() - before;
    assert!(allocations < POINTS / 100, "{allocations} allocations for {POINTS} points");
    run.complete().unwrap();
    drop((series, run));
    contexta.close().unwrap();
    let _ = std::fs::remove_dir_all(&dir);
}
