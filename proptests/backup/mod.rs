//! Backups and restores on the simulated disk: a crash or an error at every operation, writers during a backup, and the
//! comparison of restored workspaces with the originals.

mod crash;
mod equality;
mod site;
mod writers;
