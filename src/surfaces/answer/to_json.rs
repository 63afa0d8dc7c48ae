//! The conversion of the parts of answers to JSON.

use crate::contract::json::non_finite;
use crate::contract::{
    ArtifactRef, EnvironmentRef, MetricValue, RunRef, Severity, StableRef, StageRef, Timestamp, Value,
};
use crate::interpretation::{CompletenessNote, EvidenceLink, Note};
use crate::surfaces::answer::parts;
use std::collections::BTreeMap;

/// A part of an answer that has a JSON form.
pub(super) trait ToJson {
    fn json(&self) -> Value;
}

/// Implements [`ToJson`] for types that convert to a JSON value.
macro_rules! converted {
    ($($type:ty),*) => {$(
        impl ToJson for $type {
            fn json(&self) -> Value {
                self.clone().into()
            }
        }
    )*};
}

converted!(bool, u64, usize, i64, String, MetricValue);

/// Implements [`ToJson`] for types whose JSON form is their text form.
macro_rules! texts {
    ($($type:ty),*) => {$(
        impl ToJson for $type {
            fn json(&self) -> Value {
                Value::text(self)
            }
        }
    )*};
}

texts!(Timestamp, StableRef, RunRef, StageRef, ArtifactRef, EnvironmentRef, str);

/// A number that is not finite has no JSON form and becomes the text `NaN`, `Infinity` or `-Infinity`.
impl ToJson for f64 {
    fn json(&self) -> Value {
        non_finite::text_of(*self).map_or(Value::Float(*self), Value::from)
    }
}

impl ToJson for Value {
    fn json(&self) -> Value {
        self.clone()
    }
}

impl ToJson for Severity {
    fn json(&self) -> Value {
        self.as_str().into()
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn json(&self) -> Value {
        (*self).json()
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::json)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn json(&self) -> Value {
        Value::List(self.iter().map(T::json).collect())
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn json(&self) -> Value {
        Value::List(self.iter().map(T::json).collect())
    }
}

impl<T: ToJson> ToJson for BTreeMap<String, T> {
    fn json(&self) -> Value {
        Value::Map(self.iter().map(|(key, value)| (key.clone(), value.json())).collect())
    }
}

impl ToJson for Note {
    fn json(&self) -> Value {
        parts::note(self)
    }
}

/// Creates a JSON object. A member is the name of a field of `$part`, or a name with an expression.
macro_rules! object {
    (@value $part:ident $name:ident) => { $crate::surfaces::answer::to_json::ToJson::json(&$part.$name) };
    (@value $part:ident $name:ident $value:expr) => { $crate::surfaces::answer::to_json::ToJson::json(&$value) };
    ($part:ident; $($name:ident $(: $value:expr)?),* $(,)?) => {
        $crate::contract::Value::map([$((
            stringify!($name),
            $crate::surfaces::answer::to_json::object!(@value $part $name $($value)?),
        )),*])
    };
}

pub(super) use object;

impl ToJson for EvidenceLink {
    fn json(&self) -> Value {
        Value::map([("kind", self.kind.json()), ("ref", self.subject.json()), ("label", self.label.json())])
    }
}

impl ToJson for CompletenessNote {
    fn json(&self) -> Value {
        let none: Vec<EvidenceLink> = Vec::new();
        object!(self; severity, summary, details, evidence_links: none)
    }
}
