//! Arithmetic on metric values. Sums are exact, and a mean is rounded once.

use crate::contract::MetricValue;

/// Returns `right - left`. The difference of whole numbers is a whole number, without rounding.
pub(super) fn difference(left: &MetricValue, right: &MetricValue) -> MetricValue {
    match (left, right) {
        (MetricValue::Float(_), _) | (_, MetricValue::Float(_)) => {
            MetricValue::Float(right.as_f64() - left.as_f64())
        }
        _ => match (whole(left), whole(right)) {
            (Some(left), Some(right)) => right.checked_sub(left).map_or_else(
                || MetricValue::Float(right as f64 - left as f64),
                |difference| match i64::try_from(difference) {
                    Ok(small) => MetricValue::Int(small),
                    Err(_) => MetricValue::Big(difference.to_string().into()),
                },
            ),
            _ => MetricValue::Float(right.as_f64() - left.as_f64()),
        },
    }
}

/// Returns the value as an integer; `None` if the value is a float, or has more than 128 bits.
fn whole(value: &MetricValue) -> Option<i128> {
    match value {
        MetricValue::Int(n) => Some(i128::from(*n)),
        MetricValue::Big(digits) => digits.parse().ok(),
        MetricValue::Float(_) => None,
    }
}

/// Returns `right / left`; `None` if `left` is 0.
pub(super) fn ratio(left: &MetricValue, right: &MetricValue) -> Option<f64> {
    let left = left.as_f64();
    (left != 0.0).then(|| right.as_f64() / left)
}

/// The number of 64-bit limbs of a [`Sum`]. The limbs have a bit for each bit of any finite float, and at least 64
/// more bits, so that sums of 2^64 floats do not overflow.
const LIMBS: usize = 35;
/// The exponent of the lowest bit of a [`Sum`]. The lowest bit has the value 2^-1074, which is the smallest
/// positive float.
const LOWEST_EXPONENT: i32 = -1074;

/// An exact sum of numbers. The sum is a fixed-point number in two's complement. The lowest bit of the sum
/// has the value of the smallest positive float.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    limbs: [u64; LIMBS],
    /// The sum of the values that are not finite; 0 without such values.
    non_finite: f64,
    count: u64,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum { limbs: [0; LIMBS], non_finite: 0.0, count: 0 }
    }
}

impl Sum {
    /// Returns the sum of these floats.
    pub(super) fn of_floats(values: impl IntoIterator<Item = f64>) -> Sum {
        let mut sum = Sum::default();
        values.into_iter().for_each(|value| sum.add_float(value));
        sum
    }

    /// Adds a value. A whole number beyond 64 bits is rounded to a float.
    pub(super) fn add(&mut self, value: &MetricValue) {
        match value {
            MetricValue::Int(n) => {
                self.count += 1;
                self.shifted(*n < 0, n.unsigned_abs(), 0);
            }
            other => self.add_float(other.as_f64()),
        }
    }

    fn add_float(&mut self, value: f64) {
        self.count += 1;
        if !value.is_finite() {
            self.non_finite += value;
            return;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52) as i32 & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        // A subnormal number has no implicit leading bit.
        let mantissa = if exponent == 0 { fraction } else { fraction | 1 << 52 };
        self.shifted(value.is_sign_negative(), mantissa, exponent.max(1) - 1075);
    }

    /// Adds `magnitude * 2^exponent`. If `is_negative` is `true`, subtracts this number instead.
    fn shifted(&mut self, is_negative: bool, magnitude: u64, exponent: i32) {
        let shift = (exponent - LOWEST_EXPONENT).unsigned_abs();
        let wide = u128::from(magnitude) << (shift % 64);
        let parts = [wide as u64, (wide >> 64) as u64];
        let mut carry = false;
        for (n, limb) in self.limbs.iter_mut().skip((shift / 64) as usize).enumerate() {
            let part = parts.get(n).copied().unwrap_or(0);
            if n >= parts.len() && !carry {
                break;
            }
            let (next, first) =
                if is_negative { limb.overflowing_sub(part) } else { limb.overflowing_add(part) };
            let (next, second) = if is_negative {
                next.overflowing_sub(u64::from(carry))
            } else {
                next.overflowing_add(u64::from(carry))
            };
            (*limb, carry) = (next, first || second);
        }
    }

    /// Returns the number of terms.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the mean, rounded once to the nearest float, ties to even; `None` without terms.
    pub(super) fn mean(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        if self.non_finite != 0.0 {
            // The comparison is also true for NaN.
            return Some(self.non_finite);
        }
        let is_negative = self.limbs.last().is_some_and(|limb| limb >> 63 == 1);
        let mut limbs = self.limbs;
        if is_negative {
            // Negate the number: invert all bits and add 1.
            let mut carry = true;
            for limb in &mut limbs {
                let (next, overflow) = (!*limb).overflowing_add(u64::from(carry));
                (*limb, carry) = (next, overflow);
            }
        }
        let mut remainder: u128 = 0;
        for limb in limbs.iter_mut().rev() {
            let dividend = remainder << 64 | u128::from(*limb);
            *limb = (dividend / u128::from(self.count)) as u64;
            remainder = dividend % u128::from(self.count);
        }
        let magnitude = rounded(&limbs, remainder * 2, u128::from(self.count));
        Some(if is_negative { -magnitude } else { magnitude })
    }
}

/// Rounds a fixed-point number to the nearest float, ties to even. The number is `limbs` plus a fraction of
/// the lowest bit. The fraction is `half / (2 * divisor)`.
fn rounded(limbs: &[u64; LIMBS], half: u128, divisor: u128) -> f64 {
    let bit = |at: usize| limbs.get(at / 64).is_some_and(|limb| limb >> (at % 64) & 1 == 1);
    let Some(top) = (0..LIMBS * 64).rev().find(|at| bit(*at)) else {
        // The number is less than the smallest positive float.
        return if half > divisor { f64::from_bits(1) } else { 0.0 };
    };
    // The position of the lowest bit that the float contains. A float has at most 53 significant bits.
    let low = top.saturating_sub(52);
    let mut mantissa = (low..=top).rev().fold(0u64, |m, at| m << 1 | u64::from(bit(at)));
    let (is_half_or_more, is_more_than_half) = match low.checked_sub(1) {
        // All bits of the quotient are used, so the remainder decides.
        None => (half >= divisor, half > divisor),
        Some(next) => (bit(next), bit(next) && ((0..next).any(bit) || half > 0)),
    };
    if is_more_than_half || (is_half_or_more && mantissa & 1 == 1) {
        mantissa += 1;
    }
    // The product is exact: `mantissa` has at most 53 bits, or is 2^53.
    let exponent = low as i32 + LOWEST_EXPONENT;
    let (first, second) = (exponent / 2, exponent - exponent / 2);
    mantissa as f64 * 2f64.powi(first) * 2f64.powi(second)
}

/// Returns the standard deviation of a whole population: the square root of the mean squared distance from
/// `mean`. Returns 0 for fewer than two values.
pub(super) fn deviation(values: &[f64], mean: f64) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    // Scaling avoids an overflow of the squares.
    let scale = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
    if scale == 0.0 || !scale.is_finite() {
        return scale;
    }
    let squares = values.iter().map(|value| ((value - mean) / scale).powi(2));
    Sum::of_floats(squares).mean().unwrap_or(0.0).sqrt() * scale
}

/// Returns the quantile `q` (0 to 1) of `sorted`, which contains values in ascending order. Interpolates
/// linearly between the two nearest values. Returns 0 if there are no values.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = sorted.len().saturating_sub(1) as f64 * q;
    let at = position.floor() as usize;
    let (Some(low), high) = (sorted.get(at), sorted.get(at + 1)) else { return 0.0 };
    let Some(high) = high else { return *low };
    low + (high - low) * (position - position.floor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(values: &[MetricValue]) -> Sum {
        let mut sum = Sum::default();
        values.iter().for_each(|value| sum.add(value));
        sum
    }

    fn mean(values: &[f64]) -> Option<f64> {
        Sum::of_floats(values.iter().copied()).mean()
    }

    #[test]
    fn mean_is_rounded_once() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[0.1, 0.2, 0.3]), Some(0.2));
        assert_eq!(mean(&[1e308, 1e308, -1e308, -1e308, 4.0]), Some(0.8));
        assert_eq!(mean(&[f64::MAX; 7]), Some(f64::MAX));
        assert_eq!(mean(&[1e16, 1.0, -1e16]), Some(1.0 / 3.0));
        let least = f64::from_bits(1);
        assert_eq!(mean(&[least, 0.0]), Some(0.0));
        assert_eq!(mean(&[least, least, 0.0]), Some(least));
        assert_eq!(mean(&[-least, -least, -least, 0.0]), Some(-least));
        assert!(mean(&[1.0, f64::NAN]).unwrap().is_nan());
        assert_eq!(mean(&[1.0, f64::INFINITY]), Some(f64::INFINITY));
        assert!(mean(&[f64::NEG_INFINITY, f64::INFINITY]).unwrap().is_nan());
        let whole = [i64::MAX, i64::MAX - 2].map(MetricValue::from);
        assert_eq!(sum(&whole).mean(), Some((i64::MAX - 1) as f64));
    }

    #[test]
    fn whole_differences_are_exact() {
        let (a, b) = (MetricValue::Int(1 << 53), MetricValue::Int((1 << 53) + 1));
        assert_eq!(difference(&a, &b), MetricValue::Int(1));
        let far = difference(&MetricValue::Int(i64::MIN), &MetricValue::Int(i64::MAX));
        assert_eq!(far, MetricValue::Big(u64::MAX.to_string().into()));
        assert_eq!(difference(&MetricValue::Int(1), &MetricValue::Float(1.5)), MetricValue::Float(0.5));
        assert_eq!(ratio(&MetricValue::Int(4), &MetricValue::Int(1)), Some(0.25));
        assert_eq!(ratio(&MetricValue::Float(-0.0), &MetricValue::Int(1)), None);
    }

    #[test]
    fn quantiles_interpolate() {
        let sorted = [0.3, 0.4, 0.9];
        assert_eq!([0.0, 0.5, 1.0].map(|q| quantile(&sorted, q)), [0.3, 0.4, 0.9]);
        assert!((quantile(&sorted, 0.9) - 0.8).abs() < 1e-12);
        assert_eq!((quantile(&[], 0.5), quantile(&[7.0], 0.9)), (0.0, 7.0));
        assert!((deviation(&[0.4, 0.3, 0.9], 1.6 / 3.0) - 0.262_466_929_133_727_04).abs() < 1e-15);
        assert_eq!(deviation(&[1e308, -1e308], 0.0), 1e308);
    }

    proptest! {
        #[test]
        fn mean_of_whole_numbers_equals_integer_division(values in prop::collection::vec(any::<i32>(), 1..50)) {
            let total: i64 = values.iter().map(|v| i64::from(*v)).sum();
            // Both operands are exact floats, so the division rounds once.
            let expected = total as f64 / values.len() as f64;
            let floats = mean(&values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
            prop_assert_eq!(floats, Some(expected));
            let ints: Vec<MetricValue> = values.iter().map(|v| MetricValue::from(*v)).collect();
            prop_assert_eq!(sum(&ints).mean(), Some(expected));
        }

        #[test]
        fn mean_of_one_value_is_the_value(bits in any::<u64>(), n in 1..5usize) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(mean(&vec![value; n]).unwrap(), value);
        }
    }
}
