//! The history of an object: the entries of the log that contain facts about the object.

use crate::contract::StableRef;
use crate::interpretation::error::{Error, Result};
use crate::store::{HistoryEntry, Note, Severity, Store, StoreView};

/// The parameters of a query for the history of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryQuery {
    /// The number of entries to skip.
    pub offset: usize,
    /// The greatest number of entries to return.
    pub limit: usize,
}

impl Default for HistoryQuery {
    fn default() -> HistoryQuery {
        HistoryQuery { offset: 0, limit: 1000 }
    }
}

/// The entries of the log about one object.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The object.
    pub subject: StableRef,
    /// The entries in the order of their stamps.
    pub entries: Vec<HistoryEntry>,
    /// The number of entries on all pages.
    pub total: usize,
    /// The offset of the next page; `None` if this is the last page.
    pub next_offset: Option<usize>,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Returns a page of the history of an object. `asked` is the ref of the object, or a text that identifies a
/// run. Records are not part of the history. [`list_records`](super::record_page::list_records) returns the
/// records of a run. Error: the log contains no fact about the object, or `asked` matches several runs.
pub fn history(store: &Store, asked: &str, query: &HistoryQuery) -> Result<History> {
    store.read(|view| {
        let page = query.offset..query.offset.saturating_add(query.limit);
        let (subject, (entries, total)) = match known(view, asked, page.clone())? {
            Some(found) => found,
            None => {
                let run = view.find_run(asked).map_err(|e| not_found(asked, e))?.run_ref.into_stable();
                let found = view.history(&run, page)?;
                (run, found)
            }
        };
        let end = query.offset.saturating_add(entries.len());
        let mut notes = view.notes();
        if total == 0 {
            let message = format!("the log has records of {subject}, but no other fact about it");
            notes.push(Note::new(Severity::Info, "history_empty", message).with("ref", &subject));
        }
        notes.extend(entries.iter().filter(|entry| entry.kind.is_none()).map(|entry| {
            let position = entry.stamp.position();
            let message = format!("the entry {position} cannot be read, so its kind and origin are unknown");
            Note::new(Severity::Warning, "history_entry_unreadable", message).with("position", position)
        }));
        Ok(History {
            subject,
            next_offset: (end < total && end > query.offset).then_some(end),
            entries,
            total,
            notes,
        })
    })
}

/// A page of the entries about an object, and the number of all entries about the object.
type Page = (Vec<HistoryEntry>, usize);

/// Returns a page of the history of the object with the ref `asked`. Returns `None` if `asked` is not a ref,
/// or if the object has no history.
fn known(
    view: &StoreView<'_>,
    asked: &str,
    page: std::ops::Range<usize>,
) -> Result<Option<(StableRef, Page)>> {
    let Ok(subject) = StableRef::parse(asked) else { return Ok(None) };
    let found = view.history(&subject, page)?;
    Ok((found.1 > 0).then_some((subject, found)))
}

/// Returns the error for an object without facts. For an object that is not a run, the error is
/// [`Error::ObjectNotFound`]. Otherwise `error` is returned.
fn not_found(asked: &str, error: crate::store::Error) -> Error {
    match error {
        crate::store::Error::RunNotFound { .. }
            if StableRef::parse(asked).is_ok_and(|r| r.kind() != "run") =>
        {
            Error::ObjectNotFound { asked: asked.to_owned() }
        }
        other => other.into(),
    }
}
