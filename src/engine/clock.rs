//! A hybrid logical clock: wall time that never runs backwards within a stream.
//!
//! Invariants:
//! 1. Every tick is greater than every tick before it and than every time it was told of (within the bound).
//! 2. A time from elsewhere moves the clock at most [`AHEAD_MAX`] past the wall clock; what lies beyond is
//!    reported to the caller, so that one host with a wrong clock cannot drag all others along.
//!
//! After Kulkarni et al., "Logical Physical Clocks" (2014); the logical counter is kept in the nanoseconds,
//! which no wall clock here resolves faster than a writer can tick.

/// How far in the future a time from another stream may move this clock: one minute.
pub const AHEAD_MAX: u64 = 60_000_000_000;

/// The clock of one log.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    last: u64,
}

impl Clock {
    /// A clock that has seen nothing yet.
    pub fn new() -> Clock {
        Clock::default()
    }

    /// The time for `count` entries at once: the first of `count` consecutive ticks.
    pub fn tick(&mut self, now: u64, count: u64) -> u64 {
        let first = now.max(self.last.saturating_add(1));
        self.last = first.saturating_add(count.saturating_sub(1));
        first
    }

    /// Tells the clock of a time from its own stream, which binds it whatever the wall clock says.
    pub fn resume(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    /// Tells the clock of a time from another stream. `false`: it lies beyond the bound and was not followed.
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
    fn ticks_increase_when_the_wall_clock_stands_or_jumps_back() {
        let mut clock = Clock::new();
        assert_eq!(clock.tick(100, 3), 100);
        assert_eq!(clock.tick(100, 1), 103);
        assert_eq!(clock.tick(50, 1), 104);
        assert_eq!(clock.tick(200, 1), 200);
    }

    #[test]
    fn a_far_future_is_reported_and_not_followed() {
        let mut clock = Clock::new();
        assert!(clock.observe(AHEAD_MAX, 0));
        assert_eq!(clock.tick(1, 1), AHEAD_MAX + 1);
        assert!(!clock.observe(u64::MAX, 0));
        assert_eq!(clock.tick(1, 1), AHEAD_MAX + 2);
    }
}
