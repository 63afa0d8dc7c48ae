//! Values of typed tables.

use crate::engine::bytes::{Reader, put_length_prefixed};
use crate::engine::codec::{self, CodecError};
use crate::engine::entry::Stamp;
use crate::engine::table::key::{Key, decoded, encoded};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type that the values of a table can have.
///
/// The trait is implemented for integers, `f64`, `String`, `Vec<u8>`, `[u8; N]`, `()`, [`Stamp`], and tuples of two and
/// three values. For a struct or enum of your own, implement serde's traits and [`SerdeValue`].
///
/// A change of the type or of its encoding changes the rows of the table. Raise the
/// [version](crate::engine::projection::Projection::version) of the projection together with such a change, so that the
/// tables are rebuilt.
pub trait Value: Sized {
    /// Appends the bytes of the value to `out`.
    ///
    /// # Errors
    /// The value cannot be encoded. The projection that writes the value then fails with `projection_misused`.
    fn encode_value(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Decodes a value; `None` if `bytes` is not an encoded value.
    fn decode_value(bytes: &[u8]) -> Option<Self>;
}

/// A type that is encoded as a value through serde, with the [codec of events](crate::engine::codec).
///
/// ```
/// use contexta::engine::table::{SerdeValue, Versions};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Job { priority: u8, command: String }
///
/// impl SerdeValue for Job {}
///
/// const JOBS: Versions<String, Job> = Versions::new("jobs");
/// ```
/// The codec is not self-describing: the type must not flatten or skip fields, or call `deserialize_any`, as untagged
/// enums do. A value takes at most [`PAYLOAD_BYTES_MAX`](crate::engine::codec::PAYLOAD_BYTES_MAX) bytes.
pub trait SerdeValue: Serialize + DeserializeOwned {}

impl<T: SerdeValue> Value for T {
    fn encode_value(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(self, out)
    }

    fn decode_value(bytes: &[u8]) -> Option<T> {
        codec::decode(bytes).ok()
    }
}

/// Implements [`Value`] for types that are encoded as values in the same way as they are encoded as keys.
macro_rules! key_values {
    ($($value:ty),*) => {$(
        impl Value for $value {
            fn encode_value(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
                out.extend_from_slice(&encoded::<$value, _>(self));
                Ok(())
            }

            fn decode_value(bytes: &[u8]) -> Option<$value> {
                decoded(bytes)
            }
        }
    )*};
}

key_values!(u8, u16, u32, u64, i8, i16, i32, i64, (), Stamp);

impl Value for f64 {
    fn encode_value(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&self.to_bits().to_be_bytes());
        Ok(())
    }

    fn decode_value(bytes: &[u8]) -> Option<f64> {
        decoded(bytes).map(f64::from_bits)
    }
}

impl Value for Vec<u8> {
    fn encode_value(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode_value(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }
}

impl Value for String {
    fn encode_value(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn decode_value(bytes: &[u8]) -> Option<String> {
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    }
}

impl<const N: usize> Value for [u8; N] {
    fn encode_value(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn decode_value(bytes: &[u8]) -> Option<[u8; N]> {
        <[u8; N]>::decode_key(&mut { bytes }).filter(|_| bytes.len() == N)
    }
}

/// Implements [`Value`] for tuples: each component except the last one is preceded by its length.
macro_rules! tuple_values {
    ($($value:ident $at:tt),*; $last:ident $last_at:tt) => {
        impl<$($value: Value,)* $last: Value> Value for ($($value,)* $last,) {
            fn encode_value(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
                $(put_component(&self.$at, out)?;)*
                self.$last_at.encode_value(out)
            }

            fn decode_value(bytes: &[u8]) -> Option<Self> {
                let mut reader = Reader::new(bytes);
                Some((
                    $($value::decode_value(reader.length_prefixed()?)?,)*
                    $last::decode_value(reader.take(reader.remaining())?)?,
                ))
            }
        }
    };
}

fn put_component(value: &impl Value, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut bytes = Vec::new();
    value.encode_value(&mut bytes)?;
    put_length_prefixed(out, &bytes);
    Ok(())
}

tuple_values!(A 0; B 1);
tuple_values!(A 0, B 1; C 2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec::PAYLOAD_BYTES_MAX;
    use serde::Deserialize;
    use std::fmt::Debug;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Job {
        priority: u8,
        command: String,
    }

    impl SerdeValue for Job {}

    fn bytes_of(value: &impl Value) -> Vec<u8> {
        let mut out = Vec::new();
        value.encode_value(&mut out).unwrap();
        out
    }

    fn check<V: Value + PartialEq + Debug>(value: V) {
        assert_eq!(V::decode_value(&bytes_of(&value)), Some(value));
    }

    #[test]
    fn values_are_decoded_from_their_bytes() {
        check(7u8);
        check(u64::MAX);
        check(i64::MIN);
        check(-0.5f64);
        check(());
        check([1u8, 0, 255]);
        check(vec![0u8, 1, 255]);
        check("\0ä".to_owned());
        let job = Job { priority: 7, command: "build".to_owned() };
        check(job.clone());
        check((String::new(), job));
        check(("a".to_owned(), vec![0u8], 1.5f64));
        assert!(f64::decode_value(&bytes_of(&f64::NAN)).is_some_and(f64::is_nan));
    }

    #[test]
    fn malformed_bytes_are_not_a_value() {
        assert_eq!(u32::decode_value(&[0; 5]), None);
        assert_eq!(f64::decode_value(&[0; 7]), None);
        assert_eq!(<[u8; 2]>::decode_value(&[0; 3]), None);
        assert_eq!(<()>::decode_value(&[0]), None);
        assert_eq!(String::decode_value(&[0xff]), None);
        assert_eq!(Job::decode_value(&[7]), None);
        assert_eq!(<(u8, u8)>::decode_value(&[2, 0, 0, 0]), None);
    }

    #[test]
    fn value_above_the_limit_is_an_error() {
        let job = Job { priority: 1, command: "x".repeat(PAYLOAD_BYTES_MAX) };
        assert!(job.encode_value(&mut Vec::new()).is_err());
        assert!((job, ()).encode_value(&mut Vec::new()).is_err());
    }
}
