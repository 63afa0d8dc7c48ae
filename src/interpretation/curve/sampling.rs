//! Selection of the points that represent a long curve.
//!
//! The steps are divided into ranges. Each range is represented by its first and last point, and by its
//! smallest and greatest finite value. The method is the selection M4 of Jugel et al. ("M4: A
//! Visualization-Oriented Time Series Data Aggregation", 2014). If a range contains values that are not
//! finite, the first and the last of these values are selected in addition.

use crate::contract::MetricValue;
use crate::interpretation::curve::ranges::StepRanges;
use std::collections::{BTreeMap, BTreeSet};

/// The smallest permitted limit for the number of selected points. At the greatest width, there are at most
/// three ranges: positions, negative steps, and other steps. At most six points of each range are selected.
pub(in crate::interpretation) const POINTS_MIN: usize = 18;

/// An input point of the selection.
#[derive(Debug, Clone, Copy)]
pub(in crate::interpretation) struct CurvePoint<'v> {
    /// The step of the point, or the position of the point if it has no step.
    pub(in crate::interpretation) step: i64,
    /// `true` if `step` is a position. No range contains both positions and steps.
    pub(in crate::interpretation) is_position: bool,
    pub(in crate::interpretation) value: &'v MetricValue,
}

/// The selected points of a curve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::interpretation) struct Selected {
    /// The indices of the points, in ascending order.
    pub(in crate::interpretation) indices: Vec<usize>,
    /// The ranges of steps; `None` if all points are selected.
    pub(in crate::interpretation) ranges: Option<StepRanges>,
}

/// The indices of the points that represent a range.
#[derive(Debug, Default)]
struct Range {
    first: Option<usize>,
    last: Option<usize>,
    min: Option<usize>,
    max: Option<usize>,
    first_non_finite: Option<usize>,
    last_non_finite: Option<usize>,
}

impl Range {
    fn add(&mut self, points: &[CurvePoint<'_>], at: usize) {
        let value = |at: usize| points.get(at).map(|point| point.value);
        let Some(own) = value(at) else { return };
        self.first.get_or_insert(at);
        self.last = Some(at);
        if !own.is_finite() {
            self.first_non_finite.get_or_insert(at);
            self.last_non_finite = Some(at);
            return;
        }
        // The first of several equal values is selected.
        let is_better = |best: Option<usize>, is_better: fn(std::cmp::Ordering) -> bool| {
            best.and_then(value).is_none_or(|best| is_better(own.compare(best)))
        };
        if is_better(self.min, std::cmp::Ordering::is_lt) {
            self.min = Some(at);
        }
        if is_better(self.max, std::cmp::Ordering::is_gt) {
            self.max = Some(at);
        }
    }

    fn selected(&self) -> impl Iterator<Item = usize> {
        let finite = [self.first, self.last, self.min, self.max];
        finite.into_iter().chain([self.first_non_finite, self.last_non_finite]).flatten()
    }
}

/// Selects at most `points_max` points of a curve. `points_max` must be at least [`POINTS_MIN`]. If the curve
/// has no more points than `points_max`, all points are selected.
pub(in crate::interpretation) fn select(points: &[CurvePoint<'_>], points_max: usize) -> Selected {
    if points.len() <= points_max {
        return Selected { indices: (0..points.len()).collect(), ranges: None };
    }
    let has_non_finite = points.iter().any(|point| !point.value.is_finite());
    let ranges_max = points_max / if has_non_finite { 6 } else { 4 };
    let steps = |is_position: bool| {
        points.iter().filter(|point| point.is_position == is_position).map(|point| point.step).collect()
    };
    let ranges = StepRanges::containing([steps(true), steps(false)], ranges_max);
    let mut filled: BTreeMap<(bool, i64), Range> = BTreeMap::new();
    for (at, point) in points.iter().enumerate() {
        filled.entry((point.is_position, ranges.index(point.step))).or_default().add(points, at);
    }
    let indices: BTreeSet<usize> = filled.values().flat_map(Range::selected).collect();
    Selected { indices: indices.into_iter().collect(), ranges: Some(ranges) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn selected(values: &[f64], points_max: usize) -> (Vec<usize>, Option<u64>) {
        let values: Vec<MetricValue> = values.iter().map(|value| MetricValue::from(*value)).collect();
        let points: Vec<CurvePoint<'_>> = values
            .iter()
            .enumerate()
            .map(|(step, value)| CurvePoint { step: step as i64, is_position: false, value })
            .collect();
        let selected = select(&points, points_max);
        (selected.indices, selected.ranges.map(StepRanges::width))
    }

    #[test]
    fn each_range_keeps_its_ends_and_extremes() {
        let mut values: Vec<f64> = (0..64).map(f64::from).collect();
        (values[5], values[37], values[50]) = (1000.0, -1000.0, f64::NAN);
        let (indices, width) = selected(&values, 24);
        // A limit of 24 points permits four ranges with six points each, so each range has 16 steps.
        assert_eq!(width, Some(16));
        assert_eq!(indices, [0, 5, 15, 16, 31, 32, 37, 47, 48, 50, 63]);
        assert_eq!(selected(&values, 64), ((0..64).collect(), None));
    }

    #[test]
    fn whole_numbers_beyond_2_53_are_compared_without_rounding() {
        let big = 1i64 << 53;
        let values: Vec<MetricValue> =
            (0..40).map(|n| MetricValue::Int(if n == 9 { big + 1 } else { big })).collect();
        let points: Vec<CurvePoint<'_>> = values
            .iter()
            .enumerate()
            .map(|(n, value)| CurvePoint { step: n as i64, is_position: false, value })
            .collect();
        assert!(select(&points, POINTS_MIN).indices.contains(&9));
    }

    proptest! {
        #[test]
        fn selection_keeps_extremes_and_is_bounded(
            values in prop::collection::vec(prop::num::f64::ANY, 1..300),
            points_max in POINTS_MIN..100usize,
        ) {
            let (indices, _) = selected(&values, points_max);
            prop_assert!(indices.len() <= points_max);
            prop_assert!(indices.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!((indices[0], indices[indices.len() - 1]), (0, values.len() - 1));
            let kept: Vec<f64> = indices.iter().map(|at| values[*at]).collect();
            let extremes = |values: &[f64]| {
                let finite = values.iter().copied().filter(|value| value.is_finite());
                finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (v.min(low), v.max(high)))
            };
            prop_assert_eq!(extremes(&kept), extremes(&values));
            let has_non_finite = |values: &[f64]| values.iter().any(|value| !value.is_finite());
            prop_assert_eq!(has_non_finite(&kept), has_non_finite(&values));
        }
    }
}
