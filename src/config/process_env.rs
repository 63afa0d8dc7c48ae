//! The environment of this process. The only file of the library's settings that reads it.

use std::ffi::OsString;

/// Returns the variables of this process.
pub(super) fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}
