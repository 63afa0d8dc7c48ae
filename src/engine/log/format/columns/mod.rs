//! The encoding of the entries of a frame as columns, for compacted segments. docs/FORMAT.md specifies the bytes
//! ("Columns").
//!
//! Entries of the same kind, payload version and payload length form a group. The payloads of a group are the
//! rows of a matrix of bytes. A constant column of the matrix is stored as one byte. Every other column is
//! stored as a compressed block. Payloads that are in no such group are stored one after another.
//!
//! Checksums of entries are not stored. A checksum over the checksums of all entries is stored instead. The decoder
//! computes the checksum of each entry again and compares the result.

mod block;
mod group;
mod integers;
mod matrix;
mod reader;
mod window;
mod writer;

pub(super) use reader::Columns;
pub(in crate::engine) use reader::UnverifiedColumns;
pub(in crate::engine::log) use writer::ColumnWriter;

#[cfg(test)]
mod tests;
