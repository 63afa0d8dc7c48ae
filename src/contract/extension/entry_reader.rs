//! The reader of a registry entry in JSON.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::extension::entry::ExtensionRegistryEntry;
use crate::contract::extension::ownership::ExtensionOwner;
use crate::contract::extension::target::ExtensionTarget;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Value;
use crate::contract::model::members::refuse_unknown;

impl ExtensionRegistryEntry {
    /// Reads an entry from a JSON object.
    pub fn from_value(value: &Value) -> Result<ExtensionRegistryEntry> {
        let shape = |message: String| ContractError::new(ErrorCode::JsonShape, message);
        let Value::Map(members) = value else {
            return Err(shape(format!("{} is not a registry entry", value.type_name())));
        };
        const KNOWN: &[&str] = &[
            "namespace",
            "ownership_class",
            "owner_slug",
            "status",
            "target_models",
            "readonly_fields",
            "field_specs",
            "notes",
        ];
        let mut issues = Issues::default();
        refuse_unknown("ExtensionRegistryEntry", members, &[KNOWN], &mut issues);
        issues.into_result()?;
        let text = |name: &str| {
            let member = members
                .get(name)
                .ok_or_else(|| ContractError::field(ErrorCode::MissingField, name, "is missing"))?;
            member.as_str().ok_or_else(|| {
                ContractError::field(
                    ErrorCode::JsonShape,
                    name,
                    format!("expected a text, found {}", member.type_name()),
                )
            })
        };
        let texts = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(list) => {
                let items = list.as_list().map(|items| items.iter().map(Value::as_str).collect());
                let items: Option<Option<Vec<&str>>> = items;
                items
                    .flatten()
                    .ok_or_else(|| ContractError::field(ErrorCode::JsonShape, name, "is not a list of texts"))
            }
        };
        let targets = texts("target_models")?.into_iter().map(str::parse::<ExtensionTarget>);
        let entry = ExtensionRegistryEntry::new(
            text("namespace")?,
            ExtensionOwner::new(text("ownership_class")?.parse()?, text("owner_slug")?),
            targets.collect::<Result<Vec<_>>>()?,
        )?;
        let entry = entry.status(text("status")?)?;
        let entry = match members.get("field_specs") {
            None | Some(Value::Null) => entry,
            Some(Value::Map(specs)) => {
                let spec = |(key, spec): (&String, &Value)| {
                    let text = spec.as_str().unwrap_or_default();
                    (key.clone(), text.to_owned())
                };
                entry.field_specs(specs.iter().map(spec))?
            }
            Some(other) => {
                let message = format!("expected an object, found {}", other.type_name());
                return Err(ContractError::field(ErrorCode::RegistrySpecs, "field_specs", message));
            }
        };
        let entry = entry.readonly_fields(texts("readonly_fields")?.into_iter().map(str::to_owned))?;
        Ok(match members.get("notes").and_then(Value::as_str) {
            Some(notes) => entry.notes(notes),
            None => entry,
        })
    }
}
