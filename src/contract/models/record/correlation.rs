//! Ids that connect a record with traces and sessions of other tools.

use crate::contract::issue::collector::Issues;
use crate::contract::model::declare::{model, part};
use crate::contract::rules::text::optional_text;

model! {
    /// Ids that connect a record with traces and sessions of other tools.
    CorrelationRefs ("CorrelationRefs") {} or {
        /// The id of a trace.
        trace_id: Option<String> = None,
        /// The id of a session.
        session_id: Option<String> = None,
    }
}

impl Default for CorrelationRefs {
    fn default() -> CorrelationRefs {
        CorrelationRefs::new()
    }
}

part!(CorrelationRefs, "CorrelationRefs", CorrelationRefs);

impl CorrelationRefs {
    fn check_fields(&mut self, issues: &mut Issues) {
        optional_text(issues, "trace_id", &mut self.trace_id);
        optional_text(issues, "session_id", &mut self.session_id);
    }
}
