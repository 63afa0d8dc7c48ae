//! A moment in the history of a workspace. A read as of a moment ignores later entries.

use crate::contract::Timestamp;
use crate::engine::entry::{Seq, Stamp, StreamId};
use std::fmt;
use std::str::FromStr;

/// A moment in the history of a workspace. A read as of a moment considers only the entries that were
/// appended up to this moment. The times in a record, such as its time of observation, have no effect. An
/// imported record is therefore considered from the time of its import.
///
/// The text form is a stamp (`time:stream:sequence`), an RFC 3339 time, or a date such as `2026-11-01`. A
/// date stands for the end of the day in UTC. A time without a fraction stands for the end of the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Stamp);

impl Moment {
    /// Returns the greatest stamp that a read as of this moment considers.
    #[must_use]
    pub fn stamp(self) -> Stamp {
        self.0
    }
}

impl From<Stamp> for Moment {
    fn from(stamp: Stamp) -> Moment {
        Moment(stamp)
    }
}

/// Creates the moment at the end of a microsecond. A [`Timestamp`] has microseconds, and the time of an entry
/// has nanoseconds.
impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Moment {
        let micros = u64::try_from(time.micros()).unwrap_or(0);
        let time = micros.saturating_mul(1000).saturating_add(999);
        Moment(Stamp { time, stream: StreamId([u8::MAX; 16]), seq: Seq(u64::MAX) })
    }
}

/// A text that is not a [`Moment`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseMomentError {
    text: String,
}

impl fmt::Display for ParseMomentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(f, "{text:?} is neither a time such as 2026-11-01T08:00:00Z, nor a date, nor a stamp")
    }
}

impl std::error::Error for ParseMomentError {}

impl FromStr for Moment {
    type Err = ParseMomentError;

    fn from_str(text: &str) -> Result<Moment, ParseMomentError> {
        let text = text.trim();
        if let Ok(stamp) = text.parse::<Stamp>() {
            return Ok(Moment(stamp));
        }
        let end_of_day = || format!("{text}T23:59:59.999999Z").parse::<Timestamp>().ok();
        let time = text.parse::<Timestamp>().ok().and_then(|time| match text.contains(['.', ',']) {
            true => Some(time),
            false => Timestamp::from_micros(time.micros() + 999_999),
        });
        let time = time.or_else(end_of_day).ok_or_else(|| ParseMomentError { text: text.to_owned() })?;
        Ok(Moment::from(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_parsed_from_times_dates_and_stamps() {
        let moment = |text: &str| text.parse::<Moment>().unwrap();
        let noon = moment("2026-11-01T12:00:00Z");
        assert_eq!(noon, moment("2026-11-01T13:00:00+01:00"));
        assert!(noon < moment("2026-11-01") && moment("2026-11-01") < moment("2026-11-02T00:00:00Z"));
        // A time without a fraction names a second, and a time with a fraction names a microsecond.
        assert_eq!(noon, moment("2026-11-01T12:00:00.999999Z"));
        assert!(moment("2026-11-01T12:00:00.0Z") < noon);
        assert_eq!(moment("2026-11-01T12:00:00.0Z").stamp().time % 1_000_000, 999);
        let stamp = Stamp { time: 7, stream: StreamId([1; 16]), seq: Seq(2) };
        assert_eq!(moment(&stamp.to_string()), Moment::from(stamp));
        for text in ["", "yesterday", "2026-13-01", "7:zz:2"] {
            assert!(text.parse::<Moment>().unwrap_err().to_string().contains("neither"), "{text}");
        }
    }

    #[test]
    fn a_moment_before_the_epoch_precedes_every_entry() {
        let before = Moment::from(Timestamp::from_micros(-1).unwrap());
        assert!(before.stamp().time < 1000);
    }
}
