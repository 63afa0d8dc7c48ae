//! Enums of results: the status of an operation or a delivery, the level of a message, the family of a payload.

use crate::contract::words::word_enum;
use std::str::FromStr;

/// The error for a text that names no variant of an enum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not one of {allowed}")]
pub struct UnknownStatus {
    text: String,
    allowed: String,
}

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        word_enum! {
            $(#[$doc])*
            $name { $($(#[$vdoc])* $variant = $text,)* }
        }

        /// Parses the text form, in upper or lower case.
        impl FromStr for $name {
            type Err = UnknownStatus;

            fn from_str(text: &str) -> Result<$name, UnknownStatus> {
                let found = $name::ALL.iter().copied().find(|word| word.as_str().eq_ignore_ascii_case(text));
                let allowed = [$($text),*].join(", ");
                found.ok_or_else(|| UnknownStatus { text: text.to_owned(), allowed })
            }
        }
    )*};
}

statuses! {
    /// The status of an operation.
    ResultStatus {
        /// The operation succeeded completely.
        Success = "SUCCESS",
        /// The operation succeeded in part. The notes of the result name the parts that are missing.
        Degraded = "DEGRADED",
        /// The operation failed.
        Failure = "FAILURE",
    }
    /// The status of a delivery to one sink.
    DeliveryStatus {
        /// The sink has the payload.
        Success = "SUCCESS",
        /// The sink has the payload in part.
        Degraded = "DEGRADED",
        /// The sink does not have the payload.
        Failure = "FAILURE",
        /// The sink does not support the family of the payload.
        Skipped = "SKIPPED",
    }
    /// The level of a message of a result.
    MessageLevel {
        /// Information.
        Info = "INFO",
        /// A warning. Warnings do not change the status of a result.
        Warning = "WARNING",
        /// An error.
        Error = "ERROR",
    }
    /// The family of a captured payload.
    PayloadFamily {
        /// Objects such as runs and stages, their ends, parameters and lineage edges.
        Context = "CONTEXT",
        /// Events, metrics and spans.
        Record = "RECORD",
        /// Manifests of artifacts.
        Artifact = "ARTIFACT",
        /// Degraded markers: statements that data is missing or doubtful.
        Degradation = "DEGRADATION",
    }
}
