//! Results of captures: the status of an operation, its deliveries to sinks, and the object form of the Python package
//! contexta 1.0.0.
//!
//! The result of a successful capture without sinks allocates no memory. Members that are usually empty are in optional
//! allocations.

mod batch;
mod capture_result;
mod delivery;
mod failure;
mod form;
mod message;
mod note;
mod operation;
mod status;

/// The failure code of a capture whose payload was accepted by none of the sinks.
pub(in crate::capture) const ALL_SINKS_FAILED: &str = "dispatch_all_eligible_sinks_failed";
/// The failure code of a capture whose payload was accepted by only some of the sinks.
pub(in crate::capture) const SOME_SINKS_FAILED: &str = "dispatch_some_sinks_failed";
/// The code for an artifact whose content could not be stored. Degradation reasons, notes and failures use this code.
pub(in crate::capture) const BODY_NOT_STORED: &str = "artifact_body_not_stored";

pub use batch::{BatchCaptureResult, BatchCounts, MixedFamilies};
pub use capture_result::CaptureResult;
pub(in crate::capture) use capture_result::CapturedAs;
pub use delivery::Delivery;
pub use failure::ResultFailure;
pub use message::ResultMessage;
pub use note::DegradationNote;
pub use operation::OperationResult;
pub use status::{DeliveryStatus, MessageLevel, PayloadFamily, ResultStatus, UnknownStatus};
