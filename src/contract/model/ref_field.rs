//! The JSON form of refs in the fields of models.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::Result;
use crate::contract::issue::collector::Issues;
use crate::contract::json::value::Value;
use crate::contract::model::field::{Field, wrong};
use crate::contract::refs::stable::StableRef;
use crate::contract::refs::typed::{
    AliasRef, ArtifactRef, BatchRef, DeploymentRef, EnvironmentRef, OperationRef, ProjectRef, ProvenanceRef,
    RecordRef, RelationRef, RunRef, SampleRef, StageRef,
};

/// Reads a ref from its text and converts the ref to the type of the field with `into`. If the value is not such a ref,
/// adds an error and returns `None`.
pub(crate) fn read_ref<R>(
    value: &Value,
    code: ErrorCode,
    issues: &mut Issues,
    into: impl FnOnce(StableRef) -> Result<R>,
) -> Option<R> {
    match value.as_str() {
        Some(text) => issues.take("", StableRef::parse(text).and_then(into)),
        None => wrong(value, "a ref", code, issues),
    }
}

impl Field for StableRef {
    const CODE: ErrorCode = ErrorCode::Ref;

    fn read(value: Value, code: ErrorCode, issues: &mut Issues) -> Option<StableRef> {
        read_ref(&value, code, issues, |any| any.check_shape().map(|()| any))
    }

    fn write(&self) -> Value {
        Value::from(self.as_str())
    }
}

macro_rules! ref_fields {
    ($($name:ident),*) => {$(
        impl Field for $name {
            const CODE: ErrorCode = ErrorCode::Ref;

            fn read(
                value: Value,
                code: ErrorCode,
                issues: &mut Issues,
            ) -> Option<$name> {
                read_ref(&value, code, issues, $name::try_from)
            }

            fn write(&self) -> Value {
                Value::from(self.as_str())
            }
        }
    )*};
}
ref_fields!(
    AliasRef,
    ProjectRef,
    RunRef,
    DeploymentRef,
    StageRef,
    BatchRef,
    SampleRef,
    OperationRef,
    RecordRef,
    ArtifactRef,
    EnvironmentRef,
    RelationRef,
    ProvenanceRef
);
