//! The objects that another object names. A put and an integrity check test if these objects exist.

use crate::contract::{ArtifactRef, Object, OperationRef, StableRef};

/// An object that another object names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    /// The error code of a put if the parent does not exist.
    pub(super) put_code: &'static str,
    /// The issue code of an integrity check if the parent does not exist.
    pub(super) issue_code: &'static str,
    /// The member that contains the ref of the parent.
    pub(super) member: &'static str,
    /// The ref of the parent.
    pub(super) own: StableRef,
    /// `true` if an object may be put before the parent exists.
    pub(super) may_be_missing: bool,
}

impl Parent {
    /// Creates the parent for the source or target of a relation. An artifact or operation may be recorded
    /// after the relation.
    fn end(issue_code: &'static str, member: &'static str, own: &StableRef) -> Parent {
        let may_be_missing = [ArtifactRef::KIND, OperationRef::KIND].contains(&own.kind());
        Parent { may_be_missing, ..required(("metadata_ref_not_found", issue_code), member, own.clone()) }
    }
}

/// Creates a parent that must exist.
fn required(
    (put_code, issue_code): (&'static str, &'static str),
    member: &'static str,
    own: impl Into<StableRef>,
) -> Parent {
    Parent { put_code, issue_code, member, own: own.into(), may_be_missing: false }
}

/// Returns two codes for a missing parent: the error code of a put, and the issue code of an integrity check.
macro_rules! codes {
    ($issue:literal) => {
        (concat!("metadata_", $issue), $issue)
    };
}

/// Returns the objects that an object names. The existence of these objects must be checked. The outermost
/// object is first.
pub(super) fn parents(object: &Object) -> Vec<Parent> {
    match object {
        Object::Run(run) => vec![required(codes!("missing_run_project"), "project_ref", &run.project_ref)],
        Object::Deployment(deployment) => {
            vec![required(codes!("missing_deployment_project"), "project_ref", &deployment.project_ref)]
        }
        Object::Stage(stage) => vec![required(codes!("missing_stage_run"), "run_ref", &stage.run_ref)],
        Object::Batch(batch) => vec![
            required(codes!("missing_batch_run"), "run_ref", &batch.run_ref),
            required(codes!("missing_batch_stage"), "stage_execution_ref", &batch.stage_execution_ref),
        ],
        Object::Sample(sample) => {
            let batch = sample.batch_execution_ref.as_ref();
            let batch = batch.map(|b| required(codes!("missing_sample_batch"), "batch_execution_ref", b));
            let of_stage = [
                required(codes!("missing_sample_run"), "run_ref", &sample.run_ref),
                required(codes!("missing_sample_stage"), "stage_execution_ref", &sample.stage_execution_ref),
            ];
            of_stage.into_iter().chain(batch).collect()
        }
        Object::Operation(operation) => {
            let batch = operation.batch_execution_ref.as_ref();
            let batch = batch.map(|b| required(codes!("missing_operation_batch"), "batch_execution_ref", b));
            let of_stage = [
                required(codes!("missing_operation_run"), "run_ref", &operation.run_ref),
                required(
                    codes!("missing_operation_stage"),
                    "stage_execution_ref",
                    &operation.stage_execution_ref,
                ),
            ];
            of_stage.into_iter().chain(batch).collect()
        }
        Object::Environment(snapshot) => {
            vec![required(codes!("missing_environment_run"), "run_ref", &snapshot.run_ref)]
        }
        Object::Relation(edge) => vec![
            Parent::end("missing_relation_source", "source_ref", &edge.source_ref),
            Parent::end("missing_relation_target", "target_ref", &edge.target_ref),
        ],
        Object::Provenance(record) => {
            vec![required(codes!("missing_provenance_relation"), "relation_ref", &record.relation_ref)]
        }
        Object::Project(_) | Object::Alias(_) => Vec::new(),
    }
}
