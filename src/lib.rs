//! contexta.
pub mod contract;
pub mod engine;
pub mod projections;
pub mod store;
pub mod capture;
pub mod interpretation;
