//! Parts that all models have in common: one declaration of fields, from which follow the struct, its canonical JSON
//! and its strict reader.
//!
//! A field's type has its form in JSON (`Field`); the rules between fields are each model's own
//! ([`crate::contract::rules::Rules`]). Reading reports every invalid member, not only the first.

pub(crate) mod canonical_model;
pub(crate) mod declare;
pub(crate) mod field;
pub(crate) mod members;
pub(crate) mod ref_field;

pub use crate::contract::json::value::Members;
pub use canonical_model::{Model, from_value};
