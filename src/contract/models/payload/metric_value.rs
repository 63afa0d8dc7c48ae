//! The value of a metric.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::json::convert::as_written;
use crate::contract::json::non_finite;
use crate::contract::json::value::Value;
use crate::contract::json::write;
use crate::contract::model::field::Field;
use std::cmp::Ordering;

/// The float 2^53. A whole number of a smaller magnitude is exactly equal to its nearest float. Two such
/// numbers are therefore equal if and only if their nearest floats are equal.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// A measured number.
#[derive(Debug, Clone)]
pub enum MetricValue {
    /// A whole number.
    Int(i64),
    /// A floating-point number, which may be NaN or infinite.
    Float(f64),
    /// A whole number beyond 64 bits: an optional minus sign, then digits.
    Big(Box<str>),
}

impl MetricValue {
    /// Returns the value as a float. Whole numbers beyond 2^53 are rounded.
    pub fn as_f64(&self) -> f64 {
        match self {
            MetricValue::Int(n) => *n as f64,
            MetricValue::Float(f) => *f,
            MetricValue::Big(digits) => digits.parse().unwrap_or(f64::NAN),
        }
    }

    /// Returns `true` unless the value is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        match self {
            MetricValue::Float(f) => f.is_finite(),
            MetricValue::Int(_) | MetricValue::Big(_) => true,
        }
    }

    /// Compares two values as numbers, without rounding: 2^53 + 1 is greater than 2^53, and 1 equals 1.0. NaN is greater
    /// than every other value and equals NaN.
    pub fn compare(&self, other: &MetricValue) -> Ordering {
        let (a, b) = (self.as_f64(), other.as_f64());
        match a.partial_cmp(&b) {
            None => a.is_nan().cmp(&b.is_nan()),
            // Different whole numbers of a magnitude of 2^53 or more can have the same nearest float.
            Some(Ordering::Equal) if a.is_finite() && a.abs() >= EXACT_BELOW => {
                let (a, b) = (self.whole_digits(), other.whole_digits());
                let magnitude = |digits: &str| (digits.trim_start_matches('-').len(), digits.to_owned());
                let order = magnitude(&a).cmp(&magnitude(&b));
                if a.starts_with('-') { order.reverse() } else { order }
            }
            Some(order) => order,
        }
    }

    /// Returns the decimal digits of a whole number. A negative number begins with a minus sign.
    fn whole_digits(&self) -> String {
        match self {
            MetricValue::Int(n) => n.to_string(),
            MetricValue::Float(f) => format!("{f:.0}"),
            MetricValue::Big(digits) => digits.as_ref().to_owned(),
        }
    }

    /// Replaces every NaN by [`f64::NAN`]. Computations return NaNs with different bits. After the replacement, a
    /// captured NaN is stored with the same bits as the NaN that an import reads from its text form.
    pub(crate) fn normalize(&mut self) {
        if let MetricValue::Float(f) = self {
            *f = one_nan(*f);
        }
    }

    /// Returns the type name that capture writes as `value_type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            MetricValue::Int(_) | MetricValue::Big(_) => "int",
            MetricValue::Float(_) => "float",
        }
    }
}

/// Converts a JSON number. Any other JSON value is returned unchanged as the error.
impl TryFrom<Value> for MetricValue {
    type Error = Value;

    fn try_from(value: Value) -> Result<MetricValue, Value> {
        match value {
            Value::Int(n) => Ok(MetricValue::Int(n)),
            Value::Float(f) => Ok(MetricValue::Float(f)),
            Value::Big(digits) => Ok(MetricValue::Big(digits.into())),
            other => Err(other),
        }
    }
}

/// Returns [`f64::NAN`] for every NaN, and any other number unchanged.
pub(crate) fn one_nan(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number }
}

/// Values are equal if they have the same variant and the same number. A NaN equals a NaN.
impl PartialEq for MetricValue {
    fn eq(&self, other: &MetricValue) -> bool {
        match (self, other) {
            (MetricValue::Int(a), MetricValue::Int(b)) => a == b,
            (MetricValue::Float(a), MetricValue::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (MetricValue::Big(a), MetricValue::Big(b)) => a == b,
            _ => false,
        }
    }
}

/// Writes a number that is not finite as `nan`, `inf` or `-inf`.
impl std::fmt::Display for MetricValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MetricValue::Int(n) => n.fmt(f),
            MetricValue::Float(x) => f.write_str(&write::float(*x)),
            MetricValue::Big(digits) => f.write_str(digits),
        }
    }
}

/// Converts a number that is not finite to its text form: `NaN`, `Infinity` or `-Infinity`.
impl From<MetricValue> for Value {
    fn from(value: MetricValue) -> Value {
        match value {
            MetricValue::Int(n) => Value::Int(n),
            MetricValue::Float(f) => non_finite::text_of(f).map_or(Value::Float(f), Value::from),
            MetricValue::Big(digits) => Value::Big(digits.into()),
        }
    }
}

impl Field for MetricValue {
    const CODE: ErrorCode = ErrorCode::MetricValue;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<MetricValue> {
        let value = match MetricValue::try_from(value) {
            Ok(number) => return Some(number),
            Err(other) => other,
        };
        match value {
            Value::Map(_) | Value::List(_) => {
                let message =
                    "a metric is one number; use a separate key for each number, such as loss/train";
                issues.error(code, "", message);
                None
            }
            Value::Text(text) if non_finite::number_of(&text).is_some() => {
                non_finite::number_of(&text).map(MetricValue::Float)
            }
            other => {
                issues.error(code, "", format!("{} is not a number", other.type_name()));
                None
            }
        }
    }

    fn write(&self) -> Value {
        self.clone().into()
    }
}

/// Implements the conversion to [`MetricValue`] for number types that [`MetricValue::Int`] or [`MetricValue::Float`]
/// represents exactly.
macro_rules! metric_values {
    ($($variant:ident: $($type:ty),*;)*) => {$($(
        impl From<$type> for MetricValue {
            fn from(value: $type) -> MetricValue { MetricValue::$variant(value.into()) }
        }
    )*)*};
}

metric_values! {
    Int: i64, i32, i16, i8, u32, u16, u8;
    Float: f64;
}

/// Converts the float to the `f64` that has the same shortest decimal text, so that 0.64 does not become
/// 0.6399999856948853. A conversion back to `f32` returns the same number.
impl From<f32> for MetricValue {
    fn from(value: f32) -> MetricValue {
        MetricValue::Float(as_written(value))
    }
}

/// Implements the conversion from integer types that can exceed [`MetricValue::Int`]. No digit is lost.
macro_rules! large_metric_values {
    ($($type:ty),*) => {$(
        impl From<$type> for MetricValue {
            fn from(value: $type) -> MetricValue {
                i64::try_from(value)
                    .map_or_else(|_| MetricValue::Big(value.to_string().into()), MetricValue::Int)
            }
        }
    )*};
}

large_metric_values!(u64, usize, isize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_precision_number_is_what_its_digits_say() {
        for (single, double) in [(0.64f32, 0.64), (1e-7, 1e-7), (-0.0, -0.0), (16_777_216.0, 16_777_216.0)] {
            let value = MetricValue::from(single).as_f64();
            assert_eq!((value.to_bits(), (value as f32).to_bits()), (f64::to_bits(double), single.to_bits()));
        }
        assert!(MetricValue::from(f32::NAN).as_f64().is_nan());
        for (number, text) in [(f64::NAN, "NaN"), (-f64::NAN, "NaN"), (f64::NEG_INFINITY, "-Infinity")] {
            let value = MetricValue::from(number);
            assert_eq!(value.write(), Value::from(text));
            let mut issues = Issues::default();
            let read = MetricValue::read(Value::from(text), ErrorCode::MetricValue, &mut issues).unwrap();
            assert_eq!(read, value);
            assert!(!read.is_finite());
        }
        assert_eq!(MetricValue::from(u64::MAX).to_string(), u64::MAX.to_string());
    }

    #[test]
    fn values_are_compared_without_rounding() {
        let exact = 1i64 << 53;
        let big = |digits: &str| MetricValue::Big(digits.into());
        let ascending = [
            MetricValue::Float(f64::NEG_INFINITY),
            big("-100000000000000000001"),
            MetricValue::Float(-1e20),
            MetricValue::Int(-exact - 1),
            MetricValue::Float(-(exact as f64)),
            MetricValue::Float(-0.5),
            MetricValue::Int(0),
            MetricValue::Int(exact),
            MetricValue::Int(exact + 1),
            MetricValue::Float(1e20),
            big("100000000000000000001"),
            MetricValue::Float(f64::INFINITY),
            MetricValue::Float(f64::NAN),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.compare(b), i.cmp(&j), "{a} {b}");
            }
        }
        for (a, b) in [(MetricValue::Int(1), MetricValue::Float(1.0)), (0.0.into(), (-0.0).into())] {
            assert_eq!(a.compare(&b), Ordering::Equal);
        }
        assert_eq!(big("100000000000000000000").compare(&MetricValue::Float(1e20)), Ordering::Equal);
    }
}
