//! The comparison of a stream with a head that was saved outside the log.

use crate::engine::chain::Head;
use crate::engine::log::StreamReader;
use crate::engine::verify::options::KnownEnd;
use crate::engine::verify::problems::Problems;

/// The result of the comparison with a saved head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadState {
    /// The stream still contains the same entries up to the head. Later entries may follow.
    Confirmed,
    /// Entries are lost or differ. The comparison has added a problem.
    Refuted,
    /// The link at the head is not known, because earlier entries are missing.
    Unknown,
}

/// Compares a stream with a saved head. `reader` has read the stream to its end. Before, the caller requested the link
/// at the head ([`StreamReader::watch`]).
pub(super) fn compare_head(head: &Head, reader: &StreamReader, problems: &mut Problems) -> HeadState {
    let (stream, last) = (head.stream, head.seq);
    if reader.next_seq() <= last {
        // Entries are lost at the end of the stream. The saved head shows the last lost entry.
        let first = reader.next_seq();
        if !problems.bound_loss_at_end(first, last) {
            let message = format!(
                "entries {first} to {last} of stream {stream} are lost: the saved head is at entry {last}"
            );
            problems.add_for_head("entries_missing", Some((first, Some(last))), message);
        }
        return HeadState::Refuted;
    }
    match reader.watched(last) {
        Some(link) if link == head.digest => HeadState::Confirmed,
        Some(_) => {
            let message = format!("the entries of stream {stream} up to {last} differ from the saved head");
            problems.add_for_head("head_differs", None, message);
            HeadState::Refuted
        }
        None => HeadState::Unknown,
    }
}

/// Compares a stream with the ends that earlier reads have seen, and adds a problem if entries are lost or differ. The
/// requirements of [`compare_head`] apply to each end.
pub(super) fn compare_known(ends: &[&KnownEnd], reader: &StreamReader, problems: &mut Problems) {
    let Some(KnownEnd { stream, seq: last, .. }) = ends.iter().max_by_key(|end| end.seq) else { return };
    let first = reader.next_seq();
    if first <= *last && !problems.bound_loss_at_end(first, *last) {
        let message =
            format!("entries {first} to {last} of stream {stream} are lost: an earlier read has seen them");
        problems.add_for_head("entries_missing", Some((first, Some(*last))), message);
    }
    let read = ends.iter().filter(|end| end.seq < first);
    read.for_each(|end| compare_known_link(end, reader, problems));
}

/// Compares the link of the chain after the known end of a stream with the known link, and adds a problem if the links
/// differ. The caller requested the link before ([`StreamReader::watch`]).
pub(super) fn compare_known_link(known: &KnownEnd, reader: &StreamReader, problems: &mut Problems) {
    let (stream, last) = (known.stream, known.seq);
    if let (Some(link), Some(known)) = (reader.watched(last), known.link)
        && link != known
    {
        let message = format!(
            "the entries of stream {stream} up to {last} differ from those that an earlier read has seen"
        );
        problems.add_for_head("head_differs", None, message);
    }
}
