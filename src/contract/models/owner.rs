//! The rule that connects the ref of a sample or operation with the refs of its run, stage and batch.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::refs::stable::StableRef;
use crate::contract::refs::typed::{BatchRef, RunRef, StageRef};
use crate::contract::rules::place::{child_of, own_ref};

/// Checks the refs of a sample or operation. The stage must be directly under the run, and the batch directly under the
/// stage. The object's own ref `own` must be directly under the batch, or directly under the stage if `batch` is
/// `None`. The last component of `own` must be the object's name `called`.
pub(super) fn check_owner(
    issues: &mut Issues,
    (field, own, called): (&str, &StableRef, &str),
    run: &RunRef,
    stage: &StageRef,
    batch: Option<&BatchRef>,
) {
    child_of(issues, ErrorCode::ContextPrefix, "stage_execution_ref", stage, run);
    if let Some(batch) = batch {
        child_of(issues, ErrorCode::ContextPrefix, "batch_execution_ref", batch, stage);
    }
    own_ref(issues, field, own, batch.map_or(&**stage, |batch| batch), called);
}
