//! The ML domain: its name, and all its projections.

use crate::engine::domain::Domain;
use crate::engine::projection::Projection;
use crate::projections::artifacts::ArtifactsProjection;
use crate::projections::entry::Captured;
use crate::projections::erasures::ErasuresProjection;
use crate::projections::imports::ImportsProjection;
use crate::projections::lineage::LineageProjection;
use crate::projections::metadata::MetadataProjection;
use crate::projections::records::RecordsProjection;
use crate::projections::runs::RunsProjection;
use crate::projections::series::SeriesProjection;
use crate::projections::writers::WritersProjection;

/// The domain of the ML product's logs.
pub(crate) const DOMAIN: Domain = match Domain::new("contexta-ml", 1) {
    Ok(domain) => domain,
    Err(_) => panic!("the name of the domain is not valid"),
};

/// Returns all projections of the ML domain.
pub(crate) fn all() -> Vec<Box<dyn Projection<Captured>>> {
    vec![
        Box::new(MetadataProjection),
        Box::new(RecordsProjection),
        Box::new(SeriesProjection),
        Box::new(ArtifactsProjection),
        Box::new(LineageProjection),
        Box::new(ImportsProjection),
        Box::new(RunsProjection),
        Box::new(WritersProjection),
        Box::new(ErasuresProjection),
    ]
}
