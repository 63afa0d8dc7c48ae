//! Checks of the namespaces of extensions, and of field keys.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::rules::token::{EXT_KEY, EXT_NAMESPACE};

/// The greatest length of a namespace in bytes.
pub const NAMESPACE_LEN_MAX: usize = 128;

/// The first words of namespaces that are reserved for owners of a class other than
/// [`Private`](crate::contract::ExtensionOwnership::Private).
pub(super) const RESERVED: &[&str] = &["contexta", "compat", "adapter", "bridge", "plugin"];

pub(super) fn check_namespace(text: &str) -> Result<()> {
    if text.len() <= NAMESPACE_LEN_MAX && text.contains('.') && EXT_NAMESPACE.matches(text) {
        return Ok(());
    }
    let message = format!(
        "{text:?} is not a namespace; expected two or more lower-case words joined by dots, at most 128 characters"
    );
    Err(ContractError::field(ErrorCode::ExtensionNamespace, "namespace", message))
}

pub(super) fn check_key(field: &str, key: &str) -> Result<()> {
    if EXT_KEY.matches(key) {
        return Ok(());
    }
    let message = format!(
        "{key:?} is not a field key; expected a lower-case letter, then lower-case letters, digits and _"
    );
    Err(ContractError::field(ErrorCode::ExtensionFieldKey, field, message))
}
