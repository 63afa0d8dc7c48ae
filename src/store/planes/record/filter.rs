//! The filter for a scan of records.

use crate::contract::rules::trim;
use crate::contract::{
    AnyRecord, BatchRef, ContractError, DeploymentRef, OperationRef, RecordType, RunRef, SampleRef, StageRef,
    Timestamp,
};
use crate::store::error::{Error, Result};
use crate::store::planes::error::PlaneError;
use std::fmt::Display;
use std::str::FromStr;

/// A filter of records. The filter accepts a record that has all given values. A filter without values
/// accepts all records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanFilter {
    /// The run of the record. If a run is given, a scan reads only the records of this run.
    pub run_ref: Option<RunRef>,
    /// The deployment of the record.
    pub deployment_execution_ref: Option<DeploymentRef>,
    /// The stage of the record.
    pub stage_execution_ref: Option<StageRef>,
    /// The batch of the record.
    pub batch_execution_ref: Option<BatchRef>,
    /// The sample of the record.
    pub sample_observation_ref: Option<SampleRef>,
    /// The operation of the record.
    pub operation_context_ref: Option<OperationRef>,
    /// The family of the record.
    pub record_type: Option<RecordType>,
    /// The earliest time of recording that the filter accepts.
    pub start_time: Option<Timestamp>,
    /// The latest time of recording that the filter accepts.
    pub end_time: Option<Timestamp>,
}

impl ScanFilter {
    /// Creates a filter that accepts the records of one run.
    pub fn of_run(run: RunRef) -> ScanFilter {
        ScanFilter { run_ref: Some(run), ..ScanFilter::default() }
    }

    /// Sets the field `name`, such as `run_ref`, to the value in `text`. Errors: there is no such field, the
    /// text is blank, or the text is not a value of this field.
    pub fn with(mut self, name: &str, text: &str) -> Result<ScanFilter> {
        if trim(text).is_empty() {
            return Err(invalid("record_store_invalid_text", name, "the text is blank"));
        }
        match name {
            "run_ref" => self.run_ref = Some(reference(name, text)?),
            "deployment_execution_ref" => self.deployment_execution_ref = Some(reference(name, text)?),
            "stage_execution_ref" => self.stage_execution_ref = Some(reference(name, text)?),
            "batch_execution_ref" => self.batch_execution_ref = Some(reference(name, text)?),
            "sample_observation_ref" => self.sample_observation_ref = Some(reference(name, text)?),
            "operation_context_ref" => self.operation_context_ref = Some(reference(name, text)?),
            "record_type" => {
                let family = trim(text).to_lowercase().parse();
                let family = family.map_err(|e| invalid("record_store_invalid_record_type", name, e))?;
                self.record_type = Some(family);
            }
            "start_time" => self.start_time = Some(time(name, text)?),
            "end_time" => self.end_time = Some(time(name, text)?),
            _ => return Err(invalid("record_store_invalid_filter", name, "there is no such member")),
        }
        Ok(self)
    }

    /// Returns an error if the start of the time range is after its end.
    pub(super) fn check(&self) -> Result<()> {
        match (self.start_time, self.end_time) {
            (Some(start), Some(end)) if start > end => {
                let reason = format!("start_time {start} is after end_time {end}");
                Err(invalid("record_store_invalid_time_range", "time range", reason))
            }
            _ => Ok(()),
        }
    }

    /// Returns `true` if the filter accepts the record.
    pub fn accepts(&self, record: &AnyRecord) -> bool {
        fn has<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        let envelope = record.envelope();
        let of = &envelope.observation;
        has(self.run_ref.as_ref(), Some(&of.run_ref))
            && has(self.deployment_execution_ref.as_ref(), of.deployment_execution_ref.as_ref())
            && has(self.stage_execution_ref.as_ref(), of.stage_execution_ref.as_ref())
            && has(self.batch_execution_ref.as_ref(), of.batch_execution_ref.as_ref())
            && has(self.sample_observation_ref.as_ref(), of.sample_observation_ref.as_ref())
            && has(self.operation_context_ref.as_ref(), of.operation_context_ref.as_ref())
            && has(self.record_type.as_ref(), Some(&envelope.record_type))
            && self.start_time.is_none_or(|start| envelope.recorded_at >= start)
            && self.end_time.is_none_or(|end| envelope.recorded_at <= end)
    }
}

fn reference<R: FromStr<Err = ContractError>>(name: &str, text: &str) -> Result<R> {
    trim(text).parse().map_err(|e| invalid("record_store_invalid_ref", name, e))
}

fn time(name: &str, text: &str) -> Result<Timestamp> {
    trim(text).parse().map_err(|e: ContractError| invalid("record_store_invalid_timestamp", name, e))
}

fn invalid(code: &'static str, field: &str, reason: impl Display) -> Error {
    PlaneError::ScanFilterInvalid { code, field: field.to_owned(), reason: reason.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_parsed_and_invalid_members_have_codes() {
        let filter = ScanFilter::default().with("run_ref", " run:p.r ").unwrap();
        let filter = filter.with("record_type", "Metric").unwrap();
        assert_eq!(filter.run_ref.as_ref().unwrap().as_str(), "run:p.r");
        assert_eq!(filter.record_type, Some(RecordType::Metric));
        let code = |name, text| ScanFilter::default().with(name, text).unwrap_err().code();
        assert_eq!(code("run_ref", " \u{3000}"), "record_store_invalid_text");
        assert_eq!(code("run_ref", "stage:p.r.s"), "record_store_invalid_ref");
        assert_eq!(code("record_type", "nonsense"), "record_store_invalid_record_type");
        assert_eq!(code("start_time", "yesterday"), "record_store_invalid_timestamp");
        assert_eq!(code("colour", "red"), "record_store_invalid_filter");
    }

    #[test]
    fn times_are_compared_as_instants_and_both_ends_are_included() {
        let range = |from, to| {
            let filter = ScanFilter::default().with("start_time", from).unwrap();
            filter.with("end_time", to).unwrap().check().map_err(|e| e.code())
        };
        // As text, the second time would sort before the first time.
        assert_eq!(range("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z"), Ok(()));
        assert_eq!(range("2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"), Ok(()));
        assert_eq!(
            range("2024-01-01T00:00:01Z", "2024-01-01T00:00:00.5Z"),
            Err("record_store_invalid_time_range")
        );
    }
}
