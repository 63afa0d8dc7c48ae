//! [`AnyScope`], a handle of a scope of any kind.

use crate::capture::current::current;
use crate::capture::scope::ScopeKind;
use crate::capture::scopes::methods::{capture_methods, end_methods, handle};
use crate::capture::scopes::{
    BatchScope, DeploymentScope, OperationScope, RunScope, SampleScope, StageScope,
};
use crate::capture::session::Session;
use std::sync::Arc;

handle! {
    /// A handle of a scope of any kind, such as the current scope of a thread.
    AnyScope
}

capture_methods!(AnyScope);
end_methods!(AnyScope, end -> ());

macro_rules! from_handles {
    ($($name:ident),*) => {$(
        impl From<&$name> for AnyScope {
            fn from(handle: &$name) -> AnyScope {
                AnyScope { scope: Arc::clone(&handle.scope) }
            }
        }
    )*};
}

from_handles!(AnyScope, RunScope, DeploymentScope, StageScope, BatchScope, SampleScope, OperationScope);

impl Session {
    /// Returns the current scope of this session in the calling thread; `None` if no scope is entered.
    pub fn current(&self) -> Option<AnyScope> {
        current(self).map(|scope| AnyScope { scope })
    }
}

/// Declares a method that returns the nearest scope of one kind.
macro_rules! nearest {
    ($($(#[$doc:meta])* $method:ident -> $name:ident, $kind:ident;)*) => {
        impl AnyScope {$(
            $(#[$doc])*
            pub fn $method(&self) -> Option<$name> {
                self.scope.nearest(ScopeKind::$kind).and_then($name::of)
            }
        )*}
    };
}

nearest! {
    /// Returns the run that is this scope or contains it.
    run -> RunScope, Run;
    /// Returns the deployment that is this scope.
    deployment -> DeploymentScope, Deployment;
    /// Returns the stage that is this scope or contains it.
    stage -> StageScope, Stage;
    /// Returns the batch that is this scope or contains it.
    batch -> BatchScope, Batch;
    /// Returns the sample that is this scope.
    sample -> SampleScope, Sample;
    /// Returns the innermost operation that is this scope or contains it.
    operation -> OperationScope, Operation;
}
