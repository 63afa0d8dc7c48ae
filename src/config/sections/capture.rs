//! Capture of facts.

use crate::config::choice::DispatchFailureMode;
use crate::config::limit::{Limit, Rule, any, filled, int};
use crate::config::section::sections;

sections! {
    /// Capture of facts.
    "capture." CaptureConfig {
        /// Name of the producer of records: lower-case words joined by dots.
        producer_ref: String = "sdk.rust".to_owned(), filled();
        /// Record the environment of a run.
        capture_environment_snapshot: bool = true, any();
        /// Record packages and their versions in the environment.
        capture_installed_packages: bool = true, any();
        /// Record the code revision of the repository that contains the current directory.
        capture_code_revision: bool = true, any();
        /// Record the settings that a run was captured with.
        capture_config_snapshot: bool = true, any();
        /// Number of retries for a sink that fails.
        retry_attempts: u32 = 0, int(0, 100);
        /// Seconds between retries.
        retry_backoff_seconds: f64 = 0.0, Rule::new(Limit::Float(0.0, 3600.0));
        /// Treatment of a record that a sink still refuses after its retries.
        dispatch_failure_mode: DispatchFailureMode = DispatchFailureMode::Raise, any();
        /// Record a degraded marker when some sinks fail.
        write_degraded_marker_on_partial_failure: bool = true, any();
    }
}
