//! The JSON forms of comparisons of code, and of the commands that reproduce a run.

use crate::contract::Value;
use crate::interpretation::{CodeDiff, MissingPart, Reproduction, ReproductionStep};
use crate::surfaces::answer::to_json::{ToJson, object};

pub(super) fn code_diff(d: &CodeDiff) -> Value {
    object!(d;
        left_run_id: d.left_run, right_run_id: d.right_run, left_revision, right_revision, text, notes
    )
}

impl ToJson for ReproductionStep {
    fn json(&self) -> Value {
        object!(self; name: self.name, title, commands)
    }
}

impl ToJson for MissingPart {
    fn json(&self) -> Value {
        object!(self; code: self.code, message)
    }
}

pub(super) fn reproduction(r: &Reproduction) -> Value {
    object!(r;
        run_id: r.run_ref, directory, complete: r.is_complete(), steps, missing, script: r.script(), notes
    )
}
