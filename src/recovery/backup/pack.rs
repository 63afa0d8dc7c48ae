//! The creation of a backup in one file: an archive (docs/FORMAT.md, section 22).
//!
//! The backup is first created in a temporary repository beside the archive. Then the repository is packed into a
//! temporary file, which is renamed at the end. The archive therefore exists completely or not at all.

use crate::engine::progress::Progress;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::engine::storage::{FileReader, Storage, exists};
use crate::recovery::backup::create::{BackupResult, create_backup};
use crate::recovery::backup::manifest_lines::to_text;
use crate::recovery::backup::names::{manifest_name, object_name};
use crate::recovery::backup::plan::{BackupPlan, check_place};
use crate::recovery::backup::repository::Repository;
use crate::recovery::error::{Error, Result};
use crate::recovery::temporary::TemporaryDir;
use crate::recovery::tree::io_error;
use crate::recovery::workspace_dirs::WorkspaceDirs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// The level of the compression. Level 3 is the default of zstd.
const LEVEL: i32 = 3;
/// The prefix of the name of the temporary file.
const STEM: &str = "archive";

/// Creates a backup in the file `archive`. The repository of the plan is not used. Errors: the file exists, or the
/// errors of [`create_backup`].
pub(crate) fn create_archive(
    storage: &Arc<dyn Storage>,
    archive: &Path,
    dirs: &WorkspaceDirs,
    plan: &BackupPlan,
    progress: Progress<'_>,
) -> Result<BackupResult> {
    check_absent(storage.as_ref(), archive)?;
    check_place(&Repository::new(storage, archive), dirs)?;
    // The directory exists, locked, until the archive is published or an error occurs.
    let staging = TemporaryDir::beside(storage, archive)?;
    let repository = Repository::new(storage, staging.root());
    let result = create_backup(&repository, dirs, plan, progress)?;
    let (file, bytes) = pack(&repository, plan, archive)?;
    // A backup must not replace a file that was created in the meantime.
    check_absent(storage.as_ref(), archive)?;
    file.publish().map_err(|e| io_error("write", archive, e))?;
    Ok(BackupResult { location: archive.to_path_buf(), bytes_written: bytes, ..result })
}

fn check_absent(storage: &dyn Storage, archive: &Path) -> Result<()> {
    let is_present = exists(storage, archive).map_err(|e| io_error("read the metadata of", archive, e))?;
    if is_present { Err(Error::ArchiveExists { path: archive.to_path_buf() }) } else { Ok(()) }
}

/// Packs the only backup of a repository into a temporary file. Returns the temporary file and its length in
/// bytes.
fn pack(repository: &Repository, plan: &BackupPlan, archive: &Path) -> Result<(FileReplacement, u64)> {
    let wrap = |e| io_error("write", archive, e);
    let manifest = repository.read(&plan.backup_ref)?;
    let storage = &repository.storage;
    let file = FileReplacement::create(storage, archive, STEM).map_err(wrap)?;
    remove_stale(storage.as_ref(), file.dir(), STEM);
    let mut compressed = zstd::Encoder::new(Counter { inner: file, count: 0 }, LEVEL).map_err(wrap)?;
    compressed.include_checksum(true).map_err(wrap)?;
    let mut packed = tar::Builder::new(compressed);
    let objects = repository.objects();
    for (digest, size) in manifest.objects() {
        let content = FileReader::new(objects.open(&digest)?);
        append(&mut packed, &object_name(&digest), content, size).map_err(wrap)?;
    }
    let text = to_text(&manifest).map_err(|e| invalid(archive, e.to_string()))?;
    let name = manifest_name(&manifest.backup_ref);
    append(&mut packed, &name, text.as_bytes(), text.len() as u64).map_err(wrap)?;
    let Counter { inner: file, count } = packed.into_inner().and_then(zstd::Encoder::finish).map_err(wrap)?;
    Ok((file, count))
}

/// Appends a file to an archive. The header contains no time and no owner, so equal backups give equal archives.
fn append(
    packed: &mut tar::Builder<impl Write>,
    name: &str,
    content: impl Read,
    size: u64,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    packed.append_data(&mut header, name, content.take(size))
}

fn invalid(path: &Path, reason: String) -> Error {
    Error::ArchiveInvalid { path: path.to_path_buf(), reason }
}

/// A writer that counts the written bytes.
struct Counter<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Write for Counter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
