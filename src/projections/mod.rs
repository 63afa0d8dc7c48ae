//! Floor 2: the only place where the contract meets the engine. Facts become entries, entries become tables.
//!
//! Every projection here is pure: the rows follow from one fact and its stamp. Keys and tables are named in
//! [`tables`]; what the kinds are is in [`entry`], what their payload bytes hold in `payload`.

pub(crate) mod artifacts;
pub(crate) mod entry;
pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod lineage;
pub(crate) mod metadata;
mod payload;
pub(crate) mod records;
pub(crate) mod runs;
pub(crate) mod series;
pub(crate) mod tables;

use crate::engine::domain::Domain;
use crate::engine::projection::Projection;
use entry::Captured;

/// The domain of the ML product's logs.
pub(crate) const DOMAIN: Domain = match Domain::new("contexta-ml", 1) {
    Ok(domain) => domain,
    Err(_) => panic!("the name of the domain is not legal"),
};

/// All projections of the ML domain.
pub(crate) fn all() -> Vec<Box<dyn Projection<Captured>>> {
    vec![
        Box::new(metadata::MetadataProjection),
        Box::new(records::RecordsProjection),
        Box::new(series::SeriesProjection),
        Box::new(artifacts::ArtifactsProjection),
        Box::new(lineage::LineageProjection),
        Box::new(imports::ImportsProjection),
        Box::new(runs::RunsProjection),
    ]
}
