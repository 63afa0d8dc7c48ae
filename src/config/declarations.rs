//! Settings whose values are tables: the declarations of metrics and the alert rules.

use crate::config::choice::{AlertOperator, Better, SeverityLevel};
use crate::config::leaf::Leaf;
use crate::config::value::ConfigValue;
use std::collections::BTreeMap;

/// The declared directions of metrics. The keys of the map are metric keys. An example in a file:
///
/// ```toml
/// [metrics."val_loss"]
/// better = "lower"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricDeclarations(pub BTreeMap<String, Better>);

/// The metrics of a later source of settings are added to the metrics of earlier sources. The value `none`
/// removes all metrics of earlier sources.
impl Leaf for MetricDeclarations {
    fn read(&mut self, value: &ConfigValue) -> bool {
        if value.is_nothing() {
            self.0.clear();
            return true;
        }
        let ConfigValue::Map(metrics) = value else { return false };
        let declared = metrics.iter().map(|(key, value)| {
            let ConfigValue::Map(members) = value else { return None };
            let (1, Some(ConfigValue::Text(better))) = (members.len(), members.get("better")) else {
                return None;
            };
            Some((key.clone(), better.parse().ok()?))
        });
        let Some(declared) = declared.collect::<Option<BTreeMap<String, Better>>>() else { return false };
        self.0.extend(declared);
        true
    }

    fn shown(&self) -> ConfigValue {
        let metric = |better: &Better| ConfigValue::at("better", better.as_str());
        ConfigValue::Map(self.0.iter().map(|(key, better)| (key.clone(), metric(better))).collect())
    }

    fn kind(&self) -> String {
        format!("a table by metric key, with `better` = {}", Better::Higher.kind())
    }
}

/// The threshold of an alert rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlertThreshold {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

impl AlertThreshold {
    fn of(value: &ConfigValue) -> Option<AlertThreshold> {
        match value {
            ConfigValue::Int(n) => i64::try_from(*n).ok().map(AlertThreshold::Int),
            ConfigValue::Float(x) => Some(AlertThreshold::Float(*x)).filter(|_| x.is_finite()),
            _ => None,
        }
    }

    fn shown(self) -> ConfigValue {
        match self {
            AlertThreshold::Int(n) => n.into(),
            AlertThreshold::Float(x) => x.into(),
        }
    }
}

/// An alert rule that is declared in the settings.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertRuleConfig {
    /// The key of the metric, with or without tags.
    pub metric: String,
    /// The comparison of the value with the threshold.
    pub operator: AlertOperator,
    /// The threshold.
    pub threshold: AlertThreshold,
    /// The stage of the compared value; `None` for the latest value of all stages.
    pub stage: Option<String>,
    /// The severity; `None` for the default severity of alerts.
    pub severity: Option<SeverityLevel>,
    /// The name; `None` for a name that is derived from the rule.
    pub name: Option<String>,
}

impl AlertRuleConfig {
    /// Reads a rule. Returns `None` if the value is not a rule.
    fn of(value: &ConfigValue) -> Option<AlertRuleConfig> {
        let ConfigValue::Map(members) = value else { return None };
        let known = ["metric", "operator", "threshold", "stage", "severity", "name"];
        if !members.keys().all(|member| known.contains(&member.as_str())) {
            return None;
        }
        let text = |member: &str| match members.get(member) {
            None => Some(None),
            Some(ConfigValue::Text(text)) if !text.trim().is_empty() => Some(Some(text.clone())),
            Some(_) => None,
        };
        Some(AlertRuleConfig {
            metric: text("metric")??,
            operator: text("operator")??.parse().ok()?,
            threshold: AlertThreshold::of(members.get("threshold")?)?,
            stage: text("stage")?,
            severity: text("severity")?.map(|severity| severity.parse()).transpose().ok()?,
            name: text("name")?,
        })
    }

    fn shown(&self) -> ConfigValue {
        let mut members = BTreeMap::from([
            ("metric".to_owned(), ConfigValue::Text(self.metric.clone())),
            ("operator".to_owned(), self.operator.as_str().into()),
            ("threshold".to_owned(), self.threshold.shown()),
        ]);
        let severity = self.severity.map(|severity| severity.as_str().to_owned());
        for (member, text) in [("stage", &self.stage), ("severity", &severity), ("name", &self.name)] {
            if let Some(text) = text {
                members.insert(member.to_owned(), ConfigValue::Text(text.clone()));
            }
        }
        ConfigValue::Map(members)
    }
}

/// The alert rules that are declared in the settings. An example in a file:
///
/// ```toml
/// [[interpretation.alert.rules]]
/// metric = "val_loss"
/// operator = "gt"
/// threshold = 0.5
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertRules(pub Vec<AlertRuleConfig>);

impl Leaf for AlertRules {
    fn read(&mut self, value: &ConfigValue) -> bool {
        let ConfigValue::List(items) = value else { return false };
        let rules = items.iter().map(AlertRuleConfig::of).collect::<Option<Vec<_>>>();
        rules.map(|rules| self.0 = rules).is_some()
    }

    fn shown(&self) -> ConfigValue {
        ConfigValue::List(self.0.iter().map(AlertRuleConfig::shown).collect())
    }

    fn kind(&self) -> String {
        "a list of tables, each with `metric`, `operator` (gt, lt, gte, lte, eq, ne) and `threshold`, and optionally \
         `stage`, `severity` and `name`"
            .to_owned()
    }
}
