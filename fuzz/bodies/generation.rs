//! A generation file of hostile bytes: no returned block differs from the written block, and no answer is wrong. A
//! projector over the file gives the same answers as a projector that builds its tables from the log.
//!
//! The first byte controls the rest. Bit 0: the rest is the whole file; otherwise it is a list of changes to a valid
//! file, each a u32 (its two upper bits select the region of the file), a length, and that number of bytes. Bit 1:
//! the checksum of the header is corrected. Bit 2: the checksum of the table is corrected, in a whole file.

use contexta::engine::bytes::Reader;
use contexta::engine::checksum::salted_crc32;
use contexta::engine::codec::{self, CodecError};
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Event, Kind, PayloadVersion};
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::projection::digest::TablesDigest;
use contexta::engine::projection::generation::{BLOCK_LEN, Generation};
use contexta::engine::projection::{
    Applied, Note, Point, PointOrder, Projection, Projector, ProjectorOptions, ProjectorPaths, TableKind,
    TableSpec, Tables,
};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::SimDisk;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The bytes are the whole file.
pub(crate) const WHOLE_FILE: u8 = 1;
/// The checksum of the header is corrected.
pub(crate) const MEND_HEADER: u8 = 2;
/// The checksum of the table is corrected, in a whole file.
pub(crate) const MEND_TABLE: u8 = 4;

fn domain() -> Domain {
    Domain::new("fuzz", 1).expect("the name is valid")
}

const HEADER_LEN: usize = 96;

pub(crate) fn run(data: &[u8]) {
    let Some((flags, rest)) = data.split_first() else { return };
    let good = good();
    let mut file = if flags & WHOLE_FILE != 0 { rest.to_vec() } else { changed(&good.generation, rest) };
    if flags & (WHOLE_FILE | MEND_TABLE) == WHOLE_FILE | MEND_TABLE {
        mend_table(&mut file);
    }
    if flags & MEND_HEADER != 0 {
        mend_header(&mut file);
    }
    let disk = SimDisk::new(2);
    for (path, bytes) in &good.log {
        disk.overwrite(path, bytes.clone());
    }
    disk.overwrite(&good.path, file.clone());
    blocks(disk.process(1).as_ref(), good, &file);
    let answer = projector(disk.process(1), false).digest().expect("the log is readable with any generation");
    assert_eq!(answer, good.digest, "a wrong answer");
}

/// Asserts that every returned block equals the block in the file. If the file was made from a valid one, the block
/// also equals the written block.
fn blocks(storage: &dyn Storage, good: &Good, file: &[u8]) {
    let Ok(generation) = Generation::open(storage, &good.path) else {
        assert!(file != good.generation, "a valid generation was rejected");
        return;
    };
    let count = generation.image_len().div_ceil(BLOCK_LEN as u64);
    // Every block and its checksum are in the file, so its length bounds the memory for them.
    assert_eq!((count + 1) * BLOCK_LEN as u64 + count * 4, file.len() as u64);
    let mut block = [0; BLOCK_LEN];
    for n in 0..count {
        if generation.block(n, &mut block).is_ok() {
            let at = (n as usize + 1) * BLOCK_LEN;
            assert_eq!(file.get(at..at + BLOCK_LEN), Some(&block[..]), "block {n}");
            let written = good.generation.get(at..at + BLOCK_LEN);
            assert!(
                file.len() != good.generation.len() || written == Some(&block[..]),
                "block {n} was changed"
            );
        }
    }
    for beyond in [count, count + 1, u64::MAX / 8192] {
        assert!(generation.block(beyond, &mut block).is_err(), "block {beyond} of {count}");
    }
}

fn changed(good: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut file = good.to_vec();
    let mut changes = Reader::new(changes);
    while let Some(place) = changes.u32() {
        let (part, at) = (place >> 30, (place & 0x3fff_ffff) as usize);
        let len = changes.u8().map_or(0, usize::from).min(changes.remaining());
        let bytes = changes.take(len).unwrap_or_default();
        let table = file.len() - file.len() / (BLOCK_LEN + 4) * 4;
        let at = match part {
            0 => at % BLOCK_LEN,
            1 => at % file.len().max(1),
            2 => table + at % (file.len() - table).max(1),
            _ => {
                file.resize(at % (2 * good.len()), 0);
                continue;
            }
        };
        for (to, from) in file.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }
    file
}

fn mend_table(file: &mut [u8]) {
    let Some(salt) = file.get(24..32).and_then(|s| s.first_chunk::<8>()).map(|s| u64::from_le_bytes(*s))
    else {
        return;
    };
    let blocks = file.len().saturating_sub(BLOCK_LEN) / (BLOCK_LEN + 4);
    let (front, table) = file.split_at_mut(((blocks + 1) * BLOCK_LEN).min(file.len()));
    for (n, (block, sum)) in front.chunks_exact(BLOCK_LEN).skip(1).zip(table.chunks_exact_mut(4)).enumerate()
    {
        let checksum = salted_crc32(salt, &[&(n as u64).to_le_bytes(), block]);
        sum.copy_from_slice(&checksum.to_le_bytes());
    }
    let checksum = salted_crc32(salt, &[table]);
    if let Some(place) = front.get_mut(64..68) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

fn mend_header(file: &mut [u8]) {
    if file.len() >= HEADER_LEN {
        let checksum = salted_crc32(0, &[&file[..HEADER_LEN - 4]]);
        file[HEADER_LEN - 4..HEADER_LEN].copy_from_slice(&checksum.to_le_bytes());
    }
}

// ---- a valid generation

/// A small log, the generation built from it, and the digest of its tables.
pub(crate) struct Good {
    log: Vec<(PathBuf, Vec<u8>)>,
    path: PathBuf,
    pub(crate) generation: Vec<u8>,
    digest: TablesDigest,
}

/// Built once: the same bytes in every process.
pub(crate) fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| {
        let disk = SimDisk::new(1);
        let log = Log::new(disk.process(1), PathBuf::from("/w/log"), LogOptions::new(domain()));
        let things: Vec<Thing> =
            (0..200).map(|n| Thing { key: n % 7, time: i64::from(n * 31 % 50) }).collect();
        for commit in things.chunks(9) {
            log.append(commit, Durability::Flush).expect("the disk has space");
        }
        log.close().expect("the disk has space");
        let digest = projector(disk.process(1), true).digest().expect("the tables are built");
        let ends = |suffix: &str| -> Vec<PathBuf> {
            disk.paths().into_iter().filter(|p| p.to_string_lossy().ends_with(suffix)).collect()
        };
        let read = |path: &Path| disk.read(path).expect("the file exists");
        let path = ends(".gen").pop().expect("a generation was published");
        let generation = read(&path);
        let log = ends(".seg").into_iter().chain(ends("lock")).map(|p| (p.clone(), read(&p))).collect();
        let good = Good { log, path, generation, digest };
        assert!(good.is_used(), "the valid generation is not used, so nothing is tested");
        good
    })
}

impl Good {
    /// Returns true if a projector answers from the generation instead of building its own tables.
    fn is_used(&self) -> bool {
        let disk = SimDisk::new(2);
        for (path, bytes) in self.log.iter().chain([&(self.path.clone(), self.generation.clone())]) {
            disk.overwrite(path, bytes.clone());
        }
        let notes = projector(disk.process(1), false).catch_up();
        notes.is_ok_and(|notes| !notes.iter().any(|n| matches!(n, Note::Rebuilt { .. })))
    }
}

fn projector(storage: Arc<dyn Storage>, publish: bool) -> Projector<Thing> {
    let options = ProjectorOptions { publish, cache_bytes: 1 << 20, ..ProjectorOptions::new(domain()) };
    let paths = ProjectorPaths { log: "/w/log".into(), generations: "/w/projections".into() };
    Projector::new(storage, paths, options, vec![Box::new(Things)])
}

#[derive(Debug)]
struct Thing {
    key: u16,
    time: i64,
}

impl Event for Thing {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(1)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&(self.key, self.time), out)
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> Result<Option<Thing>, CodecError> {
        codec::decode(payload).map(|(key, time)| Some(Thing { key, time }))
    }
}

struct Things;

const VERSIONS: TableSpec = TableSpec::new("versions", TableKind::Versions);
const SET: TableSpec = TableSpec::new("set", TableKind::Set);
const SERIES: TableSpec = TableSpec::new("series", TableKind::Series);
const REGISTERS: TableSpec = TableSpec::new("registers", TableKind::Registers);

impl Projection<Thing> for Things {
    fn name(&self) -> &'static str {
        "things"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[VERSIONS, SET, SERIES, REGISTERS]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == Kind(1)
    }

    fn apply(&self, entry: &Applied<'_, Thing>, tables: &mut Tables) -> contexta::engine::Result<()> {
        let key = entry.event.key.to_be_bytes();
        let order = PointOrder::new(entry.event.time, entry.stamp);
        let point = Point { order, measure: Some(entry.event.time as f64), value: key.to_vec() };
        tables.put_version(VERSIONS, &key, entry.stamp, &[], &entry.event.time.to_le_bytes());
        tables.insert(SET, key.to_vec());
        tables.register(REGISTERS, &key, &point);
        tables.add_point(SERIES, &key, point);
        Ok(())
    }
}
