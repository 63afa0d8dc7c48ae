//! The order of parameter values.

use crate::contract::{MetricValue, Value};
use std::cmp::Ordering;

/// Compares two values of a parameter. Numbers come before texts, and texts come before other values. Numbers
/// are compared by value and without rounding, so 1 equals 1.0. The same rule applies to numbers inside lists
/// and objects.
pub(in crate::interpretation) fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => {
            compare_all(a.iter().zip(b), compare_values, a.len().cmp(&b.len()))
        }
        (Value::Map(a), Value::Map(b)) => {
            let compare = |(a, x): (&String, &Value), (b, y): (&String, &Value)| {
                a.cmp(b).then_with(|| compare_values(x, y))
            };
            compare_all(a.iter().zip(b), compare, a.len().cmp(&b.len()))
        }
        _ => match (MetricValue::try_from(a.clone()), MetricValue::try_from(b.clone())) {
            (Ok(a), Ok(b)) => a.compare(&b),
            _ => class(a).cmp(&class(b)),
        },
    }
}

/// Compares two optional values; a missing value comes last.
pub(in crate::interpretation) fn present_first<T>(
    a: &Option<T>,
    b: &Option<T>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// Returns the order of the first pair of different values; `otherwise` if all pairs are equal.
fn compare_all<T>(
    pairs: impl Iterator<Item = (T, T)>,
    compare: impl Fn(T, T) -> Ordering,
    otherwise: Ordering,
) -> Ordering {
    let orders = pairs.map(|(a, b)| compare(a, b));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(otherwise)
}

fn class(value: &Value) -> u8 {
    match value {
        Value::Int(_) | Value::Float(_) | Value::Big(_) => 0,
        Value::Text(_) => 1,
        Value::Bool(_) => 2,
        Value::Null => 3,
        Value::List(_) => 4,
        Value::Map(_) => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json::read::parse;

    #[test]
    fn values_are_ordered_by_kind_and_number() {
        let ordered = [
            "-1",
            "1",
            "9007199254740992",
            "9007199254740993",
            "1e300",
            "\"1\"",
            "\"a\"",
            "false",
            "true",
            "null",
            "[1]",
            "[1,2]",
            "[2]",
            "{\"a\":1}",
            "{\"a\":1,\"b\":0}",
            "{\"a\":2}",
        ]
        .map(|text| parse(text).unwrap());
        for (n, a) in ordered.iter().enumerate() {
            for (m, b) in ordered.iter().enumerate() {
                assert_eq!(compare_values(a, b), n.cmp(&m), "{a:?} {b:?}");
            }
        }
        for (a, b) in [("1", "1.0"), ("[1,{\"a\":2}]", "[1.0,{\"a\":2.0}]"), ("0", "-0.0")] {
            assert!(compare_values(&parse(a).unwrap(), &parse(b).unwrap()).is_eq(), "{a} {b}");
        }
    }
}
