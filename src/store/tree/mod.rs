//! Artifacts that are directories, stored as trees. The body of a tree is the list of the files of the directory. Each
//! file is a body of its own. `docs/FORMAT.md` specifies the list.

mod entry;
mod extract;
mod format;
mod list;
mod take;

pub use entry::{TreeContent, TreeEntry};
pub use extract::Extracted;
pub(crate) use format::read_tree;
pub use take::TakenTree;
