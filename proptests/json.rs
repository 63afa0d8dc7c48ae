//! Canonical JSON: written text reads back as the same value and the same text; no text makes the reader panic.

use contexta::contract::Value;
use contexta::contract::json::read::{DEPTH_MAX, parse};
use contexta::contract::json::write::{canonical, float, pretty};
use proptest::prelude::*;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

fn big() -> impl Strategy<Value = Value> {
    // More than 64 bits, without a leading zero.
    ("-?", "[1-9][0-9]{19,60}").prop_map(|(sign, digits)| Value::Big(sign + &digits))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        big(),
        any::<f64>().prop_filter("JSON holds finite numbers", |f| f.is_finite()).prop_map(Value::Float),
        any::<String>().prop_map(Value::Text),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            prop::collection::btree_map(any::<String>(), inner, 0..8).prop_map(Value::Map),
        ]
    })
}

/// The value in its canonical form: members that are null are omitted.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(without_nulls).collect()),
        Value::Map(members) => {
            let kept = members.iter().filter(|(_, v)| **v != Value::Null);
            Value::Map(kept.map(|(k, v)| (k.clone(), without_nulls(v))).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn canonical_text_reads_back_as_the_value_without_nulls(value in value()) {
        let text = canonical(&value).unwrap();
        let read = parse(&text).unwrap();
        prop_assert_eq!(canonical(&read).unwrap(), text);
        // Zero and minus zero are equal as numbers; the comparison of texts above distinguishes them.
        prop_assert_eq!(read, without_nulls(&value));
    }

    #[test]
    fn indented_text_reads_back_as_the_whole_value(value in value()) {
        prop_assert_eq!(parse(&pretty(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn floats_read_back_to_the_bit(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        prop_assert_eq!(float(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn damaged_json_never_panics(value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = canonical(&value).unwrap().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = parse(&text);
        }
    }

    #[test]
    fn depth_is_bounded(depth in 0usize..200) {
        let text = format!("{}{}", "[".repeat(depth + 1), "]".repeat(depth + 1));
        prop_assert_eq!(parse(&text).is_ok(), depth <= DEPTH_MAX);
    }
}
