//! The definition of a projection: the tables that it fills, and the rows that each entry adds to them.

use crate::engine::entries::EntryRef;
use crate::engine::entry::{Event, Kind, Stamp};
use crate::engine::error::Result;
use crate::engine::projection::table::TableSpec;
use crate::engine::projection::tables::Tables;

/// An entry with its decoded event, as a projection receives it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Applied<'a, E> {
    /// Time and identity of the entry.
    pub stamp: Stamp,
    /// The entry as it is stored in the log; the event was decoded from its payload.
    pub entry: EntryRef<'a>,
    /// The decoded event.
    pub event: &'a E,
}

/// Tables derived from entries.
///
/// A projection is pure: the rows that it adds for an entry depend on this entry alone, never on existing rows, on
/// other entries, or on anything outside the log.
pub trait Projection<E: Event>: Send + Sync {
    /// Returns the name of the projection, unique among the projections of a projector.
    fn name(&self) -> &'static str;
    /// Returns the version of the projection. Change the version whenever [`Projection::apply`] adds other rows than
    /// before; the tables are then rebuilt.
    fn version(&self) -> u32;
    /// Returns the tables that the projection fills; their names are unique among all projections of a projector.
    fn tables(&self) -> &'static [TableSpec];
    /// Returns true if the projection applies entries of this kind; by default, of every kind.
    fn wants(&self, kind: Kind) -> bool {
        let _ = kind;
        true
    }
    /// Adds the rows of one entry to the tables without its decoded event, and returns true; or adds nothing and returns
    /// false, as the default implementation does. After false, the engine decodes the event and calls
    /// [`Projection::apply`].
    ///
    /// An implementation makes a rebuild faster for kinds with very many entries. It returns true only for payloads that
    /// [`Event::decode`] accepts, and adds the rows that [`Projection::apply`] would add.
    fn apply_encoded(&self, entry: EntryRef<'_>, tables: &mut Tables) -> Result<bool> {
        let _ = (entry, tables);
        Ok(false)
    }
    /// Adds the rows of one entry to the tables.
    fn apply(&self, entry: &Applied<'_, E>, tables: &mut Tables) -> Result<()>;
}
