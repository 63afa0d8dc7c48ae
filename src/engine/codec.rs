//! Events to payload bytes and back: the only file that names `bincode`.
//!
//! Profile: `bincode` 2.0.1, `config::standard()` (little-endian, variable-length integers) with a limit.
//! FORMAT.md, "Payload", has golden bytes. The codec id stands in every frame, so another codec can take
//! over without a change of what an entry means. The profile is not self-describing: types that go in
//! may not flatten, skip fields, or ask the format for its shape.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The greatest length of one payload: 4 MiB. Larger things are bodies, not entries.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;

/// The codec id of frames whose payloads are rows of entries encoded with this profile.
pub const CODEC_ROWS: u16 = 1;

/// A payload could not be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The event does not fit, or its type is one the profile cannot write.
    #[error("cannot encode the event: {0}")]
    Encode(String),
    /// The event is larger than [`PAYLOAD_BYTES_MAX`].
    #[error("an event of {len} bytes exceeds the limit of {PAYLOAD_BYTES_MAX}")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
    /// The bytes are not a payload of the type asked for.
    #[error("cannot decode the payload: {0}")]
    Decode(String),
    /// The payload is whole, but bytes are left over.
    #[error("{count} bytes are left over behind the payload")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
}

fn profile() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<PAYLOAD_BYTES_MAX>()
}

/// Appends the payload of `value`. On an error `out` is as it was.
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

/// Reads a payload; every byte must be used.
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
    fn the_profile_writes_these_bytes() {
        let sample = Sample { name: "ab".into(), count: 300, ratio: 1.0, note: None };
        let mut out = vec![9];
        encode(&sample, &mut out).unwrap();
        assert_eq!(out, [9, 2, b'a', b'b', 251, 44, 1, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0]);
        assert_eq!(decode::<Sample>(&out[1..]).unwrap(), sample);
    }

    #[test]
    fn hostile_payloads_are_errors() {
        assert_eq!(decode::<u8>(&[1, 2]), Err(CodecError::TrailingBytes { count: 1 }));
        // A length of 2^63 for a string: refused before anything is reserved.
        let hostile = [253, 0, 0, 0, 0, 0, 0, 0, 0x80];
        assert!(matches!(decode::<String>(&hostile), Err(CodecError::Decode(_))));
    }

    #[test]
    fn an_event_over_the_limit_is_refused_and_leaves_the_buffer_as_it_was() {
        let mut out = vec![7];
        assert!(encode(&"x".repeat(PAYLOAD_BYTES_MAX + 1), &mut out).is_err());
        assert_eq!(out, [7]);
    }
}
