//! Blocks of a fixed size: the unit in which a database image (the bytes of a database file) is read, checked and
//! changed.

use std::fmt::Debug;
use std::io;

/// The size of a block in bytes.
pub const BLOCK_LEN: usize = 4096;

/// The content of one block.
pub type Block = [u8; BLOCK_LEN];

/// A database image (the bytes of a database file) that is read block by block.
pub trait BlockSource: Debug + Send + Sync {
    /// Returns the length of the image in bytes. If the length is not a multiple of [`BLOCK_LEN`], the last block is
    /// filled up with zeros.
    fn image_len(&self) -> u64;
    /// Reads the block with this number, counted from 0.
    fn block(&self, number: u64, out: &mut Block) -> io::Result<()>;
}
