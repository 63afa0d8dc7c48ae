//! The direction in which the values of a metric improve.

use crate::store::{Note, Severity};
use std::collections::BTreeMap;

/// Words in the name of a metric whose lower values are better.
const LOWER_IS_BETTER: &[&str] = &[
    "loss",
    "error",
    "err",
    "perplexity",
    "ppl",
    "latency",
    "duration",
    "time",
    "seconds",
    "mae",
    "mse",
    "rmse",
    "mape",
    "wer",
    "cer",
    "fid",
    "regret",
    "entropy",
    "nll",
    "divergence",
    "kl",
    "cost",
    "overfit",
    "drift",
    "misses",
];

/// The declared directions of metrics. The direction of another metric is assumed from the words of its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directions {
    declared: BTreeMap<String, bool>,
}

impl Directions {
    /// Declares that higher values of a metric are better, or that lower values are.
    #[must_use]
    pub fn declare(mut self, metric_key: impl Into<String>, is_higher_better: bool) -> Directions {
        self.declared.insert(metric_key.into(), is_higher_better);
        self
    }

    /// Returns the declared direction of a metric. A declaration for `acc` also applies to `acc{subset=val}`.
    fn declared(&self, metric: &str) -> Option<bool> {
        let key = metric.split('{').next().unwrap_or(metric);
        self.declared.get(metric).or_else(|| self.declared.get(key)).copied()
    }

    /// Returns `true` if higher values of a metric are better: as declared, otherwise as assumed from its name.
    #[must_use]
    pub fn is_higher_better(&self, metric: &str) -> bool {
        self.declared(metric).unwrap_or_else(|| is_higher_better_by_name(metric))
    }

    /// Returns a note on the assumed direction of a metric; `None` if its direction is declared.
    #[must_use]
    pub fn assumption(&self, metric: &str) -> Option<Note> {
        if self.declared(metric).is_some() {
            return None;
        }
        let better = if is_higher_better_by_name(metric) { "higher" } else { "lower" };
        let message = format!("{better} values of {metric} are assumed to be better, because of its name");
        let note = Note::new(Severity::Info, "metric_direction_assumed", message);
        Some(note.with("metric", metric).with("better", better))
    }
}

/// Returns `true` unless a word of the name says that lower values are better.
fn is_higher_better_by_name(metric: &str) -> bool {
    let key = metric.split('{').next().unwrap_or(metric).to_lowercase();
    let mut words = key.split(|c: char| !c.is_alphanumeric());
    !words.any(|word| LOWER_IS_BETTER.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_direction_takes_precedence_over_the_name() {
        let directions = Directions::default().declare("val_loss", true).declare("acc", false);
        assert!(directions.is_higher_better("val_loss") && !directions.is_higher_better("acc{subset=val}"));
        assert_eq!(directions.assumption("acc"), None);
        for (name, higher) in [("loss", false), ("train/loss", false), ("lossless", true), ("mAP@0.5", true)]
        {
            assert_eq!(directions.is_higher_better(name), higher, "{name}");
            let better = if higher { "higher" } else { "lower" };
            assert!(directions.assumption(name).unwrap().message.starts_with(better), "{name}");
        }
    }
}
