//! The JSON forms of the plans and results of repairs.

use crate::contract::Value;

use crate::recovery::{
    BodyRepair, Forgotten, Gap, RepairPlan, RepairResult, RepairStep, StreamHeal, Unrepaired,
};
use crate::surfaces::answer::parts::{list, notes, text};

fn gap(g: &Gap) -> Value {
    Value::map([
        ("stream", Value::text(g.stream)),
        ("first", g.first.0.into()),
        ("last", g.last.map(|seq| seq.0).into()),
    ])
}

fn step(s: &RepairStep) -> Value {
    Value::map([
        ("action", s.action.name().into()),
        ("path", Value::text(s.path.display())),
        ("stream", text(&s.stream)),
        ("segment", s.segment.map(|seq| seq.0).into()),
        ("bytes", s.len.into()),
        ("digest", text(&s.digest)),
        ("reason", Value::text(&s.reason)),
        ("lost", list(&s.lost, gap)),
    ])
}

fn unrepaired(u: &Unrepaired) -> Value {
    Value::map([("code", u.code().into()), ("stream", Value::text(u.stream())), ("message", Value::text(u))])
}

fn heal(h: &StreamHeal) -> Value {
    Value::map([
        ("stream", Value::text(h.stream)),
        ("added", h.added.into()),
        ("filled", h.filled.into()),
        ("missing", h.missing.into()),
    ])
}

fn body(b: &BodyRepair) -> Value {
    Value::map([
        ("digest", Value::text(b.digest)),
        ("state", b.state.name().into()),
        ("action", b.action.name().into()),
        ("referenced", b.is_referenced.into()),
    ])
}

fn forgotten(f: &Forgotten) -> Value {
    let (stream, last, digest) = match f {
        Forgotten::Stream { stream, last } => (Some(*stream), Some(last.0), None),
        Forgotten::Body { digest } => (None, None, Some(*digest)),
    };
    Value::map([("stream", text(&stream)), ("last", last.into()), ("body", text(&digest))])
}

pub(super) fn plan(p: &RepairPlan) -> Value {
    Value::map([
        ("fingerprint", Value::text(p.fingerprint)),
        ("source", text(&p.source)),
        ("heals", list(&p.heals, heal)),
        ("unread", list(&p.unread, |stream| Value::text(stream))),
        ("steps", list(&p.steps, step)),
        ("unrepaired", list(&p.unrepaired, unrepaired)),
        ("bodies", list(&p.bodies, body)),
        ("forgets", list(&p.forgets, forgotten)),
        ("notes", notes(&p.notes)),
    ])
}

pub(super) fn result(r: &RepairResult) -> Value {
    let healed = list(&r.healed, |(stream, added)| {
        Value::map([("stream", Value::text(stream)), ("added", (*added).into())])
    });
    Value::map([
        ("status", r.status.as_str().into()),
        ("source", text(&r.source)),
        ("healed", healed),
        ("applied", list(&r.applied, step)),
        ("unrepaired", list(&r.unrepaired, unrepaired)),
        ("missing", list(&r.missing, gap)),
        ("bodies", list(&r.bodies, body)),
        ("quarantined", list(&r.quarantined, |path| Value::text(path.display()))),
        ("forgotten", list(&r.forgotten, forgotten)),
        ("recorded_losses", r.recorded_losses.into()),
        ("notes", notes(&r.notes)),
    ])
}
