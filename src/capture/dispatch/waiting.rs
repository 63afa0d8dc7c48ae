//! The deliveries that wait for the sinks of a session.

use crate::capture::dispatch::dispatcher::Dispatcher;
use crate::capture::dispatch::sink_state::{Identity, dir_name_of, is_delivered};
use crate::capture::error::Result;
use crate::capture::result::PayloadFamily;
use crate::capture::sink::SinkRequest;
use crate::contract::RecordType;
use crate::store::{Position, WaitingDelivery, chain, cursor_rows, waiting_deliveries};

/// The facts of one stream that wait for a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingDelivery {
    /// The name of the sink. If the sink does not belong to the session and has no dead letter, the field
    /// contains the name of its directory.
    pub sink: String,
    /// The first fact that waits.
    pub next: Position,
    /// The number of waiting facts. Facts after an unreadable entry are not counted. For a sink that does not
    /// belong to the session, the number includes facts of families that the sink may not accept.
    pub facts: u64,
    /// The number of times that the delivery of the first waiting fact has failed.
    pub failures: u32,
    /// `true` if the sink belongs to the session.
    pub is_attached: bool,
    /// The reason why the cursor or a part of the stream could not be read.
    pub unreadable: Option<String>,
}

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

    /// Returns the facts that wait for sinks. The list is sorted by sink and stream. The cursors are read
    /// without a lock, so the list can contain facts that a process is delivering now. Errors: the cursors
    /// cannot be listed, or a sink panics.
    pub(in crate::capture) fn pending(&self) -> Result<Vec<PendingDelivery>> {
        let own: Vec<Identity> = self.sinks().iter().map(Identity::of).collect::<Result<_>>()?;
        let storage = self.shared.journal.storage();
        // If a sink does not belong to the session, its name is known only from its letters.
        let letters = self.dead_letters().unwrap_or_default().letters;
        let name_of = |dir: String| {
            let known = letters.iter().find(|letter| dir_name_of(&letter.sink) == dir);
            known.map_or(dir, |letter| letter.sink.clone())
        };
        let mut found = Vec::new();
        for row in cursor_rows(storage.as_ref(), &self.shared.options.cursors)? {
            let own = own.iter().find(|own| own.dir == row.sink);
            let mut pending = PendingDelivery {
                sink: own.map_or_else(|| name_of(row.sink), |own| own.name.clone()),
                next: row.next,
                facts: 0,
                failures: row.failures,
                is_attached: own.is_some(),
                unreadable: None,
            };
            if !row.is_readable {
                pending.unreadable = Some("the cursor of the sink cannot be read".to_owned());
            } else if let Err(error) = self.count(&mut pending, own) {
                pending.unreadable = Some(chain(&error));
            }
            if pending.facts > 0 || pending.unreadable.is_some() {
                found.push(pending);
            }
        }
        Ok(found)
    }

    /// Counts the waiting facts, and sets the position of the first waiting fact.
    fn count(&self, pending: &mut PendingDelivery, own: Option<&Identity>) -> Result<()> {
        for item in self.shared.facts(pending.next)? {
            let (stamp, captured) = item?;
            let Some(captured) = captured.filter(is_delivered) else { continue };
            let family = SinkRequest::new(&captured.fact, stamp).family();
            if own.is_none_or(|own| own.families.contains(&family)) {
                if pending.facts == 0 {
                    pending.next = stamp.position();
                }
                pending.facts += 1;
            }
        }
        Ok(())
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
