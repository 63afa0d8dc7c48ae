//! Encoding of events as payload bytes, and decoding. No other file uses `bincode`.
//!
//! Profile: `bincode` 2.0.1, `config::standard()` (little-endian, variable-length integers) with a limit. FORMAT.md,
//! "Payload", contains golden bytes. Every frame contains the codec id, so another codec can be introduced without
//! changing the meaning of entries. The profile is not self-describing: encoded types must not flatten or skip fields,
//! or call `deserialize_any`.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The greatest length of a payload: 4 MiB. Larger content is stored as a body.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;

/// The codec id of frames with payloads of this profile, in which the entries are stored as rows (FORMAT.md).
pub const CODEC_ROWS: u16 = 1;

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

#[cfg(test)]
mod tests {
    use super::*;
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
