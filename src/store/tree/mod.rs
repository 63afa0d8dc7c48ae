//! Directories as artifacts. The body of such an artifact is a list of the files of the directory; each file is a body
//! of its own. `docs/FORMAT.md` specifies the list.

mod entry;
mod extract;
mod format;
mod list;
mod take;

pub use entry::{TreeContent, TreeEntry};
pub use extract::Extracted;
pub(crate) use format::read_tree;
pub use take::TakenTree;
