//! Projects, runs, deployments, stages, batches: every attribute a fact of its own, so that what two writers say about
//! different attributes never collides, and what they say about the same one stays visible. Environments, samples,
//! operations and provenance records are said once, and kept whole.

use crate::contract::json::write::canonical;
use crate::contract::{Canonical, Fact, Object, ObjectKind, StableRef, Value};
use crate::engine::Result;
use crate::engine::entry::{Kind, Stamp};
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::tables::{FACTS, OBJECTS};

/// Fills [`FACTS`] and [`OBJECTS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetadataProjection;

/// Before the name of a parameter in an attribute's name.
pub(crate) const PARAM_PREFIX: &str = "param/";
/// Before the name of a tag in an attribute's name.
pub(crate) const TAG_PREFIX: &str = "tag/";
/// Before the key of metadata in an attribute's name.
pub(crate) const METADATA_PREFIX: &str = "meta/";
/// Before the namespace of an extension in an attribute's name.
pub(crate) const EXTENSION_PREFIX: &str = "ext/";
/// Before the name of a member of a newer version in an attribute's name.
pub(crate) const NEWER_PREFIX: &str = "newer/";

/// Whether the things of this kind are kept attribute by attribute.
pub(crate) fn is_by_attribute(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Project
            | ObjectKind::Run
            | ObjectKind::Deployment
            | ObjectKind::Stage
            | ObjectKind::Batch
    )
}

/// The members of an object that are attributes each: their names begin with the prefix.
pub(crate) fn prefix_of(member: &str) -> Option<&'static str> {
    Some(match member {
        "params" => PARAM_PREFIX,
        "tags" => TAG_PREFIX,
        "metadata" => METADATA_PREFIX,
        "extensions" => EXTENSION_PREFIX,
        _ => return None,
    })
}

/// Before the value of an attribute that an import said. (White space before JSON says nothing to whoever reads it.)
pub(crate) const IMPORTED_MARK: u8 = b' ';

struct Facts<'a, 't> {
    imported: bool,
    subject: &'a StableRef,
    stamp: Stamp,
    replaces: &'a [Stamp],
    tables: &'a mut Tables<'t>,
}

impl Facts<'_, '_> {
    fn put(&mut self, name: &str, value: &Value) {
        // Values come from validated models, whose numbers are finite; null says nothing.
        if let (Ok(text), true) = (canonical(value), *value != Value::Null) {
            let key = keys::attribute(self.subject, name);
            let mark: &[u8] = if self.imported { &[IMPORTED_MARK] } else { &[] };
            let value = [mark, text.as_bytes()].concat();
            self.tables.put_version(FACTS, &key, self.stamp, self.replaces, &value);
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
        3
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[FACTS, OBJECTS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(kind, entry::ENDED | entry::PARAM)
            || entry::object_kind(kind).is_some_and(|kind| kind != ObjectKind::Relation)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables<'_>) -> Result<()> {
        let (stamp, replaces) = (applied.stamp, applied.event.replaces.as_slice());
        let imported = applied.event.origin.is_some();
        match &applied.event.fact {
            Fact::Object(object) if is_by_attribute(object.kind()) => {
                Facts { imported, subject: object.own_ref(), stamp, replaces, tables }.put_object(object);
            }
            Fact::Object(object) if object.kind() != ObjectKind::Relation => {
                let key = object.own_ref().as_str().as_bytes();
                tables.put_version(OBJECTS, key, stamp, replaces, &entry::row(applied));
            }
            Fact::Ended(ended) => {
                let mut facts = Facts { imported, subject: ended.subject(), stamp, replaces, tables };
                facts.put("status", &ended.status().into());
                facts.put("ended_at", &Value::text(ended.ended_at()));
            }
            Fact::Param(param) => {
                let mut facts = Facts { imported, subject: param.run_ref(), stamp, replaces, tables };
                facts.put(&format!("{PARAM_PREFIX}{}", param.key()), param.value());
            }
            _ => {}
        }
        Ok(())
    }
}
