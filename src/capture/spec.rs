//! The descriptions of scopes to open: name and metadata.

use crate::contract::Value;
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

from_text!(ScopeSpec, SampleSpec);
