//! Differences of the artifacts of two runs.

use crate::contract::ArtifactRef;
use crate::interpretation::evidence::EvidenceLink;
use crate::store::ArtifactRow;
use std::collections::{BTreeMap, BTreeSet};

/// A difference between the artifacts of two runs. The difference concerns one artifact, or all artifacts of a kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArtifactChange {
    /// The kind of the artifacts.
    pub artifact_kind: String,
    /// The type of the difference:
    ///
    /// - `added`: only the right run has the artifact, or only the right run has artifacts of the kind.
    /// - `removed`: only the left run has the artifact, or only the left run has artifacts of the kind.
    /// - `changed`: the content or the location of the artifact differs.
    /// - `same`: both runs have several artifacts of the kind, and the contents of these artifacts are equal.
    pub change: &'static str,
    /// The artifact in the left run. For a whole kind, the first artifact of the kind.
    pub left_ref: Option<ArtifactRef>,
    /// The artifact in the right run. For a whole kind, the first artifact of the kind.
    pub right_ref: Option<ArtifactRef>,
    /// For `changed`: `hash_changed`, `location_changed` or `both_changed`.
    pub change_detail: Option<&'static str>,
    /// Links to the artifacts concerned.
    pub evidence_links: Vec<EvidenceLink>,
}

fn link(artifact: &ArtifactRow) -> EvidenceLink {
    EvidenceLink::new("artifact", &artifact.manifest.artifact_ref, &artifact.manifest.artifact_kind)
}

/// Returns the content digest of an artifact as text: the digest in the manifest if it is SHA-256, otherwise
/// the BLAKE3 digest of the body. `None` if neither is known.
fn content(artifact: &ArtifactRow) -> Option<String> {
    artifact.manifest.sha256().or_else(|| artifact.body.map(|body| format!("blake3:{body}")))
}

/// Returns `true` if the contents of two artifacts are known to be equal.
fn has_equal_content(left: &ArtifactRow, right: &ArtifactRow) -> bool {
    match (&left.body, &right.body) {
        (Some(left), Some(right)) => left == right,
        _ => content(left).is_some() && content(left) == content(right),
    }
}

/// Returns `true` if two artifacts have different locations. If the bodies of both artifacts are stored in
/// the workspace, the locations are not compared, because the location of a stored body is derived from its
/// content.
fn has_other_location(left: &ArtifactRow, right: &ArtifactRow) -> bool {
    let is_stored = |artifact: &ArtifactRow| artifact.manifest.location_ref.starts_with("blake3:");
    !(is_stored(left) && is_stored(right)) && left.manifest.location_ref != right.manifest.location_ref
}

/// Compares one artifact of each run.
fn pair(left: &ArtifactRow, right: &ArtifactRow) -> Option<ArtifactChange> {
    let detail = match (!has_equal_content(left, right), has_other_location(left, right)) {
        (false, false) => return None,
        (true, true) => "both_changed",
        (true, false) => "hash_changed",
        (false, true) => "location_changed",
    };
    Some(ArtifactChange {
        artifact_kind: left.manifest.artifact_kind.clone(),
        change: "changed",
        left_ref: Some(left.manifest.artifact_ref.clone()),
        right_ref: Some(right.manifest.artifact_ref.clone()),
        change_detail: Some(detail),
        evidence_links: vec![link(left), link(right)],
    })
}

/// Returns one change that describes all artifacts in `lefts` and `rights`. Either one of the two lists is
/// empty, or the contents of the artifacts in both lists are equal.
fn whole(change: &'static str, lefts: &[&ArtifactRow], rights: &[&ArtifactRow]) -> ArtifactChange {
    let both = || lefts.iter().chain(rights);
    let first = |rows: &[&ArtifactRow]| rows.first().map(|row| row.manifest.artifact_ref.clone());
    ArtifactChange {
        artifact_kind: both().next().map(|row| row.manifest.artifact_kind.clone()).unwrap_or_default(),
        change,
        left_ref: first(lefts),
        right_ref: first(rights),
        change_detail: None,
        evidence_links: both().map(|row| link(row)).collect(),
    }
}

/// Compares the artifacts of two runs kind by kind. If a run has several artifacts of a kind, artifacts with equal names
/// are compared with each other.
pub(super) fn artifact_changes(left: &[ArtifactRow], right: &[ArtifactRow]) -> Vec<ArtifactChange> {
    let kinds: BTreeSet<&str> = left.iter().chain(right).map(kind).collect();
    let mut changes = Vec::new();
    for kind in kinds {
        let (lefts, rights) = (of_kind(left, kind), of_kind(right, kind));
        match (lefts.as_slice(), rights.as_slice()) {
            ([], _) => changes.push(whole("added", &[], &rights)),
            (_, []) => changes.push(whole("removed", &lefts, &[])),
            ([l], [r]) => changes.extend(pair(l, r)),
            _ if contents(&lefts).is_some() && contents(&lefts) == contents(&rights) => {
                changes.push(whole("same", &lefts, &rights));
            }
            _ => changes.extend(by_name(&lefts, &rights)),
        }
    }
    changes
}

fn kind(row: &ArtifactRow) -> &str {
    &row.manifest.artifact_kind
}

fn of_kind<'r>(rows: &'r [ArtifactRow], wanted: &str) -> Vec<&'r ArtifactRow> {
    rows.iter().filter(|row| kind(row) == wanted).collect()
}

/// Returns the content digests of artifacts in ascending order; `None` if a digest is unknown.
fn contents(rows: &[&ArtifactRow]) -> Option<Vec<String>> {
    let mut all = rows.iter().map(|row| content(row)).collect::<Option<Vec<String>>>()?;
    all.sort();
    Some(all)
}

/// Compares artifacts with equal names.
fn by_name(lefts: &[&ArtifactRow], rights: &[&ArtifactRow]) -> Vec<ArtifactChange> {
    fn named<'r>(rows: &[&'r ArtifactRow]) -> BTreeMap<String, &'r ArtifactRow> {
        let name = |row: &&'r ArtifactRow| (row.manifest.artifact_ref.last_component().to_owned(), *row);
        rows.iter().map(name).collect()
    }
    let (lefts, rights) = (named(lefts), named(rights));
    let names: BTreeSet<&String> = lefts.keys().chain(rights.keys()).collect();
    let change = |name: &String| match (lefts.get(name), rights.get(name)) {
        (Some(left), Some(right)) => pair(left, right),
        (Some(left), None) => Some(whole("removed", &[left], &[])),
        (None, Some(right)) => Some(whole("added", &[], &[right])),
        (None, None) => None,
    };
    names.into_iter().filter_map(change).collect()
}
