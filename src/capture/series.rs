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
/// same members, but checks, redacts and encodes the members only once. Capturing a point allocates no memory of its own,
/// unless sinks receive the points, or members were redacted, which each result states.
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
    /// numbers of steps and values differ, or there are more points than fit into one commit.
    pub fn extend<S: Into<Step>, V: Into<MetricValue>>(
        &self,
        steps: impl IntoIterator<Item = S>,
        values: impl IntoIterator<Item = V>,
    ) -> Result<BatchCaptureResult> {
        let mut values = values.into_iter().map(Into::into);
        let mut points = Vec::with_capacity(values.size_hint().0);
        let mut missing = 0;
        for step in steps {
            match values.next() {
                Some(value) => points.push((Some(step.into().0), value)),
                None => missing += 1,
            }
        }
        match (missing, values.count()) {
            (0, 0) => self.scope.points(&self.prepared, points),
            (missing, more) => {
                let (steps, values) = (points.len() + missing, points.len() + more);
                Err(Error::StepsAndValues { steps, values })
            }
        }
    }
}
