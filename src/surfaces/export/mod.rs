//! Answers as files of other formats.

pub(crate) mod markdown;
