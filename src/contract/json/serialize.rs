//! Conversions between Rust values and JSON values. [`Value::from_serialize`] converts any value that can be serialized
//! with serde, and a JSON value can be serialized in any format of serde.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::json::convert::as_written;
use crate::contract::json::limits::DEPTH_MAX;
use crate::contract::json::value::{Members, Value};
use serde::ser::{self, Serialize, Serializer};
use std::fmt::{self, Display};

/// The name of the newtype struct with which an integer beyond 128 bits is serialized.
const DIGITS: &str = "contexta::Digits";

impl Value {
    /// Converts a serializable value, such as the struct of a configuration, to a JSON value.
    ///
    /// Whole numbers keep all digits. NaN and infinite numbers are kept as floats. Bytes are converted to a list of
    /// numbers. The keys of a map can be texts, characters, whole numbers, booleans and variants without data. Errors:
    /// a map has a key of another type, the depth exceeds 64, or the implementation of `Serialize` returns an error.
    ///
    /// ```
    /// # use contexta::contract::Value;
    /// let value = Value::from_serialize(&(1, "two", [0.5])).unwrap();
    /// assert_eq!(value, Value::List(vec![1.into(), "two".into(), vec![0.5].into()]));
    /// ```
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Value> {
        let converted = value.serialize(ToValue { depth: DEPTH_MAX });
        converted.map_err(|Fault(message)| ContractError::new(ErrorCode::JsonShape, message))
    }
}

/// The reason why a value cannot be converted.
#[derive(Debug)]
struct Fault(String);

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: Display>(message: T) -> Fault {
        Fault(message.to_string())
    }
}

fn integer(number: impl Display + TryInto<i64> + Copy) -> Value {
    number.try_into().map_or_else(|_| Value::Big(number.to_string()), Value::Int)
}

/// A serializer that creates a JSON value with at most `depth` levels of nesting.
#[derive(Clone, Copy)]
struct ToValue {
    depth: usize,
}

impl ToValue {
    /// Returns the serializer for an item of a list or a member of an object.
    fn below(self) -> std::result::Result<ToValue, Fault> {
        let depth = self.depth.checked_sub(1).filter(|depth| *depth > 0);
        let fault = || Fault(format!("the value has more than {DEPTH_MAX} levels of nesting"));
        depth.map(|depth| ToValue { depth }).ok_or_else(fault)
    }

    fn items(self, variant: Option<&'static str>) -> std::result::Result<Items, Fault> {
        let part = self.below()?;
        let part = if variant.is_some() { part.below()? } else { part };
        Ok(Items { part, variant, items: Vec::new() })
    }

    fn members(self, variant: Option<&'static str>) -> std::result::Result<Object, Fault> {
        let part = self.below()?;
        let part = if variant.is_some() { part.below()? } else { part };
        Ok(Object { part, variant, key: None, members: Members::new() })
    }
}

/// Returns the JSON value of an enum variant with data: an object whose only member has the name of the variant.
/// Returns `value` itself if `variant` is `None`.
fn of_variant(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(name) => Value::map([(name, value)]),
        None => value,
    }
}

/// Implements methods of the serializer. Each method converts one value with `From`, or with the given function.
macro_rules! plain {
    ($($method:ident: $type:ty => $convert:expr;)*) => {$(
        fn $method(self, v: $type) -> std::result::Result<Value, Fault> {
            Ok($convert(v))
        }
    )*};
}

impl Serializer for ToValue {
    type Ok = Value;
    type Error = Fault;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Object;

    plain! {
        serialize_bool: bool => Value::Bool;
        serialize_i8: i8 => integer;
        serialize_i16: i16 => integer;
        serialize_i32: i32 => integer;
        serialize_i64: i64 => integer;
        serialize_i128: i128 => integer;
        serialize_u8: u8 => integer;
        serialize_u16: u16 => integer;
        serialize_u32: u32 => integer;
        serialize_u64: u64 => integer;
        serialize_u128: u128 => integer;
        serialize_f32: f32 => |v| Value::Float(as_written(v));
        serialize_f64: f64 => Value::Float;
        serialize_char: char => Value::text;
        serialize_str: &str => Value::text;
        serialize_bytes: &[u8] => |v: &[u8]| Value::list(v.iter().copied());
    }

    fn serialize_none(self) -> std::result::Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> std::result::Result<Value, Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> std::result::Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> std::result::Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> std::result::Result<Value, Fault> {
        Ok(Value::text(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> std::result::Result<Value, Fault> {
        match value.serialize(self)? {
            Value::Text(digits) if name == DIGITS => Ok(Value::Big(digits)),
            value => Ok(value),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> std::result::Result<Value, Fault> {
        Ok(of_variant(Some(variant), value.serialize(self.below()?)?))
    }

    fn serialize_seq(self, _len: Option<usize>) -> std::result::Result<Items, Fault> {
        self.items(None)
    }

    fn serialize_tuple(self, _len: usize) -> std::result::Result<Items, Fault> {
        self.items(None)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> std::result::Result<Items, Fault> {
        self.items(None)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> std::result::Result<Items, Fault> {
        self.items(Some(variant))
    }

    fn serialize_map(self, _len: Option<usize>) -> std::result::Result<Object, Fault> {
        self.members(None)
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> std::result::Result<Object, Fault> {
        self.members(None)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> std::result::Result<Object, Fault> {
        self.members(Some(variant))
    }
}

/// A list that is being created.
struct Items {
    part: ToValue,
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> std::result::Result<(), Fault> {
        self.items.push(value.serialize(self.part)?);
        Ok(())
    }

    fn finish(self) -> std::result::Result<Value, Fault> {
        Ok(of_variant(self.variant, Value::List(self.items)))
    }
}

/// Implements a trait of serde for lists.
macro_rules! list {
    ($($trait:ident: $method:ident;)*) => {$(
        impl ser::$trait for Items {
            type Ok = Value;
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> std::result::Result<(), Fault> {
                self.push(value)
            }

            fn end(self) -> std::result::Result<Value, Fault> {
                self.finish()
            }
        }
    )*};
}

list! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// An object that is being created.
struct Object {
    part: ToValue,
    variant: Option<&'static str>,
    /// The key of the next value.
    key: Option<String>,
    members: Members,
}

impl Object {
    fn finish(self) -> std::result::Result<Value, Fault> {
        Ok(of_variant(self.variant, Value::Map(self.members)))
    }
}

impl ser::SerializeMap for Object {
    type Ok = Value;
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> std::result::Result<(), Fault> {
        self.key = Some(match key.serialize(self.part)? {
            Value::Text(text) | Value::Big(text) => text,
            Value::Int(number) => number.to_string(),
            Value::Bool(is_true) => is_true.to_string(),
            other => return Err(Fault(format!("the key of a member is {}, not a text", other.type_name()))),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> std::result::Result<(), Fault> {
        let key = self.key.take().ok_or_else(|| Fault("a value of a map has no key".to_owned()))?;
        self.members.insert(key, value.serialize(self.part)?);
        Ok(())
    }

    fn end(self) -> std::result::Result<Value, Fault> {
        self.finish()
    }
}

/// Implements a trait of serde for structs.
macro_rules! object {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Object {
            type Ok = Value;
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> std::result::Result<(), Fault> {
                self.members.insert(name.to_owned(), value.serialize(self.part)?);
                Ok(())
            }

            fn end(self) -> std::result::Result<Value, Fault> {
                self.finish()
            }
        }
    )*};
}

object!(SerializeStruct, SerializeStructVariant);

/// Serializes the value in any format. An integer beyond 128 bits is serialized as a newtype struct with the text of
/// its digits.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(v) => serializer.serialize_bool(*v),
            Value::Int(v) => serializer.serialize_i64(*v),
            Value::Float(v) => serializer.serialize_f64(*v),
            Value::Text(v) => serializer.serialize_str(v),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(members) => serializer.collect_map(members),
            Value::Big(digits) => match (digits.parse::<u128>(), digits.parse::<i128>()) {
                (Ok(number), _) => serializer.serialize_u128(number),
                (_, Ok(number)) => serializer.serialize_i128(number),
                _ => serializer.serialize_newtype_struct(DIGITS, digits),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Serialize)]
    enum Schedule {
        Constant,
        Step(u32),
        Range(f32, f32),
        Cosine { warmup: Option<u64>, name: &'static str },
    }

    #[derive(serde::Serialize)]
    struct Config {
        lr: f32,
        seed: u64,
        big: u128,
        small: i128,
        nan: f64,
        schedules: Vec<Schedule>,
        by_layer: BTreeMap<u8, bool>,
        none: Option<i8>,
        mark: char,
        unit: (),
    }

    #[test]
    fn struct_keeps_every_value() {
        let config = Config {
            lr: 0.1,
            seed: u64::MAX,
            big: u128::MAX,
            small: i128::MIN,
            nan: f64::NAN,
            schedules: vec![
                Schedule::Constant,
                Schedule::Step(3),
                Schedule::Range(0.5, 1.5),
                Schedule::Cosine { warmup: Some(9), name: "暖" },
            ],
            by_layer: [(3, true)].into(),
            none: None,
            mark: 'é',
            unit: (),
        };
        let Value::Map(mut members) = Value::from_serialize(&config).unwrap() else { panic!() };
        assert!(matches!(members.remove("nan"), Some(Value::Float(nan)) if nan.is_nan()));
        let schedules = vec![
            "Constant".into(),
            Value::map([("Step", 3.into())]),
            Value::map([("Range", vec![0.5, 1.5].into())]),
            Value::map([("Cosine", Value::map([("warmup", 9.into()), ("name", "暖".into())]))]),
        ];
        let expected = Value::map([
            ("lr", 0.1.into()),
            ("seed", Value::Big(u64::MAX.to_string())),
            ("big", Value::Big(u128::MAX.to_string())),
            ("small", Value::Big(i128::MIN.to_string())),
            ("schedules", Value::List(schedules)),
            ("by_layer", Value::map([("3", true.into())])),
            ("none", Value::Null),
            ("mark", "é".into()),
            ("unit", Value::Null),
        ]);
        assert_eq!(Value::Map(members), expected);
    }

    #[test]
    fn json_value_is_converted_to_itself() {
        let huge = format!("-{}", "9".repeat(60));
        let value = Value::map([
            ("a", Value::List(vec![Value::Null, Value::Big(huge), Value::Big(u64::MAX.to_string())])),
            ("b", Value::map([("c", Value::Float(-0.0)), ("d", false.into())])),
        ]);
        assert_eq!(Value::from_serialize(&value).unwrap(), value);
        let text = serde_json::to_string(&value).unwrap();
        assert!(text.contains("18446744073709551615") && text.contains("false"), "{text}");
    }

    #[test]
    fn value_without_a_json_form_is_an_error() {
        let keys: BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
        let error = Value::from_serialize(&keys).unwrap_err();
        assert!(error.to_string().contains("the key of a member is a list"), "{error}");
        let nested = |levels| (0..levels).fold(Value::Null, |inner, _| Value::List(vec![inner]));
        assert!(Value::from_serialize(&nested(DEPTH_MAX - 1)).is_ok());
        assert!(Value::from_serialize(&nested(DEPTH_MAX)).is_err());
    }
}
