//! The evaluation of a filter.
//!
//! - A comparison of a field without a value is false. The comparisons `!=` and `!~` of such a field are also
//!   false.
//! - Values of different types are unequal: `!=` is true, every other comparison is false.
//! - Texts are compared in the composed form (NFC), so the composed and the decomposed form of a text are
//!   equal.
//! - Numbers are compared without rounding. NaN is unequal to every number.
//! - A date stands for a whole day: `=` is true for times during the day, `<` for earlier times, and `>` for later
//!   times.

use crate::contract::nfc::nfc;
use crate::contract::{MetricValue, Timestamp};
use crate::interpretation::query::filter::ast::{Expr, Field, Literal, Operator};
use crate::interpretation::query::filter::facts::{Fact, Facts};
use std::cmp::Ordering;

/// Returns `true` if the facts about a run fulfil the condition. Error: the facts cannot be read.
pub fn holds<F: Facts>(expr: &Expr, facts: &F) -> Result<bool, F::Error> {
    Ok(match expr {
        Expr::All(parts) => {
            for part in parts {
                if !holds(part, facts)? {
                    return Ok(false);
                }
            }
            true
        }
        Expr::Any(parts) => {
            for part in parts {
                if holds(part, facts)? {
                    return Ok(true);
                }
            }
            false
        }
        Expr::Not(part) => !holds(part, facts)?,
        Expr::Compare(field, operator, literal) => {
            values(field, facts)?.iter().any(|value| compares(value, *operator, literal))
        }
        Expr::In(field, literals) => {
            let values = values(field, facts)?;
            let equals =
                |literal: &Literal| values.iter().any(|value| compares(value, Operator::Equal, literal));
            literals.iter().any(equals)
        }
        Expr::IsNull(field) => values(field, facts)?.is_empty(),
        Expr::HasMetric(name) => facts.metric(name, Default::default())?.is_some(),
    })
}

/// Returns the values of a field. Only the fields `stage` and `note` can have more than one value.
fn values<F: Facts>(field: &Field, facts: &F) -> Result<Vec<Fact>, F::Error> {
    let one = match field {
        Field::Metric(name, aggregate) => facts.metric(name, *aggregate)?.map(Fact::Number),
        Field::Param(name) => facts.param(name),
        Field::Tag(name) => facts.tag(name).map(Fact::Text),
        Field::Name => Some(Fact::Text(facts.name())),
        Field::Status => Some(Fact::Text(facts.status())),
        Field::Id => Some(Fact::Text(facts.id())),
        Field::Project => Some(Fact::Text(facts.project())),
        Field::Stage => return Ok(facts.stages()?.into_iter().map(Fact::Text).collect()),
        Field::Note => return Ok(facts.notes().into_iter().map(Fact::Text).collect()),
        Field::Starred => Some(Fact::Bool(facts.is_starred())),
        // Microseconds are exact as a float up to 285 years.
        Field::Duration => {
            facts.duration_micros().map(|micros| Fact::Number(MetricValue::Float(micros as f64 / 1e6)))
        }
        Field::StartedAt => facts.started_at().map(Fact::Time),
        Field::EndedAt => facts.ended_at().map(Fact::Time),
    };
    Ok(one.into_iter().collect())
}

fn compares(value: &Fact, operator: Operator, literal: &Literal) -> bool {
    match (value, literal) {
        (Fact::Number(value), Literal::Number(literal)) => {
            operator.comparison().is_some_and(|comparison| comparison.holds(value, literal))
        }
        (Fact::Text(value), Literal::Text(pattern)) => {
            let (value, pattern) = (nfc(value), nfc(pattern));
            match operator {
                Operator::Matches => matches(&value, &pattern),
                Operator::MatchesNot => !matches(&value, &pattern),
                operator => accepts(operator, value.cmp(&pattern)),
            }
        }
        (Fact::Bool(value), Literal::Bool(literal)) if value == literal => operator == Operator::Equal,
        (Fact::Time(value), Literal::Time(first, last)) => accepts(operator, order(value, first, last)),
        _ => operator == Operator::NotEqual,
    }
}

fn accepts(operator: Operator, order: Ordering) -> bool {
    operator.comparison().is_some_and(|comparison| comparison.accepts(Some(order)))
}

/// Compares a time with a range of times. A time within the range compares as equal.
fn order(value: &Timestamp, first: &Timestamp, last: &Timestamp) -> Ordering {
    match () {
        () if value < first => Ordering::Less,
        () if value > last => Ordering::Greater,
        () => Ordering::Equal,
    }
}

/// Returns `true` if the text contains the pattern. A `^` at the start of the pattern matches only at the start of
/// the text, and a `$` at the end of the pattern matches only at the end of the text. Every other character matches
/// itself.
fn matches(text: &str, pattern: &str) -> bool {
    let (pattern, at_start) = pattern.strip_prefix('^').map_or((pattern, false), |rest| (rest, true));
    let (pattern, at_end) = pattern.strip_suffix('$').map_or((pattern, false), |rest| (rest, true));
    match (at_start, at_end) {
        (true, true) => text == pattern,
        (true, false) => text.starts_with(pattern),
        (false, true) => text.ends_with(pattern),
        (false, false) => text.contains(pattern),
    }
}
