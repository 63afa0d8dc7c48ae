//! Rules that several models share, and the type of a model whose rules hold.

pub(crate) mod object;
pub(crate) mod place;
pub(crate) mod text;
pub(crate) mod token;
pub(crate) mod valid;
pub(crate) mod version;

pub use crate::contract::space::{is_space, trim};
pub use crate::contract::version::{is_newer, minor_of};
pub use valid::{Rules, Valid};
