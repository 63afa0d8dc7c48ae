//! Markers in the envelope of a record: the completeness of the record, and the kind of data loss.

use crate::contract::error::code::ErrorCode;
use crate::contract::words::words;

words! {
    /// The completeness of a record: how many of the expected fields were captured.
    Completeness, "a completeness marker", ErrorCode::Marker, {
        /// Every field was captured.
        Complete = "complete",
        /// Some fields were captured.
        Partial = "partial",
        /// Only a sample of the data was captured.
        Sampled = "sampled",
        /// No field was captured.
        Absent = "absent",
        /// The completeness is not known.
        Unknown = "unknown",
    }
}

words! {
    /// The kind of data loss in the capture, import or conversion of a record.
    Degradation, "a degradation marker", ErrorCode::Marker, {
        /// No loss of data.
        None = "none",
        /// A part of the capture failed.
        PartialFailure = "partial_failure",
        /// Capture was interrupted.
        CaptureGap = "capture_gap",
        /// An import lost data.
        ImportLoss = "import_loss",
        /// The record was converted from an older schema.
        CompatibilityUpgrade = "compatibility_upgrade",
    }
}
