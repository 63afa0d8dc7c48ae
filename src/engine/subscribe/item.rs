//! The items of a subscription.

use crate::engine::codec::CodecError;
use crate::engine::entry::{Gap, Kind, PayloadVersion, Seq, Stamp, StreamId};
use crate::engine::subscribe::position::SubscriptionPosition;

/// An item of a subscription.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Item<E> {
    /// An entry.
    Entry {
        /// Time and identity of the entry.
        stamp: Stamp,
        /// The decoded event.
        event: E,
    },
    /// An entry that this build cannot decode: its kind is unknown, or its payload is invalid. With a filter by kind,
    /// entries of other kinds are not returned.
    Undecodable {
        /// Time and identity of the entry.
        stamp: Stamp,
        /// The kind of the event.
        kind: Kind,
        /// The version of the payload.
        version: PayloadVersion,
        /// The error of the codec; `None` if the kind is unknown.
        cause: Option<CodecError>,
    },
    /// Missing entries of a stream. The gap is returned in place of the entries. A gap without a last number is at the
    /// end of a stream that cannot be read further. If later entries show which numbers are missing, a gap with these
    /// numbers follows. Each number is in at most one gap with a last number. An unfinished end of a stream is not a
    /// gap. If a merge later restores entries of the gap, the subscription does not return them.
    Gap(Gap),
    /// The stream no longer contains the last entry that the subscription read: a merge moved the entry to another
    /// stream, or the files of the log were replaced. The entries of the stream from `restart` on are returned next,
    /// even entries that were returned before.
    Diverged {
        /// The stream.
        stream: StreamId,
        /// The sequence number at which the subscription continues.
        restart: Seq,
    },
    /// The end of a round: everything that was readable when the round began was returned. Exception: streams for which
    /// the round returned an error.
    CaughtUp(SubscriptionPosition),
    /// No new entry was readable within the time-out
    /// [`SubscribeOptions::wait`](crate::engine::subscribe::SubscribeOptions).
    TimedOut,
}
