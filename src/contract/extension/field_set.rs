//! A field set: the extension fields of a model that belong to one namespace.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::extension::namespace::{check_key, check_namespace};
use crate::contract::issue::collector::Issues;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::{Members, Value};
use crate::contract::model::members::{check_unknown, refuse_unknown};
use crate::contract::rules::object::json_value;
use std::collections::{BTreeMap, BTreeSet};

/// The rule for a change of read-only fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readonly {
    /// A change of a read-only field is an error.
    Kept,
    /// Read-only fields are changed like any other field.
    Overridden,
}

/// The extension fields of a model that belong to one namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtensionFieldSet {
    pub(super) namespace: String,
    pub(super) fields: Members,
    pub(super) readonly_fields: BTreeSet<String>,
    pub(super) unknown: Members,
}

impl ExtensionFieldSet {
    /// Creates a set of fields, some of them read-only. Errors: the first broken rule.
    pub fn new(
        namespace: &str,
        fields: impl IntoIterator<Item = (String, Value)>,
        readonly_fields: impl IntoIterator<Item = String>,
    ) -> Result<ExtensionFieldSet> {
        let mut issues = Issues::default();
        let mut set = ExtensionFieldSet {
            namespace: namespace.to_owned(),
            fields: fields.into_iter().collect(),
            readonly_fields: readonly_fields.into_iter().collect(),
            unknown: Members::new(),
        };
        set.normalize(&mut issues);
        issues.into_result().map(|()| set)
    }

    /// Checks the rules of a changed set and returns the set. A set with unknown members was read from a newer version
    /// of the schema, so these members are accepted. Errors: the first broken rule.
    fn checked(mut self) -> Result<ExtensionFieldSet> {
        let mut issues = Issues::default();
        issues.with_newer(!self.unknown.is_empty(), |issues| self.normalize(issues));
        issues.into_result().map(|()| self)
    }

    pub(super) fn normalize(&mut self, issues: &mut Issues) {
        issues.take("", check_namespace(&self.namespace));
        for (key, value) in &mut self.fields {
            issues.take("", check_key("fields", key));
            json_value(issues, "fields", Some(key), value);
        }
        // The canonical text contains no nulls, so a null would be missing after a round trip.
        self.fields.retain(|_, value| *value != Value::Null);
        if self.fields.is_empty() {
            issues.error(ErrorCode::ExtensionEmpty, "fields", "must have at least one field");
        }
        for key in &self.readonly_fields {
            issues.take("", check_key("readonly_fields", key));
        }
        issues.take("", self.check_readonly());
        check_unknown(Self::NAME, &mut self.unknown, Self::KNOWN, issues);
    }

    fn check_readonly(&self) -> Result<()> {
        let missing: Vec<&str> = self
            .readonly_fields
            .iter()
            .filter(|k| !self.fields.contains_key(*k))
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("there is no field {}", missing.join(", "));
        Err(ContractError::field(ErrorCode::ExtensionReadonly, "readonly_fields", message))
    }

    pub(super) const NAME: &'static str = "ExtensionFieldSet";
    pub(super) const KNOWN: &'static [&'static str] = &["namespace", "fields", "readonly_fields"];

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns all fields by key.
    pub fn fields(&self) -> &BTreeMap<String, Value> {
        &self.fields
    }

    /// Returns the value of a field; `None` if the set does not contain the field.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// Returns the keys of read-only fields.
    pub fn readonly_fields(&self) -> &BTreeSet<String> {
        &self.readonly_fields
    }

    /// Returns a copy of the set in which the fields with these keys are also read-only. Errors: the set has no field
    /// with one of the keys.
    pub fn with_readonly(&self, keys: impl IntoIterator<Item = String>) -> Result<ExtensionFieldSet> {
        let mut changed = self.clone();
        changed.readonly_fields.extend(keys);
        changed.checked()
    }

    /// Returns a copy of the set in which these fields are added or replaced. Errors: a broken rule, or
    /// `extension_readonly_conflict` if `updates` contains the key of a read-only field and `readonly` is
    /// [`Readonly::Kept`].
    pub fn merge(
        &self,
        updates: impl IntoIterator<Item = (String, Value)>,
        readonly: Readonly,
    ) -> Result<ExtensionFieldSet> {
        let updates: Members = updates.into_iter().collect();
        self.check_touched(updates.keys(), readonly)?;
        let mut changed = self.clone();
        changed.fields.extend(updates);
        changed.checked()
    }

    /// Returns a copy of the set without these fields. Keys that the set does not contain are ignored. Errors: a key is
    /// invalid, no field would remain, or one of the fields is read-only and `readonly` is [`Readonly::Kept`].
    pub fn without(&self, keys: &[&str], readonly: Readonly) -> Result<ExtensionFieldSet> {
        for key in keys {
            check_key("fields", key)?;
        }
        let gone: BTreeSet<String> = keys.iter().map(|k| (*k).to_owned()).collect();
        self.check_touched(gone.iter(), readonly)?;
        let mut changed = self.clone();
        changed.fields.retain(|k, _| !gone.contains(k));
        changed.readonly_fields.retain(|k| !gone.contains(k));
        changed.checked()
    }

    fn check_touched<'a>(&self, keys: impl Iterator<Item = &'a String>, readonly: Readonly) -> Result<()> {
        let touched: Vec<&str> =
            keys.filter(|k| self.readonly_fields.contains(*k)).map(String::as_str).collect();
        if touched.is_empty() || readonly == Readonly::Overridden {
            return Ok(());
        }
        let (namespace, fields) = (&self.namespace, touched.join(", "));
        let message = format!("read-only fields of namespace {namespace} cannot be changed: {fields}");
        Err(ContractError::field(ErrorCode::ExtensionConflict, "fields", message))
    }
}

impl Canonical for ExtensionFieldSet {
    fn to_value(&self) -> Value {
        let mut members = self.unknown.clone();
        members.insert("namespace".into(), self.namespace.as_str().into());
        members.insert("fields".into(), self.fields.clone().into());
        members
            .insert("readonly_fields".into(), Value::list(self.readonly_fields.iter().map(String::as_str)));
        Value::Map(members)
    }
}

/// Sorts the field sets of a model by namespace. Adds an error for a repeated namespace, and for unknown members unless
/// the model has a newer minor version of the schema.
pub(crate) fn normalize_sets(sets: &mut [ExtensionFieldSet], issues: &mut Issues) {
    if sets.is_empty() {
        return;
    }
    sets.sort_by(|a, b| a.namespace.cmp(&b.namespace));
    issues.within("extensions", |issues| {
        let mut before: Option<&str> = None;
        for (n, set) in sets.iter().enumerate() {
            if before == Some(&set.namespace) {
                let message = format!("{} occurs twice", set.namespace);
                issues.at_index(n, |issues| issues.error(ErrorCode::ExtensionDuplicate, "", message));
            }
            before = Some(&set.namespace);
            if !set.unknown.is_empty() {
                let known = ExtensionFieldSet::KNOWN;
                issues.at_index(n, |i| refuse_unknown(ExtensionFieldSet::NAME, &set.unknown, &[known], i));
            }
        }
    });
}
