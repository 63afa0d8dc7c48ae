//! Settings with a fixed choice of values.

use crate::config::leaf::Leaf;
use crate::config::quote::short;
use crate::config::value::ConfigValue;
use std::fmt;
use std::str::FromStr;

/// The error for a text that is none of the choices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not one of {allowed}")]
pub struct UnknownChoice {
    value: String,
    allowed: String,
}

/// Declares enums with a text form for each variant.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[non_exhaustive]
            pub enum $name { $($(#[$vdoc])* $variant,)* }

            impl $name {
                /// Every variant, in order.
                pub const ALL: &[$name] = &[$($name::$variant,)*];

                /// Returns the text form.
                pub fn as_str(self) -> &'static str {
                    match self { $($name::$variant => $word,)* }
                }
            }

            impl FromStr for $name {
                type Err = UnknownChoice;

                fn from_str(text: &str) -> Result<$name, UnknownChoice> {
                    let found = $name::ALL.iter().copied().find(|choice| choice.as_str() == text);
                    found.ok_or_else(|| UnknownChoice {
                        value: short(text),
                        allowed: [$($word),*].join(", "),
                    })
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(self.as_str())
                }
            }

            impl Leaf for $name {
                fn read(&mut self, value: &ConfigValue) -> bool {
                    let ConfigValue::Text(word) = value else { return false };
                    word.parse().map(|choice| *self = choice).is_ok()
                }

                fn shown(&self) -> ConfigValue {
                    ConfigValue::Text(self.as_str().to_owned())
                }

                fn kind(&self) -> String {
                    let words: Vec<String> = [$($word),*].iter().map(|word| format!("`{word}`")).collect();
                    words.join(" or ")
                }
            }
        )*
    };
}

choices! {
    /// A named set of settings that others are applied over.
    Profile {
        /// The defaults, for work on one machine.
        Local = "local",
        /// Settings for tests: a separate workspace, no environment snapshot, no code revision, no pages.
        Test = "test",
    }
    /// A named set of settings that is applied over a profile. Several are applied in this order.
    Overlay {
        /// More messages, and evidence in reports.
        Debug = "debug",
        /// All messages and evidence; cache and exports are kept without a limit of age.
        Forensic = "forensic",
        /// Settings for build machines: JSON output, no colours, no server, no retries.
        Ci = "ci",
        /// No changes on disk.
        Readonly = "readonly",
    }
    /// Treatment of data that breaks a rule.
    Strictness {
        /// The data is refused.
        Strict = "strict",
        /// The data is kept, with a note.
        Lenient = "lenient",
    }
    /// Treatment of a capture that a sink refuses.
    DispatchFailureMode {
        /// The call returns an error.
        Raise = "raise",
        /// The capture is stored, to be delivered later.
        Outbox = "outbox",
    }
    /// Durability of a captured event or metric when the call returns.
    DurabilityMode {
        /// Written to the kernel: survives the death of the process.
        Flush = "flush",
        /// Synchronised to disk: survives the loss of power.
        Fsync = "fsync",
        /// Buffered in the process and written together with others.
        Batched = "batched",
    }
    /// Transfer of an artifact body into the workspace.
    IngestMode {
        /// Copy the file.
        Copy = "copy",
        /// Move the file.
        Move = "move",
        /// Take over a file that is already in the store's staging directory.
        Adopt = "adopt",
    }
    /// Check of an artifact body when it is read.
    ArtifactVerificationMode {
        /// No check.
        None = "none",
        /// Compare with the stored digest.
        Stored = "stored",
        /// Compare with the digest in its manifest, if the manifest has a digest.
        ManifestIfAvailable = "manifest_if_available",
        /// Compare with the digest in its manifest, which must have a digest.
        Strict = "strict",
    }
    /// Value that represents a series.
    MetricSelection {
        /// The last value.
        Latest = "latest",
        /// The largest value.
        Max = "max",
        /// The smallest value.
        Min = "min",
        /// The mean of all values.
        Mean = "mean",
    }
    /// Severity of a finding.
    SeverityLevel {
        /// Information.
        Info = "info",
        /// Possibly a problem.
        Warning = "warning",
        /// A problem.
        Error = "error",
    }
    /// Treatment of records that a replay cannot deliver.
    ReplayMode {
        /// The replay stops.
        Strict = "strict",
        /// The replay continues and reports them.
        Tolerant = "tolerant",
    }
    /// Format of results.
    OutputFormat {
        /// Text for people.
        Text = "text",
        /// JSON for programs.
        Json = "json",
    }
    /// Amount of messages on standard error.
    CliVerbosity {
        /// Errors only.
        Quiet = "quiet",
        /// Errors, notes and progress.
        Normal = "normal",
        /// As `normal`, with details of how an answer was computed.
        Debug = "debug",
        /// As `debug`, with all possible evidence.
        Forensic = "forensic",
    }
    /// Removal of artifact bodies without a reference.
    ArtifactRetentionMode {
        /// Bodies are removed by the user only.
        Manual = "manual",
        /// A plan is made, and the user applies it.
        Planned = "planned",
        /// A plan is made and applied.
        Enforced = "enforced",
    }
    /// Redaction of values before they are recorded.
    RedactionMode {
        /// Redact values with names that look like secrets.
        SafeDefault = "safe_default",
        /// Redact these values, and every environment variable that is not on the allow list.
        Strict = "strict",
        /// No redaction.
        Off = "off",
    }
}
