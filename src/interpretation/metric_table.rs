//! A table with one value for each metric of a run in each stage. Comparisons of runs and differences from a
//! baseline use this table.

use crate::contract::nfc::nfc;
use crate::interpretation::error::Result;
use crate::interpretation::metric::{self, Measurement, Selection};
use crate::store::{Attempts, SeriesRow, StageRow, StoreView};
use std::collections::{BTreeMap, BTreeSet};

/// The metrics of a run. The key consists of the name of the stage and the name of the metric. The name of
/// the stage is `None` outside any stage.
pub(super) type Metrics = BTreeMap<(Option<String>, String), Measurement>;

/// Returns a name for each stage of a run, in the composed form (NFC). If several stages have the same name,
/// only the first of these stages gets the name. For each of the other stages, the result contains the last
/// component of its ref.
pub(super) fn stage_names(stages: &[StageRow]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let name = |stage: &StageRow| {
        let name = nfc(&stage.name).into_owned();
        let name = if seen.contains(&name) { stage.stage_ref.last_component().to_owned() } else { name };
        seen.insert(name.clone());
        name
    };
    stages.iter().map(name).collect()
}

/// Reads the value of each metric of a run. `rows` contains the summaries of all series of the run. `stages`
/// contains the stages of the run. The series outside any stage include the series of deployments.
pub(super) fn metrics_of(
    view: &StoreView<'_>,
    rows: &[SeriesRow],
    stages: &[StageRow],
    selection: Selection,
) -> Result<Metrics> {
    let names = stage_names(stages);
    let name_of = |row: &SeriesRow| {
        let at = stages.iter().position(|stage| Some(&stage.stage_ref) == row.key.stage_ref.as_ref());
        // A stage whose start is not in the log is not in `stages`.
        at.and_then(|at| names.get(at).cloned())
            .or_else(|| row.stage_name.as_deref().map(|name| nfc(name).into_owned()))
    };
    let mut groups: BTreeMap<(Option<String>, String), Vec<&SeriesRow>> = BTreeMap::new();
    for row in metric::of_places(rows) {
        groups.entry((name_of(row), metric::name_of_whole(&row.key))).or_default().push(row);
    }
    let mut metrics = Metrics::new();
    for (key, rows) in groups {
        if let Some(measured) = metric::measure(view, &rows, selection, Attempts::Newest)? {
            metrics.insert(key, measured);
        }
    }
    Ok(metrics)
}
