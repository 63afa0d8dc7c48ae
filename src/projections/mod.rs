//! Floor 2: the ML domain of the engine. Facts of the contract are encoded as entries, and entries are projected into
//! rows.
//!
//! Every projection here is pure: the rows of an entry depend only on the fact and the stamp of the entry. [`kind`]
//! lists the kinds of entries, [`payload`] their payloads, [`tables`] and [`keys`] the tables. [`domain`] names the
//! domain and lists all projections.

pub(crate) mod artifacts;
mod domain;
pub(crate) mod encoded;
pub(crate) mod encoded_series;
mod encoding;
pub(crate) mod entry;
pub(crate) mod erasures;
pub(crate) mod fact_runs;
pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod kind;
mod known_series;
pub(crate) mod lineage;
pub(crate) mod metadata;
mod payload;
pub(crate) mod records;
pub(crate) mod runs;
pub(crate) mod series;
pub(crate) mod series_key;
pub(crate) mod tables;
pub(crate) mod writers;

pub(crate) use domain::{DOMAIN, all};
