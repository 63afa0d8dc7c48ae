//! Removal of single invalid members, so that an object with an invalid member is not refused as a whole.

use crate::contract::error::bounded;
use crate::contract::error::code::ErrorCode;
use crate::contract::extension::registry::ExtensionRegistry;
use crate::contract::issue::place::Place;
use crate::contract::issue::report::ValidationReport;
use crate::contract::issue::validation_issue::ValidationIssue;
use crate::contract::json::value::Value;
use crate::contract::model::canonical_model::Model;
use crate::contract::rules::valid::Valid;
use crate::contract::validate::check_value;
use std::collections::HashMap;

/// The maximum number of checks of a value. The value is checked again after invalid members were removed.
const ROUNDS_MAX: usize = 16;

/// A member that was removed from an object because it is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedMember {
    /// The code of the rule that the member breaks.
    pub code: ErrorCode,
    /// The path of the member within the object, such as `$.tags.note`.
    pub path: String,
    /// A description of the fault.
    pub message: String,
}

impl DroppedMember {
    pub(crate) fn new(code: ErrorCode, path: &str, message: &str) -> DroppedMember {
        DroppedMember { code, path: bounded(path.to_owned()), message: bounded(message.to_owned()) }
    }

    /// Returns the member with a path in the whole value, if its path is relative to the part of the value at the path
    /// `prefix`.
    pub(crate) fn under(self, prefix: &str) -> DroppedMember {
        DroppedMember { path: bounded(self.path.replacen('$', prefix, 1)), ..self }
    }
}

/// A valid value, from which invalid members were removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Salvaged<T> {
    /// The value.
    pub value: T,
    /// The members that were removed; empty if every member was valid.
    pub dropped: Vec<DroppedMember>,
    /// The warnings about the value without the removed members.
    pub report: ValidationReport,
}

/// Checks a model, and removes invalid members that are not required. Errors: a required member is invalid.
///
/// ```
/// use contexta::contract::{MetricPayload, salvage};
///
/// let mut metric = MetricPayload::new("loss", 0.5, "float");
/// metric.unit = Some(" ".to_owned());
/// let (metric, dropped) = salvage(metric).unwrap();
/// assert_eq!(metric.unit, None);
/// assert_eq!(dropped[0].path, "$.unit");
/// ```
pub fn salvage<M: Model + Clone>(model: M) -> Result<(Valid<M>, Vec<DroppedMember>), ValidationReport> {
    // The JSON form of the model is built only if a rule is broken.
    match Valid::check(model.clone()) {
        Ok(valid) => Ok((valid, Vec::new())),
        Err(_) => salvage_value(model.to_value(), None).map(|salvaged| (salvaged.value, salvaged.dropped)),
    }
}

/// Reads a model from a JSON value like [`check_value`], and removes invalid members that are not required. Errors: a
/// required member is missing or invalid.
pub fn salvage_value<M: Model + Clone>(
    value: Value,
    registry: Option<&ExtensionRegistry>,
) -> Result<Salvaged<Valid<M>>, ValidationReport> {
    salvage_with(value, |value| check_value(value, registry))
}

/// Removes the invalid members of a value until `check` accepts the value. Errors: a required member is
/// invalid, or the value is still invalid after [`ROUNDS_MAX`] checks. If a required member is invalid, the
/// first issue of the report describes this member.
pub(crate) fn salvage_with<T>(
    mut value: Value,
    check: impl Fn(Value) -> (Option<T>, ValidationReport),
) -> Result<Salvaged<T>, ValidationReport> {
    // A check sorts the extensions before it reports issues, so the indexes in the paths refer to the sorted list.
    sort_extensions(&mut value);
    let mut dropped = Dropped::default();
    for _ in 0..ROUNDS_MAX {
        let (checked, report) = check(value.clone());
        if let Some(accepted) = checked {
            return Ok(Salvaged { value: accepted, dropped: dropped.into_members(), report });
        }
        let mut places = Vec::new();
        for issue in report.errors() {
            match dropped.removable(&value, issue) {
                Ok(place_and_cause) => places.push(place_and_cause),
                Err(cause) => {
                    let others = report.issues().iter().filter(|issue| **issue != cause).cloned();
                    return Err(ValidationReport::from_issues([cause.clone()].into_iter().chain(others)));
                }
            }
        }
        // The last items of a list are removed first, so that the indexes of the other items stay valid.
        places.sort_by(|(a, _), (b, _)| b.cmp(a));
        let mut is_changed = false;
        for (place, cause) in places {
            is_changed |= place.remove(&mut value);
            dropped.add(place, cause);
        }
        if !is_changed {
            return Err(report);
        }
    }
    Err(check(value).1)
}

/// Sorts the extensions of an object or record by their namespaces.
fn sort_extensions(value: &mut Value) {
    let Value::Map(members) = value else { return };
    if let Some(Value::List(sets)) = members.get_mut("extensions") {
        let namespace = |set: &Value| set.get("namespace").and_then(Value::as_str).map(str::to_owned);
        sets.sort_by_cached_key(namespace);
    }
    if let Some(envelope) = members.get_mut("envelope") {
        sort_extensions(envelope);
    }
}

/// The places of the removed members, each with the issue because of which the member was removed.
#[derive(Debug, Default)]
struct Dropped(HashMap<Place, ValidationIssue>);

impl Dropped {
    /// Returns the place of the member that must be removed to resolve an issue, and the issue that is the cause. The
    /// place is that of the issue. If this place does not exist because a member is missing, the place is that of the
    /// innermost existing object around it. The cause is `issue`, unless the missing member was removed because of an
    /// earlier issue, which is then the cause. Errors: the issue can only be resolved by removing the whole value. The
    /// error is the cause.
    fn removable(
        &self,
        value: &Value,
        issue: &ValidationIssue,
    ) -> Result<(Place, ValidationIssue), ValidationIssue> {
        // The version is never removed: an object of an unknown version would then be read as an object of this
        // version.
        let place = issue.place().filter(|_| issue.code() != ErrorCode::SchemaVersion);
        let Some(mut place) = place.cloned() else { return Err(issue.clone()) };
        let mut cause = issue;
        // The place of a list item is not looked up among the removed places, because its index may now belong to
        // another item.
        while !place.exists(value) {
            if let Some(earlier) = self.0.get(&place).filter(|_| !place.is_item()) {
                cause = earlier;
            }
            let Some(parent) = place.parent() else { break };
            place = parent;
        }
        if place.is_whole() { Err(cause.clone()) } else { Ok((place, cause.clone())) }
    }

    fn add(&mut self, place: Place, cause: ValidationIssue) {
        self.0.entry(place).or_insert(cause);
    }

    /// Returns the removed members. If an object was removed as a whole, its members are not listed.
    fn into_members(self) -> Vec<DroppedMember> {
        let mut all: Vec<(Place, ValidationIssue)> = self.0.into_iter().collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut outermost: Vec<(Place, ValidationIssue)> = Vec::new();
        for (place, cause) in all {
            if outermost.last().is_none_or(|(last, _)| !last.contains(&place)) {
                outermost.push((place, cause));
            }
        }
        let member = |(place, cause): (Place, ValidationIssue)| {
            DroppedMember::new(cause.code(), &place.to_string(), cause.message())
        };
        outermost.into_iter().map(member).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json::read::parse;
    use crate::contract::models::environment::EnvironmentSnapshot;
    use crate::contract::models::payload::metric::MetricPayload;
    use crate::contract::models::record::whole::MetricRecord;
    use crate::contract::models::run::Run;

    const RUN: &str = r#""run_ref":"run:p.r","project_ref":"project:p","name":"R","status":"open",
        "started_at":"2024-01-31T12:00:00Z""#;

    fn run(more: &str) -> Result<Salvaged<Valid<Run>>, ValidationReport> {
        salvage_value(parse(&format!("{{{RUN},{more}}}")).unwrap(), None)
    }

    fn paths<T>(salvaged: &Salvaged<T>) -> Vec<&str> {
        salvaged.dropped.iter().map(|member| member.path.as_str()).collect()
    }

    #[test]
    fn invalid_optional_members_are_removed_one_by_one() {
        let salvaged =
            run(r#""tags":{"a.b":5,"c":"d"," ":"x"},"command":" ","colour":"red","description":"",
            "metadata":{"":1,"k":2},"order":[],"params":{"a\nb":1,"lr":null}"#)
            .unwrap();
        let gone =
            ["$.colour", "$.command", "$.metadata.", "$.order", "$.params.a\nb", "$.tags. ", "$.tags.a.b"];
        assert_eq!(paths(&salvaged), gone);
        let run = salvaged.value;
        assert_eq!(run.tags.len(), 1);
        assert_eq!((run.description.as_deref(), run.params.get("lr")), (Some(""), Some(&Value::Null)));
        assert_eq!(run.metadata.len(), 1);
        assert_eq!(self::run(r#""tags":{}"#).unwrap().dropped, []);
    }

    #[test]
    fn invalid_required_member_is_an_error_of_that_member() {
        for (more, code) in [
            (r#""name":" ","command":"""#, ErrorCode::String),
            (r#""started_at":"never""#, ErrorCode::Timestamp),
            (r#""run_ref":"run:q.r""#, ErrorCode::ContextPrefix),
            (r#""schema_version":"2.0.0""#, ErrorCode::SchemaVersion),
            (r#""status":"failed""#, ErrorCode::StatusTransition),
            (r#""status":"failed","ended_at":"never""#, ErrorCode::Timestamp),
        ] {
            let Value::Map(mut members) = parse(&format!("{{{RUN}}}")).unwrap() else { panic!() };
            let Value::Map(changes) = parse(&format!("{{{more}}}")).unwrap() else { panic!() };
            members.extend(changes);
            let report = salvage_value::<Run>(Value::Map(members), None).unwrap_err();
            assert_eq!(report.errors().next().map(ValidationIssue::code), Some(code), "{more}");
        }
        assert!(salvage_value::<Run>(Value::Int(5), None).is_err());
    }

    #[test]
    fn part_without_a_required_member_is_removed_as_a_whole() {
        let text = r#"{"environment_snapshot_ref":"environment:p.r.e","run_ref":"run:p.r",
            "captured_at":"2024-01-31T12:00:00Z","platform":"linux","runtime":{"name":"rust","version":" "},
            "devices":[{"name":"a","driver":""},{"name":"","memory_bytes":1},{"name":"c","memory_bytes":-1},{"colour":1}],
            "packages":{"x":""},"extensions":[{"namespace":"one","fields":{"a":1}}]}"#;
        let salvaged = salvage_value::<EnvironmentSnapshot>(parse(text).unwrap(), None).unwrap();
        let value = &salvaged.value;
        let devices: Vec<&str> = value.devices.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(devices, ["a", "c"], "{:?}", salvaged.dropped);
        assert_eq!((value.runtime.as_ref(), value.extensions.len()), (None, 0));
        assert_eq!(value.packages.get("x").map(String::as_str), Some(""));
        assert!(paths(&salvaged).contains(&"$.runtime"), "{:?}", salvaged.dropped);
    }

    #[test]
    fn members_of_a_record_are_removed_and_its_required_parts_are_not() {
        let record = |payload: &str| {
            let envelope = r#"{"record_ref":"record:p.r.k","record_type":"metric","recorded_at":"2024-01-31T12:00:00Z",
                "observed_at":"2024-01-31T12:00:00Z","producer_ref":"x","run_ref":"run:p.r",
                "stage_execution_ref":"stage:q.r.s","correlation_refs":{"trace_id":" ","session_id":"s"}}"#;
            let text = format!("{{\"envelope\":{envelope},\"payload\":{payload}}}");
            salvage_value::<MetricRecord>(parse(&text).unwrap(), None)
        };
        let kept =
            record(r#"{"metric_key":"loss","value":NaN,"value_type":"float","unit":"","step":1.5}"#).unwrap();
        let gone = [
            "$.envelope.correlation_refs.trace_id",
            "$.envelope.stage_execution_ref",
            "$.payload.step",
            "$.payload.unit",
        ];
        assert_eq!(paths(&kept), gone);
        let refused =
            record(r#"{"metric_key":"loss","value":[1],"value_type":"float","unit":""}"#).unwrap_err();
        assert_eq!(refused.errors().next().map(ValidationIssue::path), Some("$.payload.value"));
        assert!(salvage(MetricPayload::new(" ", 1, "int")).is_err());
    }
}
