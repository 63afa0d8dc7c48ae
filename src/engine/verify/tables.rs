//! The check of the tables of a projector.

use crate::engine::checksum::Digest;
use crate::engine::entry::Event;
use crate::engine::error::Result;
use crate::engine::progress::Progress;
use crate::engine::projection::{Note, Projector, RebuildReason};
use crate::engine::verify::problem::Problem;

/// The maximum number of comparisons of the tables with a rebuild. After a difference, the tables are compared again,
/// because a merge may have changed streams between the two digests.
const COMPARISONS_MAX: usize = 2;

/// The result of the comparison of the tables with a rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TablesState {
    /// The tables equal the rebuild.
    Match,
    /// The tables differ from the rebuild.
    Mismatch {
        /// The names of the tables that differ.
        tables: Vec<String>,
    },
}

impl TablesState {
    /// Returns the problem if the tables differ from the rebuild; `None` if they match.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let TablesState::Mismatch { tables } = self else { return None };
        let message = format!("the projections differ from a rebuild in {}", tables.join(", "));
        Some(Problem::new("projections_differ", message))
    }
}

/// The result of a check of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TablesReport {
    /// The result of the comparison with a rebuild.
    pub state: TablesState,
    /// The damage that was found: saved tables that had to be rebuilt, and tables that differ from a rebuild.
    pub problems: Vec<Problem>,
    /// The notes of the projector, such as notes about missing entries or about a rebuild of the tables.
    pub notes: Vec<Note>,
}

/// Compares the tables of a projector with a rebuild from the log up to the position that the tables have reached.
///
/// The first read of a projector opens the saved tables and replaces them if they are damaged, so damage of the saved
/// tables is found only if `projector` is new. Create the projector with
/// [`ProjectorOptions::publish`](crate::engine::projection::ProjectorOptions::publish) set to false if nothing on disk
/// may change. If [`verify_log`](super::verify_log) could not read every stream, the comparison has no meaning: the
/// tables may contain entries that a rebuild cannot read now.
///
/// Errors: the log cannot be read, a stream belongs to another domain, or a projection breaks a rule. Cost: reads all
/// tables, and the log once; twice if the first comparison finds a difference. The rebuild needs as much memory or
/// temporary disk space as [`ProjectorOptions`](crate::engine::projection::ProjectorOptions) permits.
pub fn verify_tables<E: Event>(projector: &Projector<E>) -> Result<TablesReport> {
    let notes = projector.catch_up()?;
    let mut problems: Vec<Problem> = notes.iter().filter_map(rebuild_problem).collect();
    let state = compare_tables(projector)?;
    problems.extend(state.problem());
    Ok(TablesReport { state, problems, notes })
}

/// Returns the problem if a note reports a rebuild of saved tables that were damaged, or that contained entries that
/// the log no longer has. Returns `None` for other notes, and for rebuilds with other reasons.
pub(crate) fn rebuild_problem(note: &Note) -> Option<Problem> {
    let Note::Rebuilt { reason, .. } = note else { return None };
    let (code, message) = match reason {
        RebuildReason::Damaged(found) => {
            ("projections_damaged", format!("the saved tables are damaged: {found}"))
        }
        RebuildReason::History(stream) => {
            let message =
                format!("the saved tables contain entries of stream {stream} that the log no longer has");
            ("log_changed", message)
        }
        _ => return None,
    };
    Some(Problem::new(code, message))
}

/// Compares the tables as [`verify_tables`] does, without the notes of the projector.
pub(crate) fn compare_tables<E: Event>(projector: &Projector<E>) -> Result<TablesState> {
    let mut tables = Vec::new();
    for _ in 0..COMPARISONS_MAX {
        let (now, position) = projector.digest_with_position()?;
        let fresh = projector.digest_from_scratch_until(position, Progress::none())?;
        if now.digest == fresh.digest {
            return Ok(TablesState::Match);
        }
        let differs =
            |(a, b): (&(String, Digest, u64), &(String, Digest, u64))| (a != b).then(|| a.0.clone());
        tables = now.tables.iter().zip(&fresh.tables).filter_map(differs).collect();
    }
    Ok(TablesState::Mismatch { tables })
}
