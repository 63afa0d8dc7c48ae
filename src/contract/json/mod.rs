//! JSON values, their canonical text, and a strict reader.
//!
//! The canonical text is the text that the Python package contexta 1.0.0 writes. The keys of an object are in the order
//! of code points. Members that are null are left out, and there is no white space between tokens. Below a member
//! `params`, nulls are written: a parameter that is null differs from a parameter that was not recorded. Integers are written
//! with all digits. Floats have the shortest text that reads back as the same number, in Python's style.

pub(crate) mod canonical;
pub(crate) mod convert;
pub(crate) mod limits;
pub(crate) mod non_finite;
pub mod read;
mod serialize;
pub(crate) mod value;
pub mod write;

pub use canonical::Canonical;
pub use value::Value;
