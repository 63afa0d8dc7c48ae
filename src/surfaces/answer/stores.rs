//! The JSON forms of the results of the metadata, record and artifact stores.

use crate::client::{
    ArtifactCopy, ArtifactExport, ArtifactHandle, ArtifactImport, ArtifactPut, KnownGap, MalformedRecord,
    MetadataIntegrityIssue, MetadataIntegrityReport, MetadataRunSnapshot, PutChange, RecordIntegrityReport,
    ReplayResult, SalvagedRecord, StoreSummary, SweepReport, VerificationRecord, VerificationReport,
};
use crate::contract::{Canonical, Value};
use crate::surfaces::answer::parts::{list, text};
use crate::surfaces::answer::to_json::{ToJson, object};
use std::collections::BTreeMap;

pub(super) fn handle(h: &ArtifactHandle) -> Value {
    object!(h;
        manifest: h.manifest.to_value(), digest: Value::text(h.digest), size_bytes,
        path: Value::text(h.path.display()), is_tree
    )
}

pub(super) fn copy(c: &ArtifactCopy) -> Value {
    object!(c; artifact_ref, path: Value::text(c.path.display()), files, size_bytes: c.bytes, links_left_out)
}

pub(super) fn put(p: &ArtifactPut) -> Value {
    let change = if p.change == PutChange::Created { "created" } else { "unchanged" };
    object!(p; manifest: p.manifest.to_value(), digest: Value::text(p.digest), size_bytes, change: change, notes)
}

pub(super) fn export(e: &ArtifactExport) -> Value {
    object!(e;
        artifact_ref, export_directory: Value::text(e.directory.display()),
        body_path: Value::text(e.body_path.display()), size_bytes, files, exported_at
    )
}

pub(super) fn import(i: &ArtifactImport) -> Value {
    object!(i; artifact_ref, outcome: i.outcome.as_str(), bytes_written)
}

pub(super) fn verification(v: &VerificationReport) -> Value {
    object!(v;
        artifact_ref, status: v.status.as_str(), verified: v.verified(), exists, actual_size_bytes,
        expected_size_bytes, actual_hash_value, expected_hash_value, checked_at, messages
    )
}

impl ToJson for VerificationRecord {
    fn json(&self) -> Value {
        object!(self; artifact_ref, status: self.status.as_str(), checked_at, message)
    }
}

pub(super) fn sweep(s: &SweepReport) -> Value {
    object!(s;
        verification_records, missing_refs, drifted_refs,
        orphan_paths: list(&s.orphan_paths, |path| Value::text(path.display())), notes
    )
}

pub(super) fn summary(s: &StoreSummary) -> Value {
    object!(s;
        artifact_count, total_size_bytes, kinds, verified_count, missing_count, drift_count, unreadable_count,
        external_count, orphan_count, format_version: u64::from(s.format_version), notes
    )
}

impl ToJson for KnownGap {
    fn json(&self) -> Value {
        object!(self;
            code, message, stream: text(&self.stream), segment: self.segment.map(|s| s.0), offset, len,
            start_sequence: self.start_sequence.map(|s| s.0), end_sequence: self.end_sequence.map(|s| s.0)
        )
    }
}

fn hex(bytes: &[u8]) -> Value {
    Value::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl ToJson for MalformedRecord {
    fn json(&self) -> Value {
        object!(self;
            stream: Value::text(self.position.stream), sequence: self.position.seq.0, appended_at, kind, is_unknown,
            reason, payload_hex: hex(&self.payload)
        )
    }
}

impl ToJson for SalvagedRecord {
    fn json(&self) -> Value {
        object!(self;
            stream: Value::text(self.stream), sequence: self.seq.0, appended_at,
            record: self.record.as_ref().map(Canonical::to_value), payload_hex: hex(&self.payload)
        )
    }
}

pub(super) fn replay(r: &ReplayResult) -> Value {
    object!(r;
        mode: r.mode.as_str(), record_count, records: list(&r.records, Canonical::to_value), warnings, known_gaps,
        integrity_state: r.integrity_state.as_str(), malformed, salvaged
    )
}

pub(super) fn record_integrity(r: &RecordIntegrityReport) -> Value {
    object!(r;
        healthy, state: r.state.as_str(), issues, issues_omitted, stream_count, segment_count, entry_count,
        record_count, recommendations, notes
    )
}

impl ToJson for MetadataIntegrityIssue {
    fn json(&self) -> Value {
        let details: BTreeMap<String, Value> =
            self.details.iter().map(|(name, value)| ((*name).to_owned(), Value::text(value))).collect();
        object!(self; code, message, severity, ref: self.subject, suggested_action, details: details)
    }
}

pub(super) fn metadata_integrity(r: &MetadataIntegrityReport) -> Value {
    let counts = Value::map([("error", r.errors.into()), ("warning", r.warnings.into())]);
    object!(r;
        ok, format_version: u64::from(r.format_version), checked_at, issues, issue_counts: counts, notes
    )
}

pub(super) fn metadata_snapshot(s: &MetadataRunSnapshot) -> Value {
    object!(s;
        project: s.project.as_ref().map(Canonical::to_value), run: s.run.to_value(),
        deployments: list(&s.deployments, Canonical::to_value), stages: list(&s.stages, Canonical::to_value),
        batches: list(&s.batches, Canonical::to_value), samples: list(&s.samples, Canonical::to_value),
        environments: list(&s.environments, Canonical::to_value),
        relations: list(&s.relations, Canonical::to_value), provenance: list(&s.provenance, Canonical::to_value),
        scoped_refs, completeness_notes, notes
    )
}
