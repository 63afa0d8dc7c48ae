//! The real file system, clock and entropy.
//!
//! Only Linux is tested. Other platforms have no boot id, so every writer starts its own stream. On other platforms,
//! files are not mapped, and a watch polls. On Windows, directories are not synced, because they cannot be opened.

mod locking;
#[expect(unsafe_code, reason = "memory maps of finished segments; the SAFETY comment gives the argument")]
mod mapping;
mod metadata;
mod mounts;

#[cfg(target_os = "linux")]
mod process;

#[cfg(not(target_os = "linux"))]
mod process {
    pub(super) use std::process::id;
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod blocks;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod blocks {
    pub(super) fn allocate(_file: &std::fs::File, _len: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub(super) fn next_data(_file: &std::fs::File, offset: u64) -> std::io::Result<Option<u64>> {
        Ok(Some(offset))
    }

    pub(super) fn share_blocks(_from: &std::fs::File, _to: &std::fs::File) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
mod watching;

#[cfg(unix)]
mod opening;

#[cfg(not(unix))]
mod opening {
    use std::fs;
    use std::io;
    use std::path::Path;

    pub(super) fn file(options: &fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
        options.open(path)
    }

    pub(super) fn kind(meta: &fs::Metadata) -> &'static str {
        if meta.is_dir() { "a directory" } else { "a special file" }
    }
}

#[cfg(target_os = "linux")]
use crate::engine::storage::interface::Watch;
use crate::engine::storage::interface::{
    DirEntry, DirItem, File, FileInfo, Mapping, NotARegularFile, OpenMode, Storage,
};
use crate::engine::storage::os::metadata::{file_info, item_kind, names_of, nanoseconds};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// The storage of the real system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsStorage;

impl OsStorage {
    /// Returns a new [`OsStorage`] as a shared [`Storage`].
    pub fn shared() -> Arc<dyn Storage> {
        Arc::new(OsStorage)
    }
}

#[derive(Debug)]
struct OsFile {
    file: fs::File,
}

impl File for OsFile {
    #[cfg(unix)]
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, out, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, out, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.file, data, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(&self.file, data, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    // Only Linux is tested. The metadata of the path is read on other systems.
    #[cfg(target_os = "linux")]
    fn info(&self) -> io::Result<FileInfo> {
        self.file.metadata().map(|meta| file_info(&meta))
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<u64>> {
        let len = self.file.metadata()?.len();
        if offset >= len { Ok(None) } else { blocks::next_data(&self.file, offset) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        blocks::allocate(&self.file, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn try_lock(&self) -> io::Result<bool> {
        locking::acquire(|| self.file.try_lock(), || mounts::is_local(&self.file))
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        locking::acquire(|| self.file.try_lock_shared(), || mounts::is_local(&self.file))
    }

    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }

    fn is_locked(&self) -> io::Result<bool> {
        self.try_lock_shared().map(|is_free| !is_free)
    }

    fn map(&self) -> Option<Arc<dyn Mapping>> {
        if !mounts::is_local(&self.file) {
            return None;
        }
        mapping::map(&self.file)
    }
}

impl Storage for OsStorage {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => &mut options,
            OpenMode::ReadWrite => options.write(true),
            OpenMode::CreateNew => options.write(true).create_new(true),
            OpenMode::Create => options.write(true).create(true).truncate(false),
        };
        let file = opening::file(&options, path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(NotARegularFile::error(opening::kind(&meta)));
        }
        Ok(Arc::new(OsFile { file }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.create_dir_all(parent)?;
        }
        match fs::create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            Err(e) => Err(e),
            Ok(()) => match path.parent().filter(|p| !p.as_os_str().is_empty()) {
                Some(parent) => self.sync_dir(parent),
                None => self.sync_dir(Path::new(".")),
            },
        }
    }

    #[cfg(unix)]
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        opening::directory(path)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // The engine creates no file whose name is not UTF-8.
            if let Ok(name) = entry.file_name().into_string() {
                let mut kind = Some(entry.file_type()?);
                if kind.is_some_and(|kind| kind.is_symlink()) {
                    kind = fs::metadata(entry.path()).ok().map(|meta| meta.file_type());
                }
                let is_dir = kind.is_some_and(|kind| kind.is_dir());
                let is_file = kind.is_some_and(|kind| kind.is_file());
                names.push(DirEntry { name, is_dir, is_file });
            }
        }
        // Names in a directory differ, so the order of equal names does not matter.
        names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(names)
    }

    fn items(&self, path: &Path) -> io::Result<Vec<DirItem>> {
        let mut items = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            items.push(DirItem { kind: item_kind(&entry.metadata()?), name: entry.file_name() });
        }
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(items)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    #[cfg(unix)]
    fn create_link(&self, target: &Path, path: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, path)
    }

    #[cfg(unix)]
    fn make_executable(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)?.permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))
    }

    fn clone_file(&self, from: &Path, to: &Path) -> io::Result<()> {
        let source = opening::file(fs::OpenOptions::new().read(true), from)?;
        if !source.metadata()?.is_file() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let copy = opening::file(fs::OpenOptions::new().write(true).create_new(true), to)?;
        blocks::share_blocks(&source, &copy).inspect_err(|_| {
            // An error is ignored: the caller replaces or removes the empty file.
            let _ = fs::remove_file(to);
        })
    }

    fn link_file(&self, from: &Path, to: &Path) -> io::Result<()> {
        let meta = fs::symlink_metadata(from)?;
        if !meta.is_file() || names_of(&meta) != 1 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        fs::hard_link(from, to)
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::set_permissions(to, fs::metadata(from)?.permissions())
    }

    #[cfg(target_os = "linux")]
    fn watch(&self, poll_interval: Duration) -> Box<dyn Watch> {
        Box::new(watching::InotifyWatch::new(poll_interval))
    }

    fn info(&self, path: &Path) -> io::Result<FileInfo> {
        fs::metadata(path).map(|meta| file_info(&meta))
    }

    fn now(&self) -> u64 {
        nanoseconds(Ok(SystemTime::now()))
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn entropy(&self, out: &mut [u8]) -> io::Result<()> {
        getrandom::fill(out).map_err(io::Error::from)
    }

    fn process_id(&self) -> u32 {
        process::id()
    }

    fn boot_id(&self) -> Option<[u8; 16]> {
        // Read once: a process does not outlive the boot in which it was started.
        static BOOT: OnceLock<Option<[u8; 16]>> = OnceLock::new();
        *BOOT.get_or_init(|| {
            let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
            u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
        })
    }
}
