//! Instants and their text form: `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`.
//!
//! Instants are ordered by time. (The Python package contexta 1.0.0 compares texts, so that a whole second sorts after
//! times within that second.)

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Timelike};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// An instant: microseconds since 1970-01-01T00:00:00Z, in the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The first instant, 0001-01-01T00:00:00Z, in microseconds since 1970-01-01T00:00:00Z.
const MICROS_MIN: i64 = -62_135_596_800_000_000;

/// The last instant, 9999-12-31T23:59:59.999999Z, in microseconds since 1970-01-01T00:00:00Z.
const MICROS_MAX: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// The time 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// Creates an instant from its microseconds since the epoch; `None` outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Option<Timestamp> {
        (MICROS_MIN..=MICROS_MAX).contains(&micros).then_some(Timestamp(micros))
    }

    /// Creates an instant from nanoseconds since the epoch. Fractions of microseconds are cut off, and a time after the
    /// year 9999 becomes the end of that year.
    pub fn from_nanos(nanos: u64) -> Timestamp {
        Timestamp(i64::try_from(nanos / 1000).unwrap_or(MICROS_MAX).min(MICROS_MAX))
    }

    /// Returns the microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Returns the microseconds from `earlier` to this instant.
    pub fn micros_since(self, earlier: Timestamp) -> i64 {
        self.0 - earlier.0
    }

    /// Parses an RFC 3339 time such as `2024-01-31T12:00:00Z`. A fraction of a second can have any number of digits;
    /// digits after the sixth are ignored. The time ends in `Z`, `z` or an offset such as `+09:00`. A `t` or a space
    /// between date and time is accepted. Leap seconds are errors.
    pub fn parse(text: &str) -> Result<Timestamp> {
        Timestamp::parse_inner(text).ok_or_else(|| {
            ContractError::new(
                ErrorCode::Timestamp,
                format!("{text:?} is not a time such as 2024-01-31T12:00:00Z"),
            )
        })
    }

    fn parse_inner(text: &str) -> Option<Timestamp> {
        let (whole, rest) = text.split_at_checked(19)?;
        // The digits are checked here, because chrono accepts numbers with fewer digits.
        let shape = whole.bytes().enumerate().all(|(n, b)| match n {
            4 | 7 => b == b'-',
            10 => matches!(b, b'T' | b't' | b' '),
            13 | 16 => b == b':',
            _ => b.is_ascii_digit(),
        });
        if !shape || whole.ends_with(":60") {
            return None;
        }
        let (fraction, zone) = match rest.strip_prefix('.') {
            Some(rest) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                if digits == 0 {
                    return None;
                }
                rest.split_at_checked(digits)?
            }
            None => ("", rest),
        };
        // The fields are parsed without the format strings of chrono, because a query parses several timestamps for
        // each run.
        let field = |range: Range<usize>| whole.get(range).map(|digits| number(digits.bytes()));
        let date = NaiveDate::from_ymd_opt(i32::try_from(field(0..4)?).ok()?, field(5..7)?, field(8..10)?)?;
        let local = date.and_hms_opt(field(11..13)?, field(14..16)?, field(17..19)?)?;
        let seconds = local.and_utc().timestamp().checked_sub(offset_seconds(zone)?)?;
        let micros = number(fraction.bytes().chain([b'0'; 6]).take(6));
        Timestamp::from_micros(seconds.checked_mul(1_000_000)?.checked_add(i64::from(micros))?)
    }
}

/// Returns the number that a text of at most nine digits represents.
fn number(digits: impl Iterator<Item = u8>) -> u32 {
    digits.fold(0, |number, digit| number * 10 + u32::from(digit & 0x0f))
}

/// Writes the two digits of a number below 100 to `text` at the index `at`.
fn put_two_digits(text: &mut [u8], at: usize, number: u32) {
    let digits = [number / 10, number % 10].map(|digit| b'0' + (digit % 10) as u8);
    if let Some(slot) = text.get_mut(at..at + 2) {
        slot.copy_from_slice(&digits);
    }
}

/// Parses `Z`, `z`, `+hh:mm` or `-hh:mm`. Returns the number of seconds by which local time is ahead of UTC; `None` for
/// any other text.
fn offset_seconds(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let two = |text: &str, most: i64| {
        let plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i64>().ok().filter(|n| plain && *n <= most)
    };
    let seconds = two(hours, 23)? * 3600 + two(minutes, 59)? * 60;
    match zone.as_bytes().first()? {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No operation can overflow within the years 1 to 9999.
        let time = DateTime::UNIX_EPOCH + TimeDelta::microseconds(self.0);
        let year = time.year().unsigned_abs();
        let micros = time.nanosecond() / 1000;
        let mut text = *b"YYYY-MM-DDTHH:MM:SS.ffffffZ";
        let fields =
            [year / 100, year % 100, time.month(), time.day(), time.hour(), time.minute(), time.second()];
        let fraction = [micros / 10_000, micros / 100 % 100, micros % 100];
        for (number, at) in fields.into_iter().chain(fraction).zip([0, 2, 5, 8, 11, 14, 17, 20, 22, 24]) {
            put_two_digits(&mut text, at, number);
        }
        let text = std::str::from_utf8(&text).map_err(|_| fmt::Error)?;
        if micros != 0 {
            return f.write_str(text);
        }
        f.write_str(text.get(..19).unwrap_or_default())?;
        f.write_str("Z")
    }
}

impl FromStr for Timestamp {
    type Err = ContractError;

    fn from_str(text: &str) -> Result<Timestamp> {
        Timestamp::parse(text)
    }
}

impl TryFrom<&str> for Timestamp {
    type Error = ContractError;

    fn try_from(text: &str) -> Result<Timestamp> {
        Timestamp::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_round_trip_and_the_fraction_has_six_digits_or_none() {
        for text in ["2024-01-31T12:00:00Z", "1969-12-31T23:59:59.000001Z", "9999-12-31T23:59:59.999999Z"] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Timestamp::parse("0001-01-01T00:00:00Z").unwrap().micros(), MICROS_MIN);
        assert_eq!(
            Timestamp::parse("2024-01-01T00:00:00.1Z").unwrap().to_string(),
            "2024-01-01T00:00:00.100000Z"
        );
        for text in [
            "2024-01-31T21:00:00+09:00",
            "2024-01-31T06:30:00-05:30",
            "2024-01-31 12:00:00z",
            "2024-01-31t12:00:00.000000000000Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), "2024-01-31T12:00:00Z", "{text}");
        }
        assert_eq!(Timestamp::parse("2024-01-01T00:00:00.1234567Z").unwrap().micros() % 1_000_000, 123_456);
    }

    #[test]
    fn texts_equal_those_of_the_calendar_crate() {
        // The step is about 61 days, so that all months, leap years and fractions occur.
        for micros in (MICROS_MIN..=MICROS_MAX).step_by(5_270_400_123_457) {
            let time = Timestamp(micros);
            let expected = DateTime::from_timestamp_micros(micros).unwrap();
            let format =
                if micros % 1_000_000 == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.6fZ" };
            assert_eq!(time.to_string(), expected.format(format).to_string());
            assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "Z",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-02-30T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01x00:00:00Z",
            "2024-01-01T00:00:00+0000",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+9:00",
            "2024-01-01T00:00:00 Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00.5",
            "0001-01-01T00:00:00+00:01",
            "2024-1-1T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "+2024-01-01T00:00:0Z",
            "２０２４-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text).map_err(|e| e.code), Err(ErrorCode::Timestamp), "{text}");
        }
    }

    #[test]
    fn order_is_that_of_instants_not_of_texts() {
        let whole = Timestamp::parse("2024-01-01T00:00:00Z").unwrap();
        let half = Timestamp::parse("2024-01-01T00:00:00.500000Z").unwrap();
        assert!(whole < half && whole.to_string() > half.to_string());
    }
}
