//! Keys of typed tables: encodings that sort like their values.
//!
//! | type | bytes |
//! |---|---|
//! | `u8` to `u64` | big-endian |
//! | `i8` to `i64` | big-endian, with the sign bit inverted |
//! | `[u8; N]`, [`Stamp`] | the bytes |
//! | `Vec<u8>`, `String` | the bytes, with 0 replaced by 1 1 and 1 by 1 2; then 0 |
//! | `()` | none |
//! | tuples | the components one after the other |

use crate::engine::entry::{STAMP_LEN, Stamp};

/// A type that the keys of a table can have.
///
/// Implement the trait for an id type of your own by encoding it as a type that is a key already:
/// ```
/// use contexta::engine::table::{AsKey, Key};
///
/// struct JobId(u64);
///
/// impl AsKey<JobId> for JobId {
///     fn encode_key(&self, out: &mut Vec<u8>) {
///         self.0.encode_key(out);
///     }
/// }
///
/// impl Key for JobId {
///     fn decode_key(bytes: &mut &[u8]) -> Option<JobId> {
///         u64::decode_key(bytes).map(JobId)
///     }
/// }
/// ```
/// An encoding must fulfil two conditions. The bytes of two keys compare like the keys, and the bytes of a key do not
/// begin with the bytes of another key. The encodings of several keys, one after the other as in a tuple, then also
/// fulfil both conditions. If a type breaks a condition, queries return its keys in a wrong order, and may leave out
/// keys at the bounds of a range.
pub trait Key: AsKey<Self> + Sized {
    /// Decodes a key from the front of `bytes`, and removes its bytes. Returns `None` if `bytes` does not begin with an
    /// encoded key.
    fn decode_key(bytes: &mut &[u8]) -> Option<Self>;
}

/// A value that can be written as a key of type `K`: a `K`, or a borrowed form such as `str` for `String`.
///
/// A tuple of such values, for example `(&str, u64)`, can be written as a key that is a tuple, for example
/// `(String, u64)`.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be written as a key of type `{K}`")]
pub trait AsKey<K> {
    /// Appends the bytes of the key to `out`.
    fn encode_key(&self, out: &mut Vec<u8>);
}

/// Returns the bytes of a key.
pub(super) fn encoded<K, Q: AsKey<K> + ?Sized>(key: &Q) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode_key(&mut out);
    out
}

/// Decodes a key; `None` if `bytes` is not exactly one encoded key.
pub(super) fn decoded<K: Key>(mut bytes: &[u8]) -> Option<K> {
    K::decode_key(&mut bytes).filter(|_| bytes.is_empty())
}

impl<K, T: AsKey<K> + ?Sized> AsKey<K> for &T {
    fn encode_key(&self, out: &mut Vec<u8>) {
        (**self).encode_key(out);
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

/// Implements [`Key`] and [`AsKey`] for integer types. The bits that are set in `flip` are inverted in the bytes of a
/// key.
macro_rules! integer_keys {
    ($($integer:ty, $flip:expr;)*) => {$(
        impl AsKey<$integer> for $integer {
            fn encode_key(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&(*self ^ $flip).to_be_bytes());
            }
        }

        impl Key for $integer {
            fn decode_key(bytes: &mut &[u8]) -> Option<$integer> {
                Some(<$integer>::from_be_bytes(take(bytes)?) ^ $flip)
            }
        }
    )*};
}

// With the sign bit inverted, negative integers sort before positive ones.
integer_keys! {
    u8, 0; u16, 0; u32, 0; u64, 0;
    i8, i8::MIN; i16, i16::MIN; i32, i32::MIN; i64, i64::MIN;
}

impl AsKey<()> for () {
    fn encode_key(&self, _: &mut Vec<u8>) {}
}

impl Key for () {
    fn decode_key(_: &mut &[u8]) -> Option<()> {
        Some(())
    }
}

impl<const N: usize> AsKey<[u8; N]> for [u8; N] {
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> Key for [u8; N] {
    fn decode_key(bytes: &mut &[u8]) -> Option<[u8; N]> {
        take(bytes)
    }
}

impl AsKey<Stamp> for Stamp {
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }
}

impl Key for Stamp {
    fn decode_key(bytes: &mut &[u8]) -> Option<Stamp> {
        take::<STAMP_LEN>(bytes).map(|stamp| Stamp::from_bytes(&stamp))
    }
}

/// The byte after the bytes of a text or byte string.
const END: u8 = 0;
/// The first byte of an escape sequence. The bytes 0 and 1 are written as escape sequences.
const ESCAPE: u8 = 1;

/// Appends a byte string in an escaped form, which does not contain the byte [`END`]. Escaped forms compare like the
/// byte strings. The escaped form of a byte string begins with the escaped forms of its prefixes, so keys can be
/// searched by prefix.
pub(super) fn put_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for piece in bytes.chunk_by(|_, next| *next > ESCAPE) {
        match piece.split_first() {
            Some((first, rest)) if *first <= ESCAPE => {
                out.extend_from_slice(&[ESCAPE, first + 1]);
                out.extend_from_slice(rest);
            }
            _ => out.extend_from_slice(piece),
        }
    }
}

/// Decodes a byte string from the front of `bytes`, and removes its bytes. `bytes` must begin with the escaped form
/// that [`put_escaped`] writes, followed by [`END`]; otherwise returns `None`.
fn take_escaped(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let len = bytes.iter().position(|byte| *byte == END)?;
    let (escaped, rest) = bytes.split_at_checked(len)?;
    *bytes = rest.get(1..)?;
    let mut out = Vec::with_capacity(len);
    let mut escaped = escaped.iter();
    while let Some(byte) = escaped.next() {
        match *byte {
            ESCAPE => match escaped.next()? {
                original @ 1..=2 => out.push(original - 1),
                _ => return None,
            },
            byte => out.push(byte),
        }
    }
    Some(out)
}

/// Implements [`AsKey`] for byte strings and texts, in owned and borrowed form.
macro_rules! escaped_keys {
    ($($form:ty => $key:ty;)*) => {$(
        impl AsKey<$key> for $form {
            fn encode_key(&self, out: &mut Vec<u8>) {
                put_escaped(self.as_ref(), out);
                out.push(END);
            }
        }
    )*};
}

escaped_keys! {
    [u8] => Vec<u8>;
    Vec<u8> => Vec<u8>;
    str => String;
    String => String;
}

impl<const N: usize> AsKey<Vec<u8>> for [u8; N] {
    fn encode_key(&self, out: &mut Vec<u8>) {
        AsKey::<Vec<u8>>::encode_key(self.as_slice(), out);
    }
}

impl Key for Vec<u8> {
    fn decode_key(bytes: &mut &[u8]) -> Option<Vec<u8>> {
        take_escaped(bytes)
    }
}

impl Key for String {
    fn decode_key(bytes: &mut &[u8]) -> Option<String> {
        String::from_utf8(take_escaped(bytes)?).ok()
    }
}

/// Implements [`Key`] and [`AsKey`] for tuples.
macro_rules! tuple_keys {
    ($($key:ident $form:ident $at:tt),*) => {
        impl<$($key, $form: AsKey<$key>),*> AsKey<($($key,)*)> for ($($form,)*) {
            fn encode_key(&self, out: &mut Vec<u8>) {
                $(self.$at.encode_key(out);)*
            }
        }

        impl<$($key: Key),*> Key for ($($key,)*) {
            fn decode_key(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($key::decode_key(bytes)?,)*))
            }
        }
    };
}

tuple_keys!(A X 0, B Y 1);
tuple_keys!(A X 0, B Y 1, C Z 2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::{Seq, StreamId};

    /// Asserts that encoded keys compare like the keys, that no encoding begins with another encoding, and that each
    /// key is decoded from its encoding. `keys` are in ascending order.
    fn check<K: Key + PartialEq + std::fmt::Debug>(keys: &[K]) {
        let all: Vec<Vec<u8>> = keys.iter().map(encoded).collect();
        for (n, (key, bytes)) in keys.iter().zip(&all).enumerate() {
            assert_eq!(decoded::<K>(bytes).as_ref(), Some(key));
            assert_eq!(decoded::<K>(&[bytes.as_slice(), &[7]].concat()), None, "{key:?} and another byte");
            let mut rest: &[u8] = &[bytes.as_slice(), b"rest"].concat();
            assert_eq!(K::decode_key(&mut rest).as_ref(), Some(key));
            assert_eq!(rest, b"rest");
            for (later, greater) in keys.iter().zip(&all).skip(n + 1) {
                assert!(bytes < greater, "{key:?} {later:?}");
                assert!(!greater.starts_with(bytes), "{key:?} {later:?}");
            }
        }
    }

    #[test]
    fn encoded_keys_sort_like_the_keys_and_are_decoded_from_their_bytes() {
        check(&[0u8, 1, 127, 128, 255]);
        check(&[0u16, 1, 255, 256, u16::MAX]);
        check(&[0u32, 255, 256, u32::MAX]);
        check(&[0u64, 1, 255, 256, 1 << 40, u64::MAX]);
        check(&[i8::MIN, -1, 0, 1, i8::MAX]);
        check(&[i16::MIN, -256, -1, 0, 1, 256, i16::MAX]);
        check(&[i32::MIN, -1, 0, i32::MAX]);
        check(&[i64::MIN, -256, -1, 0, 1, 255, 256, i64::MAX]);
        check(&[[0u8, 0], [0, 1], [1, 0], [255, 255]]);
        check(&[()]);
        let bytes: [&[u8]; 12] = [
            b"",
            b"\0",
            b"\0\0",
            b"\0\x01",
            b"\0\xff",
            b"\x01",
            b"\x01\0",
            b"\x01\x01",
            b"\x02",
            b"a",
            b"a\0",
            b"\xff\xff",
        ];
        check(&bytes.map(<[u8]>::to_vec));
        check(&["", "\0", "a", "a\0b", "ab", "b", "ä", "\u{10ffff}"].map(str::to_owned));
        let stamp = |time, stream, seq| Stamp { time, stream: StreamId([stream; 16]), seq: Seq(seq) };
        check(&[stamp(1, 9, 9), stamp(2, 1, 1), stamp(2, 1, 256)]);
        let pair = |name: &str, n: i64| (name.to_owned(), n);
        check(&[
            pair("", -1),
            pair("", 0),
            pair("\0", i64::MIN),
            pair("a", 5),
            pair("a\0", -5),
            pair("b", 0),
        ]);
        check(&[(1u8, vec![], ()), (1, vec![0], ()), (1, vec![0, 0], ()), (2, vec![], ())]);
    }

    #[test]
    fn borrowed_forms_have_the_bytes_of_the_key() {
        assert_eq!(encoded::<String, _>("a\0"), encoded::<String, _>(&"a\0".to_owned()));
        assert_eq!(encoded::<Vec<u8>, _>(b"a\x01"), encoded::<Vec<u8>, _>(&b"a\x01".to_vec()));
        assert_eq!(
            encoded::<(String, u64), _>(&("a", 7)),
            encoded::<(String, u64), _>(&("a".to_owned(), &7))
        );
        assert_eq!(encoded::<Vec<u8>, _>(b"\0a\x01"), b"\x01\x01a\x01\x02\0");
    }

    #[test]
    fn malformed_bytes_are_not_a_key() {
        for bytes in [&b"a"[..], b"", b"\x01\0", b"\x01\x03\0", b"\x01\x01"] {
            assert_eq!(decoded::<Vec<u8>>(bytes), None, "{bytes:?}");
        }
        assert_eq!(decoded::<String>(b"\xff\0"), None);
        assert_eq!(decoded::<u32>(&[1, 2, 3]), None);
        assert_eq!(decoded::<(u8, u8)>(&[1]), None);
    }
}
