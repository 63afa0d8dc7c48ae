//! Generation files: immutable images of the projections' database, with a checksum per block. FORMAT.md, "Projection
//! files", defines the bytes. docs/design/001-generation-files.md gives the reasons for not using redb's own file.
//!
//! A generation is written to a temporary file, which is synced and renamed; then the directory is synced. A generation
//! under its final name is therefore complete. Generations may be deleted at any time.

use crate::engine::bytes::{Reader, is_zero};
use crate::engine::checksum::{Digest, hex, parse_hex, salted_crc32};
use crate::engine::error::{Error, Result};
use crate::engine::projection::block::{Block, BlockSource};
use crate::engine::storage::{
    DirEntry, File, OpenMode, Storage, publish, read_full_at, temporary_path, write_all_at,
};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::engine::projection::block::BLOCK_LEN;

/// The first eight bytes of a generation.
pub const GENERATION_MAGIC: [u8; 8] = *b"CTXAGEN\0";
/// The layout version of the generations that this build reads and writes. If a generation has another version, the
/// tables are rebuilt.
pub const GENERATION_VERSION: u16 = 0;

const SUFFIX: &str = ".gen";
/// The extension of the files with data that was derived from a generation.
const DERIVED_EXTENSION: &str = "derived";
const HEADER_LEN: usize = 96;

/// A generation that is open for reading.
#[derive(Debug)]
pub struct Generation {
    path: PathBuf,
    file: Arc<dyn File>,
    number: u64,
    fingerprint: Digest,
    salt: u64,
    image_len: u64,
    sums: Vec<u32>,
}

/// A directory entry that has the name of a generation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The number in the name. Each new generation has a higher number than the generations before it.
    pub number: u64,
    /// The path of the generation.
    pub path: PathBuf,
    /// `true` for a regular file. Other files are not generations, and must not be opened.
    pub is_file: bool,
}

/// Lists the generations in a directory, newest first. A missing directory has no generations.
pub fn list(storage: &dyn Storage, dir: &Path) -> Result<Vec<Found>> {
    let names = match storage.list(dir) {
        Ok(names) => names,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", dir, e)),
    };
    let found = |n: &DirEntry| {
        Some(Found { number: parse_name(&n.name)?, path: dir.join(&n.name), is_file: n.is_file })
    };
    let mut found: Vec<Found> = names.iter().filter_map(found).collect();
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Returns true if a directory with these entries contains a file with the name of a generation.
pub(super) fn is_among(entries: &[DirEntry]) -> bool {
    entries.iter().any(|entry| parse_name(&entry.name).is_some())
}

/// Returns the path of the data that was derived from a generation.
pub(super) fn derived_path(generation: &Path) -> PathBuf {
    generation.with_extension(DERIVED_EXTENSION)
}

/// Returns true if a file with this name holds data that was derived from a generation.
pub(super) fn is_derived(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == DERIVED_EXTENSION)
}

fn parse_name(name: &str) -> Option<u64> {
    let (number, salt) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let digits = number.len() == 20 && number.bytes().all(|b| b.is_ascii_digit());
    let named = digits && parse_hex::<8>(salt).is_some();
    if named { number.parse().ok() } else { None }
}

impl Generation {
    /// Opens a generation, and checks its header and its table of checksums. Blocks are checked when they are read.
    pub fn open(storage: &dyn Storage, path: &Path) -> Result<Generation> {
        let wrap = |e| Error::io("read", path, e);
        let file = storage.open(path, OpenMode::Read).map_err(wrap)?;
        let mut block = vec![0u8; BLOCK_LEN];
        let got = read_full_at(file.as_ref(), 0, &mut block).map_err(wrap)?;
        let unusable =
            |reason: &str| Error::ProjectionUnusable { path: path.to_path_buf(), reason: reason.into() };
        let header =
            block.get(..got).and_then(Header::decode).ok_or_else(|| unusable("the header is damaged"))?;
        let blocks = header.image_len.div_ceil(BLOCK_LEN as u64);
        let table_at = (blocks + 1) * BLOCK_LEN as u64;
        if file.len().map_err(wrap)? != table_at + blocks * 4 {
            return Err(unusable("the length of the file does not match the header"));
        }
        let mut table =
            vec![0u8; usize::try_from(blocks * 4).map_err(|_| unusable("the file is too large"))?];
        let got = read_full_at(file.as_ref(), table_at, &mut table).map_err(wrap)?;
        if got != table.len() || salted_crc32(header.salt, &[&table]) != header.table_checksum {
            return Err(unusable("the table of checksums is damaged"));
        }
        let sums =
            table.chunks_exact(4).filter_map(|c| c.first_chunk()).map(|c| u32::from_le_bytes(*c)).collect();
        let number = path.file_name().and_then(|n| parse_name(&n.to_string_lossy())).unwrap_or(0);
        Ok(Generation {
            path: path.to_path_buf(),
            file,
            number,
            fingerprint: header.fingerprint,
            salt: header.salt,
            image_len: header.image_len,
            sums,
        })
    }

    /// Writes `image` to disk as the generation with this number, and syncs the file. Returns the path of the
    /// generation.
    pub fn write(
        storage: &dyn Storage,
        dir: &Path,
        number: u64,
        fingerprint: Digest,
        image: &dyn BlockSource,
    ) -> Result<PathBuf> {
        let temporary = temporary_path(storage, dir, "generation")
            .map_err(|e| Error::io("get random bytes for a file name in", dir, e))?;
        let result = Generation::write_through(storage, dir, &temporary, number, fingerprint, image);
        if result.is_err() {
            let _ = storage.remove_file(&temporary);
        }
        result
    }

    fn write_through(
        storage: &dyn Storage,
        dir: &Path,
        temporary: &Path,
        number: u64,
        fingerprint: Digest,
        image: &dyn BlockSource,
    ) -> Result<PathBuf> {
        const BLOCKS_PER_WRITE: usize = 256;
        let wrap = |e| Error::io("write", temporary, e);
        let mut random = [0u8; 8];
        storage.entropy(&mut random).map_err(wrap)?;
        let salt = u64::from_le_bytes(random);
        let file = storage.open(temporary, OpenMode::CreateNew).map_err(wrap)?;
        let image_len = image.image_len();
        let blocks = image_len.div_ceil(BLOCK_LEN as u64);
        let mut table = Vec::with_capacity(usize::try_from(blocks * 4).unwrap_or(0));
        let mut buffer = Vec::with_capacity(BLOCKS_PER_WRITE * BLOCK_LEN);
        let mut offset = BLOCK_LEN as u64;
        let mut block = [0u8; BLOCK_LEN];
        for n in 0..blocks {
            image.block(n, &mut block).map_err(wrap)?;
            table.extend_from_slice(&block_checksum(salt, n, &block).to_le_bytes());
            buffer.extend_from_slice(&block);
            if buffer.len() >= BLOCKS_PER_WRITE * BLOCK_LEN || n + 1 == blocks {
                write_all_at(file.as_ref(), offset, &buffer).map_err(wrap)?;
                offset += buffer.len() as u64;
                buffer.clear();
            }
        }
        write_all_at(file.as_ref(), offset, &table).map_err(wrap)?;
        let header = Header { fingerprint, salt, image_len, table_checksum: salted_crc32(salt, &[&table]) };
        let mut first = header.encode();
        first.resize(BLOCK_LEN, 0);
        write_all_at(file.as_ref(), 0, &first).map_err(wrap)?;
        file.sync().map_err(wrap)?;
        let path = dir.join(format!("{number:020}-{}{SUFFIX}", hex(&random)));
        publish(storage, temporary, &path).map_err(|e| Error::io("publish", &path, e))?;
        Ok(path)
    }

    /// Reads one block and verifies its checksum.
    pub fn block(&self, number: u64, out: &mut Block) -> io::Result<()> {
        let got = read_full_at(self.file.as_ref(), (number + 1) * BLOCK_LEN as u64, out)?;
        let sum = usize::try_from(number).ok().and_then(|n| self.sums.get(n));
        if got != BLOCK_LEN || sum != Some(&block_checksum(self.salt, number, out)) {
            let reason = format!("block {number} of {} is damaged", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(())
    }

    /// Returns the number of the generation.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns the fingerprint of the projections that made the generation. The fingerprint covers the versions of the
    /// projections.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Returns the length of the database image in bytes.
    pub fn image_len(&self) -> u64 {
        self.image_len
    }

    /// Returns the path of the generation.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl BlockSource for Generation {
    fn image_len(&self) -> u64 {
        self.image_len
    }

    fn block(&self, number: u64, out: &mut Block) -> io::Result<()> {
        Generation::block(self, number, out)
    }
}

fn block_checksum(salt: u64, number: u64, block: &Block) -> u32 {
    salted_crc32(salt, &[&number.to_le_bytes(), block])
}

struct Header {
    fingerprint: Digest,
    salt: u64,
    image_len: u64,
    table_checksum: u32,
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut out = GENERATION_MAGIC.to_vec();
        out.extend_from_slice(&GENERATION_VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&(BLOCK_LEN as u32).to_le_bytes());
        out.extend_from_slice(&self.image_len.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        out.extend_from_slice(&self.fingerprint.0);
        out.extend_from_slice(&self.table_checksum.to_le_bytes());
        out.resize(HEADER_LEN - 4, 0);
        let checksum = salted_crc32(u64::from(GENERATION_VERSION), &[&out]);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    fn decode(block: &[u8]) -> Option<Header> {
        let (covered, rest) = block.split_at_checked(HEADER_LEN - 4)?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        if salted_crc32(u64::from(GENERATION_VERSION), &[covered]) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut reader = Reader::new(covered);
        let magic = reader.array::<8>()?;
        let (version, zero, block_len) = (reader.u16()?, reader.u16()?, reader.u32()?);
        let image_len = reader.u64()?;
        let header = Header {
            image_len,
            salt: reader.u64()?,
            fingerprint: Digest(reader.array()?),
            table_checksum: reader.u32()?,
        };
        let ok = magic == GENERATION_MAGIC
            && version == GENERATION_VERSION
            && zero == 0
            && block_len as usize == BLOCK_LEN
            && image_len < u64::MAX / 2
            && is_zero(rest);
        ok.then_some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_names_of_generations() {
        let name = "00000000000000000012-0123456789abcdef.gen";
        assert_eq!(parse_name(name), Some(12));
        for other in [
            "00000000000000000012-0123456789abcdef.bad",
            "00000000000000000012-0123456789abcdeg.gen",
            "00000000000000000012-0123456789abcde.gen",
            "00000000000000000012.gen",
            "12-0123456789abcdef.gen",
            "+0000000000000000012-0123456789abcdef.gen",
        ] {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }

    #[test]
    fn header_with_a_valid_checksum_and_other_content_is_rejected() {
        let header = Header { fingerprint: Digest([3; 32]), salt: 7, image_len: 9, table_checksum: 5 };
        let whole = header.encode();
        assert_eq!(Header::decode(&whole).map(|h| h.image_len), Some(9));
        let length = (u64::MAX / 2).to_le_bytes();
        // Magic, version, reserved bytes, block length and image length.
        for (at, bytes) in [(0, &b"c"[..]), (8, &[1]), (10, &[1]), (12, &[1]), (16, &length)] {
            let mut other = whole[..HEADER_LEN - 4].to_vec();
            other[at..at + bytes.len()].copy_from_slice(bytes);
            let checksum = salted_crc32(u64::from(GENERATION_VERSION), &[&other]);
            other.extend_from_slice(&checksum.to_le_bytes());
            assert!(Header::decode(&other).is_none(), "{at}");
        }
        assert!(Header::decode(&[&whole[..], &[0, 0]].concat()).is_some());
        assert!(Header::decode(&[&whole[..], &[0, 1]].concat()).is_none());
    }
}
