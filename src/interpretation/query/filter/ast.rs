//! The parsed form of a filter.

use crate::contract::{MetricValue, Timestamp};
use crate::interpretation::query::condition::Comparison;
use std::fmt;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// A condition that is fulfilled if all conditions in the list are fulfilled.
    All(Vec<Expr>),
    /// A condition that is fulfilled if at least one condition in the list is fulfilled.
    Any(Vec<Expr>),
    /// A condition that is fulfilled if the contained condition is not fulfilled.
    Not(Box<Expr>),
    /// A condition that compares a field with a value.
    Compare(Field, Operator, Literal),
    /// A condition that is fulfilled if the field equals at least one value in the list.
    In(Field, Vec<Literal>),
    /// A condition that is fulfilled if the field has no value.
    IsNull(Field),
    /// A condition that is fulfilled if the run has the metric with this name.
    HasMetric(String),
}

/// A field of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// A value of a metric.
    Metric(String, MetricAggregate),
    /// A parameter.
    Param(String),
    /// A tag.
    Tag(String),
    /// The name.
    Name,
    /// The status.
    Status,
    /// The id: the last component of the ref.
    Id,
    /// The name of the project.
    Project,
    /// The name of a stage. A run with several stages has several values. A comparison is fulfilled if at least one
    /// of the values fulfils it.
    Stage,
    /// A note. A run with several notes has several values.
    Note,
    /// `true` if the run is starred.
    Starred,
    /// The time from start to end in seconds.
    Duration,
    /// The start.
    StartedAt,
    /// The end.
    EndedAt,
}

/// The type of the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    Number,
    Text,
    Bool,
    Time,
    /// A number, a text or a boolean.
    Any,
}

impl Field {
    /// Returns the type of the values of the field.
    pub(super) fn value_type(&self) -> ValueType {
        match self {
            Field::Metric(..) | Field::Duration => ValueType::Number,
            Field::Param(_) => ValueType::Any,
            Field::Starred => ValueType::Bool,
            Field::StartedAt | Field::EndedAt => ValueType::Time,
            Field::Tag(_)
            | Field::Name
            | Field::Status
            | Field::Id
            | Field::Project
            | Field::Stage
            | Field::Note => ValueType::Text,
        }
    }
}

/// The choice of the value of a metric that a filter compares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricAggregate {
    /// The last value.
    #[default]
    Last,
    /// The first value.
    First,
    /// The smallest value.
    Min,
    /// The greatest value.
    Max,
}

impl MetricAggregate {
    /// All aggregates with their names.
    pub const ALL: [(&'static str, MetricAggregate); 4] = [
        ("last", MetricAggregate::Last),
        ("first", MetricAggregate::First),
        ("min", MetricAggregate::Min),
        ("max", MetricAggregate::Max),
    ];

    /// Returns the name, such as `last`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        MetricAggregate::ALL.iter().find(|(_, aggregate)| *aggregate == self).map_or("", |(name, _)| name)
    }
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `~`: the text contains the pattern. A `^` at the start of the pattern matches only at the start of the text,
    /// and a `$` at the end of the pattern matches only at the end of the text.
    Matches,
    /// `!~`: the text does not contain the pattern.
    MatchesNot,
}

impl Operator {
    /// All operators with their texts. If the text of an operator is a prefix of another text, the longer
    /// text comes first, such as `<=` before `<`.
    pub const ALL: [(&'static str, Operator); 8] = [
        ("!=", Operator::NotEqual),
        ("!~", Operator::MatchesNot),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("~", Operator::Matches),
    ];

    /// Returns the text, such as `<=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Operator::ALL.iter().find(|(_, operator)| *operator == self).map_or("", |(text, _)| text)
    }

    /// Returns the comparison that the operator denotes; `None` for the pattern operators `~` and `!~`.
    pub(super) fn comparison(self) -> Option<Comparison> {
        Some(match self {
            Operator::Equal => Comparison::Equal,
            Operator::NotEqual => Comparison::NotEqual,
            Operator::Less => Comparison::Less,
            Operator::LessOrEqual => Comparison::LessOrEqual,
            Operator::Greater => Comparison::Greater,
            Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
            Operator::Matches | Operator::MatchesNot => return None,
        })
    }
}

/// A value in a filter.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Literal {
    /// A number.
    Number(MetricValue),
    /// A text.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A range from the first to the last time. For a time in a filter, both ends are equal. For a date, the
    /// range is the whole day.
    Time(Timestamp, Timestamp),
}

/// The reserved words of the filter language. A text value that equals a reserved word must be quoted.
/// Exception: a field whose values are texts also accepts the words in [`VALUE_WORDS`] without quotes.
pub(super) const WORDS: [&str; 11] =
    ["and", "or", "not", "in", "is", "null", "has", "true", "false", "inf", "nan"];

/// The reserved words that are values.
pub(super) const VALUE_WORDS: [&str; 4] = ["true", "false", "inf", "nan"];

/// Returns `true` if a text needs no quotes as a value.
pub(super) fn is_bare(text: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_next = |c: char| c.is_ascii_alphanumeric() || "_-/.:".contains(c);
    text.starts_with(is_first) && text.chars().all(is_next) && !WORDS.contains(&text)
}

/// Writes a text in quotes.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Writes the name of a metric, parameter or tag.
fn named(f: &mut fmt::Formatter<'_>, kind: &str, name: &str) -> fmt::Result {
    write!(f, "{kind}.")?;
    if is_name(name) { f.write_str(name) } else { quoted(f, name) }
}

/// Returns `true` if the name of a metric, parameter or tag needs no quotes. Such a name does not end with a dot.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_in_name) && !name.ends_with('.')
}

/// Returns `true` if a name without quotes may contain the character.
pub(super) fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || "_-/.:".contains(c)
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Metric(name, aggregate) => {
                if *aggregate != MetricAggregate::Last {
                    write!(f, "{}(", aggregate.as_str())?;
                }
                named(f, "metrics", name)?;
                if *aggregate != MetricAggregate::Last { f.write_str(")") } else { Ok(()) }
            }
            Field::Param(name) => named(f, "params", name),
            Field::Tag(name) => named(f, "tags", name),
            Field::Name => f.write_str("name"),
            Field::Status => f.write_str("status"),
            Field::Id => f.write_str("id"),
            Field::Project => f.write_str("project"),
            Field::Stage => f.write_str("stage"),
            Field::Note => f.write_str("note"),
            Field::Starred => f.write_str("starred"),
            Field::Duration => f.write_str("duration"),
            Field::StartedAt => f.write_str("started_at"),
            Field::EndedAt => f.write_str("ended_at"),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Number(number) => number.fmt(f),
            Literal::Text(text) if is_bare(text) => f.write_str(text),
            Literal::Text(text) => quoted(f, text),
            Literal::Bool(value) => value.fmt(f),
            Literal::Time(first, last) if first == last => first.fmt(f),
            Literal::Time(first, _) => f.write_str(first.to_string().get(..10).unwrap_or_default()),
        }
    }
}

/// Writes the condition as text. A nested `and` or `or` is always in parentheses.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Expr], word: &str| {
            for (n, part) in parts.iter().enumerate() {
                if n > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Expr::All(_) | Expr::Any(_) => write!(f, "({part})")?,
                    part => part.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Expr::All(parts) => joined(f, parts, "and"),
            Expr::Any(parts) => joined(f, parts, "or"),
            Expr::Not(part) => match **part {
                Expr::All(_) | Expr::Any(_) => write!(f, "not ({part})"),
                _ => write!(f, "not {part}"),
            },
            Expr::Compare(field, operator, value) => write!(f, "{field} {} {value}", operator.as_str()),
            Expr::In(field, values) => {
                write!(f, "{field} in (")?;
                for (n, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if n > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Expr::IsNull(field) => write!(f, "{field} is null"),
            Expr::HasMetric(name) => {
                f.write_str("has metric ")?;
                if is_name(name) { f.write_str(name) } else { quoted(f, name) }
            }
        }
    }
}
