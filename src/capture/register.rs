//! Registration of artifacts and lineage edges in a scope.

use crate::capture::dispatch::{Appended, Commit};
use crate::capture::emission::{ArtifactRegistration, ArtifactRole};
use crate::capture::error::{Error, Result};
use crate::capture::outcome::RegisteredArtifact;
use crate::capture::result::{BatchCaptureResult, CaptureResult, CapturedAs, PayloadFamily};
use crate::capture::scope::Scope;
use crate::capture::secrets::Redaction;
use crate::contract::refs::slug;
use crate::contract::{
    ArtifactManifest, ArtifactRef, Confidence, Degradation, DegradedCategory, DegradedPayload,
    DegradedSeverity, Fact, LineageEdge, LineageOrigin, RecordDraft, RelationRef, RelationType, RunRef,
    StableRef, Valid,
};
use crate::store::Durability;
use crate::store::journal::{file_name_attribute, location_of, short_digest};
use std::io;
use std::path::Path;
use std::sync::Arc;

impl Scope {
    pub(super) fn relate(
        &self,
        source: StableRef,
        relation: RelationType,
        target: StableRef,
    ) -> Result<LineageEdge> {
        self.check_open()?;
        let inner = &self.session.inner;
        let edge = self.edge(self.context.run()?, source, relation, target)?;
        let commit = Commit::new(vec![edge.clone().into()], inner.options.durability, &self.context);
        inner.dispatcher.append(commit)?;
        Ok(edge.into_inner())
    }

    /// Creates a lineage edge. The ref of the edge is derived from source, relation and target. An edge that is
    /// captured several times therefore has one ref, and appears once in answers.
    fn edge(
        &self,
        run: &RunRef,
        source: StableRef,
        relation: RelationType,
        target: StableRef,
    ) -> crate::contract::Result<Valid<LineageEdge>> {
        let content = format!("{source} {relation} {target}");
        let edge = LineageEdge::new(
            RelationRef::under(run, &short_digest(&content))?,
            relation,
            source,
            target,
            self.session.inner.now(),
            LineageOrigin::Explicit,
            Confidence::High,
        );
        Valid::new(edge)
    }

    /// Returns the ref for an artifact: the given ref, or a ref with the given key, or a new ref that is made from the
    /// name of the file.
    fn artifact_ref(&self, run: &RunRef, what: &ArtifactRegistration) -> Result<ArtifactRef> {
        const KIND: &str = "artifact";
        let mut children = self.outermost().children();
        if let Some(own) = &what.artifact_ref {
            children.names.reserve(KIND, own.last_component());
            return Ok(own.clone());
        }
        if let Some(key) = &what.key {
            children.names.reserve(KIND, key);
            return Ok(ArtifactRef::under(run, key)?);
        }
        let stem = what.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.and_then(|stem| slug(&stem, usize::MAX)).unwrap_or_else(|| KIND.to_owned());
        Ok(ArtifactRef::under(run, &children.names.claim(KIND, &stem, KIND).component)?)
    }

    pub(super) fn register(&self, what: ArtifactRegistration) -> Result<RegisteredArtifact> {
        self.check_open()?;
        let inner = &self.session.inner;
        if inner.options.artifacts_read_only {
            return Err(Error::ReadOnly { what: "artifacts" });
        }
        let run = self.context.run()?;
        let exists = self.check_source(&what)?;
        let artifact_ref = self.artifact_ref(run, &what)?;
        let mut attributes = what.attributes.clone();
        attributes.extend(file_name_attribute(&what.path));
        let manifest = |location: String| {
            let producer = inner.options.producer.as_str();
            let mut manifest = ArtifactManifest::new(
                artifact_ref.clone(),
                what.artifact_kind.as_str(),
                inner.now(),
                producer,
                run.clone(),
                location,
            );
            self.context.describe(&mut manifest);
            manifest.attributes = attributes.clone();
            Redaction::new(&inner.redactor).of(manifest)
        };
        let edge = |artifact: StableRef| match what.role {
            ArtifactRole::Input => self.edge(run, self.own.clone(), RelationType::Used, artifact),
            _ => self.edge(run, artifact, RelationType::ProducedBy, self.own.clone()),
        };
        if !exists {
            let path = std::path::absolute(&what.path).unwrap_or_else(|_| what.path.clone());
            let manifest = Valid::new(manifest(format!("path:{}", path.display())))?;
            let own: StableRef = (&manifest.artifact_ref).into();
            let marker = self.missing_marker(&what.path, own.clone())?;
            let facts = vec![Fact::Artifact(Box::new(manifest.clone()), None), edge(own)?.into(), marker];
            let commit = Commit::new(facts, Durability::Fsync, &self.context);
            return self.registered(inner.dispatcher.append(commit)?, manifest, true);
        }
        let (appended, manifest) = inner.dispatcher.append_artifact(&what.path, &self.context, |body| {
            let mut manifest = manifest(location_of(body));
            manifest.hash_value = what.compute_hash.then(|| body.sha256.clone());
            manifest.size_bytes = Some(body.size);
            let manifest = Valid::new(manifest)?;
            let edge = edge((&manifest.artifact_ref).into())?;
            Ok((manifest, vec![edge.into()]))
        })?;
        self.registered(appended, manifest, false)
    }

    /// Returns the result of a registration. Error: the manifest is lost.
    fn registered(
        &self,
        appended: Appended,
        manifest: Valid<ArtifactManifest>,
        is_missing: bool,
    ) -> Result<RegisteredArtifact> {
        let Appended { receipt, results, .. } = appended;
        let Some(receipt) = receipt else {
            let results = results.unwrap_or_default();
            let results = BatchCaptureResult::aggregate(PayloadFamily::Artifact, results);
            return Err(Error::Delivery(Box::new(results)));
        };
        let durability = receipt.durability;
        let captured = results.and_then(|results| results.into_iter().next()).unwrap_or_else(|| {
            let captured = CapturedAs {
                context: Some(Arc::clone(&self.context)),
                record_type: None,
                position: Some(receipt.first.position()),
                durability: Some(durability),
            };
            CaptureResult::captured(PayloadFamily::Artifact, captured)
        });
        Ok(RegisteredArtifact { manifest, durability, is_missing, captured })
    }

    /// Checks the file of an artifact. Returns `false` if the file is missing and may be missing.
    fn check_source(&self, what: &ArtifactRegistration) -> Result<bool> {
        let source = |what_is_wrong| Error::Source { path: what.path.clone(), what: what_is_wrong };
        let info = match self.session.inner.journal.storage().info(&what.path) {
            Ok(info) => info,
            Err(e) if e.kind() == io::ErrorKind::NotFound && what.allow_missing => return Ok(false),
            Err(_) => return Err(source("does not exist or cannot be read")),
        };
        if info.is_dir {
            return Err(source("is a directory; register its files, or an archive of it"));
        }
        if !info.is_file {
            return Err(source("is not a regular file"));
        }
        Ok(true)
    }

    /// Returns the degraded marker of an artifact whose file is missing.
    fn missing_marker(&self, path: &Path, artifact: StableRef) -> Result<Fact> {
        let inner = &self.session.inner;
        let mut observation = self.context.observation(inner.now(), &inner.options.producer)?;
        observation.degradation_marker = Degradation::CaptureGap;
        let summary = format!("the file of {artifact} does not exist: {}", path.display());
        let (category, severity) = (DegradedCategory::Capture, DegradedSeverity::Warning);
        let mut payload = DegradedPayload::new("artifact.source_missing", category, severity, summary);
        payload.subject_ref = Some(artifact);
        Ok(Fact::Degraded(Valid::new(RecordDraft::of(observation, payload))?))
    }
}
