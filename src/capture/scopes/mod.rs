//! The handles of scopes, one file for each kind.

mod any;
mod batch;
mod deployment;
mod methods;
mod operation;
mod run;
mod sample;
mod stage;

pub use any::AnyScope;
pub use batch::BatchScope;
pub use deployment::{DeploymentBuilder, DeploymentScope};
pub use operation::OperationScope;
pub use run::RunScope;
pub use sample::SampleScope;
pub use stage::StageScope;
