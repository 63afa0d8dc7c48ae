//! The method of [`Contexta`] that returns the history of an object.

use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::interpretation::query::history;
use crate::interpretation::{History, HistoryQuery};

impl Contexta {
    /// Returns a page of the entries of the log about an object, ordered by stamp: the values that each entry recorded,
    /// and the state of each value. `subject` is the ref of a project, a run, a part of a run, an artifact, a relation,
    /// a provenance record or an alias, or a text that identifies a run. Records are not part of the history. Error: no
    /// fact is about the object.
    pub fn history(&self, subject: impl AsRef<str>, query: &HistoryQuery) -> Result<History> {
        self.ask(|store| history::history(store, subject.as_ref(), query))
    }
}
