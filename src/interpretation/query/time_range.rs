//! A range of start times.

use crate::contract::Timestamp;
use crate::interpretation::error::{Error, Result};

/// A range of times in which runs start. Both ends are included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The earliest start; `None` for no limit.
    pub started_after: Option<Timestamp>,
    /// The latest start; `None` for no limit.
    pub started_before: Option<Timestamp>,
}

impl TimeRange {
    /// Parses the two ends of a range. An end is an RFC 3339 time, a time without an offset such as
    /// `2026-11-01T08:00:00`, or a date such as `2026-11-01`. A time without an offset is in UTC. If the
    /// first end is a date, the range begins at the start of the day in UTC. If the last end is a date, the
    /// range ends at the end of the day in UTC. Errors: a text is neither a time nor a date, or the last end
    /// is before the first end.
    pub fn parse(after: Option<&str>, before: Option<&str>) -> Result<TimeRange> {
        let started_after = after.map(|text| bound(text, "T00:00:00Z")).transpose()?;
        let started_before = before.map(|text| bound(text, "T23:59:59.999999Z")).transpose()?;
        TimeRange { started_after, started_before }.checked()
    }

    /// Returns the range if it is valid. Error: the last end is before the first end.
    pub(super) fn checked(self) -> Result<TimeRange> {
        match (self.started_after, self.started_before) {
            (Some(after), Some(before)) if after > before => Err(Error::InvalidTimeRange {
                reason: format!("the range ends at {before}, before its beginning {after}"),
            }),
            _ => Ok(self),
        }
    }

    /// Returns `true` if a run with this start is in the range. A run with an unknown start is only in a range without
    /// ends.
    #[must_use]
    pub fn contains(&self, start: Option<Timestamp>) -> bool {
        match start {
            Some(start) => {
                self.started_after.is_none_or(|after| start >= after)
                    && self.started_before.is_none_or(|before| start <= before)
            }
            None => self.started_after.is_none() && self.started_before.is_none(),
        }
    }
}

fn bound(text: &str, time_of_day: &str) -> Result<Timestamp> {
    let text = text.trim();
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let full = if is_date { format!("{text}{time_of_day}") } else { text.to_owned() };
    let time = full.parse().or_else(|_| format!("{full}Z").parse());
    time.map_err(|_| Error::InvalidTimeRange {
        reason: format!("{text:?} is neither a time such as 2026-11-01T08:00:00Z nor a date"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_include_the_whole_day() {
        let day = TimeRange::parse(Some("2026-11-01"), Some("2026-11-01")).unwrap();
        let at = |text: &str| Some(text.parse().unwrap());
        assert!(day.contains(at("2026-11-01T00:00:00Z")) && day.contains(at("2026-11-01T23:59:59.999999Z")));
        assert!(!day.contains(at("2026-11-02T00:00:00Z")) && !day.contains(None));
        assert!(TimeRange::default().contains(None));
        let local = TimeRange::parse(Some("2026-11-01T00:00:00"), Some("2026-11-01T00:00:00.5")).unwrap();
        assert!(
            local.contains(at("2026-11-01T00:00:00Z")) && local.contains(at("2026-11-01T00:00:00.500000Z"))
        );
        assert!(!local.contains(at("2026-11-01T00:00:00.500001Z")));
        let offset = TimeRange::parse(Some("2026-11-01T02:00:00+02:00"), None).unwrap();
        assert!(offset.contains(at("2026-11-01T00:00:00Z")));
    }

    #[test]
    fn invalid_ranges_are_errors() {
        for (after, before) in [("garbage", "2026-11-01"), ("2026-11-02", "2026-11-01"), ("", "2026-11-01")] {
            let error = TimeRange::parse(Some(after), Some(before)).unwrap_err();
            assert_eq!(error.code(), "query_invalid_time_range", "{after} {before}");
        }
    }
}
