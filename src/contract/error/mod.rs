//! The error of this floor.

pub(crate) mod code;
pub(crate) mod contract_error;

pub use code::{ErrorClass, ErrorCode};
pub(crate) use contract_error::bounded;
pub use contract_error::{ContractError, Result};
