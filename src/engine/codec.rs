//! Encoding of events as payload bytes, and decoding. No other file uses `bincode`.
//!
//! Profile: `bincode` 2.0.1, `config::standard()` (little-endian, variable-length integers) with a limit. FORMAT.md,
//! "Payload", contains golden bytes. Every frame contains the codec id, so another codec can be introduced without
//! changing the meaning of entries. The profile is not self-describing: encoded types must not flatten or skip fields,
//! or call `deserialize_any`.

use crate::engine::bytes::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The greatest length of a payload: 4 MiB. Larger content is stored as a body.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;

/// The codec id of frames whose payloads have this profile. The entries of such a frame are stored as rows (FORMAT.md).
pub(in crate::engine) const CODEC_ROWS: u16 = 1;

/// The codec id of frames whose payloads have this profile and are stored as columns (FORMAT.md). Only compaction
/// writes such frames.
pub(in crate::engine) const CODEC_COLUMNS: u16 = 2;

/// The codec id of frames that replace erased entries. Such a frame has no payload.
pub(in crate::engine) const CODEC_ERASED: u16 = 3;

/// An error in encoding or decoding a payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The profile cannot encode the type of the event.
    #[error("cannot encode the event: {0}")]
    Encode(String),
    /// The event is larger than [`PAYLOAD_BYTES_MAX`].
    #[error("an event of {len} bytes exceeds the limit of {PAYLOAD_BYTES_MAX} bytes")]
    TooLarge {
        /// The length of the event's payload in bytes.
        len: usize,
    },
    /// The bytes are not a payload of the requested type.
    #[error("cannot decode the payload: {0}")]
    Decode(String),
    /// The payload is followed by other bytes.
    #[error("the payload is followed by {count} other bytes")]
    TrailingBytes {
        /// The number of bytes after the payload.
        count: usize,
    },
}

fn profile() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<PAYLOAD_BYTES_MAX>()
}

/// Appends the payload of `value` to `out`. After an error, `out` is unchanged.
pub fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    let result = bincode::serde::encode_into_std_write(value, out, profile());
    let len = out.len().saturating_sub(start);
    match result {
        Ok(_) if len <= PAYLOAD_BYTES_MAX => Ok(()),
        Ok(_) => {
            out.truncate(start);
            Err(CodecError::TooLarge { len })
        }
        Err(e) => {
            out.truncate(start);
            Err(CodecError::Encode(e.to_string()))
        }
    }
}

/// Decodes a payload. Trailing bytes are an error.
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::serde::decode_from_slice(payload, profile())
        .map_err(|e| CodecError::Decode(e.to_string()))?;
    match payload.len().saturating_sub(used) {
        0 => Ok(value),
        count => Err(CodecError::TrailingBytes { count }),
    }
}

/// Appends a signed integer of two to eight bytes to `out`, as [`encode`] does. The counterpart of [`Fields::signed`].
#[inline]
#[cfg_attr(
    not(any(feature = "ml", test)),
    expect(dead_code, reason = "only the ML payloads are encoded by hand")
)]
pub(crate) fn put_signed(value: i64, out: &mut Vec<u8>) {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    match zigzag {
        0..=250 => out.push(zigzag as u8),
        251..=0xffff => {
            let [a, b] = (zigzag as u16).to_le_bytes();
            out.extend_from_slice(&[251, a, b]);
        }
        0x1_0000..=0xffff_ffff => {
            let [a, b, c, d] = (zigzag as u32).to_le_bytes();
            out.extend_from_slice(&[252, a, b, c, d]);
        }
        _ => {
            out.push(253);
            out.extend_from_slice(&zigzag.to_le_bytes());
        }
    }
}

/// A reader of the fields of a payload, one after the other. It decodes single fields of a kind with very many entries
/// faster than [`decode`] decodes the whole type. Every method returns `None` if the bytes do not encode such a field.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    reader: Reader<'a>,
}

impl<'a> Fields<'a> {
    /// Creates a reader that begins with the first field of `payload`.
    pub fn new(payload: &'a [u8]) -> Fields<'a> {
        Fields { reader: Reader::new(payload) }
    }

    /// Returns the number of bytes that were not read.
    pub fn remaining(&self) -> usize {
        self.reader.remaining()
    }

    /// Reads a `u8`.
    pub fn byte(&mut self) -> Option<u8> {
        self.reader.u8()
    }

    /// Reads the byte before an optional field: true if the field follows.
    pub fn is_some(&mut self) -> Option<bool> {
        match self.reader.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Reads an unsigned integer of two to eight bytes, the number of the variant of an enum, or the length of a list.
    pub fn unsigned(&mut self) -> Option<u64> {
        match self.reader.u8()? {
            value @ 0..=250 => Some(u64::from(value)),
            251 => self.reader.u16().map(u64::from),
            252 => self.reader.u32().map(u64::from),
            253 => self.reader.u64(),
            _ => None,
        }
    }

    /// Reads a signed integer of two to eight bytes.
    pub fn signed(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Reads an `f64`.
    pub fn float(&mut self) -> Option<f64> {
        self.reader.u64().map(f64::from_bits)
    }

    /// Reads an array of bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.reader.array()
    }

    /// Reads the bytes of a text, or a list of bytes. Whether the bytes are UTF-8 is not checked.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.unsigned()?).ok()?;
        self.reader.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_are_encoded() {
        for n in [0, 1, -1, 124, 125, -126, 127, 300, -40_000, 1 << 31, i64::MAX, i64::MIN] {
            let mut payload = Vec::new();
            let texts = ("é".repeat(130), None::<u8>, Some(2u8));
            encode(&(n, n as u64, n as f64, texts, 7u8, vec![n as u16; 3]), &mut payload).unwrap();
            let mut signed = Vec::new();
            put_signed(n, &mut signed);
            assert!(payload.starts_with(&signed), "{n}");
            let read = |payload: &[u8]| {
                let mut fields = Fields::new(payload);
                assert_eq!(fields.signed()?, n);
                assert_eq!(fields.unsigned()?, n as u64);
                assert_eq!(fields.float()?, n as f64);
                assert_eq!(fields.bytes()?, "é".repeat(130).as_bytes());
                assert_eq!((fields.is_some()?, fields.is_some()?, fields.byte()?), (false, true, 2));
                assert_eq!(fields.byte()?, 7);
                assert_eq!(fields.unsigned()?, 3);
                for _ in 0..3 {
                    assert_eq!(fields.unsigned()?, u64::from(n as u16));
                }
                Some(fields.remaining())
            };
            assert_eq!(read(&payload), Some(0), "{n}");
            for cut in 0..payload.len() {
                assert_eq!(read(&payload[..cut]), None, "{n} {cut}");
            }
        }
        assert_eq!(Fields::new(&[254; 20]).unsigned(), None);
        assert_eq!(Fields::new(&[2]).is_some(), None);
        assert_eq!(Fields::new(&[253, 255, 255, 255, 255, 255, 255, 255, 255]).bytes(), None);
    }
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        name: String,
        count: u64,
        ratio: f64,
        note: Option<String>,
    }

    #[test]
    fn profile_encodes_a_sample_as_these_bytes() {
        let sample = Sample { name: "ab".into(), count: 300, ratio: 1.0, note: None };
        let mut out = vec![9];
        encode(&sample, &mut out).unwrap();
        assert_eq!(out, [9, 2, b'a', b'b', 251, 44, 1, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0]);
        assert_eq!(decode::<Sample>(&out[1..]).unwrap(), sample);
    }

    #[test]
    fn hostile_payloads_are_rejected() {
        assert_eq!(decode::<u8>(&[1, 2]), Err(CodecError::TrailingBytes { count: 1 }));
        // A string of length 2^63, which is rejected before memory is allocated.
        let hostile = [253, 0, 0, 0, 0, 0, 0, 0, 0x80];
        assert!(matches!(decode::<String>(&hostile), Err(CodecError::Decode(_))));
    }

    #[test]
    fn event_above_the_limit_is_rejected_and_leaves_the_buffer_unchanged() {
        let mut out = vec![7];
        assert!(encode(&"x".repeat(PAYLOAD_BYTES_MAX + 1), &mut out).is_err());
        assert_eq!(out, [7]);
    }
}
