//! One test binary: tidy, golden bytes, the whole way through the library, command transcripts.

mod end_to_end;
mod golden;
mod support;
mod tidy;
#[cfg(feature = "cli")]
mod transcripts;
