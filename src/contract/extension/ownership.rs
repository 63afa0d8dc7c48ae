//! Owners of namespaces.

use crate::contract::error::code::ErrorCode;
use crate::contract::words::words;

words! {
    /// The class of the owner of a namespace.
    ExtensionOwnership, "an ownership class", ErrorCode::RegistryOwnership, {
        /// contexta itself: `contexta.`
        Core = "core",
        /// A compatibility layer for older data: `compat.`
        Compat = "compat",
        /// An adapter to another tool: `adapter.`
        Adapter = "adapter",
        /// A bridge between tools: `bridge.`
        Bridge = "bridge",
        /// A plugin: `plugin.`
        Plugin = "plugin",
        /// Any other owner: no reserved first segment.
        Private = "private",
    }
}

/// The owner of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionOwner {
    /// The class of the owner, which decides the first segment of the namespace.
    pub class: ExtensionOwnership,
    /// The name of the owner: lower-case letters, digits and `-`.
    pub slug: String,
}

impl ExtensionOwner {
    /// Creates an owner of this class and name.
    pub fn new(class: ExtensionOwnership, slug: &str) -> ExtensionOwner {
        ExtensionOwner { class, slug: slug.to_owned() }
    }
}
