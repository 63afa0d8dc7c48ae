//! The runs to which a fact belongs.

use crate::contract::{Fact, Object, RunRef, StableRef};

/// Returns the runs to which a fact belongs. The erasure of one of these runs also erases the fact.
///
/// A fact about an object, artifact or record of a run belongs to this run. A lineage edge belongs to the runs of its
/// source and its target, and an alias to the run of its artifact. A provenance record belongs to the run of its
/// context and to the run of its evidence. Facts about projects, deployments, processes, imports and erasures belong
/// to no run.
pub(crate) fn runs_of(fact: &Fact) -> Vec<RunRef> {
    let run_of = |any: &StableRef| any.run();
    match fact {
        Fact::Object(Object::Relation(edge)) => {
            let source = run_of(&edge.source_ref);
            let target = run_of(&edge.target_ref).filter(|target| source.as_ref() != Some(target));
            source.into_iter().chain(target).collect()
        }
        Fact::Object(Object::Alias(alias)) => run_of(&alias.artifact_ref).into_iter().collect(),
        Fact::Object(Object::Provenance(provenance)) => {
            let context = provenance.formation_context_ref.as_ref().and_then(run_of);
            let evidence = provenance.evidence_bundle_ref.as_ref().and_then(|artifact| run_of(artifact));
            context.into_iter().chain(evidence).collect()
        }
        Fact::Object(object) => run_of(object.own_ref()).into_iter().collect(),
        Fact::Artifact(manifest, _) => vec![manifest.run_ref.clone()],
        Fact::Ended(ended) => run_of(ended.subject()).into_iter().collect(),
        Fact::Annotation(annotation) => run_of(annotation.subject()).into_iter().collect(),
        Fact::Param(param) => vec![param.run_ref().clone()],
        Fact::Writer(writer) => vec![writer.run_ref().clone()],
        Fact::Event(_) | Fact::Metric(_) | Fact::Span(_) | Fact::Degraded(_) => {
            fact.observation().map(|(observation, _)| observation.run_ref.clone()).into_iter().collect()
        }
        Fact::Process(_) | Fact::Import(_) | Fact::Erasure(_) => Vec::new(),
    }
}
