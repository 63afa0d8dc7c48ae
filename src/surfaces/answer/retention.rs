//! The JSON forms of the plans and results of removals of old files.

use crate::contract::Value;
use crate::recovery::{RetentionPlan, RetentionResult, RetiredFile};
use crate::surfaces::answer::compaction;
use crate::surfaces::answer::parts::{list, notes};

fn file(file: &RetiredFile) -> Value {
    Value::map([
        ("kind", file.kind.into()),
        ("path", Value::text(file.path.display())),
        ("bytes", file.bytes.into()),
        ("changed_at", Value::text(file.changed_at)),
    ])
}

fn days(days: Option<u64>) -> Value {
    days.map_or(Value::Null, Value::from)
}

pub(super) fn plan(p: &RetentionPlan) -> Value {
    let rules = Value::map([
        ("cache_days", days(p.rules.cache_days)),
        ("report_days", days(p.rules.report_days)),
        ("export_days", days(p.rules.export_days)),
        ("removes_bodies", p.rules.removes_bodies.into()),
        ("compacts_log", p.rules.compacts_log.into()),
    ]);
    Value::map([
        ("rules", rules),
        ("planned_at", Value::text(p.planned_at)),
        ("files", list(&p.files, file)),
        ("bodies", list(&p.bodies, |body| Value::text(body.digest))),
        ("compaction", p.compaction.as_ref().map_or(Value::Null, compaction::plan)),
        ("bytes", p.bytes.into()),
        ("notes", notes(&p.notes)),
    ])
}

pub(super) fn result(r: &RetentionResult) -> Value {
    Value::map([
        ("status", r.status.as_str().into()),
        ("files", r.files.into()),
        ("bodies", r.bodies.into()),
        ("compaction", r.compaction.as_ref().map_or(Value::Null, compaction::report)),
        ("bytes", r.bytes.into()),
        ("notes", notes(&r.notes)),
    ])
}
