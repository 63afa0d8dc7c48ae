//! Positions of runs in the order of a list, and the page tokens that contain these positions.
//!
//! A token contains the position of the last run of a page. The position consists of the value in the sort
//! column, the project, the start and the ref of the run. The next page begins after this position. If runs
//! are added between the requests for two pages, no run is therefore repeated or left out.

use crate::contract::json::write::canonical;
use crate::contract::{MetricValue, ProjectRef, RunRef, Timestamp, Value};
use crate::interpretation::error::{Error, Result};
use crate::interpretation::metric;
use crate::interpretation::query::page_token::PageToken;
use crate::interpretation::query::run_query::{RunColumn, RunListQuery};
use crate::interpretation::query::value_order::{compare_values, present_first};
use crate::store::RunRow;
use crate::store::journal::short_digest;
use std::cmp::Ordering;

/// The value of a run in the sort column of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ColumnValue {
    /// No value, because the list is in the order of project, start and ref.
    None,
    Time(Option<Timestamp>),
    Text(String),
    Micros(Option<i64>),
    Param(Option<Value>),
    Metric(Option<MetricValue>),
}

impl ColumnValue {
    /// Compares two values of one column. If the column is the start or the end, a missing time is less than
    /// any other time. In all other columns, a missing value comes last, even in descending order.
    pub(super) fn compare(&self, other: &ColumnValue, descending: bool) -> Ordering {
        let directed = |order: Ordering| if descending { order.reverse() } else { order };
        match (self, other) {
            (ColumnValue::Time(a), ColumnValue::Time(b)) => directed(a.cmp(b)),
            (ColumnValue::Text(a), ColumnValue::Text(b)) => directed(a.cmp(b)),
            (ColumnValue::Micros(a), ColumnValue::Micros(b)) => {
                present_first(a, b, |a, b| directed(a.cmp(b)))
            }
            (ColumnValue::Param(a), ColumnValue::Param(b)) => {
                present_first(a, b, |a, b| directed(compare_values(a, b)))
            }
            (ColumnValue::Metric(a), ColumnValue::Metric(b)) => {
                present_first(a, b, |a, b| metric::rank(a, b, descending))
            }
            _ => Ordering::Equal,
        }
    }

    fn to_value(&self) -> Value {
        match self {
            ColumnValue::None => Value::Null,
            ColumnValue::Time(time) => time.as_ref().map_or(Value::Null, Value::text),
            ColumnValue::Text(text) => Value::text(text),
            ColumnValue::Micros(micros) => Value::from(*micros),
            // The empty list is a missing parameter. A list with one element is a parameter, whose value can
            // be null.
            ColumnValue::Param(value) => Value::List(value.iter().cloned().collect()),
            ColumnValue::Metric(value) => value.clone().map_or(Value::Null, Value::from),
        }
    }

    /// Decodes the value of a column; `None` if the value does not have the type of the column.
    fn from_value(column: Option<&RunColumn>, value: &Value) -> Option<ColumnValue> {
        let is_null = *value == Value::Null;
        Some(match column? {
            RunColumn::StartedAt | RunColumn::EndedAt if is_null => ColumnValue::Time(None),
            RunColumn::StartedAt | RunColumn::EndedAt => {
                ColumnValue::Time(Some(value.as_str()?.parse().ok()?))
            }
            RunColumn::Name | RunColumn::Status => ColumnValue::Text(value.as_str()?.to_owned()),
            RunColumn::Duration => match value {
                Value::Int(micros) => ColumnValue::Micros(Some(*micros)),
                _ => is_null.then_some(ColumnValue::Micros(None))?,
            },
            RunColumn::Param(_) => match value {
                Value::List(values) => ColumnValue::Param(values.first().cloned()),
                _ => return None,
            },
            RunColumn::Metric(_) if is_null => ColumnValue::Metric(None),
            RunColumn::Metric(_) => ColumnValue::Metric(Some(match value.as_str() {
                Some(text) => MetricValue::Float(text.parse().ok()?),
                None => MetricValue::try_from(value.clone()).ok()?,
            })),
        })
    }
}

/// The position of a run in the order of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    column: ColumnValue,
    project: ProjectRef,
    started_at: Option<Timestamp>,
    run: RunRef,
}

impl Place {
    /// Returns `true` if `run` comes after this position in the list of `query`. `column` is the value of
    /// `run` in the sort column.
    pub(super) fn is_before(&self, query: &RunListQuery, column: &ColumnValue, run: &RunRow) -> bool {
        let own = (&self.project, self.started_at, &self.run);
        let listed = own.cmp(&(&run.project_ref, run.started_at, &run.run_ref));
        let listed = if query.sort_by.is_none() && query.descending { listed.reverse() } else { listed };
        self.column.compare(column, query.descending).then(listed).is_lt()
    }

    /// Returns the position that a token contains. Errors: the token belongs to another query, or the
    /// position in the token is damaged.
    pub(super) fn of_token(token: &PageToken, query: &RunListQuery) -> Result<Place> {
        if token.query != digest_of(query) {
            return Err(Error::PageTokenOfOtherQuery);
        }
        let place = || {
            let text = |name: &str| token.position.get(name)?.as_str();
            let column = match &query.sort_by {
                None => ColumnValue::None,
                column => ColumnValue::from_value(column.as_ref(), token.position.get("column")?)?,
            };
            let started_at = match text("started_at") {
                Some(time) => Some(time.parse().ok()?),
                None => None,
            };
            let (project, run) = (text("project")?.parse().ok()?, text("run")?.parse().ok()?);
            Some(Place { column, project, started_at, run })
        };
        place().ok_or(Error::InvalidPageToken { reason: "the position in the token is damaged" })
    }
}

/// Returns the token of the page that begins after `run`.
pub(super) fn token_behind(query: &RunListQuery, column: &ColumnValue, run: &RunRow) -> PageToken {
    let position = Value::map([
        ("column", column.to_value()),
        ("project", Value::text(&run.project_ref)),
        ("started_at", run.started_at.as_ref().map_or(Value::Null, Value::text)),
        ("run", Value::text(&run.run_ref)),
    ]);
    PageToken { query: digest_of(query), position }
}

/// Returns a digest of the conditions and the order of a query. Other members, such as the limit, do not
/// affect the digest.
fn digest_of(query: &RunListQuery) -> String {
    // The pattern names every member, so that a new member is either part of the digest or left out on purpose.
    let RunListQuery {
        project,
        status,
        tags,
        time_range,
        metric_conditions,
        filter,
        archived,
        only_starred,
        sort_by,
        descending,
        offset: _,
        limit: _,
        limit_to_newest: _,
        after: _,
        baseline: _,
        baseline_selection: _,
    } = query;
    let time = |time: &Option<Timestamp>| time.as_ref().map_or(Value::Null, Value::text);
    let conditions = metric_conditions.iter().map(|condition| {
        Value::List(vec![
            Value::text(&condition.metric_key),
            Value::text(condition.operator.as_str()),
            condition.threshold.clone().into(),
            condition.stage_name.clone().into(),
        ])
    });
    let tags = tags.iter().map(|(name, value)| (name.clone(), Value::text(value))).collect();
    let members = Value::map([
        ("project", project.clone().into()),
        ("status", status.clone().into()),
        ("tags", Value::Map(tags)),
        ("started_after", time(&time_range.started_after)),
        ("started_before", time(&time_range.started_before)),
        ("metric_conditions", Value::List(conditions.collect())),
        ("filter", filter.as_ref().map_or(Value::Null, Value::text)),
        ("archived", (*archived as i64).into()),
        ("only_starred", (*only_starred).into()),
        ("sort_by", sort_by.as_ref().map_or(Value::Null, Value::text)),
        ("descending", (*descending).into()),
    ]);
    // Encoding does not fail, because numbers that are not finite were converted to texts.
    short_digest(&canonical(&members).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpretation::query::condition::{Comparison, MetricCondition};
    use crate::interpretation::query::run_query::Archived;
    use std::collections::BTreeSet;

    fn condition() -> MetricCondition {
        MetricCondition::new("a", Comparison::Less, 1).unwrap()
    }

    #[test]
    fn digest_depends_on_conditions_and_order_only() {
        let query = RunListQuery::default();
        let of = |change: fn(&mut RunListQuery)| {
            let mut changed = query.clone();
            change(&mut changed);
            digest_of(&changed)
        };
        let same = [of(|q| q.limit = Some(5)), of(|q| q.offset = 3), of(|q| q.baseline = Some("a".into()))];
        assert_eq!(same, [digest_of(&query), digest_of(&query), digest_of(&query)]);
        let other = [
            of(|q| q.project = Some("failed".into())),
            of(|q| q.status = Some("failed".into())),
            of(|q| drop(q.tags.insert("a".into(), "b".into()))),
            of(|q| q.time_range.started_after = Some(Timestamp::from_nanos(0))),
            of(|q| q.time_range.started_before = Some(Timestamp::from_nanos(0))),
            of(|q| q.metric_conditions = vec![condition()]),
            of(|q| q.metric_conditions = vec![condition().in_stage("a").unwrap()]),
            of(|q| q.archived = Archived::Include),
            of(|q| q.archived = Archived::Only),
            of(|q| q.only_starred = true),
            of(|q| q.descending = false),
            of(|q| q.sort_by = None),
            of(|q| q.sort_by = Some(RunColumn::Param("a".into()))),
            of(|q| q.sort_by = Some(RunColumn::Metric("a".into()))),
            of(|q| q.filter = Some("status = failed".parse().unwrap())),
        ];
        let different: BTreeSet<&String> = other.iter().chain(same.first()).collect();
        assert_eq!(different.len(), other.len() + 1, "{other:?}");
    }
}
