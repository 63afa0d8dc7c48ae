//! Properties of projections.
