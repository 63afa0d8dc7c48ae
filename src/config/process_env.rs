//! The environment of this process. No other source file of the configuration reads it.

use std::ffi::OsString;

/// Returns the variables of this process.
pub(super) fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}
