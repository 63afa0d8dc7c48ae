//! Backups in one file. The first byte of an input selects what the rest is: 0 for an archive file, 1 for the content of
//! an archive before the compression (a tar file), another value for changes of a valid archive. A change takes two
//! bytes: the first byte selects the change, and the second byte is its parameter. The checksums of tar headers are
//! corrected.
//!
//! - A check of an archive writes nothing. It accepts the archive, or refuses it with the code of an invalid archive.
//! - The extraction accepts the same archives. A refused archive changes no file.
//! - A restore and a salvage write only into their target directories, and succeed or return an error with a code.
//! - The temporary repository of an accepted archive is removed.

use contexta::engine::Digest;
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Kind, PayloadVersion};
use contexta::engine::log::pending::{PendingEntries, PendingEntry};
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::storage::sim::SimDisk;
use contexta::recovery::{BackupOptions, Progress, RestoreOptions};
use contexta::{Backups, Options, Remains};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const ARCHIVE: &str = "/in/archive";
const TARGET: &str = "/target";
const SALVAGED: &str = "/salvaged";
const CHANGES_MAX: usize = 12;
const BLOCK: usize = 512;

/// Names that lead out of a directory, are absolute, are too long, or are no names of members.
const NAMES: [&[u8]; 11] = [
    b"../../outside",
    b"objects/../../outside",
    b"objects/aa/../../../outside",
    b"/outside",
    b"backups/../../outside.jsonl",
    b"backups/a/b.jsonl",
    b"objects",
    b"objects/aa/\xff\xfe",
    b"C:\\outside",
    b"",
    &[b'x'; 5000],
];
/// Types of members: links, devices, directories, long names and links, and the headers of pax and of sparse files.
const TYPES: &[u8] = b"123456LKxgS\0";
/// Texts in manifests, each with a replacement.
const TEXTS: [(&str, &str); 10] = [
    ("a.md", "../../../outside.md"),
    ("\"a.md\"", "\"/outside.md\""),
    ("a.md", "./a.md"),
    ("a.md", "b/a.md"),
    ("\"len\":", "\"len\":9"),
    ("\"size\":", "\"size\":9"),
    ("\"last\":", "\"last\":9"),
    ("\"base\":", "\"base\":9"),
    ("\"section\":\"reports\"", "\"section\":\"records\""),
    ("\"kind\":\"segment\"", "\"kind\":\"body\""),
];

/// A member of an archive.
#[derive(Clone)]
struct Member {
    name: Vec<u8>,
    kind: u8,
    /// The size in the header.
    size: u64,
    content: Vec<u8>,
}

impl Member {
    fn file(name: Vec<u8>, content: Vec<u8>) -> Member {
        Member { name, kind: b'0', size: content.len() as u64, content }
    }
}

pub(crate) fn run(data: &[u8]) {
    check(&file_of(data));
}

/// Returns the archive file that an input describes.
pub(crate) fn file_of(data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        None => Vec::new(),
        Some((0, file)) => file.to_vec(),
        Some((1, tar)) => compressed(&with_checksums(tar)),
        Some((_, changes)) => changed(changes),
    }
}

/// Checks, restores and salvages an archive. Returns `true` if the archive was accepted.
pub(crate) fn check(file: &[u8]) -> bool {
    let disk = SimDisk::new(1);
    disk.overwrite(Path::new(ARCHIVE), file.to_vec());
    disk.overwrite(Path::new("/outside"), b"another file".to_vec());
    let before = files_outside(&disk, &[]);
    let backups = Backups::new("/home").storage(disk.process(1));
    let refused = backups.verify_archive(ARCHIVE).err().map(|e| e.code());
    let is_known = |code| matches!(code, "recovery_archive_invalid" | "recovery_archive_too_large");
    assert!(refused.is_none_or(is_known), "{refused:?}");
    assert!(files_outside(&disk, &[]) == before, "the check has changed a file");
    match backups.open_archive(ARCHIVE, Some(Path::new(TARGET))) {
        Err(e) => {
            assert_eq!(Some(e.code()), refused, "the extraction and the check differ");
            assert!(files_outside(&disk, &[]) == before, "a refused archive has changed a file");
        }
        Ok(opened) => {
            assert_eq!(refused, None, "the extraction accepts an archive that the check refuses");
            let target = Some(PathBuf::from(TARGET));
            let options = RestoreOptions { target_workspace: target, ..RestoreOptions::default() };
            let opened_backups = opened.backups();
            let restored = opened_backups
                .plan_restore(opened.backup_ref().as_str(), &options)
                .and_then(|plan| opened_backups.restore(&plan, Progress::none()));
            assert!(restored.err().is_none_or(|e| !e.code().is_empty()), "an error has no code");
            let repository = opened.repository().to_path_buf();
            drop(opened);
            assert!(disk.paths().iter().all(|path| !path.starts_with(&repository)), "temporary files remain");
        }
    }
    assert!(files_outside(&disk, &[TARGET]) == before, "the restore has changed a file outside its target");
    let salvaged = Remains::new("/in").storage(disk.process(2)).salvage(SALVAGED, Progress::none());
    if let Err(e) = &salvaged {
        assert!(!e.code().is_empty(), "an error has no code");
        assert!(disk.paths().iter().all(|path| !path.starts_with(SALVAGED)), "a failed salvage left files");
    }
    let after = files_outside(&disk, &[TARGET, SALVAGED, "/salvaged.salvage"]);
    assert!(after == before, "the salvage has changed a file outside its target");
    refused.is_none()
}

/// Returns all files of a disk except those in some directories, with their content.
fn files_outside(disk: &SimDisk, dirs: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = disk.paths().into_iter().filter(|path| !dirs.iter().any(|dir| path.starts_with(dir)));
    paths.map(|path| (path.clone(), disk.read(&path).unwrap_or_default())).collect()
}

// ---- changes of a valid archive

/// Returns a valid archive with some changes.
fn changed(changes: &[u8]) -> Vec<u8> {
    let mut members = valid().clone();
    let mut damage = Vec::new();
    for step in changes.chunks(2).take(CHANGES_MAX) {
        let [change, place] = [0, 1].map(|n| usize::from(step.get(n).copied().unwrap_or_default()));
        match change % 12 {
            10 | 11 => damage.push((change % 12, place)),
            change => change_member(&mut members, change, place),
        }
    }
    let mut file = compressed(&tar_of(&members));
    for (change, place) in damage {
        let at = place * 257 % file.len().max(1);
        match change {
            10 => file.truncate(at),
            _ => file.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (place % 8)),
        }
    }
    file
}

fn change_member(members: &mut Vec<Member>, change: usize, place: usize) {
    let count = members.len().max(1);
    let (at, choice) = (place % count, place / count);
    let Some(member) = members.get(at).cloned() else { return };
    match change {
        0 => drop(members.remove(at)),
        1 => members.push(member),
        2 => members.rotate_left(at),
        _ => {
            let Some(member) = members.get_mut(at) else { return };
            let byte = (choice * 97) % member.content.len().max(1);
            match change {
                3 => member.content.get_mut(byte).into_iter().for_each(|byte| *byte ^= 1 << (choice % 8)),
                4 => member.content.truncate(byte),
                5 => member.name = NAMES[choice % NAMES.len()].to_vec(),
                6 => member.kind = TYPES[choice % TYPES.len()],
                7 => {
                    let len = member.content.len() as u64;
                    let sizes =
                        [0, len / 2, len + 1, len + 512, 1 << 20, (1 << 33) - 1, u64::MAX / 2, u64::MAX];
                    member.size = sizes[choice % sizes.len()];
                }
                8 => change_manifest(members, TEXTS[place % TEXTS.len()]),
                _ => replace_object(members, at, byte),
            }
        }
    }
}

/// Changes the manifest, and corrects its digest.
fn change_manifest(members: &mut [Member], (from, to): (&str, &str)) {
    for member in members.iter_mut().filter(|member| member.name.starts_with(b"backups/")) {
        let text = String::from_utf8_lossy(&member.content).replace(from, to);
        let lines = text.trim_end().rsplit_once('\n').map_or(text.as_str(), |(lines, _)| lines);
        let lines = format!("{lines}\n");
        let end = format!("{{\"digest\":\"{}\",\"kind\":\"end\"}}\n", Digest::of(lines.as_bytes()));
        member.content = (lines + &end).into_bytes();
        member.size = member.content.len() as u64;
    }
}

/// Changes a byte of an object, and replaces the old digest of the object by the new digest in all members, so that the
/// archive is accepted.
fn replace_object(members: &mut [Member], at: usize, byte: usize) {
    let Some(member) = members.get_mut(at).filter(|member| member.name.starts_with(b"objects/")) else {
        return;
    };
    let old = Digest::of(&member.content).to_string();
    member.content.get_mut(byte).into_iter().for_each(|byte| *byte ^= 0x41);
    let new = Digest::of(&member.content).to_string();
    member.name = object_name(&new);
    change_manifest(members, (&old, &new));
}

fn object_name(digest: &str) -> Vec<u8> {
    let (shard, rest) = digest.split_at(2);
    format!("objects/{shard}/{rest}").into_bytes()
}

/// Returns the members of a valid archive: a backup of a workspace with two streams and a report.
fn valid() -> &'static Vec<Member> {
    static VALID: OnceLock<Vec<Member>> = OnceLock::new();
    VALID.get_or_init(|| {
        let disk = SimDisk::new(3);
        let options = Options::new("/w").project("p").storage(disk.process(1)).detect_code_revision(false);
        drop(options.open().expect("the workspace opens"));
        let domain = Domain::new("contexta-ml", 1).expect("the name is valid");
        let log = |process| Log::new(disk.process(process), PathBuf::from("/w/log"), LogOptions::new(domain));
        // Both logs are open at the same time, so each has a stream of its own.
        for (log, count) in [log(2), log(3)].iter().zip(2..) {
            let mut rows = PendingEntries::new();
            // The end of a run: the ref of the run, the status and the time.
            let payload = [&[0, 0, 12][..], b"run:p.beside", &[1, 5]].concat();
            for _ in 0..count {
                let (kind, version) = (Kind(4), PayloadVersion(1));
                rows.push(PendingEntry { kind, version, time: 0, payload: &payload });
            }
            log.append_encoded(&rows, Durability::Fsync).expect("the disk has space");
        }
        disk.overwrite(Path::new("/w/reports/a.md"), b"# A report\n".to_vec());
        let backups = Backups::new("/w").repository("/backups").storage(disk.process(4));
        let plan = backups.plan(&BackupOptions::default()).expect("a plan");
        backups.create(&plan, Progress::none()).expect("a backup");
        // The objects come before the manifest.
        let paths = disk.paths().into_iter();
        let (objects, manifests): (Vec<PathBuf>, Vec<PathBuf>) = paths
            .filter(|path| path.starts_with("/backups/objects") || path.starts_with("/backups/backups"))
            .partition(|path| path.starts_with("/backups/objects"));
        let member = |path: PathBuf| {
            let name = path.strip_prefix("/backups").ok()?.to_str()?.as_bytes().to_vec();
            Some(Member::file(name, disk.read(&path)?))
        };
        objects.into_iter().chain(manifests).filter_map(member).collect()
    })
}

// ---- the file format

fn tar_of(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        if member.name.len() > 100 {
            let name = [&member.name[..], &[0]].concat();
            put_member(&mut out, b"././@LongLink", b'L', name.len() as u64, &name);
        }
        put_member(&mut out, &member.name, member.kind, member.size, &member.content);
    }
    out.extend([0; 2 * BLOCK]);
    out
}

fn put_member(out: &mut Vec<u8>, name: &[u8], kind: u8, size: u64, content: &[u8]) {
    let mut header = [0; BLOCK];
    let shown = name.len().min(100);
    header[..shown].copy_from_slice(&name[..shown]);
    if size < 1 << 33 {
        header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    } else {
        // Larger sizes are binary.
        header[124] = 0x80;
        header[128..136].copy_from_slice(&size.to_be_bytes());
    }
    header[156] = kind;
    if matches!(kind, b'1' | b'2') {
        header[157..165].copy_from_slice(b"/outside");
    }
    header[257..265].copy_from_slice(b"ustar  \0");
    put_checksum(&mut header);
    out.extend(header);
    out.extend(content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

fn put_checksum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

/// Corrects the checksums of the headers of a tar file.
fn with_checksums(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    let mut at = 0;
    while let Some(header) = tar.get_mut(at..at + BLOCK).filter(|header| header.iter().any(|byte| *byte != 0))
    {
        put_checksum(header);
        let digits = header[124..135].iter().filter(|byte| byte.is_ascii_digit());
        let size =
            digits.fold(0usize, |size, digit| size.wrapping_mul(8).wrapping_add(usize::from(digit - b'0')));
        at += BLOCK + size.min(1 << 40).next_multiple_of(BLOCK);
    }
    tar
}

/// Returns a zstd frame with blocks that are not compressed.
fn compressed(content: &[u8]) -> Vec<u8> {
    const BLOCK_MAX: usize = 64 << 10;
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x50];
    let mut blocks = content.chunks(BLOCK_MAX).peekable();
    while let Some(block) = blocks.next() {
        let header = u32::from(blocks.peek().is_none()) | (block.len() as u32) << 3;
        out.extend(&header.to_le_bytes()[..3]);
        out.extend(block);
    }
    if content.is_empty() {
        out.extend([1, 0, 0]);
    }
    out
}
