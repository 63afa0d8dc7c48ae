//! Options of a check of a log.

use crate::engine::chain::Head;
use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::progress::Progress;
use crate::engine::verify::share::Share;

/// The default of [`LogCheck::problems_max`].
const PROBLEMS_MAX: usize = 10_000;

/// Options of a check of a log.
#[derive(Debug, Clone)]
pub struct LogCheck<'a> {
    /// Heads that were saved outside the log. The check confirms that each stream still contains the same entries up to
    /// its saved head.
    pub heads: Vec<Head>,
    /// The ends of streams that an earlier read has seen. A check reports a problem if a stream is missing,
    /// ends earlier, or contains other entries. A stream may have further entries after its known end.
    pub known: Vec<KnownEnd>,
    /// `true` to check the chain over the entries and the digests in seals. If `false`, saved heads are only compared
    /// with the number of entries.
    pub chain: bool,
    /// The segments to read. `None` means all segments. If a share is given, saved heads are not compared.
    pub share: Option<Share>,
    /// The receiver of progress: the number of checked bytes of the log, and the total.
    pub progress: Progress<'a>,
    /// The number of problems after which the report only counts further problems. Problems of heads, and damage at the
    /// end of a stream, are always in the report. The default is 10,000.
    pub problems_max: usize,
}

impl Default for LogCheck<'_> {
    fn default() -> Self {
        LogCheck {
            heads: Vec::new(),
            known: Vec::new(),
            chain: true,
            share: None,
            progress: Progress::none(),
            problems_max: PROBLEMS_MAX,
        }
    }
}

/// The end of a stream that an earlier read has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEnd {
    /// The stream.
    pub stream: StreamId,
    /// The last entry that was seen.
    pub seq: Seq,
    /// The link of the chain after this entry; `None` if the link was not known.
    pub link: Option<Digest>,
}
