//! Errors of the store.

use crate::contract::ContractError;
use crate::engine;
use crate::store::planes::PlaneError;

/// An error of a read or write of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A fact exceeds the size limit of an entry of the log.
    #[error("the {what} takes {bytes} bytes; an entry of the log holds at most {limit} bytes")]
    FactTooLarge {
        /// The kind of the fact.
        what: &'static str,
        /// The length of the encoded fact in bytes.
        bytes: usize,
        /// The greatest length of an encoded fact in bytes.
        limit: usize,
    },
    /// An operation on the metadata, the records or the artifacts of the workspace failed.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// A value breaks a rule of the contract.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// A file in the object store of the workspace cannot be moved, because it is the body of an artifact.
    #[error("the file {path} is the body of an artifact in this workspace, and cannot be moved")]
    SourceIsBody {
        /// The file.
        path: std::path::PathBuf,
    },
    /// A directory cannot be stored as an artifact, because it has too many entries or a path that is too long or too
    /// deep.
    #[error("the directory {path} {what}")]
    TreeTooLarge {
        /// The directory.
        path: std::path::PathBuf,
        /// A description of the exceeded limit. In the message, it follows the path of the directory.
        what: String,
    },
    /// The body of a directory is not a valid list of files.
    #[error("the body {digest} is not a valid tree: {reason}")]
    TreeInvalid {
        /// The digest of the body.
        digest: crate::engine::checksum::Digest,
        /// The fault.
        reason: String,
    },
    /// The artifact is not a directory, or its body is not in this workspace.
    #[error("{artifact} is not a directory with a body in this workspace")]
    NotATree {
        /// The artifact.
        artifact: crate::contract::ArtifactRef,
    },
    /// The content of a body does not match its digest.
    #[error("the body {digest} does not match its digest")]
    BodyDamaged {
        /// The digest of the body.
        digest: crate::engine::checksum::Digest,
    },
    /// No run has this ref, id or name, and no id or name begins with the text.
    #[error("there is no run {asked:?}")]
    RunNotFound {
        /// The text that was looked up.
        asked: String,
        /// Runs with similar names.
        near: Vec<String>,
    },
    /// Several runs have this id or name, or an id or name that begins with the text.
    #[error("{asked:?} is ambiguous: {}", candidates.join(", "))]
    RunAmbiguous {
        /// The text that was looked up.
        asked: String,
        /// The refs of the runs that match.
        candidates: Vec<String>,
    },
    /// No artifact has this ref, and no alias of the project has this name.
    #[error("there is no artifact and no alias {asked:?}")]
    ArtifactNotFound {
        /// The text that was looked up.
        asked: String,
    },
    /// No project has this ref or name.
    #[error("there is no project {asked:?}")]
    ProjectNotFound {
        /// The text that was looked up.
        asked: String,
    },
}

impl Error {
    /// Returns the stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Engine(e) => e.code(),
            Error::FactTooLarge { .. } => "entry_too_large",
            Error::Plane(e) => e.code(),
            Error::Contract(e) => e.code.as_str(),
            Error::SourceIsBody { .. } => "artifact_source_is_body",
            Error::TreeTooLarge { .. } => "artifact_tree_too_large",
            Error::TreeInvalid { .. } => "artifact_tree_invalid",
            Error::NotATree { .. } => "artifact_not_a_tree",
            Error::BodyDamaged { .. } => "artifact_body_damaged",
            Error::RunNotFound { .. } => "query_run_not_found",
            Error::RunAmbiguous { .. } => "query_run_ambiguous",
            Error::ArtifactNotFound { .. } => "query_artifact_not_found",
            Error::ProjectNotFound { .. } => "query_project_not_found",
        }
    }

    /// Returns `true` if the file system caused the error, such as a full or read-only disk.
    #[must_use]
    pub fn is_storage(&self) -> bool {
        matches!(self, Error::Engine(e) if e.kind() == engine::ErrorKind::Storage)
    }

    /// Returns advice for the user.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Engine(e) => e.hint().map(str::to_owned),
            Error::Plane(e) => e.hint().map(str::to_owned),
            Error::FactTooLarge { .. } => Some("store large content as an artifact and refer to it".into()),
            Error::Contract(e) => e.hint().map(str::to_owned),
            Error::SourceIsBody { .. } => Some("copy the file, or leave it where it is".into()),
            Error::TreeTooLarge { .. } => Some("store an archive of the directory, or its parts".into()),
            Error::TreeInvalid { .. } | Error::BodyDamaged { .. } => {
                Some("verify the workspace, and merge it with an intact copy".into())
            }
            Error::NotATree { .. } => Some("the body of any other artifact is one file".into()),
            Error::RunNotFound { near, .. } if near.is_empty() => {
                Some("`contexta runs` lists all runs".into())
            }
            Error::RunNotFound { near, .. } => Some(format!("did you mean {}?", near.join(" or "))),
            Error::ArtifactNotFound { .. } => {
                Some("give the ref of an artifact, or set the alias first".into())
            }
            Error::RunAmbiguous { .. } => Some("give the full ref".into()),
            Error::ProjectNotFound { .. } => Some("`contexta runs` shows the project of every run".into()),
        }
    }
}

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;
