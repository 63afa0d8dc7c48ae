//! Redaction of secrets.

use crate::config::choice::RedactionMode;
use crate::config::limit::{any, only};
use crate::config::section::{sections, texts};

sections! {
    /// Redaction of secrets.
    "security." SecurityConfig {
        /// Redaction of values before they are recorded.
        redaction_mode: RedactionMode = RedactionMode::SafeDefault, any();
        /// Names of environment variables that a run may record.
        environment_variable_allowlist: Vec<String> = Vec::new(), any();
        /// Parts of names that mark a secret.
        secret_key_patterns: Vec<String> = texts(&["token", "secret", "password", "passwd", "key"]), any();
        /// Allow secrets in exports on this machine.
        allow_unredacted_local_exports: bool = false, any();
        /// Encryption of data; not available.
        encryption_provider: Option<String> = None, only("null");
    }
}
