//! The position of a subscription: for each stream, the next sequence number and the place to continue reading.
//!
//! A place in a file is only a hint. The place is used if the entry there has the expected sequence number and
//! checksum; otherwise the stream is read from its beginning.

use crate::engine::entry::{Entry, Gap, Seq, StreamId};
use crate::engine::log::directory::ResumePoint;
use crate::engine::text_form::ParseError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The first word of the text form.
const VERSION: &str = "p1";

/// A position in the log: the point in each stream behind the last item that a subscription returned.
///
/// A subscription that begins at the position continues exactly there. The text form, which is also the serialised
/// form, is one line of ASCII characters, with about 100 bytes for each stream. Streams that the position does not
/// name are read from their beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionPosition {
    streams: BTreeMap<StreamId, StreamPosition>,
}

/// The position in one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamPosition {
    /// The number of the next entry to return. All earlier entries were returned, excluded by the filter, or missing.
    pub(super) next: Seq,
    /// The last entry before `next` that was read; `None` if no entry was read, or if the entry was damaged or lost
    /// later.
    pub(super) passed: Option<Passed>,
    /// True if a gap of unknown length that begins with `next` was returned. This gap is not returned again.
    pub(super) has_open_gap: bool,
}

/// An entry that was read, and the frame that contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// The point at which the frame begins.
    pub(super) frame: ResumePoint,
    /// The sequence number of the entry.
    pub(super) seq: Seq,
    /// The checksum of the entry.
    pub(super) checksum: u32,
}

impl StreamPosition {
    /// The beginning of a stream.
    pub(super) const START: StreamPosition = StreamPosition::at(Seq::FIRST);

    /// Returns the position before the entry `next`, without an entry in `passed`.
    pub(super) const fn at(next: Seq) -> StreamPosition {
        StreamPosition { next, passed: None, has_open_gap: false }
    }

    /// Moves the position behind `entry`. The frame of the entry begins at the point `frame`.
    pub(super) fn pass(&mut self, entry: &Entry, frame: ResumePoint) {
        let passed = Passed { frame, seq: entry.stamp.seq, checksum: entry.checksum };
        *self = StreamPosition { next: passed.seq.next(), passed: Some(passed), has_open_gap: false };
    }

    /// Moves the position behind a gap. If the gap has no last number, records only that such a gap was returned,
    /// because the end of the gap is unknown.
    pub(super) fn skip(&mut self, gap: &Gap) {
        if let Some(last) = gap.last {
            self.next = last.next();
        }
        self.has_open_gap = gap.last.is_none();
    }
}

impl SubscriptionPosition {
    /// Returns the position before the first entry of every stream.
    pub fn start() -> SubscriptionPosition {
        SubscriptionPosition::default()
    }

    /// Returns the streams that the position names, each with the sequence number of its next entry.
    pub fn streams(&self) -> impl Iterator<Item = (StreamId, Seq)> {
        self.streams.iter().map(|(stream, position)| (*stream, position.next))
    }

    /// Returns the position in a stream: the beginning, if the position does not name the stream.
    pub(super) fn get(&self, stream: StreamId) -> StreamPosition {
        self.streams.get(&stream).copied().unwrap_or(StreamPosition::START)
    }

    pub(super) fn set(&mut self, stream: StreamId, position: StreamPosition) {
        if position == StreamPosition::START {
            self.streams.remove(&stream);
        } else {
            self.streams.insert(stream, position);
        }
    }
}

impl fmt::Display for SubscriptionPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VERSION)?;
        for (stream, position) in &self.streams {
            write!(f, " {stream}:{}", position.next)?;
            if position.has_open_gap {
                f.write_str("?")?;
            }
            if let Some(Passed { frame, seq, checksum }) = position.passed {
                write!(f, ":{}:{}:{}:{seq}:{checksum}", frame.segment, frame.offset, frame.next)?;
            }
        }
        Ok(())
    }
}

impl FromStr for SubscriptionPosition {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<SubscriptionPosition, ParseError> {
        parse(text).ok_or_else(|| ParseError::new(text, "a position of a subscription"))
    }
}

fn parse(text: &str) -> Option<SubscriptionPosition> {
    let mut words = text.split(' ');
    if words.next() != Some(VERSION) {
        return None;
    }
    let mut streams = BTreeMap::new();
    for word in words {
        let (stream, rest) = word.split_once(':')?;
        let stream: StreamId = stream.parse().ok()?;
        // Only sorted streams are accepted, so that equal positions have equal texts.
        if streams.last_key_value().is_some_and(|(last, _)| *last >= stream) {
            return None;
        }
        streams.insert(stream, parse_stream(rest)?);
    }
    Some(SubscriptionPosition { streams })
}

fn parse_stream(text: &str) -> Option<StreamPosition> {
    let mut fields = text.split(':');
    let next = fields.next()?;
    let (next, has_open_gap) = match next.strip_suffix('?') {
        Some(next) => (next, true),
        None => (next, false),
    };
    let next: Seq = next.parse().ok()?;
    let numbers = fields.map(|field| field.parse().ok().map(|Seq(number)| number));
    let passed = match *numbers.collect::<Option<Vec<u64>>>()? {
        [] => None,
        [segment, offset, first, seq, checksum] => Some(Passed {
            frame: ResumePoint { segment: Seq(segment), offset, next: Seq(first) },
            seq: Seq(seq),
            checksum: u32::try_from(checksum).ok()?,
        }),
        _ => return None,
    };
    let is_ordered = |p: Passed| p.frame.segment <= p.frame.next && p.frame.next <= p.seq && p.seq < next;
    let is_valid = next >= Seq::FIRST && passed.is_none_or(is_ordered);
    is_valid.then_some(StreamPosition { next, passed, has_open_gap })
}

impl Serialize for SubscriptionPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SubscriptionPosition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SubscriptionPosition, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec;

    fn sample() -> SubscriptionPosition {
        let frame = ResumePoint { segment: Seq(5), offset: 4096, next: Seq(7) };
        let passed = Passed { frame, seq: Seq(9), checksum: u32::MAX };
        let mut position = SubscriptionPosition::start();
        position.set(
            StreamId([1; 16]),
            StreamPosition { next: Seq(10), passed: Some(passed), has_open_gap: false },
        );
        position.set(StreamId([2; 16]), StreamPosition { has_open_gap: true, ..StreamPosition::START });
        position.set(StreamId([3; 16]), StreamPosition { next: Seq(u64::MAX), ..StreamPosition::START });
        position.set(StreamId([4; 16]), StreamPosition::START);
        position
    }

    #[test]
    fn positions_have_a_text_form_and_the_same_serialised_form() {
        let position = sample();
        let text = position.to_string();
        assert_eq!(
            text,
            "p1 01010101010101010101010101010101:10:5:4096:7:9:4294967295 \
             02020202020202020202020202020202:1? \
             03030303030303030303030303030303:18446744073709551615"
        );
        assert_eq!(text.parse(), Ok(position.clone()));
        assert_eq!("p1".parse(), Ok(SubscriptionPosition::start()));
        let mut bytes = Vec::new();
        codec::encode(&position, &mut bytes).unwrap();
        assert_eq!(codec::decode::<SubscriptionPosition>(&bytes).unwrap(), position);
        assert_eq!(codec::decode::<String>(&bytes).unwrap(), text);
    }

    #[test]
    fn texts_of_another_form_are_refused() {
        let text = sample().to_string();
        let (first, rest) = text[3..].split_once(' ').unwrap();
        for bad in [
            String::new(),
            text.replace("p1", "p2"),
            format!("{text} "),
            format!("p1 {first} {first}"),
            format!("p1 {rest} {first}"),
            text.replace(":10:", ":9:"),
            text.replace(":7:9:", ":10:9:"),
            text.replace(":5:", ":8:"),
            text.replace(":1?", ":0?"),
            text.replace(":1?", ":+1?"),
            text.replace("4294967295", "4294967296"),
            text.replace(":9:4294967295", ":9"),
            text.replace("01:10", "01:10:1"),
        ] {
            assert!(bad.parse::<SubscriptionPosition>().is_err(), "{bad}");
        }
    }
}
