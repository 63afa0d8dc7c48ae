//! The JSON form of the reports on imports and exports.

use crate::client::{ExportReport, ImportReport};
use crate::contract::Value;
use crate::surfaces::answer::parts::{list, notes};
use std::collections::BTreeMap;

pub(super) fn import(r: &ImportReport) -> Value {
    let kinds = r.kinds.iter().map(|(kind, n)| {
        let counts = Value::map([
            ("new", n.new.into()),
            ("unchanged", n.unchanged.into()),
            ("refused", n.refused.into()),
        ]);
        (kind.clone(), counts)
    });
    let refused = list(&r.refused, |one| {
        Value::map([
            ("line", one.line.into()),
            ("code", one.rejection.code.into()),
            ("path", one.rejection.path.as_str().into()),
            ("message", one.rejection.message.as_str().into()),
            ("kind", one.rejection.kind.clone().into()),
            ("run_ref", one.rejection.run.as_ref().map(ToString::to_string).into()),
        ])
    });
    let dropped = list(&r.dropped, |one| {
        Value::map([
            ("line", one.line.into()),
            ("subject_ref", Value::text(&one.subject)),
            ("code", one.member.code.as_str().into()),
            ("path", one.member.path.as_str().into()),
            ("message", one.member.message.as_str().into()),
        ])
    });
    let bodies = list(&r.bodies, |one| {
        Value::map([
            ("line", one.line.into()),
            ("artifact_ref", Value::text(&one.artifact_ref)),
            ("body", one.body.as_str().into()),
            ("code", one.code.into()),
            ("message", one.message.as_str().into()),
        ])
    });
    Value::map([
        ("import", r.import.clone().into()),
        ("source", r.source.as_str().into()),
        ("lines", r.lines.into()),
        ("kinds", Value::Map(kinds.collect())),
        ("bodies_stored", r.bodies_stored.into()),
        ("bodies_missing", r.bodies_missing.into()),
        ("bodies_differing", r.bodies_differing.into()),
        ("bodies", bodies),
        ("members_dropped", r.members_dropped.into()),
        ("dropped", dropped),
        ("complete", r.is_complete().into()),
        ("warnings", counts(&r.warnings)),
        ("refused", refused),
        ("refused_total", r.total().refused.into()),
        ("quarantine", r.quarantine.as_ref().map(|p| p.to_string_lossy().into_owned()).into()),
        ("not_kept", r.not_kept.into()),
        ("cut", r.cut.clone().into()),
        ("notes", notes(&r.notes)),
    ])
}

pub(super) fn export(r: &ExportReport) -> Value {
    Value::map([
        ("kinds", counts(&r.kinds)),
        ("bodies", r.bodies.into()),
        ("bodies_missing", r.bodies_missing.into()),
        ("notes", notes(&r.notes)),
        ("note_counts", counts(&r.note_counts)),
    ])
}

pub(super) fn counts(map: &BTreeMap<&'static str, u64>) -> Value {
    Value::Map(map.iter().map(|(name, n)| ((*name).to_owned(), (*n).into())).collect())
}
