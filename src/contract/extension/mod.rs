//! Extensions: additional fields of models, grouped by namespace, and the registry of namespaces.
//!
//! Without a registry, only the form of a field set is checked. With a registry, the namespace of a field set must be
//! registered for the model, and the fields must be declared if the registry entry declares any fields. An unregistered
//! namespace is an error if the first word of the namespace is reserved, such as `contexta`; any other unregistered
//! namespace causes a warning.

pub(crate) mod entry;
mod entry_reader;
pub(crate) mod field_set;
mod field_set_reader;
pub(crate) mod namespace;
pub(crate) mod ownership;
pub(crate) mod registry;
pub(crate) mod target;

pub use entry::ExtensionRegistryEntry;
pub use field_set::{ExtensionFieldSet, Readonly};
pub use namespace::NAMESPACE_LEN_MAX;
pub use ownership::{ExtensionOwner, ExtensionOwnership};
pub use registry::{ExtensionRegistry, validate_extension_field_set};
pub use target::ExtensionTarget;
