//! `contexta lineage`

use crate::interpretation::{Direction, LineageTraversal};
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, LineageArgs, Way};
use crate::surfaces::cli::commands::existing;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::text::heading;
use crate::surfaces::wire;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &LineageArgs, out: &Output) -> Outcome {
    let direction = match args.direction {
        Way::Upstream => Direction::Upstream,
        Way::Downstream => Direction::Downstream,
        Way::Both => Direction::Both,
    };
    let traversal = existing(cli)?.traverse_lineage(&args.subject, direction, args.depth)?;
    out.notes(&traversal.notes);
    if out.is_json() {
        out.json(&wire::lineage(&traversal))?;
    } else {
        out.text(&text(out, &traversal))?;
    }
    Ok(0)
}

/// Each edge indented by its distance from the root.
fn text(out: &Output, t: &LineageTraversal) -> String {
    let mut text = format!("{}\n", t.root);
    for (way, title) in [(Direction::Upstream, "came from"), (Direction::Downstream, "what came of it")] {
        let mut steps = t.steps.iter().filter(|s| s.direction == way).peekable();
        if steps.peek().is_none() {
            continue;
        }
        text.push_str(&heading(out, title));
        for step in steps {
            let indent = "  ".repeat(step.depth + 1);
            let why = match &step.edge {
                Some(edge) => {
                    let relation = edge.relation_type.as_str().replace('_', " ");
                    let (source, target, sure) = (&edge.source_ref, &edge.target_ref, edge.confidence_marker);
                    format!("{source} {relation} {target}, confidence {sure}")
                }
                None if step.to.kind() == "run" => format!("{} is part of it", step.from),
                None => format!("part of {}", step.from),
            };
            text.push_str(&format!("{indent}{}  ({why})\n", step.to));
        }
    }
    text
}
