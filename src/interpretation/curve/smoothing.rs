//! Smoothing of a curve by a debiased exponential moving average.

use crate::interpretation::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The weight of smoothing: a number from 0 (no smoothing) to less than 1.
///
/// The exponential moving average after the n-th finite value x is m(n) = w m(n-1) + (1-w) x, with the weight
/// w and m(0) = 0. The smoothed value is m(n) divided by 1 - w^n. The division removes the bias towards m(0).
/// The optimizer Adam uses the same bias correction (Kingma and Ba, "Adam: A Method for Stochastic
/// Optimization", 2015, section 3). The scalar charts of TensorBoard use the same smoothing
/// (`resmoothDataset`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smoothing(f64);

/// The weight is never NaN.
impl Eq for Smoothing {}

impl Smoothing {
    /// Creates a weight. Error: the number is less than 0, or is not less than 1.
    pub fn new(weight: f64) -> Result<Smoothing> {
        if (0.0..1.0).contains(&weight) {
            return Ok(Smoothing(weight));
        }
        let reason = format!("the smoothing is {weight}; it must be at least 0 and less than 1");
        Err(Error::InvalidStepSeriesQuery { reason })
    }

    /// Returns the weight.
    #[must_use]
    pub fn weight(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Smoothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Smoothing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Smoothing> {
        let weight = text.parse().map_err(|_| Error::InvalidStepSeriesQuery {
            reason: format!("the smoothing {text:?} is not a number"),
        })?;
        Smoothing::new(weight)
    }
}

/// The debiased moving average of the values that were added.
#[derive(Debug, Clone, Copy)]
pub(in crate::interpretation) struct Average {
    weight: f64,
    /// `weight` to the power of the number of values: the share of the initial value in the biased average.
    initial_share: f64,
    average: f64,
}

impl Average {
    pub(in crate::interpretation) fn new(smoothing: Smoothing) -> Average {
        Average { weight: smoothing.weight(), initial_share: 1.0, average: 0.0 }
    }

    /// Adds a finite value and returns the average. If the value is not finite, returns `None` and leaves the
    /// average unchanged.
    pub(in crate::interpretation) fn add(&mut self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        self.initial_share *= self.weight;
        // The debiased average moves towards the value by this share of their distance. The formula is
        // equivalent to the formula in the documentation of `Smoothing`. If all values are equal, the result
        // is exact.
        let share = (1.0 - self.weight) / (1.0 - self.initial_share);
        let moved = (value - self.average) * share;
        self.average = match moved.is_finite() {
            true => self.average + moved,
            // The distance is greater than the greatest float.
            false => self.average * (1.0 - share) + value * share,
        };
        Some(self.average)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smoothed(weight: f64, values: &[f64]) -> Vec<Option<f64>> {
        let mut average = Average::new(Smoothing::new(weight).unwrap());
        values.iter().map(|value| average.add(*value)).collect()
    }

    /// Computes the averages with the formula in the documentation of `Smoothing`.
    fn by_formula(weight: f64, values: &[f64]) -> Vec<f64> {
        let (mut biased, mut n) = (0.0, 0);
        let step = |value: &f64| {
            n += 1;
            biased = weight * biased + (1.0 - weight) * value;
            biased / (1.0 - weight.powi(n))
        };
        values.iter().map(step).collect()
    }

    #[test]
    fn average_is_debiased() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        for weight in [0.0, 0.1, 0.6, 0.99, 0.999_999] {
            let expected = by_formula(weight, &values);
            for (found, expected) in smoothed(weight, &values).into_iter().zip(expected) {
                assert!((found.unwrap() - expected).abs() < 1e-6, "{weight}: {found:?} {expected}");
            }
        }
        assert_eq!(smoothed(0.9, &[0.1; 50]), [Some(0.1); 50]);
        assert_eq!(smoothed(0.0, &values), values.map(Some));
    }

    #[test]
    fn values_that_are_not_finite_do_not_change_the_average() {
        let with = smoothed(0.5, &[1.0, f64::NAN, 2.0, f64::INFINITY, 3.0]);
        let without = smoothed(0.5, &[1.0, 2.0, 3.0]);
        assert_eq!([with[0], with[2], with[4]].to_vec(), without);
        assert_eq!((with[1], with[3]), (None, None));
        let far = smoothed(0.5, &[f64::MAX, -f64::MAX]);
        assert!(far[1].unwrap().is_finite(), "{far:?}");
    }

    #[test]
    fn weights_outside_the_range_are_errors() {
        for text in ["1", "-0.1", "nan", "inf", "x", ""] {
            let error = text.parse::<Smoothing>().unwrap_err();
            assert_eq!(error.code(), "query_invalid_step_series_query", "{text}");
        }
        assert_eq!("0.9".parse::<Smoothing>().unwrap().weight(), 0.9);
    }
}
