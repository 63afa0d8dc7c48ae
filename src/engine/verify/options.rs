//! Options of a check of a log.

use crate::engine::chain::Head;
use crate::engine::progress::Progress;

/// The default of [`LogCheck::problems_max`].
const PROBLEMS_MAX: usize = 10_000;

/// Options of a check of a log.
#[derive(Debug, Clone)]
pub struct LogCheck<'a> {
    /// Heads that were saved outside the log. The check confirms that each stream still contains the same entries up to
    /// its saved head.
    pub heads: Vec<Head>,
    /// The receiver of progress: the number of checked bytes of the log, and the total.
    pub progress: Progress<'a>,
    /// The number of problems after which the report only counts further problems. Problems of heads, and damage at the
    /// end of a stream, are always in the report. The default is 10,000.
    pub problems_max: usize,
}

impl Default for LogCheck<'_> {
    fn default() -> Self {
        LogCheck { heads: Vec::new(), progress: Progress::none(), problems_max: PROBLEMS_MAX }
    }
}
