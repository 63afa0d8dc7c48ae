//! The repositories. A repository writes and reads objects of one kind.

use crate::contract::{
    BatchExecution, BatchRef, DeploymentExecution, DeploymentRef, EnvironmentRef, EnvironmentSnapshot,
    LineageEdge, OperationContext, OperationRef, Project, ProjectRef, ProvenanceRecord, ProvenanceRef,
    RelationRef, Run, RunRef, SampleObservation, SampleRef, StageExecution, StageRef, Valid,
};
use crate::store::error::Result;
use crate::store::planes::error::PlaneError;
use crate::store::planes::metadata::put::{MetadataPut, put};
use crate::store::planes::shared::Planes;

/// Declares the repositories. Each line has the type of the repository, the model, the ref, and the names of
/// the methods.
macro_rules! repositories {
    ($($repository:ident of $model:ident, $ref:ident: $put:ident $get:ident $find:ident $exists:ident $what:literal;)*) => {$(
        #[doc = concat!("The objects of the kind ", $what, " in a workspace.")]
        #[derive(Debug, Clone)]
        pub struct $repository {
            pub(super) planes: Planes,
            supersedes: bool,
        }

        impl $repository {
            pub(super) fn new(planes: &Planes) -> $repository {
                $repository { planes: planes.clone(), supersedes: false }
            }

            /// Returns a repository whose puts replace an object with the same ref and other content. A put
            /// does not open a captured run again after its end. Resume the run instead.
            #[must_use]
            pub fn superseding(&self) -> $repository {
                $repository { supersedes: true, ..self.clone() }
            }

            #[doc = concat!("Records an object of the kind ", $what, ". Nothing is recorded if the workspace has an equal object. If")]
            /// the workspace has the same object with the status open, its end is recorded. The entry is on disk when the
            /// method returns.
            ///
            /// Returns an error in these cases:
            /// - Another object with the same ref has other content (`metadata_object_conflict`). See
            ///   `superseding`.
            /// - An object that the new object names does not exist (`metadata_missing_...`,
            ///   `metadata_ref_not_found`).
            /// - The object breaks a rule of the contract.
            /// - The metadata are read-only.
            pub fn $put(&self, object: $model) -> Result<MetadataPut> {
                put(&self.planes, Valid::new(object)?.into(), self.supersedes)
            }

            #[doc = concat!("Returns the ", $what, " with this ref. Error: there is no such object")]
            /// (`metadata_row_not_found`).
            pub fn $get(&self, own: &$ref) -> Result<$model> {
                self.$find(own)?.ok_or_else(|| PlaneError::ObjectMissing { own: own.clone().into() }.into())
            }

            #[doc = concat!("Returns the ", $what, " with this ref. Returns `None` if there is no such")]
            /// object, or if a required member of the object is not in the log.
            pub fn $find(&self, own: &$ref) -> Result<Option<$model>> {
                self.planes.read(|view| view.model(own))
            }

            #[doc = concat!("Returns `true` if the workspace has the ", $what, " with this ref.")]
            pub fn $exists(&self, own: &$ref) -> Result<bool> {
                Ok(self.$find(own)?.is_some())
            }
        }
    )*};
}

repositories! {
    ProjectRepository of Project, ProjectRef:
        put_project get_project find_project exists_project "project";
    RunRepository of Run, RunRef: put_run get_run find_run exists_run "run";
    DeploymentRepository of DeploymentExecution, DeploymentRef:
        put_deployment_execution get_deployment_execution find_deployment_execution exists_deployment_execution
        "deployment";
    StageRepository of StageExecution, StageRef:
        put_stage_execution get_stage_execution find_stage_execution exists_stage_execution "stage";
    BatchRepository of BatchExecution, BatchRef:
        put_batch_execution get_batch_execution find_batch_execution exists_batch_execution "batch";
    SampleRepository of SampleObservation, SampleRef:
        put_sample_observation get_sample_observation find_sample_observation exists_sample_observation "sample";
    OperationRepository of OperationContext, OperationRef:
        put_operation_context get_operation_context find_operation_context exists_operation_context "operation";
    EnvironmentRepository of EnvironmentSnapshot, EnvironmentRef:
        put_environment_snapshot get_environment_snapshot find_environment_snapshot exists_environment_snapshot
        "environment snapshot";
    RelationRepository of LineageEdge, RelationRef:
        put_relation get_relation find_relation exists_relation "relation";
    ProvenanceRepository of ProvenanceRecord, ProvenanceRef:
        put_provenance get_provenance find_provenance exists_provenance "provenance record";
}
