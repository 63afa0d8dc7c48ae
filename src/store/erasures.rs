//! Methods of `StoreView` that read erasures of runs.

use crate::contract::Fact;
use crate::contract::fact::RunErasure;
use crate::engine::entry::Stamp;
use crate::projections::entry::Captured;
use crate::projections::tables::ERASURES;
use crate::store::error::Result;
use crate::store::view::StoreView;

impl StoreView<'_> {
    /// Returns `true` if the fact of the entry at `stamp` is erased. The log need not contain the entry.
    pub(crate) fn is_erased(&self, captured: &Captured, stamp: Stamp) -> bool {
        self.view.erased().contains(captured, stamp)
    }

    /// Returns all facts about erasures of runs, each with the stamp of its entry. The facts are ordered by run and
    /// stamp. A run of the same name that was captured after an erasure is not erased.
    pub fn erasures(&self) -> Result<Vec<(Stamp, RunErasure)>> {
        let mut erasures = Vec::new();
        for key in self.view.versions(ERASURES, &[])? {
            for version in key?.versions {
                let captured = Captured::from_row(&version.value);
                let Some(Fact::Erasure(erasure)) = captured.map(|captured| captured.fact) else {
                    return Err(self.malformed_row(ERASURES.name));
                };
                erasures.push((version.stamp, erasure));
            }
        }
        Ok(erasures)
    }
}
