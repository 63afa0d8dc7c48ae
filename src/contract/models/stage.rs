//! A stage of a run.

use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, versioned};
use crate::contract::models::lifecycle::{RunStatus, check_end, check_lifecycle};
use crate::contract::refs::typed::{RunRef, StageRef};
use crate::contract::rules::object::json_map;
use crate::contract::rules::place::own_ref;
use crate::contract::rules::token::name;
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;

model! {
    /// A phase of a run.
    StageExecution ("StageExecution") {
        /// The ref, `stage:PROJECT.RUN.STAGE`.
        stage_execution_ref: StageRef,
        /// The run.
        run_ref: RunRef,
        /// The name of the stage. If the name can be a component of a ref, it must be the last component of
        /// `stage_execution_ref`.
        stage_name: String,
        /// The status.
        status: RunStatus,
        /// The start.
        started_at: Timestamp,
    } or {
        /// The end; present if and only if the status is not open.
        ended_at: Option<Timestamp> = None,
        /// The position among the stages of the run.
        order_index: Option<u64> = None,
        /// Additional data, as a JSON object.
        metadata: Members = Members::new(); sparse,
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

versioned!(StageExecution, "StageExecution", StageExecution);

impl StageExecution {
    fn check_fields(&mut self, issues: &mut Issues) {
        name(issues, "stage_name", &mut self.stage_name);
        check_lifecycle(issues, self.status, self.started_at, self.ended_at);
        check_end(issues, &mut self.end_message, &mut self.end_reason);
        json_map(issues, "metadata", &mut self.metadata);
        own_ref(issues, "stage_execution_ref", &self.stage_execution_ref, &self.run_ref, &self.stage_name);
    }
}
