//! The artifact store: reads, writes, checks and packages of artifacts.

use crate::convert::{Unknown, to_python, to_value};
use crate::error::{contract, raised, refused};
use crate::released::Released;
use contexta::contract::validate::deserialize;
use contexta::contract::{ArtifactManifest, ArtifactRef};
use contexta::store::SourceMode;
use contexta::store::artifacts::{self as library, ConflictPolicy};
use contexta::{Answer, Error};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The artifact store of a workspace.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct ArtifactStore {
    pub(crate) store: Released<library::ArtifactStore>,
}

/// An iterator over the chunks of a body.
#[pyclass(frozen, module = "contexta._native")]
#[derive(Debug)]
pub(crate) struct ArtifactChunks {
    chunks: Mutex<library::ArtifactChunks>,
}

#[pymethods]
impl ArtifactStore {
    /// Stores a file as an artifact.
    fn put<'py>(
        &self,
        py: Python<'py>,
        manifest: &Bound<'_, PyAny>,
        source: PathBuf,
        mode: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let manifest = read_manifest(manifest)?;
        let mode = match mode {
            "copy" => SourceMode::Copy,
            "move" => SourceMode::Move,
            "adopt" => SourceMode::Adopt,
            _ => {
                let message = format!("the mode is {mode:?}; expected `copy`, `move` or `adopt`");
                return Err(refused("artifact_store_invalid_ingest_mode", &message));
            }
        };
        let put = py.detach(|| self.store.put_artifact(manifest, &source, mode)).map_err(raised)?;
        to_python(py, &put.to_value())
    }

    /// Returns the handle of an artifact.
    fn get<'py>(&self, py: Python<'py>, artifact: &str) -> PyResult<Bound<'py, PyAny>> {
        let artifact = ArtifactRef::parse(artifact).map_err(contract)?;
        let handle = py.detach(|| self.store.get_artifact(&artifact)).map_err(raised)?;
        to_python(py, &handle.to_value())
    }

    /// Returns `true` if the workspace has the artifact and its body.
    fn exists(&self, py: Python<'_>, artifact: &str) -> PyResult<bool> {
        let artifact = ArtifactRef::parse(artifact).map_err(contract)?;
        py.detach(|| self.store.artifact_exists(&artifact)).map_err(raised)
    }

    /// Returns the file with the body of an artifact. Error: the artifact is a directory.
    fn body_path(&self, py: Python<'_>, artifact: &str) -> PyResult<PathBuf> {
        let artifact = ArtifactRef::parse(artifact).map_err(contract)?;
        py.detach(|| {
            self.store.open_artifact(&artifact)?;
            Ok::<_, Error>(self.store.get_artifact(&artifact)?.path)
        })
        .map_err(raised)
    }

    /// Reads and verifies the body of an artifact.
    fn read<'py>(&self, py: Python<'py>, artifact: &str) -> PyResult<Bound<'py, PyBytes>> {
        let artifact = ArtifactRef::parse(artifact).map_err(contract)?;
        let content = py.detach(|| self.store.read_artifact_bytes(&artifact)).map_err(raised)?;
        Ok(PyBytes::new(py, &content))
    }

    /// Returns an iterator over the chunks of a body.
    fn chunks(&self, py: Python<'_>, artifact: &str, size: NonZeroUsize) -> PyResult<ArtifactChunks> {
        let artifact = ArtifactRef::parse(artifact).map_err(contract)?;
        let chunks = py.detach(|| self.store.artifact_chunks(&artifact, Some(size))).map_err(raised)?;
        Ok(ArtifactChunks { chunks: Mutex::new(chunks) })
    }

    /// Returns the refs of all artifacts.
    fn list_refs(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| {
            self.store.list_refs().map(|artifact| Ok(artifact?.to_string())).collect::<Result<_, Error>>()
        })
        .map_err(raised)
    }

    /// Verifies an artifact against its manifest in the log, or against another manifest.
    #[pyo3(signature = (artifact, manifest = None))]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        artifact: &str,
        manifest: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let artifact = ArtifactRef::parse(artifact).map_err(contract)?;
        let manifest = manifest.map(read_manifest).transpose()?;
        if let Some(other) = manifest.as_ref().filter(|manifest| manifest.artifact_ref != artifact) {
            let message = format!("the manifest describes {}, not {artifact}", other.artifact_ref);
            return Err(refused("artifact_store_verification_manifest_mismatch", &message));
        }
        let verify = || match &manifest {
            Some(manifest) => self.store.verify_artifact_against(manifest),
            None => self.store.verify_artifact(&artifact),
        };
        let report = py.detach(verify).map_err(raised)?;
        to_python(py, &report.to_value())
    }

    /// Verifies all artifacts.
    fn verify_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let report = py.detach(|| self.store.verify_all()).map_err(raised)?;
        to_python(py, &report.to_value())
    }

    /// Verifies and counts all artifacts.
    fn inspect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let summary = py.detach(|| self.store.inspect_store()).map_err(raised)?;
        to_python(py, &summary.to_value())
    }

    /// Exports an artifact as a package in the directory `root`.
    fn export<'py>(&self, py: Python<'py>, artifact: &str, root: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        let artifact = ArtifactRef::parse(artifact).map_err(contract)?;
        let export = py.detach(|| self.store.export_artifact(&artifact, &root)).map_err(raised)?;
        to_python(py, &export.to_value())
    }

    /// Imports a package.
    fn import_package<'py>(
        &self,
        py: Python<'py>,
        dir: PathBuf,
        policy: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let policy = match policy {
            "error" => ConflictPolicy::Error,
            "skip" => ConflictPolicy::Skip,
            "replace" => ConflictPolicy::Replace,
            _ => {
                let message = format!("the policy is {policy:?}; expected `error`, `skip` or `replace`");
                return Err(refused("artifact_store_invalid_conflict_policy", &message));
            }
        };
        let import = py.detach(|| self.store.import_artifact(&dir, policy)).map_err(raised)?;
        to_python(py, &import.to_value())
    }
}

#[pymethods]
impl ArtifactChunks {
    /// Returns the next chunk; `None` at the end.
    fn next_chunk<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let next = py.detach(|| self.chunks.lock().unwrap_or_else(PoisonError::into_inner).next());
        Ok(next.transpose().map_err(raised)?.map(|chunk| PyBytes::new(py, &chunk)))
    }
}

fn read_manifest(manifest: &Bound<'_, PyAny>) -> PyResult<ArtifactManifest> {
    let value = to_value(manifest, Unknown::Refuse)?;
    deserialize::<ArtifactManifest>(value, None).map(|manifest| manifest.into_inner()).map_err(contract)
}
