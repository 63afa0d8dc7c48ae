//! The command `contexta lineage`.

use crate::interpretation::{Direction, Error};
use crate::surfaces::cli::args::{Cli, LineageArgs, Way};
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::document;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &LineageArgs, out: &Output) -> Outcome {
    let (direction, depth) = walk(args)?;
    let traversal = existing(cli)?.traverse_lineage(&args.subject, direction, depth)?;
    out.answer(&traversal, || document::lineage(&traversal))?;
    Ok(0)
}

/// Returns the direction and the greatest depth of a walk. Error: the depth is negative.
pub(super) fn walk(args: &LineageArgs) -> Result<(Direction, usize), Failure> {
    let direction = match args.direction {
        Way::Upstream => Direction::Upstream,
        Way::Downstream => Direction::Downstream,
        Way::Inbound => Direction::Inbound,
        Way::Outbound => Direction::Outbound,
        Way::Both => Direction::Both,
    };
    let depth = usize::try_from(args.depth)
        .map_err(|_| Error::InvalidDepth { reason: format!("the depth {} is negative", args.depth) })?;
    Ok((direction, depth))
}
