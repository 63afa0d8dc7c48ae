//! Golden files of format version 0. Tests write them again and compare the bytes, and read them with this build.

use contexta::engine::codec::{self, CodecError};
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Event, Kind, PayloadVersion, Seq};
use contexta::engine::log::directory::list_streams;
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::log::{Item, ScanMode, StreamReader, Tail};
use contexta::engine::storage::sim::SimDisk;
use std::path::{Path, PathBuf};

/// An event without a meaning: a line of text.
#[derive(Debug, Clone, PartialEq)]
struct Line(String);

impl Event for Line {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(7), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(7)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&self.0, out)
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> Result<Option<Line>, CodecError> {
        codec::decode(payload).map(|text| Some(Line(text)))
    }
}

fn lines(texts: &[&str]) -> Vec<Line> {
    texts.iter().map(|t| Line((*t).to_owned())).collect()
}

/// Writes two segments of one stream: the first ends in a seal, the second in a close mark.
fn write(disk: &SimDisk) {
    let log = Log::new(
        disk.process(1),
        PathBuf::from("/log"),
        LogOptions { segment_bytes_max: 4500, ..LogOptions::new(Domain::new("lines", 1).unwrap()) },
    );
    log.append(&lines(&["one"]), Durability::Fsync).unwrap();
    log.append(
        &lines(&["a line that repeats", "a line that repeats, too", "another line that repeats"]),
        Durability::Flush,
    )
    .unwrap();
    log.append(&lines(&["the second segment"]), Durability::Flush).unwrap();
    log.close().unwrap();
}

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v0")
}

fn segments(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let is_segment = |p: &PathBuf| p.extension().is_some_and(|e| e == "seg");
    let name = |p: &PathBuf| p.file_name().unwrap().to_string_lossy().into_owned();
    disk.paths().iter().filter(|p| is_segment(p)).map(|p| (name(p), disk.read(p).unwrap())).collect()
}

#[test]
fn same_entries_are_written_as_the_golden_bytes() {
    let disk = SimDisk::new(42);
    write(&disk);
    let written = segments(&disk);
    assert_eq!(written.len(), 2);
    for (name, bytes) in written {
        let path = golden_dir().join(&name);
        if std::env::var_os("CONTEXTA_WRITE_GOLDEN").is_some() {
            let end = bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
            std::fs::write(&path, &bytes[..end.next_multiple_of(8)]).unwrap();
        }
        let mut golden = std::fs::read(&path).unwrap();
        // A segment has reserved space after the seal.
        golden.resize(bytes.len().max(golden.len()), 0);
        let first = bytes.iter().zip(&golden).position(|(a, b)| a != b);
        assert_eq!((first, bytes.len()), (None, golden.len()), "{name} differs from the golden file");
    }
}

#[test]
fn golden_files_are_read_as_the_written_entries() {
    let disk = SimDisk::new(42);
    write(&disk);
    // The seed gives the streams the names of the golden files. The bytes of the segments are taken from these files.
    for path in disk.paths().iter().filter(|p| p.extension().is_some_and(|e| e == "seg")) {
        disk.overwrite(path, std::fs::read(golden_dir().join(path.file_name().unwrap())).unwrap());
    }
    let (storage, log) = (disk.process(2), Path::new("/log"));
    let stream = list_streams(storage.as_ref(), log).unwrap()[0];
    let mut reader = StreamReader::open(&storage, log, stream, ScanMode::Full).unwrap();
    let mut texts = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        let Item::Commit(commit) = item else { panic!("{item:?}") };
        texts.extend(
            commit.entries.iter().map(|e| Line::decode(e.kind, e.version, e.payload).unwrap().unwrap().0),
        );
    }
    let expected = [
        "one",
        "a line that repeats",
        "a line that repeats, too",
        "another line that repeats",
        "the second segment",
    ];
    assert_eq!(texts, expected);
    assert_eq!((reader.tail(), reader.next_seq()), (Tail::Closed, Seq(6)));
}

/// Returns the bytes of the segment that section 17 of docs/FORMAT.md explains.
fn worked_example() -> Vec<u8> {
    #[derive(Debug)]
    struct Hello;
    impl Event for Hello {
        const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

        fn kind(&self) -> Kind {
            Kind(1)
        }

        fn payload_version(&self) -> PayloadVersion {
            PayloadVersion(1)
        }

        fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
            codec::encode(&"hello", out)
        }

        fn decode(_: Kind, _: PayloadVersion, _: &[u8]) -> Result<Option<Hello>, CodecError> {
            Ok(Some(Hello))
        }
    }
    let disk = SimDisk::new(1);
    let log = Log::new(
        disk.process(1),
        PathBuf::from("/w/log"),
        LogOptions::new(Domain::new("example", 1).unwrap()),
    );
    log.append(&[Hello], Durability::Fsync).unwrap();
    log.close().unwrap();
    segments(&disk).remove(0).1
}

#[test]
fn worked_example_of_format_document_equals_written_bytes() {
    let bytes = worked_example();
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/FORMAT.md")).unwrap();
    let section = text.split("## 17. A worked example").nth(1).unwrap();
    let section = section.split("The entry's canonical bytes").next().unwrap();
    let digest = contexta::engine::checksum::Digest::of(&bytes).to_string();
    let mut wrong = Vec::new();
    if !section.contains(&digest) {
        wrong.push(format!("its BLAKE3 is {digest}"));
    }
    let mut shown = 0;
    for line in section.lines() {
        let Some((offset, rest)) = line.split_once("  ") else { continue };
        let Ok(offset) = usize::from_str_radix(offset, 16) else { continue };
        let is_byte = |w: &&str| w.len() == 2 && u8::from_str_radix(w, 16).is_ok();
        let hex: Vec<&str> = rest.split("  ").next().unwrap().split(' ').take_while(is_byte).collect();
        if hex.is_empty() || rest.contains("times)") {
            continue;
        }
        let here = contexta::engine::checksum::hex(&bytes[offset..offset + hex.len()]);
        shown += hex.len();
        if here != hex.concat() {
            wrong.push(format!("at {offset:04x} stands {here}, not {}", hex.join(" ")));
        }
    }
    assert!(shown > 200, "only {shown} bytes of the example were found");
    assert!(wrong.is_empty(), "docs/FORMAT.md, section 17:\n{}", wrong.join("\n"));
}
