//! The direction in which the values of a metric improve.

use crate::store::{Note, Severity};
use std::collections::BTreeMap;

/// Words that occur in the names of metrics whose lower values are better.
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

/// The last words in the names of losses. Training minimises such a metric.
const LOSSES: &[&str] = &["loss", "perplexity", "ppl", "nll"];
/// Words that occur in the names of negated metrics. Training maximises a negated loss.
const NEGATIONS: &[&str] = &["neg", "negative", "negated", "minus"];

/// The declared directions of metrics. If the direction of a metric is not declared, it is inferred from the
/// words in the name of the metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directions {
    declared: BTreeMap<String, bool>,
}

impl Directions {
    /// Declares the direction of a metric. If `is_higher_better` is `true`, higher values are better. Otherwise lower
    /// values are better.
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

    /// Returns `true` if higher values of a metric are better. A direction that is not declared is inferred
    /// from the name of the metric.
    #[must_use]
    pub fn is_higher_better(&self, metric: &str) -> bool {
        self.declared(metric).unwrap_or_else(|| is_higher_better_by_name(metric))
    }

    /// Returns `true` if higher values of a metric are better, and `false` if lower values are better. Returns `None` if the
    /// direction is not declared, unless the name of the metric is that of a loss: its last word is `loss`, `perplexity`,
    /// `ppl` or `nll`, and no word negates the metric.
    pub(in crate::interpretation) fn declared_or_loss(&self, metric: &str) -> Option<bool> {
        self.declared(metric).or_else(|| is_loss_by_name(metric).then_some(false))
    }

    /// Returns a note on the assumed direction of a metric; `None` if its direction is declared.
    #[must_use]
    pub fn assumption(&self, metric: &str) -> Option<Note> {
        if self.declared(metric).is_some() {
            return None;
        }
        let better = if is_higher_better_by_name(metric) { "higher" } else { "lower" };
        let message = format!(
            "{better} values of {metric} are assumed to be better, because of the name of the metric"
        );
        let note = Note::new(Severity::Info, "metric_direction_assumed", message);
        Some(note.with("metric", metric).with("better", better))
    }
}

/// Returns `false` if the name of the metric contains a word of `LOWER_IS_BETTER`, otherwise `true`.
fn is_higher_better_by_name(metric: &str) -> bool {
    !has_word(metric, LOWER_IS_BETTER)
}

/// Returns `true` if the name of the metric is that of a loss.
fn is_loss_by_name(metric: &str) -> bool {
    let key = lower_key(metric);
    let is_loss = words(&key).last().is_some_and(|last| LOSSES.contains(&last));
    is_loss && !words(&key).any(|word| NEGATIONS.contains(&word))
}

/// Returns `true` if the name of the metric contains one of the words.
fn has_word(metric: &str, asked: &[&str]) -> bool {
    words(&lower_key(metric)).any(|word| asked.contains(&word))
}

/// Returns the name of a metric without its slice, in lower case.
fn lower_key(metric: &str) -> String {
    metric.split('{').next().unwrap_or(metric).to_lowercase()
}

/// Returns the words in the name of a metric.
fn words(key: &str) -> impl Iterator<Item = &str> {
    key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
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
    #[test]
    fn loss_is_recognised_by_the_last_word_of_its_name() {
        let directions = Directions::default().declare("amp/loss_scale", true);
        for name in ["loss", "train/loss", "val_loss{subset=a}", "Train.Loss", "eval-ppl", "test/nll"] {
            assert_eq!(directions.declared_or_loss(name), Some(false), "{name}");
        }
        for name in ["loss_scale", "loss_weight", "neg_log_loss", "negative/loss", "lossless", "lr", ""] {
            assert_eq!(directions.declared_or_loss(name), None, "{name}");
        }
        assert_eq!(directions.declared_or_loss("amp/loss_scale"), Some(true));
    }
}
