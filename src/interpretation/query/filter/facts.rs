//! The facts about a run that a filter needs.

use crate::contract::{MetricValue, Timestamp};
use crate::interpretation::query::filter::ast::MetricAggregate;

/// A value of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fact {
    /// A number.
    Number(MetricValue),
    /// A text.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A time.
    Time(Timestamp),
    /// A value that no comparison supports, such as a list.
    Other,
}

/// The facts about a run.
pub trait Facts {
    /// The error that is returned if facts cannot be read.
    type Error;

    /// Returns a value of a metric; `None` if the run does not have the metric.
    fn metric(&self, name: &str, aggregate: MetricAggregate) -> Result<Option<MetricValue>, Self::Error>;

    /// Returns a parameter; `None` if the parameter is missing or null.
    fn param(&self, name: &str) -> Option<Fact>;

    /// Returns a tag.
    fn tag(&self, name: &str) -> Option<String>;

    /// Returns the name.
    fn name(&self) -> String;

    /// Returns the id.
    fn id(&self) -> String;

    /// Returns the name of the project.
    fn project(&self) -> String;

    /// Returns the status.
    fn status(&self) -> String;

    /// Returns the names of the stages.
    fn stages(&self) -> Result<Vec<String>, Self::Error>;

    /// Returns the notes.
    fn notes(&self) -> Vec<String>;

    /// Returns `true` if the run is starred.
    fn is_starred(&self) -> bool;

    /// Returns the time from start to end in microseconds.
    fn duration_micros(&self) -> Option<i64>;

    /// Returns the start.
    fn started_at(&self) -> Option<Timestamp>;

    /// Returns the end.
    fn ended_at(&self) -> Option<Timestamp>;
}
