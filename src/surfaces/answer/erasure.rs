//! The JSON forms of the plans and results of erasures.

use crate::contract::Value;
use crate::contract::fact::ErasedEntries;
use crate::recovery::{ErasePlan, EraseResult, PlannedErasure};
use crate::surfaces::answer::parts::{list, notes, text};

fn stream(erased: &ErasedEntries) -> Value {
    let id: String = erased.stream.iter().map(|byte| format!("{byte:02x}")).collect();
    Value::map([
        ("stream", Value::Text(id)),
        ("first", erased.first.into()),
        ("last", erased.last.into()),
        ("entries", erased.entries.into()),
    ])
}

fn run(run: &PlannedErasure) -> Value {
    Value::map([
        ("run_ref", Value::text(&run.run_ref)),
        ("name", text(&run.name)),
        ("is_open", run.is_open.into()),
        ("entries", run.entries.into()),
        ("payload_bytes", run.payload_bytes.into()),
        ("outbox_entries", run.outbox_entries.into()),
        ("streams", list(&run.streams, stream)),
    ])
}

pub(super) fn plan(p: &ErasePlan) -> Value {
    Value::map([
        ("runs", list(&p.runs, run)),
        ("bodies", p.bodies.into()),
        ("body_bytes", p.body_bytes.into()),
        ("temporary_files", p.temporary_files.into()),
        ("files", list(&p.files, |path| Value::text(path.display()))),
        ("unsaved_files", list(&p.unsaved_files, |path| Value::text(path.display()))),
        ("backup_ref", p.backup_ref.as_ref().map_or(Value::Null, Value::text)),
        ("fingerprint", Value::text(p.fingerprint)),
        ("notes", notes(&p.notes)),
    ])
}

pub(super) fn result(r: &EraseResult) -> Value {
    Value::map([
        ("status", r.status.as_str().into()),
        ("runs", list(&r.runs, |run| Value::text(run))),
        ("entries", r.entries.into()),
        ("removed_entries", r.removed_entries.into()),
        ("outbox_entries", r.outbox_entries.into()),
        ("segments", r.segments.into()),
        ("log_bytes", r.log_bytes.into()),
        ("bodies", r.bodies.into()),
        ("body_bytes", r.body_bytes.into()),
        ("temporary_files", r.temporary_files.into()),
        ("files", r.files.into()),
        ("kept_files", list(&r.kept_files, |path| Value::text(path.display()))),
        ("backup_ref", r.backup_ref.as_ref().map_or(Value::Null, Value::text)),
        ("notes", notes(&r.notes)),
    ])
}
