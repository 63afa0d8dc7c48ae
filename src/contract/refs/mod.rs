//! Refs: typed references of the form `kind:value`. The value consists of components joined by dots.
//!
//! A [`StableRef`] is a ref of any kind. Each kind has a newtype ([`RunRef`], [`ArtifactRef`] ...), which checks the
//! kind and the number of components. Refs are created only by parsing, so every ref is well formed.

pub(crate) mod component;
mod field;
pub(crate) mod stable;
pub(crate) mod typed;

pub use component::{COMPONENT_LEN_MAX, component_of, component_of_id, is_component, slug};
pub use field::check_field_ref;
pub use stable::{REF_LEN_MAX, StableRef};
pub use typed::{
    AliasRef, ArtifactRef, BatchRef, DeploymentRef, EnvironmentRef, OperationRef, ProjectRef, ProvenanceRef,
    RecordRef, RelationRef, RunRef, SampleRef, StageRef,
};
