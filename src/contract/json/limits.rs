//! Limits of JSON text.

/// The greatest depth of nesting.
pub const DEPTH_MAX: usize = 64;
/// The greatest length of a JSON text in bytes: 16 MiB.
pub const TEXT_BYTES_MAX: usize = 16 << 20;
/// The greatest number of values in one JSON text. Each list, each object, and each value in a list or object counts.
/// The limit bounds the memory for a text that consists of many empty lists.
pub const VALUES_MAX: usize = 1 << 20;
/// The greatest number of digits of an integer.
pub const DIGITS_MAX: usize = 4300;
