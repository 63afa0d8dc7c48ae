//! The seed inputs: valid samples of each kind; hostile lengths, counts and nesting; truncated and hostile samples with
//! correct checksums.

use super::generation::{MEND_HEADER, MEND_TABLE, WHOLE_FILE as WHOLE_GENERATION};
use super::resync::{BEHIND, MEND, WHOLE_FILE, header};
use super::{archive, frame, payload, segment};
use contexta::engine::bytes::{put_length_prefixed, put_varint};
use contexta::engine::checksum::Digest;
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Gap, GapCause, Kind, PayloadVersion, Seq, StreamId};
use contexta::engine::log::directory::ResumePoint;
use contexta::engine::log::frame::{
    FLAG_CLOSE, FLAG_SEAL, FrameHeader, columns_frame, frame_salt, put_entries, put_mark,
};
use contexta::engine::log::header::{FRAMES_AT, Home, SECOND_HEADER_AT, SegmentHeader};
use contexta::engine::log::limits::FRAME_HEADER_LEN;
use contexta::engine::log::mark::{Mark, Seal};
use contexta::engine::log::pending::{PendingEntries, PendingEntry};
use contexta::engine::projection::cursor::{CurrentFile, Cursor};
use contexta::engine::storage::Place;

type Seed = (&'static str, &'static str, Vec<u8>);

/// Returns all seed inputs: target, name and bytes of each.
pub(crate) fn all() -> Vec<Seed> {
    [
        frames(),
        columns(),
        recoveries(),
        archives(),
        segments(),
        files(),
        payloads(),
        json(),
        manifests(),
        refs(),
        generations(),
        cursors(),
        configs(),
        lines(),
        ingests(),
    ]
    .concat()
}

// ---- columns

/// Returns the number of entries as two bytes, and the payload of a frame with these entries as columns.
fn columns_of(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut rows = PendingEntries::new();
    for (payload, n) in payloads.iter().zip(0u64..) {
        let kind = Kind(1 + (n % 2) as u16);
        rows.push(PendingEntry { kind, version: PayloadVersion(1), time: 1 + n * n, payload });
    }
    let frame = columns_frame(&rows, frame::STREAM, Seq(1), frame::SALT).unwrap();
    let header = FrameHeader::decode(&frame, frame::SALT).unwrap();
    let payload = &frame[FRAME_HEADER_LEN..][..header.payload_len as usize];
    [&(payloads.len() as u16).to_le_bytes(), payload].concat()
}

fn columns() -> Vec<Seed> {
    let points = |count: u64| {
        let point = |n: u64| [b"loss".as_slice(), &(n * 7919).to_le_bytes(), &(n + 1).to_le_bytes()].concat();
        (0..count).map(point).collect::<Vec<_>>()
    };
    let texts = |count: usize| (0..count).map(|n| vec![b'a' + n as u8; n * n]).collect::<Vec<_>>();
    let seed = |name, payloads: &[Vec<u8>]| ("columns", name, columns_of(payloads));
    vec![
        seed("one_entry", &points(1)),
        seed("matrix", &points(200)),
        seed("texts", &texts(12)),
        seed("both", &[points(80), texts(9)].concat()),
        seed("empty_payloads", &vec![Vec::new(); 40]),
    ]
}

// ---- recovery

fn recoveries() -> Vec<Seed> {
    let seed = |name, steps: &[(u8, u8)]| {
        ("recover", name, steps.iter().flat_map(|(operation, place)| [*operation, *place]).collect())
    };
    vec![
        seed("append_and_close", &[(0, 9), (1, 250), (5, 0), (0, 3), (5, 0)]),
        seed("flip_and_repair", &[(0, 200), (0, 210), (5, 0), (7, 60), (12, 0), (12, 0)]),
        seed("cut_and_repair", &[(0, 200), (1, 90), (6, 0), (8, 50), (12, 0), (0, 7)]),
        seed("removed_and_merged", &[(0, 200), (2, 220), (5, 0), (10, 0), (9, 1), (13, 0), (12, 0)]),
        seed("compacted", &[(0, 250), (0, 251), (0, 252), (0, 253), (5, 0), (11, 0), (0, 5), (11, 0)]),
        seed(
            "compacted_damaged_merged",
            &[(0, 250), (0, 252), (5, 0), (10, 0), (11, 0), (7, 130), (12, 0), (13, 0), (11, 0)],
        ),
        // The cursor of the tables was inside a compacted frame.
        seed(
            "cursor_inside_a_frame",
            &[(4, 73), (4, 101), (11, 142), (3, 117), (12, 119), (11, 92), (0, 82)],
        ),
        seed("killed_and_compacted", &[(0, 240), (0, 240), (6, 0), (11, 0), (0, 240), (7, 200), (12, 0)]),
    ]
}

// ---- frames

fn entries(first: u64, payloads: &[(u16, &str)]) -> Vec<u8> {
    let mut rows = PendingEntries::new();
    for ((kind, text), time) in payloads.iter().zip(1000 + first % 100..) {
        rows.push(PendingEntry {
            kind: Kind(*kind),
            version: PayloadVersion(1),
            time,
            payload: text.as_bytes(),
        });
    }
    let mut out = Vec::new();
    put_entries(&mut out, &mut Vec::new(), &rows, frame::STREAM, Seq(first), frame::SALT);
    out
}

fn mark(next: u64, flags: u16, mark: &Mark) -> Vec<u8> {
    let mut out = Vec::new();
    put_mark(&mut out, flags, Seq(next), 1000, &mark.encode(), frame::SALT);
    out
}

fn close() -> Mark {
    Mark { chain: Digest([1; 32]), seal: None }
}

fn seal() -> Mark {
    let index = vec![(Seq(1), 4352), (Seq(9), 70_000)];
    let digest = Digest([6; 32]);
    let seal = Seal { entries: 12, frames: 3, bytes: 80_000, times: (1, 2), digest, index };
    Mark { seal: Some(seal), ..close() }
}

/// Returns a frame of these rows with correct checksums: step, prefix, suffix, middle, all of kind 1.
fn rows(entries: u32, rows: &[(u64, u64, u64, &[u8])]) -> Vec<u8> {
    let mut head = vec![0; FRAME_HEADER_LEN];
    head[8..12].copy_from_slice(&entries.to_le_bytes());
    (head[12], head[16], head[24]) = (1, 1, 100);
    for (step, prefix, suffix, middle) in rows {
        head.extend_from_slice(&[0; 4]);
        for number in [*step, 1, 1, *prefix, *suffix] {
            put_varint(&mut head, number);
        }
        put_length_prefixed(&mut head, middle);
    }
    assert!(frame::mend(&mut head, frame::STREAM, frame::SALT));
    head
}

/// Returns rows that each contain the previous row twice: each row takes a few bytes and doubles the expanded size.
fn doubling() -> Vec<u8> {
    let mut all: Vec<(u64, u64, u64, &[u8])> = vec![(0, 0, 0, b"sixteen bytes...")];
    all.extend((0..30).map(|n| (1, 16 << n, 16 << n, &b""[..])));
    rows(31, &all)
}

/// Returns a frame whose header has a correct checksum and claims the payload length `payload_len`.
fn claims(payload_len: u32) -> Vec<u8> {
    let mut bytes = rows(1, &[(0, 0, 0, b"x")]);
    bytes[4..8].copy_from_slice(&payload_len.to_le_bytes());
    let sum = contexta::engine::checksum::salted_crc32(frame::SALT.rotate_left(17), &[&bytes[..44]]);
    bytes[44..48].copy_from_slice(&sum.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn frames() -> Vec<Seed> {
    let one = entries(1, &[(1, "loss 0.25")]);
    let shared =
        entries(7, &[(7, "loss 0.25"), (7, "loss 0.31"), (7, "loss 0.31"), (9, ""), (7, "acc 0.31")]);
    vec![
        ("frame", "one", one.clone()),
        ("frame", "cut", one[..one.len() - 9].to_vec()),
        ("frame", "header-only", one[..FRAME_HEADER_LEN].to_vec()),
        ("frame", "shared", shared),
        ("frame", "close", mark(4, FLAG_CLOSE, &close())),
        ("frame", "seal", mark(4, FLAG_SEAL, &seal())),
        ("frame", "claims-entries", rows(65_536, &[(0, 0, 0, b"few")])),
        ("frame", "claims-bytes", claims(16 << 20)),
        ("frame", "claims-more-bytes", claims(u32::MAX)),
        ("frame", "doubling", doubling()),
        ("frame", "prefix-beyond", rows(2, &[(0, 0, 0, b"ab"), (1, 3, 0, b"")])),
        ("frame", "suffix-beyond", rows(2, &[(0, 0, 0, b"ab"), (1, 0, u64::MAX, b"")])),
        ("frame", "overlapping", rows(2, &[(0, 0, 0, b"abc"), (1, 2, 3, b"-")])),
        ("frame", "time-beyond", rows(2, &[(0, 0, 0, b"a"), (u64::MAX, 0, 0, b"b")])),
        ("frame", "bytes-left", rows(1, &[(0, 0, 0, b"a"), (1, 0, 0, b"b")])),
    ]
}

// ---- segments

fn home() -> SegmentHeader {
    let place = Place { device: 1, inode: 2, created: 3 };
    SegmentHeader {
        stream: StreamId([7; 16]),
        home: Some(Home { boot: [9; 16], place }),
        origin: None,
        domain: Domain::new("fuzz", 1).unwrap(),
        base: Seq(42),
        chain: Digest([5; 32]),
        salt: 0x1234,
        previous_salt: 0x5678,
        time: 99,
    }
}

/// Returns a header area with some changed bytes, and corrected checksums of the given copies.
fn area(changes: &[(usize, u8)], right: &[usize]) -> Vec<u8> {
    let mut bytes = home().encode();
    for (at, byte) in changes {
        bytes[*at] = *byte;
    }
    for at in right {
        segment::mend(&mut bytes[*at..]);
    }
    bytes
}

fn segments() -> Vec<Seed> {
    let second = SECOND_HEADER_AT as usize;
    let one = home().encode()[..256].to_vec();
    let mut hostile = seal().encode();
    hostile[104..112].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut many = seal().encode();
    many[104..112].copy_from_slice(&65_536u64.to_le_bytes());
    let mut descending = seal().encode();
    descending[112..120].copy_from_slice(&u64::MAX.to_le_bytes());
    vec![
        ("segment", "whole", area(&[], &[])),
        ("segment", "homeless", header(Seq(1)).encode()),
        ("segment", "first-damaged", area(&[(100, 1)], &[])),
        ("segment", "second-damaged", area(&[(second + 100, 1)], &[])),
        ("segment", "between", area(&[(2000, 1)], &[])),
        ("segment", "newer", area(&[(10, 1), (second + 10, 1)], &[0, second])),
        ("segment", "second-newer", area(&[(20, 1), (second + 10, 1)], &[second])),
        ("segment", "reserved", area(&[(246, 1)], &[0])),
        ("segment", "origin-without-flag", area(&[(200, 1)], &[0])),
        ("segment", "domain-illegal", area(&[(212, b'J')], &[0])),
        ("segment", "domain-behind-zero", area(&[(220, b'x')], &[0, SECOND_HEADER_AT as usize])),
        ("segment", "one-copy", one.clone()),
        ("segment", "cut", one[..200].to_vec()),
        ("segment", "zeros", vec![0; 300]),
        ("segment", "base-zero", area(&[(80, 0)], &[0])),
        ("segment", "close", close().encode()),
        ("segment", "seal", seal().encode()),
        ("segment", "seal-claims-all", hostile),
        ("segment", "seal-claims-many", many),
        ("segment", "seal-descending", descending),
    ]
}

// ---- whole files

fn files() -> Vec<Seed> {
    let (a, b) = (entries(1, &[(1, "one"), (1, "two")]), entries(3, &[(1, "three"), (2, "four")]));
    let (c, end) = (entries(5, &[(1, "five")]), mark(6, FLAG_CLOSE, &close()));
    let file = |flags: u8, parts: &[&[u8]]| {
        let mut file = vec![flags];
        for part in parts {
            // A frame is valid only at its own position.
            let mut part = part.to_vec();
            let salt = frame_salt(frame::SALT, FRAMES_AT + file.len() as u64 - 1);
            if part.starts_with(b"CxF1") && part.len() >= FRAME_HEADER_LEN {
                frame::mend(&mut part, frame::STREAM, salt);
            }
            file.extend(part);
        }
        file
    };
    let good = file(MEND, &[&a, &b, &c, &end]);
    let many = claims(16 << 20).repeat(8);
    let (zeros, noise) = ([0; 96], [0xa5; 40]);
    let area = header(Seq::FIRST).encode();
    vec![
        ("resync", "good", good.clone()),
        ("resync", "unmended", file(0, &[&a, &b, &c, &end])),
        ("resync", "noise-between", file(0, &[&a, &noise, &b, &c])),
        ("resync", "magic-before", file(0, &[&a, b"CxF1....", &b, b"CxF1....", &c])),
        ("resync", "zeros-between", file(0, &[&a, &zeros, &b, &zeros, &c])),
        ("resync", "torn", file(0, &[&a, &b[..b.len() - 16]])),
        ("resync", "torn-zeros", file(0, &[&a, &b[..40], &zeros])),
        ("resync", "missing", file(0, &[&a, &c, &end])),
        ("resync", "doubled", file(0, &[&a, &b, &a, &b, &c])),
        ("resync", "behind", file(BEHIND, &[&a, &noise, &c, &end])),
        ("resync", "sealed", file(BEHIND | MEND, &[&a, &mark(3, FLAG_SEAL, &seal())])),
        ("resync", "mark-before", file(0, &[&a, &b, &mark(2, FLAG_CLOSE, &close()), &c])),
        ("resync", "mark-beyond", file(0, &[&a, &mark(900, FLAG_CLOSE, &close())])),
        ("resync", "claims", file(0, &[&a, &many, &b])),
        ("resync", "claims-few", file(0, &[&a, &claims(4096), &b, &c])),
        ("resync", "hostile-rows", file(0, &[&a, &pad(rows(65_536, &[(0, 0, 0, b"few")])), &b])),
        ("resync", "first-is-last", file(MEND, &[&entries(u64::MAX - 3, &[(1, "x"), (1, "y")])])),
        ("resync", "inner", file(0, &[&inner(&a), &b])),
        ("resync", "empty", file(0, &[])),
        ("resync", "whole-file", file(WHOLE_FILE, &[&area, &a, &b])),
        ("resync", "whole-file-headless", file(WHOLE_FILE | BEHIND, &[&vec![1; 4352], &a, &b])),
        ("resync", "whole-file-short", file(WHOLE_FILE, &[&area[..1000]])),
    ]
}

fn pad(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// Returns a frame whose payload contains a frame of the same segment. The outer frame is damaged, so the inner bytes
/// are searched.
fn inner(frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0x43, 0x78, 0x46, 0x31];
    out.resize(FRAME_HEADER_LEN, 9);
    out.extend_from_slice(frame);
    out
}

// ---- payloads

/// Returns payloads of every kind that `src/projections/kind.rs` lists: kind and bytes.
const GOLDEN: &str = include_str!("../golden/payloads-v1.txt");

fn pinned() -> impl Iterator<Item = (u16, Vec<u8>)> {
    GOLDEN.lines().map(|line| {
        let (kind, hex) = line.split_once(' ').unwrap();
        let digit = |b: &u8| (*b as char).to_digit(16).unwrap() as u8;
        let digits: Vec<u8> = hex.as_bytes().iter().map(digit).collect();
        (kind.parse().unwrap(), digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
    })
}

const KIND_NAMES: [&str; 20] = [
    "project",
    "run",
    "stage",
    "ended",
    "param",
    "environment",
    "deployment",
    "batch",
    "sample",
    "operation",
    "event",
    "metric",
    "metric-big",
    "degraded",
    "span",
    "artifact",
    "relation",
    "provenance",
    "import",
    "erasure",
];

/// Returns the golden payload of a kind.
pub(crate) fn golden(kind: u16) -> Vec<u8> {
    pinned().find(|(k, _)| *k == kind).unwrap().1
}

fn sample(kind: u16, payload: &[u8]) -> Vec<u8> {
    let first = payload::KINDS.iter().position(|k| *k == kind).unwrap() as u8;
    [&[first], payload].concat()
}

/// Returns the golden event with other attributes.
pub(crate) fn event_with(attributes: &str) -> Vec<u8> {
    let golden = golden(16);
    let old = b"\x0c{\"k\":[null]}";
    let at = golden.windows(old.len()).position(|w| w == old).unwrap();
    let mut out = golden[..at].to_vec();
    match u8::try_from(attributes.len()) {
        Ok(len) if len <= 250 => out.push(len),
        _ => {
            out.push(252);
            out.extend_from_slice(&(attributes.len() as u32).to_le_bytes());
        }
    }
    out.extend_from_slice(attributes.as_bytes());
    out.extend_from_slice(&golden[at + old.len()..]);
    out
}

/// Returns the golden degraded record with another ref.
fn degraded_with(record: &[u8; 12]) -> Vec<u8> {
    let mut out = golden(18);
    let at = out.windows(12).position(|w| w == b"record:p.r.k").unwrap();
    out[at..at + 12].copy_from_slice(record);
    out
}

fn payloads() -> Vec<Seed> {
    let mut all: Vec<Seed> = pinned()
        .zip(KIND_NAMES)
        .map(|((kind, payload), name)| ("payload", name, sample(kind, &payload)))
        .collect();
    let huge = [253, 0, 0, 0, 0, 0, 0, 0, 0x80];
    let nested = |depth: usize| format!("{{\"k\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let cut = golden(32);
    all.extend([
        ("payload", "unknown-kind", sample(999, b"anything")),
        ("payload", "newer-version", [&[0xff][..], &golden(4)].concat()),
        ("payload", "huge-count", sample(1, &huge)),
        ("payload", "huge-text", sample(1, &[&[0][..], &huge].concat())),
        ("payload", "many-replaced", sample(5, &[&[252, 0xff, 0xff, 0xff, 0x7f][..], &[0; 99]].concat())),
        ("payload", "cut", sample(32, &cut[..cut.len() - 20])),
        ("payload", "left-over", sample(4, &[golden(4), vec![0]].concat())),
        ("payload", "nested", sample(16, &event_with(&nested(58)))),
        ("payload", "nested-too-deep", sample(16, &event_with(&nested(59)))),
        ("payload", "identity-elsewhere", sample(18, &degraded_with(b"record:t.r.k"))),
        ("payload", "null-member", sample(16, &event_with("{}"))),
        ("payload", "not-canonical", sample(16, &event_with("{\"k\":[1E15,1e15,1e15,1e15,1e15]}"))),
        ("payload", "not-an-object", sample(16, &event_with("[1]"))),
    ]);
    all
}

// ---- archives

/// Returns the number of members of a tar file.
fn members_of(tar: &[u8]) -> usize {
    let (mut at, mut members) = (0, 0);
    while tar[at] != 0 {
        let size = std::str::from_utf8(&tar[at + 124..at + 135]).unwrap();
        let size = usize::from_str_radix(size, 8).unwrap();
        at += 512 + size.next_multiple_of(512);
        members += 1;
    }
    members
}

fn archives() -> Vec<Seed> {
    let changes = |name, steps: &[(u8, u8)]| {
        let steps = steps.iter().flat_map(|(change, place)| [*change, *place]);
        ("archive", name, [2].into_iter().chain(steps).collect())
    };
    let content = |first: u8, content: &[u8]| [&[first], content].concat();
    // Without a change, the archive is valid.
    let tar = zstd::decode_all(&archive::file_of(&[2])[..]).unwrap();
    let file = zstd::encode_all(&tar[..], 3).unwrap();
    let every_member = |change: u8, choices: std::ops::Range<u8>| -> Vec<(u8, u8)> {
        let members = members_of(&tar) as u8;
        choices.map(|choice| (change, choice * members)).collect()
    };
    vec![
        changes("whole", &[]),
        ("archive", "whole_tar", content(1, &tar)),
        ("archive", "whole_file", content(0, &file)),
        changes("names_that_lead_out", &every_member(5, 0..3)),
        changes("links", &[(6, 0), (6, 1)]),
        changes("path_that_leads_out", &[(8, 0)]),
        changes("path_in_a_directory", &[(8, 3)]),
        changes("claimed_sizes", &every_member(7, 2..5)),
        changes("content_of_an_object", &[(9, 0), (9, 1), (9, 2)]),
        changes("cut", &[(10, 9)]),
        changes("without_an_object", &[(0, 0)]),
        changes("twice", &[(1, 0), (2, 1)]),
    ]
}

// ---- text

/// Returns seed inputs for manifests: one valid manifest, and several manifests with hostile values.
fn manifests() -> Vec<Seed> {
    let digest = |byte: u8| Digest([byte; 32]);
    let (stream, head) = ("018bcfe568007459ac00895412763d46", digest(1));
    let lines = [
        r#"{"backup_ref":"nightly-1","created_at":"2026-11-01T08:00:00Z","domain":"contexta/1","kind":"backup","label":"nightly","sections":["config","records","reports"],"version":1,"workspace_root":"/w"}"#.to_owned(),
        format!(r#"{{"damage":0,"head":"{stream}:4:{head}","kind":"stream","last":4,"last_time":5,"stream":"{stream}"}}"#),
        format!(r#"{{"base":1,"kind":"segment","len":1048577,"objects":["{}","{}"],"state":[1,2,3,4,5,18446744073709551615]}}"#, digest(2), digest(3)),
        format!(r#"{{"digest":"{}","kind":"body","size":9}}"#, digest(4)),
        format!(r#"{{"kind":"file","len":3,"objects":["{}"],"path":"reports/a.md","section":"reports"}}"#, digest(5)),
        r#"{"code":"cache_excluded","kind":"note","message":"cached files are not part of the backup","severity":"info"}"#.to_owned(),
    ];
    let lines = lines.join("\n") + "\n";
    let manifest = |name, lines: &str| {
        let end = format!("{{\"digest\":\"{}\",\"kind\":\"end\"}}\n", Digest::of(lines.as_bytes()));
        ("backup_manifest", name, format!("{lines}{end}").into_bytes())
    };
    vec![
        manifest("whole", &lines),
        manifest("path-upwards", &lines.replace("reports/a.md", "reports/../../a.md")),
        manifest("path-absolute", &lines.replace("reports/a.md", "/etc/passwd")),
        manifest("huge-length", &lines.replace("1048577", "18446744073709551615")),
        manifest("huge-body", &lines.replace("\"size\":9", "\"size\":18446744073709551615")),
        manifest("newer-version", &lines.replace("\"version\":1", "\"version\":2")),
        ("backup_manifest", "unsigned", lines.into_bytes()),
    ]
}

fn json() -> Vec<Seed> {
    let text = |name, text: &str| ("json_read", name, text.as_bytes().to_vec());
    vec![
        text(
            "canonical",
            r#"{"a":[1,-0.0,1e-05,123456789012345678901234567890],"b":{"c":"\u0001\"é"},"d":true}"#,
        ),
        text("loose", " { \"b\" : 1 , \"a\" : null , \"c\":[ null, 1E16, 1000000.0, 0.1e-400 ] }\n"),
        text("escapes", r#"["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00",false,null]"#),
        text("surrogate", r#""\ud800\u0041""#),
        text("twice", r#"{"a":1,"a":2}"#),
        text("integers", "[9223372036854775807,9223372036854775808,-9223372036854775809,-0,0]"),
        text("too-many-digits", &"9".repeat(4301)),
        text("digits", &format!("-{}", "8".repeat(4300))),
        text("floats", "[1e308,-1e308,5e-324,1e-400,1e22,1e21,123456789.123456789e-30]"),
        text("infinite", "1e999"),
        text("deep", &format!("{}{}", "[".repeat(64), "]".repeat(64))),
        text("deeper", &format!("{}{}", "[".repeat(66), "]".repeat(66))),
        text("open", &"{\"a\":[".repeat(200)),
        text("mark", "\u{feff}1"),
        text("blank", " \n"),
        text("two", "1 2"),
    ]
}

/// Returns lines of interchange: one of each kind from workspaces of the Python package contexta 1.0.0, and invalid
/// lines.
fn lines() -> Vec<Seed> {
    let line = |name, text: &str| ("interchange_line", name, text.as_bytes().to_vec());
    const PROJECT: &str = r#"{"kind":"project","object":{"created_at":"2024-12-06T08:00:00Z","extensions":[{"fields":{"a":[null,1.5]},"namespace":"acme.x","readonly_fields":["a"]}],"name":"P","project_ref":"project:p","schema_version":"1.0.0","tags":{"team":"core"}}}"#;
    const RUN: &str = r#"{"kind":"run","object":{"ended_at":"2025-01-06T22:06:13Z","extensions":[],"metadata":{"m":[{}]},"name":"R","params":{"lr":0.5,"n":36893488147419103232},"project_ref":"project:p","run_ref":"run:p.r","schema_version":"1.2.0","started_at":"2025-01-06T20:41:01Z","status":"cancelled","tags":{"a":"b"},"zebra":1}}"#;
    const RECORD: &str = r#"{"kind":"record","object":{"envelope":{"completeness_marker":"complete","correlation_refs":{"trace_id":"t"},"degradation_marker":"none","extensions":[],"observed_at":"2025-01-06T17:00:25.137414Z","producer_ref":"x","record_ref":"record:p.r.k","record_type":"span","recorded_at":"2025-01-06T17:00:25.137414Z","run_ref":"run:p.r","schema_version":"1.0.0","stage_execution_ref":"stage:p.r.s"},"payload":{"attributes":{},"ended_at":"2025-01-06T17:00:44.634150Z","linked_refs":["run:p.r"],"span_id":"2","span_kind":"internal","span_name":"fit","started_at":"2025-01-06T17:00:25.137414Z","status":"ok","trace_id":"t"}}}"#;
    let metric = RECORD.split("\"payload\":").next().unwrap().replace("span", "metric");
    let metric = format!(
        "{metric}\"payload\":{{\"metric_key\":\"train/loss\",\"step\":3,\"tags\":{{}},\"value\":-0.0,\"value_type\":\"float\"}}}}}}"
    );
    vec![
        line("project", PROJECT),
        line("run-newer", RUN),
        line("span", RECORD),
        line("metric", &metric),
        line(
            "artifact",
            r#"{"body":"../x","kind":"artifact","object":{"artifact_kind":"k","artifact_ref":"artifact:p.r.a","created_at":"2025-01-01T00:00:00Z","hash_value":"sha256:00","location_ref":"l","producer_ref":"x","run_ref":"run:p.r","size_bytes":18446744073709551615}}"#,
        ),
        line(
            "relation",
            r#"{"kind":"relation","object":{"confidence_marker":"low","evidence_refs":[],"origin_marker":"explicit","recorded_at":"2025-01-01T00:00:00+09:00","relation_ref":"relation:a.b.c","relation_type":"used","source_ref":"run:p.r","target_ref":"artifact:p.r.a"}}"#,
        ),
        line("unknown-kind", r#"{"kind":"walk","object":{}}"#),
        line("no-object", r#"{"kind":"run"}"#),
        line("too-much", r#"{"kind":"run","object":{},"more":1}"#),
        line("not-a-number", &metric.replace("-0.0", "NaN")),
        line("deep", &PROJECT.replace("1.5", &format!("{}{}", "[".repeat(60), "]".repeat(60)))),
        line("blank", " \n"),
        line(
            "registry",
            r#"[{"field_specs":{"a":"int"},"namespace":"acme.x","owner_slug":"acme","ownership_class":"private","readonly_fields":["a"],"status":"active","target_models":["run","project"]}]"#,
        ),
    ]
}

/// The position of a subscription in two streams.
const POSITION: &str = "p1 018bcfe5680094592c00895412763d46:43:7:4416:41:42:3735928559 \
                        018bcfe5680094592c00895412763d47:9?";

fn refs() -> Vec<Seed> {
    let text = |name, text: &str| ("ref_parse", name, text.as_bytes().to_vec());
    vec![
        text("run", "run:wine.ridge-1"),
        text("project", "project:p"),
        text("sample", "sample:p.r.s.b.x"),
        text("operation", "op:p.r.s.o"),
        text("artifact", "artifact:p.r.model"),
        text("relation", "relation:a.b.c.d.e.f.g"),
        text("shape", "run:p.r.s"),
        text("empty-part", "run:a..b"),
        text("dashes", "run:a--b.-c"),
        text("colons", "a:b:c"),
        text("long", &format!("x:{}", vec!["a".repeat(60); 5].join("."))),
        text("time", "2024-01-31T12:00:00.000001Z"),
        text("first-time", "0001-01-01T00:00:00Z"),
        text("no-time", "2024-02-30T00:00:00Z"),
        text("stream", "018bcfe5680094592c00895412763d46"),
        text("digest", &"0e".repeat(32)),
        text("segment", "00000000000000048213.seg"),
        text("segment-beyond", "99999999999999999999.seg"),
        text("position", POSITION),
        text("name", " My  Modèle_v2! 日本"),
        text("wide-digits", "２０２４-01-01T00:00:00Z"),
    ]
}

// ---- derived files

fn generations() -> Vec<Seed> {
    let change = |flags: u8, changes: &[(u32, u32, &[u8])]| {
        let mut out = vec![flags];
        for (region, at, bytes) in changes {
            out.extend_from_slice(&(region << 30 | at).to_le_bytes());
            out.push(bytes.len() as u8);
            out.extend_from_slice(bytes);
        }
        out
    };
    let whole = |image_len: u64, blocks: usize| {
        let mut file = b"CTXAGEN\0\0\0\0\0\0\x10\0\0".to_vec();
        file.extend_from_slice(&image_len.to_le_bytes());
        file.resize(4096 + blocks * 4100, 0);
        [&[WHOLE_GENERATION | MEND_HEADER | MEND_TABLE][..], &file].concat()
    };
    vec![
        ("generation", "good", change(0, &[])),
        ("generation", "magic", change(0, &[(0, 0, b"x")])),
        ("generation", "fingerprint", change(MEND_HEADER, &[(0, 32, &[7; 32])])),
        ("generation", "shorter-image", change(MEND_HEADER, &[(0, 16, &[0xff, 0x0f])])),
        ("generation", "hostile-length", change(MEND_HEADER, &[(0, 16, &[0xff; 7])])),
        ("generation", "salt", change(MEND_HEADER, &[(0, 24, &[1; 8])])),
        ("generation", "reserved", change(MEND_HEADER, &[(0, 68, &[1; 24])])),
        ("generation", "block", change(0, &[(1, 4096 + 700, b"changed")])),
        ("generation", "later-block", change(0, &[(1, 5 * 4096 + 9, b"changed")])),
        ("generation", "table", change(0, &[(2, 8, &[0; 4])])),
        ("generation", "cut", change(0, &[(3, 20_000, b"")])),
        ("generation", "longer", change(0, &[(3, 2_000_000, b"")])),
        ("generation", "empty-image", whole(0, 0)),
        ("generation", "one-block", whole(4096, 1)),
        ("generation", "claims-blocks", whole(1 << 62, 0)),
    ]
}

fn cursors() -> Vec<Seed> {
    let gap = |first, last, cause| Gap { stream: StreamId([9; 16]), first: Seq(first), last, cause };
    let mut cursor = Cursor::start();
    let start = ("cursor", "start", cursor.encode());
    cursor.last = (Seq(1 << 40), 0xdead_beef);
    cursor.resume = ResumePoint { segment: Seq(1), offset: 1 << 33, next: Seq(u64::MAX) };
    cursor.is_complete = true;
    cursor.files.current = Some(CurrentFile { len: 1 << 26, modified: u64::MAX, changed: 5, inode: 77 });
    cursor.files.later = 3;
    let far = ("cursor", "far", cursor.encode());
    cursor.gaps = vec![
        gap(1, Some(Seq(9)), GapCause::Damaged),
        gap(20, Some(Seq(20)), GapCause::SegmentMissing),
        gap(99, None, GapCause::SegmentUnreadable),
    ];
    let gaps = cursor.encode();
    let mut hostile = Cursor::start().encode();
    hostile.pop();
    let short = hostile.clone();
    put_varint(&mut hostile, u64::MAX);
    hostile.extend_from_slice(&[1, 2, 0, 3, 4, 1]);
    let mut cause = gaps.clone();
    let last = cause.len() - 1;
    cause[last] = 3;
    vec![
        start,
        far,
        ("cursor", "gaps", gaps),
        ("cursor", "unknown-cause", cause),
        ("cursor", "claims-gaps", hostile),
        ("cursor", "cut", short),
    ]
}

// ---- configuration files

fn configs() -> Vec<Seed> {
    let toml = "overlays = [\"ci\"]\nproject_name = \"wine\"\n\n[records]\ndurability_mode = \"fsync\"\n\
                max_segment_bytes = 1_048_576\n\n[surfaces.http]\nport = 80\n\n[interpretation.anomaly]\n\
                z_score_threshold = 3.5\nmonitored_metrics = [\"loss\", \"ü\"]\n";
    let yaml = "# comment\nproject_name: &name wine\nworkspace:\n  root_path: ~/runs\n  cache_path: null\nretention:\n  \
                cache_ttl_days: 3\nsecurity: {secret_key_patterns: [*name, b], redaction_mode: strict}\n";
    let json = "{\"capture\": {\"retry_attempts\": 3, \"retry_backoff_seconds\": 1e1}, \"config_version\": \"1\", \
                \"retention\": {\"cache_ttl_days\": null}, \"surfaces\": {\"cli\": {\"color\": \"off\"}}}";
    let bomb =
        "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\ne: [*d,*d,*d,*d]\n";
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(200), "]".repeat(200));
    let all = contexta::config::UnifiedConfig::default().to_toml();
    let seeds: [(&str, u8, &str); 12] = [
        ("toml", 0, toml),
        ("toml-all", 0, &all),
        ("toml-date", 0, "project_name = 1979-05-27T07:32:00Z\n"),
        ("toml-dotted", 0, "records.durability_mode = 'batched'\nrecords = { read_only = true }\n"),
        ("toml-twice", 0, "project_name = 'a'\nproject_name = 'b'\n"),
        ("yaml", 1, yaml),
        ("yaml-bomb", 1, bomb),
        ("yaml-merge", 1, "a: &a {read_only: true}\nrecords:\n  <<: *a\n? [x]\n: !!binary aGk=\n"),
        ("yaml-two", 1, "project_name: a\n---\nproject_name: b\n"),
        ("json", 2, json),
        ("json-deep", 2, &deep),
        (
            "json-numbers",
            2,
            "{\"capture\": {\"retry_attempts\": 1e400}, \"records\": {\"max_segment_bytes\": -1}}",
        ),
    ];
    let bytes = |(name, choice, text): (&'static str, u8, &str)| {
        ("config_file", name, [&[choice], text.as_bytes()].concat())
    };
    seeds.into_iter().map(bytes).collect()
}

// ---- lines of an ingest

fn ingests() -> Vec<Seed> {
    let input = |name, choice: u8, text: &str| ("ingest_lines", name, [&[choice], text.as_bytes()].concat());
    const START: &str = r#"{"start":"run","run":"r","id":"r","params":{"a":0.1}}"#;
    vec![
        input(
            "run",
            6,
            &format!(
                "{START}\n{}\n{}\n{}\n{}\n",
                r#"{"start":"stage","stage":"s","metadata":{"m":[1]}}"#,
                r#"{"metric":"loss","value":0.5,"step":1,"unit":"nats","tags":{"a":"b"}}"#,
                r#"{"end":"stage"}"#,
                r#"{"end":"run","status":"cancelled"}"#
            ),
        ),
        input(
            "members",
            0,
            &format!(
                "{START}\n{}\n{}\n{}\n{}\n\n",
                r#"{"metrics":{"a":1,"g":{"x":"NaN","y":[]}},"step":2.0,"event":"e","level":"warn","attributes":{"k":null}}"#,
                r#"{"span":"s","seconds":1.5,"kind":"io","status":"error","started_at":"2024-01-01T00:00:00Z"}"#,
                r#"{"artifact":"/in/file","kind":"model","key":"k","role":"input","step":3}"#,
                r#"{"param":"p","value":{"n":[1,{"m":36893488147419103232}]},"end":"run","message":"m"}"#
            ),
        ),
        input(
            "runs",
            40,
            &format!(
                "{START}\n{}\n{}\n{}\n{}",
                r#"{"start":"run","run":"q","project":"other","tags":{"t":1},"packages":{"p":"1"},"runtime":{"py":"3"}}"#,
                r#"{"run":"r","metric":"m","value":1}"#,
                r#"{"metric":"m","value":1,"stage":null}"#,
                r#"{"run":"r","end":"run"}"#
            ),
        ),
        input(
            "refused",
            3,
            &format!(
                "{}\n{START}\n{START}\n{}\n{}\n\u{feff}{{\n",
                r#"{"metric":"m","value":1}"#,
                r#"{"start":"walk","metric":"m","value":1,"colour":"red"}"#,
                r#"{"stage":"typo","metric":"m","value":1,"end":"stage"}"#
            ),
        ),
        input(
            "objects",
            9,
            &format!(
                "{START}\n{}\n{}\n{}\n",
                r#"{"kind":"project","object":{"created_at":"2024-01-01T00:00:00Z","name":"p","project_ref":"project:p"}}"#,
                r#"{"kind":"walk","object":{}}"#,
                r#"{"metric":"m","value":1}"#
            ),
        ),
        input("last-line", 1, START),
    ]
}
