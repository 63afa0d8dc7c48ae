//! Owners of namespaces.

use crate::contract::error::code::ErrorCode;
use crate::contract::words::words;

words! {
    /// The class of the owner of a namespace.
    ExtensionOwnership, "an ownership class", ErrorCode::RegistryOwnership, {
        /// contexta itself. Its namespaces begin with `contexta.`
        Core = "core",
        /// A compatibility layer for older data. Its namespaces begin with `compat.`
        Compat = "compat",
        /// An adapter to another tool. Its namespaces begin with `adapter.`
        Adapter = "adapter",
        /// A bridge between tools. Its namespaces begin with `bridge.`
        Bridge = "bridge",
        /// A plugin. Its namespaces begin with `plugin.`
        Plugin = "plugin",
        /// Any other owner, such as a user. Its namespaces do not begin with a word that is reserved for another class.
        Private = "private",
    }
}

/// The owner of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionOwner {
    /// The class of the owner. It determines the first words that the namespace may have.
    pub class: ExtensionOwnership,
    /// The name of the owner: a lower-case letter, then lower-case letters, digits and `-`.
    pub slug: String,
}

impl ExtensionOwner {
    /// Creates an owner of this class and name.
    pub fn new(class: ExtensionOwnership, slug: &str) -> ExtensionOwner {
        ExtensionOwner { class, slug: slug.to_owned() }
    }
}
