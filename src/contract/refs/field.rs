//! Checks that a ref has the kind that the name of the field requires.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::refs::stable::{StableRef, shape};

/// Checks the ref in the field `field_name`, such as `run_ref`. The name of the field determines the kind that the ref
/// must have. The field `subject_ref` accepts every kind whose refs have a limited number of components. Errors:
/// another kind, a number of components that the kind does not allow, or an unknown field name.
pub fn check_field_ref(field_name: &str, any: &StableRef) -> Result<()> {
    let kinds: &[&str] = match field_name {
        "project_ref" => &["project"],
        "run_ref" => &["run"],
        "deployment_execution_ref" => &["deployment"],
        "stage_execution_ref" => &["stage"],
        "batch_execution_ref" => &["batch"],
        "sample_observation_ref" => &["sample"],
        "operation_context_ref" => &["op"],
        "record_ref" => &["record"],
        "artifact_ref" => &["artifact"],
        "environment_snapshot_ref" => &["environment"],
        "relation_ref" => &["relation"],
        "provenance_ref" => &["provenance"],
        "subject_ref" => &[],
        _ => {
            let message = format!("no field that holds a ref is called {field_name:?}");
            return Err(ContractError::field(ErrorCode::RefUnknownField, field_name, message));
        }
    };
    any.check_shape().map_err(|e| e.at(field_name))?;
    let fits = if kinds.is_empty() { shape(any.kind()).is_some() } else { kinds.contains(&any.kind()) };
    if fits {
        return Ok(());
    }
    let message = format!("{any} is a {}, which {field_name} does not accept", any.kind());
    Err(ContractError::field(ErrorCode::RefKindMismatch, field_name, message))
}
