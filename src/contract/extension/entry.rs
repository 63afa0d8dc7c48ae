//! The entry of one namespace in the registry of extensions.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::extension::namespace::{RESERVED, check_key, check_namespace};
use crate::contract::extension::ownership::{ExtensionOwner, ExtensionOwnership};
use crate::contract::extension::target::ExtensionTarget;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::Value;
use crate::contract::rules::token::{EXT_KEY, LOWER_SNAKE, OWNER};
use crate::contract::space::trim;
use std::collections::{BTreeMap, BTreeSet};

/// The entry of one namespace in the registry of extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionRegistryEntry {
    pub(super) namespace: String,
    ownership_class: ExtensionOwnership,
    pub(super) owner_slug: String,
    status: String,
    pub(super) target_models: BTreeSet<ExtensionTarget>,
    pub(super) readonly_fields: BTreeSet<String>,
    pub(super) field_specs: Option<BTreeMap<String, String>>,
    notes: Option<String>,
}

impl ExtensionRegistryEntry {
    /// Creates an entry with status `active`: a namespace, the owner of the namespace, and the models on which the
    /// namespace is allowed. Errors: an invalid namespace or owner, a namespace that the class of the owner does not
    /// allow, or no model.
    pub fn new(
        namespace: &str,
        owner: ExtensionOwner,
        target_models: impl IntoIterator<Item = ExtensionTarget>,
    ) -> Result<ExtensionRegistryEntry> {
        let ExtensionOwner { class: ownership_class, slug: owner_slug } = owner;
        check_namespace(namespace)?;
        let first = namespace.split('.').next().unwrap_or_default();
        let allowed = match ownership_class {
            ExtensionOwnership::Private => !RESERVED.contains(&first),
            ExtensionOwnership::Core => first == "contexta",
            class => first == class.as_str(),
        };
        if !allowed {
            let message = format!(
                "{namespace} cannot be a namespace of class {ownership_class}, because of its first word {first:?}"
            );
            return Err(ContractError::field(ErrorCode::RegistryNamespace, "namespace", message));
        }
        if !OWNER.matches(&owner_slug) {
            let message = format!(
                "{owner_slug:?} is not an owner; expected a lower-case letter, then lower-case letters, digits and -"
            );
            return Err(ContractError::field(ErrorCode::RegistryOwner, "owner_slug", message));
        }
        let target_models: BTreeSet<ExtensionTarget> = target_models.into_iter().collect();
        if target_models.is_empty() {
            let message = "the list of models is empty; name at least one model";
            return Err(ContractError::field(ErrorCode::RegistryTargets, "target_models", message));
        }
        Ok(ExtensionRegistryEntry {
            namespace: namespace.to_owned(),
            ownership_class,
            owner_slug,
            status: "active".to_owned(),
            target_models,
            readonly_fields: BTreeSet::new(),
            field_specs: None,
            notes: None,
        })
    }

    /// Sets the status, such as `active`. Errors: the status is not a lower-case letter followed by lower-case letters,
    /// digits and `_`.
    pub fn status(mut self, status: &str) -> Result<ExtensionRegistryEntry> {
        if !LOWER_SNAKE.matches(status) {
            let message = format!(
                "{status:?} is not a status; expected a lower-case letter, then lower-case letters, digits and _"
            );
            return Err(ContractError::field(ErrorCode::RegistryStatus, "status", message));
        }
        self.status = status.to_owned();
        Ok(self)
    }

    /// Declares all fields of the namespace, each with key and type. The types `text`, `int`, `float`, `bool`, `list`,
    /// `map` and `any` are checked; other type names are documentation only. Errors: an invalid key, a blank type, or a
    /// read-only field that is not declared.
    pub fn field_specs(
        mut self,
        specs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<ExtensionRegistryEntry> {
        let fail = |message| ContractError::field(ErrorCode::RegistrySpecs, "field_specs", message);
        let mut normalized = BTreeMap::new();
        for (key, spec) in specs {
            let spec = trim(&spec);
            if !EXT_KEY.matches(&key) || spec.is_empty() {
                return Err(fail(format!("the key {key:?} is invalid, or its type is blank")));
            }
            normalized.insert(key, spec.to_owned());
        }
        self.field_specs = Some(normalized);
        self.check_readonly()
    }

    /// Sets the keys of the read-only fields. [`Readonly`](crate::contract::Readonly) describes the changes that are
    /// allowed. Errors: a key that is invalid, or that is not declared although the entry declares fields.
    pub fn readonly_fields(
        mut self,
        keys: impl IntoIterator<Item = String>,
    ) -> Result<ExtensionRegistryEntry> {
        self.readonly_fields = keys.into_iter().collect();
        for key in &self.readonly_fields {
            check_key("readonly_fields", key)?;
        }
        self.check_readonly()
    }

    fn check_readonly(self) -> Result<ExtensionRegistryEntry> {
        let Some(specs) = &self.field_specs else { return Ok(self) };
        match self.readonly_fields.iter().find(|key| !specs.contains_key(*key)) {
            None => Ok(self),
            Some(key) => {
                let message = format!("the read-only field {key} is not among the declared fields");
                Err(ContractError::field(ErrorCode::RegistryReadonly, "readonly_fields", message))
            }
        }
    }

    /// Sets the notes for people. A blank text removes the notes.
    pub fn notes(mut self, notes: &str) -> ExtensionRegistryEntry {
        self.notes = Some(trim(notes).to_owned()).filter(|n| !n.is_empty());
        self
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the name of the owner.
    pub fn owner_slug(&self) -> &str {
        &self.owner_slug
    }

    /// Returns the class of the owner.
    pub fn ownership_class(&self) -> ExtensionOwnership {
        self.ownership_class
    }
}

impl Canonical for ExtensionRegistryEntry {
    fn to_value(&self) -> Value {
        Value::map([
            ("namespace", self.namespace.as_str().into()),
            ("ownership_class", self.ownership_class.into()),
            ("owner_slug", self.owner_slug.as_str().into()),
            ("status", self.status.as_str().into()),
            ("target_models", Value::list(self.target_models.iter().copied())),
            ("readonly_fields", Value::list(self.readonly_fields.iter().map(String::as_str))),
            ("field_specs", self.field_specs.clone().map(Value::from).into()),
            ("notes", self.notes.clone().into()),
        ])
    }
}
