//! Floor 7: what people and programs see. Talks to the client and to recovery; never opens a file of the workspace.

#[cfg(feature = "cli")]
pub(crate) mod cli;
pub(crate) mod escape;
pub(crate) mod export;
#[cfg(feature = "cli")]
pub(crate) mod wire;
