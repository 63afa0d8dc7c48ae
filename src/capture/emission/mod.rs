//! Emissions: events, metrics, spans and degraded markers of user code, before a scope adds producer, run and time.
//!
//! Each emission is a model of the contract: it has a JSON form with a strict reader, so that emissions can also be
//! built from JSON.

mod artifact;
mod degraded;
mod event;
mod metric;
mod span;
mod step;

use crate::contract::issue::Issues;
use crate::contract::model::Model;
use crate::contract::{ContractError, ErrorCode, RecordType, Value};
pub use artifact::{ArtifactRegistration, ArtifactRole, IngestMode};
pub use degraded::DegradedEmission;
pub use event::EventEmission;
pub use metric::MetricEmission;
pub use span::SpanEmission;
pub use step::Step;

/// A record to capture.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Emission {
    /// An event.
    Event(EventEmission),
    /// A metric.
    Metric(MetricEmission),
    /// A span.
    Span(SpanEmission),
    /// A degraded marker.
    Degraded(DegradedEmission),
}

impl Emission {
    /// Returns the family of the record.
    pub fn family(&self) -> RecordType {
        match self {
            Emission::Event(_) => RecordType::Event,
            Emission::Metric(_) => RecordType::Metric,
            Emission::Span(_) => RecordType::Span,
            Emission::Degraded(_) => RecordType::Degraded,
        }
    }
}

/// Implements the conversions of each type of emission: into [`Emission`], and from JSON.
macro_rules! conversions {
    ($($name:ident $(=> $variant:ident)?),*) => {$(
        $(impl From<$name> for Emission {
            fn from(emission: $name) -> Emission {
                Emission::$variant(emission)
            }
        })?

        /// Reads the emission from a JSON object. Errors: the value is not an object, a required member is missing, a
        /// member is unknown, or a value breaks a rule.
        impl TryFrom<Value> for $name {
            type Error = ContractError;

            fn try_from(value: Value) -> Result<$name, ContractError> {
                read(value)
            }
        }
    )*};
}

conversions!(
    EventEmission => Event,
    MetricEmission => Metric,
    SpanEmission => Span,
    DegradedEmission => Degraded,
    ArtifactRegistration
);

fn read<M: Model>(value: Value) -> Result<M, ContractError> {
    let mut issues = Issues::default();
    let model = M::from_value(value, &mut issues);
    match model {
        Some(mut model) if !issues.has_errors() => {
            model.normalize(&mut issues);
            issues.into_result().map(|()| model)
        }
        _ => {
            let unreadable =
                ContractError::new(ErrorCode::JsonShape, format!("not an object of {}", M::NAME));
            issues.into_result().and(Err(unreadable))
        }
    }
}
