//! The things of the contract that have a ref of their own and no body: one closed sum, for all that treats them
//! alike: the log, the tables, interchange.

use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::extension::ExtensionRegistry;
use crate::contract::issue::ValidationReport;
use crate::contract::json::{Canonical, Value};
use crate::contract::models::context::{
    BatchExecution, DeploymentExecution, EnvironmentSnapshot, OperationContext, Project, Run,
    SampleObservation, StageExecution,
};
use crate::contract::models::lineage::{LineageEdge, ProvenanceRecord};
use crate::contract::refs::StableRef;
use crate::contract::rules::Valid;
use crate::contract::validate::check_value;

/// Declares the sum: variant, model, the field that holds its own ref, that ref's kind, and the word for it in
/// interchange.
macro_rules! objects {
    ($($(#[$doc:meta])* $variant:ident($model:ident) $own:ident $kind:literal $word:literal;)*) => {
        /// What sort of thing an [`Object`] is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ObjectKind { $($(#[$doc])* $variant,)* }

        impl ObjectKind {
            /// All of them, in the order in which interchange writes them: what is referred to comes first.
            pub const ALL: &'static [ObjectKind] = &[$(ObjectKind::$variant,)*];

            /// The word for it in interchange.
            pub fn as_str(self) -> &'static str {
                match self { $(ObjectKind::$variant => $word,)* }
            }

            /// Reads the word.
            pub fn parse(text: &str) -> Option<ObjectKind> {
                match text { $($word => Some(ObjectKind::$variant),)* _ => None }
            }

            /// The kind of its refs.
            pub fn ref_kind(self) -> &'static str {
                match self { $(ObjectKind::$variant => $kind,)* }
            }

            /// The members that this version of the schema knows.
            pub(crate) fn known(self) -> &'static [&'static str] {
                match self { $(ObjectKind::$variant => $model::KNOWN,)* }
            }

            /// The member that holds its own ref.
            pub fn ref_member(self) -> &'static str {
                match self { $(ObjectKind::$variant => stringify!($own),)* }
            }
        }

        /// A thing with a ref of its own.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Object { $($(#[$doc])* $variant(Box<Valid<$model>>),)* }

        impl Object {
            /// What sort of thing it is.
            pub fn kind(&self) -> ObjectKind {
                match self { $(Object::$variant(_) => ObjectKind::$variant,)* }
            }

            /// Its own ref.
            pub fn own_ref(&self) -> &StableRef {
                match self { $(Object::$variant(model) => &model.$own,)* }
            }

            /// Every issue of a thing in a JSON value, and the thing if there is no error among them.
            pub fn check_value(
                kind: ObjectKind,
                value: Value,
                registry: Option<&ExtensionRegistry>,
            ) -> (Option<Object>, ValidationReport) {
                match kind {$(
                    ObjectKind::$variant => {
                        let (model, report) = check_value::<$model>(value, registry);
                        (model.map(Object::from), report)
                    }
                )*}
            }
        }

        impl Canonical for Object {
            fn to_value(&self) -> Value {
                match self { $(Object::$variant(model) => model.to_value(),)* }
            }
        }

        $(impl From<Valid<$model>> for Object {
            fn from(model: Valid<$model>) -> Object { Object::$variant(Box::new(model)) }
        })*

        $(impl From<Valid<$model>> for crate::contract::fact::Fact {
            fn from(model: Valid<$model>) -> crate::contract::fact::Fact {
                crate::contract::fact::Fact::Object(model.into())
            }
        })*
    };
}

objects! {
    /// A project.
    Project(Project) project_ref "project" "project";
    /// A run.
    Run(Run) run_ref "run" "run";
    /// A deployment.
    Deployment(DeploymentExecution) deployment_execution_ref "deployment" "deployment";
    /// An environment snapshot.
    Environment(EnvironmentSnapshot) environment_snapshot_ref "environment" "environment";
    /// A stage.
    Stage(StageExecution) stage_execution_ref "stage" "stage";
    /// A batch.
    Batch(BatchExecution) batch_execution_ref "batch" "batch";
    /// A sample.
    Sample(SampleObservation) sample_observation_ref "sample" "sample";
    /// An operation.
    Operation(OperationContext) operation_context_ref "op" "operation";
    /// An edge.
    Relation(LineageEdge) relation_ref "relation" "relation";
    /// A provenance record.
    Provenance(ProvenanceRecord) provenance_ref "provenance" "provenance";
}

impl Object {
    /// Reads a thing from a JSON value; the first thing that is wrong is the error.
    pub fn from_value(kind: ObjectKind, value: Value) -> Result<Object> {
        let (object, report) = Object::check_value(kind, value, None);
        object.ok_or_else(|| {
            let first = report.errors().next().cloned().map(ContractError::from);
            first.unwrap_or_else(|| ContractError::new(ErrorCode::ValidationFailed, "the value is not valid"))
        })
    }
}
