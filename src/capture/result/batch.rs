//! The result of several captures in one commit.

use crate::capture::result::capture_result::CaptureResult;
use crate::capture::result::form::Form;
use crate::capture::result::note::DegradationNote;
use crate::capture::result::operation::OperationResult;
use crate::capture::result::status::{PayloadFamily, ResultStatus};
use crate::contract::{self, Value};
use std::ops::Deref;

/// The code of the note on a batch in which some captures failed, and no capture has a note.
const PARTIAL_FAILURE: &str = "capture_batch_partial_failure";

/// The error for a batch whose results have different families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the results of a batch have one family, but {first} and {other} were given")]
pub struct MixedFamilies {
    first: PayloadFamily,
    other: PayloadFamily,
}

/// The result of several captures. The type dereferences to a slice of their results.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchCaptureResult {
    family: PayloadFamily,
    results: Vec<CaptureResult>,
    operation: OperationResult,
}

/// The numbers of results by status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchCounts {
    /// The number of all results.
    pub total: usize,
    /// The number of successful results.
    pub success: usize,
    /// The number of degraded results.
    pub degraded: usize,
    /// The number of failed results.
    pub failure: usize,
}

impl BatchCaptureResult {
    /// Creates the result of a batch of one family. Errors: the results have different families.
    pub fn from_results(results: Vec<CaptureResult>) -> Result<BatchCaptureResult, MixedFamilies> {
        let first = results.first().map_or(PayloadFamily::Record, CaptureResult::family);
        match results.iter().map(CaptureResult::family).find(|family| *family != first) {
            Some(other) => Err(MixedFamilies { first, other }),
            None => Ok(BatchCaptureResult::aggregate(first, results)),
        }
    }

    /// Creates the result of a batch. If all captures have the same status, the batch has this status. Otherwise the
    /// batch is degraded, and has the notes of the captures. A batch without captures is successful.
    pub fn aggregate(family: PayloadFamily, results: Vec<CaptureResult>) -> BatchCaptureResult {
        let all = |status| results.iter().all(|result| result.status() == status);
        let failure = results.first().and_then(|first| first.operation().failure());
        let operation = match failure {
            _ if all(ResultStatus::Success) => OperationResult::success(),
            Some(failure) if all(ResultStatus::Failure) => {
                let mut operation = OperationResult::failure_result(failure.clone());
                if results.iter().any(|result| result.operation().applied()) {
                    operation.fail_applied(failure.clone());
                }
                operation
            }
            _ => {
                let notes = results.iter().flat_map(|result| result.operation().degradation_notes());
                let mut operation = OperationResult::success();
                notes.for_each(|note| operation.degrade(note.clone()));
                if operation.status() == ResultStatus::Success {
                    operation
                        .degrade(DegradationNote::new(PARTIAL_FAILURE, "some captures of the batch failed"));
                }
                operation
            }
        };
        BatchCaptureResult { family, results, operation }
    }

    /// Returns the family of the payloads. For a mixed batch, returns the family of the first payload.
    pub fn family(&self) -> PayloadFamily {
        self.family
    }

    /// Returns the results of the captures, in order.
    pub fn results(&self) -> &[CaptureResult] {
        &self.results
    }

    /// Returns the results of the captures, in order.
    pub fn into_results(self) -> Vec<CaptureResult> {
        self.results
    }

    /// Returns the members that results of all kinds have.
    pub fn operation(&self) -> &OperationResult {
        &self.operation
    }

    /// Returns the status.
    pub fn status(&self) -> ResultStatus {
        self.operation.status()
    }

    /// Returns the numbers of results by status.
    pub fn counts(&self) -> BatchCounts {
        let count = |status| self.results.iter().filter(|result| result.status() == status).count();
        BatchCounts {
            total: self.results.len(),
            success: count(ResultStatus::Success),
            degraded: count(ResultStatus::Degraded),
            failure: count(ResultStatus::Failure),
        }
    }

    /// Returns the object form.
    pub fn to_value(&self) -> Value {
        self.form().into_value()
    }

    /// Returns the object form as compact JSON, with the members in the order of the Python package contexta 1.0.0.
    /// Errors: a number is not finite.
    pub fn to_json(&self) -> contract::Result<String> {
        self.form().to_json()
    }

    fn form(&self) -> Form {
        let results = self.results.iter().map(CaptureResult::form).collect();
        let mut members = vec![
            ("family", self.family.as_str().into()),
            ("status", self.status().as_str().into()),
            ("results", Form::List(results)),
        ];
        let counts = self.counts();
        let mut metadata = self.operation.metadata();
        for (key, count) in [
            ("total_count", counts.total),
            ("success_count", counts.success),
            ("degraded_count", counts.degraded),
            ("failure_count", counts.failure),
        ] {
            metadata.insert(key.to_owned(), count.into());
        }
        members.extend(self.operation.last_members(metadata));
        Form::Object(members)
    }
}

impl Deref for BatchCaptureResult {
    type Target = [CaptureResult];

    fn deref(&self) -> &[CaptureResult] {
        &self.results
    }
}

impl IntoIterator for BatchCaptureResult {
    type Item = CaptureResult;
    type IntoIter = std::vec::IntoIter<CaptureResult>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.into_iter()
    }
}

impl<'a> IntoIterator for &'a BatchCaptureResult {
    type Item = &'a CaptureResult;
    type IntoIter = std::slice::Iter<'a, CaptureResult>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.iter()
    }
}
