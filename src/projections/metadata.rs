//! Attributes of projects, runs, deployments, stages, batches, samples and operations, and complete objects of the
//! other kinds except lineage edges.
//!
//! Each attribute has rows of its own. Values that two writers give to different attributes do not conflict. If an
//! attribute has several different values, all of them are kept. An environment, a provenance record or an alias is not
//! divided into attributes: each fact has one row with the complete fact. Environments and provenance records are
//! recorded once, and a new value of an alias replaces the whole alias.

use crate::contract::fact::{Change, Mark};
use crate::contract::json::write::with_nulls;
use crate::contract::{Canonical, Fact, Object, ObjectKind, StableRef, Timestamp, Value};
use crate::engine::Result;
use crate::engine::entry::{Kind, Stamp};
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::tables::{FACTS, OBJECTS};

/// The projection that fills [`FACTS`] and [`OBJECTS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetadataProjection;

/// The prefix of the attribute names of parameters.
pub(crate) const PARAM_PREFIX: &str = "param/";
/// The prefix of the attribute names of tags.
pub(crate) const TAG_PREFIX: &str = "tag/";
/// The prefix of the attribute names of metadata.
pub(crate) const METADATA_PREFIX: &str = "meta/";
/// The prefix of the attribute names of notes. The position of the note's entry in the log follows the prefix.
pub(crate) const NOTE_PREFIX: &str = "note/";
/// The prefix of the attribute names of extensions. The namespace follows the prefix.
pub(crate) const EXTENSION_PREFIX: &str = "ext/";
/// The prefix of the attribute names of members that only a newer version of the schema defines.
pub(crate) const NEWER_PREFIX: &str = "newer/";

/// Returns `true` for kinds of objects that have one row for each attribute.
pub(crate) fn is_by_attribute(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Project
            | ObjectKind::Run
            | ObjectKind::Deployment
            | ObjectKind::Stage
            | ObjectKind::Batch
            | ObjectKind::Sample
            | ObjectKind::Operation
    )
}

/// Returns the prefix of the attribute names for a member that contains several attributes, such as `params`; `None`
/// for other members.
pub(crate) fn prefix_of(member: &str) -> Option<&'static str> {
    Some(match member {
        "params" => PARAM_PREFIX,
        "tags" => TAG_PREFIX,
        "metadata" => METADATA_PREFIX,
        "notes" => NOTE_PREFIX,
        "extensions" => EXTENSION_PREFIX,
        _ => return None,
    })
}

/// Returns `true` if `name` is the name of a mark, such as `archived`.
pub(crate) fn is_mark(name: &str) -> bool {
    Mark::ALL.iter().any(|mark| mark.as_str() == name)
}

/// The first byte of the value of an imported attribute: white space, which JSON readers ignore.
pub(crate) const IMPORTED_MARK: u8 = b' ';

/// A writer of the attribute rows of one entry, which is about one object.
struct AttributeRows<'a> {
    imported: bool,
    subject: &'a StableRef,
    stamp: Stamp,
    replaces: &'a [Stamp],
    tables: &'a mut Tables,
}

impl AttributeRows<'_> {
    fn put(&mut self, name: &str, value: &Value) {
        // The values come from validated models, whose numbers are finite, so encoding does not fail. A member that is
        // null is not recorded, unless it is a parameter.
        let is_recorded = *value != Value::Null || name.starts_with(PARAM_PREFIX);
        if let (Ok(text), true) = (with_nulls(value), is_recorded) {
            self.put_text(name, &text);
        }
    }

    /// Puts a row whose value is the JSON text `text`.
    fn put_text(&mut self, name: &str, text: &str) {
        let key = keys::attribute(self.subject, name);
        let mark: &[u8] = if self.imported { &[IMPORTED_MARK] } else { &[] };
        let value = [mark, text.as_bytes()].concat();
        self.tables.put_version(FACTS, &key, self.stamp, self.replaces, &value);
    }

    fn annotate(&mut self, change: &Change) {
        match change {
            Change::Name(name) => self.put("name", &Value::text(name)),
            Change::Description(text) => self.put("description", &Value::text(text)),
            Change::Tag(key, Some(value)) => self.put(&format!("{TAG_PREFIX}{key}"), &Value::text(value)),
            // A null marks a removed tag.
            Change::Tag(key, None) => self.put_text(&format!("{TAG_PREFIX}{key}"), "null"),
            Change::Mark(mark, is_set) => self.put(mark.as_str(), &Value::Bool(*is_set)),
            Change::Note(text) => {
                // Each note has an attribute of its own, so that a note does not replace an earlier note.
                let key = format!("{NOTE_PREFIX}{}-{}", self.stamp.stream, self.stamp.seq);
                let at = Timestamp::from_nanos(self.stamp.time);
                self.put(&key, &Value::map([("at", Value::text(at)), ("text", Value::text(text))]));
            }
        }
    }

    fn put_object(&mut self, object: &Object) {
        let Value::Map(members) = object.to_value() else { return };
        for (name, value) in &members {
            match (prefix_of(name), value) {
                _ if name == object.kind().ref_member() => {}
                _ if !object.kind().known().contains(&name.as_str()) => {
                    self.put(&format!("{NEWER_PREFIX}{name}"), value);
                }
                (Some(prefix), Value::Map(inner)) => {
                    for (key, value) in inner {
                        self.put(&format!("{prefix}{key}"), value);
                    }
                }
                (Some(prefix), Value::List(sets)) => {
                    for set in sets {
                        let namespace = set.get("namespace").and_then(Value::as_str).unwrap_or_default();
                        self.put(&format!("{prefix}{namespace}"), set);
                    }
                }
                (_, value) => self.put(name, value),
            }
        }
    }
}

impl Projection<Captured> for MetadataProjection {
    fn name(&self) -> &'static str {
        "metadata"
    }

    fn version(&self) -> u32 {
        7
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[FACTS, OBJECTS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(kind, kind::ENDED | kind::PARAM | kind::ANNOTATION)
            || kind::object_kind(kind).is_some_and(|kind| kind != ObjectKind::Relation)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        let (stamp, replaces) = (applied.stamp, applied.event.replaces.as_slice());
        let imported = applied.event.origin.is_some();
        match &applied.event.fact {
            Fact::Object(object) if is_by_attribute(object.kind()) => {
                AttributeRows { imported, subject: object.own_ref(), stamp, replaces, tables }
                    .put_object(object);
            }
            Fact::Object(object) if object.kind() != ObjectKind::Relation => {
                let key = object.own_ref().as_str().as_bytes();
                tables.put_version(OBJECTS, key, stamp, replaces, &entry::row(applied));
            }
            // The end of a writer is not the end of its run: a reader derives the status of the run from all its
            // writers.
            Fact::Ended(ended) if ended.writer().is_none() => {
                let mut rows = AttributeRows { imported, subject: ended.subject(), stamp, replaces, tables };
                rows.put("status", &ended.status().into());
                rows.put("ended_at", &Value::text(ended.ended_at()));
                for (name, text) in [("end_message", ended.message()), ("end_reason", ended.reason())] {
                    rows.put(name, &text.map_or(Value::Null, Value::text));
                }
            }
            Fact::Annotation(annotation) => {
                let subject = annotation.subject();
                let mut rows = AttributeRows { imported, subject, stamp, replaces, tables };
                rows.annotate(annotation.change());
            }
            Fact::Param(param) => {
                let mut rows = AttributeRows { imported, subject: param.run_ref(), stamp, replaces, tables };
                rows.put(&format!("{PARAM_PREFIX}{}", param.key()), param.value());
            }
            _ => {}
        }
        Ok(())
    }
}
