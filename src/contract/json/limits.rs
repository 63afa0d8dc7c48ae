//! Bounds of JSON text.

/// Greatest depth of nesting.
pub const DEPTH_MAX: usize = 64;
/// Greatest length of a text, in bytes: 16 MiB.
pub const TEXT_BYTES_MAX: usize = 16 << 20;
/// Greatest number of values in one text, each list, object and member counted. Bounds the memory that a short text
/// of many empty lists could take.
pub const VALUES_MAX: usize = 1 << 20;
/// Greatest number of digits of an integer.
pub const DIGITS_MAX: usize = 4300;
