//! Tests of backups and restores on the simulated disk: crashes and errors at every operation, writers during
//! a backup or restore, and comparisons of restored workspaces with the originals.

mod archive;
pub(crate) mod crash;
mod equality;
mod part;
pub(crate) mod site;
mod writers;
