//! The native module of the Python package `contexta`: bindings of the Rust library.
//!
//! The module converts between Python objects and the values of the library. The names, signatures and
//! defaults of the public Python interface are in the Python files of the package. The rules for captured
//! data are in the library.

mod answers;
mod arrow;
mod command;
mod config;
mod contract;
mod convert;
mod error;
mod parts;
mod queries;
mod recovery;
mod released;
mod result;
mod scope;
mod series;
mod sink;
mod stores;
mod workspace;

use pyo3::prelude::*;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<answers::Answer>()?;
    module.add_class::<config::Settings>()?;
    module.add_class::<workspace::Workspace>()?;
    module.add_class::<scope::Scope>()?;
    module.add_class::<series::Series>()?;
    module.add_class::<result::Captured>()?;
    module.add_class::<result::CapturedBatch>()?;
    module.add_function(wrap_pyfunction!(answers::alert_report, module)?)?;
    module.add_function(wrap_pyfunction!(answers::project_report, module)?)?;
    module.add_function(wrap_pyfunction!(config::load_settings, module)?)?;
    module.add_function(wrap_pyfunction!(command::main, module)?)?;
    module.add_function(wrap_pyfunction!(convert::metric_number, module)?)?;
    module.add_function(wrap_pyfunction!(convert::plain, module)?)?;
    module.add_function(wrap_pyfunction!(convert::step_number, module)?)?;
    module.add_function(wrap_pyfunction!(scope::emission_form, module)?)?;
    contract::register(module)?;
    stores::register(module)?;
    recovery::register(module)?;
    Ok(())
}
