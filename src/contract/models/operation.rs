//! An operation of a stage or batch.

use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::model::declare::{model, versioned};
use crate::contract::models::owner::check_owner;
use crate::contract::refs::typed::{BatchRef, OperationRef, RunRef, StageRef};
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
        check_owner(issues, own, &self.run_ref, &self.stage_execution_ref, batch);
    }
}
