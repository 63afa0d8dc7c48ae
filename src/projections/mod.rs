//! Floor 2: the only place where the contract meets the engine. Facts become entries, and entries become rows.
//!
//! Every projection here is pure: its rows follow from one fact and the stamp of its entry. [`kind`] lists the kinds of
//! entries, [`payload`] their payloads, [`tables`] and [`keys`] the tables. [`domain`] names the domain and lists all projections.

pub(crate) mod artifacts;
mod domain;
pub(crate) mod encoded;
mod encoding;
pub(crate) mod entry;
pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod kind;
pub(crate) mod lineage;
pub(crate) mod metadata;
mod payload;
pub(crate) mod records;
pub(crate) mod runs;
pub(crate) mod series;
pub(crate) mod tables;

pub(crate) use domain::{DOMAIN, all};
