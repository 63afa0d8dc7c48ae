//! Checksums and digests. CRC-32 (IEEE, as in zlib) detects accidental changes of short byte sequences. The CRC-32 is
//! salted, so that bytes from another file or offset fail the check as well. BLAKE3 identifies content.

use crate::engine::text_form::ParseError;
use crc32fast::Hasher;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// The CRC-32 of eight zero bytes, which are the bytes of the salt 0.
const NO_SALT: u32 = 0x6522_df69;

// `Hasher::new` detects the instructions of the processor. A copy of a hasher does not detect them again.
static UNSALTED: LazyLock<Hasher> = LazyLock::new(|| Hasher::new_with_initial(NO_SALT));

/// Computes the same CRC-32 as [`salted_crc32`] with the salt 0, for one slice.
#[inline]
pub(in crate::engine) fn unsalted_crc32(bytes: &[u8]) -> u32 {
    let mut hasher = UNSALTED.clone();
    hasher.update(bytes);
    hasher.finalize()
}

/// Computes the CRC-32 of the salt's eight little-endian bytes, followed by `parts` in order.
pub fn salted_crc32(salt: u64, parts: &[&[u8]]) -> u32 {
    const SALT_LEN: usize = 8;
    /// The maximum length of a part that is copied behind the salt. One update of the hasher with one slice is faster
    /// than two updates.
    const COPIED_MAX: usize = 120;
    static NEW: LazyLock<Hasher> = LazyLock::new(Hasher::new);
    let mut hasher = if salt == 0 { UNSALTED.clone() } else { NEW.clone() };
    if salt != 0 {
        let mut bytes = [0u8; SALT_LEN + COPIED_MAX];
        let (first, room) = bytes.split_at_mut(SALT_LEN);
        first.copy_from_slice(&salt.to_le_bytes());
        if let [part] = parts
            && let Some(room) = room.get_mut(..part.len())
        {
            room.copy_from_slice(part);
            hasher.update(bytes.get(..SALT_LEN + part.len()).unwrap_or_default());
            return hasher.finalize();
        }
        hasher.update(&salt.to_le_bytes());
    }
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Computes the CRC-32 of a sequence of CRC-32 values. Each value is encoded as four little-endian bytes.
pub(in crate::engine) fn checksum_of_all(checksums: impl Iterator<Item = u32>) -> u32 {
    let bytes: Vec<u8> = checksums.flat_map(u32::to_le_bytes).collect();
    salted_crc32(0, &[&bytes])
}

/// The CRC-32 of a common prefix of many byte sequences.
#[derive(Debug, Clone)]
pub(in crate::engine) struct CrcPrefix(Hasher);

impl CrcPrefix {
    /// Computes the CRC-32 of a prefix: the salt's eight little-endian bytes, followed by `bytes`.
    pub(in crate::engine) fn of(salt: u64, bytes: &[u8]) -> CrcPrefix {
        CrcPrefix(Hasher::new_with_initial(salted_crc32(salt, &[bytes])))
    }

    /// Returns the CRC-32 of the prefix, followed by `parts` in order.
    pub(in crate::engine) fn followed_by(&self, parts: &[&[u8]]) -> u32 {
        let mut hasher = self.0.clone();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize()
    }
}

/// The number of bytes in a [`Digest`].
pub const DIGEST_LEN: usize = 32;

/// A BLAKE3 digest. Its text form is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; DIGEST_LEN]);

impl Digest {
    /// Computes the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Digest, ParseError> {
        let bytes = parse_hex(text);
        bytes.map(Digest).ok_or_else(|| ParseError::new(text, "a digest of 64 lower-case hexadecimal digits"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Returns the lower-case hexadecimal text of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        digits.push(digit(byte >> 4));
        digits.push(digit(byte & 15));
    }
    digits
}

/// Parses exactly `2 * N` lower-case hexadecimal digits.
pub fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut out = [0u8; N];
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_a_prefix_and_the_rest_equals_the_checksum_of_all_bytes() {
        let bytes: Vec<u8> = (0..=255).collect();
        for salt in [0, 7] {
            for (at, len) in [(0, 0), (0, 9), (16, 40), (16, 64), (100, 256)] {
                let (prefix, rest) = bytes[..len.max(at)].split_at(at);
                let whole = salted_crc32(salt, &[prefix, rest]);
                assert_eq!(salted_crc32(salt, &[&bytes[..len.max(at)]]), whole, "{salt} {len}");
                assert_eq!(CrcPrefix::of(salt, prefix).followed_by(&[rest]), whole, "{salt} {at} {len}");
            }
        }
    }

    #[test]
    fn checksums_match_published_vectors() {
        // "check" value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        // Empty input, from the BLAKE3 test vectors.
        assert_eq!(
            Digest::of(b"").to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
    }

    #[test]
    fn salt_of_zero_is_eight_zero_bytes() {
        assert_eq!(salted_crc32(0, &[b"frame"]), crc32fast::hash(b"\0\0\0\0\0\0\0\0frame"));
        assert_eq!(unsalted_crc32(b"frame"), salted_crc32(0, &[b"frame"]));
        assert_eq!(salted_crc32(1, &[b"frame"]), crc32fast::hash(b"\x01\0\0\0\0\0\0\0frame"));
    }

    #[test]
    fn checksum_depends_on_the_salt() {
        assert_ne!(salted_crc32(1, &[b"frame"]), salted_crc32(2, &[b"frame"]));
        assert_eq!(salted_crc32(1, &[b"fr", b"ame"]), salted_crc32(1, &[b"frame"]));
    }

    #[test]
    fn only_lower_case_hexadecimal_of_the_right_length_is_parsed() {
        assert_eq!(parse_hex::<2>(&hex(&[0x0a, 0xff])), Some([0x0a, 0xff]));
        for bad in ["0AFF", "0af", "0aff0", "+aff", "0a f"] {
            assert_eq!(parse_hex::<2>(bad), None, "{bad}");
        }
    }
}
