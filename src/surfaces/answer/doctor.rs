//! The JSON form of an examination of a workspace.

use crate::client::{AreaSize, HealthFinding, LatestBackup, ProjectSize, RunSize, WorkspaceHealth};
use crate::contract::Value;
use crate::surfaces::answer::parts::{list, text};

fn finding(f: &HealthFinding) -> Value {
    let command = f.command.as_ref().map(|words| Value::list(words.iter().map(String::as_str)));
    Value::map([
        ("severity", f.severity.as_str().into()),
        ("code", f.code.into()),
        ("message", f.message.as_str().into()),
        ("command", command.unwrap_or(Value::Null)),
    ])
}

fn area(a: &AreaSize) -> Value {
    Value::map([
        ("area", a.area.into()),
        ("path", Value::text(a.path.display())),
        ("files", a.files.into()),
        ("bytes", a.bytes.into()),
    ])
}

fn project(p: &ProjectSize) -> Value {
    Value::map([
        ("project_ref", p.project_ref.as_str().into()),
        ("name", p.name.as_str().into()),
        ("runs", p.runs.into()),
        ("entries", p.entries.into()),
        ("log_bytes", p.log_bytes.into()),
        ("artifact_bytes", p.artifact_bytes.into()),
    ])
}

fn run(r: &RunSize) -> Value {
    Value::map([
        ("run_ref", Value::text(&r.run_ref)),
        ("name", r.name.as_str().into()),
        ("status", text(&r.status)),
        ("entries", r.entries.into()),
        ("log_bytes", r.log_bytes.into()),
        ("artifact_bytes", r.artifact_bytes.into()),
    ])
}

fn backup(b: &LatestBackup) -> Value {
    Value::map([
        ("backup_ref", b.backup_ref.as_str().into()),
        ("created_at", Value::text(b.created_at)),
        ("age_seconds", b.age_seconds.into()),
        ("status", b.status.as_str().into()),
    ])
}

pub(super) fn health(h: &WorkspaceHealth) -> Value {
    Value::map([
        ("workspace", Value::text(h.workspace.display())),
        ("checked_at", Value::text(h.checked_at)),
        ("healthy", h.is_healthy().into()),
        ("findings", list(&h.findings, finding)),
        ("areas", list(&h.areas, area)),
        ("projects", list(&h.projects, project)),
        ("runs", list(&h.runs, run)),
        ("streams", h.streams.map_or(Value::Null, Value::from)),
        ("live_streams", h.live_streams.into()),
        ("entries", h.entries.into()),
        ("backup", h.backup.as_ref().map_or(Value::Null, backup)),
    ])
}
