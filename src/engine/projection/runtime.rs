//! The projector: catches up with the log, hands out views, publishes generations, rebuilds.
//!
//! Invariants:
//! 1. Rows and cursors of a step change in one redb transaction.
//! 2. A cursor is relied on only after the log confirmed it; otherwise everything is rebuilt.
//! 3. Readers in other processes are never waited for: a generation is published under a new name, and only
//!    by whoever gets the lock at once.
//! 4. A damaged or unreadable generation, an error of redb or a panic in it is answered by setting the generation aside and
//!    rebuilding, once; the view says so.

use crate::engine::checksum::Digest;
use crate::engine::entry::Event;
use crate::engine::error::{Error, Result};
use crate::engine::log::stream::list_streams;
use crate::engine::projection::Projection;
use crate::engine::projection::catch_up::APPLIED;
use crate::engine::projection::cursor::LogPosition;
use crate::engine::projection::digest::{TablesDigest, digest};
use crate::engine::projection::generation::{self, Found, Generation};
use crate::engine::projection::note::{CatchUp, Note, RebuildReason};
use crate::engine::projection::overlay::{Base, Overlay, Spill};
use crate::engine::projection::tables::{Definition, TableSpec};
use crate::engine::projection::view::View;
use crate::engine::storage::{OpenMode, Storage, exists};
use redb::ReadableDatabase;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Changed whenever the engine's own tables or the table types change their rows.
const LAYOUT_VERSION: u32 = 5;
/// A catch-up that took so long, in nanoseconds, is worth publishing.
pub(super) const PUBLISH_AFTER: u64 = 250_000_000;

/// What a projector can be told.
#[derive(Debug, Clone)]
pub struct ProjectorOptions {
    /// Whether new generations may be written.
    pub publish: bool,
    /// Memory that redb may use as a cache, in bytes.
    pub cache_bytes: usize,
    /// Memory for what is not published yet, in bytes; more than that goes to a temporary file in `spill`.
    pub overlay_bytes_max: usize,
    /// Where such a temporary file is made; `None`: there is none, and memory is used.
    pub spill: Option<PathBuf>,
}

impl Default for ProjectorOptions {
    fn default() -> ProjectorOptions {
        let overlay_bytes_max = 96 << 20;
        ProjectorOptions { publish: true, cache_bytes: 64 << 20, overlay_bytes_max, spill: None }
    }
}

/// Called with bytes of log done and in all, now and then during long work.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Keeps the projections of one log.
pub struct Projector<E: Event> {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) log: PathBuf,
    pub(super) dir: PathBuf,
    pub(super) options: ProjectorOptions,
    pub(super) projections: Vec<Box<dyn Projection<E>>>,
    pub(super) fingerprint: Digest,
    /// A rule that the projections break: the name of one of them, and the rule.
    misuse: Option<(&'static str, String)>,
    pub(super) opened: Mutex<Option<Opened>>,
}

/// Finds a projection that cannot be registered beside the others.
fn misuse_of<E: Event>(projections: &[Box<dyn Projection<E>>]) -> Option<(&'static str, String)> {
    let (mut names, mut tables) = (HashSet::new(), HashSet::new());
    for projection in projections {
        let name = projection.name();
        if !names.insert(name) {
            return Some((name, "a projection of this name is registered already".to_owned()));
        }
        for table in projection.tables() {
            if table.name.starts_with('_') {
                return Some((
                    name,
                    format!("the name of table {} begins with _, which is reserved", table.name),
                ));
            }
            if !tables.insert(table.name) {
                return Some((name, format!("table {} is declared already", table.name)));
            }
        }
    }
    None
}

impl<E: Event> std::fmt::Debug for Projector<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.projections.iter().map(|p| p.name()).collect();
        f.debug_struct("Projector").field("log", &self.log).field("projections", &names).finish()
    }
}

pub(super) struct Opened {
    pub(super) database: Arc<redb::Database>,
    pub(super) overlay: Overlay,
    pub(super) number: u64,
    /// Entries in the published generation; `None`: nothing is published.
    pub(super) published: Option<u64>,
    pub(super) applied: u64,
    /// The latest time of an entry in any stream whose clock is not far ahead.
    pub(super) latest: u64,
    pub(super) rebuilt: Option<RebuildReason>,
    /// Where reading the log ends; `None`: where the log does.
    pub(super) until: Option<LogPosition>,
}

impl<E: Event> Projector<E> {
    /// A projector for the log in `log`, with generations in `dir`. Nothing is opened yet.
    pub fn new(
        storage: Arc<dyn Storage>,
        log: PathBuf,
        dir: PathBuf,
        options: ProjectorOptions,
        projections: Vec<Box<dyn Projection<E>>>,
    ) -> Projector<E> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&LAYOUT_VERSION.to_le_bytes());
        hasher.update(format!("{:?}", E::KINDS).as_bytes());
        for projection in &projections {
            hasher.update(format!("{}\0{}\0", projection.name(), projection.version()).as_bytes());
            for table in projection.tables() {
                hasher.update(format!("{}\0{:?}\0", table.name, table.kind).as_bytes());
            }
        }
        let fingerprint = Digest(*hasher.finalize().as_bytes());
        let misuse = misuse_of(&projections);
        Projector { storage, log, dir, options, projections, fingerprint, misuse, opened: Mutex::new(None) }
    }

    /// Fails where the embedder made a mistake that would otherwise look like an empty or damaged workspace.
    fn check_use(&self) -> Result<()> {
        if let Some((projection, reason)) = &self.misuse {
            return Err(Error::ProjectionMisused { projection, reason: reason.clone() });
        }
        let mixed_up = |path: &Path, reason: &str| {
            Err(Error::DirectoryMixedUp { path: path.to_path_buf(), reason: reason.to_owned() })
        };
        let storage = self.storage.as_ref();
        // A directory that cannot be listed is reported by whatever reads it next.
        if generation::list(storage, &self.log).is_ok_and(|found| !found.is_empty()) {
            return mixed_up(&self.log, "it holds projection files, and should hold the streams of a log");
        }
        if list_streams(storage, &self.dir).is_ok_and(|found| !found.is_empty()) {
            return mixed_up(&self.dir, "it holds streams of a log, and should hold projection files");
        }
        Ok(())
    }

    /// All tables of all projections.
    pub fn tables(&self) -> Vec<TableSpec> {
        self.projections.iter().flat_map(|p| p.tables().iter().copied()).collect()
    }

    /// Catches up with the log, then answers `question` from one consistent view.
    ///
    /// The question may be asked twice: if the tables turn out to be damaged they are rebuilt first.
    pub fn read<T>(&self, question: impl Fn(&View) -> Result<T>) -> Result<T> {
        self.read_as(question)
    }

    /// Catches up with the log, then asks `question` about one consistent view.
    ///
    /// If the question fails because the tables are damaged, they are rebuilt and the question is asked again, so it must
    /// not have side effects. The error type is the caller's own.
    pub(crate) fn read_as<T, F: From<Error>>(
        &self,
        question: impl Fn(&View) -> std::result::Result<T, F>,
    ) -> std::result::Result<T, F> {
        let ask = |view: &View| match question(view) {
            Err(e) => match view.damage() {
                Some(reason) => Ok(Err((e, Some(reason.to_owned())))),
                None => Ok(Err((e, None))),
            },
            Ok(answer) => Ok(Ok(answer)),
        };
        let reason = match self.attempt(&ask, None, &|_, _| {}) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err((e, None))) => return Err(e),
            Ok(Err((_, Some(reason)))) | Err(Error::ProjectionUnusable { reason, .. }) => reason,
            Err(e) => return Err(e.into()),
        };
        match self.attempt(&ask, Some(RebuildReason::Damaged(reason)), &|_, _| {})? {
            Ok(answer) => Ok(answer),
            Err((e, _)) => Err(e),
        }
    }

    /// Throws the tables away and makes them again from the log.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<CatchUp> {
        let entries = |view: &View| Ok(view.notes().to_vec());
        let notes = self.attempt(&entries, Some(RebuildReason::Asked), progress)?;
        let entries = notes
            .iter()
            .find_map(|n| match n {
                Note::Rebuilt { entries, .. } => Some(*entries),
                _ => None,
            })
            .unwrap_or(0);
        Ok(CatchUp { entries, notes })
    }

    /// The digest of all tables, after catching up.
    pub fn digest(&self) -> Result<TablesDigest> {
        let tables = self.tables();
        self.read(|view| digest(view, &tables))
    }

    /// The digest of all tables, after catching up, and the position in the log that they were made up to.
    pub fn digest_with_position(&self) -> Result<(TablesDigest, LogPosition)> {
        let tables = self.tables();
        self.read(|view| Ok((digest(view, &tables)?, view.log_position()?)))
    }

    /// The digest that a rebuild from the log would give. Nothing on disk changes.
    pub fn digest_from_scratch(&self, progress: Progress<'_>) -> Result<TablesDigest> {
        self.digest_until(None, progress)
    }

    /// The digest that a rebuild from the log up to this position would give, whatever was appended since. Nothing on
    /// disk changes.
    pub fn digest_from_scratch_until(
        &self,
        position: LogPosition,
        progress: Progress<'_>,
    ) -> Result<TablesDigest> {
        self.digest_until(Some(position), progress)
    }

    fn digest_until(&self, until: Option<LogPosition>, progress: Progress<'_>) -> Result<TablesDigest> {
        self.check_use()?;
        let options = ProjectorOptions { publish: false, ..self.options.clone() };
        let mut opened = self.create(options.cache_bytes, RebuildReason::Asked, 0)?;
        opened.until = until;
        let notes = self.catch_up(&mut opened, progress)?;
        digest(&self.view(&opened, notes.unwrap_or_default())?, &self.tables())
    }

    fn attempt<T>(
        &self,
        question: &impl Fn(&View) -> Result<T>,
        rebuild: Option<RebuildReason>,
        progress: Progress<'_>,
    ) -> Result<T> {
        // redb asserts where it meets what it never wrote; a panic there is damage, not the end of the caller.
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let view = self.current_view(rebuild, progress)?;
            question(&view)
        }));
        match caught {
            Ok(result) => result,
            Err(panic) => {
                let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
                let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                Err(self.unusable(format!("a panic: {said}")))
            }
        }
    }

    pub(super) fn unusable(&self, reason: impl std::fmt::Display) -> Error {
        Error::ProjectionUnusable { path: self.dir.clone(), reason: reason.to_string() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Opened>> {
        // After a panic the state is whatever it was; `attempt` then rebuilds.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current_view(&self, rebuild: Option<RebuildReason>, progress: Progress<'_>) -> Result<View> {
        let mut guard = self.lock();
        if guard.is_none() {
            self.check_use()?;
        }
        let mut opened = match (guard.take(), rebuild) {
            (opened, Some(reason)) => {
                let number = opened.map_or(0, |o| o.number);
                if let RebuildReason::Damaged(_) = reason {
                    self.set_aside();
                }
                self.create(self.options.cache_bytes, reason, number)?
            }
            (Some(opened), None) => opened,
            (None, None) => self.open()?,
        };
        let mut notes = match self.catch_up(&mut opened, progress) {
            Ok(Some(notes)) => notes,
            Ok(None) => {
                let reason = opened.rebuilt.take().unwrap_or(RebuildReason::Absent);
                opened = self.create(self.options.cache_bytes, reason, opened.number)?;
                // A fresh database has no cursors to be refused.
                self.catch_up(&mut opened, progress)?.unwrap_or_default()
            }
            Err(e) => return Err(e),
        };
        let opened = self.publish(opened, &mut notes)?;
        let view = self.view(&opened, notes);
        *guard = Some(opened);
        view
    }

    fn view(&self, opened: &Opened, notes: Vec<Note>) -> Result<View> {
        let transaction = opened.database.begin_read().map_err(|e| self.unusable(e))?;
        Ok(View::new(
            transaction,
            Arc::clone(&opened.database),
            self.dir.clone(),
            Arc::clone(&self.storage),
            self.log.clone(),
            opened.latest,
            notes,
        )
        .with_tables(self.tables()))
    }

    /// Opens the newest generation, or an empty database.
    fn open(&self) -> Result<Opened> {
        let unreadable = |path: &Path, reason: &dyn std::fmt::Display| {
            RebuildReason::Unreadable(format!("{}: {reason}", path.display()))
        };
        let generations = match generation::list(self.storage.as_ref(), &self.dir) {
            Ok(generations) => generations,
            Err(Error::Io { source, .. }) => {
                return self.create(self.options.cache_bytes, unreadable(&self.dir, &source), 0);
            }
            Err(e) => return Err(e),
        };
        let Some(Found { number, path, is_file }) = generations.first() else {
            return self.create(self.options.cache_bytes, RebuildReason::Absent, 0);
        };
        if !is_file {
            // Opening it might never return: it may be a pipe.
            self.set_aside();
            let reason = unreadable(path, &"it is not a regular file");
            return self.create(self.options.cache_bytes, reason, *number);
        }
        let base = match Generation::open(self.storage.as_ref(), path) {
            Ok(base) => base,
            // Replaced by a newer one between listing and opening.
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return self.create(self.options.cache_bytes, RebuildReason::Absent, *number);
            }
            Err(Error::Io { source, .. }) => {
                self.set_aside();
                return self.create(self.options.cache_bytes, unreadable(path, &source), *number);
            }
            Err(e) => return Err(e),
        };
        if base.fingerprint() != self.fingerprint {
            return self.create(self.options.cache_bytes, RebuildReason::Version, *number);
        }
        let base = Base::Generation(Arc::new(base));
        let mut opened = self.open_over(base, self.options.cache_bytes, *number)?;
        opened.applied = self.read_applied(&opened.database)?;
        opened.published = Some(opened.applied);
        Ok(opened)
    }

    fn create(&self, cache: usize, reason: RebuildReason, number: u64) -> Result<Opened> {
        let mut opened = self.open_over(Base::Empty, cache, number)?;
        opened.rebuilt = Some(reason);
        Ok(opened)
    }

    fn open_over(&self, base: Base, cache: usize, number: u64) -> Result<Opened> {
        let overlay = Overlay::new(base, self.spill());
        let database = redb::Builder::new()
            .set_cache_size(cache)
            .create_with_backend(overlay.clone())
            .map_err(|e| self.unusable(e))?;
        Ok(Opened {
            database: Arc::new(database),
            overlay,
            number,
            published: None,
            applied: 0,
            latest: 0,
            rebuilt: None,
            until: None,
        })
    }

    fn spill(&self) -> Option<Spill> {
        let (storage, bytes_max) = (Arc::clone(&self.storage), self.options.overlay_bytes_max);
        self.options.spill.clone().map(|dir| Spill { storage, dir, bytes_max })
    }

    fn read_applied(&self, database: &redb::Database) -> Result<u64> {
        let transaction = database.begin_read().map_err(|e| self.unusable(e))?;
        match transaction.open_table(Definition::new(APPLIED)) {
            Ok(table) => {
                let row = table.get(&b""[..]).map_err(|e| self.unusable(e))?;
                Ok(row
                    .and_then(|r| r.value().first_chunk::<8>().map(|b| u64::from_le_bytes(*b)))
                    .unwrap_or(0))
            }
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(0),
            Err(e) => Err(self.unusable(e)),
        }
    }

    /// Writes a new generation where that is worth it, and goes on over that. Views of the old one keep it.
    fn publish(&self, opened: Opened, notes: &mut Vec<Note>) -> Result<Opened> {
        let worth = match opened.published {
            None => opened.applied > 0,
            Some(published) => opened.applied.saturating_sub(published) * 10 > published,
        };
        if !worth || !self.options.publish {
            return Ok(opened);
        }
        let asked = notes.iter().any(|n| matches!(n, Note::Rebuilt { reason: RebuildReason::Asked, .. }));
        // Whatever comes of it: not tried again before there is more to publish.
        let Opened { applied, latest, .. } = opened;
        let published = Some(applied);
        match self.write_generation(&opened) {
            Ok(Some(base)) => {
                let number = base.number();
                let base = Base::Generation(Arc::new(base));
                let fresh = self.open_over(base, self.options.cache_bytes, number)?;
                return Ok(Opened { published, applied, latest, ..fresh });
            }
            Ok(None) if asked => {
                let reason = "another process is saving its own".to_owned();
                notes.push(Note::NotPublished { reason });
            }
            Ok(None) => {}
            // Whoever may only read never publishes, and lacks nothing by it; whoever asked for a rebuild does.
            Err(e) if !asked && e.code() == "storage_read_only" => {}
            Err(e) => {
                let source = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
                notes.push(Note::NotPublished { reason: format!("{e}{source}") });
            }
        }
        Ok(Opened { published, ..opened })
    }

    /// The image of the database as it is after a clean close, though views may have it open.
    fn closed_image(&self, opened: &Opened) -> Result<Overlay> {
        let mut transaction = opened.database.begin_write().map_err(|e| self.unusable(e))?;
        // Otherwise the image would be read through from end to end when it is opened.
        transaction.set_quick_repair(true);
        transaction.commit().map_err(|e| self.unusable(e))?;
        let image = Overlay::new(Base::Overlay(opened.overlay.clone()), self.spill());
        let opened = redb::Builder::new().set_cache_size(1 << 20).create_with_backend(image.clone());
        // redb writes its last page when it is closed.
        drop(opened.map_err(|e| self.unusable(e))?);
        Ok(image)
    }

    /// `Ok(None)`: somebody else is publishing, or there is no workspace to write to.
    fn write_generation(&self, opened: &Opened) -> Result<Option<Generation>> {
        let storage = self.storage.as_ref();
        let parent = self.dir.parent().unwrap_or(Path::new(""));
        if !exists(storage, parent).map_err(|e| Error::io("look at", parent, e))? {
            return Ok(None);
        }
        storage.create_dir_all(&self.dir).map_err(|e| Error::io("create", &self.dir, e))?;
        let lock_path = self.dir.join("lock");
        let lock =
            storage.open(&lock_path, OpenMode::Create).map_err(|e| Error::io("open", &lock_path, e))?;
        let alone = match lock.try_lock() {
            Ok(true) => true,
            Ok(false) => return Ok(None),
            // No locks here: two may publish at once, each under a name of its own.
            Err(_) => false,
        };
        let before = generation::list(storage, &self.dir)?;
        let newest = before.first().map_or(0, |found| found.number);
        let number = newest.max(opened.number).saturating_add(1);
        let image = self.closed_image(opened)?;
        let path = Generation::write(storage, &self.dir, number, self.fingerprint, &image)?;
        for old in before {
            // Processes that have it open keep it; where that forbids removal, a later publish does it.
            let _ = storage.remove_file(&old.path);
        }
        if alone {
            self.remove_leftovers();
        }
        Generation::open(storage, &path).map(Some)
    }

    /// Removes what was set aside before, and temporary files of writers that died: the lock is held, so no
    /// living writer is at one.
    fn remove_leftovers(&self) {
        for entry in self.storage.list(&self.dir).unwrap_or_default() {
            if entry.name.ends_with(".bad") || entry.name.ends_with(".tmp") {
                let _ = self.storage.remove_file(&self.dir.join(&entry.name));
            }
        }
    }

    /// Renames all generations, so that nobody opens them again.
    fn set_aside(&self) {
        if !self.options.publish {
            return;
        }
        for Found { path, .. } in generation::list(self.storage.as_ref(), &self.dir).unwrap_or_default() {
            let mut name = path.clone().into_os_string();
            name.push(".bad");
            // A read-only workspace keeps the bad one; each process then rebuilds for itself.
            let _ = self.storage.rename(&path, Path::new(&name));
        }
    }
}
