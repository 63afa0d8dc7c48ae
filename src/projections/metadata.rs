//! Projects, runs, stages: every attribute a fact of its own, so that what two writers say about different
//! attributes never collides, and what they say about the same one stays visible.

use crate::contract::fact::{Ended, Param};
use crate::contract::json::write::canonical;
use crate::contract::{Fact, StableRef, Value};
use crate::engine::Result;
use crate::engine::entry::{Kind, Stamp};
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::tables::{ENVIRONMENTS, FACTS};
use std::collections::BTreeMap;

/// Fills [`FACTS`] and [`ENVIRONMENTS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetadataProjection;

/// Before the name of a parameter in an attribute's name.
pub(crate) const PARAM_PREFIX: &str = "param/";
/// Before the name of a tag in an attribute's name.
pub(crate) const TAG_PREFIX: &str = "tag/";

struct Facts<'a, 't> {
    subject: &'a StableRef,
    stamp: Stamp,
    replaces: &'a [Stamp],
    tables: &'a mut Tables<'t>,
}

impl Facts<'_, '_> {
    fn put(&mut self, name: &str, value: Value) {
        // Values come from validated models, whose numbers are finite; null says nothing.
        if let (Ok(text), true) = (canonical(&value), value != Value::Null) {
            let key = keys::attribute(self.subject, name);
            self.tables.put_version(FACTS, &key, self.stamp, self.replaces, text.as_bytes());
        }
    }

    fn put_all(&mut self, prefix: &str, map: impl IntoIterator<Item = (String, Value)>) {
        for (key, value) in map {
            self.put(&format!("{prefix}{key}"), value);
        }
    }
}

fn texts(map: &BTreeMap<String, String>) -> impl Iterator<Item = (String, Value)> {
    map.iter().map(|(k, v)| (k.clone(), Value::text(v)))
}

impl Projection<Captured> for MetadataProjection {
    fn name(&self) -> &'static str {
        "metadata"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[FACTS, ENVIRONMENTS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(
            kind,
            entry::PROJECT | entry::RUN | entry::STAGE | entry::ENDED | entry::PARAM | entry::ENVIRONMENT
        )
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables<'_>) -> Result<()> {
        let (stamp, replaces) = (applied.stamp, applied.event.replaces.as_slice());
        match &applied.event.fact {
            Fact::Project(p) => {
                let mut facts = Facts { subject: &p.project_ref, stamp, replaces, tables };
                facts.put("name", Value::text(&p.name));
                facts.put("created_at", Value::text(p.created_at));
                facts.put("description", p.description.clone().into());
                facts.put("schema_version", Value::text(&p.schema_version));
                facts.put_all(TAG_PREFIX, texts(&p.tags));
            }
            Fact::Run(r) => {
                let mut facts = Facts { subject: &r.run_ref, stamp, replaces, tables };
                facts.put("name", Value::text(&r.name));
                facts.put("status", r.status.into());
                facts.put("started_at", Value::text(r.started_at));
                facts.put("ended_at", r.ended_at.map(|t| t.to_string()).into());
                facts.put("description", r.description.clone().into());
                facts.put("code_revision", r.code_revision.clone().into());
                facts.put("dataset_ref", r.dataset_ref.clone().into());
                facts.put("command", r.command.clone().into());
                facts.put("schema_version", Value::text(&r.schema_version));
                facts.put_all(PARAM_PREFIX, r.params.clone());
                facts.put_all(TAG_PREFIX, texts(&r.tags));
            }
            Fact::Stage(s) => {
                let mut facts = Facts { subject: &s.stage_execution_ref, stamp, replaces, tables };
                facts.put("status", s.status.into());
                facts.put("started_at", Value::text(s.started_at));
                facts.put("ended_at", s.ended_at.map(|t| t.to_string()).into());
                facts.put("order_index", s.order_index.into());
                facts.put("schema_version", Value::text(&s.schema_version));
            }
            Fact::Ended(Ended { subject, status, ended_at }) => {
                let mut facts = Facts { subject, stamp, replaces, tables };
                facts.put("status", (*status).into());
                facts.put("ended_at", Value::text(ended_at));
            }
            Fact::Param(Param { run_ref, key, value }) => {
                let mut facts = Facts { subject: run_ref, stamp, replaces, tables };
                facts.put(&format!("{PARAM_PREFIX}{key}"), value.clone());
            }
            Fact::Environment(e) => {
                let key = e.environment_snapshot_ref.as_str().as_bytes();
                tables.put_version(ENVIRONMENTS, key, stamp, replaces, &entry::row(applied)?);
            }
            _ => {}
        }
        Ok(())
    }
}
