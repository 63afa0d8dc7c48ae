//! [`MetricSeries`], the handle of a series of metric points.

use crate::capture::emission::Step;
use crate::capture::error::{Error, Result};
use crate::capture::prepared::Prepared;
use crate::capture::result::{BatchCaptureResult, CaptureResult};
use crate::capture::scope::Scope;
use crate::capture::spec::SeriesSpec;
use crate::contract::MetricValue;
use std::sync::Arc;

/// The handle of a series of metric points in a scope. It captures points as [`RunScope::emit`] captures metrics with the
/// same members, but checks, redacts and encodes the members only once. Capturing a point allocates no memory, unless the
/// session has sinks or members were redacted. Each result names the redacted members.
///
/// A clone is a handle of the same series, and a series is a handle of its scope. A point of a scope that has ended is
/// refused.
///
/// [`RunScope::emit`]: crate::capture::RunScope::emit
#[derive(Debug, Clone)]
#[must_use = "a series without points is not recorded"]
pub struct MetricSeries {
    scope: Arc<Scope>,
    prepared: Arc<Prepared>,
}

impl MetricSeries {
    /// Prepares a series of the scope. Errors: the scope has ended, is a deployment without a run, or the key breaks a
    /// rule.
    pub(super) fn new(scope: &Arc<Scope>, spec: SeriesSpec) -> Result<MetricSeries> {
        let prepared = Arc::new(scope.prepare(spec.emission)?);
        Ok(MetricSeries { scope: Arc::clone(scope), prepared })
    }

    /// Returns the key of the metric.
    pub fn key(&self) -> &str {
        &self.prepared.emission.key
    }

    /// Captures a point without a step.
    pub fn point(&self, value: impl Into<MetricValue>) -> Result<CaptureResult> {
        self.scope.point(&self.prepared, None, value.into())
    }

    /// Captures a point of a training step.
    pub fn point_at(&self, step: impl Into<Step>, value: impl Into<MetricValue>) -> Result<CaptureResult> {
        self.scope.point(&self.prepared, Some(step.into().0), value.into())
    }

    /// Captures points in one commit: all of them or none. All points have the same time of observation. Errors: the
    /// numbers of steps and values differ, for example because the steps are an open range, or there are more points than
    /// fit into one commit.
    pub fn extend<S: Into<Step>, V: Into<MetricValue>>(
        &self,
        steps: impl IntoIterator<Item = S>,
        values: impl IntoIterator<Item = V>,
    ) -> Result<BatchCaptureResult> {
        let (mut steps, mut values) = (steps.into_iter(), values.into_iter());
        let mut points = Vec::new();
        loop {
            match (values.next(), steps.next()) {
                (Some(value), Some(step)) => points.push((Some(step.into().0), value.into())),
                (None, None) => return self.scope.points(&self.prepared, points),
                (value, _) => {
                    let (pairs, more) = (points.len(), if value.is_some() { "values" } else { "steps" });
                    return Err(Error::StepsAndValues { pairs, more });
                }
            }
        }
    }
}
