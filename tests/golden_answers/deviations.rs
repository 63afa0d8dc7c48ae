//! Questions that contexta answers differently from the reference on purpose, because the reference has a gap.
//!
//! Each deviation states the outcome that is expected instead, or checks the outcome of contexta. No deviation accepts
//! every outcome.

use crate::golden_answers::compare::{Difference, outcomes};
use crate::golden_answers::outcome::Outcome;
use crate::golden_answers::question::Question;
use crate::golden_answers::reports;
use crate::golden_answers::text::Names;

/// A deviation from the answer of the reference.
pub(super) struct Deviation {
    /// The id of the gap in the reference.
    pub(super) gap: &'static str,
    pub(super) expected: Expected,
}

/// The expectation of a deviation.
pub(super) enum Expected {
    /// This outcome, compared like an outcome of the reference.
    Outcome(Outcome),
    /// An outcome for which the function returns no error.
    Check(fn(&Question, &Outcome) -> Result<(), Difference>),
}

/// The deviations. The first function that returns a deviation for a question determines the expected outcome.
const DEVIATIONS: &[fn(&Question) -> Option<Deviation>] = &[reports::lines_of_reports, spans_are_read];

/// Returns the deviation of a question; `None` if contexta must answer like the reference.
pub(super) fn deviation(question: &Question) -> Option<Deviation> {
    DEVIATIONS.iter().find_map(|deviation| deviation(question))
}

impl Deviation {
    /// Returns an error if the outcome of contexta is not the expected one.
    pub(super) fn check(&self, question: &Question, got: &Outcome, names: &Names) -> Result<(), Difference> {
        match &self.expected {
            Expected::Outcome(expected) => outcomes(expected, got, question.form, names),
            Expected::Check(check) => check(question, got),
        }
    }
}

/// The reference cannot analyse a run with a span. The value of a span is its duration in milliseconds.
fn spans_are_read(question: &Question) -> Option<Deviation> {
    let expected = question.with_spans.clone()?;
    Some(Deviation { gap: "G2", expected: Expected::Outcome(expected) })
}
