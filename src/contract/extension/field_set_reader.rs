//! The reader of a field set in JSON.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::Value;
use crate::contract::model::field::Field;
use crate::contract::model::members::refuse_unknown;
use crate::contract::version::{SCHEMA_VERSION, is_newer};
use std::collections::BTreeSet;

impl ExtensionFieldSet {
    /// Reads a field set from a value. Errors: the first broken rule.
    pub fn from_value(value: Value) -> Result<ExtensionFieldSet> {
        ExtensionFieldSet::from_value_of(value, SCHEMA_VERSION)
    }

    /// Reads a field set of a model whose schema version is `version`. If `version` is a newer minor version, unknown
    /// members of the set are kept; otherwise they are errors.
    pub(crate) fn from_value_of(value: Value, version: &str) -> Result<ExtensionFieldSet> {
        let mut issues = Issues::default();
        let set = issues.with_newer(is_newer(version), |i| ExtensionFieldSet::read_value(value, i));
        issues.into_result()?;
        set.ok_or_else(|| ContractError::new(ErrorCode::JsonShape, "not an extension field set"))
    }

    fn read_value(value: Value, issues: &mut Issues) -> Option<ExtensionFieldSet> {
        let Value::Map(mut members) = value else {
            issues.error(ErrorCode::JsonShape, "", format!("{} is not {}", value.type_name(), Self::NAME));
            return None;
        };
        refuse_unknown(Self::NAME, &members, &[Self::KNOWN], issues);
        let mut needed = |name: &str| {
            let member = members.remove(name);
            if member.is_none() && name != "readonly_fields" {
                issues.error(ErrorCode::MissingField, name, format!("the member {name} is missing"));
            }
            member
        };
        let (namespace, fields, readonly) =
            (needed("namespace"), needed("fields"), needed("readonly_fields"));
        let namespace = match namespace? {
            Value::Text(text) => Some(text),
            other => {
                let message = format!("{} is not a namespace", other.type_name());
                issues.error(ErrorCode::ExtensionNamespace, "namespace", message);
                None
            }
        };
        let fields = match fields? {
            Value::Map(fields) => Some(fields),
            other => {
                let message = format!("expected an object, found {}", other.type_name());
                issues.error(ErrorCode::ExtensionFields, "fields", message);
                None
            }
        };
        let readonly_fields = match readonly {
            None => Some(BTreeSet::new()),
            Some(Value::List(keys)) => {
                let texts = keys.iter().map(|k| k.as_str().map(str::to_owned));
                texts.collect::<Option<BTreeSet<String>>>().or_else(|| {
                    issues.error(ErrorCode::ExtensionFieldKey, "readonly_fields", "a key is not a text");
                    None
                })
            }
            Some(other) => {
                let message = format!("expected a list, found {}", other.type_name());
                issues.error(ErrorCode::MissingField, "readonly_fields", message);
                None
            }
        };
        Some(ExtensionFieldSet {
            namespace: namespace?,
            fields: fields?,
            readonly_fields: readonly_fields?,
            unknown: members,
        })
        .map(|mut set| {
            // The fields are checked here, because a model checks only the namespaces and the unknown members of sets.
            set.normalize(issues);
            set
        })
    }
}

impl Field for ExtensionFieldSet {
    const CODE: ErrorCode = ErrorCode::JsonShape;

    fn read(value: Value, _: ErrorCode, issues: &mut Issues) -> Option<ExtensionFieldSet> {
        ExtensionFieldSet::read_value(value, issues)
    }

    fn write(&self) -> Value {
        self.to_value()
    }
}
