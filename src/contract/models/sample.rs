//! A sample: one observed example of the data of a stage or batch.

use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Members;
use crate::contract::model::declare::{model, versioned};
use crate::contract::models::lifecycle::{RunStatus, check_end, check_ended};
use crate::contract::models::owner::check_owner;
use crate::contract::refs::typed::{BatchRef, RunRef, SampleRef, StageRef};
use crate::contract::rules::object::json_map;
use crate::contract::rules::text::optional_text;
use crate::contract::rules::token::name;
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;

model! {
    /// A sample: one observed example of the data of a stage or batch.
    SampleObservation ("SampleObservation") {
        /// The ref, `sample:PROJECT.RUN.STAGE[.BATCH].SAMPLE`.
        sample_observation_ref: SampleRef,
        /// The run.
        run_ref: RunRef,
        /// The stage.
        stage_execution_ref: StageRef,
        /// The name of the sample: the last component of `sample_observation_ref`.
        sample_name: String,
        /// The time of observation.
        observed_at: Timestamp,
    } or {
        /// The batch; `None` if the sample belongs to no batch.
        batch_execution_ref: Option<BatchRef> = None,
        /// The name of the retention class: free text that contexta does not interpret.
        retention_class: Option<String> = None,
        /// The name of the redaction profile: free text that contexta does not interpret.
        redaction_profile: Option<String> = None,
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

versioned!(SampleObservation, "SampleObservation", SampleObservation);

impl SampleObservation {
    fn check_fields(&mut self, issues: &mut Issues) {
        name(issues, "sample_name", &mut self.sample_name);
        let own = ("sample_observation_ref", &*self.sample_observation_ref, self.sample_name.as_str());
        let batch = self.batch_execution_ref.as_ref();
        check_ended(issues, self.status, self.observed_at, self.ended_at);
        check_end(issues, &mut self.end_message, &mut self.end_reason);
        json_map(issues, "metadata", &mut self.metadata);
        check_owner(issues, own, &self.run_ref, &self.stage_execution_ref, batch);
        optional_text(issues, "retention_class", &mut self.retention_class);
        optional_text(issues, "redaction_profile", &mut self.redaction_profile);
    }
}
