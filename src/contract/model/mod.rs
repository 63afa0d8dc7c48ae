//! The code that all models share. A model is declared once; the struct, its canonical JSON and its strict reader are
//! generated from the declaration.
//!
//! The type of a field defines its JSON form (`Field`). Each model implements the rules between its fields
//! ([`crate::contract::rules::Rules`]). Reading reports every invalid member, not only the first.

pub(crate) mod canonical_model;
pub(crate) mod declare;
pub(crate) mod field;
pub(crate) mod members;
pub(crate) mod ref_field;

pub use crate::contract::json::value::Members;
pub use canonical_model::{Model, from_value};
