//! The import of the body of one artifact.

use crate::contract::error::bounded;
use crate::contract::models::payload::DegradedSeverity;
use crate::contract::{ArtifactManifest, Valid, Value};
use crate::engine::checksum::Digest;
use crate::interchange::error::Result;
use crate::interchange::jsonl::bodies::{difference, store_body, store_tree_files};
use crate::interchange::jsonl::existing::Existing;
use crate::interchange::jsonl::loss::Loss;
use crate::interchange::jsonl::report::{BodyFinding, ImportReport, REPORTED_MAX};
use crate::interchange::jsonl::round::Round;
use crate::store::{Journal, location};
use std::path::Path;

/// The code of a body that cannot be found or read.
const BODY_MISSING: &str = "import.body_missing";
/// The code of a body that differs from its manifest, or from the stored body of the same manifest.
const BODY_DIFFERS: &str = "import.body_differs";

/// The line of an artifact.
pub(super) struct ArtifactLine<'a> {
    pub(super) number: u64,
    pub(super) manifest: &'a Valid<ArtifactManifest>,
    pub(super) path: Option<&'a str>,
    /// `true` if the line adds nothing to the workspace: the workspace has the same manifest, or had the manifest until
    /// another manifest replaced it.
    pub(super) is_unchanged: bool,
}

/// The import of the body of one artifact.
pub(super) struct BodyImport<'a> {
    pub(super) journal: &'a Journal,
    /// The directory of the files with bodies.
    pub(super) dir: Option<&'a Path>,
    pub(super) report: &'a mut ImportReport,
}

impl BodyImport<'_> {
    /// Stores the body of an artifact if necessary, and returns its digest. Returns `None` if the artifact gets no
    /// body. If a file of the body is missing or differs, a loss is added to the round.
    ///
    /// - If the workspace has the manifest and its body, returns the digest of the body. If another manifest has
    ///   replaced the manifest of the line, returns `None`. In both cases, the file that the line names is not read.
    /// - Otherwise, the file is stored as a body, and its digest is returned. Exception: if the workspace has recorded
    ///   the digest of a body for the same manifest, the recorded digest is returned.
    /// - If the line names no file, or the file cannot be read, the artifact keeps the body of the effective manifest,
    ///   but only if both manifests have the same hash and size.
    ///
    /// Errors: the workspace cannot be written.
    pub(super) fn run(
        &mut self,
        line: &ArtifactLine<'_>,
        existing: &Existing,
        round: &mut Round,
    ) -> Result<Option<[u8; 32]>> {
        let manifest = line.manifest;
        let row = existing.artifact.as_ref();
        let is_effective = row.is_some_and(|row| row.manifest == **manifest);
        let stored = row
            .filter(|row| is_effective && row.body_present)
            .and_then(|row| row.body)
            .map(|digest| digest.0);
        // Two manifests with the same hash and size describe the same body.
        let claims = |m: &ArtifactManifest| (m.hash_value.clone(), m.size_bytes);
        let same_claims =
            row.filter(|row| manifest.hash_value.is_some() && claims(&row.manifest) == claims(manifest));
        let inherited = same_claims.and_then(|row| row.body).map(|digest| digest.0);
        // If another manifest has replaced the manifest of this line, the body is not needed.
        let is_replaced = line.is_unchanged && !is_effective;
        let (path, None, false) = (line.path, stored, is_replaced) else {
            if let (Some(path), Some(tree)) = (line.path, stored)
                && location::is_tree(&manifest.location_ref)
            {
                // An earlier import may not have found all files of the directory.
                self.import_tree_files(line, path, &Digest(tree), round)?;
            }
            return Ok(stored);
        };
        let Some(path) = path else { return Ok(inherited) };
        let shown = bounded(path.to_owned());
        let body = match store_body(self.journal, self.dir, path)? {
            Ok(body) => body,
            Err(reason) => {
                self.report.bodies_missing += 1;
                let summary = bounded(format!("the body of {} could not be {reason}", manifest.artifact_ref));
                self.report_body(line, &shown, BODY_MISSING, &summary);
                let attributes = vec![("body", Value::from(shown))];
                round.losses.push(line.loss(
                    path,
                    (BODY_MISSING, DegradedSeverity::Error),
                    summary,
                    attributes,
                ));
                return Ok(inherited);
            }
        };
        let known = row.filter(|_| is_effective).and_then(|row| row.body);
        self.report.bodies_stored += u64::from(known != Some(body.digest));
        let replaced = known
            .filter(|known| *known != body.digest)
            .map(|_| "the body that this workspace has for the same manifest".to_owned());
        if let Some(reason) = difference(manifest, &body).or(replaced) {
            self.report.bodies_differing += 1;
            let summary = format!("the body of {} differs from {reason}", manifest.artifact_ref);
            self.report_body(line, &shown, BODY_DIFFERS, &summary);
            let attributes = vec![
                ("size_bytes", Value::from(body.size)),
                ("sha256", Value::from(body.sha256.as_str())),
                ("body", Value::from(shown)),
            ];
            round.losses.push(line.loss(
                path,
                (BODY_DIFFERS, DegradedSeverity::Warning),
                summary,
                attributes,
            ));
        }
        if location::is_tree(&manifest.location_ref) {
            self.import_tree_files(line, path, &body.digest, round)?;
        }
        // An effective manifest keeps its body, even if the file of the body is missing in the workspace.
        Ok(Some(known.unwrap_or(body.digest).0))
    }

    /// Stores the files of a directory artifact that the workspace does not have. Adds a loss to the round if files are
    /// missing.
    fn import_tree_files(
        &mut self,
        line: &ArtifactLine<'_>,
        path: &str,
        tree: &Digest,
        round: &mut Round,
    ) -> Result<()> {
        let lost = store_tree_files(self.journal, self.dir, path, tree)?;
        let Some(reason) = lost.first() else { return Ok(()) };
        self.report.bodies_missing += lost.len() as u64;
        let (own, count) = (&line.manifest.artifact_ref, lost.len());
        let summary = bounded(format!("{count} files of the directory {own} could not be {reason}"));
        let shown = bounded(path.to_owned());
        self.report_body(line, &shown, BODY_MISSING, &summary);
        let attributes = vec![("body", Value::from(shown))];
        round.losses.push(line.loss(path, (BODY_MISSING, DegradedSeverity::Error), summary, attributes));
        Ok(())
    }

    /// Adds a missing or differing body to the report, unless the report is full. A repeated import reports the body
    /// again, because the repeated import is incomplete for the same reason.
    fn report_body(&mut self, line: &ArtifactLine<'_>, body: &str, code: &'static str, message: &str) {
        if self.report.bodies.len() < REPORTED_MAX {
            self.report.bodies.push(BodyFinding {
                line: line.number,
                artifact_ref: line.manifest.artifact_ref.clone(),
                body: body.to_owned(),
                code,
                message: message.to_owned(),
            });
        }
    }
}

impl ArtifactLine<'_> {
    /// Creates the loss for an artifact whose body is missing or differs.
    fn loss(
        &self,
        path: &str,
        (key, severity): (&'static str, DegradedSeverity),
        summary: String,
        attributes: Vec<(&str, Value)>,
    ) -> Loss {
        Loss {
            run: self.manifest.run_ref.clone(),
            always: true,
            key,
            severity,
            summary,
            subject: Some((&self.manifest.artifact_ref).into()),
            attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            identity: format!("{} {path}", self.manifest.artifact_ref),
        }
    }
}
