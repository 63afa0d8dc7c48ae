//! Closed sets of the contract as one byte: the index of a value in its set.
//!
//! These numbers are in the payloads of logs. New values are appended to a set, and no value is moved.

use crate::contract::{
    AggregationScope, Completeness, Degradation, DegradedCategory, DegradedSeverity, EventLevel, Origin,
    RunStatus, SpanKind, SpanStatus,
};
use crate::projections::payload::convert::{Result, broken};

macro_rules! codes {
    ($($name:ident),*) => {$(
        impl Code for $name {
            fn all() -> &'static [$name] { $name::ALL }
        }
    )*};
}

/// A value of a closed set that payloads store as its index in the set.
pub(super) trait Code: Copy + PartialEq + 'static {
    /// Returns all values of the set.
    fn all() -> &'static [Self];

    /// Returns the number of this value.
    fn byte(self) -> u8 {
        Self::all().iter().position(|value| *value == self).unwrap_or(0) as u8
    }

    /// Returns the value with this number.
    fn of(byte: u8) -> Result<Self> {
        let value = Self::all().get(usize::from(byte)).copied();
        value.ok_or_else(|| broken(format!("{byte} is not the number of a value of its set")))
    }
}

codes!(
    RunStatus,
    Completeness,
    Degradation,
    Origin,
    EventLevel,
    AggregationScope,
    SpanStatus,
    SpanKind,
    DegradedCategory,
    DegradedSeverity
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_numbers() {
        fn of<W: Code + std::fmt::Display>() -> String {
            let values: Vec<String> = W::all().iter().map(ToString::to_string).collect();
            values.join(" ")
        }
        assert_eq!(of::<RunStatus>(), "open completed failed cancelled");
        assert_eq!(of::<Completeness>(), "complete partial sampled absent unknown");
        assert_eq!(of::<Degradation>(), "none partial_failure capture_gap import_loss compatibility_upgrade");
        assert_eq!(
            of::<Origin>(),
            "explicit_capture assisted_capture wrapped_capture imported inferred replayed"
        );
        assert_eq!(of::<EventLevel>(), "debug info warning error critical");
        assert_eq!(of::<AggregationScope>(), "run stage operation step slice");
        assert_eq!(of::<DegradedCategory>(), "capture store import compatibility verification recovery");
        assert_eq!(of::<DegradedSeverity>(), "warning error");
        assert_eq!(of::<SpanStatus>(), "ok error cancelled timeout");
        assert_eq!(of::<SpanKind>(), "operation internal io network process");
    }
}
