//! Ranges of steps with the same boundaries for every curve.

/// The greatest exponent of the width of ranges. At this width, one range contains all negative steps, and a
/// second range contains all other steps.
const EXPONENT_MAX: u32 = 63;

/// A division of all steps into ranges of equal width. The width is a power of two, and the first step of
/// each range is a multiple of the width. At a given width, a step therefore belongs to the same range in
/// every run. Each range consists of complete ranges of every smaller width.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct StepRanges {
    exponent: u32,
}

impl StepRanges {
    /// Returns the narrowest ranges that divide the steps from `first` to `last` into at most `ranges_max`
    /// ranges. If no width satisfies this limit, returns the widest ranges. At the greatest width, there are
    /// two ranges.
    pub(in crate::interpretation) fn covering(first: i64, last: i64, ranges_max: usize) -> StepRanges {
        let count = |ranges: StepRanges| {
            let steps = i128::from(ranges.index(last)) - i128::from(ranges.index(first)) + 1;
            usize::try_from(steps).unwrap_or(usize::MAX)
        };
        let all = (0..=EXPONENT_MAX).map(|exponent| StepRanges { exponent });
        let mut fitting = all.filter(|ranges| count(*ranges) <= ranges_max);
        fitting.next().unwrap_or(StepRanges { exponent: EXPONENT_MAX })
    }

    /// Returns the narrowest ranges for which at most `ranges_max` ranges contain steps in `classes`. A class
    /// is a list of steps in any order. If a range contains steps of several classes, the range is counted
    /// once for each of these classes. If no width satisfies the limit, returns the widest ranges.
    pub(in crate::interpretation) fn containing<const N: usize>(
        mut classes: [Vec<i64>; N],
        ranges_max: usize,
    ) -> StepRanges {
        classes.iter_mut().for_each(|steps| steps.sort_unstable());
        for exponent in 0..=EXPONENT_MAX {
            // Each list in `classes` now contains the indices of ranges in ascending order.
            classes.iter_mut().for_each(Vec::dedup);
            if classes.iter().map(Vec::len).sum::<usize>() <= ranges_max {
                return StepRanges { exponent };
            }
            classes.iter_mut().flatten().for_each(|step| *step >>= 1);
        }
        StepRanges { exponent: EXPONENT_MAX }
    }

    /// Returns the number of steps in a range.
    #[must_use]
    pub fn width(self) -> u64 {
        1 << self.exponent
    }

    /// Returns the index of the range that contains a step. The index of the range with the step 0 is 0.
    #[must_use]
    pub fn index(self, step: i64) -> i64 {
        step >> self.exponent
    }

    /// Returns the first step of the range with the index `index`.
    #[must_use]
    pub fn first_step(self, index: i64) -> i64 {
        index << self.exponent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_aligned_to_multiples_of_their_width() {
        let ranges = StepRanges::covering(3, 1000, 100);
        assert_eq!((ranges.width(), ranges.index(15), ranges.index(16)), (16, 0, 1));
        assert_eq!((ranges.index(-1), ranges.first_step(-1)), (-1, -16));
        assert_eq!(StepRanges::covering(7, 7, 1).width(), 1);
        let all = StepRanges::covering(i64::MIN, i64::MAX, 1);
        assert_eq!((all.width(), all.index(i64::MIN), all.index(i64::MAX)), (1 << 63, -1, 0));
        assert_eq!(all.first_step(-1), i64::MIN);
    }

    #[test]
    fn single_distant_step_does_not_widen_the_ranges() {
        let steps: Vec<i64> = (0..100).chain([1 << 60]).collect();
        assert_eq!(StepRanges::containing([steps.clone()], 51).width(), 2);
        assert!(StepRanges::covering(0, 1 << 60, 51).width() > 1 << 50);
        assert_eq!(StepRanges::containing([steps.clone(), steps], 202).width(), 1);
    }

    proptest! {
        #[test]
        fn every_step_is_in_the_range_of_its_index(steps in prop::collection::vec(any::<i64>(), 1..50), max in 2..20usize) {
            let ranges = StepRanges::containing([steps.clone()], max);
            let mut used: Vec<i64> = steps.iter().map(|step| ranges.index(*step)).collect();
            for (step, index) in steps.iter().zip(&used) {
                let first = i128::from(ranges.first_step(*index));
                prop_assert!((first..first + i128::from(ranges.width())).contains(&i128::from(*step)));
            }
            used.sort_unstable();
            used.dedup();
            prop_assert!(used.len() <= max);
        }
    }
}
