//! Floor 1: what may be said. Typed references, canonical models and their rules, facts, canonical JSON.
//!
//! Pure values: this floor knows no disk, no clock and no engine. A model is a plain struct; [`Valid`] around it
//! says that its rules hold, and its constructor is the only way to get one.
//!
//! Stability: Stable.

pub mod error;
pub mod fact;
pub mod json;
pub mod models;
pub mod refs;
pub mod rules;
pub mod time;

pub use error::{ContractError, ErrorCode, Result};
pub use fact::{Fact, RecordDraft};
pub use json::{Canonical, Value};
pub use models::artifact::ArtifactManifest;
pub use models::context::{EnvironmentSnapshot, Project, Run, RunStatus, StageExecution};
pub use models::lineage::{Confidence, LineageEdge, LineageOrigin, RelationType};
pub use models::record::{
    AggregationScope, Completeness, CorrelationRefs, Degradation, DegradedCategory, DegradedPayload,
    DegradedRecord, DegradedSeverity, EventLevel, EventPayload, EventRecord, MetricPayload, MetricRecord,
    MetricValue, Origin, Payload, Record, RecordEnvelope, RecordType,
};
pub use refs::{
    ArtifactRef, BatchRef, DeploymentRef, EnvironmentRef, OperationRef, ProjectRef, RecordRef, RelationRef,
    RunRef, SampleRef, StableRef, StageRef,
};
pub use rules::{Rules, Valid};
pub use time::Timestamp;

/// The schema version that models of this build carry.
pub const SCHEMA_VERSION: &str = "1.0.0";
