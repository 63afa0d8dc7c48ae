//! A parameter of a run.

use crate::contract::error::contract_error::Result;
use crate::contract::json::value::Value;
use crate::contract::models::param::param;
use crate::contract::refs::typed::RunRef;

/// A parameter of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    run_ref: RunRef,
    key: String,
    value: Value,
}

impl Param {
    /// Creates a parameter. The value can be any JSON value. A number that is not finite is replaced by its text form,
    /// such as `NaN`. Errors: the name is blank, is longer than 250 bytes or contains a control character; the value is
    /// nested too deeply or too large.
    pub fn new(run_ref: RunRef, key: &str, value: Value) -> Result<Param> {
        let (key, value) = param(key, value)?;
        Ok(Param { run_ref, key, value })
    }

    /// Returns the run.
    pub fn run_ref(&self) -> &RunRef {
        &self.run_ref
    }

    /// Returns the name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the value, which can be `Value::Null`.
    pub fn value(&self) -> &Value {
        &self.value
    }
}
