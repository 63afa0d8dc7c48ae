//! Validation of captured facts.

use crate::config::choice::Strictness;
use crate::config::limit::{any, only};
use crate::config::section::sections;

sections! {
    /// Validation of captured facts.
    "contract." ContractConfig {
        /// Version of the schema of captured facts.
        schema_version: String = "1.0.0".to_owned(), only("1.0.0");
        /// Action if a fact breaks a rule.
        validation_mode: Strictness = Strictness::Strict, any();
        /// Action if a fact has another version of the schema.
        compatibility_mode: Strictness = Strictness::Strict, any();
        /// Write equal facts as identical JSON.
        deterministic_serialization: bool = true, only("true");
    }
}
