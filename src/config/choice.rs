//! Settings that are one word of a few.

use crate::config::leaf::Leaf;
use crate::config::value::ConfigValue;
use std::fmt;

/// Declares enums whose variants have a word each; the first is the default of a value that has none yet.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub enum $name { $($(#[$vdoc])* $variant,)* }

            impl $name {
                /// All of them, in their order.
                pub const ALL: &[$name] = &[$($name::$variant,)*];

                /// Its word.
                pub fn as_str(self) -> &'static str {
                    match self { $($name::$variant => $word,)* }
                }

                /// The one of this word.
                pub fn parse(word: &str) -> Option<$name> {
                    $name::ALL.iter().copied().find(|choice| choice.as_str() == word)
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
                    $name::parse(word).map(|choice| *self = choice).is_some()
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
    /// A set of settings to start from.
    Profile {
        /// For work on one's own machine: the defaults.
        Local = "local",
        /// For tests: a workspace of its own, nothing looked up, nothing served.
        Test = "test",
    }
    /// Settings to lay over a profile, in this order.
    Overlay {
        /// Says more.
        Debug = "debug",
        /// Says and keeps everything.
        Forensic = "forensic",
        /// For machines that read the output.
        Ci = "ci",
        /// Changes nothing on disk.
        Readonly = "readonly",
    }
    /// How strictly rules are kept.
    Strictness {
        /// What breaks a rule is refused.
        Strict = "strict",
        /// What breaks a rule is kept, and noted.
        Lenient = "lenient",
    }
    /// What becomes of a capture that a sink refuses.
    DispatchFailureMode {
        /// The caller is told.
        Raise = "raise",
        /// It is kept, to be delivered later.
        Outbox = "outbox",
    }
    /// What is promised when an event or metric has been captured.
    DurabilityMode {
        /// The kernel has it.
        Flush = "flush",
        /// The disk has it.
        Fsync = "fsync",
        /// This process has it, and hands it over with others.
        Batched = "batched",
    }
    /// How the body of an artifact comes into the workspace.
    IngestMode {
        /// It is copied.
        Copy = "copy",
        /// It is moved.
        Move = "move",
        /// It stays where it is.
        Adopt = "adopt",
    }
    /// How the body of an artifact is checked when it is read.
    ArtifactVerificationMode {
        /// Not at all.
        None = "none",
        /// Against what was stored.
        Stored = "stored",
        /// Against its manifest, if that names a digest.
        ManifestIfAvailable = "manifest_if_available",
        /// Against its manifest, which must name a digest.
        Strict = "strict",
    }
    /// Which value of a series stands for it.
    MetricSelection {
        /// The last.
        Latest = "latest",
        /// The largest.
        Max = "max",
        /// The smallest.
        Min = "min",
        /// The mean.
        Mean = "mean",
    }
    /// How grave something is.
    SeverityLevel {
        /// Worth knowing.
        Info = "info",
        /// Worth a look.
        Warning = "warning",
        /// Wrong.
        Error = "error",
    }
    /// What a replay does with what cannot be delivered.
    ReplayMode {
        /// Stops.
        Strict = "strict",
        /// Goes on, and says so.
        Tolerant = "tolerant",
    }
    /// How results are written.
    OutputFormat {
        /// For people.
        Text = "text",
        /// For programs.
        Json = "json",
    }
    /// How much is said on standard error.
    CliVerbosity {
        /// Errors only.
        Quiet = "quiet",
        /// Notes and progress as well.
        Normal = "normal",
        /// And how an answer came about.
        Debug = "debug",
        /// And everything that could be evidence.
        Forensic = "forensic",
    }
    /// Who removes the bodies of artifacts that nothing refers to.
    ArtifactRetentionMode {
        /// Nobody but the user.
        Manual = "manual",
        /// A plan is made; the user applies it.
        Planned = "planned",
        /// The plan is applied.
        Enforced = "enforced",
    }
    /// What must not be written.
    RedactionMode {
        /// Values whose names look like secrets.
        SafeDefault = "safe_default",
        /// Those, and every variable that is not on the list.
        Strict = "strict",
        /// Everything may be written.
        Off = "off",
    }
}
