//! The rule for the schema version.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::rules::text::text;
use crate::contract::space::trim;
use crate::contract::version::{SCHEMA_VERSION, is_newer, minor_of};

/// Checks that the version of the schema has the form `1.minor.patch`. A newer minor version causes a warning.
pub(crate) fn schema_version(issues: &mut Issues, value: &mut String) {
    const FIELD: &str = "schema_version";
    if value == SCHEMA_VERSION {
        return;
    }
    if trim(value).is_empty() {
        return issues.error(ErrorCode::String, FIELD, "must not be blank");
    }
    text(issues, FIELD, value);
    if minor_of(value).is_none() {
        let message = format!(
            "schema version {value} is not supported; expected {SCHEMA_VERSION} or a newer minor version"
        );
        issues.error(ErrorCode::SchemaVersion, FIELD, message);
    } else if is_newer(value) {
        let message =
            format!("schema version {value} is newer than {SCHEMA_VERSION}; unknown members are kept");
        issues.warning(ErrorCode::SchemaNewer, FIELD, message);
    }
}
