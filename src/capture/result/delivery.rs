//! The delivery of a payload to one sink.

use crate::capture::result::form::Form;
use crate::capture::result::status::{DeliveryStatus, PayloadFamily};
use crate::contract::{self, Members, Value};

/// The delivery of a payload to one sink.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The name of the sink.
    pub sink_name: String,
    /// The family of the payload.
    pub family: PayloadFamily,
    /// The status.
    pub status: DeliveryStatus,
    /// A text for people; empty if there is nothing to say.
    pub detail: String,
    /// Additional data. A failed delivery has `error_code`, `retryable` and `attempts`.
    pub metadata: Members,
}

impl Delivery {
    /// Creates a delivery without detail and additional data.
    pub fn new(sink_name: impl Into<String>, family: PayloadFamily, status: DeliveryStatus) -> Delivery {
        let (sink_name, detail) = (sink_name.into(), String::new());
        Delivery { sink_name, family, status, detail, metadata: Members::new() }
    }

    /// Sets the detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Delivery {
        self.detail = detail.into();
        self
    }

    /// Sets the additional data.
    #[must_use]
    pub fn metadata(mut self, metadata: Members) -> Delivery {
        self.metadata = metadata;
        self
    }

    /// Returns the object form.
    pub fn to_value(&self) -> Value {
        self.form().into_value()
    }

    /// Returns the object form as compact JSON, with the members in the order of the Python package. Errors: a number
    /// that is not finite.
    pub fn to_json(&self) -> contract::Result<String> {
        self.form().to_json()
    }

    pub(super) fn form(&self) -> Form {
        Form::Object(vec![
            ("sink_name", self.sink_name.as_str().into()),
            ("family", self.family.as_str().into()),
            ("status", self.status.as_str().into()),
            ("detail", self.detail.as_str().into()),
            ("metadata", Value::Map(self.metadata.clone()).into()),
        ])
    }
}
