//! Statistics of values of a metric.

use crate::contract::MetricValue;
use crate::interpretation::number::{Sum, deviation, difference};

/// Statistics of values: count, mean, deviation and extremes. Only finite values are part of these
/// statistics. Other values are counted separately.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// The number of finite values.
    pub count: usize,
    /// The number of values that are NaN or infinite.
    pub non_finite: usize,
    /// The mean, rounded once; `None` without finite values.
    pub mean: Option<f64>,
    /// The standard deviation of the population: the square root of the mean squared distance from the mean.
    /// `None` without finite values.
    pub std: Option<f64>,
    /// The smallest finite value.
    pub min: Option<MetricValue>,
    /// The greatest finite value.
    pub max: Option<MetricValue>,
}

impl Statistics {
    /// Computes the statistics of values.
    pub(super) fn of(values: &[MetricValue]) -> Statistics {
        let finite: Vec<&MetricValue> = values.iter().filter(|value| value.is_finite()).collect();
        let mut sum = Sum::default();
        finite.iter().for_each(|value| sum.add(value));
        Statistics {
            count: finite.len(),
            non_finite: values.len() - finite.len(),
            mean: sum.mean(),
            std: deviation_of(&finite),
            min: finite.iter().copied().min_by(|a, b| a.compare(b)).cloned(),
            // `max_by` returns the last of several equal values. In the reversed order, this is the first
            // value.
            max: finite.iter().copied().rev().max_by(|a, b| a.compare(b)).cloned(),
        }
    }
}

/// Returns the standard deviation of finite values; `None` without values.
fn deviation_of(values: &[&MetricValue]) -> Option<f64> {
    let first = values.first()?;
    // Whole numbers beyond 2^53 are not exact as floats, but the differences between them usually are.
    let is_whole = values.iter().all(|value| !matches!(value, MetricValue::Float(_)));
    let number = |value: &&MetricValue| match is_whole {
        true => difference(first, value).as_f64(),
        false => value.as_f64(),
    };
    let numbers: Vec<f64> = values.iter().map(number).collect();
    let mean = Sum::of_floats(numbers.iter().copied()).mean()?;
    Some(deviation(&numbers, mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_finite_values_are_counted_and_not_part_of_the_mean() {
        let values = [0.1, f64::NAN, 0.2, f64::INFINITY, 0.3].map(MetricValue::from);
        let found = Statistics::of(&values);
        assert_eq!((found.count, found.non_finite, found.mean), (3, 2, Some(0.2)));
        assert_eq!((found.min, found.max), (Some(0.1.into()), Some(0.3.into())));
        let none = Statistics::of(&[MetricValue::from(f64::NAN)]);
        assert_eq!((none.count, none.mean, none.std, none.min), (0, None, None, None));
    }

    #[test]
    fn large_whole_numbers_keep_all_digits() {
        let big = 1i64 << 53;
        let found = Statistics::of(&[big + 1, big + 3].map(MetricValue::Int));
        assert_eq!(
            (found.min, found.max),
            (Some(MetricValue::Int(big + 1)), Some(MetricValue::Int(big + 3)))
        );
        assert_eq!((found.mean, found.std), (Some((big + 2) as f64), Some(1.0)));
        // As floats, both numbers are 2^53.
        let close = Statistics::of(&[big, big + 1].map(MetricValue::Int));
        assert_eq!(close.std, Some(0.5));
        let one = Statistics::of(&[MetricValue::Int(7)]);
        assert_eq!((one.mean, one.std), (Some(7.0), Some(0.0)));
    }
}
