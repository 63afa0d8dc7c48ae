//! The two files for the refused lines of an import: the unchanged lines, for correction and another import, and the
//! reasons.
//!
//! The names of the files contain the digest of the lines, so the same refused lines of a repeated import are stored
//! once.

use crate::contract::Value;
use crate::contract::json::write::canonical;
use crate::engine::checksum::Digest;
use crate::engine::error::Error;
use crate::engine::storage::{File, OpenMode, Storage, publish, temporary_path, write_all_at};
use crate::interchange::error::Result;
use crate::interchange::jsonl::rejection::Rejection;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The greatest number of bytes of refused lines that one import saves.
const SAVED_BYTES_MAX: u64 = 256 << 20;
/// The greatest number of bytes of one refused line that are saved.
const SAVED_LINE_BYTES_MAX: u64 = crate::contract::json::read::TEXT_BYTES_MAX as u64;

/// A temporary file to which bytes are appended. After [`NewFile::publish`], the file has its final name.
#[derive(Debug)]
struct NewFile {
    path: PathBuf,
    file: Arc<dyn File>,
    len: u64,
}

impl NewFile {
    fn create(storage: &dyn Storage, dir: &Path, stem: &str) -> Result<NewFile> {
        let path = temporary_path(storage, dir, stem)
            .map_err(|e| Error::io("get random bytes for a file name in", dir, e))?;
        let file = storage.open(&path, OpenMode::CreateNew).map_err(|e| Error::io("create", &path, e))?;
        Ok(NewFile { path, file, len: 0 })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        write_all_at(self.file.as_ref(), self.len, bytes).map_err(|e| Error::io("write", &self.path, e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn publish(self, storage: &dyn Storage, to: &Path) -> Result<()> {
        self.file.sync().map_err(|e| Error::io("sync", &self.path, e))?;
        Ok(publish(storage, &self.path, to).map_err(|e| Error::io("publish", to, e))?)
    }
}

/// The refused lines of one import.
#[derive(Debug)]
pub(super) struct Quarantine {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    lines: NewFile,
    reasons: NewFile,
    digest: blake3::Hasher,
    /// The number of saved bytes of the current line.
    line_bytes: u64,
    /// `true` if a part of the current line was left out.
    is_truncated: bool,
    /// The number of refused lines of which some bytes or all bytes are not saved.
    incomplete: u64,
}

impl Quarantine {
    /// Creates temporary files in `dir`.
    pub(super) fn create(storage: &Arc<dyn Storage>, dir: &Path) -> Result<Quarantine> {
        storage.create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
        Ok(Quarantine {
            storage: Arc::clone(storage),
            dir: dir.to_path_buf(),
            lines: NewFile::create(storage.as_ref(), dir, "import-lines")?,
            reasons: NewFile::create(storage.as_ref(), dir, "import-reasons")?,
            digest: blake3::Hasher::new(),
            line_bytes: 0,
            is_truncated: false,
            incomplete: 0,
        })
    }

    /// Saves a part of a refused line. Bytes beyond the limits are left out.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.digest.update(bytes);
        let room = SAVED_LINE_BYTES_MAX
            .saturating_sub(self.line_bytes)
            .min(SAVED_BYTES_MAX.saturating_sub(self.lines.len));
        let saved = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(bytes);
        self.is_truncated |= saved.len() < bytes.len();
        self.line_bytes += saved.len() as u64;
        self.lines.push(saved)
    }

    /// Returns the number of refused lines of which some bytes or all bytes are not saved.
    pub(super) fn incomplete(&self) -> u64 {
        self.incomplete
    }

    /// Ends a refused line, and saves the reason for the refusal. The reason is left out if the reasons of earlier
    /// lines exceed [`SAVED_BYTES_MAX`].
    pub(super) fn end_line(&mut self, number: u64, rejection: &Rejection) -> Result<()> {
        self.digest.update(b"\n");
        self.lines.push(b"\n")?;
        self.incomplete += u64::from(self.is_truncated);
        (self.line_bytes, self.is_truncated) = (0, false);
        if self.reasons.len > SAVED_BYTES_MAX {
            return Ok(());
        }
        let mut reason = canonical(&reason(number, rejection))?;
        reason.push('\n');
        self.reasons.push(reason.as_bytes())
    }

    /// Renames both files to their final names durably. Returns the path of the file with the lines.
    pub(super) fn finish(self) -> Result<PathBuf> {
        let digest = Digest(*self.digest.finalize().as_bytes()).to_string();
        let stem = digest.get(..16).unwrap_or_default();
        let path = self.dir.join(format!("import-{stem}.jsonl"));
        self.reasons
            .publish(self.storage.as_ref(), &self.dir.join(format!("import-{stem}.reasons.jsonl")))?;
        self.lines.publish(self.storage.as_ref(), &path)?;
        Ok(path)
    }
}

fn reason(number: u64, rejection: &Rejection) -> Value {
    Value::map([
        ("line", number.into()),
        ("code", rejection.code.into()),
        ("path", rejection.path.as_str().into()),
        ("message", rejection.message.as_str().into()),
        ("kind", rejection.kind.clone().into()),
        ("run_ref", rejection.run.as_ref().map(ToString::to_string).into()),
    ])
}
