//! The salt of a frame, as far as the checksums of the frame determine it.
//!
//! A CRC-32 is a linear function of its salt. The checksums of the header and of the payload of one frame give 64 linear
//! equations for the 64 bits of the frame's salt. Because the header's salt is the same one, rotated, only 49 of the
//! equations are independent. One frame therefore does not determine its salt, but 32 bits of the result suffice to
//! compare frames: the salt of a frame is the salt of its segment XOR its offset, so all frames of a segment have equal
//! upper halves of their salts, for offsets below 4 GiB. The *key* of a trace depends on the upper half alone. If the
//! upper half is known, the lower half follows, and with the segment's salt the offset of the frame.
//!
//! Arithmetic: a checksum is a polynomial over GF(2) modulo the polynomial of the CRC, with the coefficient of x^0 in
//! the highest bit. Zeros that follow a message multiply its part of the checksum by a power of x.

use crate::engine::checksum::salted_crc32;

/// The number of bits by which the salt is rotated for the checksum of a header.
pub(super) const HEADER_SALT_ROTATION: u32 = 17;

/// The polynomial of the CRC without its highest power, reflected.
const POLYNOMIAL: u32 = 0xedb8_8320;
/// The polynomial 1.
const ONE: u32 = 1 << 31;
/// The smallest power of x above 0 that equals 1: the polynomial is primitive.
const ORDER: u64 = (1 << 32) - 1;

/// A checksum and the bytes that it covers, without the salt.
pub(super) struct Covered<'a> {
    pub(super) checksum: u32,
    pub(super) bytes: &'a [u8],
}

/// The part of a salt that the checksums of a frame determine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct SaltTrace {
    /// A value computed from the upper 32 bits of the salt. All frames below 4 GiB of a segment have the same key,
    /// because their salts differ in the lower 32 bits only.
    pub(in crate::engine) key: u32,
    /// The lower half of the salt XOR a value that depends on the upper half alone.
    pub(in crate::engine) low: u32,
}

impl SaltTrace {
    /// Computes the trace of a salt.
    pub(in crate::engine) fn of_salt(salt: u64) -> SaltTrace {
        SaltTrace::of_parts(salt_part(salt.rotate_left(HEADER_SALT_ROTATION)), salt_part(salt))
    }

    /// Computes the trace of the salt of a frame from its checksums.
    pub(super) fn of(header: Covered<'_>, payload: Covered<'_>) -> SaltTrace {
        let part = |covered: Covered<'_>| {
            let of_salt = covered.checksum ^ salted_crc32(0, &[covered.bytes]);
            // The checksum without the bits that follow the salt, and without its last 32 bits.
            multiply(of_salt, inverse_power(8 * covered.bytes.len() as u64 + 32))
        };
        SaltTrace::of_parts(part(header), part(payload))
    }

    fn of_parts(header: u32, payload: u32) -> SaltTrace {
        // The salt with these bits in its lower half, and zeros in its upper half, has the same part of the payload's
        // checksum.
        let low = multiply(payload, inverse_power(32));
        let with_zeros = salt_part(u64::from(low).rotate_left(HEADER_SALT_ROTATION));
        SaltTrace { key: header ^ with_zeros, low }
    }

    /// Returns the offset at which a frame with this trace begins, in the segment whose salt has the trace `segment`; `None`
    /// if the frame is not of this segment.
    pub(in crate::engine) fn offset_in(self, segment: SaltTrace) -> Option<u64> {
        (self.key == segment.key).then_some(u64::from(self.low ^ segment.low))
    }
}

/// Returns the part of a checksum that a salt contributes, without the zeros after its lower half.
fn salt_part(salt: u64) -> u32 {
    let (low, high) = (salt as u32, (salt >> 32) as u32);
    multiply(low, power(32)) ^ high
}

/// Multiplies two polynomials modulo the polynomial of the CRC.
fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    for bit in (0..32).rev() {
        product ^= if a >> bit & 1 == 1 { b } else { 0 };
        b = (b >> 1) ^ if b & 1 == 1 { POLYNOMIAL } else { 0 };
    }
    product
}

/// Returns x to the power of `n`.
fn power(mut n: u64) -> u32 {
    let (mut result, mut square) = (ONE, ONE >> 1);
    while n > 0 {
        if n & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        n >>= 1;
    }
    result
}

/// Returns x to the power of `-n`.
fn inverse_power(n: u64) -> u32 {
    power(ORDER - n % ORDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(salt: u64, header: &[u8], payload: &[u8]) -> SaltTrace {
        let rotated = salt.rotate_left(HEADER_SALT_ROTATION);
        let covered = |salt, bytes| Covered { checksum: salted_crc32(salt, &[bytes]), bytes };
        SaltTrace::of(covered(rotated, header), covered(salt, payload))
    }

    #[test]
    fn powers_of_x_are_inverse() {
        for n in [0, 1, 31, 32, 33, 384, ORDER - 1, ORDER, ORDER + 5, 8 << 24] {
            assert_eq!(multiply(power(n), inverse_power(n)), ONE, "{n}");
        }
        assert_eq!((power(ORDER), multiply(ONE, 77), multiply(77, ONE)), (ONE, 77, 77));
    }

    #[test]
    fn trace_of_a_frame_equals_the_trace_of_its_salt() {
        for salt in [1, 0x1234_5678_9abc_def0, u64::MAX, 1 << 63, 1 << 31] {
            for (header, payload) in
                [(&[7u8; 44], &[][..]), (&[0; 44], &[9; 100_001]), (&[1; 44], b"payload")]
            {
                assert_eq!(trace(salt, header, payload), SaltTrace::of_salt(salt));
            }
        }
    }

    #[test]
    fn offset_of_a_frame_follows_from_the_salt_of_its_segment() {
        let salt = 0x0123_4567_89ab_cdef;
        let segment = SaltTrace::of_salt(salt);
        for offset in [0, 8, 4352, 123_456_784, (1 << 32) - 8] {
            let frame = trace(salt ^ offset, &[3; 44], b"x");
            assert_eq!(frame.offset_in(segment), Some(offset));
        }
        let others = (0..64).filter(|bit| *bit >= 32).map(|bit| SaltTrace::of_salt(salt ^ 1 << bit));
        assert!(others.clone().filter(|other| *other == segment).count() < 16);
        let mut damaged = trace(salt, &[3; 44], b"x");
        damaged.key ^= 1;
        assert_eq!(damaged.offset_in(segment), None);
    }
}
