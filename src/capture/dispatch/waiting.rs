//! The failed deliveries to the sinks of a session.

use crate::capture::dispatch::dispatcher::Dispatcher;
use crate::capture::dispatch::sink_state::Identity;
use crate::capture::error::Result;
use crate::capture::result::PayloadFamily;
use crate::contract::RecordType;
use crate::store::{WaitingDelivery, waiting_deliveries};

impl Dispatcher {
    /// Returns the failed deliveries that wait for a replay, ordered by sink and stream. The list also contains
    /// deliveries to sinks that do not belong to this session. The sinks are not locked, so that a query does not wait for
    /// a delivery. Errors: the cursors cannot be listed, or a sink panics.
    pub(in crate::capture) fn waiting(&self) -> Result<Vec<WaitingDelivery>> {
        let mut waiting =
            waiting_deliveries(self.shared.journal.storage().as_ref(), &self.shared.options.cursors)?;
        if waiting.is_empty() {
            return Ok(waiting);
        }
        for sink in self.sinks() {
            let own = Identity::of(sink)?;
            for delivery in
                waiting.iter_mut().filter(|delivery| !delivery.is_attached && delivery.sink == own.dir)
            {
                attach(delivery, &own);
            }
        }
        Ok(waiting)
    }
}

/// Describes the sink of a delivery, which belongs to the session.
fn attach(delivery: &mut WaitingDelivery, own: &Identity) {
    let receives = |family| own.families.contains(&family);
    delivery.sink.clone_from(&own.name);
    delivery.is_attached = true;
    delivery.record_types.retain(|of| {
        receives(if *of == RecordType::Degraded { PayloadFamily::Degradation } else { PayloadFamily::Record })
    });
    delivery.receives_artifacts = receives(PayloadFamily::Artifact);
    delivery.receives_context = receives(PayloadFamily::Context);
}
