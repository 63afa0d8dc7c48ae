//! A salvaged entry.

use crate::engine::codec::CodecError;
use crate::engine::entry::{Kind, PayloadVersion, Seq, Stamp, StreamId};
use std::path::Path;
use std::sync::Arc;

/// The checks that a salvaged entry has passed, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Certainty {
    /// The checksums of the frame are valid for a segment whose header was found, and so is the checksum of the entry.
    Frame,
    /// The checksum of the entry is valid. It covers stream, sequence number, time and content. Other entries of the
    /// same frame may be missing.
    Entry,
    /// The checksums of the frame agree with those of the frame before or after it. The stream is unknown, so the
    /// checksum of the entry was not compared.
    Neighbour,
}

impl Certainty {
    /// Returns the stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Certainty::Frame => "frame",
            Certainty::Entry => "entry",
            Certainty::Neighbour => "neighbour",
        }
    }
}

/// An entry that was found in arbitrary bytes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Salvaged<E> {
    /// The file.
    pub path: Arc<Path>,
    /// The offset in the file at which the frame of the entry begins.
    pub offset: u64,
    /// The stream; `None` if it is not known ([`Certainty::Neighbour`]).
    pub stream: Option<StreamId>,
    /// The sequence number.
    pub seq: Seq,
    /// The time in nanoseconds since the epoch.
    pub time: u64,
    /// The kind of the event.
    pub kind: Kind,
    /// The version of the payload.
    pub version: PayloadVersion,
    /// The encoded event.
    pub payload: Vec<u8>,
    /// The event; `Ok(None)` for a kind or version that this build does not know.
    pub event: Result<Option<E>, CodecError>,
    /// The checks that the entry has passed.
    pub certainty: Certainty,
}

impl<E> Salvaged<E> {
    /// Returns the stamp; `None` if the stream is not known.
    pub fn stamp(&self) -> Option<Stamp> {
        self.stream.map(|stream| Stamp { time: self.time, stream, seq: self.seq })
    }
}
