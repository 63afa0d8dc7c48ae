//! The facts about a run that a filter reads from the workspace.

use crate::contract::{MetricValue, Timestamp, Value};
use crate::interpretation::metric::{self, MetricName, Selection};
use crate::interpretation::query::filter::{Fact, Facts, MetricAggregate};
use crate::store::{self, Attempts, RunRow, StoreView};

/// A run in a view of the store. Metrics and stages are read when a filter asks for them.
#[derive(Debug)]
pub(super) struct RunFacts<'a> {
    pub(super) view: &'a StoreView<'a>,
    pub(super) run: &'a RunRow,
}

impl Facts for RunFacts<'_> {
    type Error = store::Error;

    fn metric(&self, name: &str, aggregate: MetricAggregate) -> store::Result<Option<MetricValue>> {
        let name = MetricName::parse(name);
        let rows = metric::rows_of(self.view, &self.run.run_ref, &name, Attempts::Newest)?;
        let answering = metric::answering_for_run(&rows, &name);
        let selection = match aggregate {
            MetricAggregate::Last => Selection::Latest,
            MetricAggregate::Min => Selection::Min,
            MetricAggregate::Max => Selection::Max,
            MetricAggregate::First => {
                let first = answering.iter().map(|row| &row.first);
                let first = first.min_by_key(|point| (point.observed_at, point.stamp));
                return Ok(first.map(|point| point.value.clone()));
            }
        };
        metric::value(self.view, &answering, selection, Attempts::Newest)
    }

    fn param(&self, name: &str) -> Option<Fact> {
        let other = match MetricValue::try_from(self.run.params.get(name)?.clone()) {
            Ok(number) => return Some(Fact::Number(number)),
            Err(other) => other,
        };
        match other {
            Value::Null => None,
            Value::Bool(value) => Some(Fact::Bool(value)),
            Value::Text(text) => Some(Fact::Text(text)),
            _ => Some(Fact::Other),
        }
    }

    fn tag(&self, name: &str) -> Option<String> {
        self.run.tags.get(name).cloned()
    }

    fn name(&self) -> String {
        self.run.name.clone()
    }

    fn id(&self) -> String {
        self.run.run_ref.last_component().to_owned()
    }

    fn project(&self) -> String {
        self.run.project_name.clone()
    }

    fn status(&self) -> String {
        self.run.shown_status().to_owned()
    }

    fn stages(&self) -> store::Result<Vec<String>> {
        Ok(self.view.stages(&self.run.run_ref)?.into_iter().map(|stage| stage.name).collect())
    }

    fn notes(&self) -> Vec<String> {
        self.run.notes.iter().map(|(_, text)| text.clone()).collect()
    }

    fn is_starred(&self) -> bool {
        self.run.is_starred
    }

    fn duration_micros(&self) -> Option<i64> {
        self.run.duration_micros()
    }

    fn started_at(&self) -> Option<Timestamp> {
        self.run.started_at
    }

    fn ended_at(&self) -> Option<Timestamp> {
        self.run.ended_at
    }
}
