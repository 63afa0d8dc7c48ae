//! The JSON form of lineage.

use crate::contract::{Canonical, Value};
use crate::interpretation::LineageTraversal;
use crate::surfaces::answer::parts::{list, notes, with};

pub(super) fn lineage(t: &LineageTraversal) -> Value {
    let edges = list(&t.steps, |s| {
        let more = vec![
            ("direction", s.direction.as_str().into()),
            ("depth", s.depth.into()),
            ("from_ref", Value::text(&s.from)),
            ("to_ref", Value::text(&s.to)),
        ];
        match &s.edge {
            Some(edge) => with(edge.to_value(), more),
            None => {
                let (part, whole) =
                    if s.from.kind() == "stage" { (&s.from, &s.to) } else { (&s.to, &s.from) };
                let relation = [
                    ("relation_type", "part_of".into()),
                    ("source_ref", Value::text(part)),
                    ("target_ref", Value::text(whole)),
                ];
                with(Value::map(relation), more)
            }
        }
    });
    Value::map([
        ("root_ref", Value::text(&t.root)),
        ("edges", edges),
        ("visited_refs", list(&t.visited, |r| Value::text(r))),
        ("notes", notes(&t.notes)),
    ])
}
