//! Capture of facts.

use crate::config::choice::DispatchFailureMode;
use crate::config::limit::{Limit, Rule, any, filled, int};
use crate::config::section::sections;

sections! {
    /// Capture of facts.
    "capture." CaptureConfig {
        /// Name of the program that produces the records: lower-case words joined by dots.
        producer_ref: String = "sdk.rust".to_owned(), filled();
        /// Record the environment of a run: platform, runtime, packages, environment variables on the allow list.
        capture_environment_snapshot: bool = true, any();
        /// Include packages and their versions in the recorded environment.
        capture_installed_packages: bool = true, any();
        /// Record the code revision of the repository that contains the current directory.
        capture_code_revision: bool = true, any();
        /// Store the configuration that a program gives for a run as an artifact of the run.
        capture_config_snapshot: bool = true, any();
        /// Receivers of captured facts besides the log: `stdout`, `stderr`, `jsonl:PATH` (relative to the workspace).
        sinks: Vec<String> = Vec::new(), Rule::new(Limit::Sinks);
        /// Number of times that a failed delivery of a record to a sink (a receiver of captured records) is retried.
        retry_attempts: u32 = 0, int(0, 100);
        /// Seconds before the first retry. The time doubles with each retry, up to one hour.
        retry_backoff_seconds: f64 = 0.0, Rule::new(Limit::Float(0.0, 3600.0));
        /// Without file locks, a writer counts as dead if its last entry is older than this many seconds.
        writer_timeout_seconds: f64 = 600.0, Rule::new(Limit::Float(1.0, 2_592_000.0));
        /// Action if a sink or the log cannot append a record: return an error, or keep the record for a replay.
        dispatch_failure_mode: DispatchFailureMode = DispatchFailureMode::Raise, any();
        /// Capture a degraded record about data that some sinks, or the log, could not take.
        write_degraded_marker_on_partial_failure: bool = true, any();
    }
}
