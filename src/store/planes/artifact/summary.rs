//! Checks of all artifacts: a report with one record for each artifact, and a summary with counts.

use crate::contract::{ArtifactRef, Severity};
use crate::engine::checksum::Digest;
use crate::engine::fault::chain;
use crate::engine::log::header::FORMAT_VERSION;
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::planes::artifact::handle::row;
use crate::store::planes::artifact::refs::ArtifactRefs;
use crate::store::planes::artifact::verification::{VerificationRecord, VerificationStatus};
use crate::store::planes::artifact::verify::{Verifications, Verifier};
use crate::store::planes::shared::Planes;
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

/// The verification of all artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// One record for each artifact. The records are ordered by ref.
    pub verification_records: Vec<VerificationRecord>,
    /// The artifacts whose content is missing.
    pub missing_refs: Vec<ArtifactRef>,
    /// The artifacts whose content differs from the manifest.
    pub drifted_refs: Vec<ArtifactRef>,
    /// The files of the bodies that no artifact refers to. The body of an unfinished capture can be among
    /// these files.
    pub orphan_paths: Vec<PathBuf>,
    /// Notes on missing entries of the log and on directories that could not be listed.
    pub notes: Vec<Note>,
}

/// The number, size and state of all artifacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreSummary {
    /// The number of artifacts.
    pub artifact_count: u64,
    /// The sum of the sizes of the artifacts in bytes. A body that several artifacts share is counted for
    /// each artifact.
    pub total_size_bytes: u64,
    /// The number of artifacts of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// The number of artifacts whose content is verified.
    pub verified_count: u64,
    /// The number of artifacts whose content is missing.
    pub missing_count: u64,
    /// The number of artifacts whose content differs from the manifest.
    pub drift_count: u64,
    /// The number of artifacts whose content cannot be read.
    pub unreadable_count: u64,
    /// The number of artifacts whose content is outside the workspace and was not read.
    pub external_count: u64,
    /// The number of bodies that no artifact refers to.
    pub orphan_count: u64,
    /// The version of the file format.
    pub format_version: u16,
    /// Notes on missing entries of the log and on directories that could not be listed.
    pub notes: Vec<Note>,
}

/// Verifies all artifacts.
pub(super) fn sweep(planes: &Planes) -> Result<SweepReport> {
    let records = Verifications::new(planes).map(|report| report.map(VerificationRecord::from));
    let records = records.collect::<Result<Vec<VerificationRecord>>>()?;
    let BodyComparison { orphan_paths, notes, .. } = compare_bodies(planes)?;
    let with = |wanted: fn(VerificationStatus) -> bool| {
        let found = records.iter().filter(|record| wanted(record.status));
        found.map(|record| record.artifact_ref.clone()).collect()
    };
    Ok(SweepReport {
        missing_refs: with(|status| status == VerificationStatus::Missing),
        drifted_refs: with(VerificationStatus::is_drift),
        verification_records: records,
        orphan_paths,
        notes,
    })
}

/// Verifies and counts all artifacts. Verifies one artifact at a time.
pub(super) fn inspect(planes: &Planes) -> Result<StoreSummary> {
    let mut summary = StoreSummary { format_version: FORMAT_VERSION, ..StoreSummary::default() };
    let mut verifier = Verifier::new(planes);
    for artifact in ArtifactRefs::new(planes) {
        let row = row(planes, &artifact?)?;
        let status = verifier.verify(&row, None)?.status;
        summary.artifact_count += 1;
        summary.total_size_bytes = summary.total_size_bytes.saturating_add(row.size_bytes().unwrap_or(0));
        *summary.kinds.entry(row.manifest.artifact_kind).or_default() += 1;
        let counter = match status {
            VerificationStatus::Verified => &mut summary.verified_count,
            VerificationStatus::Missing => &mut summary.missing_count,
            VerificationStatus::SizeMismatch | VerificationStatus::HashMismatch => &mut summary.drift_count,
            VerificationStatus::Unreadable => &mut summary.unreadable_count,
            VerificationStatus::External => &mut summary.external_count,
        };
        *counter += 1;
    }
    let bodies = compare_bodies(planes)?;
    (summary.orphan_count, summary.notes) = (bodies.orphan_paths.len() as u64, bodies.notes);
    Ok(summary)
}

/// The result of a comparison between the bodies of the workspace and the artifacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BodyComparison {
    /// The files of the bodies that no artifact refers to.
    pub(crate) orphan_paths: Vec<PathBuf>,
    /// The total length of these files in bytes.
    pub(crate) orphan_bytes: u64,
    /// The number of bodies that an artifact refers to and that have no file.
    pub(crate) missing: u64,
    /// Notes on missing entries of the log and on directories that could not be listed.
    pub(crate) notes: Vec<Note>,
}

/// Compares the files of the bodies with the artifacts. The only bodies that are read are lists of files.
pub(super) fn compare_bodies(planes: &Planes) -> Result<BodyComparison> {
    let blobs = planes.journal().blobs();
    // The bodies are listed before the artifacts are read. A body that is stored in the meantime is not in
    // the list.
    let (digests, errors) = blobs.list()?;
    let (named, mut notes) = planes.read(|view| {
        let (mut named, mut notes) = (HashSet::from_iter(view.bodies()?), view.notes());
        for tree in view.trees()? {
            match view.tree_files(&tree) {
                Ok(files) => named.extend(files.into_iter().map(|(digest, _)| digest)),
                // If the list of a directory is damaged, its files appear to be orphans. A note names the
                // directory.
                Err(e) => {
                    let message = format!("the files of the directory {tree} are not known: {e}");
                    notes.push(Note::new(Severity::Warning, e.code(), message));
                }
            }
        }
        Ok::<(HashSet<Digest>, Vec<Note>), _>((named, notes))
    })?;
    notes.extend(errors.iter().map(|e| {
        let message = format!("a directory of bodies could not be listed: {}", chain(e));
        Note::new(Severity::Warning, "could_not_check", message)
    }));
    let found: HashSet<Digest> = digests.iter().copied().collect();
    // A body can be missing in the list because it was stored later.
    let is_missing =
        |digest: &&Digest| !found.contains(*digest) && blobs.size_of(digest).is_ok_and(|size| size.is_none());
    let missing = named.iter().filter(is_missing).count() as u64;
    let orphans: Vec<Digest> = digests.into_iter().filter(|digest| !named.contains(digest)).collect();
    let sizes = orphans.iter().map(|digest| blobs.size_of(digest).ok().flatten().unwrap_or(0));
    let orphan_bytes = sizes.sum();
    let orphan_paths = orphans.iter().map(|digest| blobs.path(digest)).collect();
    Ok(BodyComparison { orphan_paths, orphan_bytes, missing, notes })
}
