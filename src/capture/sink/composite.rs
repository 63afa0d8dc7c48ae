//! A sink that passes payloads to other sinks.

use crate::capture::result::PayloadFamily;
use crate::capture::sink::error::SinkError;
use crate::capture::sink::interface::{Sink, SinkReceipt};
use crate::capture::sink::request::SinkRequest;
use std::fmt;
use std::sync::Arc;

/// A sink that passes each payload to its children. A payload is delivered if at least one child takes it, so the other
/// children can miss the payload. Declare sinks that must receive every payload separately.
pub struct CompositeSink {
    name: String,
    children: Vec<Arc<dyn Sink>>,
    families: Vec<PayloadFamily>,
}

impl fmt::Debug for CompositeSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let children: Vec<&str> = self.children.iter().map(|child| child.name()).collect();
        f.debug_struct("CompositeSink").field("name", &self.name).field("children", &children).finish()
    }
}

impl CompositeSink {
    /// Creates a sink with these children.
    pub fn new(name: &str, children: impl IntoIterator<Item = Arc<dyn Sink>>) -> CompositeSink {
        let children: Vec<Arc<dyn Sink>> = children.into_iter().collect();
        let supported = |family: &PayloadFamily| children.iter().any(|c| c.families().contains(family));
        let families = PayloadFamily::ALL.iter().copied().filter(supported).collect();
        CompositeSink { name: name.to_owned(), children, families }
    }
}

impl Sink for CompositeSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn families(&self) -> &[PayloadFamily] {
        &self.families
    }

    fn capture(&self, request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        let family = request.family();
        let (mut succeeded, mut degraded) = (0usize, 0usize);
        let mut failures: Vec<(&str, SinkError)> = Vec::new();
        for child in self.children.iter().filter(|child| child.families().contains(&family)) {
            match child.capture(request) {
                Ok(receipt) if receipt.is_degraded() => degraded += 1,
                Ok(_) => succeeded += 1,
                Err(error) => failures.push((child.name(), error)),
            }
        }
        if succeeded + degraded == 0 {
            let Some((_, first)) = failures.first() else {
                let message = format!("no child of the sink takes payloads of the family {family}");
                return Err(SinkError::permanent("composite_sink_no_eligible_children", message));
            };
            let message = format!("all children of the sink failed: {}", first.full_message());
            let code = "composite_sink_all_children_failed";
            return Err(match failures.iter().any(|(_, error)| error.is_retryable()) {
                true => SinkError::retryable(code, message),
                false => SinkError::permanent(code, message),
            });
        }
        let counts = [(succeeded, "succeeded"), (degraded, "degraded"), (failures.len(), "failed")];
        let words = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
        let detail = words.collect::<Vec<_>>().join("; ");
        let receipt = match degraded + failures.len() {
            0 => SinkReceipt::success().detail(&detail),
            _ => SinkReceipt::degraded(&detail),
        };
        let failed = failures.iter().map(|(name, error)| format!("{name}: {}", error.full_message()));
        Ok(receipt
            .metadata("success_count", succeeded)
            .metadata("degraded_count", degraded)
            .metadata("failure_count", failures.len())
            .metadata("failures", crate::contract::Value::list(failed)))
    }
}
