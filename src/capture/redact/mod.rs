//! Redaction: the replacement of secrets before a fact is recorded. The log is immutable, so it must never contain a
//! secret.
//!
//! A [`Redactor`] replaces each secret by `[redacted]`. Secrets are:
//!
//! - values with the name of a secret (see `key`), at any depth of a JSON value, and in texts such as `password=...`
//!   and `{"apiKey": "..."}`,
//! - credentials in URLs, in the header `Authorization`, and after `Bearer`,
//! - credentials that are recognised by their shape, such as `ghp_...`, JSON web tokens and private keys.
//!
//! JSON numbers and booleans are never secrets. In texts, versions, masks (`***`) and references to variables
//! (`${TOKEN}`) are no secrets either. Redaction is idempotent, takes linear time, and does not fail.

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
