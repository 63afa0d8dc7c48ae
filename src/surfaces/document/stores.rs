//! Documents that show the results of the metadata, record and artifact stores.

use crate::client::{
    ArtifactCopy, ArtifactExport, ArtifactHandle, ArtifactImport, ArtifactPut, PutChange, ReplayResult,
    SweepReport, VerificationReport, VerificationStatus,
};
use crate::interpretation::{Block, Cell, Note, ReportDocument, ReportSection, Table};

/// Returns a document with pairs of names and values, and notes.
fn pairs(title: &str, pairs: Vec<(&str, Cell)>, notes: &[Note]) -> ReportDocument {
    let pairs = pairs.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect();
    let sections = vec![
        ReportSection::new("", Block::Pairs(pairs)),
        ReportSection::new("Notes", Block::Notes(notes.to_vec())),
    ];
    ReportDocument { title: title.to_owned(), sections }
}

pub(crate) fn artifact(h: &ArtifactHandle) -> ReportDocument {
    let manifest = &h.manifest;
    let values = vec![
        ("Artifact", Cell::text(&manifest.artifact_ref)),
        ("Kind", Cell::text(&manifest.artifact_kind)),
        ("Run", Cell::text(&manifest.run_ref)),
        ("Created", Cell::Time(manifest.created_at)),
        ("Bytes", Cell::Count(h.size_bytes)),
        ("SHA-256", Cell::optional(manifest.sha256())),
        ("Path", Cell::text(h.path.display())),
    ];
    pairs("Artifact", values, &[])
}

pub(crate) fn artifact_copy(c: &ArtifactCopy) -> ReportDocument {
    let values = vec![
        ("Artifact", Cell::text(&c.artifact_ref)),
        ("Path", Cell::text(c.path.display())),
        ("Files", Cell::Count(c.files)),
        ("Bytes", Cell::Count(c.bytes)),
        ("Links left out", Cell::Count(c.links_left_out.len() as u64)),
    ];
    pairs("Copied artifact", values, &[])
}

pub(crate) fn artifact_put(p: &ArtifactPut) -> ReportDocument {
    let change = if p.change == PutChange::Created { "registered" } else { "already registered" };
    let values = vec![
        ("Artifact", Cell::text(&p.manifest.artifact_ref)),
        ("Result", Cell::text(change)),
        ("Bytes", Cell::Count(p.size_bytes)),
    ];
    pairs("Registered artifact", values, &p.notes)
}

pub(crate) fn artifact_export(e: &ArtifactExport) -> ReportDocument {
    let values = vec![
        ("Artifact", Cell::text(&e.artifact_ref)),
        ("Package", Cell::text(e.directory.display())),
        ("Bytes", Cell::Count(e.size_bytes)),
        ("Files of the directory", Cell::Count(e.files)),
    ];
    pairs("Exported artifact", values, &[])
}

pub(crate) fn artifact_import(i: &ArtifactImport) -> ReportDocument {
    let values = vec![
        ("Artifact", Cell::text(&i.artifact_ref)),
        ("Result", Cell::text(i.outcome.as_str())),
        ("Bytes written", Cell::Count(i.bytes_written)),
    ];
    pairs("Imported artifact", values, &[])
}

pub(crate) fn verification(v: &VerificationReport) -> ReportDocument {
    let verdict = Block::Verdict {
        is_good: v.status == VerificationStatus::Verified,
        verdict: v.status.as_str().to_owned(),
        text: match v.messages.is_empty() {
            true => v.artifact_ref.to_string(),
            false => format!("{}: {}", v.artifact_ref, v.messages.join("; ")),
        },
    };
    ReportDocument { title: "Verification".to_owned(), sections: vec![ReportSection::new("", verdict)] }
}

pub(crate) fn sweep(s: &SweepReport) -> ReportDocument {
    let rows = s.verification_records.iter().map(|record| {
        vec![
            Cell::text(&record.artifact_ref),
            Cell::text(record.status),
            Cell::optional(record.message.as_ref()),
        ]
    });
    let table = Table::new(&["Artifact", "Status", "Message"], rows.collect());
    let mut sections = vec![ReportSection::table("", table, "no artifacts")];
    if !s.orphan_paths.is_empty() {
        let rows = s.orphan_paths.iter().map(|path| vec![Cell::text(path.display())]).collect();
        sections.push(ReportSection::table("Bodies without artifact", Table::new(&["Path"], rows), ""));
    }
    sections.push(ReportSection::new("Notes", Block::Notes(s.notes.clone())));
    ReportDocument { title: "Verification".to_owned(), sections }
}

pub(crate) fn replay(r: &ReplayResult) -> ReportDocument {
    let values = vec![
        ("Replay mode", Cell::text(r.mode)),
        ("Records", Cell::Count(r.record_count)),
        ("Warnings", Cell::Count(r.warnings.len() as u64)),
        ("Known gaps", Cell::Count(r.known_gaps.len() as u64)),
        ("Malformed entries", Cell::Count(r.malformed.len() as u64)),
        ("Salvaged entries", Cell::Count(r.salvaged.len() as u64)),
        ("Integrity", Cell::text(r.integrity_state)),
    ];
    let mut document = pairs("Replay", values, &[]);
    if !r.warnings.is_empty() {
        let rows = r.warnings.iter().map(|warning| vec![Cell::text(warning)]).collect();
        document.sections.push(ReportSection::table("Warnings", Table::new(&["Warning"], rows), ""));
    }
    document
}
