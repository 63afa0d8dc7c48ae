//! The registry of extension namespaces.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::extension::entry::ExtensionRegistryEntry;
use crate::contract::extension::field_set::{ExtensionFieldSet, normalize_sets};
use crate::contract::extension::namespace::{RESERVED, check_namespace};
use crate::contract::extension::target::ExtensionTarget;
use crate::contract::issue::collector::Issues;
use crate::contract::issue::report::ValidationReport;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::read::parse_for;
use crate::contract::json::value::Value;
use std::collections::BTreeMap;

/// The entries of all registered namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtensionRegistry {
    entries: BTreeMap<String, ExtensionRegistryEntry>,
}

impl ExtensionRegistry {
    /// Creates a registry of these entries. Errors: two entries have the same namespace.
    pub fn new(entries: impl IntoIterator<Item = ExtensionRegistryEntry>) -> Result<ExtensionRegistry> {
        entries.into_iter().try_fold(ExtensionRegistry::default(), |registry, e| registry.register(e))
    }

    /// Reads a registry from a JSON list of entries.
    pub fn from_json(text: &str) -> Result<ExtensionRegistry> {
        match parse_for("ExtensionRegistry", text)? {
            Value::List(entries) => {
                let entries: Result<Vec<_>> =
                    entries.iter().map(ExtensionRegistryEntry::from_value).collect();
                ExtensionRegistry::new(entries?)
            }
            other => {
                let message = format!("{} is not a list of registry entries", other.type_name());
                Err(ContractError::new(ErrorCode::JsonShape, message))
            }
        }
    }

    /// Returns all entries by namespace.
    pub fn entries(&self) -> impl Iterator<Item = &ExtensionRegistryEntry> {
        self.entries.values()
    }

    /// Returns the entry of a namespace; `None` if the namespace is not registered. Errors: the text is not a
    /// namespace.
    pub fn get(&self, namespace: &str) -> Result<Option<&ExtensionRegistryEntry>> {
        check_namespace(namespace)?;
        Ok(self.entries.get(namespace))
    }

    /// Returns the entry of a namespace. Errors: the text is not a namespace, or the namespace is not registered.
    pub fn require(&self, namespace: &str) -> Result<&ExtensionRegistryEntry> {
        self.get(namespace)?.ok_or_else(|| {
            let message = format!("{namespace} is not registered");
            ContractError::field(ErrorCode::RegistryMissing, "namespace", message)
        })
    }

    /// Returns the registry with one more entry. Errors: the namespace of the entry is registered already.
    pub fn register(mut self, entry: ExtensionRegistryEntry) -> Result<ExtensionRegistry> {
        if self.entries.contains_key(&entry.namespace) {
            let message = format!("{} is registered already", entry.namespace);
            return Err(ContractError::field(ErrorCode::RegistryDuplicate, "namespace", message));
        }
        self.entries.insert(entry.namespace.clone(), entry);
        Ok(self)
    }

    /// Returns the name of the owner of a namespace; `None` if the namespace is not registered.
    pub fn owner_for(&self, namespace: &str) -> Option<&str> {
        self.entries.get(namespace).map(|e| e.owner_slug.as_str())
    }

    /// Tells whether a namespace is allowed on a model. A namespace that is not registered is not allowed.
    pub fn allows_target_model(&self, namespace: &str, target: ExtensionTarget) -> bool {
        self.entries.get(namespace).is_some_and(|e| e.target_models.contains(&target))
    }

    /// Returns a copy of the field set in which the fields that are read-only in the registry are also read-only.
    /// Errors: the namespace is not registered or not allowed on this model, or the set lacks a field that is read-only
    /// in the registry.
    pub fn resolve(&self, set: &ExtensionFieldSet, target: ExtensionTarget) -> Result<ExtensionFieldSet> {
        let entry = self.require(&set.namespace)?;
        if !entry.target_models.contains(&target) {
            let message = format!("{} is not registered for {target}", set.namespace);
            return Err(ContractError::field(ErrorCode::RegistryTargetMismatch, "namespace", message));
        }
        set.with_readonly(entry.readonly_fields.iter().cloned())
    }

    /// Returns the field sets of a model sorted by namespace, each as [`ExtensionRegistry::resolve`] returns it.
    /// Errors: those of `resolve`, or a repeated namespace.
    pub fn normalize(
        &self,
        sets: &[ExtensionFieldSet],
        target: ExtensionTarget,
    ) -> Result<Vec<ExtensionFieldSet>> {
        let mut sets = sets.to_vec();
        let mut issues = Issues::default();
        normalize_sets(&mut sets, &mut issues);
        issues.into_result()?;
        sets.iter().map(|set| self.resolve(set, target)).collect()
    }

    /// Returns every issue that the registry finds in a field set of a model.
    pub fn check(&self, set: &ExtensionFieldSet, target: ExtensionTarget) -> ValidationReport {
        let mut issues = Issues::default();
        let Some(entry) = self.entries.get(&set.namespace) else {
            let first = set.namespace.split('.').next().unwrap_or_default();
            let message = format!("{} is not registered", set.namespace);
            match RESERVED.contains(&first) {
                true => issues.error(ErrorCode::NamespaceUnregistered, "namespace", message),
                false => issues.warning(ErrorCode::NamespaceUnregistered, "namespace", message),
            }
            return issues.into_report();
        };
        if !entry.target_models.contains(&target) {
            let message = format!("{} is not registered for {target}", set.namespace);
            issues.error(ErrorCode::TargetMismatch, "namespace", message);
        }
        for key in entry.readonly_fields.iter().filter(|key| !set.fields.contains_key(*key)) {
            let message = format!("the read-only field {key} is missing");
            issues.error(ErrorCode::ExtensionReadonly, "readonly_fields", message);
        }
        for (key, value) in &set.fields {
            let Some(specs) = &entry.field_specs else { break };
            let at = format!("fields.{key}");
            match specs.get(key) {
                None => {
                    issues.error(ErrorCode::FieldUndeclared, &at, "the namespace does not declare this field")
                }
                Some(spec) if !fits(spec, value) => {
                    let message = format!("expected {spec} as declared, found {}", value.type_name());
                    issues.error(ErrorCode::FieldType, &at, message);
                }
                Some(_) => {}
            }
        }
        issues.into_report()
    }
}

/// Tells whether a value has the declared type. Only the type names listed here are checked; any other declaration
/// allows every value.
fn fits(spec: &str, value: &Value) -> bool {
    match spec {
        "text" => matches!(value, Value::Text(_)),
        "int" => matches!(value, Value::Int(_) | Value::Big(_)),
        "float" => matches!(value, Value::Int(_) | Value::Big(_) | Value::Float(_)),
        "bool" => matches!(value, Value::Bool(_)),
        "list" => matches!(value, Value::List(_)),
        "map" => matches!(value, Value::Map(_)),
        _ => true,
    }
}

impl Canonical for ExtensionRegistry {
    fn to_value(&self) -> Value {
        Value::List(self.entries.values().map(Canonical::to_value).collect())
    }
}

/// Compares a field set of a model with the registry and returns every issue. Without a registry, there are no issues.
pub fn validate_extension_field_set(
    set: &ExtensionFieldSet,
    target: ExtensionTarget,
    registry: Option<&ExtensionRegistry>,
) -> ValidationReport {
    registry.map_or_else(ValidationReport::ok, |registry| registry.check(set, target))
}
