//! Files of imports and exports: opened and decompressed, or written to a temporary file and renamed.

use crate::client::{Contexta, Error, Progress, Result, engine_io};
use crate::contract::ExtensionRegistry;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::engine::storage::{FileReader, FileWriter, OpenMode};
use crate::interchange::jsonl;
use crate::interchange::{
    ExportBodies, ExportFilter, ExportOptions, ExportReport, ImportOptions, ImportReport, Workspace,
};
use crate::store::Store;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The size of buffers for reading and writing.
const BUFFER: usize = 256 << 10;
/// The beginning of the names of temporary files for lines.
const TEMPORARY_STEM: &str = "export";

/// The source of an import of JSON lines. Plain and gzip-compressed sources are told apart by their first bytes.
pub enum ImportSource<'a> {
    /// A file. Bodies are searched for in its directory, unless [`ImportSettings::bodies`] names another one.
    File(&'a Path),
    /// The name of the source, and a reader. Bodies are searched for only in [`ImportSettings::bodies`].
    Reader(&'a str, &'a mut dyn Read),
}

impl std::fmt::Debug for ImportSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ImportSource::File(path) => f.debug_tuple("File").field(path).finish(),
            ImportSource::Reader(name, _) => f.debug_tuple("Reader").field(name).finish_non_exhaustive(),
        }
    }
}

/// Options of an import of JSON lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportSettings {
    /// The directory of the bodies.
    pub bodies: Option<PathBuf>,
    /// Stops at the first line that is refused. Otherwise refused lines are saved, and the other lines are imported.
    pub strict: bool,
    /// The registry to check extensions with.
    pub registry: Option<ExtensionRegistry>,
}

/// The target of bodies in an export to a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BodiesTarget {
    /// The directory `artifacts` beside the file, where an import finds them. Beside a device or pipe there is none.
    #[default]
    BesideFile,
    /// This directory. An import has to name it.
    Dir(PathBuf),
    /// No target: bodies are left out.
    LeftOut,
}

impl BodiesTarget {
    /// Returns the directory and prefix of bodies; `dir` is the directory of the file, if it is in one.
    fn with_dir(self, dir: Option<&Path>) -> Option<ExportBodies> {
        match (self, dir) {
            (BodiesTarget::BesideFile, Some(dir)) => {
                Some(ExportBodies { dir: dir.join("artifacts"), prefix: "artifacts/".to_owned() })
            }
            (BodiesTarget::Dir(dir), _) => Some(ExportBodies { dir, prefix: String::new() }),
            (BodiesTarget::BesideFile, None) | (BodiesTarget::LeftOut, _) => None,
        }
    }
}

/// A reader that counts the bytes read.
struct Counted<'a> {
    inner: &'a mut dyn Read,
    count: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        self.count.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

impl Contexta {
    /// Imports JSON lines (docs/INTERCHANGE.md): streamed, in constant memory, with each line checked on its own. Refused
    /// lines are saved under `recovery/quarantine`. Importing the same lines again changes nothing. The imported facts are
    /// on disk when this returns.
    ///
    /// `progress` is called with the number of bytes read and the length of a file (0 for other sources).
    pub fn import_jsonl(
        &self,
        source: ImportSource<'_>,
        settings: ImportSettings,
        progress: Progress<'_>,
    ) -> Result<ImportReport> {
        self.check_writes()?;
        // Two imports at once could both append a fact that neither finds in the workspace. File systems without locks do
        // not prevent that.
        let lock = self.paths.import_lock();
        let held = self
            .storage
            .create_dir_all(&self.paths.recovery())
            .and_then(|()| self.storage.open(&lock, OpenMode::Create))
            .map_err(|e| engine_io("open", &lock, e))?;
        if held.try_lock().is_ok_and(|free| !free) {
            return Err(Error::ImportBusy { path: lock });
        }
        self.sweep_quarantine();
        if let Some(dir) = &settings.bodies {
            let info = self.storage.info(dir).map_err(|e| engine_io("look at", dir, e))?;
            if !info.is_dir {
                return Err(engine_io("look for bodies in", dir, io::ErrorKind::NotADirectory.into()));
            }
        }
        let mut file;
        let (name, bodies, total, input): (String, _, u64, &mut dyn Read) = match source {
            ImportSource::File(path) => {
                let wrap = |e| engine_io("read", path, e);
                let opened = self.storage.open(path, OpenMode::Read).map_err(wrap)?;
                let len = opened.len().map_err(wrap)?;
                file = FileReader::new(opened);
                let name = path.file_name().map_or_else(|| path.to_string_lossy(), |n| n.to_string_lossy());
                let beside = path.parent().map(|dir| match dir.as_os_str().is_empty() {
                    true => PathBuf::from("."),
                    false => dir.to_path_buf(),
                });
                (name.into_owned(), beside, len, &mut file)
            }
            ImportSource::Reader(name, read) => (name.to_owned(), None, 0, read),
        };
        let count = AtomicU64::new(0);
        let mut raw = BufReader::with_capacity(BUFFER, Counted { inner: input, count: &count });
        // A pipe may return the first two bytes one by one.
        let mut begin = Vec::new();
        let read = raw.by_ref().take(2).read_to_end(&mut begin);
        read.map_err(|e| engine_io("read", Path::new(&name), e))?;
        let is_gzip = begin == [0x1f, 0x8b];
        let whole = io::Cursor::new(begin).chain(raw);
        let options = ImportOptions {
            source: name,
            bodies: settings.bodies.or(bodies),
            strict: settings.strict,
            registry: settings.registry,
            quarantine: self.paths.quarantine(),
        };
        let tell = |_| progress(count.load(Ordering::Relaxed), total);
        match is_gzip {
            true => {
                let mut lines = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole));
                self.ask(|store| jsonl::import(self.workspace(store), &mut lines, &options, &tell))
            }
            false => {
                let mut lines = whole;
                self.ask(|store| jsonl::import(self.workspace(store), &mut lines, &options, &tell))
            }
        }
    }

    /// Returns the workspace for an import or export.
    fn workspace<'a>(&'a self, store: &'a Store) -> Workspace<'a> {
        Workspace { store, journal: &self.journal }
    }

    /// Removes temporary files of refused lines that killed imports have left. The caller holds the lock of imports.
    fn sweep_quarantine(&self) {
        let dir = self.paths.quarantine();
        for entry in self.storage.list(&dir).unwrap_or_default() {
            let begun =
                ["import-lines-", "import-reasons-"].iter().any(|begin| entry.name.starts_with(begin));
            if entry.is_file && begun && entry.name.ends_with(".tmp") {
                // Best effort: a leftover file only occupies space.
                let _ = self.storage.remove_file(&dir.join(&entry.name));
            }
        }
    }

    /// Exports JSON lines (docs/INTERCHANGE.md) into a writer, and bodies into a directory if one is given.
    ///
    /// `progress` is called with the number of entries of the log that were read, and 0.
    pub fn export_jsonl(
        &self,
        out: &mut dyn Write,
        filter: &ExportFilter,
        bodies: Option<&Path>,
        progress: Progress<'_>,
    ) -> Result<ExportReport> {
        let bodies = bodies.map(|dir| ExportBodies { dir: dir.to_path_buf(), prefix: String::new() });
        let options = ExportOptions { filter: filter.clone(), bodies };
        let mut out = BufWriter::with_capacity(BUFFER, out);
        let tell = |done| progress(done, 0);
        self.ask(|store| jsonl::export(self.workspace(store), &mut out, &options, &tell))
    }

    /// Exports JSON lines into a file. When this returns, the whole file is on disk under its name; after an error, the
    /// target is unchanged. The file is compressed with gzip if its name ends in `.gz`. A link is followed, also to a file
    /// that does not exist yet. An existing file keeps its permissions.
    pub fn export_jsonl_file(
        &self,
        path: &Path,
        filter: &ExportFilter,
        bodies: BodiesTarget,
        progress: Progress<'_>,
    ) -> Result<ExportReport> {
        if self.storage.info(path).is_ok_and(|info| !info.is_file && !info.is_dir) {
            // A device or pipe cannot be replaced and is written to directly.
            let bodies = bodies.with_dir(None);
            let file =
                self.storage.open(path, OpenMode::ReadWrite).map_err(|e| engine_io("open", path, e))?;
            let options = ExportOptions { filter: filter.clone(), bodies };
            return self.export_packed(&mut FileWriter::new(file), path, &options, progress);
        }
        let wrap = |e| engine_io("write", path, e);
        let mut out = FileReplacement::create(&self.storage, path, TEMPORARY_STEM).map_err(wrap)?;
        remove_stale(self.storage.as_ref(), out.dir(), TEMPORARY_STEM);
        let bodies = bodies.with_dir(Some(out.dir()));
        let options = ExportOptions { filter: filter.clone(), bodies };
        let report = self.export_packed(&mut out, path, &options, progress)?;
        out.publish().map_err(wrap)?;
        Ok(report)
    }

    /// Exports into `out`, compressed if the name of the file ends in `.gz`.
    fn export_packed(
        &self,
        out: &mut dyn Write,
        path: &Path,
        options: &ExportOptions,
        progress: Progress<'_>,
    ) -> Result<ExportReport> {
        let mut out = BufWriter::with_capacity(BUFFER, out);
        let tell = |done| progress(done, 0);
        let failed = |e| engine_io("write", path, e);
        let report = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
            let mut packed = GzEncoder::new(&mut out, Compression::default());
            let report =
                self.ask(|store| jsonl::export(self.workspace(store), &mut packed, options, &tell))?;
            packed.finish().map_err(failed)?;
            report
        } else {
            self.ask(|store| jsonl::export(self.workspace(store), &mut out, options, &tell))?
        };
        out.flush().map_err(failed)?;
        Ok(report)
    }
}
