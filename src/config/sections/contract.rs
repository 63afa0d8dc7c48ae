//! Validation of captured facts.

use crate::config::choice::Strictness;
use crate::config::limit::{any, only};
use crate::config::section::sections;

sections! {
    /// Validation of captured facts.
    "contract." ContractConfig {
        /// Version of the schema of captured facts.
        schema_version: String = "1.0.0".to_owned(), only("1.0.0");
        /// Action if a captured record breaks a rule: an error, or a degraded marker instead of the record.
        validation_mode: Strictness = Strictness::Strict, any();
        /// Action if an imported line has another version of the schema: refuse it, or import it as version 1.0.0.
        compatibility_mode: Strictness = Strictness::Strict, any();
        /// Write equal facts as identical JSON.
        deterministic_serialization: bool = true, only("true");
    }
}
