//! The arguments of the commands that show curves and groups of runs.

use crate::interpretation::{GroupColumn, Smoothing};
use crate::surfaces::cli::query_args::{MetricArgs, RunArgs, StageArgs};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct SeriesArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Metric: a key, possibly with tags, such as acc{subset=val}
    #[arg(value_name = "METRIC")]
    pub(super) metric_key: String,
    #[command(flatten)]
    pub(super) stage: StageArgs,
    /// At most this many points. If there are more points, the first, last, smallest and greatest points of
    /// each range of steps are shown [default: all points]
    #[arg(long, value_name = "N")]
    pub(super) points: Option<usize>,
    /// Weight of the exponential moving average, from 0 to less than 1 [default: no smoothing]
    #[arg(long, value_name = "WEIGHT")]
    pub(super) smoothing: Option<Smoothing>,
    /// Show the points of all attempts, including points that a later attempt replaced
    #[arg(long)]
    pub(super) all_attempts: bool,
}

#[derive(Debug, Args)]
pub(super) struct GroupArgs {
    #[command(flatten)]
    pub(super) metric: MetricArgs,
    /// Column by which the runs are grouped: params.NAME, tags.NAME, name, status, project. May be repeated
    #[arg(long, value_name = "COLUMN", required = true)]
    pub(super) by: Vec<GroupColumn>,
    /// Also show the statistics of each group at each step
    #[arg(long)]
    pub(super) curve: bool,
    /// At most this many points of each curve. If there are more steps, neighbouring steps are joined
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "curve")]
    pub(super) points: usize,
}
