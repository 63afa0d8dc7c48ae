//! Refused lines, kept aside: the lines as they were, ready to be mended and imported, and why each was refused.
//!
//! The files are named by the digest of the lines: the same lines refused again are kept once.

use crate::contract::Value;
use crate::contract::json::write::canonical;
use crate::engine::checksum::Digest;
use crate::engine::error::Error;
use crate::engine::storage::{File, OpenMode, Storage, publish, temporary_path, write_all_at};
use crate::store::error::Result;
use crate::store::interchange::line::Rejection;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of refused lines that one import keeps.
const KEPT_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of one refused line: what can be a line at all.
const LINE_KEPT_MAX: u64 = crate::contract::json::read::TEXT_BYTES_MAX as u64;

/// A file that grows at its end.
#[derive(Debug)]
struct Growing {
    path: PathBuf,
    file: Arc<dyn File>,
    len: u64,
}

impl Growing {
    fn create(storage: &dyn Storage, dir: &Path, stem: &str) -> Result<Growing> {
        let path = temporary_path(storage, dir, stem).map_err(|e| Error::io("name a file in", dir, e))?;
        let file = storage.open(&path, OpenMode::CreateNew).map_err(|e| Error::io("create", &path, e))?;
        Ok(Growing { path, file, len: 0 })
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

/// Refused lines of one import.
#[derive(Debug)]
pub(super) struct Rejects {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    lines: Growing,
    reasons: Growing,
    digest: blake3::Hasher,
    /// Bytes of the line at hand that are kept, and whether some are not.
    line: u64,
    cut: bool,
    not_kept: u64,
}

impl Rejects {
    pub(super) fn create(storage: &Arc<dyn Storage>, dir: &Path) -> Result<Rejects> {
        storage.create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
        Ok(Rejects {
            storage: Arc::clone(storage),
            dir: dir.to_path_buf(),
            lines: Growing::create(storage.as_ref(), dir, "import-lines")?,
            reasons: Growing::create(storage.as_ref(), dir, "import-reasons")?,
            digest: blake3::Hasher::new(),
            line: 0,
            cut: false,
            not_kept: 0,
        })
    }

    /// Part of a refused line, or all of it. What is too much is not kept.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.digest.update(bytes);
        let room = LINE_KEPT_MAX.saturating_sub(self.line).min(KEPT_BYTES_MAX.saturating_sub(self.lines.len));
        let kept = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX)).unwrap_or(bytes);
        self.cut |= kept.len() < bytes.len();
        self.line += kept.len() as u64;
        self.lines.push(kept)
    }

    /// How many lines are not kept, or not whole.
    pub(super) fn not_kept(&self) -> u64 {
        self.not_kept
    }

    /// The end of a refused line, and why it was refused.
    pub(super) fn end_line(&mut self, number: u64, rejection: &Rejection) -> Result<()> {
        self.digest.update(b"\n");
        self.lines.push(b"\n")?;
        self.not_kept += u64::from(self.cut);
        (self.line, self.cut) = (0, false);
        if self.reasons.len > KEPT_BYTES_MAX {
            return Ok(());
        }
        let mut reason = canonical(&reason(number, rejection))?;
        reason.push('\n');
        self.reasons.push(reason.as_bytes())
    }

    /// Gives both files their names, durably; that of the lines.
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
