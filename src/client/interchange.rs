//! Import and export of interchange files, plain or compressed.

use crate::client::contexta::Contexta;
use crate::client::error::{Error, Result, engine_io};
use crate::config::Strictness;
use crate::contract::ExtensionRegistry;
use crate::engine::progress::Progress;
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

/// The size of the buffers for reading and writing, in bytes.
const BUFFER: usize = 256 << 10;
/// The prefix of the names of temporary files that contain exported lines.
const TEMPORARY_STEM: &str = "export";

/// The source of an import of JSON lines, plain or compressed with gzip. Compression is recognised by the content, not
/// by the name.
pub enum ImportSource<'a> {
    /// A file. Bodies are read from the directory of the file, unless [`ImportSettings::bodies`] names another
    /// directory.
    File(&'a Path),
    /// A name of the source, for messages, and a reader. Bodies are read from the directory in
    /// [`ImportSettings::bodies`]; if no directory is set, every body that a line names counts as missing.
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

/// Options of [`Contexta::import_jsonl`].
#[derive(Debug, Clone, Default)]
pub struct ImportSettings<'a> {
    /// The directory with the files of bodies; `None` for the default that [`ImportSource`] describes.
    pub bodies: Option<PathBuf>,
    /// `true` to stop at the first line that is invalid or has an invalid member. `false` to continue: invalid members
    /// are left out, and invalid lines are written to the quarantine.
    pub strict: bool,
    /// The registry that extensions are checked against; without one, only the form of extensions is checked.
    pub registry: Option<ExtensionRegistry>,
    /// The number of lines before the first line of the source, if the source is a part of a longer input. Line numbers
    /// in the report and in the log count these lines.
    pub lines_before: u64,
    /// The receiver of progress: bytes that are read, and the length of the file (0 for a reader).
    pub progress: Progress<'a>,
}

/// Options of [`Contexta::export_jsonl`] and [`Contexta::export_jsonl_file`].
#[derive(Debug, Clone, Default)]
pub struct ExportSettings<'a> {
    /// The part of the workspace to export; by default everything.
    pub filter: ExportFilter,
    /// The destination of the bodies.
    pub bodies: BodiesTarget,
    /// The receiver of progress: entries that are read. The total is unknown, and is reported as 0.
    pub progress: Progress<'a>,
}

impl From<&ExportFilter> for ExportSettings<'_> {
    fn from(filter: &ExportFilter) -> Self {
        ExportSettings { filter: filter.clone(), ..ExportSettings::default() }
    }
}

/// The destination of the bodies in an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BodiesTarget {
    /// The directory `artifacts` beside the file, where an import finds the bodies. An export to a writer, device or
    /// pipe exports no bodies.
    #[default]
    BesideFile,
    /// The directory at this path. An import of the exported file needs the same path.
    Dir(PathBuf),
    /// No destination: bodies are not exported.
    LeftOut,
}

impl BodiesTarget {
    /// Returns the directory to which bodies are exported, and the prefix of their paths in the exported lines. Returns
    /// `None` if no bodies are exported. `dir` is the directory of the exported file; `None` for an export to a writer,
    /// device or pipe.
    fn with_dir(&self, dir: Option<&Path>) -> Option<ExportBodies> {
        match (self, dir) {
            (BodiesTarget::BesideFile, Some(dir)) => {
                Some(ExportBodies { dir: dir.join("artifacts"), prefix: "artifacts/".to_owned() })
            }
            (BodiesTarget::Dir(dir), _) => Some(ExportBodies { dir: dir.clone(), prefix: String::new() }),
            (BodiesTarget::BesideFile, None) | (BodiesTarget::LeftOut, _) => None,
        }
    }
}

/// A reader that counts the bytes it has returned.
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
    /// Imports JSON lines (docs/INTERCHANGE.md). Memory use does not depend on the number of lines. Each line is
    /// checked on its own; refused lines are written to `recovery/quarantine`. A second import of the same lines
    /// changes nothing. Imported lines are synced when the method returns.
    pub fn import_jsonl(
        &self,
        source: ImportSource<'_>,
        settings: ImportSettings<'_>,
    ) -> Result<ImportReport> {
        self.check_writes()?;
        // An import looks up existing records before it appends. Two imports at the same time would append the same
        // records twice. On a file system without locks, the user has to prevent this.
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
            let info = self.storage.info(dir).map_err(|e| engine_io("inspect", dir, e))?;
            if !info.is_dir {
                return Err(engine_io("read bodies from", dir, io::ErrorKind::NotADirectory.into()));
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
        // The first two bytes identify compressed input. A pipe may deliver them one at a time.
        let mut begin = Vec::new();
        let read = raw.by_ref().take(2).read_to_end(&mut begin);
        read.map_err(|e| engine_io("read", Path::new(&name), e))?;
        let is_gzip = begin == [0x1f, 0x8b];
        let whole = io::Cursor::new(begin).chain(raw);
        let config = self.config();
        let options = ImportOptions {
            source: name,
            bodies: settings.bodies.or(bodies),
            strict: settings.strict,
            other_versions: config.contract.compatibility_mode == Strictness::Lenient,
            registry: settings.registry,
            quarantine: self.paths.quarantine(),
            lines_before: settings.lines_before,
        };
        let report_bytes = |_| settings.progress.report(count.load(Ordering::Relaxed), total);
        match is_gzip {
            true => {
                let mut lines = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole));
                self.ask(|store| jsonl::import(self.workspace(store), &mut lines, &options, &report_bytes))
            }
            false => {
                let mut lines = whole;
                self.ask(|store| jsonl::import(self.workspace(store), &mut lines, &options, &report_bytes))
            }
        }
    }

    /// Returns the workspace for an import or export.
    fn workspace<'a>(&'a self, store: &'a Store) -> Workspace<'a> {
        Workspace { store, journal: &self.journal }
    }

    /// Removes temporary files of imports that were killed. The caller must hold the lock of imports.
    fn sweep_quarantine(&self) {
        let dir = self.paths.quarantine();
        for entry in self.storage.list(&dir).unwrap_or_default() {
            let is_temporary =
                ["import-lines-", "import-reasons-"].iter().any(|begin| entry.name.starts_with(begin));
            if entry.is_file && is_temporary && entry.name.ends_with(".tmp") {
                // An error is ignored: a remaining file only occupies space.
                let _ = self.storage.remove_file(&dir.join(&entry.name));
            }
        }
    }

    /// Exports JSON lines (docs/INTERCHANGE.md) to a writer. Bodies are exported only with [`BodiesTarget::Dir`].
    pub fn export_jsonl<'s>(
        &self,
        out: &mut dyn Write,
        settings: impl Into<ExportSettings<'s>>,
    ) -> Result<ExportReport> {
        let settings = settings.into();
        let mut out = BufWriter::with_capacity(BUFFER, out);
        self.export_lines(&mut out, &settings, settings.bodies.with_dir(None).as_ref())
    }

    /// Exports JSON lines to a file. After success the file is complete and synced; after an error the previous file is
    /// unchanged. A device or pipe is written directly. The lines are compressed with gzip if the name ends in `.gz`. A
    /// link is followed, even to a file that does not exist; an existing file keeps its permissions.
    pub fn export_jsonl_file<'s>(
        &self,
        path: &Path,
        settings: impl Into<ExportSettings<'s>>,
    ) -> Result<ExportReport> {
        let settings = settings.into();
        if self.storage.info(path).is_ok_and(|info| !info.is_file && !info.is_dir) {
            // A device or pipe is written to directly.
            let bodies = settings.bodies.with_dir(None);
            let file =
                self.storage.open(path, OpenMode::ReadWrite).map_err(|e| engine_io("open", path, e))?;
            return self.export_packed(&mut FileWriter::new(file), path, &settings, bodies.as_ref());
        }
        let wrap = |e| engine_io("write", path, e);
        let mut out = FileReplacement::create(&self.storage, path, TEMPORARY_STEM).map_err(wrap)?;
        remove_stale(self.storage.as_ref(), out.dir(), TEMPORARY_STEM);
        let bodies = settings.bodies.with_dir(Some(out.dir()));
        let report = self.export_packed(&mut out, path, &settings, bodies.as_ref())?;
        out.publish().map_err(wrap)?;
        Ok(report)
    }

    /// Exports to a file, compressed with gzip if the name of the file ends in `.gz`.
    fn export_packed(
        &self,
        out: &mut dyn Write,
        path: &Path,
        settings: &ExportSettings<'_>,
        bodies: Option<&ExportBodies>,
    ) -> Result<ExportReport> {
        let mut out = BufWriter::with_capacity(BUFFER, out);
        let failed = |e| engine_io("write", path, e);
        let report = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
            let mut packed = GzEncoder::new(&mut out, Compression::default());
            let report = self.export_lines(&mut packed, settings, bodies)?;
            packed.finish().map_err(failed)?;
            report
        } else {
            self.export_lines(&mut out, settings, bodies)?
        };
        out.flush().map_err(failed)?;
        Ok(report)
    }

    fn export_lines(
        &self,
        out: &mut dyn Write,
        settings: &ExportSettings<'_>,
        bodies: Option<&ExportBodies>,
    ) -> Result<ExportReport> {
        let report_entries = |done| settings.progress.report(done, 0);
        let options = ExportOptions { filter: settings.filter.clone(), bodies: bodies.cloned() };
        self.ask(|store| jsonl::export(self.workspace(store), out, &options, &report_entries))
    }
}
