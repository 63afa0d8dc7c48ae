//! The engine compared with a bare loop: alternating rounds of the two, and the median of their ratios.
//!
//! Other load on the machine mostly affects both rounds of a pair, so the ratios vary less than the times.

use crate::ratio::{Table, median};
use std::time::Duration;

/// The result of the rounds: median times and the median ratio.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) ours: Duration,
    pub(crate) bare: Duration,
    /// Throughput of the engine divided by the throughput of the bare loop.
    pub(crate) ratio: f64,
}

/// Runs both closures `rounds` times, alternating their order. The closures return the measured time, so that
/// preparation is excluded. The first round is a warm-up.
pub(crate) fn interleaved(
    rounds: usize,
    mut ours: impl FnMut() -> Duration,
    mut bare: impl FnMut() -> Duration,
) -> Ratio {
    let mut times = Vec::new();
    for round in 0..=rounds {
        let pair = if round % 2 == 0 {
            let ours = ours();
            (ours, bare())
        } else {
            let bare = bare();
            (ours(), bare)
        };
        if round > 0 {
            times.push(pair);
        }
    }
    Ratio {
        ours: median(times.iter().map(|(ours, _)| *ours).collect()),
        bare: median(times.iter().map(|(_, bare)| *bare).collect()),
        ratio: median(times.iter().map(|(ours, bare)| bare.as_secs_f64() / ours.as_secs_f64()).collect()),
    }
}

impl Ratio {
    /// Adds a row with the times per unit, for `count` units, and with the ratio, which should be at least `target`.
    pub(crate) fn put(self, table: &mut Table, what: &str, count: u64, target: Option<f64>) {
        let each = |time: Duration| {
            let nanos = time.as_nanos() as f64 / count as f64;
            if nanos < 10_000.0 { format!("{nanos:.0} ns") } else { format!("{:.0} us", nanos / 1000.0) }
        };
        let target_text = target.map_or(String::new(), |target| format!(">= {target}"));
        let texts = [what, &each(self.ours), &each(self.bare), &format!("{:.2}", self.ratio), &target_text];
        table.row(texts, target.map(|target| self.ratio >= target));
    }
}
