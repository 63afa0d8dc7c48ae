//! The format of a package: a directory with one artifact.
//!
//! | File | Content |
//! |---|---|
//! | `package.json` | format version, ref, kind, time of the export, manifest, and the digests and size of the body |
//! | `body-<digest>` | the body; for a directory, the list of the files |
//! | `file-<digest>` | a file of a directory |
//!
//! The digests are BLAKE3 digests. The file names are derived from the digests, so a package cannot name a
//! path outside its directory.

use crate::contract::json::read::parse;
use crate::contract::json::write::pretty;
use crate::contract::model::from_value;
use crate::contract::{ArtifactManifest, ArtifactRef, Canonical, Timestamp, Valid, Value};
use crate::engine::checksum::Digest;
use crate::store::body::StoredBody;
use crate::store::error::Result;

/// The name of the file that describes a package.
pub const PACKAGE_FILE: &str = "package.json";
/// The format version of packages.
const PACKAGE_VERSION: &str = "contexta-artifact-package-1";
/// The greatest length of [`PACKAGE_FILE`] in bytes. A manifest takes at most 4 MiB.
pub(super) const PACKAGE_BYTES_MAX: u64 = 8 << 20;

/// The description of a package.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Package {
    /// The manifest.
    pub(super) manifest: Valid<ArtifactManifest>,
    /// The digests and the size of the body.
    pub(super) body: StoredBody,
}

impl Package {
    /// Returns the content of [`PACKAGE_FILE`].
    pub(super) fn to_json(&self, exported_at: Timestamp) -> Result<String> {
        let StoredBody { digest, sha256, size } = &self.body;
        let body = Value::map([
            ("blake3", Value::text(digest)),
            ("sha256", Value::text(sha256)),
            ("size_bytes", (*size).into()),
        ]);
        let mut text = pretty(&Value::map([
            ("package_format_version", PACKAGE_VERSION.into()),
            ("artifact_ref", Value::text(&self.manifest.artifact_ref)),
            ("artifact_kind", Value::text(&self.manifest.artifact_kind)),
            ("exported_at", Value::text(exported_at)),
            ("manifest", self.manifest.to_value()),
            ("body", body),
        ]))?;
        text.push('\n');
        Ok(text)
    }

    /// Reads the content of [`PACKAGE_FILE`]. The error is a text that describes the fault.
    pub(super) fn from_json(text: &str) -> std::result::Result<Package, String> {
        let value = parse(text).map_err(|e| format!("{PACKAGE_FILE} is not JSON: {e}"))?;
        let member = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let version = member(&value, "package_format_version").unwrap_or_default();
        if version != PACKAGE_VERSION {
            return Err(format!("the format version is {version:?} instead of {PACKAGE_VERSION:?}"));
        }
        let manifest = value.get("manifest").cloned().ok_or("there is no manifest")?;
        let manifest: Valid<ArtifactManifest> = from_value(manifest).map_err(|report| {
            let first = report.errors().next().map(|issue| issue.message().to_owned()).unwrap_or_default();
            format!("the manifest is not valid: {first}")
        })?;
        if member(&value, "artifact_ref").as_deref() != Some(manifest.artifact_ref.as_str()) {
            return Err(format!(
                "artifact_ref differs from the ref {} of the manifest",
                manifest.artifact_ref
            ));
        }
        let body = value.get("body").ok_or("there is no description of the body")?;
        let digest = member(body, "blake3").and_then(|text| text.parse::<Digest>().ok());
        let digest = digest.ok_or("the BLAKE3 digest of the body is not 64 hexadecimal digits")?;
        let size = match body.get("size_bytes") {
            Some(Value::Int(size)) => u64::try_from(*size).ok(),
            _ => None,
        };
        let size = size.ok_or("the size of the body is not a number of bytes")?;
        let sha256 = member(body, "sha256").ok_or("there is no SHA-256 digest of the body")?;
        Ok(Package { manifest, body: StoredBody { digest, sha256, size } })
    }
}

/// Returns the name of the file with the body.
pub(super) fn body_file(digest: &Digest) -> String {
    format!("body-{digest}")
}

/// Returns the name of a file of a directory.
pub(super) fn tree_file(digest: &Digest) -> String {
    format!("file-{digest}")
}

/// Returns the name of the directory of a package. The name is the ref with `__` in place of the colon. Any
/// other character that is not an ASCII letter, a digit, `.`, `_` or `-` is replaced by `_`.
pub(super) fn directory_name(artifact: &ArtifactRef) -> String {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c.to_string() } else { "_".into() };
    let (kind, rest) = artifact.as_str().split_once(':').unwrap_or(("artifact", artifact.as_str()));
    format!("{kind}__{}", rest.chars().map(plain).collect::<String>())
}
