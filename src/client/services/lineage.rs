//! The service that walks over the lineage graph.

use crate::client::error::Result;
use crate::client::services::declare::service;
use crate::interpretation::lineage;
use crate::interpretation::{LineagePolicy, LineageTraversal};

service! {
    /// The service that walks over the lineage graph.
    LineageService, LineagePolicy;
    /// Returns the service that walks over the lineage graph.
    lineage = lineage
}

impl LineageService<'_> {
    /// Walks from a ref of any kind over the lineage graph. The edges of the ref itself have depth 0. The policy
    /// determines the direction and the greatest depth. An answer has at most
    /// [`TRAVERSAL_MAX`](lineage::TRAVERSAL_MAX) refs, and at most the same number of edges.
    pub fn traverse_lineage(&self, subject: &str) -> Result<LineageTraversal> {
        self.contexta.ask(|store| lineage::traverse_lineage(store, subject, &self.policy))
    }
}
