//! A block: a compressed or uncompressed sequence of bytes whose length is known from the context.

use crate::engine::bytes::{Reader, put_length_prefixed};
use std::io;
use zstd::bulk::{Compressor, Decompressor};

/// The bytes are stored as they are.
const RAW: u8 = 0;
/// The bytes are compressed with zstd.
const ZSTD: u8 = 1;
/// The differences between adjacent bytes, modulo 256, are compressed with zstd. The first byte is stored unchanged.
const DELTA_ZSTD: u8 = 3;

/// The compression level of zstd. Higher levels make blocks only a few percent smaller, and are slower.
const LEVEL: i32 = 1;
/// The minimum number of bytes of a compressed block.
const COMPRESSED_MIN: usize = 48;

/// A writer of blocks. The writer reuses the memory of the compressor.
pub(super) struct BlockWriter {
    compressor: Compressor<'static>,
    compressed: Vec<u8>,
}

impl BlockWriter {
    /// Creates a writer. Error: memory for the compressor could not be allocated.
    pub(super) fn new() -> io::Result<BlockWriter> {
        Ok(BlockWriter { compressor: Compressor::new(LEVEL)?, compressed: Vec::new() })
    }

    /// Appends a column of a matrix to `out`. Adjacent bytes belong to adjacent rows.
    pub(super) fn put_plane(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.len() < COMPRESSED_MIN {
            return put_raw(out, bytes);
        }
        let differences = differences(bytes);
        let (plain, delta) = (entropy_bits(bytes), entropy_bits(&differences));
        // Random bytes are not compressed, because they would take the same space and more time.
        let limit = bytes.len() as f32 * 7.75;
        if plain.min(delta) > limit {
            put_raw(out, bytes);
        } else if delta < plain {
            self.put_compressed(out, DELTA_ZSTD, &differences, bytes);
        } else {
            self.put_compressed(out, ZSTD, bytes, bytes);
        }
    }

    /// Appends text or other bytes without columns to `out`.
    pub(super) fn put_text(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.len() < COMPRESSED_MIN {
            return put_raw(out, bytes);
        }
        self.put_compressed(out, ZSTD, bytes, bytes);
    }

    /// Appends `stored` in compressed form. Appends `raw` uncompressed if the compressed form is not shorter.
    fn put_compressed(&mut self, out: &mut Vec<u8>, method: u8, stored: &[u8], raw: &[u8]) {
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(stored.len()));
        let done = self.compressor.compress_to_buffer(stored, &mut self.compressed);
        if done.is_ok_and(|len| len < raw.len()) {
            out.push(method);
            put_length_prefixed(out, &self.compressed);
        } else {
            put_raw(out, raw);
        }
    }
}

fn put_raw(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(RAW);
    out.extend_from_slice(bytes);
}

fn differences(bytes: &[u8]) -> Vec<u8> {
    let before = std::iter::once(&0).chain(bytes);
    bytes.iter().zip(before).map(|(byte, before)| byte.wrapping_sub(*before)).collect()
}

/// Estimates the number of bits that an entropy coder needs for the bytes: the Shannon entropy of their frequencies.
fn entropy_bits(bytes: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = (bytes.len() as f32).log2();
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| *count as f32 * (total - (*count as f32).log2()))
        .sum()
}

/// A reader of blocks. The reader reuses the memory of the decompressor.
pub(super) struct BlockReader<'a> {
    pub(super) bytes: Reader<'a>,
    /// The decompressor. `None` until the first compressed block is read.
    decompressor: Option<Decompressor<'static>>,
}

impl<'a> BlockReader<'a> {
    pub(super) fn new(bytes: Reader<'a>) -> BlockReader<'a> {
        BlockReader { bytes, decompressor: None }
    }

    /// Reads a block that has `len` bytes in its decoded form. Returns `None` if the block is malformed, or if its
    /// decoded form has another length.
    ///
    /// The caller limits `len`. The decoder never needs more than this number of bytes.
    pub(super) fn block(&mut self, len: usize) -> Option<Vec<u8>> {
        let method = self.bytes.u8()?;
        if method == RAW {
            return self.bytes.take(len).map(<[u8]>::to_vec);
        }
        let compressed = self.bytes.length_prefixed()?;
        let mut decompressor = self.decompressor.take().or_else(|| Decompressor::new().ok())?;
        let mut decoded = Vec::with_capacity(len);
        let done = decompressor.decompress_to_buffer(compressed, &mut decoded);
        self.decompressor = Some(decompressor);
        done.ok().filter(|got| *got == len)?;
        match method {
            ZSTD => {}
            DELTA_ZSTD => {
                decoded.iter_mut().fold(0u8, |before, byte| {
                    *byte = byte.wrapping_add(before);
                    *byte
                });
            }
            _ => return None,
        }
        Some(decoded)
    }
}
