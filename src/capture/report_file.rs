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
use crate::store::{Durability, SourceMode, location};
use std::path::Path;
use std::sync::Arc;

/// The kind of the artifacts.
const KIND: &str = "report_bundle";
/// The number of hexadecimal digits of the file's digest in the ref of an artifact.
const DIGITS: usize = 12;
/// The greatest length of the part of a ref that is made from the name of the file. A dash and the digits follow.
const STEM_LEN_MAX: usize = 63 - 1 - DIGITS;

impl Session {
    /// Returns the ref that [`register_report`](Session::register_report) gives to a file. The ref is made from the
    /// name and the content of the file, so files with equal names and equal contents have one ref. Errors: the file
    /// cannot be read.
    pub(crate) fn report_ref(&self, run: &RunRef, path: &Path) -> Result<ArtifactRef> {
        let (sha256, _) = self.inner.journal.hash_file(path)?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = slug(&stem, STEM_LEN_MAX).unwrap_or_else(|| "report".to_owned());
        let digits: String = sha256.chars().take(DIGITS).collect();
        Ok(ArtifactRef::under(run, &format!("{stem}-{digits}"))?)
    }

    /// Stores a file as an artifact of the kind `report_bundle`, and records that the run is reported by this artifact.
    /// Body, manifest and lineage edge are on disk when the method returns. Errors: the workspace is read-only or
    /// cannot be written, the file cannot be read, or a sink failed. After the failure of a sink, the artifact is
    /// recorded ([`Error::is_recorded`]).
    pub(crate) fn register_report(&self, run: &RunRef, own: ArtifactRef, path: &Path) -> Result<()> {
        let options = &self.inner.options;
        if options.artifacts_read_only || options.records_read_only {
            return Err(Error::ReadOnly { what: "artifacts" });
        }
        let (now, journal) = (self.inner.now(), &self.inner.journal);
        let body = journal.take_source(path, SourceMode::Copy)?.body;
        let location = location::of_body(&body.digest);
        let mut manifest =
            ArtifactManifest::new(own.clone(), KIND, now, options.producer.as_str(), run.clone(), location);
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
