//! Redaction: the replacement of secrets before they are recorded. The log is immutable, so a secret must not get there.
//!
//! A [`Redactor`] replaces each secret by `[redacted]`. Secrets are:
//!
//! - values whose name is that of a secret (`key`), at any depth of a JSON value, and in texts such as
//!   `password=...` and `{"apiKey": "..."}`,
//! - credentials in URLs, in the header `Authorization`, and behind `Bearer`,
//! - credentials that are recognised by their shape, such as `ghp_...`, JSON web tokens and private keys.
//!
//! Numbers and booleans are never secrets. In texts, neither are versions, masks (`***`), and references to variables
//! (`${TOKEN}`). Redaction is idempotent, takes linear time, and does not fail.

mod bytes;
mod command;
mod diff;
mod key;
mod line;
mod mark;
mod name;
mod options;
mod private_key;
mod redactor;
mod scan;
mod shape;
mod url;
mod value;

pub use line::KeyBlock;
pub use mark::MARK;
pub use options::{RedactionMode, RedactionOptions};
pub use redactor::Redactor;

#[cfg(test)]
mod tests;
