//! Tables derived from the log: made by applying entries, thrown away and made again at any time.
//!
//! A [`Projection`] says which tables it fills and what an entry does to them. The [`Projector`] keeps all
//! projections of a workspace in one redb database, moves one cursor per stream in the same transaction as the
//! rows, publishes immutable generation files, and rebuilds when the log does not confirm the cursor.
//! *Same entries, same tables*: the table types in [`tables`] do not depend on the order of arrival.

mod catch_up;
pub mod cursor;
pub mod digest;
pub mod generation;
mod moved;
pub mod note;
pub mod overlay;
pub mod runtime;
pub mod tables;
pub mod view;

pub use cursor::LogPosition;
pub use note::{CatchUp, Note, RebuildReason};
pub use runtime::{Progress, Projector, ProjectorOptions};
pub use tables::{Point, PointOrder, Register, TableKind, TableSpec, Tables, Version};
pub use view::View;

use crate::engine::entry::{Entry, Event, Kind, Stamp};

/// An entry as a projection sees it: decoded.
#[derive(Debug)]
pub struct Applied<'a, E> {
    /// Time and identity.
    pub stamp: Stamp,
    /// The entry as it is in the log; its payload is what the event was decoded from.
    pub entry: &'a Entry,
    /// What was captured.
    pub event: &'a E,
}

/// Tables derived from entries. Pure: what it writes follows from the entry alone, never from what is already
/// in a table, from other entries, or from the outside.
pub trait Projection<E: Event>: Send + Sync {
    /// Its name, unique among the projections of a projector.
    fn name(&self) -> &'static str;
    /// Changed whenever [`Projection::apply`] would make other rows; the tables are then rebuilt.
    fn version(&self) -> u32;
    /// The tables it fills; their names are unique among all projections of a projector.
    fn tables(&self) -> &'static [TableSpec];
    /// Whether entries of this kind matter to it.
    fn wants(&self, kind: Kind) -> bool;
    /// What an entry adds to the tables.
    fn apply(&self, entry: &Applied<'_, E>, tables: &mut Tables<'_>) -> crate::engine::Result<()>;
}
