//! Writes of one object.

use crate::contract::fact::Ended;
use crate::contract::json::write::canonical;
use crate::contract::{Canonical, Fact, Members, Object, RunRef, RunStatus, StableRef, Value};
use crate::engine::entry::{Position, Stamp};
use crate::store::error::Result;
use crate::store::planes::error::PlaneError;
use crate::store::planes::metadata::lookup::is_known;
use crate::store::planes::metadata::parents::parents;
use crate::store::planes::shared::Planes;
use std::collections::BTreeSet;

/// The effect of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataChange {
    /// The object was recorded.
    Created,
    /// The workspace had an equal object.
    Unchanged,
    /// The workspace had the same object with the status `open`. The end of this object was recorded.
    Ended,
    /// The object replaced another object with the same ref. The earlier facts stay in the log.
    Superseded,
}

/// The result of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetadataPut {
    /// The effect.
    pub change: MetadataChange,
    /// The position of the new entry in the log; `None` if nothing was appended.
    pub position: Option<Position>,
}

/// The members that the end of an object changes.
const END_MEMBERS: [&str; 4] = ["status", "ended_at", "end_message", "end_reason"];

/// Records an object, unless the workspace has an equal object. The entry is on disk when the function
/// returns.
pub(super) fn put(planes: &Planes, object: Object, supersedes: bool) -> Result<MetadataPut> {
    Planes::check_writable(planes.writes().metadata, "the metadata", "metadata_store_read_only")?;
    planes.decide(|| {
        let own = object.own_ref().clone();
        let (known, stamps, missing, has_writers) = planes.judge(|view| {
            let mut missing = None;
            for parent in parents(&object) {
                if missing.is_none() && !parent.may_be_missing && !is_known(view, &parent.own)? {
                    missing = Some(parent);
                }
            }
            let has_writers = match RunRef::try_from(own.clone()) {
                Ok(run) => !view.writers(&run)?.is_empty(),
                Err(_) => false,
            };
            Ok((view.object(object.kind(), &own)?, view.stamps_of(&own)?, missing, has_writers))
        })?;
        if let Some(parent) = missing {
            return Err(PlaneError::ParentMissing { code: parent.put_code, own, parent: parent.own }.into());
        }
        let Some(known) = known else {
            return append(planes, Fact::Object(object), Vec::new(), MetadataChange::Created);
        };
        let (known, new) = (members_of(&known), members_of(&object));
        let members = differing(&known, &new)?;
        if members.is_empty() {
            return Ok(MetadataPut { change: MetadataChange::Unchanged, position: None });
        }
        if let Some(end) = end_of(&own, &known, &new, &members)? {
            return append(planes, Fact::Ended(end), Vec::new(), MetadataChange::Ended);
        }
        // The writers of a captured run determine its status, so only a resume opens such a run again.
        let reopens = has_writers && members.contains("status") && is_open(&new);
        if !supersedes || reopens {
            return Err(PlaneError::ObjectConflict { own, members: members.into_iter().collect() }.into());
        }
        append(planes, Fact::Object(object), stamps, MetadataChange::Superseded)
    })
}

fn append(planes: &Planes, fact: Fact, replaces: Vec<Stamp>, change: MetadataChange) -> Result<MetadataPut> {
    let receipt = planes.append(fact, replaces)?;
    Ok(MetadataPut { change, position: Some(receipt.first.position()) })
}

fn is_open(members: &Members) -> bool {
    members.get("status").and_then(Value::as_str) == Some(RunStatus::Open.as_str())
}

fn members_of(object: &Object) -> Members {
    match object.to_value() {
        Value::Map(members) => members,
        _ => Members::new(),
    }
}

/// Returns the names of the members in which two objects differ.
fn differing(known: &Members, new: &Members) -> Result<BTreeSet<String>> {
    let mut differing = BTreeSet::new();
    for name in known.keys().chain(new.keys()) {
        let text = |members: &Members| members.get(name).map(canonical).transpose();
        if text(known)? != text(new)? {
            differing.insert(name.clone());
        }
    }
    Ok(differing)
}

/// Returns the end that changes the known object into the new object. Returns `None` if the known object is
/// not open, or if the objects differ in members that an end does not change.
fn end_of(
    own: &StableRef,
    known: &Members,
    new: &Members,
    differing: &BTreeSet<String>,
) -> Result<Option<Ended>> {
    let text = |name: &str| new.get(name).and_then(Value::as_str).map(str::to_owned);
    let is_end = differing.iter().all(|name| END_MEMBERS.contains(&name.as_str()));
    if !is_end || !is_open(known) {
        return Ok(None);
    }
    let (Some(status), Some(ended_at)) = (text("status"), text("ended_at")) else {
        return Ok(None);
    };
    let ended = Ended::new(own.clone(), status.parse()?, ended_at.parse()?)?;
    Ok(Some(ended.because(text("end_message"), text("end_reason"))?))
}
