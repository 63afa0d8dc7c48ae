//! What all models have in common: one declaration of fields, from which follow the struct, its canonical JSON and
//! its strict reader.
//!
//! A field's type says how it stands in JSON ([`Field`]); the rules between fields are each model's own
//! ([`Rules`]). Reading notes every member that is wrong, not only the first.

use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::extension::ExtensionTarget;
use crate::contract::issue::{Issues, ValidationReport};
use crate::contract::json::{Canonical, Value, read};
use crate::contract::refs::StableRef;
use crate::contract::rules::{Rules, Valid, is_newer, trim};
use crate::contract::time::Timestamp;
use std::collections::BTreeMap;

/// The members of an object.
pub type Members = BTreeMap<String, Value>;

/// A canonical model.
pub trait Model: Rules + Canonical + Sized {
    /// The model's name, as errors write it.
    const NAME: &'static str;
    /// Which extensions may stand on it; `None`: none.
    const TARGET: Option<ExtensionTarget> = None;
    /// Where its extensions stand.
    const EXTENSIONS_AT: &'static str = "$.extensions";

    /// Reads the object. Every member that is wrong is noted; with an error there is no model. The rules between members
    /// are not checked here.
    fn from_members(members: Members, issues: &mut Issues) -> Option<Self>;

    /// Reads the object from a value.
    fn from_value(value: Value, issues: &mut Issues) -> Option<Self> {
        match value {
            Value::Map(members) => Self::from_members(members, issues),
            other => {
                let message = format!("{} is not {}", other.sort(), Self::NAME);
                issues.error(ErrorCode::JsonShape, "", message);
                None
            }
        }
    }

    /// Warnings: what is usable but not as it should be, also of a model whose rules do not hold.
    fn warn(&self, _issues: &mut Issues) {}

    /// The extension field sets on it, where it can have any.
    fn extensions(&self) -> &[crate::contract::extension::ExtensionFieldSet] {
        &[]
    }
}

/// Reads a model from a value, with every issue.
pub fn from_value<M: Model>(value: Value) -> std::result::Result<Valid<M>, ValidationReport> {
    let mut issues = Issues::default();
    match M::from_value(value, &mut issues) {
        Some(model) if !issues.has_errors() => Valid::check(model),
        _ => Err(issues.into_report()),
    }
}

/// The value that a text holds, for reading a model from it.
pub(crate) fn parse_for(name: &str, text: &str) -> Result<Value> {
    if trim(text).is_empty() {
        return Err(ContractError::new(ErrorCode::JsonBlank, format!("no {name}: there is nothing to read")));
    }
    read::parse(text)
}

/// How a field's type stands in JSON.
pub(crate) trait Field: Sized {
    /// The code for a value that is not of this type, where the field has no other.
    const CODE: ErrorCode;

    /// Reads the value; `None` after an error was noted.
    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Self>;

    /// The value; null is left out.
    fn write(&self) -> Value;

    /// As [`Field::write`], with null for what is empty: fields that the reference's objects do not have.
    fn write_sparse(&self) -> Value {
        match self.write() {
            Value::Map(members) if members.is_empty() => Value::Null,
            Value::List(items) if items.is_empty() => Value::Null,
            value => value,
        }
    }
}

fn wrong<T>(value: &Value, wanted: &str, code: ErrorCode, issues: &mut Issues) -> Option<T> {
    issues.error(code, "", format!("{} where {wanted} must stand", value.sort()));
    None
}

/// Takes a member; one that is not there is what `absent` says, or else missing.
pub(crate) fn take<T: Field>(
    members: &mut Members,
    name: &'static str,
    code: ErrorCode,
    absent: Option<T>,
    issues: &mut Issues,
) -> Option<T> {
    match (members.remove(name), absent) {
        (Some(value), _) => issues.within(name, |issues| T::read(value, code, issues)),
        (None, None) => {
            issues.error(ErrorCode::MissingField, name, format!("{name} is missing"));
            None
        }
        (None, absent) => absent,
    }
}

/// Whether the members are of a newer minor version than this build's.
pub(crate) fn are_newer(members: &Members) -> bool {
    members.get("schema_version").and_then(Value::as_str).is_some_and(is_newer)
}

/// Notes members that this version of the schema does not have; a newer one may have them.
pub(crate) fn refuse_unknown(model: &str, members: &Members, known: &[&[&str]], issues: &mut Issues) {
    if issues.is_newer() {
        return;
    }
    let is_known = |key: &String| known.iter().any(|names| names.contains(&key.as_str()));
    let unknown: Vec<&str> = members.keys().filter(|key| !is_known(key)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let message = format!("{model} has no member {}", unknown.join(", "));
        issues.error(ErrorCode::UnknownField, "", message);
    }
}

/// What a model keeps of a newer minor version must be neither of our own version nor one of its known members.
pub(crate) fn settle_unknown(model: &str, unknown: &mut Members, known: &[&str], issues: &mut Issues) {
    if unknown.is_empty() {
        return;
    }
    refuse_unknown(model, unknown, &[], issues);
    for (name, value) in unknown.iter_mut() {
        if known.contains(&name.as_str()) {
            issues.error(ErrorCode::UnknownField, "", format!("{name} is a known member of {model}"));
        }
        crate::contract::rules::json_value(issues, name, value);
    }
    unknown.retain(|_, value| *value != Value::Null);
}

impl Field for String {
    const CODE: ErrorCode = ErrorCode::String;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<String> {
        match value {
            Value::Text(text) => Some(text),
            other => wrong(&other, "a text", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Field for Timestamp {
    const CODE: ErrorCode = ErrorCode::Timestamp;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Timestamp> {
        match value {
            Value::Text(text) => issues.take("", Timestamp::parse(trim(&text))),
            other => wrong(&other, "a time", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::text(self)
    }
}

impl Field for u64 {
    const CODE: ErrorCode = ErrorCode::OrderIndex;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<u64> {
        let number = match &value {
            Value::Int(n) => u64::try_from(*n).ok(),
            Value::Big(digits) => digits.parse().ok(),
            _ => None,
        };
        number.or_else(|| wrong(&value, "a whole number from 0 to 2^64 - 1", code, issues))
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl Field for i64 {
    const CODE: ErrorCode = ErrorCode::MetricStep;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<i64> {
        match value {
            Value::Int(n) => Some(n),
            other => wrong(&other, "a whole number of 64 bits", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::Int(*self)
    }
}

impl<T: Field> Field for Option<T> {
    const CODE: ErrorCode = T::CODE;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Option<T>> {
        match value {
            Value::Null => Some(None),
            value => T::read(value, code, issues).map(Some),
        }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::write)
    }
}

impl<T: Field> Field for Vec<T> {
    const CODE: ErrorCode = T::CODE;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Vec<T>> {
        let items = match value {
            Value::Null => Vec::new(),
            Value::List(items) => items,
            other => return wrong(&other, "a list", ErrorCode::JsonShape, issues),
        };
        let count = items.len();
        let read = |(n, item)| issues.at_index(n, |issues| T::read(item, code, issues));
        let read: Vec<T> = items.into_iter().enumerate().filter_map(read).collect();
        (read.len() == count).then_some(read)
    }

    fn write(&self) -> Value {
        Value::List(self.iter().map(Field::write).collect())
    }
}

impl Field for BTreeMap<String, String> {
    const CODE: ErrorCode = ErrorCode::Mapping;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<BTreeMap<String, String>> {
        let members = match value {
            Value::Null => Members::new(),
            Value::Map(members) => members,
            other => return wrong(&other, "an object of texts", code, issues),
        };
        let mut texts = BTreeMap::new();
        let mut wrong = false;
        for (key, value) in members {
            match value {
                Value::Text(text) => drop(texts.insert(key, text)),
                other => {
                    wrong = true;
                    issues.error(code, "", format!("{} as the value of {key:?}, not a text", other.sort()));
                }
            }
        }
        (!wrong).then_some(texts)
    }

    fn write(&self) -> Value {
        Value::from(self.clone())
    }
}

impl Field for Members {
    const CODE: ErrorCode = ErrorCode::RecordMapping;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<Members> {
        match value {
            Value::Null => Some(Members::new()),
            Value::Map(members) => Some(members),
            other => wrong(&other, "an object", code, issues),
        }
    }

    fn write(&self) -> Value {
        Value::Map(self.clone())
    }
}

/// A ref in a field: text, of the right shape and kind.
pub(crate) fn read_ref<R>(
    value: &Value,
    code: ErrorCode,
    issues: &mut Issues,
    into: impl FnOnce(StableRef) -> Result<R>,
) -> Option<R> {
    match value.as_str() {
        Some(text) => issues.take("", StableRef::parse(text).and_then(into)),
        None => wrong(value, "a ref", code, issues),
    }
}

impl Field for StableRef {
    const CODE: ErrorCode = ErrorCode::Ref;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<StableRef> {
        read_ref(&value, code, issues, |any| any.check_shape().map(|()| any))
    }

    fn write(&self) -> Value {
        Value::from(self.as_str())
    }
}

/// Declares a model once: needed fields, then fields that have a default (`=`). `=> Code` is the code for a value of the
/// wrong type where the type's own does not fit; `; sparse` leaves an empty value out of the canonical text, for what the
/// reference's objects do not have.
macro_rules! model {
    (
        $(#[$doc:meta])*
        $name:ident ($text:literal) {
            $($(#[$ndoc:meta])* $need:ident: $nty:ty $(=> $ncode:ident)?,)*
        } or {
            $($(#[$mdoc:meta])* $may:ident: $mty:ty = $default:expr $(=> $mcode:ident)? $(; $sparse:ident)?,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$ndoc])* pub $need: $nty,)*
            $($(#[$mdoc])* pub $may: $mty,)*
            /// Members of a newer minor version of the schema, kept as they are.
            pub unknown: $crate::contract::model::Members,
        }

        impl $name {
            /// The model with these fields and the defaults of all others. [`crate::contract::Valid::new`] checks it.
            pub fn new($($need: impl Into<$nty>),*) -> $name {
                $name {
                    $($need: $need.into(),)*
                    $($may: $default,)*
                    unknown: Default::default(),
                }
            }

            /// The members that this version knows.
            pub(crate) const KNOWN: &'static [&'static str] = &[$(stringify!($need),)* $(stringify!($may),)*];

            /// Takes the known members; the others are left.
            pub(crate) fn take_members(
                members: &mut $crate::contract::model::Members,
                issues: &mut $crate::contract::issue::Issues,
            ) -> Option<$name> {
                use $crate::contract::model::take;
                $(
                    let code = $crate::contract::model::code_of!($nty $(, $ncode)?);
                    let $need = take::<$nty>(members, stringify!($need), code, None, issues);
                )*
                $(
                    let code = $crate::contract::model::code_of!($mty $(, $mcode)?);
                    let $may = take::<$mty>(members, stringify!($may), code, Some($default), issues);
                )*
                Some($name { $($need: $need?,)* $($may: $may?,)* unknown: Default::default() })
            }

            /// All members; those that are absent are null.
            pub(crate) fn put_members(&self, members: &mut $crate::contract::model::Members) {
                use $crate::contract::model::Field;
                members.extend(self.unknown.iter().map(|(k, v)| (k.clone(), v.clone())));
                $(members.insert(stringify!($need).to_owned(), self.$need.write());)*
                $(members.insert(
                    stringify!($may).to_owned(),
                    $crate::contract::model::write_of!(self.$may $(, $sparse)?),
                );)*
            }
        }

        impl $crate::contract::json::Canonical for $name {
            fn to_value(&self) -> $crate::contract::json::Value {
                let mut members = Default::default();
                self.put_members(&mut members);
                $crate::contract::json::Value::Map(members)
            }
        }
    };
}
pub(crate) use model;

macro_rules! code_of {
    ($ty:ty) => {
        <$ty as $crate::contract::model::Field>::CODE
    };
    ($ty:ty, $code:ident) => {
        $crate::contract::error::ErrorCode::$code
    };
}
pub(crate) use code_of;

macro_rules! write_of {
    ($place:expr) => {
        $place.write()
    };
    ($place:expr, sparse) => {
        $place.write_sparse()
    };
}
pub(crate) use write_of;

/// A model with a schema version and extensions of its own.
macro_rules! versioned {
    ($name:ident, $text:literal, $target:ident $(, $warns:ident)?) => {
        impl $crate::contract::model::Model for $name {
            const NAME: &'static str = $text;
            const TARGET: Option<$crate::contract::extension::ExtensionTarget> =
                Some($crate::contract::extension::ExtensionTarget::$target);

            fn from_members(
                mut members: $crate::contract::model::Members,
                issues: &mut $crate::contract::issue::Issues,
            ) -> Option<$name> {
                let newer = $crate::contract::model::are_newer(&members);
                issues.with_newer(newer, |issues| {
                    $crate::contract::model::refuse_unknown($text, &members, &[$name::KNOWN], issues);
                    let model = $name::take_members(&mut members, issues)?;
                    Some($name { unknown: members, ..model })
                })
            }

            $(fn warn(&self, issues: &mut $crate::contract::issue::Issues) {
                self.$warns(issues);
            })?

            fn extensions(&self) -> &[$crate::contract::extension::ExtensionFieldSet] {
                &self.extensions
            }
        }

        impl $crate::contract::rules::Rules for $name {
            fn settle(&mut self, issues: &mut $crate::contract::issue::Issues) {
                let newer = $crate::contract::rules::is_newer(&self.schema_version);
                issues.with_newer(newer, |issues| {
                    self.settle_fields(issues);
                    $crate::contract::rules::schema_version(issues, &mut self.schema_version);
                    $crate::contract::extension::settle_all(&mut self.extensions, issues);
                    $crate::contract::model::settle_unknown($text, &mut self.unknown, $name::KNOWN, issues);
                });
            }
        }
    };
}
pub(crate) use versioned;

/// A part of another model, of that model's version.
macro_rules! part {
    ($name:ident, $text:literal, $code:ident $(, $warns:ident)?) => {
        impl $crate::contract::model::Model for $name {
            const NAME: &'static str = $text;

            fn from_members(
                mut members: $crate::contract::model::Members,
                issues: &mut $crate::contract::issue::Issues,
            ) -> Option<$name> {
                $crate::contract::model::refuse_unknown($text, &members, &[$name::KNOWN], issues);
                let model = $name::take_members(&mut members, issues)?;
                Some($name { unknown: members, ..model })
            }

            $(fn warn(&self, issues: &mut $crate::contract::issue::Issues) {
                self.$warns(issues);
            })?
        }

        impl $crate::contract::rules::Rules for $name {
            fn settle(&mut self, issues: &mut $crate::contract::issue::Issues) {
                self.settle_fields(issues);
                $crate::contract::model::settle_unknown($text, &mut self.unknown, $name::KNOWN, issues);
            }
        }

        impl $crate::contract::model::Field for $name {
            const CODE: $crate::contract::error::ErrorCode = $crate::contract::error::ErrorCode::$code;

            fn read(
                value: $crate::contract::json::Value,
                code: $crate::contract::error::ErrorCode,
                issues: &mut $crate::contract::issue::Issues,
            ) -> Option<$name> {
                match value {
                    $crate::contract::json::Value::Map(members) => {
                        <$name as $crate::contract::model::Model>::from_members(members, issues)
                    }
                    other => {
                        issues.error(code, "", format!("{} where an object must stand", other.sort()));
                        None
                    }
                }
            }

            fn write(&self) -> $crate::contract::json::Value {
                $crate::contract::json::Canonical::to_value(self)
            }
        }
    };
}
pub(crate) use part;
