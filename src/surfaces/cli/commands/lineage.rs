//! The command `contexta lineage`.

use crate::interpretation::Direction;
use crate::surfaces::cli::args::{Cli, LineageArgs, Way};
use crate::surfaces::cli::failure::Outcome;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &LineageArgs, out: &Output) -> Outcome {
    let direction = match args.direction {
        Way::Upstream => Direction::Upstream,
        Way::Downstream => Direction::Downstream,
        Way::Both => Direction::Both,
    };
    let traversal = existing(cli)?.traverse_lineage(&args.subject, direction, args.depth)?;
    out.answer(&traversal, || document::lineage(&traversal))?;
    Ok(0)
}
