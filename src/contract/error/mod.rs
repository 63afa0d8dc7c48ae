//! The error type of the contract, and its codes and classes.

pub(crate) mod code;
pub(crate) mod contract_error;

pub use code::{ErrorClass, ErrorCode};
pub(crate) use contract_error::bounded;
pub use contract_error::{ContractError, Result};
