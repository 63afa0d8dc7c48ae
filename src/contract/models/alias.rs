//! Aliases of artifacts.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::model::declare::{model, versioned};
use crate::contract::refs::typed::{AliasRef, ArtifactRef, ProjectRef};
use crate::contract::rules::place::child_of;
use crate::contract::rules::text::text;
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;

model! {
    /// An alias: a name in a project, such as `model:best`, that refers to an artifact. If the alias is recorded again
    /// with another artifact, the name refers to that artifact from then on.
    ArtifactAlias ("ArtifactAlias") {
        /// The ref, `alias:PROJECT.KEY`.
        alias_ref: AliasRef,
        /// The project.
        project_ref: ProjectRef,
        /// The name, such as `model:best`.
        name: String,
        /// The artifact to which the name refers. The artifact can belong to another project.
        artifact_ref: ArtifactRef,
        /// The time at which the name was set.
        recorded_at: Timestamp,
    } or {
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

versioned!(ArtifactAlias, "ArtifactAlias", ArtifactAlias);

impl ArtifactAlias {
    fn check_fields(&mut self, issues: &mut Issues) {
        text(issues, "name", &mut self.name);
        child_of(issues, ErrorCode::ContextPrefix, "alias_ref", &self.alias_ref, &self.project_ref);
    }
}
