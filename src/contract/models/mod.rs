//! The canonical models: plain structs with rules and canonical JSON.

pub mod alias;
pub mod artifact;
pub mod batch;
pub mod deployment;
pub mod environment;
pub mod lifecycle;
pub mod lineage;
pub mod operation;
pub mod owner;
pub mod param;
pub mod payload;
pub mod project;
pub mod provenance;
pub mod record;
pub mod run;
pub mod sample;
pub mod stage;
