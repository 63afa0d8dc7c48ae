//! Redaction of secrets.

use crate::config::choice::RedactionMode;
use crate::config::limit::{any, only};
use crate::config::section::{sections, texts};

sections! {
    /// Redaction of secrets.
    "security." SecurityConfig {
        /// Values that are redacted before they are recorded.
        redaction_mode: RedactionMode = RedactionMode::SafeDefault, any();
        /// Names of environment variables that a run may record.
        environment_variable_allowlist: Vec<String> = Vec::new(), any();
        /// Words that mark a value as secret if its name has them: `api_key`, not `primary_key` or `max_tokens`.
        secret_key_patterns: Vec<String> = texts(&["token", "secret", "password", "passwd", "key"]), any();
        /// Allow unredacted values in exports to local files.
        allow_unredacted_local_exports: bool = false, any();
        /// Provider of encryption; not available.
        encryption_provider: Option<String> = None, only("null");
    }
}
