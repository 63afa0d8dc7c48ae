//! The independent reader docs/reader.py, which was written from docs/FORMAT.md alone, must find the same entries and
//! the same lost ranges as `StreamReader`, in intact and in damaged logs.

use crate::support::TempDir;
use contexta::engine::checksum::hex;
use contexta::engine::codec::{self, CodecError};
use contexta::engine::domain::Domain;
use contexta::engine::entries::EntryRef;
use contexta::engine::entry::{Event, Kind, PayloadVersion};
use contexta::engine::log::compact::{
    CompactedLog, CompactionOptions, compact, erase_segments, plan_compaction,
};
use contexta::engine::log::directory::list_streams;
use contexta::engine::log::header::{FRAMES_AT, SegmentHeader};
use contexta::engine::log::merge::{MergeLock, MergeOptions, merge};
use contexta::engine::log::{BatchOptions, Durability, Item, Log, LogOptions, ScanMode, StreamReader, Tail};
use contexta::engine::progress::Progress;
use contexta::engine::storage::Storage;
use contexta::engine::storage::os::OsStorage;
use contexta::engine::storage::sim::SimDisk;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// The number of damaged logs that are compared.
const VARIANTS: u64 = 200;

/// The files of a log, by path relative to the log's directory.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A text, as an event of one of several kinds.
struct Text(u16, String);

impl Event for Text {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(self.0)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1 + self.0 % 2)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&self.1, out)
    }

    fn decode(_: Kind, _: PayloadVersion, _: &[u8]) -> Result<Option<Text>, CodecError> {
        Ok(None)
    }
}

/// Pseudo-random numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn domain() -> Domain {
    Domain::new("second-reader", 1).unwrap()
}

fn open(storage: Arc<dyn Storage>, log: &Path) -> Log {
    open_with(storage, log, FRAMES_AT + 1500)
}

fn open_with(storage: Arc<dyn Storage>, log: &Path, segment_bytes_max: u64) -> Log {
    let batch = BatchOptions { in_background: false, ..BatchOptions::default() };
    let options = LogOptions { segment_bytes_max, batch, ..LogOptions::new(domain()) };
    Log::new(storage, log.to_path_buf(), options)
}

/// Appends commits of one to six entries.
fn append(log: &Log, random: &mut Random, commits: usize) {
    for _ in 0..commits {
        let entries: Vec<Text> = (0..=random.below(6))
            .map(|_| Text(1 + random.below(3) as u16, format!("value {} of a series", random.below(1000))))
            .collect();
        log.append(&entries, Durability::Flush).unwrap();
    }
}

fn files(disk: &SimDisk, log: &Path) -> Files {
    let below = |path: PathBuf| Some((path.strip_prefix(log).ok()?.to_path_buf(), disk.read(&path)?));
    disk.paths().into_iter().filter_map(below).collect()
}

/// Creates a log with several streams: closed, killed and continued streams, with seals, and both sides of a fork.
fn sample(seed: u64) -> Files {
    let (disk, mut random) = (SimDisk::new(seed), Random(seed));
    let [log, other] = ["/w/log", "/other/log"].map(Path::new);
    let one = open(disk.process(1), log);
    append(&one, &mut random, 20);
    one.close().unwrap();
    // Two histories of one stream, as after a rollback of a machine to a snapshot.
    let snapshot = disk.fork();
    for (disk, commits) in [(&disk, 12), (&snapshot, 30)] {
        let again = open(disk.process(2), log);
        append(&again, &mut random, commits);
        again.close().unwrap();
    }
    let killed = open(disk.process(3), log);
    append(&killed, &mut random, 25);
    let live = open(disk.process(4), log);
    append(&live, &mut random, 3);
    disk.kill(3);
    disk.kill(4);
    for (path, bytes) in files(&snapshot, log) {
        disk.overwrite(&other.join(path), bytes);
    }
    let options = MergeOptions::new(domain(), other, log, Path::new("/w/quarantine"));
    let report = merge(&disk.process(5), &options, Progress::none()).unwrap();
    assert_eq!(report.forks.len(), 1);
    files(&disk, log)
}

/// Makes one to three changes to the segments of a log.
fn damage(files: &mut Files, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let names: Vec<PathBuf> =
            files.keys().filter(|path| path.extension().is_some_and(|e| e == "seg")).cloned().collect();
        let name = &names[random.below(names.len())];
        let bytes = files.get_mut(name).unwrap();
        let at = random.below(bytes.len());
        match random.below(9) {
            0..3 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            3 => bytes.truncate(at),
            4 => {
                let block = at / 512 * 512;
                let end = bytes.len().min(block + 512 * (1 + random.below(8)));
                bytes[block..end].fill(0);
            }
            5 => {
                let end = bytes.len().min(at + 100);
                bytes[at..end].iter_mut().for_each(|byte| *byte = random.next() as u8);
            }
            6 => {
                files.remove(name);
            }
            7 => {
                // Another segment, or only its frames, at this position.
                let from = files[&names[random.below(names.len())]].clone();
                let start = [0, FRAMES_AT as usize][random.below(2)].min(from.len());
                let bytes = files.get_mut(name).unwrap();
                bytes.truncate(start);
                bytes.extend_from_slice(&from[start..]);
            }
            8 => {
                // A second copy of a range of bytes, such as a frame at another position.
                let (from, to) = (at / 8 * 8, random.below(bytes.len() + 1) / 8 * 8);
                let copy = bytes[from..bytes.len().min(from + 8 * random.below(60))].to_vec();
                bytes.splice(to..to, copy);
            }
            _ => {}
        }
    }
}

fn write(files: &Files, dir: &Path) {
    for (path, bytes) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Facts about one stream, in a form that both readers can produce.
#[derive(Debug, Default, PartialEq)]
struct Stream {
    entries: Vec<String>,
    gaps: Vec<String>,
    findings: Vec<String>,
    end: String,
    link: Option<String>,
    /// A segment with an unfinished creation, as both readers report it.
    creation: Option<u64>,
}

type Streams = BTreeMap<String, Stream>;

/// Runs docs/reader.py on some logs. Returns `None` if there is no python3, which is an error if `CI` is `true`.
fn read_by_python(logs: &[PathBuf], digests: bool) -> Option<Vec<Streams>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reader.py");
    let mut command = Command::new("python3");
    command.args(["-I", "-B"]).arg(script).args((!digests).then_some("--no-digests")).args(logs);
    let output = match command.output() {
        Ok(output) => output,
        Err(e) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => {
            panic!("docs/reader.py needs python3, which cannot be run: {e}")
        }
        Err(_) => return None,
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut read = Vec::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line["type"] == "log" {
            read.push(Streams::new());
            continue;
        }
        let log = read.last_mut().unwrap();
        let stream = log.entry(line["stream"].as_str().unwrap().to_owned()).or_default();
        let text = |names: &[&str]| {
            let values = names.iter().map(|name| line[name].to_string().replace('"', ""));
            values.collect::<Vec<_>>().join(" ")
        };
        match line["type"].as_str().unwrap() {
            "entry" => {
                stream.entries.push(text(&["seq", "time", "kind", "version", "payload", "segment", "offset"]))
            }
            "gap" => stream.gaps.push(text(&["first", "last", "cause"])),
            "finding" => stream.findings.push(text(&["kind", "segment", "offset", "len"])),
            "stream" => {
                stream.end = text(&["tail", "next"]);
                stream.link = line["link"].as_str().map(str::to_owned);
                stream.creation = line["unfinished_creation"].as_u64();
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(read.len(), logs.len());
    Some(read)
}

fn read_by_library(log: &Path) -> Streams {
    let storage = OsStorage::shared();
    let mut read = Streams::new();
    for id in list_streams(storage.as_ref(), log).unwrap() {
        let mut reader = StreamReader::open(&storage, log, id, ScanMode::Full).unwrap();
        let mut stream = Stream::default();
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Commit(commit) => stream.entries.extend(commit.entries.iter().map(|e| {
                    let (kind, version, payload) = (e.kind.0, e.version.0, hex(e.payload));
                    let (segment, offset) = (commit.segment, commit.offset);
                    format!("{} {} {kind} {version} {payload} {segment} {offset}", e.stamp.seq, e.stamp.time)
                })),
                Item::Gap(gap) => {
                    let last = gap.last.map_or("null".to_owned(), |last| last.to_string());
                    stream.gaps.push(format!("{} {last} {}", gap.first, gap.cause.name()));
                }
                Item::Finding(f) => {
                    stream.findings.push(format!("{} {} {} {}", f.kind.name(), f.segment, f.offset, f.len));
                }
            }
        }
        let tail = match reader.tail() {
            Tail::Closed => "closed",
            Tail::Open => "open",
            Tail::Unfinished { .. } => "unfinished",
        };
        stream.end = format!("{tail} {}", reader.next_seq());
        stream.creation = reader.unfinished_creation().map(|segment| segment.0);
        stream.link = reader.chain().map(|chain| chain.link().to_string());
        read.insert(id.to_string(), stream);
    }
    read
}

const SKIPPED: &str = "skipped: docs/reader.py needs python3, which was not found";

#[test]
fn both_readers_agree_on_intact_logs_with_chain_and_seals() {
    let dir = TempDir::new("second-reader-whole");
    let real = dir.path().join("real");
    let mut random = Random(1);
    let (one, two) = (open(OsStorage::shared(), &real), open(OsStorage::shared(), &real));
    for _ in 0..8 {
        append(&one, &mut random, 4);
        append(&two, &mut random, 2);
    }
    one.close().unwrap();
    let forked = dir.path().join("forked");
    write(&sample(1), &forked);
    let Some(read) = read_by_python(&[real.clone(), forked.clone()], true) else {
        println!("{SKIPPED}");
        return;
    };
    for (path, read) in [real, forked].iter().zip(read) {
        let expected = read_by_library(path);
        assert!(expected.len() > 1 && expected.values().all(|stream| stream.link.is_some()));
        assert!(expected.values().all(|stream| stream.gaps.is_empty() && stream.findings.is_empty()));
        assert_eq!(read, expected);
    }
}

/// Compacts a log in the directory `log`, and erases some of its entries.
fn compact_and_erase(storage: &Arc<dyn Storage>, log: &Path, random: &mut Random) {
    let site = CompactedLog { storage, log, domain: domain() };
    let quarantine = log.with_file_name("quarantine");
    let lock =
        MergeLock::acquire(storage.as_ref(), &MergeOptions::new(domain(), log, log, &quarantine)).unwrap();
    let mut options = CompactionOptions::default();
    options.segment_bytes_min = 0;
    let plan = plan_compaction(&site, &options).unwrap();
    assert!(compact(&site, &lock, &plan, Progress::none()).unwrap().segments.len() > 1);
    let digit = b'0' + random.below(10) as u8;
    let streams = list_streams(storage.as_ref(), log).unwrap();
    let is_erased = |entry: EntryRef<'_>| entry.payload.contains(&digit);
    let report = erase_segments(&site, &lock, &streams, &is_erased, Progress::none()).unwrap();
    assert!(report.erased() > 10, "{report:?}");
}

/// Creates a log with compacted segments and erased entries.
fn compacted(seed: u64) -> Files {
    let (disk, mut random) = (SimDisk::new(seed), Random(seed));
    let log = Path::new("/w/log");
    for process in 1..3 {
        let writer = open_with(disk.process(process), log, FRAMES_AT + 9000);
        append(&writer, &mut random, 150);
        writer.close().unwrap();
    }
    compact_and_erase(&disk.process(5), log, &mut random);
    files(&disk, log)
}

#[test]
fn both_readers_agree_on_compacted_logs_with_erased_entries() {
    let dir = TempDir::new("second-reader-compacted");
    let mut logs = Vec::new();
    for variant in 0..24 {
        let mut files = compacted(20 + variant / 8);
        let mut random = Random(variant);
        // The first of eight variants is intact.
        if variant % 8 > 0 {
            damage(&mut files, &mut random);
        }
        let log = dir.path().join(variant.to_string());
        write(&files, &log);
        logs.push(log);
    }
    let Some(read) = read_by_python(&logs, false) else {
        println!("{SKIPPED}");
        return;
    };
    for ((variant, log), mut read) in logs.iter().enumerate().zip(read) {
        let mut expected = read_by_library(log);
        let gaps: Vec<&String> = expected.values().flat_map(|stream| &stream.gaps).collect();
        assert!(gaps.iter().any(|gap| gap.ends_with("erased")), "{variant}");
        if variant % 8 == 0 {
            assert!(gaps.iter().all(|gap| gap.ends_with("erased")), "{gaps:?}");
            assert!(expected.values().all(|stream| stream.findings.is_empty()), "{variant}");
        }
        for stream in expected.values_mut().chain(read.values_mut()) {
            stream.link = None;
            // Without digests, chains and seals are not compared.
            stream.findings.retain(|f| !f.starts_with("chain_broken") && !f.starts_with("seal_broken"));
        }
        assert_eq!(read, expected, "{variant}");
    }
}

#[test]
fn both_readers_notice_a_broken_chain_and_a_broken_seal() {
    let dir = TempDir::new("second-reader-digests");
    let mut whole = sample(2);
    // First segments, which end in a seal, and second segments, whose header continues the chain.
    let (mut zeros, mut chains) = (0, 0);
    for bytes in whole.values_mut().filter(|bytes| bytes.len() > FRAMES_AT as usize) {
        let header = SegmentHeader::decode_one(bytes).unwrap();
        if header.base == header.stream_first() {
            bytes[300] = 1;
            zeros += 1;
        } else if chains < 2 {
            let mut chain = header.chain;
            chain.0[0] ^= 1;
            bytes[..FRAMES_AT as usize].copy_from_slice(&SegmentHeader { chain, ..header }.encode());
            chains += 1;
        }
    }
    assert!(zeros > 1 && chains == 2);
    write(&whole, dir.path());
    let Some(read) = read_by_python(&[dir.path().to_path_buf()], true) else {
        println!("{SKIPPED}");
        return;
    };
    assert_eq!(read[0], read_by_library(dir.path()));
    let findings: Vec<&String> = read[0].values().flat_map(|stream| &stream.findings).collect();
    for kind in ["seal_broken", "chain_broken", "header_copy_damaged"] {
        assert!(findings.iter().any(|finding| finding.starts_with(kind)), "no {kind} in {findings:?}");
    }
}

#[test]
fn both_readers_agree_on_entries_and_lost_ranges_of_damaged_logs() {
    let dir = TempDir::new("second-reader-damaged");
    let samples: Vec<Files> = (10..14).map(sample).collect();
    let mut logs = Vec::new();
    for variant in 0..VARIANTS {
        let mut files = samples[variant as usize % samples.len()].clone();
        damage(&mut files, &mut Random(variant));
        let log = dir.path().join(variant.to_string());
        write(&files, &log);
        logs.push(log);
    }
    let Some(read) = read_by_python(&logs, false) else {
        println!("{SKIPPED}");
        return;
    };
    let mut gaps = 0;
    for (variant, (log, read)) in logs.iter().zip(read).enumerate() {
        let mut expected = read_by_library(log);
        assert_eq!(
            read.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "streams of variant {variant}"
        );
        for (id, mut read) in read {
            let mut expected = expected.remove(&id).unwrap();
            // Digests were not computed for these logs.
            for stream in [&mut read, &mut expected] {
                stream.findings.retain(|f| !f.starts_with("chain_broken") && !f.starts_with("seal_broken"));
                stream.link = None;
            }
            gaps += read.gaps.len();
            assert_eq!(read, expected, "stream {id} of variant {variant}");
        }
    }
    assert!(gaps > VARIANTS as usize / 2, "only {gaps} lost ranges were compared");
}
