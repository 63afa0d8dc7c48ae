//! The columns by which runs are grouped, and the values of runs in these columns.

use crate::contract::Value;
use crate::interpretation::error::{Error, Result};
use crate::interpretation::query::value_order::{compare_values, present_first};
use crate::store::RunRow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A column by which runs are grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupColumn {
    /// A parameter.
    Param(String),
    /// A tag.
    Tag(String),
    /// The name of the run.
    Name,
    /// The status, such as `completed` or `interrupted`.
    Status,
    /// The name of the project.
    Project,
}

impl GroupColumn {
    /// Returns the value of the column in a run; `None` if the run does not have the parameter or the tag.
    pub(super) fn value(&self, run: &RunRow) -> Option<Value> {
        match self {
            GroupColumn::Param(name) => run.params.get(name).cloned(),
            GroupColumn::Tag(name) => run.tags.get(name).map(Value::text),
            GroupColumn::Name => Some(Value::text(&run.name)),
            GroupColumn::Status => Some(Value::text(run.shown_status())),
            GroupColumn::Project => Some(Value::text(&run.project_name)),
        }
    }
}

impl fmt::Display for GroupColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupColumn::Param(name) => write!(f, "params.{name}"),
            GroupColumn::Tag(name) => write!(f, "tags.{name}"),
            GroupColumn::Name => f.write_str("name"),
            GroupColumn::Status => f.write_str("status"),
            GroupColumn::Project => f.write_str("project"),
        }
    }
}

impl FromStr for GroupColumn {
    type Err = Error;

    /// Parses `params.NAME`, `tags.NAME`, `name`, `status` or `project`.
    fn from_str(text: &str) -> Result<GroupColumn> {
        Ok(match text {
            "name" => GroupColumn::Name,
            "status" => GroupColumn::Status,
            "project" => GroupColumn::Project,
            other => match other.split_once('.') {
                Some(("params" | "param", name)) if !name.is_empty() => GroupColumn::Param(name.to_owned()),
                Some(("tags" | "tag", name)) if !name.is_empty() => GroupColumn::Tag(name.to_owned()),
                _ => {
                    let reason =
                        format!("{text:?} is not one of params.NAME, tags.NAME, name, status, project");
                    return Err(Error::InvalidGroupQuery { reason });
                }
            },
        })
    }
}

/// Compares two groups by their values in the columns. A missing value comes last.
pub(super) fn compare_keys(a: &[Option<Value>], b: &[Option<Value>]) -> Ordering {
    let mut orders = a.iter().zip(b).map(|(a, b)| present_first(a, b, compare_values));
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
