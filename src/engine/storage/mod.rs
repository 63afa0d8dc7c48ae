//! Access to the system: every file, directory, lock, clock reading, random byte and process id that the engine
//! uses goes through [`Storage`].
//!
//! There are two implementations: [`os`] for the real system, and `sim` (feature `testing`) for files in memory. Tests
//! replace this interface only. The traits provide primitive operations; the free functions ([`publish`],
//! [`temporary_path`], ...) and [`replace`] combine these operations into durable sequences: write a temporary file,
//! sync the file, rename the file, sync the directory.

mod interface;
mod operations;
pub mod os;
pub mod replace;
mod sequential;
#[cfg(feature = "testing")]
pub mod sim;
#[cfg(test)]
pub(in crate::engine) mod sparse;

pub use interface::{
    DirEntry, DirItem, File, FileInfo, ItemKind, Mapping, NotARegularFile, OpenMode, Place, PollingWatch,
    Storage, Watch,
};
pub use operations::{data_end_before, exists, publish, read_full_at, temporary_path, write_all_at};
pub use sequential::{FileReader, FileWriter};
