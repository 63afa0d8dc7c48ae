//! Pages of the records of a run.

use crate::contract::RecordType;
use crate::interpretation::error::Result;
use crate::interpretation::query::listing::find_stage;
use crate::store::{Note, RecordRow, Stamp, Store, StoreView, WriterRow};

/// All families of records.
pub(super) const FAMILIES: [RecordType; 4] =
    [RecordType::Event, RecordType::Metric, RecordType::Span, RecordType::Degraded];

/// The families of records except metrics.
pub(super) const WITHOUT_METRICS: [RecordType; 3] =
    [RecordType::Event, RecordType::Span, RecordType::Degraded];

/// The parameters of a query for records of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordQuery {
    /// The name, the id or the ref of a stage; `None` for the records of all stages and outside any stage.
    pub stage: Option<String>,
    /// The family of the records; `None` for all families.
    pub family: Option<RecordType>,
    /// The number of records to skip.
    pub offset: usize,
    /// The greatest number of records to return.
    pub limit: usize,
}

impl Default for RecordQuery {
    fn default() -> RecordQuery {
        RecordQuery { stage: None, family: None, offset: 0, limit: 1000 }
    }
}

/// A page of the records of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordPage {
    /// The records, in the order in which they were appended to the log.
    pub records: Vec<RecordRow>,
    /// The number of records of all pages, including records that cannot be read.
    pub total: usize,
    /// The offset of the next page; `None` if this is the last page, or if the limit is 0.
    pub next_offset: Option<usize>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Returns a page of the records of a run.
pub fn list_records(store: &Store, run: &str, query: &RecordQuery) -> Result<RecordPage> {
    store.read(|view| {
        let run = view.find_run(run)?;
        let writers = view.writers(&run.run_ref)?;
        let stage = query.stage.as_deref().map(|stage| find_stage(view, &run, stage)).transpose()?;
        let families = query.family.map_or_else(|| FAMILIES.to_vec(), |family| vec![family]);
        let stamps = view.record_stamps(&run.run_ref, &families, stage.as_ref())?;
        let mut page = page_of(view, &writers, &stamps, query)?;
        page.notes.splice(0..0, view.notes());
        Ok(page)
    })
}

/// Returns a page of records. `stamps` contains the stamps of the records on all pages. The offset and the
/// limit of `query` select the page. The notes of the view are not part of the page.
pub(super) fn page_of(
    view: &StoreView<'_>,
    writers: &[WriterRow],
    stamps: &[Stamp],
    query: &RecordQuery,
) -> Result<RecordPage> {
    let end = query.offset.saturating_add(query.limit).min(stamps.len());
    let (records, notes) =
        view.records_with_stamps(stamps.get(query.offset..end).unwrap_or_default(), writers)?;
    // With the limit 0, the next page would be the same page.
    let has_next = end < stamps.len() && query.limit > 0;
    Ok(RecordPage { records, total: stamps.len(), next_offset: has_next.then_some(end), notes })
}
