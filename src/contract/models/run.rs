//! A run.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, versioned};
use crate::contract::models::lifecycle::{RunStatus, check_end, check_lifecycle};
use crate::contract::models::param::param;
use crate::contract::refs::typed::{ProjectRef, RunRef};
use crate::contract::rules::object::json_map;
use crate::contract::rules::place::child_of;
use crate::contract::rules::text::{free_text, optional_text, text, text_map};
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;
use std::collections::BTreeMap;

model! {
    /// One execution of a training or evaluation program.
    Run ("Run") {
        /// The ref, `run:PROJECT.RUN`.
        run_ref: RunRef,
        /// The project.
        project_ref: ProjectRef,
        /// The name; several runs can have the same name.
        name: String,
        /// The status.
        status: RunStatus,
        /// The start.
        started_at: Timestamp,
    } or {
        /// The end; present if and only if the status is not open.
        ended_at: Option<Timestamp> = None,
        /// A description for people.
        description: Option<String> = None,
        /// Hyper-parameters by name. A value can be null, a list or an object.
        params: Members = Members::new() => Mapping; sparse,
        /// Tags: texts by name.
        tags: BTreeMap<String, String> = BTreeMap::new(); sparse,
        /// Additional data, as a JSON object.
        metadata: Members = Members::new(); sparse,
        /// Notes on the run. Each member has the id of a note as its name, and an object with the time `at` and the
        /// `text` of the note as its value.
        notes: Members = Members::new(); sparse,
        /// `true` if the run is archived.
        archived: bool = false; sparse,
        /// `true` if the run is starred.
        starred: bool = false; sparse,
        /// The revision of the code that ran.
        code_revision: Option<String> = None,
        /// A free-text reference to the data set, such as a path, URL or digest.
        dataset_ref: Option<String> = None,
        /// The command line.
        command: Option<String> = None,
        /// The message of the end, such as the text of an error.
        end_message: Option<String> = None,
        /// The reason of the end: a token such as `scope_dropped`.
        end_reason: Option<String> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

versioned!(Run, "Run", Run);

impl Run {
    fn check_fields(&mut self, issues: &mut Issues) {
        check_lifecycle(issues, self.status, self.started_at, self.ended_at);
        check_end(issues, &mut self.end_message, &mut self.end_reason);
        child_of(issues, ErrorCode::ContextPrefix, "run_ref", &self.run_ref, &self.project_ref);
        text(issues, "name", &mut self.name);
        self.description.iter_mut().for_each(free_text);
        for (field, value) in [
            ("code_revision", &mut self.code_revision),
            ("dataset_ref", &mut self.dataset_ref),
            ("command", &mut self.command),
        ] {
            optional_text(issues, field, value);
        }
        for (key, value) in std::mem::take(&mut self.params) {
            match param(&key, value) {
                Ok((key, value)) => drop(self.params.insert(key, value)),
                Err(e) => issues.error_in(e.code, "params", &key, e.message),
            }
        }
        text_map(issues, "tags", &mut self.tags);
        json_map(issues, "metadata", &mut self.metadata);
        json_map(issues, "notes", &mut self.notes);
    }
}
