//! The type of a model whose rules hold.

use crate::contract::error::contract_error::Result;
use crate::contract::issue::collector::Issues;
use crate::contract::issue::report::ValidationReport;
use std::ops::Deref;

/// A model with rules for single fields, and for relations between fields.
pub trait Rules {
    /// Trims the fields and checks them. Adds an issue for every broken rule.
    fn normalize(&mut self, issues: &mut Issues);
}

/// A model whose rules hold. The model can only be read; [`Valid::into_inner`] returns the plain model, which can be
/// changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Valid<T>(T);

impl<T: Rules> Valid<T> {
    /// Trims the fields of a model and checks its rules. Errors: the first broken rule.
    pub fn new(mut model: T) -> Result<Valid<T>> {
        let mut issues = Issues::default();
        model.normalize(&mut issues);
        issues.into_result().map(|()| Valid(model))
    }

    /// Trims the fields of a model and checks its rules. If a rule is broken, returns the model; the check can have removed
    /// invalid members from its maps.
    pub(crate) fn or_model(mut model: T) -> std::result::Result<Valid<T>, T> {
        let mut issues = Issues::default();
        model.normalize(&mut issues);
        if issues.has_errors() { Err(model) } else { Ok(Valid(model)) }
    }

    /// Trims the fields of a model and checks its rules. Errors: every broken rule.
    pub fn check(mut model: T) -> std::result::Result<Valid<T>, ValidationReport> {
        let mut issues = Issues::default();
        model.normalize(&mut issues);
        let report = issues.into_report();
        if report.is_valid() { Ok(Valid(model)) } else { Err(report) }
    }
}

impl<T> Valid<T> {
    /// Returns the plain model.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Valid<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
