//! Options of redaction.

/// The extent of redaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RedactionMode {
    /// Secrets are replaced if their name, their shape or their place identifies them.
    #[default]
    SafeDefault,
    /// The secrets of `SafeDefault` are replaced, and in addition: the value of an environment variable if a pattern is
    /// any part of its name; each run of at least 32 random characters in a text, such as a digest; the user name in
    /// the path of a home directory.
    Strict,
    /// No value is replaced.
    Off,
}

/// Options of redaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionOptions {
    /// The extent of redaction.
    pub mode: RedactionMode,
    /// The words in the names of secret values. A pattern of several words, such as `session-id`, matches these words
    /// in this order. `key` and `token` do not match names such as `primary_key` and `max_tokens`.
    pub secret_key_patterns: Vec<String>,
}

impl Default for RedactionOptions {
    fn default() -> RedactionOptions {
        let patterns = ["token", "secret", "password", "passwd", "key"];
        RedactionOptions {
            mode: RedactionMode::SafeDefault,
            secret_key_patterns: patterns.map(str::to_owned).to_vec(),
        }
    }
}
