//! The JSON form of every answer. Keys are sorted. Absent values are null, with one exception: a lineage step without
//! an edge has only the type and the two refs of an edge. New versions add members, but never remove them.

mod interchange;
mod parts;
mod recovery;
mod report;
mod runs;

use crate::client::{ExportReport, ImportReport};
use crate::contract::json::write::pretty;
use crate::contract::{Result, Value};
use crate::interpretation::{
    BestRun, LineageTraversal, Note, ProjectList, ReportDocument, RunComparison, RunList, RunSnapshot,
    StepSeries,
};
use crate::recovery::{DumpedEntry, MergeReport, RebuildReport, StreamRow, VerifyReport};
use crate::surfaces::escape;
#[cfg(feature = "cli")]
pub(crate) use recovery::{digest, heads, streams};

/// An answer of the library with a JSON form, which is also the output of the command with `--format json`.
pub trait Answer {
    /// Returns the JSON form as a value.
    fn to_value(&self) -> Value;

    /// Returns the JSON form as indented text. Hidden and control characters in texts are written as `\u` escapes.
    /// Errors: the value contains a number that is not finite.
    fn to_json(&self) -> Result<String> {
        Ok(escape::document(pretty(&self.to_value())?))
    }
}

macro_rules! json_forms {
    ($($answer:ty => $form:path),+ $(,)?) => {
        $(impl Answer for $answer {
            fn to_value(&self) -> Value {
                $form(self)
            }
        })+
    };
}

json_forms! {
    BestRun => runs::best_run,
    DumpedEntry => recovery::dumped,
    ExportReport => interchange::export,
    ImportReport => interchange::import,
    LineageTraversal => runs::lineage,
    MergeReport => recovery::merge,
    Note => parts::note,
    ProjectList => runs::project_list,
    RebuildReport => recovery::rebuild,
    ReportDocument => report::report,
    RunComparison => runs::comparison,
    RunList => runs::run_list,
    RunSnapshot => runs::run_snapshot,
    StepSeries => runs::step_series,
    StreamRow => recovery::stream,
    VerifyReport => recovery::verify,
}
