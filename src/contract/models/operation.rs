//! An operation of a stage or batch.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, versioned};
use crate::contract::models::lifecycle::{RunStatus, check_end, check_ended};
use crate::contract::models::owner::check_owner;
use crate::contract::refs::stable::StableRef;
use crate::contract::refs::typed::{BatchRef, OperationRef, RunRef, StageRef};
use crate::contract::rules::object::json_map;
use crate::contract::rules::place::child_of;
use crate::contract::rules::token::name;
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;

model! {
    /// One operation within a stage or batch.
    OperationContext ("OperationContext") {
        /// The ref, `op:PROJECT.RUN.STAGE[.BATCH].OPERATION`.
        operation_context_ref: OperationRef,
        /// The run.
        run_ref: RunRef,
        /// The stage.
        stage_execution_ref: StageRef,
        /// The name of the operation: the last component of `operation_context_ref`.
        operation_name: String,
        /// The time of observation.
        observed_at: Timestamp,
    } or {
        /// The batch; `None` if the operation belongs to no batch.
        batch_execution_ref: Option<BatchRef> = None,
        /// The operation that contains this operation, in the same stage and batch; `None` for an operation directly in a
        /// stage or batch.
        parent_operation_ref: Option<OperationRef> = None,
        /// The status; `None` if neither the start nor the end was captured by a scope.
        status: Option<RunStatus> = None,
        /// The end; present if and only if there is a status other than open.
        ended_at: Option<Timestamp> = None,
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

versioned!(OperationContext, "OperationContext", OperationContext);

impl OperationContext {
    fn check_fields(&mut self, issues: &mut Issues) {
        name(issues, "operation_name", &mut self.operation_name);
        let own = ("operation_context_ref", &*self.operation_context_ref, self.operation_name.as_str());
        let batch = self.batch_execution_ref.as_ref();
        check_ended(issues, self.status, self.observed_at, self.ended_at);
        check_end(issues, &mut self.end_message, &mut self.end_reason);
        json_map(issues, "metadata", &mut self.metadata);
        check_owner(issues, own, &self.run_ref, &self.stage_execution_ref, batch);
        if let Some(parent) = &self.parent_operation_ref {
            let owner: &StableRef = batch.map_or(&*self.stage_execution_ref, |batch| batch);
            child_of(issues, ErrorCode::ContextPrefix, "parent_operation_ref", parent, owner);
        }
    }
}
