//! The JSON form of answers about the log, the tables and merges.

#[cfg(feature = "cli")]
use crate::client::TablesDigest;
use crate::contract::Value;
#[cfg(feature = "cli")]
use crate::interpretation::Note;
use crate::recovery::merge::{Change, Fork, Side, StreamMerge};
use crate::recovery::{
    DumpedEntry, MergeReport, Problem, ProjectionState, RebuildReport, StreamRow, VerifyReport,
};
use crate::surfaces::answer::parts::{list, notes, text};

fn problem(p: &Problem) -> Value {
    let lost = p.lost.map_or(Value::Null, |(first, last)| {
        Value::map([("first", first.0.into()), ("last", last.map(|s| s.0).into())])
    });
    Value::map([
        ("code", p.code.into()),
        ("stream", text(&p.stream)),
        ("segment", p.segment.map(|s| s.0).into()),
        ("offset", p.offset.into()),
        ("len", p.len.into()),
        ("lost", lost),
        ("message", Value::text(&p.message)),
    ])
}

pub(super) fn verify(r: &VerifyReport) -> Value {
    let streams = list(&r.streams, |s| {
        Value::map([
            ("stream", Value::text(s.stream)),
            ("segments", s.segments.into()),
            ("entries", s.entries.into()),
            ("head", text(&s.head)),
            ("live", s.live.into()),
            ("closed", s.closed.into()),
        ])
    });
    let (state, tables) = match &r.projections {
        ProjectionState::Match => ("match", Value::List(Vec::new())),
        ProjectionState::Mismatch { tables } => ("mismatch", list(tables, |t| Value::text(t))),
        ProjectionState::Skipped => ("skipped", Value::List(Vec::new())),
    };
    let share = |(read, all): (u64, u64)| Value::map([("read", read.into()), ("all", all.into())]);
    let subset = r.coverage.map_or(Value::Null, |c| {
        let share_text = ("share", Value::text(c.subset));
        Value::map([share_text, ("segments", share(c.segments)), ("bodies", share(c.bodies))])
    });
    Value::map([
        ("outcome", r.outcome.as_str().into()),
        ("subset", subset),
        ("entries", r.entries().into()),
        ("bodies", r.bodies.into()),
        ("heads", r.heads.into()),
        ("projections", Value::map([("state", state.into()), ("tables", tables)])),
        ("streams", streams),
        ("problems", list(&r.problems, problem)),
        ("notes", notes(&r.notes)),
    ])
}

pub(super) fn rebuild(r: &RebuildReport) -> Value {
    Value::map([
        ("entries", r.entries.into()),
        ("digest", Value::text(r.digest)),
        ("saved", r.not_saved.is_none().into()),
        ("projection", text(&r.projection)),
        ("tables", list(&r.tables, table)),
        ("notes", notes(&r.notes)),
    ])
}

fn table<D: ToString>((name, digest, rows): &(String, D, u64)) -> Value {
    Value::map([
        ("name", Value::text(name)),
        ("digest", Value::Text(digest.to_string())),
        ("rows", (*rows).into()),
    ])
}

/// Returns the JSON form of the digest of the tables, with notes.
#[cfg(feature = "cli")]
pub(crate) fn digest(digest: &TablesDigest, all: &[Note]) -> Value {
    Value::map([
        ("digest", Value::text(digest.digest)),
        ("tables", list(&digest.tables, table)),
        ("notes", notes(all)),
    ])
}

pub(super) fn merge(r: &MergeReport) -> Value {
    let stream = |s: &StreamMerge| {
        let (added, filled) = match s.change {
            Change::United { added, filled } => (Some(added), Some(filled)),
            _ => (None, None),
        };
        let reason = match s.change {
            Change::Skipped(reason) => Some(reason.name().to_owned()),
            _ => None,
        };
        Value::map([
            ("stream", Value::text(s.stream)),
            ("change", s.change.name().into()),
            ("reason", reason.into()),
            ("added", added.into()),
            ("filled", filled.into()),
            ("bytes", s.bytes.into()),
        ])
    };
    let fork = |f: &Fork| {
        Value::map([
            ("stream", Value::text(f.stream)),
            ("first", f.first.0.into()),
            ("kept", if f.kept == Side::Target { "target" } else { "source" }.into()),
            ("derived", Value::text(f.derived)),
        ])
    };
    let quarantined = list(&r.log.quarantined, |q| Value::Text(q.path.display().to_string()));
    Value::map([
        ("bodies", r.bodies.into()),
        ("streams", list(&r.log.streams, stream)),
        ("forks", list(&r.log.forks, fork)),
        ("quarantined", quarantined),
        ("notes", notes(&r.notes)),
    ])
}

/// Returns the JSON form of the heads of all streams, with the problems and notes of the check that computed them.
#[cfg(feature = "cli")]
pub(crate) fn heads(heads: &[String], r: &VerifyReport) -> Value {
    Value::map([
        ("heads", list(heads, |head| Value::text(head))),
        ("problems", list(&r.problems, problem)),
        ("notes", notes(&r.notes)),
    ])
}

pub(super) fn stream(s: &StreamRow) -> Value {
    let segments = list(&s.segments, |g| {
        Value::map([("base", g.base.0.into()), ("bytes", g.bytes.into()), ("created_at", text(&g.created))])
    });
    Value::map([
        ("stream", Value::text(s.stream)),
        ("entries", s.entries.into()),
        ("last", s.last.0.into()),
        ("last_time", text(&s.last_time)),
        ("live", s.live.into()),
        ("closed", s.closed.into()),
        ("segments", segments),
        ("notes", notes(&s.notes)),
    ])
}

/// Returns the JSON form of a list of streams.
#[cfg(feature = "cli")]
pub(crate) fn streams(rows: &[StreamRow]) -> Value {
    Value::map([("streams", list(rows, stream))])
}

pub(super) fn dumped(e: &DumpedEntry) -> Value {
    let origin = e.origin.as_ref().map_or(Value::Null, |(import, line)| {
        Value::map([("import", Value::text(import)), ("line", (*line).into())])
    });
    Value::map([
        ("stream", Value::text(e.stream)),
        ("seq", e.seq.0.into()),
        ("time", Value::text(e.time)),
        ("kind", Value::text(&e.kind)),
        ("bytes", e.bytes.into()),
        ("origin", origin),
        ("object", e.object.clone().into()),
    ])
}
