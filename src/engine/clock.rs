//! A hybrid logical clock: wall time that strictly increases within a stream.
//!
//! Invariants:
//! 1. Every tick is greater than all earlier ticks, and greater than all observed times that were not ignored.
//! 2. [`Clock::observe`] ignores a time that is more than [`AHEAD_MAX`] past the wall clock, and returns `false`. One
//!    host with a wrong clock therefore cannot advance the clocks of the other hosts.
//!
//! After Kulkarni et al., "Logical Physical Clocks" (2014), but without a separate logical counter: a tick that would
//! repeat a time is one nanosecond later instead. This rule is sufficient, because a writer ticks less often than once
//! per nanosecond.

/// The greatest distance in nanoseconds by which a time of another stream may advance the clock past the wall clock:
/// one minute.
pub const AHEAD_MAX: u64 = 60_000_000_000;

/// The clock with which a process stamps its entries in one log.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    last: u64,
}

impl Clock {
    /// Creates a clock that has observed no time.
    pub fn new() -> Clock {
        Clock::default()
    }

    /// Returns the first of `count` consecutive ticks. `now` is the wall clock time. All times are nanoseconds since
    /// the epoch.
    pub fn tick(&mut self, now: u64, count: u64) -> u64 {
        let first = now.max(self.last.saturating_add(1));
        self.last = first.saturating_add(count.saturating_sub(1));
        first
    }

    /// Advances the clock to `last`, the time of an entry in the stream that this process writes. Later ticks are
    /// greater, even if `last` is far ahead of the wall clock.
    pub fn resume(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    /// Returns true if every later tick is greater than `time` without a further observation.
    pub fn has_passed(&self, time: u64) -> bool {
        time <= self.last
    }

    /// Observes a time of another stream. Returns `false` and ignores the time if it is more than [`AHEAD_MAX`] past
    /// `now`, the wall clock time.
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
