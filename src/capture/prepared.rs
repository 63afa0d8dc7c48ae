//! The unchanging part of a series of metric points, prepared once.

use crate::capture::emission::MetricEmission;
use crate::contract::MetricValue;
use crate::store::EncodedSeries;
use std::collections::HashMap;
use std::sync::Arc;

/// The unchanging part of a series of metric points.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The emission of the points, without their values and steps.
    pub(super) emission: MetricEmission,
    /// The validated, redacted and encoded record without its value, step and time; `None` if each record must be
    /// encoded as a whole.
    pub(super) encoded: Option<EncodedSeries>,
    /// The paths of the values that were redacted.
    pub(super) redacted: Vec<String>,
}

impl Prepared {
    /// Returns the emission of a point.
    pub(super) fn point(&self, step: Option<i64>, value: MetricValue) -> MetricEmission {
        MetricEmission { step, value, ..self.emission.clone() }
    }
}

/// The series of the metrics of a scope that have only a key. At most [`PreparedSeries::LEN_MAX`] series are stored,
/// because the keys come from the program.
#[derive(Debug, Default)]
pub(super) struct PreparedSeries {
    series: Vec<Known>,
    by_key: HashMap<Box<str>, usize>,
    /// The index of the series that was found last.
    last: usize,
}

#[derive(Debug)]
struct Known {
    key: Box<str>,
    prepared: Arc<Prepared>,
    /// The index of the series that last followed this series. Programs record several metrics in turn.
    next: usize,
}

impl PreparedSeries {
    const LEN_MAX: usize = 1024;

    /// Returns the series of a key.
    pub(super) fn get(&mut self, key: &str) -> Option<Arc<Prepared>> {
        let guess = self.series.get(self.last)?.next;
        let guessed = self.series.get(guess).filter(|known| *known.key == *key);
        let at = match guessed {
            Some(_) => guess,
            None => *self.by_key.get(key)?,
        };
        self.follow(at);
        self.series.get(at).map(|known| Arc::clone(&known.prepared))
    }

    /// Stores the series of a key. If too many series are stored, they are discarded first.
    pub(super) fn insert(&mut self, key: &str, prepared: Arc<Prepared>) {
        if self.series.len() >= PreparedSeries::LEN_MAX {
            *self = PreparedSeries::default();
        }
        // Another thread may have prepared the same series.
        if !self.by_key.contains_key(key) {
            let at = self.series.len();
            self.by_key.insert(key.into(), at);
            self.series.push(Known { key: key.into(), prepared, next: at });
            self.follow(at);
        }
    }

    fn follow(&mut self, at: usize) {
        if let Some(last) = self.series.get_mut(self.last) {
            last.next = at;
        }
        self.last = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(key: &str) -> Arc<Prepared> {
        let emission = MetricEmission::new(key, 0.0);
        Arc::new(Prepared { emission, encoded: None, redacted: Vec::new() })
    }

    #[test]
    fn series_are_found_in_any_order_and_their_number_is_limited() {
        let mut all = PreparedSeries::default();
        let key = |n: usize| format!("k{n}");
        for n in 0..3 * PreparedSeries::LEN_MAX {
            all.insert(&key(n), prepared(&key(n)));
            assert!(all.series.len() <= PreparedSeries::LEN_MAX);
            assert_eq!(all.series.len(), all.by_key.len());
            let first = n / PreparedSeries::LEN_MAX * PreparedSeries::LEN_MAX;
            for known in [n, first, first + (n - first) / 2, n] {
                assert_eq!(all.get(&key(known)).unwrap().emission.key, key(known));
            }
            assert!(all.get("other").is_none());
        }
    }

    #[test]
    fn second_series_of_a_key_does_not_replace_the_first() {
        let mut all = PreparedSeries::default();
        all.insert("a", prepared("first"));
        all.insert("a", prepared("second"));
        all.insert("b", prepared("b"));
        assert_eq!(all.get("a").unwrap().emission.key, "first");
        assert_eq!(all.get("b").unwrap().emission.key, "b");
    }
}
