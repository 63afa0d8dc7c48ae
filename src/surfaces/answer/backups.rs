//! The JSON forms of the results of backup, restore and salvage commands.

use crate::client::PartRestore;
use crate::contract::Value;
use crate::recovery::{
    BackupList, BackupNote, BackupPlan, BackupProblem, BackupResult, BackupRow, BackupVerification,
    MissingEntries, PrunePlan, RestorePlan, RestoreResult, SalvageReport, SalvagedStream, Section,
    UnreadableBackup,
};
use crate::surfaces::answer::parts::{list, notes, text};
use std::collections::BTreeMap;
use std::path::Path;

fn path(path: &Path) -> Value {
    Value::text(path.display())
}

fn sections(sections: &[Section]) -> Value {
    list(sections, |section| section.name().into())
}

pub(super) fn plan(p: &BackupPlan) -> Value {
    Value::map([
        ("backup_ref", Value::text(&p.backup_ref)),
        ("label", text(&p.label)),
        ("created_at", Value::text(p.created_at)),
        ("workspace_root", path(&p.workspace_root)),
        ("backup_root", path(&p.backup_root)),
        ("included_sections", sections(&p.included_sections)),
        ("estimated_bytes", p.estimated_bytes.into()),
        ("notes", notes(&p.notes)),
    ])
}

pub(super) fn result(r: &BackupResult) -> Value {
    Value::map([
        ("status", r.status.as_str().into()),
        ("backup_ref", Value::text(&r.backup_ref)),
        ("created_at", Value::text(r.created_at)),
        ("location", path(&r.location)),
        ("included_sections", sections(&r.included_sections)),
        ("bytes_written", r.bytes_written.into()),
        ("objects_written", r.objects_written.into()),
        ("objects_reused", r.objects_reused.into()),
        ("streams", r.streams.into()),
        ("bodies", r.bodies.into()),
        ("files", r.files.into()),
        ("notes", notes(&r.notes)),
        ("verification_notes", list(&r.verification_notes, |note| Value::text(note))),
    ])
}

fn row(b: &BackupRow) -> Value {
    let note = |note: &BackupNote| {
        Value::map([
            ("severity", note.severity.as_str().into()),
            ("code", Value::text(&note.code)),
            ("message", Value::text(&note.message)),
        ])
    };
    Value::map([
        ("backup_ref", Value::text(&b.backup_ref)),
        ("label", text(&b.label)),
        ("created_at", Value::text(b.created_at)),
        ("workspace_root", Value::text(&b.workspace_root)),
        ("included_sections", sections(&b.included_sections)),
        ("bytes", b.bytes.into()),
        ("heads", list(&b.heads, |head| Value::text(head))),
        ("streams", b.streams.into()),
        ("bodies", b.bodies.into()),
        ("files", b.files.into()),
        ("status", b.status.as_str().into()),
        ("notes", list(&b.notes, note)),
    ])
}

fn unreadable(u: &UnreadableBackup) -> Value {
    Value::map([("path", path(&u.path)), ("reason", Value::text(&u.reason))])
}

pub(super) fn backups(l: &BackupList) -> Value {
    Value::map([
        ("backup_root", path(&l.backup_root)),
        ("backups", list(&l.backups, row)),
        ("unreadable", list(&l.unreadable, unreadable)),
    ])
}

fn problem(p: &BackupProblem) -> Value {
    Value::map([
        ("code", p.code.into()),
        ("object", Value::text(p.digest)),
        ("message", Value::text(&p.message)),
        ("backups", list(&p.backups, |backup| Value::text(backup))),
    ])
}

pub(super) fn verification(v: &BackupVerification) -> Value {
    Value::map([
        ("status", v.status.as_str().into()),
        ("backups", list(&v.backups, |backup| Value::text(backup))),
        ("objects", v.objects.into()),
        ("bytes", v.bytes.into()),
        ("healed", v.healed.into()),
        ("problems", list(&v.problems, problem)),
        ("unreadable", list(&v.unreadable, unreadable)),
        ("notes", notes(&v.notes)),
    ])
}

pub(super) fn prune(p: &PrunePlan) -> Value {
    Value::map([
        ("backup_root", path(&p.backup_root)),
        ("keep_last", p.rules.last.into()),
        ("kept", list(&p.kept, |backup| Value::text(backup))),
        ("removed", list(&p.removed, |backup| Value::text(backup))),
        ("objects", list(&p.objects, |object| Value::text(object.digest))),
        ("bytes", p.bytes.into()),
    ])
}

pub(super) fn restore_plan(p: &RestorePlan) -> Value {
    Value::map([
        ("backup_ref", Value::text(&p.backup_ref)),
        ("created_at", Value::text(p.created_at)),
        ("source_root", path(&p.source_root)),
        ("target_workspace", path(&p.target_workspace)),
        ("staging_root", path(&p.staging_root)),
        ("create_safety_backup", p.create_safety_backup.into()),
        ("verify_only", p.verify_only.into()),
        ("to_time", p.to_time.map_or(Value::Null, |moment| Value::text(moment.stamp()))),
        ("included_sections", sections(&p.sections)),
        ("streams", list(&p.streams, |stream| Value::text(stream))),
        ("removed_streams", list(&p.removed_streams, |stream| Value::text(stream))),
        ("log_bytes", p.log_bytes.into()),
        ("bodies", p.bodies.into()),
        ("missing_bodies", p.missing_bodies.0.into()),
        ("missing_body_bytes", p.missing_bodies.1.into()),
        ("files", p.files.into()),
        ("notes", notes(&p.notes)),
    ])
}

pub(super) fn restore(r: &RestoreResult) -> Value {
    Value::map([
        ("status", r.status.as_str().into()),
        ("backup_ref", Value::text(&r.backup_ref)),
        ("target_workspace", path(&r.target_workspace)),
        ("applied", r.applied.into()),
        ("entries", r.entries.into()),
        ("digest", Value::text(r.digest)),
        ("bodies", r.bodies.0.into()),
        ("bodies_added", r.bodies.1.into()),
        ("files_written", r.files.into()),
        ("safety_backup_ref", text(&r.safety_backup_ref)),
        ("notes", notes(&r.notes)),
        ("verification_notes", list(&r.verification_notes, |note| Value::text(note))),
    ])
}

pub(super) fn salvage(r: &SalvageReport) -> Value {
    let missing = |m: &MissingEntries| {
        Value::map([("first", m.first.0.into()), ("last", m.last.map(|last| last.0).into())])
    };
    let stream = |s: &SalvagedStream| {
        Value::map([
            ("stream", Value::text(s.stream)),
            ("entries", s.entries.into()),
            ("last", s.last.0.into()),
            ("missing", list(&s.missing, missing)),
            ("is_new", s.is_new.into()),
        ])
    };
    let unknown = Value::map([
        ("added", r.unknown.added.into()),
        ("present", r.unknown.present.into()),
        ("undecodable", r.unknown.undecodable.into()),
    ]);
    Value::map([
        ("status", r.status.as_str().into()),
        ("source", path(&r.source)),
        ("workspace", path(&r.workspace)),
        ("files", r.files.into()),
        ("segments", r.segments.into()),
        ("backups", r.backups.into()),
        ("entries", r.entries().into()),
        ("streams", list(&r.streams, stream)),
        ("unknown_streams", unknown),
        ("bodies", r.bodies.into()),
        ("missing_bodies", list(&r.missing_bodies, |digest| Value::text(digest))),
        ("digest", Value::text(r.digest)),
        ("notes", notes(&r.notes)),
    ])
}

pub(super) fn restore_part(r: &PartRestore) -> Value {
    let counts = |counts: &BTreeMap<String, u64>| {
        Value::Map(counts.iter().map(|(kind, count)| (kind.clone(), (*count).into())).collect())
    };
    Value::map([
        ("status", r.status.as_str().into()),
        ("backup_ref", Value::text(&r.backup_ref)),
        ("restored_ref", Value::text(&r.restored_ref)),
        ("applied", r.applied.into()),
        ("is_present", r.is_present.into()),
        ("found", counts(&r.found)),
        ("added", counts(&r.added)),
        ("bodies", r.bodies.into()),
        ("notes", notes(&r.notes)),
    ])
}
