//! A project.

use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::model::declare::{model, versioned};
use crate::contract::refs::typed::ProjectRef;
use crate::contract::rules::text::{free_text, text, text_map};
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;
use std::collections::BTreeMap;

model! {
    /// A named collection of runs.
    Project ("Project") {
        /// The ref, `project:PROJECT`.
        project_ref: ProjectRef,
        /// The name.
        name: String,
        /// The time of creation.
        created_at: Timestamp,
    } or {
        /// A description for people.
        description: Option<String> = None,
        /// Tags: texts by name.
        tags: BTreeMap<String, String> = BTreeMap::new(),
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

versioned!(Project, "Project", Project);

impl Project {
    fn check_fields(&mut self, issues: &mut Issues) {
        text(issues, "name", &mut self.name);
        self.description.iter_mut().for_each(free_text);
        text_map(issues, "tags", &mut self.tags);
    }
}
