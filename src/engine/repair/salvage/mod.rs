//! Recovery of single entries from arbitrary bytes: a damaged segment, a directory, a file in quarantine, a piece of a
//! segment without its header, or the image of a disk.
//!
//! The input is searched at every byte for frames. The checks depend on the remaining bytes:
//!
//! | Certainty | Condition | Checks |
//! |---|---|---|
//! | [`Certainty::Frame`] | the header of the segment, or of the next one, is anywhere in the input | both checksums of the frame, and the checksum of the entry |
//! | [`Certainty::Entry`] | the stream is known from the name of the file or directory, from an earlier frame, or from a header in the input | the checksum of the entry |
//! | [`Certainty::Neighbour`] | neither, but two frames follow each other | the checksums of both frames are those of adjacent frames of one segment |
//!
//! The salt of a segment is not stored in its frames, and one frame does not determine the salt. Two frames show whether
//! they belong to one segment, and a frame shows whether it belongs to a segment with a known salt, even if the frame was
//! found at another offset, such as in the fragments of a file on a disk. A single frame of an unknown stream and segment
//! cannot be checked, and is not returned. Entries of a frame whose header is damaged cannot be found, because the times
//! and sequence numbers of its entries are relative to its header.
//!
//! Files, lowest first. Each file imports only files above it in this list:
//! ```text
//! salvaged, input, files, known    values; bytes of a file; files of a directory; segments with known salts
//! frames                           the frames of one file
//! iterator                         all entries
//! segment                          new segments with salvaged entries
//! ```

mod files;
mod frames;
mod input;
mod iterator;
mod known;
mod salvaged;
mod segment;

pub(crate) use files::Files;
pub(crate) use iterator::salvage_files;
pub use iterator::{Salvage, salvage};
pub use salvaged::{Certainty, Salvaged};
pub(crate) use segment::write_segment;
