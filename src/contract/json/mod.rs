//! JSON values, their canonical text, and a strict reader.
//!
//! The canonical text is the text that the Python package contexta 1.0.0 writes: keys in the order of code points,
//! members that are null left out, no spaces, integers of any size, and floats in the shortest form that reads back as
//! the same number, in Python's style.

pub(crate) mod canonical;
pub(crate) mod convert;
pub(crate) mod limits;
pub mod read;
pub(crate) mod value;
pub mod write;

pub use canonical::Canonical;
pub use value::Value;
