//! A condition on the value of a metric of a run.

use crate::contract::MetricValue;
use crate::contract::rules::trim;
use crate::interpretation::error::{Error, Result};
use std::cmp::Ordering;
use std::str::FromStr;

/// A comparison with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Comparison {
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterOrEqual,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// All comparisons with their names.
    pub const ALL: [(&'static str, Comparison); 6] = [
        ("gt", Comparison::Greater),
        ("lt", Comparison::Less),
        ("gte", Comparison::GreaterOrEqual),
        ("lte", Comparison::LessOrEqual),
        ("eq", Comparison::Equal),
        ("ne", Comparison::NotEqual),
    ];

    /// Returns the stable name, such as `gte`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Comparison::ALL.iter().find(|(_, comparison)| *comparison == self).map_or("", |(name, _)| name)
    }

    /// Returns `true` if `value` fulfils the comparison with `threshold`. Numbers are compared without rounding. NaN is
    /// unequal to every number, and neither less nor greater.
    #[must_use]
    pub fn holds(self, value: &MetricValue, threshold: &MetricValue) -> bool {
        let is_nan = value.as_f64().is_nan() || threshold.as_f64().is_nan();
        self.accepts((!is_nan).then(|| value.compare(threshold)))
    }

    /// Returns `true` if the order of two values fulfils the comparison. `order` is `None` for values without
    /// an order, such as NaN. Such values are unequal.
    pub(super) fn accepts(self, order: Option<Ordering>) -> bool {
        match self {
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::NotEqual => order != Some(Ordering::Equal),
        }
    }
}

impl FromStr for Comparison {
    type Err = Error;

    fn from_str(text: &str) -> Result<Comparison> {
        let wanted = trim(text).to_lowercase();
        let found = Comparison::ALL.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, comparison)| *comparison).ok_or_else(|| Error::InvalidMetricCondition {
            reason: format!("the operator {text:?} is not one of gt, lt, gte, lte, eq, ne"),
        })
    }
}

/// A condition on the last value of a metric. A run without the metric does not fulfil the condition.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricCondition {
    /// The metric: a key, possibly with tags, such as `acc{subset=val}`.
    pub metric_key: String,
    /// The comparison.
    pub operator: Comparison,
    /// The number that the value is compared with.
    pub threshold: MetricValue,
    /// The stage whose value is used. If `None`, the value outside any stage is used. If there is no such value, the
    /// latest value of all stages is used.
    pub stage_name: Option<String>,
}

impl MetricCondition {
    /// Creates a condition on a metric of any stage. Error: the key is blank.
    pub fn new(
        metric_key: impl Into<String>,
        operator: Comparison,
        threshold: impl Into<MetricValue>,
    ) -> Result<MetricCondition> {
        let condition = MetricCondition {
            metric_key: metric_key.into(),
            operator,
            threshold: threshold.into(),
            stage_name: None,
        };
        condition.checked()
    }

    /// Restricts the condition to a stage. Error: the name is blank.
    pub fn in_stage(mut self, stage: impl Into<String>) -> Result<MetricCondition> {
        self.stage_name = Some(stage.into());
        self.checked()
    }

    fn checked(self) -> Result<MetricCondition> {
        let blank = |text: &str| trim(text).is_empty();
        if blank(&self.metric_key) || self.stage_name.as_deref().is_some_and(blank) {
            let reason = "the key of the metric or the name of the stage is blank".to_owned();
            return Err(Error::InvalidMetricCondition { reason });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_do_not_round_and_nan_is_only_unequal() {
        let (a, b) = (MetricValue::Int((1 << 53) + 1), MetricValue::Int(1 << 53));
        let holding = |a: &MetricValue, b: &MetricValue| {
            let names = Comparison::ALL.iter().filter(|(_, comparison)| comparison.holds(a, b));
            names.map(|(name, _)| *name).collect::<Vec<_>>()
        };
        assert_eq!(holding(&a, &b), ["gt", "gte", "ne"]);
        assert_eq!(holding(&b, &a), ["lt", "lte", "ne"]);
        assert_eq!(holding(&a, &a), ["gte", "lte", "eq"]);
        assert_eq!(holding(&MetricValue::Float(f64::NAN), &a), ["ne"]);
        assert_eq!(" GTE ".parse::<Comparison>().unwrap(), Comparison::GreaterOrEqual);
        assert_eq!("=>".parse::<Comparison>().unwrap_err().code(), "query_invalid_metric_condition");
    }
}
