//! The fuzz targets as a test: each target runs on its seed inputs and on some thousands of mutations of them, always
//! the same ones. The seed inputs are generated here (`CONTEXTA_WRITE_GOLDEN=1` writes them); files that a fuzzer found
//! are stored beside them. See docs/FUZZING.md.

#[path = "../fuzz/bodies/archive.rs"]
mod archive;
#[path = "../fuzz/bodies/backup_manifest.rs"]
mod backup_manifest;
#[path = "../fuzz/bodies/columns.rs"]
mod columns;
#[path = "../fuzz/bodies/config_file.rs"]
mod config_file;
#[path = "../fuzz/bodies/cursor.rs"]
mod cursor;
#[path = "../fuzz/bodies/frame.rs"]
mod frame;
#[path = "../fuzz/bodies/generation.rs"]
mod generation;
#[path = "../fuzz/bodies/ingest_lines.rs"]
mod ingest_lines;
#[path = "../fuzz/bodies/interchange_line.rs"]
mod interchange_line;
#[path = "../fuzz/bodies/json_read.rs"]
mod json_read;
#[path = "../fuzz/bodies/payload.rs"]
mod payload;
#[path = "../fuzz/bodies/recover.rs"]
mod recover;
#[path = "../fuzz/bodies/ref_parse.rs"]
mod ref_parse;
#[path = "../fuzz/bodies/resync.rs"]
mod resync;
mod seeds;
#[path = "../fuzz/bodies/segment.rs"]
mod segment;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The greatest length of a mutated seed input.
const SAMPLE_BYTES_MAX: usize = 16 << 10;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// Runs the code of a target, `body`, on every file of the target's corpus and on a number of mutations of each file.
fn check(target: &str, changes: u64, body: fn(&[u8])) {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in std::fs::read_dir(corpus(target)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        files.insert(name, std::fs::read(&path).unwrap());
    }
    assert!(files.len() > 3, "the corpus of {target} was not found");
    let others: Vec<&[u8]> = files.values().map(Vec::as_slice).collect();
    for (name, seed) in &files {
        run(target, name, "unchanged", seed, body);
        for n in 0..changes {
            let mut random = Random::new(target, name, n);
            let sample = random.changed(seed, &others);
            run(target, name, &format!("change {n}"), &sample, body);
        }
    }
}

fn run(target: &str, name: &str, change: &str, sample: &[u8], body: fn(&[u8])) {
    if catch_unwind(AssertUnwindSafe(|| body(sample))).is_err() {
        let path = std::env::temp_dir().join(format!("contexta-found-{target}"));
        let kept = std::fs::write(&path, sample).is_ok();
        let kept = if kept { format!("; the sample is in {}", path.display()) } else { String::new() };
        panic!("{target}: seed {name}, {change}, {} bytes{kept}", sample.len());
    }
}

/// Random numbers that depend on target, seed input and number of the mutation.
struct Random(blake3::OutputReader);

/// Numbers that are likely to exceed limits of decoders.
const AWKWARD: [u64; 12] =
    [0, 1, 7, 8, 0x7f, 0x80, 0xff, 0xffff, 0x0100_0000, 0x7fff_ffff, u32::MAX as u64, u64::MAX];

impl Random {
    fn new(target: &str, name: &str, change: u64) -> Random {
        let mut hasher = blake3::Hasher::new();
        hasher.update(target.as_bytes()).update(name.as_bytes()).update(&change.to_le_bytes());
        Random(hasher.finalize_xof())
    }

    fn below(&mut self, n: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % n.max(1) as u64) as usize
    }

    /// Returns `seed` with one to four changes.
    fn changed(&mut self, seed: &[u8], others: &[&[u8]]) -> Vec<u8> {
        let mut out = seed.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut out, others);
        }
        out.truncate(SAMPLE_BYTES_MAX);
        out
    }

    fn change(&mut self, out: &mut Vec<u8>, others: &[&[u8]]) {
        let (at, to) = (self.below(out.len()), self.below(out.len() + 1));
        let (from, to) = (at.min(to), at.max(to));
        match self.below(9) {
            0 if !out.is_empty() => out[at] ^= 1 << self.below(8),
            1 if !out.is_empty() => out[at] = self.below(256) as u8,
            2 => out.insert(from, self.below(256) as u8),
            3 => drop(out.drain(from..to.min(from + 64))),
            4 => {
                let copy = out[from..to.min(from + 200)].to_vec();
                let at = self.below(out.len() + 1);
                drop(out.splice(at..at, copy));
            }
            5 => {
                let number = AWKWARD[self.below(AWKWARD.len())].to_le_bytes();
                let width = 1 << self.below(4);
                for (to, from) in out.iter_mut().skip(at).zip(&number[..width]) {
                    *to = *from;
                }
            }
            6 => out.truncate(from),
            7 => {
                let other = others[self.below(others.len())];
                let start = self.below(other.len());
                let end = other.len().min(start + self.below(300));
                drop(out.splice(from..from, other[start..end].iter().copied()));
            }
            _ => {
                for byte in out.iter_mut().skip(from).take(to - from).take(48) {
                    *byte = 0;
                }
            }
        }
    }
}

#[test]
fn stored_seeds_equal_generated_seeds() {
    let mut made = 0;
    for (target, name, bytes) in seeds::all() {
        let path = corpus(target).join(name);
        if std::env::var_os("CONTEXTA_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(corpus(target)).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let stored = std::fs::read(&path).unwrap();
        assert!(
            stored == bytes,
            "{target}/{name} is another file now: write it again with CONTEXTA_WRITE_GOLDEN=1"
        );
        made += 1;
    }
    assert!(made > 80, "{made}");
}

#[test]
fn every_fuzz_body_has_a_target_and_a_corpus() {
    let names = |dir: &str, suffix: &str| -> Vec<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        let listed = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name());
        let mut names: Vec<String> =
            listed.filter_map(|n| Some(n.to_string_lossy().strip_suffix(suffix)?.to_owned())).collect();
        names.sort();
        names
    };
    let bodies = names("fuzz/bodies", ".rs");
    assert_eq!(bodies.len(), 15);
    assert_eq!(bodies, names("fuzz/fuzz_targets", ".rs"));
    assert_eq!(bodies, names("fuzz/corpus", ""));
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml"));
    let manifest = manifest.unwrap();
    assert!(bodies.iter().all(|b| manifest.contains(&format!("\"fuzz_targets/{b}.rs\""))));
}

#[test]
fn frames() {
    check("frame", 3000, frame::run);
}

#[test]
fn columns_of_frames() {
    check("columns", 3000, columns::run);
}

#[test]
fn damage_and_recovery() {
    check("recover", 40, recover::run);
}

#[test]
fn segments() {
    check("segment", 1000, segment::run);
}

#[test]
fn whole_segment_files() {
    check("resync", 1000, resync::run);
}

#[test]
fn payloads() {
    check("payload", 1000, payload::run);
}

#[test]
fn manifests_of_backups() {
    let whole = std::fs::read_to_string(corpus("backup_manifest").join("whole")).unwrap();
    assert_eq!(contexta::recovery::rewritten_manifest(&whole), Ok(whole));
    check("backup_manifest", 1000, backup_manifest::run);
}

#[test]
fn archives_of_backups() {
    let accepted =
        |name| archive::check(&archive::file_of(&std::fs::read(corpus("archive").join(name)).unwrap()));
    for name in ["whole", "whole_tar", "whole_file", "content_of_an_object", "path_in_a_directory"] {
        assert!(accepted(name), "{name}");
    }
    for name in ["names_that_lead_out", "links", "path_that_leads_out", "claimed_sizes", "cut"] {
        assert!(!accepted(name), "{name}");
    }
    check("archive", 100, archive::run);
}

#[test]
fn json() {
    check("json_read", 3000, json_read::run);
}

#[test]
fn refs() {
    check("ref_parse", 3000, ref_parse::run);
}

#[test]
fn generations() {
    check("generation", 30, generation::run);
}

#[test]
fn lines_of_interchange() {
    check("interchange_line", 1000, interchange_line::run);
}

#[test]
fn lines_of_ingest() {
    check("ingest_lines", 60, ingest_lines::run);
}

#[test]
fn configuration_files() {
    check("config_file", 1000, config_file::run);
}

#[test]
fn cursors() {
    check("cursor", 3000, cursor::run);
}
