//! Registration of report files as artifacts of runs. The runs may have ended.

use crate::capture::context::Context;
use crate::capture::dispatch::Commit;
use crate::capture::edge::edge;
use crate::capture::error::{Error, Result};
use crate::capture::intake::Intake;
use crate::capture::session::Session;
use crate::contract::refs::slug;
use crate::contract::{ArtifactManifest, ArtifactRef, Fact, RelationType, RunRef};
use crate::store::journal::file_name_attributes;
use crate::store::{Durability, SourceMode, StoredBody, location};
use std::path::Path;
use std::sync::Arc;

/// The kind of the artifacts.
const KIND: &str = "report_bundle";
/// The number of hexadecimal digits of the file's digest in the ref of an artifact.
const DIGITS: usize = 12;
/// The greatest length of the file name in the ref of an artifact. A dash and the digits follow the name.
const STEM_LEN_MAX: usize = 63 - 1 - DIGITS;

impl Session {
    /// Stores a file as a body. Returns the body and the ref of the artifact. The ref is made from the name
    /// and the content of the file, so files with equal names and equal contents have the same ref. Errors:
    /// the workspace is read-only or cannot be written, or the file cannot be read.
    pub(crate) fn store_report(&self, run: &RunRef, path: &Path) -> Result<(ArtifactRef, StoredBody)> {
        let options = &self.inner.options;
        if options.artifacts_read_only || options.records_read_only {
            return Err(Error::ReadOnly { what: "artifacts" });
        }
        let body = self.inner.journal.take_source(path, SourceMode::Copy)?.body;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = slug(&stem, STEM_LEN_MAX).unwrap_or_else(|| "report".to_owned());
        let digits: String = body.sha256.chars().take(DIGITS).collect();
        Ok((ArtifactRef::under(run, &format!("{stem}-{digits}"))?, body))
    }

    /// Records a stored file as an artifact of the kind `report_bundle`, and records the lineage edge
    /// `reported_by` from the run to the artifact. Manifest and lineage edge are on disk when the method
    /// returns. Errors: the workspace cannot be written, or a sink failed. If only a sink failed, the
    /// artifact is recorded ([`Error::is_recorded`]).
    pub(crate) fn record_report(
        &self,
        run: &RunRef,
        (own, body): (ArtifactRef, &StoredBody),
        path: &Path,
    ) -> Result<()> {
        let (now, producer) = (self.inner.now(), self.inner.options.producer.as_str());
        let location = location::of_body(&body.digest);
        let mut manifest = ArtifactManifest::new(own.clone(), KIND, now, producer, run.clone(), location);
        (manifest.hash_value, manifest.size_bytes) = (Some(body.sha256.clone()), Some(body.size));
        manifest.attributes.extend(file_name_attributes(path));
        let manifest = Intake::new(&self.inner.redactor).object(manifest)?;
        let edge = edge(run, run.into(), RelationType::ReportedBy, (&own).into(), now)?;
        let facts = vec![Fact::Artifact(Box::new(manifest), Some(body.digest.0)), edge.into()];
        let context = Arc::new(Context::default());
        let commit = Commit::new(facts, Durability::Fsync, &context);
        self.inner.dispatcher.append(Commit { needs_log: true, ..commit })?;
        Ok(())
    }
}
