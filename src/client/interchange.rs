//! Interchange files: found, opened, decompressed on the way in; written aside and given their name on the way out.

use crate::client::{Contexta, Error, Progress, Result, engine_io};
use crate::contract::ExtensionRegistry;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::engine::storage::{FileReader, FileWriter, OpenMode};
use crate::store::interchange::{ExportBodies, ExportFilter, ExportReport, ImportOptions, ImportReport};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Room for reading and writing at once.
const BUFFER: usize = 256 << 10;
/// Beginning of the names of temporary files for lines.
const TEMPORARY_STEM: &str = "export";

/// What to import JSON lines from; plain or compressed with gzip, whatever it is called.
pub enum ImportSource<'a> {
    /// A file. Bodies are looked for in its directory, unless another one is named.
    File(&'a Path),
    /// Anything else, and how to call it. Bodies are looked for only where a directory is named.
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

/// How to import JSON lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportSettings {
    /// Where bodies lie.
    pub bodies: Option<PathBuf>,
    /// Stops at the first line that is refused; otherwise it is kept aside, and the rest goes on.
    pub strict: bool,
    /// Checks extensions.
    pub registry: Option<ExtensionRegistry>,
}

/// What becomes of bodies in an export to a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BodiesTarget {
    /// Into the directory `artifacts` beside the file, where an import finds them. Beside a device or pipe there is none.
    #[default]
    BesideFile,
    /// Into this directory; an import is told of it.
    Dir(PathBuf),
    /// They are left out.
    LeftOut,
}

impl BodiesTarget {
    /// The directory and prefix of bodies; `dir` is the directory of the file, if it is in one.
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

/// Counts the bytes that come through.
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
    /// Imports JSON lines (docs/INTERCHANGE.md): streamed, in constant memory, each line judged on its own. Refused lines are
    /// kept aside under `recovery/quarantine`. Importing the same again changes nothing. What was taken over is on disk when
    /// this returns.
    ///
    /// `progress` hears the bytes read and, of a file, its length (else 0).
    pub fn import_jsonl(
        &self,
        source: ImportSource<'_>,
        settings: ImportSettings,
        progress: Progress<'_>,
    ) -> Result<ImportReport> {
        self.check_writes()?;
        // What is here already is looked up before it is said: two imports at once would say it twice. Where there are no
        // locks, that is the user's to avoid.
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
        // The first two bytes say whether it is compressed; a pipe may give them one by one.
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
        Ok(match is_gzip {
            true => {
                let mut lines = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole));
                self.store.import_jsonl(&mut lines, &options, &tell)?
            }
            false => {
                let mut lines = whole;
                self.store.import_jsonl(&mut lines, &options, &tell)?
            }
        })
    }

    /// Removes what killed imports left of refused lines without a name. Called by the one import that is going on.
    fn sweep_quarantine(&self) {
        let dir = self.paths.quarantine();
        for entry in self.storage.list(&dir).unwrap_or_default() {
            let begun =
                ["import-lines-", "import-reasons-"].iter().any(|begin| entry.name.starts_with(begin));
            if entry.is_file && begun && entry.name.ends_with(".tmp") {
                // Best effort: a leftover is only space.
                let _ = self.storage.remove_file(&dir.join(&entry.name));
            }
        }
    }

    /// Exports JSON lines (docs/INTERCHANGE.md) into a writer; bodies only where a place for them is named.
    ///
    /// `progress` hears how many entries of the log were looked at, and 0.
    pub fn export_jsonl(
        &self,
        out: &mut dyn Write,
        filter: &ExportFilter,
        bodies: Option<&Path>,
        progress: Progress<'_>,
    ) -> Result<ExportReport> {
        let bodies = bodies.map(|dir| ExportBodies { dir: dir.to_path_buf(), prefix: String::new() });
        let mut out = BufWriter::with_capacity(BUFFER, out);
        Ok(self.store.export_jsonl(&mut out, filter, bodies.as_ref(), &|done| progress(done, 0))?)
    }

    /// Exports JSON lines into a file: whole, on disk and under its name when this returns, or not at all. Compressed with
    /// gzip if the name ends in `.gz`. A link is followed, also to a file that is not there yet; an existing file keeps its
    /// permissions.
    pub fn export_jsonl_file(
        &self,
        path: &Path,
        filter: &ExportFilter,
        bodies: BodiesTarget,
        progress: Progress<'_>,
    ) -> Result<ExportReport> {
        if self.storage.info(path).is_ok_and(|info| !info.is_file && !info.is_dir) {
            // A device or pipe is written to as it is.
            let bodies = bodies.with_dir(None);
            let file =
                self.storage.open(path, OpenMode::ReadWrite).map_err(|e| engine_io("open", path, e))?;
            return self.export_packed(&mut FileWriter::new(file), path, filter, bodies.as_ref(), progress);
        }
        let wrap = |e| engine_io("write", path, e);
        let mut out = FileReplacement::create(&self.storage, path, TEMPORARY_STEM).map_err(wrap)?;
        remove_stale(self.storage.as_ref(), out.dir(), TEMPORARY_STEM);
        let bodies = bodies.with_dir(Some(out.dir()));
        let report = self.export_packed(&mut out, path, filter, bodies.as_ref(), progress)?;
        out.publish().map_err(wrap)?;
        Ok(report)
    }

    /// Compressed or not, as the name of the file says.
    fn export_packed(
        &self,
        out: &mut dyn Write,
        path: &Path,
        filter: &ExportFilter,
        bodies: Option<&ExportBodies>,
        progress: Progress<'_>,
    ) -> Result<ExportReport> {
        let mut out = BufWriter::with_capacity(BUFFER, out);
        let tell = |done| progress(done, 0);
        let failed = |e| engine_io("write", path, e);
        let report = if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
            let mut packed = GzEncoder::new(&mut out, Compression::default());
            let report = self.store.export_jsonl(&mut packed, filter, bodies, &tell)?;
            packed.finish().map_err(failed)?;
            report
        } else {
            self.store.export_jsonl(&mut out, filter, bodies, &tell)?
        };
        out.flush().map_err(failed)?;
        Ok(report)
    }
}
