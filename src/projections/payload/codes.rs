//! Codes of the contract's enums, one byte each: the index of a value among all values of the enum.
//!
//! Payloads in logs contain the codes. New values are therefore added at the end of an enum, and no value changes its
//! place.

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

/// An enum whose values are stored in payloads as one byte: the index of the value in [`Code::all`].
pub(super) trait Code: Copy + PartialEq + 'static {
    /// Returns all values of the enum, in the order of their codes.
    fn all() -> &'static [Self];

    /// Returns the code of this value.
    fn byte(self) -> u8 {
        Self::all().iter().position(|value| *value == self).unwrap_or(0) as u8
    }

    /// Returns the value with this code.
    fn of(byte: u8) -> Result<Self> {
        let value = Self::all().get(usize::from(byte)).copied();
        value.ok_or_else(|| {
            let set = std::any::type_name::<Self>().rsplit("::").next().unwrap_or_default();
            broken(format!("{byte} is not a known code of {set}"))
        })
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
        assert_eq!(of::<SpanStatus>(), "ok error cancelled timeout unset");
        assert_eq!(of::<SpanKind>(), "operation internal io network process stage call");
    }
}
