//! Conversion of the library's errors to Python exceptions.

use contexta::capture;
use contexta::contract::{ContractError, ErrorClass};
use contexta::{Error, config, interpretation, recovery, store};
use pyo3::prelude::*;
use std::error::Error as _;

/// The classes of exceptions for codes that begin with a prefix. The first prefix that fits determines the class.
const CLASSES: &[(&str, &str)] = &[
    ("query_invalid", "ValidationError"),
    ("query_", "InterpretationError"),
    ("compare_", "ComparisonError"),
    ("diagnostics_", "DiagnosticsError"),
    ("lineage_", "LineageError"),
    ("trend_", "TrendError"),
    ("aggregation_", "AggregationError"),
    ("anomaly_", "AnomalyError"),
    ("alert_", "AlertError"),
    ("provenance_", "ProvenanceError"),
    ("report_", "ReportError"),
    ("stable_ref_", "ValidationError"),
    ("context_", "ValidationError"),
    ("deserialize_", "SerializationError"),
    ("serialization_", "SerializationError"),
    ("artifact_store_read_only", "ReadOnlyStoreError"),
    ("artifact_binding_conflict", "ConflictError"),
    ("artifact_", "ArtifactError"),
    ("record_store_read_only", "ReadOnlyStoreError"),
    ("record_store_invalid", "ValidationError"),
    ("record_replay", "ReplayError"),
    ("record_", "RecordError"),
    ("metadata_store_read_only", "ReadOnlyStoreError"),
    ("metadata_migration_read_only", "ReadOnlyStoreError"),
    ("metadata_missing", "NotFoundError"),
    ("metadata_object_conflict", "ConflictError"),
    ("metadata_", "MetadataError"),
    ("recovery_replay", "ReplayError"),
    ("recovery_restore", "RestoreError"),
    ("recovery_backup", "BackupError"),
    ("backup_", "BackupError"),
    ("restore_", "RestoreError"),
    ("recovery_", "RecoveryError"),
    ("workspace_read_only", "ReadOnlyStoreError"),
    ("storage_read_only", "ReadOnlyStoreError"),
    ("workspace_", "StoreAccessError"),
    ("storage_", "StoreAccessError"),
    ("import_", "StoreAccessError"),
    ("export_", "StoreAccessError"),
];

/// Converts an error of the library to an exception.
pub(crate) fn raised(error: impl Into<Error>) -> PyErr {
    let error = error.into();
    let results = match &error {
        Error::Capture(capture) => capture.results().cloned(),
        _ => None,
    };
    let field = contract_of(&error).and_then(|error| error.field.clone());
    let fault = Fault {
        class: class_of(&error),
        code: error.code(),
        message: chain(&error),
        hint: error.hint(),
        field,
    };
    Python::attach(|py| {
        let results =
            results.map(|results| crate::result::CapturedBatch::new(results).into_pyobject(py)).transpose();
        match results {
            Ok(results) => fault.exception(py, results.map(Bound::into_any)),
            Err(error) => error,
        }
    })
}

/// Converts an error of the contract to an exception.
pub(crate) fn contract(error: ContractError) -> PyErr {
    raised(capture::Error::from(error))
}

/// Converts an error of the settings to an exception.
pub(crate) fn settings(error: config::ConfigError) -> PyErr {
    raised(Error::from(error))
}

/// Converts an error of the recovery to an exception.
pub(crate) fn recovered(error: recovery::Error) -> PyErr {
    raised(Error::from(error))
}

/// Returns a `ValidationError` for a value that the binding refuses.
pub(crate) fn refused(code: &'static str, message: &str) -> PyErr {
    let fault =
        Fault { class: "ValidationError", code, message: message.to_owned(), hint: None, field: None };
    Python::attach(|py| fault.exception(py, None))
}

/// The parts of an exception.
struct Fault {
    class: &'static str,
    code: &'static str,
    message: String,
    hint: Option<String>,
    field: Option<String>,
}

impl Fault {
    fn exception(self, py: Python<'_>, results: Option<Bound<'_, PyAny>>) -> PyErr {
        let created = py.import("contexta.errors").and_then(|errors| {
            let arguments = (self.class, self.code, self.message, self.hint, self.field, results);
            errors.call_method1("_from_native", arguments)
        });
        match created {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    }
}

fn contract_of(error: &Error) -> Option<&ContractError> {
    match error {
        Error::Capture(capture::Error::Contract(error)) => Some(error),
        Error::Query(interpretation::Error::Store(store::Error::Contract(error))) => Some(error),
        _ => None,
    }
}

fn class_of(error: &Error) -> &'static str {
    match error {
        Error::Config(_) => "ConfigurationError",
        Error::Capture(error) => class_of_capture(error),
        Error::Query(interpretation::Error::Store(store::Error::Contract(error))) => class_of_contract(error),
        Error::ReadOnly { .. } => "ReadOnlyStoreError",
        Error::WorkspaceNotFound { .. } => "NotFoundError",
        Error::Recovery(_) => class_by_code(error.code()).unwrap_or("RecoveryError"),
        Error::Query(_) => class_by_code(error.code()).unwrap_or("InterpretationError"),
        _ => class_by_code(error.code()).unwrap_or("StoreAccessError"),
    }
}

fn class_of_contract(error: &ContractError) -> &'static str {
    match error.code.class() {
        ErrorClass::Conflict => "ConflictError",
        ErrorClass::NotFound => "NotFoundError",
        ErrorClass::Serialization => "SerializationError",
        _ => "ValidationError",
    }
}

fn class_of_capture(error: &capture::Error) -> &'static str {
    match error {
        capture::Error::Contract(error) => class_of_contract(error),
        capture::Error::ScopeClosed { .. } => "ClosedScopeError",
        capture::Error::NoCurrentRun
        | capture::Error::StageRequired
        | capture::Error::UnusableName { .. } => "LifecycleError",
        capture::Error::DeploymentWithoutRun
        | capture::Error::StepsAndValues { .. }
        | capture::Error::Source { .. } => "ValidationError",
        capture::Error::ReadOnly { .. } => "ReadOnlyStoreError",
        capture::Error::Delivery(_) | capture::Error::Sink { .. } => "DispatchError",
        capture::Error::ReplayTargetMissing { .. } | capture::Error::ReplayInSink => "ReplayError",
        capture::Error::NotStaged { .. } => "ArtifactError",
        other => class_by_code(other.code()).unwrap_or("StoreAccessError"),
    }
}

fn class_by_code(code: &str) -> Option<&'static str> {
    if code.ends_with("_not_found") && !code.starts_with("query_") {
        return Some("NotFoundError");
    }
    CLASSES.iter().find(|(prefix, _)| code.starts_with(prefix)).map(|(_, class)| *class)
}

/// Returns the message of the error with the messages of its causes.
fn chain(error: &Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}
