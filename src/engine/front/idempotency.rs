//! The table of idempotency keys, which every engine has.

use crate::engine::entry::{Event, Kind};
use crate::engine::error::Result;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::engine::table::Versions;

/// The idempotency keys of the events in the log. Each key has one version for each entry with the key.
pub(super) const IDEMPOTENCY_KEYS: Versions<Vec<u8>, ()> = Versions::new("_idempotency_keys");

/// The projection that fills [`IDEMPOTENCY_KEYS`].
#[derive(Debug)]
pub(super) struct IdempotencyProjection;

impl<E: Event> Projection<E> for IdempotencyProjection {
    fn name(&self) -> &'static str {
        "_idempotency"
    }

    fn version(&self) -> u32 {
        E::IDEMPOTENCY_VERSION
    }

    fn tables(&self) -> &'static [TableSpec] {
        const { &[IDEMPOTENCY_KEYS.spec()] }
    }

    fn wants(&self, _kind: Kind) -> bool {
        true
    }

    fn apply(&self, applied: &Applied<'_, E>, tables: &mut Tables) -> Result<()> {
        if let Some(key) = applied.event.idempotency_key() {
            IDEMPOTENCY_KEYS.put(tables, &key, applied.stamp, &[], &());
        }
        Ok(())
    }
}
