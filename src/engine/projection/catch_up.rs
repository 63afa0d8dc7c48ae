//! The catch-up: the cursors of the streams that changed are compared with the log, and the new entries of these
//! streams are applied.
//!
//! Entries are read and applied in steps of bounded size. The rows of a step are stored together, and then the cursors
//! in memory are moved. The next step is read while the rows of a step are derived and stored.

use crate::engine::entry::Event;
use crate::engine::error::Result;
use crate::engine::log::OpenSegment;
use crate::engine::parallel;
use crate::engine::progress::Progress;
use crate::engine::projection::definition::Projection;
use crate::engine::projection::erased::ErasedSubjects;
use crate::engine::projection::note::{Note, RebuildReason};
use crate::engine::projection::opened::Opened;
use crate::engine::projection::own_tables;
use crate::engine::projection::site::Site;
use crate::engine::projection::step_reader::StepReader;
use redb::ReadableDatabase;
use std::sync::Arc;

/// If a catch-up takes longer than this number of nanoseconds, the tables are published as a new generation, even if
/// few entries were applied. Other processes then need not repeat the catch-up.
const PUBLISH_AFTER: u64 = 250_000_000;

/// The parameters of one catch-up.
#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    /// The receiver of the progress of a rebuild.
    pub(super) progress: Progress<'a>,
    /// The segment that this process appends to; `None` if there is no such segment or it is not known.
    pub(super) open_segment: Option<OpenSegment>,
}

/// The result of a catch-up.
pub(super) enum Outcome {
    /// The new entries of all readable streams were applied. The notes name missing entries and unreadable streams,
    /// among other remarks.
    Done(Vec<Note>),
    /// The log contradicts a cursor: applied entries are no longer in the log, or the gaps before the cursor have
    /// changed. The tables must be rebuilt.
    Contradicted(RebuildReason),
    /// Erasures were found that the tables do not take into account. The tables must be rebuilt with these erased
    /// subjects.
    Erased(ErasedSubjects),
}

/// Applies the entries that follow the cursors of an open database. Erased entries add no rows. Takes the open segment out
/// of the request: after a rebuild, its recorded frames do not follow a cursor.
///
/// After an unknown erasure was found, no more rows are stored. The rest of the log is read to find further
/// erasures, so at most one more rebuild is needed. Erasures that are appended during the rebuild can require
/// further rebuilds.
pub(super) fn catch_up<E: Event>(
    site: &Site,
    projections: &[Box<dyn Projection<E>>],
    opened: &mut Opened,
    request: &mut Request<'_>,
) -> Result<Outcome> {
    let progress = request.progress;
    let mut reader = StepReader::new(site, opened, request.open_segment.take())?;
    let (mut applied, mut found) = (0, ErasedSubjects::default());
    let erased = Arc::clone(&opened.erased);
    let mut step = reader.next_step()?;
    while let Some(mut ready) = step {
        applied += ready.len();
        let cursors = ready.take_cursors();
        let is_full = ready.is_full();
        let apply = || {
            if !erased.contains_all(&found) {
                found.append(ready.erasures::<E>());
                return Ok(());
            }
            let mut rows = ready.derive(projections, &erased)?;
            found.append(std::mem::take(&mut rows.erasures));
            if !erased.contains_all(&found) {
                return Ok(());
            }
            opened.store(rows).map_err(|e| site.unusable(e))
        };
        // The next step is read while this one is applied. A step that is not full is the last one.
        let (result, next) =
            if is_full { parallel::both(apply, || reader.next_step()) } else { (apply(), Ok(None)) };
        result?;
        Arc::make_mut(&mut opened.cursors).extend(cursors);
        step = next?;
        if step.is_some() {
            progress.report(reader.bytes_read, reader.bytes_total());
        }
    }
    if let Some(reason) = reader.contradiction {
        return Ok(Outcome::Contradicted(reason));
    }
    // A rebuild begins with the erased subjects of earlier tables. The log may no longer contain these erasures.
    let is_current = if opened.rebuilt.is_some() { found == *erased } else { erased.contains_all(&found) };
    if !is_current {
        let known = if opened.rebuilt.is_some() { ErasedSubjects::default() } else { (*erased).clone() };
        return Ok(Outcome::Erased(known.and(found)));
    }
    progress.report(reader.bytes_total(), reader.bytes_total());
    finish(reader, site, opened, applied).map(Outcome::Done)
}

/// Stores the result of a catch-up in `opened`: the number of entries, the latest time, and whether the tables count as
/// unpublished. Returns the notes of the catch-up.
fn finish(reader: StepReader<'_>, site: &Site, opened: &mut Opened, applied: u64) -> Result<Vec<Note>> {
    let StepReader { mut notes, started, latest, has_reread, last_frame, .. } = reader;
    opened.last_frame = last_frame;
    opened.applied += applied;
    opened.latest = latest;
    if let Some(reason) = opened.rebuilt.take()
        && (opened.applied > 0 || !matches!(reason, RebuildReason::Absent))
    {
        notes.insert(0, Note::Rebuilt { reason, entries: opened.applied });
    }
    if opened.undecoded.is_none() {
        let transaction = opened.database.begin_read().map_err(|e| site.unusable(e))?;
        opened.undecoded = Some(own_tables::notes(&transaction).map_err(|e| site.unusable(e))?);
    }
    notes.extend(opened.undecoded.iter().flatten().cloned());
    if site.storage.now().saturating_sub(started) > PUBLISH_AFTER {
        // If entries were applied or read again, the tables count as unpublished. They are then published, so that
        // other processes need not repeat the work.
        opened.published = opened.published.filter(|_| applied == 0 && !has_reread);
    }
    Ok(notes)
}
