//! A hybrid logical clock: wall time that never decreases within a stream.
//!
//! Invariants:
//! 1. Every tick is greater than all earlier ticks and than all observed times (within the bound).
//! 2. A time of another stream advances the clock at most [`AHEAD_MAX`] past the wall clock. A later time is reported to the
//!    caller, so that one host with a wrong clock cannot advance the clocks of all others.
//!
//! After Kulkarni et al., "Logical Physical Clocks" (2014). The logical counter is part of the nanoseconds, because a writer
//! ticks less often than once in a nanosecond.

/// The greatest distance in nanoseconds by which a time of another stream may advance the clock past the wall clock: one
/// minute.
pub const AHEAD_MAX: u64 = 60_000_000_000;

/// The clock of one log.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    last: u64,
}

impl Clock {
    /// Creates a clock that has observed no time.
    pub fn new() -> Clock {
        Clock::default()
    }

    /// Returns the first of `count` consecutive ticks.
    pub fn tick(&mut self, now: u64, count: u64) -> u64 {
        let first = now.max(self.last.saturating_add(1));
        self.last = first.saturating_add(count.saturating_sub(1));
        first
    }

    /// Observes a time of the clock's own stream. The clock follows it even if it is far ahead of the wall clock.
    pub fn resume(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    /// Observes a time of another stream. Returns `false` if the time is beyond the bound and was ignored.
    #[must_use]
    pub fn observe(&mut self, time: u64, now: u64) -> bool {
        if time > now.saturating_add(AHEAD_MAX) {
            return false;
        }
        self.last = self.last.max(time);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_increase_when_the_wall_clock_stops_or_jumps_back() {
        let mut clock = Clock::new();
        assert_eq!(clock.tick(100, 3), 100);
        assert_eq!(clock.tick(100, 1), 103);
        assert_eq!(clock.tick(50, 1), 104);
        assert_eq!(clock.tick(200, 1), 200);
    }

    #[test]
    fn time_far_in_the_future_is_reported_and_ignored() {
        let mut clock = Clock::new();
        assert!(clock.observe(AHEAD_MAX, 0));
        assert_eq!(clock.tick(1, 1), AHEAD_MAX + 1);
        assert!(!clock.observe(u64::MAX, 0));
        assert_eq!(clock.tick(1, 1), AHEAD_MAX + 2);
    }
}
