//! The origin marker of a record.

use crate::contract::error::code::ErrorCode;
use crate::contract::words::words;

words! {
    /// The way in which a record came into being: captured, imported, inferred or replayed.
    Origin, "an origin marker", ErrorCode::Marker, {
        /// Captured by the user's code.
        ExplicitCapture = "explicit_capture",
        /// Captured by an integration with another library.
        AssistedCapture = "assisted_capture",
        /// Captured by a wrapper around the user's program.
        WrappedCapture = "wrapped_capture",
        /// Imported from another store.
        Imported = "imported",
        /// Inferred by a program.
        Inferred = "inferred",
        /// Created by a replay.
        Replayed = "replayed",
    }
}
