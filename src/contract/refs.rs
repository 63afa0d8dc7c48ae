//! Typed references: `kind:value`, the value made of dotted components.
//!
//! [`StableRef`] is any ref; one newtype per kind ([`RunRef`], [`ArtifactRef`] ...) is a ref whose kind and
//! number of components are right. Parsing is the only way to get one, so every ref at hand is well formed.

use crate::contract::error::{ContractError, ErrorCode, Result};
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// Greatest length of a ref's text.
pub const REF_LEN_MAX: usize = 255;
/// Greatest length of one component.
pub const COMPONENT_LEN_MAX: usize = 63;

/// A reference of any kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StableRef {
    text: String,
    colon: usize,
}

/// Whether `text` can be one dotted part of a ref's value: lower-case letters and digits, single dashes between.
pub fn is_component(text: &str) -> bool {
    is_component_bytes(text.as_bytes())
}

fn is_component_bytes(text: &[u8]) -> bool {
    let mut dash_before = true;
    let plain = text.iter().all(|&b| {
        let dash = b == b'-';
        let allowed = b.is_ascii_lowercase() || b.is_ascii_digit() || (dash && !dash_before);
        dash_before = dash;
        allowed
    });
    plain && !dash_before && text.len() <= COMPONENT_LEN_MAX
}

/// Number of components that the refs of a kind have, where the kind is one with a fixed shape.
fn shape(kind: &str) -> Option<(usize, usize)> {
    Some(match kind {
        "project" => (1, 1),
        "run" | "deployment" => (2, 2),
        "stage" | "record" | "artifact" => (3, 3),
        "batch" => (4, 4),
        "sample" | "op" => (4, 5),
        _ => return None,
    })
}

impl StableRef {
    /// Parses the text form. Nothing is trimmed or changed.
    pub fn parse(text: &str) -> Result<StableRef> {
        StableRef::from_text(text.to_owned())
    }

    /// As [`StableRef::parse`], of a text that is not needed any more.
    pub(crate) fn from_text(text: String) -> Result<StableRef> {
        // Refs are read by the million. Components are ASCII, so bytes are compared and not characters.
        let split = text.bytes().position(|b| b == b':').and_then(|at| text.split_at_checked(at));
        let parts = split.and_then(|(kind, rest)| Some((kind, rest.strip_prefix(':')?)));
        let plain = parts.is_some_and(|(_, v)| v.as_bytes().split(|b| *b == b'.').all(is_component_bytes));
        let Some((kind, value)) = parts.filter(|(_, value)| plain || !value.contains(':')) else {
            let message = format!("{text:?} is not of the form kind:value");
            return Err(ContractError::new(ErrorCode::RefText, message));
        };
        let mut letters = kind.bytes();
        let word = letters.next().is_some_and(|b| b.is_ascii_lowercase())
            && letters.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !word {
            return Err(ContractError::new(ErrorCode::RefKind, format!("{kind:?} is not a kind of ref")));
        }
        if !plain {
            let message = format!("{value:?} is not a dotted value of lower-case components");
            return Err(ContractError::new(ErrorCode::RefValue, message));
        }
        if text.len() > REF_LEN_MAX {
            let message = format!("a ref of {} characters is longer than {REF_LEN_MAX}", text.len());
            return Err(ContractError::new(ErrorCode::RefTooLong, message));
        }
        let colon = kind.len();
        Ok(StableRef { text, colon })
    }

    /// The kind.
    pub fn kind(&self) -> &str {
        self.text.get(..self.colon).unwrap_or_default()
    }

    /// The value, without the kind.
    pub fn value(&self) -> &str {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The dotted parts of the value.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.value().split('.')
    }

    /// The last dotted part: what people call the thing.
    pub fn last_component(&self) -> &str {
        self.components().next_back().unwrap_or_default()
    }

    /// The run that this ref lies in: itself, or the first two components of what can only lie in a run.
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

    /// Checks the number of components, for kinds that have a fixed one.
    pub fn check_shape(&self) -> Result<()> {
        let count = self.value().bytes().filter(|b| *b == b'.').count() + 1;
        match shape(self.kind()) {
            Some((least, most)) if !(least..=most).contains(&count) => {
                let wanted = if least == most { least.to_string() } else { format!("{least} or {most}") };
                let message = format!("{self} has {count} components, not {wanted}");
                Err(ContractError::new(ErrorCode::RefShape, message))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for StableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for StableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for StableRef {
    type Err = ContractError;

    fn from_str(text: &str) -> Result<StableRef> {
        StableRef::parse(text)
    }
}

/// One newtype per kind; parsing and printing come with it.
macro_rules! ref_types {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(StableRef);

        impl $name {
            /// The kind of these refs.
            pub const KIND: &'static str = $kind;

            /// Parses the text form; kind and number of components must be right.
            pub fn parse(text: &str) -> Result<$name> {
                StableRef::parse(text)?.try_into()
            }

            /// The ref with this value.
            pub fn of(value: &str) -> Result<$name> {
                $name::parse(&format!("{}:{value}", $kind))
            }

            /// The ref under `parent` with this last component.
            pub fn under(parent: &StableRef, component: &str) -> Result<$name> {
                $name::of(&format!("{}.{component}", parent.value()))
            }

            /// The ref without its type.
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
                // As the own ref of a snapshot it has a shape; elsewhere the reference takes any.
                if $kind == "environment" && any.components().count() != 3 {
                    let message = format!("{any} is not of the form environment:project.run.key");
                    return Err(ContractError::new(ErrorCode::RefShape, message));
                }
                Ok($name(any))
            }
        }

        impl crate::contract::model::Field for $name {
            const CODE: ErrorCode = ErrorCode::Ref;

            fn read(
                value: crate::contract::json::Value,
                code: ErrorCode,
                issues: &mut crate::contract::issue::Issues,
            ) -> Option<$name> {
                crate::contract::model::read_ref(&value, code, issues, $name::try_from)
            }

            fn write(&self) -> crate::contract::json::Value {
                crate::contract::json::Value::from(self.as_str())
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
    /// `project:P`
    ProjectRef = "project";
    /// `run:P.R`
    RunRef = "run";
    /// `deployment:P.D`
    DeploymentRef = "deployment";
    /// `stage:P.R.S`
    StageRef = "stage";
    /// `batch:P.R.S.B`
    BatchRef = "batch";
    /// `sample:P.R.S[.B].X`
    SampleRef = "sample";
    /// `op:P.R.S[.B].O`
    OperationRef = "op";
    /// `record:P.R.K`
    RecordRef = "record";
    /// `artifact:P.R.K`
    ArtifactRef = "artifact";
    /// `environment:P.R.K`
    EnvironmentRef = "environment";
    /// `relation:...`, of any number of components.
    RelationRef = "relation";
    /// `provenance:...`, of any number of components.
    ProvenanceRef = "provenance";
}

/// Checks that a ref is one for a well-known field, such as `run_ref`: of its kind, and of the shape of its own kind.
/// `subject_ref` may be of any kind that has a shape.
pub fn check_field_ref(field_name: &str, any: &StableRef) -> Result<()> {
    let kinds: &[&str] = match field_name {
        "project_ref" => &["project"],
        "run_ref" => &["run"],
        "deployment_execution_ref" => &["deployment"],
        "stage_execution_ref" => &["stage"],
        "batch_execution_ref" => &["batch"],
        "sample_observation_ref" => &["sample"],
        "operation_context_ref" => &["op"],
        "record_ref" => &["record"],
        "artifact_ref" => &["artifact"],
        "environment_snapshot_ref" => &["environment"],
        "relation_ref" => &["relation"],
        "provenance_ref" => &["provenance"],
        "subject_ref" => &[],
        _ => {
            let message = format!("no field that holds a ref is called {field_name:?}");
            return Err(ContractError::field(ErrorCode::RefUnknownField, field_name, message));
        }
    };
    any.check_shape().map_err(|e| e.at(field_name))?;
    let fits = if kinds.is_empty() { shape(any.kind()).is_some() } else { kinds.contains(&any.kind()) };
    if fits {
        return Ok(());
    }
    let message = format!("{any} is a {}, which {field_name} cannot hold", any.kind());
    Err(ContractError::field(ErrorCode::RefKindMismatch, field_name, message))
}

/// Makes a ref component of a name: trimmed, lower-cased, other characters to single dashes, cut to `len_max`.
/// `None`: the name has no usable character.
pub fn slug(name: &str, len_max: usize) -> Option<String> {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(len_max.min(COMPONENT_LEN_MAX));
    let out = out.trim_end_matches('-');
    (!out.is_empty()).then(|| out.to_owned())
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

    #[test]
    fn slugs_are_components() {
        assert_eq!(slug(" My  Model_v2! ", 63).unwrap(), "my-model-v2");
        assert_eq!(slug("Modèle", 63).unwrap(), "mod-le");
        assert_eq!(slug("日本", 63), None);
        assert_eq!(slug("abc-def", 4).unwrap(), "abc");
        assert!(is_component(&slug(&"x-".repeat(90), 63).unwrap()));
    }
}
