//! Options of redaction.

/// The extent of redaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RedactionMode {
    /// Secrets that are recognised by their name, their shape or their place.
    #[default]
    SafeDefault,
    /// The secrets of `SafeDefault`, and in addition: values of environment variables whose names contain a pattern
    /// anywhere; random characters in texts, at least 32 letters and digits, which includes digests; the names of users in
    /// paths of home directories.
    Strict,
    /// No values.
    Off,
}

/// Options of redaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactionOptions {
    /// The extent of redaction.
    pub mode: RedactionMode,
    /// Words in the names of secret values. A pattern of several words, such as `session-id`, matches these words in
    /// this order. `key` and `token` do not match names such as `primary_key` and `max_tokens`.
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
