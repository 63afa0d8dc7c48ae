//! The sum type of all models that have a ref of their own, except artifacts and records. Log, tables and
//! interchange handle these models in the same way.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::extension::registry::ExtensionRegistry;
use crate::contract::issue::report::ValidationReport;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::Value;
use crate::contract::models::alias::ArtifactAlias;
use crate::contract::models::batch::BatchExecution;
use crate::contract::models::deployment::DeploymentExecution;
use crate::contract::models::environment::EnvironmentSnapshot;
use crate::contract::models::lineage::LineageEdge;
use crate::contract::models::operation::OperationContext;
use crate::contract::models::project::Project;
use crate::contract::models::provenance::ProvenanceRecord;
use crate::contract::models::run::Run;
use crate::contract::models::sample::SampleObservation;
use crate::contract::models::stage::StageExecution;
use crate::contract::refs::stable::StableRef;
use crate::contract::rules::valid::Valid;
use crate::contract::salvage::{Salvaged, salvage_with};
use crate::contract::validate::check_value;
use std::fmt;
use std::str::FromStr;

/// A model whose values are objects of one [`ObjectKind`].
pub(crate) trait ObjectModel: Sized {
    /// The kind of the objects.
    const OBJECT_KIND: ObjectKind;

    /// Returns the model of an object; `None` for an object of another kind.
    fn of_object(object: Object) -> Option<Self>;
}

/// Declares the sum type. Each line has the variant, the model, the field with the model's own ref, the kind of the
/// ref, and the kind's name in interchange files.
macro_rules! objects {
    ($($(#[$doc:meta])* $variant:ident($model:ident) $own:ident $kind:literal $word:literal;)*) => {
        /// The kind of an [`Object`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ObjectKind { $($(#[$doc])* $variant,)* }

        impl ObjectKind {
            /// Every kind, in the order in which an export writes the kinds.
            pub const ALL: &'static [ObjectKind] = &[$(ObjectKind::$variant,)*];

            /// Returns the name that interchange files use for this kind.
            pub fn as_str(self) -> &'static str {
                match self { $(ObjectKind::$variant => $word,)* }
            }

            /// Returns the kind in the refs of these objects, such as `op` in the ref of an operation.
            pub fn ref_kind(self) -> &'static str {
                match self { $(ObjectKind::$variant => $kind,)* }
            }

            /// Returns the members that this version of the schema defines for objects of this kind.
            pub(crate) fn known(self) -> &'static [&'static str] {
                match self { $(ObjectKind::$variant => $model::KNOWN,)* }
            }

            /// Returns the name of the member that contains the object's own ref, such as `run_ref` for a run.
            pub fn ref_member(self) -> &'static str {
                match self { $(ObjectKind::$variant => stringify!($own),)* }
            }
        }

        impl fmt::Display for ObjectKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for ObjectKind {
            type Err = ContractError;

            fn from_str(text: &str) -> Result<ObjectKind> {
                match text {
                    $($word => Ok(ObjectKind::$variant),)*
                    _ => {
                        let allowed = [$($word),*].join(", ");
                        let message = format!("{text:?} is not a kind of object; expected one of {allowed}");
                        Err(ContractError::new(ErrorCode::JsonShape, message))
                    }
                }
            }
        }

        /// An object of any [`ObjectKind`]. The rules of the object hold.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Object { $($(#[$doc])* $variant(Box<Valid<$model>>),)* }

        impl Object {
            /// Returns the kind of the object.
            pub fn kind(&self) -> ObjectKind {
                match self { $(Object::$variant(_) => ObjectKind::$variant,)* }
            }

            /// Returns the object's own ref.
            pub fn own_ref(&self) -> &StableRef {
                match self { $(Object::$variant(model) => &model.$own,)* }
            }

            /// Reads an object from a JSON value and checks the object. Returns all issues, and the object if no issue
            /// is an error. The members are read first, then the rules are checked. If a registry is given, the
            /// extensions are then compared with the registry. After an error, the later steps are left out.
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

            /// Reads an object from a JSON value like [`Object::check_value`], and removes invalid members that are not
            /// required. Errors: a required member is missing or invalid.
            pub fn salvage_value(
                kind: ObjectKind,
                value: Value,
                registry: Option<&ExtensionRegistry>,
            ) -> std::result::Result<Salvaged<Object>, ValidationReport> {
                salvage_with(value, |value| Object::check_value(kind, value, registry))
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

        $(impl ObjectModel for $model {
            const OBJECT_KIND: ObjectKind = ObjectKind::$variant;

            fn of_object(object: Object) -> Option<$model> {
                match object {
                    Object::$variant(model) => Some(model.into_inner()),
                    _ => None,
                }
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
    /// An edge of the lineage graph.
    Relation(LineageEdge) relation_ref "relation" "relation";
    /// A name that refers to an artifact.
    Alias(ArtifactAlias) alias_ref "alias" "alias";
    /// A provenance record of a lineage edge.
    Provenance(ProvenanceRecord) provenance_ref "provenance" "provenance";
}

impl Object {
    /// Reads an object from a JSON value. Errors: the first invalid member or broken rule.
    pub fn from_value(kind: ObjectKind, value: Value) -> Result<Object> {
        let (object, report) = Object::check_value(kind, value, None);
        object.ok_or_else(|| {
            let first = report.errors().next().cloned().map(ContractError::from);
            first.unwrap_or_else(|| ContractError::new(ErrorCode::ValidationFailed, "the value is not valid"))
        })
    }
}
