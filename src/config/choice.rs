//! Settings with a fixed choice of values.

use crate::config::leaf::Leaf;
use crate::config::quote::short;
use crate::config::value::ConfigValue;
use std::fmt;
use std::str::FromStr;

/// The error for a text that is not one of the choices of a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not one of {allowed}")]
pub struct UnknownChoice {
    value: String,
    allowed: String,
}

/// Declares enums with a text form for each variant. A setting can have such an enum as its type.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #[non_exhaustive]
            pub enum $name { $($(#[$vdoc])* $variant,)* }

            impl $name {
                /// All variants, in the order of their declaration.
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
    /// The direction in which the values of a metric improve.
    Better {
        /// Higher values are better.
        Higher = "higher",
        /// Lower values are better.
        Lower = "lower",
    }

    /// The comparison operator of an alert rule.
    AlertOperator {
        /// The value is greater than the threshold.
        Greater = "gt",
        /// The value is less than the threshold.
        Less = "lt",
        /// The value is greater than or equal to the threshold.
        GreaterOrEqual = "gte",
        /// The value is less than or equal to the threshold.
        LessOrEqual = "lte",
        /// The value is equal to the threshold.
        Equal = "eq",
        /// The value is not equal to the threshold.
        NotEqual = "ne",
    }

    /// A named set of settings on which a configuration is based. Overlays and all later sources override the settings
    /// of the profile.
    Profile {
        /// The defaults, for work on one machine.
        Local = "local",
        /// Settings for tests, such as a separate workspace, no environment snapshot, no code revision and no HTML
        /// pages.
        Test = "test",
    }
    /// A named set of settings that is applied over a profile. Several overlays are applied in the order in which the
    /// variants are declared here.
    Overlay {
        /// Settings for debugging: detailed messages, evidence in reports, no maximum age of cached files.
        Debug = "debug",
        /// Settings for investigations: the most detailed messages, lineage and evidence in reports, no maximum age of
        /// cached files and exports.
        Forensic = "forensic",
        /// Settings for build machines: JSON output, no colours, no server, no retries.
        Ci = "ci",
        /// Settings that refuse captures and change nothing on disk.
        Readonly = "readonly",
    }
    /// The action if data breaks a rule or has another version of the schema.
    Strictness {
        /// The data is refused.
        Strict = "strict",
        /// The operation continues, and a degraded record reports the cause.
        Lenient = "lenient",
    }
    /// The action if a capture cannot be delivered to a sink, a receiver of captured records. The setting has no effect
    /// yet.
    DispatchFailureMode {
        /// The call returns an error.
        Raise = "raise",
        /// The capture is stored and delivered later.
        Outbox = "outbox",
    }
    /// The durability of a captured event or metric when the call returns.
    DurabilityMode {
        /// The entry is written to the kernel, and survives the death of the process.
        Flush = "flush",
        /// The entry is synchronised to disk, and survives the loss of power.
        Fsync = "fsync",
        /// The entry is buffered in the process and written later, together with other entries. The entry is lost if
        /// the process is killed before the write.
        Batched = "batched",
    }
    /// The method by which an artifact body is added to the workspace.
    IngestMode {
        /// Copy the file.
        Copy = "copy",
        /// Move the file.
        Move = "move",
        /// Take over a file that is already in the store's staging directory.
        Adopt = "adopt",
    }
    /// The digest that an artifact body is compared with when the body is read. The setting has no effect yet.
    ArtifactVerificationMode {
        /// No digest: the body is not checked.
        None = "none",
        /// The digest under which the body is stored.
        Stored = "stored",
        /// The digest in the artifact's manifest, if the manifest has one.
        ManifestIfAvailable = "manifest_if_available",
        /// The digest in the artifact's manifest; a manifest without a digest is an error.
        Strict = "strict",
    }
    /// The value that represents a metric series. The settings of this type have no effect yet.
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
    /// The severity of a note or alert. The settings of this type have no effect yet.
    SeverityLevel {
        /// Information.
        Info = "info",
        /// Possibly a problem.
        Warning = "warning",
        /// A problem.
        Error = "error",
    }
    /// The action if a replay cannot deliver a record. The setting has no effect yet.
    ReplayMode {
        /// The replay stops.
        Strict = "strict",
        /// The replay continues and reports the record.
        Tolerant = "tolerant",
    }
    /// The format of results.
    OutputFormat {
        /// Text for people.
        Text = "text",
        /// JSON for programs.
        Json = "json",
    }
    /// The amount of detail in messages on standard error.
    CliVerbosity {
        /// Errors only.
        Quiet = "quiet",
        /// Errors, notes and progress.
        Normal = "normal",
        /// The messages of `normal`, and details of the computation of answers. No message has these details yet.
        Debug = "debug",
        /// The messages of `debug`, and all data that an answer is based on. No message has this data yet.
        Forensic = "forensic",
    }
    /// The way in which unused artifact bodies are removed: bodies that no manifest refers to. The setting has no
    /// effect yet.
    ArtifactRetentionMode {
        /// Only the user removes bodies.
        Manual = "manual",
        /// A plan of removals is made, and the user applies it.
        Planned = "planned",
        /// A plan of removals is made and applied.
        Enforced = "enforced",
    }
    /// The values that are redacted before they are recorded.
    RedactionMode {
        /// Texts whose names match a pattern in `security.secret_key_patterns`; credentials in URLs, headers and
        /// command lines; texts with the form of a credential, such as private keys. Numbers are never redacted.
        SafeDefault = "safe_default",
        /// The values that `safe_default` redacts. In addition: environment variables whose names contain a pattern at
        /// any position, sequences of at least 32 random letters and digits, and user names in the paths of home
        /// directories.
        Strict = "strict",
        /// No values.
        Off = "off",
    }
}
