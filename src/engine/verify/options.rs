//! Options of a check of a log.

use crate::engine::chain::Head;
use crate::engine::progress::Progress;

/// The default of [`LogCheck::problems_max`].
const PROBLEMS_MAX: usize = 10_000;

/// Options of a check of a log.
#[derive(Debug, Clone)]
pub struct LogCheck<'a> {
    /// Heads that were saved outside the log. The check confirms that each stream still contains exactly the entries up
    /// to its head.
    pub heads: Vec<Head>,
    /// The receiver of progress: bytes of the log that are checked, and their total.
    pub progress: Progress<'a>,
    /// The number of problems after which the report only counts further ones. Problems of heads, and damage at the end
    /// of a stream, are always in the report.
    pub problems_max: usize,
}

impl Default for LogCheck<'_> {
    fn default() -> Self {
        LogCheck { heads: Vec::new(), progress: Progress::none(), problems_max: PROBLEMS_MAX }
    }
}
