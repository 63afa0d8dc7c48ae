//! The command `contexta`, as it is installed with the Python package.

use pyo3::prelude::*;
use std::process::ExitCode;

/// Runs the command with these arguments and returns the exit code. The first argument is the name of the program.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<String>) -> u8 {
    let code = py.detach(|| contexta::run_cli(arguments.into_iter().map(Into::into)));
    // `ExitCode` has no accessor for its number.
    (0..=u8::MAX).find(|number| ExitCode::from(*number) == code).unwrap_or(1)
}
