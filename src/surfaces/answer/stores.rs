//! The JSON form of answers of the planes of a workspace.

use crate::client::{
    ArtifactCopy, ArtifactExport, ArtifactHandle, ArtifactImport, ArtifactPut, KnownGap, MalformedRecord,
    MetadataIntegrityIssue, MetadataIntegrityReport, MetadataRunSnapshot, PutChange, RecordIntegrityReport,
    ReplayResult, SalvagedRecord, StoreSummary, SweepReport, VerificationRecord, VerificationReport,
};
use crate::contract::{Canonical, Value};
use crate::surfaces::answer::parts::{list, notes, text};
use std::collections::BTreeMap;

pub(super) fn handle(h: &ArtifactHandle) -> Value {
    Value::map([
        ("manifest", h.manifest.to_value()),
        ("digest", Value::text(h.digest)),
        ("size_bytes", h.size_bytes.into()),
        ("path", Value::text(h.path.display())),
        ("is_tree", h.is_tree.into()),
    ])
}

pub(super) fn copy(c: &ArtifactCopy) -> Value {
    Value::map([
        ("artifact_ref", Value::text(&c.artifact_ref)),
        ("path", Value::text(c.path.display())),
        ("files", c.files.into()),
        ("size_bytes", c.bytes.into()),
        ("links_left_out", list(&c.links_left_out, |path| Value::text(path))),
    ])
}

pub(super) fn put(p: &ArtifactPut) -> Value {
    let change = if p.change == PutChange::Created { "created" } else { "unchanged" };
    Value::map([
        ("manifest", p.manifest.to_value()),
        ("digest", Value::text(p.digest)),
        ("size_bytes", p.size_bytes.into()),
        ("change", change.into()),
        ("notes", notes(&p.notes)),
    ])
}

pub(super) fn export(e: &ArtifactExport) -> Value {
    Value::map([
        ("artifact_ref", Value::text(&e.artifact_ref)),
        ("export_directory", Value::text(e.directory.display())),
        ("body_path", Value::text(e.body_path.display())),
        ("size_bytes", e.size_bytes.into()),
        ("files", e.files.into()),
        ("exported_at", Value::text(e.exported_at)),
    ])
}

pub(super) fn import(i: &ArtifactImport) -> Value {
    Value::map([
        ("artifact_ref", Value::text(&i.artifact_ref)),
        ("outcome", i.outcome.as_str().into()),
        ("bytes_written", i.bytes_written.into()),
    ])
}

pub(super) fn verification(v: &VerificationReport) -> Value {
    Value::map([
        ("artifact_ref", Value::text(&v.artifact_ref)),
        ("status", v.status.as_str().into()),
        ("verified", v.verified().into()),
        ("exists", v.exists.into()),
        ("actual_size_bytes", v.actual_size_bytes.into()),
        ("expected_size_bytes", v.expected_size_bytes.into()),
        ("actual_hash_value", text(&v.actual_hash_value)),
        ("expected_hash_value", text(&v.expected_hash_value)),
        ("checked_at", Value::text(v.checked_at)),
        ("messages", list(&v.messages, |message| Value::text(message))),
    ])
}

fn verification_record(v: &VerificationRecord) -> Value {
    Value::map([
        ("artifact_ref", Value::text(&v.artifact_ref)),
        ("status", v.status.as_str().into()),
        ("checked_at", Value::text(v.checked_at)),
        ("message", text(&v.message)),
    ])
}

pub(super) fn sweep(s: &SweepReport) -> Value {
    Value::map([
        ("verification_records", list(&s.verification_records, verification_record)),
        ("missing_refs", list(&s.missing_refs, |own| Value::text(own))),
        ("drifted_refs", list(&s.drifted_refs, |own| Value::text(own))),
        ("orphan_paths", list(&s.orphan_paths, |path| Value::text(path.display()))),
        ("notes", notes(&s.notes)),
    ])
}

pub(super) fn summary(s: &StoreSummary) -> Value {
    let kinds: BTreeMap<String, Value> =
        s.kinds.iter().map(|(kind, count)| (kind.clone(), (*count).into())).collect();
    Value::map([
        ("artifact_count", s.artifact_count.into()),
        ("total_size_bytes", s.total_size_bytes.into()),
        ("kinds", Value::Map(kinds)),
        ("verified_count", s.verified_count.into()),
        ("missing_count", s.missing_count.into()),
        ("drift_count", s.drift_count.into()),
        ("unreadable_count", s.unreadable_count.into()),
        ("external_count", s.external_count.into()),
        ("orphan_count", s.orphan_count.into()),
        ("format_version", u64::from(s.format_version).into()),
        ("notes", notes(&s.notes)),
    ])
}

fn gap(g: &KnownGap) -> Value {
    Value::map([
        ("code", g.code.into()),
        ("message", Value::text(&g.message)),
        ("stream", text(&g.stream)),
        ("segment", g.segment.map(|s| s.0).into()),
        ("offset", g.offset.into()),
        ("len", g.len.into()),
        ("start_sequence", g.start_sequence.map(|s| s.0).into()),
        ("end_sequence", g.end_sequence.map(|s| s.0).into()),
    ])
}

fn hex(bytes: &[u8]) -> Value {
    Value::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn malformed(m: &MalformedRecord) -> Value {
    Value::map([
        ("stream", Value::text(m.position.stream)),
        ("sequence", m.position.seq.0.into()),
        ("appended_at", Value::text(m.appended_at)),
        ("kind", Value::text(&m.kind)),
        ("is_unknown", m.is_unknown.into()),
        ("reason", Value::text(&m.reason)),
        ("payload_hex", hex(&m.payload)),
    ])
}

fn salvaged(s: &SalvagedRecord) -> Value {
    Value::map([
        ("stream", Value::text(s.stream)),
        ("sequence", s.seq.0.into()),
        ("appended_at", Value::text(s.appended_at)),
        ("record", s.record.as_ref().map_or(Value::Null, Canonical::to_value)),
        ("payload_hex", hex(&s.payload)),
    ])
}

pub(super) fn replay(r: &ReplayResult) -> Value {
    Value::map([
        ("mode", r.mode.as_str().into()),
        ("record_count", r.record_count.into()),
        ("records", list(&r.records, Canonical::to_value)),
        ("warnings", list(&r.warnings, |warning| Value::text(warning))),
        ("known_gaps", list(&r.known_gaps, gap)),
        ("integrity_state", r.integrity_state.as_str().into()),
        ("malformed", list(&r.malformed, malformed)),
        ("salvaged", list(&r.salvaged, salvaged)),
    ])
}

pub(super) fn record_integrity(r: &RecordIntegrityReport) -> Value {
    Value::map([
        ("healthy", r.healthy.into()),
        ("state", r.state.as_str().into()),
        ("issues", list(&r.issues, gap)),
        ("issues_omitted", r.issues_omitted.into()),
        ("stream_count", r.stream_count.into()),
        ("segment_count", r.segment_count.into()),
        ("entry_count", r.entry_count.into()),
        ("record_count", r.record_count.into()),
        ("recommendations", list(&r.recommendations, |code| (*code).into())),
        ("notes", notes(&r.notes)),
    ])
}

fn issue(i: &MetadataIntegrityIssue) -> Value {
    let details: BTreeMap<String, Value> =
        i.details.iter().map(|(name, value)| ((*name).to_owned(), Value::text(value))).collect();
    Value::map([
        ("code", i.code.into()),
        ("message", Value::text(&i.message)),
        ("severity", i.severity.as_str().into()),
        ("ref", text(&i.subject)),
        ("suggested_action", i.suggested_action.into()),
        ("details", Value::Map(details)),
    ])
}

pub(super) fn metadata_integrity(r: &MetadataIntegrityReport) -> Value {
    let counts = Value::map([("error", r.errors.into()), ("warning", r.warnings.into())]);
    Value::map([
        ("ok", r.ok.into()),
        ("format_version", u64::from(r.format_version).into()),
        ("checked_at", Value::text(r.checked_at)),
        ("issues", list(&r.issues, issue)),
        ("issue_counts", counts),
        ("notes", notes(&r.notes)),
    ])
}

pub(super) fn metadata_snapshot(s: &MetadataRunSnapshot) -> Value {
    Value::map([
        ("project", s.project.as_ref().map_or(Value::Null, Canonical::to_value)),
        ("run", s.run.to_value()),
        ("deployments", list(&s.deployments, Canonical::to_value)),
        ("stages", list(&s.stages, Canonical::to_value)),
        ("batches", list(&s.batches, Canonical::to_value)),
        ("samples", list(&s.samples, Canonical::to_value)),
        ("environments", list(&s.environments, Canonical::to_value)),
        ("relations", list(&s.relations, Canonical::to_value)),
        ("provenance", list(&s.provenance, Canonical::to_value)),
        ("scoped_refs", list(&s.scoped_refs, |own| Value::text(own))),
        ("completeness_notes", list(&s.completeness_notes, |code| (*code).into())),
        ("notes", notes(&s.notes)),
    ])
}
