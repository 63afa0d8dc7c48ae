//! The iterator over salvaged entries.

use crate::engine::domain::Domain;
use crate::engine::entry::{Entry, Event};
use crate::engine::error::{Error, Result};
use crate::engine::log::header::{SEGMENT_HEADER_LEN, SEGMENT_MAGIC, SegmentHeader};
use crate::engine::repair::salvage::files::Files;
use crate::engine::repair::salvage::frames::{FoundFrame, FrameSearch};
use crate::engine::repair::salvage::input::Input;
use crate::engine::repair::salvage::known::KnownSegments;
use crate::engine::repair::salvage::salvaged::{Certainty, Salvaged};
use crate::engine::storage::{OpenMode, Storage};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Searches a file, or all files below a directory, for entries.
///
/// Every frame that is found is returned, so an entry that is stored twice, such as in a segment and in its copy in
/// quarantine, is returned twice. Entries of a domain that a program of `domain` cannot read are not returned, if the
/// header of their segment was found. Errors of the iterator name a block that could not be read; the search continues
/// after it.
///
/// Cost: reads the input twice. At most 64 times as many bytes are examined in candidates that are no frames;
/// a hostile input with more candidates is not searched completely. Memory: less than 128 MiB, whatever the
/// input, and about 150 bytes for each of at most 262,144 segments whose headers are found. Limits:
/// directories are searched to a depth of 32, symbolic links below `path` are not followed, and frames beyond
/// 4 GiB of their segment are found only if the stream is known from a name. The iterator returns an error
/// for each directory below a depth of 32. Errors: `path` does not exist.
///
/// ```
/// # use contexta::engine::domain::Domain;
/// # use contexta::engine::repair::salvage;
/// # use contexta::engine::storage::sim::SimDisk;
/// # use contexta::engine::entry::Event;
/// # fn example<E: Event>() -> contexta::engine::Result<()> {
/// # let storage = SimDisk::new(1).process(1);
/// # let domain = Domain::new("jobs", 1).unwrap();
/// for found in salvage::<E>(&storage, "/disk.image".as_ref(), domain)? {
///     let found = found?;
///     if let Ok(Some(event)) = found.event {
///         // Append the event to another log.
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub fn salvage<E: Event>(storage: &Arc<dyn Storage>, path: &Path, domain: Domain) -> Result<Salvage<E>> {
    let mut known = KnownSegments::default();
    // Errors are returned when the files are read again.
    for path in Files::below(storage, path)?.flatten() {
        add_headers(storage, &path, &mut known);
    }
    Ok(Salvage::new(storage, Files::below(storage, path)?, known, domain))
}

/// Searches files for entries as [`salvage`] does. `headers` are the headers of segments outside these files.
pub(crate) fn salvage_files<'a, E: Event>(
    storage: &Arc<dyn Storage>,
    files: &[PathBuf],
    headers: impl Iterator<Item = &'a SegmentHeader>,
    domain: Domain,
) -> Salvage<E> {
    let mut known = KnownSegments::default();
    headers.for_each(|header| known.add(header));
    files.iter().for_each(|path| add_headers(storage, path, &mut known));
    Salvage::new(storage, Files::of(storage, files), known, domain)
}

/// Adds the segment headers in a file, at any offset.
fn add_headers(storage: &Arc<dyn Storage>, path: &Path, known: &mut KnownSegments) {
    let Ok(mut input) = storage.open(path, OpenMode::Read).and_then(Input::new) else { return };
    let mut at = 0;
    while let Some(found) = input.find(&SEGMENT_MAGIC, at) {
        if let Ok(header) = SegmentHeader::decode_one(input.bytes(found, SEGMENT_HEADER_LEN)) {
            known.add(&header);
        }
        at = found + SEGMENT_MAGIC.len() as u64;
    }
}

/// An iterator over the entries that [`Engine::salvage`](crate::engine::Engine::salvage) finds, file by file in the
/// order of their offsets. An error names a block or file that cannot be read; the search continues after it.
#[derive(Debug)]
#[must_use = "the search is done by the iterator"]
pub struct Salvage<E> {
    storage: Arc<dyn Storage>,
    files: Files,
    domain: Domain,
    known: KnownSegments,
    current: Option<(Arc<Path>, FrameSearch)>,
    ready: VecDeque<Found>,
    event: PhantomData<fn() -> E>,
}

/// An entry that was found, before its event is decoded.
#[derive(Debug)]
struct Found {
    path: Arc<Path>,
    offset: u64,
    is_stream_known: bool,
    entry: Entry,
    certainty: Certainty,
}

impl Found {
    fn decode<E: Event>(self) -> Salvaged<E> {
        let Found { path, offset, is_stream_known, entry, certainty } = self;
        Salvaged {
            path,
            offset,
            stream: is_stream_known.then_some(entry.stamp.stream),
            seq: entry.stamp.seq,
            time: entry.stamp.time,
            kind: entry.kind,
            version: entry.version,
            event: E::decode(entry.kind, entry.version, &entry.payload),
            payload: entry.payload,
            certainty,
        }
    }
}

impl<E: Event> Salvage<E> {
    fn new(storage: &Arc<dyn Storage>, files: Files, known: KnownSegments, domain: Domain) -> Salvage<E> {
        Salvage {
            files,
            storage: Arc::clone(storage),
            domain,
            known,
            current: None,
            ready: VecDeque::new(),
            event: PhantomData,
        }
    }

    fn open_next(&mut self) -> Option<Result<()>> {
        let path = match self.files.next()? {
            Ok(path) => path,
            Err(e) => return Some(Err(e)),
        };
        let input = self.storage.open(&path, OpenMode::Read).and_then(Input::new);
        Some(input.map_err(|e| Error::io("read", &path, e)).map(|input| {
            let search = FrameSearch::new(input, &path);
            self.current = Some((path.into(), search));
        }))
    }

    fn add(&mut self, path: &Arc<Path>, frame: FoundFrame) {
        let FoundFrame { offset, stream, entries, certainty } = frame;
        let found = |entry| Found {
            path: Arc::clone(path),
            offset,
            is_stream_known: stream.is_some(),
            entry,
            certainty,
        };
        self.ready.extend(entries.into_iter().map(found));
    }
}

impl<E: Event> Iterator for Salvage<E> {
    type Item = Result<Salvaged<E>>;

    fn next(&mut self) -> Option<Result<Salvaged<E>>> {
        loop {
            if let Some(found) = self.ready.pop_front() {
                return Some(Ok(found.decode()));
            }
            let Some((path, mut search)) = self.current.take() else {
                match self.open_next()? {
                    Ok(()) => continue,
                    Err(e) => return Some(Err(e)),
                }
            };
            let frames = search.step(&self.known, self.domain);
            let error = search.take_error().map(|e| Err(Error::io("read", &path, e)));
            if let Some(frames) = frames {
                frames.into_iter().for_each(|frame| self.add(&path, frame));
                self.current = Some((path, search));
            }
            if error.is_some() {
                return error;
            }
        }
    }
}
