//! The descriptions of scopes to open, and of series of metric points.

use crate::capture::emission::MetricEmission;
use crate::contract::{AggregationScope, Value};
use std::collections::BTreeMap;

/// The description of a stage, batch or operation to open. A text is converted to a description with only a name.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct ScopeSpec {
    pub(super) name: String,
    pub(super) metadata: BTreeMap<String, Value>,
}

impl ScopeSpec {
    /// Describes a scope with this name, in any script.
    pub fn new(name: &str) -> ScopeSpec {
        ScopeSpec { name: name.to_owned(), metadata: BTreeMap::new() }
    }

    /// Adds a member to the metadata.
    pub fn metadata(mut self, key: &str, value: impl Into<Value>) -> ScopeSpec {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }
}

/// The description of a sample to open. A text is converted to a description with only a name.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct SampleSpec {
    pub(super) scope: ScopeSpec,
    pub(super) retention_class: Option<String>,
    pub(super) redaction_profile: Option<String>,
}

impl SampleSpec {
    /// Describes a sample with this name, in any script.
    pub fn new(name: &str) -> SampleSpec {
        SampleSpec { scope: ScopeSpec::new(name), retention_class: None, redaction_profile: None }
    }

    /// Adds a member to the metadata.
    pub fn metadata(mut self, key: &str, value: impl Into<Value>) -> SampleSpec {
        self.scope = self.scope.metadata(key, value);
        self
    }

    /// Sets the retention class: free text that is stored and shown.
    pub fn retention_class(mut self, class: &str) -> SampleSpec {
        self.retention_class = Some(class.to_owned());
        self
    }

    /// Sets the redaction profile: free text that is stored and shown.
    pub fn redaction_profile(mut self, profile: &str) -> SampleSpec {
        self.redaction_profile = Some(profile.to_owned());
        self
    }
}

/// The description of a series of metric points. A text is converted to a description with only a key. The members have
/// the meaning of those of [`MetricEmission`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct SeriesSpec {
    pub(super) emission: MetricEmission,
}

impl SeriesSpec {
    /// Describes the series of the metric with this key.
    pub fn new(key: &str) -> SeriesSpec {
        SeriesSpec { emission: MetricEmission::new(key, 0.0) }
    }

    /// Sets the unit of the values, such as `seconds`.
    pub fn unit(mut self, unit: &str) -> SeriesSpec {
        self.emission = self.emission.unit(unit);
        self
    }

    /// Sets the scope that each value describes; by default one training step.
    pub fn scope(mut self, scope: AggregationScope) -> SeriesSpec {
        self.emission = self.emission.scope(scope);
        self
    }

    /// Sets the way in which each value was summarised from several values: a lower-case word, such as `mean`. By
    /// default `raw_observation`.
    pub fn summary_basis(mut self, basis: &str) -> SeriesSpec {
        self.emission = self.emission.summary_basis(basis);
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, key: &str, value: &str) -> SeriesSpec {
        self.emission = self.emission.tag(key, value);
        self
    }
}

macro_rules! from_text {
    ($($spec:ident),*) => {$(
        impl From<&str> for $spec {
            fn from(name: &str) -> $spec {
                $spec::new(name)
            }
        }

        impl From<&String> for $spec {
            fn from(name: &String) -> $spec {
                $spec::new(name)
            }
        }

        impl From<String> for $spec {
            fn from(name: String) -> $spec {
                $spec::new(&name)
            }
        }
    )*};
}

from_text!(ScopeSpec, SampleSpec, SeriesSpec);
