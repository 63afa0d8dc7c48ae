//! contexta.
pub mod contract;
pub mod engine;
pub mod projections;
pub mod store;
