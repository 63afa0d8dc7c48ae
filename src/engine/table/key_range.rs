//! Prefixes and ranges of the keys of typed tables.

use crate::engine::projection::bounds::{KeyBounds, after_prefix};
use crate::engine::table::key::{AsKey, encoded, put_escaped};
use std::ops::Bound;
use std::ops::Range;
use std::ops::RangeBounds;
use std::ops::RangeFrom;
use std::ops::RangeFull;
use std::ops::RangeInclusive;
use std::ops::RangeTo;
use std::ops::RangeToInclusive;

/// A prefix of keys of type `K`.
///
/// | key | prefix |
/// |---|---|
/// | `String` | a text, such as `"job-"` |
/// | `Vec<u8>` | a byte string, such as `b"job-"` |
/// | `(A, B)` | `(a,)`; `(a, b)`, where `b` is a prefix of a `B` |
/// | `(A, B, C)` | `(a,)`; `(a, b)`; `(a, b, c)`, where `c` is a prefix of a `C` |
#[diagnostic::on_unimplemented(message = "`{Self}` is not a prefix of keys of type `{K}`")]
pub trait KeyPrefix<K> {
    /// Appends the encoded prefix. The encodings of all keys with this prefix begin with these bytes, and the encodings
    /// of other keys do not.
    fn encode_prefix(&self, out: &mut Vec<u8>);
}

impl<K, T: KeyPrefix<K> + ?Sized> KeyPrefix<K> for &T {
    fn encode_prefix(&self, out: &mut Vec<u8>) {
        (**self).encode_prefix(out);
    }
}

/// Implements prefixes of byte strings and texts, in owned and borrowed form.
macro_rules! escaped_prefixes {
    ($($form:ty => $key:ty;)*) => {$(
        impl KeyPrefix<$key> for $form {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                put_escaped(self.as_ref(), out);
            }
        }
    )*};
}

escaped_prefixes! {
    [u8] => Vec<u8>;
    Vec<u8> => Vec<u8>;
    str => String;
    String => String;
}

impl<const N: usize> KeyPrefix<Vec<u8>> for [u8; N] {
    fn encode_prefix(&self, out: &mut Vec<u8>) {
        put_escaped(self, out);
    }
}

/// Implements prefixes of tuples: whole components, and optionally a prefix of the last component.
macro_rules! tuple_prefixes {
    ($(($($key:ident),*): $($whole:ident $at:tt $component:ident),* $(; $last:ident $last_at:tt $last_key:ident)?;)*) => {$(
        impl<$($key,)* $($whole: AsKey<$component>,)* $($last: KeyPrefix<$last_key>)?> KeyPrefix<($($key,)*)>
            for ($($whole,)* $($last,)?)
        {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                $(self.$at.encode_key(out);)*
                $(self.$last_at.encode_prefix(out);)?
            }
        }
    )*};
}

tuple_prefixes! {
    (A, B): X 0 A;
    (A, B): X 0 A; Y 1 B;
    (A, B, C): X 0 A;
    (A, B, C): X 0 A, Y 1 B;
    (A, B, C): X 0 A, Y 1 B; Z 2 C;
}

/// A range of keys of type `K`: a range of the standard library, such as `"a".."b"`, `7..` or `..=("a", 7)`, or a pair
/// of [`Bound`]s. The ends are keys, or values that can be written as keys ([`AsKey`]).
#[diagnostic::on_unimplemented(message = "`{Self}` is not a range of keys of type `{K}`")]
pub trait KeyRange<K> {
    /// Returns the encoded bounds of the range.
    fn key_bounds(&self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>);
}

fn encoded_bounds<K, Q: AsKey<K>>(range: &impl RangeBounds<Q>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    (range.start_bound().map(encoded::<K, Q>), range.end_bound().map(encoded::<K, Q>))
}

/// Implements [`KeyRange`] for ranges of the standard library.
macro_rules! key_ranges {
    ($($range:ty),*) => {$(
        impl<K, Q: AsKey<K>> KeyRange<K> for $range {
            fn key_bounds(&self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
                encoded_bounds::<K, Q>(self)
            }
        }
    )*};
}

key_ranges!(Range<Q>, RangeInclusive<Q>, RangeFrom<Q>, RangeTo<Q>, RangeToInclusive<Q>, (Bound<Q>, Bound<Q>));

impl<K> KeyRange<K> for RangeFull {
    fn key_bounds(&self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        (Bound::Unbounded, Bound::Unbounded)
    }
}

/// Returns the range of the rows of all keys with a prefix.
pub(super) fn rows_with_prefix<K>(prefix: &impl KeyPrefix<K>) -> KeyBounds {
    let mut bytes = Vec::new();
    prefix.encode_prefix(&mut bytes);
    KeyBounds::prefix(&bytes)
}

/// Returns the range of the rows of all keys in a range. The rows of a key begin with its bytes, and the rows of other
/// keys do not.
pub(super) fn rows_in_range<K>(range: &impl KeyRange<K>) -> KeyBounds {
    let (start, end) = range.key_bounds();
    let mut rows = KeyBounds::all();
    match start {
        Bound::Included(key) => rows.start_at(key),
        Bound::Excluded(key) => match after_prefix(&key) {
            Some(start) => rows.start_at(start),
            // No key is greater than this key.
            None => rows.clear(),
        },
        Bound::Unbounded => {}
    }
    match end {
        Bound::Included(key) => rows.end_before(after_prefix(&key)),
        Bound::Excluded(key) => rows.end_before(Some(key)),
        Bound::Unbounded => {}
    }
    rows
}
