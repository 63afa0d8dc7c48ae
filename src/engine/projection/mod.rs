//! Tables derived from the log. They are made by applying entries, and can be discarded and rebuilt at any time.
//!
//! A [`Projection`] declares the tables it fills and the rows that an entry adds to them. The projector, a part of each
//! [`Engine`](crate::engine::Engine), stores the tables of all projections in one redb database, and the rows of recent
//! entries in memory. It moves one cursor per stream, and publishes immutable generation files. It rebuilds the tables
//! if the log no longer contains the entries that a cursor counts as applied. A [`View`] is one consistent read. The
//! same entries always give the same tables: the content of the table types in [`tables`] does not depend on the order
//! in which entries are applied.
//!
//! Files, lowest first. Each file imports only files above it in this list:
//! ```text
//! note, block, options, table, point, version, damage, bounds, erased values
//! chunk, register, cursor, extent, stream_list, generation         rows, cursors, and files
//! overlay, site                                                    database images
//! tables, definition, reading, recent, own_tables, opened          writing rows
//! rows, version_rows, series_rows, register_rows, view, digest     reading rows
//! log_access, confirm, stream_commits, step, catch_up              applying entries
//! newest, generation_dir, projector                                publishing, and the projector
//! ```

#[cfg(not(feature = "testing"))]
pub(crate) mod block;
#[cfg(feature = "testing")]
pub mod block;
pub(in crate::engine) mod bounds;
mod catch_up;
mod chunk;
mod confirm;
#[cfg(not(feature = "testing"))]
pub(crate) mod cursor;
#[cfg(feature = "testing")]
pub mod cursor;
mod damage;
mod definition;
#[cfg(feature = "ml")]
mod derived;
#[cfg(not(feature = "testing"))]
pub(crate) mod digest;
#[cfg(feature = "testing")]
pub mod digest;
mod erased;
#[cfg(feature = "ml")]
mod extent;
#[cfg(not(feature = "testing"))]
pub(crate) mod generation;
#[cfg(feature = "testing")]
pub mod generation;
mod generation_dir;
mod keyed;
mod log_access;
mod newest;
pub mod note;
mod opened;
mod options;
#[cfg(not(feature = "testing"))]
pub(crate) mod overlay;
#[cfg(feature = "testing")]
pub mod overlay;
mod own_tables;
mod point;
mod point_buffer;
mod projector;
mod reading;
mod recent;
mod register;
mod register_rows;
mod row_writer;
mod rows;
mod scratch;
mod series_rows;
mod site;
mod step;
mod step_reader;
mod stream_commits;
mod stream_list;
mod table;
pub mod tables;
mod version;
mod version_rows;
pub mod view;

pub use cursor::LogPosition;
pub use definition::{Applied, Projection};
pub use digest::TablesDigest;
pub use erased::ErasedEvents;
#[cfg(feature = "ml")]
pub(crate) use extent::Extent;
pub use note::{CatchUp, Note, RebuildReason};
#[cfg(not(feature = "testing"))]
pub(crate) use options::{LossWitness, ProjectorOptions, ProjectorPaths};
#[cfg(feature = "testing")]
pub use options::{LossWitness, ProjectorOptions, ProjectorPaths};
pub use point::{Point, PointOrder};
#[cfg(not(feature = "testing"))]
pub(crate) use projector::Projector;
#[cfg(feature = "testing")]
pub use projector::Projector;
pub use register::Register;
pub use register_rows::{KeyedRegister, Registers};
pub use rows::{Row, Rows};
pub use series_rows::{Chunk, Chunks, Series};
pub use table::{TableKind, TableSpec};
pub use tables::{RegisterSlot, SeriesSlot, Tables};
pub use version::{Current, Version, current};
#[cfg(feature = "ml")]
pub(crate) use version_rows::VersionRow;
pub use version_rows::{KeyVersions, VersionsByKey};
pub use view::View;
