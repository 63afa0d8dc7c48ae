//! A parameter of a run.

use crate::contract::error::contract_error::Result;
use crate::contract::json::value::Value;
use crate::contract::models::param::check_param;
use crate::contract::refs::typed::RunRef;
use crate::contract::space::trim;

/// A parameter of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    run_ref: RunRef,
    key: String,
    value: Value,
}

impl Param {
    /// Creates a parameter. Errors: the name is blank, or the value is not a finite number, a text or a boolean.
    pub fn new(run_ref: RunRef, key: &str, value: Value) -> Result<Param> {
        check_param(key, &value)?;
        Ok(Param { run_ref, key: trim(key).to_owned(), value })
    }

    /// Returns the run.
    pub fn run_ref(&self) -> &RunRef {
        &self.run_ref
    }

    /// Returns the name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the value: a number, a text or a boolean.
    pub fn value(&self) -> &Value {
        &self.value
    }
}
