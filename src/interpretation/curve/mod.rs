//! Operations on the curve of a metric: ranges of steps, selection of points, and smoothing.

pub mod ranges;
pub(super) mod sampling;
pub mod smoothing;

pub use ranges::StepRanges;
pub use smoothing::Smoothing;
