//! The description of an artifact to register: file, kind, relation to the run.

use crate::contract::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file to store as an artifact of a run.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct ArtifactRegistration {
    pub(super) kind: String,
    pub(super) path: PathBuf,
    pub(super) key: Option<String>,
    pub(super) input: bool,
    pub(super) attributes: BTreeMap<String, Value>,
}

impl ArtifactRegistration {
    /// Describes a file that the run or stage produced, such as a `model_bundle`. The relation `produced_by` is
    /// recorded.
    pub fn output(kind: &str, path: impl AsRef<Path>) -> ArtifactRegistration {
        ArtifactRegistration {
            kind: kind.to_owned(),
            path: path.as_ref().to_path_buf(),
            key: None,
            input: false,
            attributes: BTreeMap::new(),
        }
    }

    /// Describes a file that the run or stage reads, such as a `dataset_snapshot`. The relation `used` is recorded.
    pub fn input(kind: &str, path: impl AsRef<Path>) -> ArtifactRegistration {
        ArtifactRegistration { input: true, ..ArtifactRegistration::output(kind, path) }
    }

    /// Sets the last component of the artifact's ref. By default the component is made from the file's name.
    pub fn key(mut self, key: &str) -> ArtifactRegistration {
        self.key = Some(key.to_owned());
        self
    }

    /// Adds an attribute.
    pub fn attribute(mut self, key: &str, value: impl Into<Value>) -> ArtifactRegistration {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }
}
