//! One newtype per kind of ref.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::refs::stable::StableRef;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// Declares one newtype per kind of ref, and implements its parsing and printing.
macro_rules! ref_types {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(StableRef);

        impl $name {
            /// The kind of every ref of this type.
            pub const KIND: &'static str = $kind;

            /// Parses the text form. Errors: the text is not a ref, or the kind or the number of components is wrong.
            pub fn parse(text: &str) -> Result<$name> {
                StableRef::parse(text)?.try_into()
            }

            /// Creates the ref of this kind with this value.
            pub fn of(value: &str) -> Result<$name> {
                $name::parse(&format!("{}:{value}", $kind))
            }

            /// Creates the ref of this kind whose value is the value of `parent`, a dot and `component`.
            pub fn under(parent: &StableRef, component: &str) -> Result<$name> {
                $name::of(&format!("{}.{component}", parent.value()))
            }

            /// Returns the ref as a [`StableRef`].
            pub fn into_stable(self) -> StableRef {
                self.0
            }
        }

        impl TryFrom<StableRef> for $name {
            type Error = ContractError;

            fn try_from(any: StableRef) -> Result<$name> {
                any.check_shape()?;
                if any.kind() != $kind {
                    let message = format!("{any} is a {}, not a {}", any.kind(), $kind);
                    return Err(ContractError::new(ErrorCode::RefKindMismatch, message));
                }
                // The kind `environment` has no fixed number of components, because the Python package contexta 1.0.0
                // accepts any number in a `StableRef`. The ref of an environment snapshot has three components.
                if $kind == "environment" && any.components().count() != 3 {
                    let message = format!("{any} is not of the form environment:project.run.key");
                    return Err(ContractError::new(ErrorCode::RefShape, message));
                }
                Ok($name(any))
            }
        }

        impl Deref for $name {
            type Target = StableRef;

            fn deref(&self) -> &StableRef {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ContractError;

            fn from_str(text: &str) -> Result<$name> {
                $name::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ContractError;

            fn try_from(text: &str) -> Result<$name> {
                $name::parse(text)
            }
        }

        impl From<&$name> for StableRef {
            fn from(typed: &$name) -> StableRef {
                typed.0.clone()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.0.as_str()
            }
        }

        impl From<$name> for StableRef {
            fn from(typed: $name) -> StableRef {
                typed.0
            }
        }
    )*};
}

ref_types! {
    /// The ref of a project: `project:PROJECT`.
    ProjectRef = "project";
    /// The ref of a run: `run:PROJECT.RUN`.
    RunRef = "run";
    /// The ref of a deployment: `deployment:PROJECT.DEPLOYMENT`.
    DeploymentRef = "deployment";
    /// The ref of a stage: `stage:PROJECT.RUN.STAGE`.
    StageRef = "stage";
    /// The ref of a batch: `batch:PROJECT.RUN.STAGE.BATCH`.
    BatchRef = "batch";
    /// The ref of a sample: `sample:PROJECT.RUN.STAGE[.BATCH].SAMPLE`.
    SampleRef = "sample";
    /// The ref of an operation: `op:PROJECT.RUN.STAGE[.BATCH].OPERATION`.
    OperationRef = "op";
    /// The ref of a record: `record:PROJECT.RUN.KEY`.
    RecordRef = "record";
    /// The ref of an artifact: `artifact:PROJECT.RUN.KEY`.
    ArtifactRef = "artifact";
    /// The ref of an environment snapshot: `environment:PROJECT.RUN.KEY`.
    EnvironmentRef = "environment";
    /// The ref of an alias of an artifact: `alias:PROJECT.KEY`.
    AliasRef = "alias";
    /// The ref of a lineage edge: `relation:` and any number of components.
    RelationRef = "relation";
    /// The ref of a provenance record: `provenance:` and any number of components.
    ProvenanceRef = "provenance";
}

impl StableRef {
    /// Returns the ref of the run: the ref itself if its kind is `run`, or the run that the object or record belongs
    /// to. The first two components form the ref of the run. Returns `None` for other kinds and for a ref with only one
    /// component.
    pub fn run(&self) -> Option<RunRef> {
        if !matches!(
            self.kind(),
            "run" | "stage" | "batch" | "sample" | "op" | "record" | "artifact" | "environment"
        ) {
            return None;
        }
        let mut parts = self.components();
        RunRef::parse(&format!("run:{}.{}", parts.next()?, parts.next()?)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        StableRef::parse(text).unwrap_err().code.as_str()
    }

    #[test]
    fn malformed_refs_have_their_codes() {
        for text in ["run", "", "a:b:c"] {
            assert_eq!(code(text), "stable_ref_invalid_text", "{text}");
        }
        for text in [":a", " run:a", "Run:a", "1:a", "ru n:a"] {
            assert_eq!(code(text), "stable_ref_invalid_kind", "{text}");
        }
        let long = format!("run:{}", "a".repeat(64));
        for text in [
            "run:", "run:a..b", "run:.a", "run:A", "run:a_b", "run:a--b", "run:-a", "run:a-", "run:a b",
            &long,
        ] {
            assert_eq!(code(text), "stable_ref_invalid_value", "{text}");
        }
        let parts = vec!["a".repeat(60); 5].join(".");
        assert_eq!(code(&format!("x:{parts}")), "stable_ref_too_long");
    }

    #[test]
    fn typed_refs_insist_on_kind_and_shape() {
        assert_eq!(RunRef::parse("run:p.r").unwrap().last_component(), "r");
        assert_eq!(RunRef::parse("run:p").unwrap_err().code, ErrorCode::RefShape);
        assert_eq!(RunRef::parse("stage:p.r.s").unwrap_err().code, ErrorCode::RefKindMismatch);
        assert_eq!(SampleRef::parse("sample:p.r.s.b.x").unwrap().components().count(), 5);
        let artifact = StableRef::parse("artifact:p.r.model").unwrap();
        assert_eq!(artifact.run().unwrap().as_str(), "run:p.r");
        assert_eq!(StableRef::parse("project:p").unwrap().run(), None);
    }
}
