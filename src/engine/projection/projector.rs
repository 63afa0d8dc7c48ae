//! The projector: catches up with the log, opens views, publishes generations, and rebuilds the tables.
//!
//! Invariants:
//! 1. The cursors in memory are moved after the rows of a step were stored. A generation contains the rows and the
//!    cursors of the same moment. After an error between storing the rows and moving the cursors, the open database and
//!    the rows in memory are discarded.
//! 2. A cursor is used only if the log still contains the entries that the cursor counts as applied; otherwise all
//!    tables are rebuilt.
//! 3. No process waits for readers in other processes: a generation is published under a new name, and only by a
//!    process that acquires the lock without waiting.
//! 4. If a generation is damaged or unreadable, or redb returns an error or panics, the generation is set aside and the
//!    tables are rebuilt, once; a note of the view names the reason.

use crate::engine::checksum::Digest;
use crate::engine::domain::Domain;
use crate::engine::entry::{Event, Seq, StreamId};
use crate::engine::error::{Error, Result};
use crate::engine::fault::panic_message;
use crate::engine::log::OpenSegment;
use crate::engine::log::directory::list_streams;
use crate::engine::parallel;
use crate::engine::progress::Progress;
use crate::engine::projection::block::BlockSource;
use crate::engine::projection::catch_up::{Outcome, Request, catch_up};
use crate::engine::projection::cursor::LogPosition;
use crate::engine::projection::damage::Damage;
use crate::engine::projection::definition::Projection;
#[cfg(feature = "ml")]
use crate::engine::projection::derived::Base;
use crate::engine::projection::digest::{TablesDigest, digest};
use crate::engine::projection::generation_dir::{publish_generation, set_aside};
#[cfg(feature = "ml")]
use crate::engine::projection::generation_dir::{remove_generations, remove_other_generations};
use crate::engine::projection::newest::Newest;
use crate::engine::projection::note::{CatchUp, Note, RebuildReason};
use crate::engine::projection::opened::Opened;
use crate::engine::projection::options::{ProjectorOptions, ProjectorPaths};
use crate::engine::projection::overlay::Spill;
use crate::engine::projection::own_tables;
use crate::engine::projection::site::Site;
use crate::engine::projection::step_reader::{PIECE_STREAMS, StepReader};
use crate::engine::projection::stream_list::StreamList;
use crate::engine::projection::table::TableSpec;
use crate::engine::projection::view::View;
use crate::engine::storage::Storage;
use redb::ReadableDatabase;
use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The version of the engine's own tables and of the rows of the table types. Tables of another version are rebuilt.
const LAYOUT_VERSION: u32 = 8;

/// The projector of one log, which maintains the tables of the projections.
pub struct Projector<E: Event> {
    site: Arc<Site>,
    options: ProjectorOptions,
    projections: Vec<Box<dyn Projection<E>>>,
    fingerprint: Digest,
    /// The name of the first projection that breaks a rule, and the rule; `None` if no projection breaks a rule.
    misuse: Option<(&'static str, String)>,
    opened: Mutex<Option<Opened>>,
}

impl<E: Event> fmt::Debug for Projector<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.projections.iter().map(|p| p.name()).collect();
        f.debug_struct("Projector").field("log", &self.site.log).field("projections", &names).finish()
    }
}

/// The failure of a question. A question is the closure that a caller passes to [`Projector::read`].
enum Failure<F> {
    /// The tables are damaged. Contains the reason, and the error that the question returned.
    Damaged(String, F),
    /// The question failed for another reason.
    Other(F),
}

impl<F> Failure<F> {
    fn into_error(self) -> F {
        match self {
            Failure::Damaged(_, error) | Failure::Other(error) => error,
        }
    }
}

impl<F: From<Error>> From<Error> for Failure<F> {
    fn from(error: Error) -> Failure<F> {
        match &error {
            Error::ProjectionUnusable { reason, .. } => Failure::Damaged(reason.clone(), error.into()),
            _ => Failure::Other(error.into()),
        }
    }
}

impl<E: Event> Projector<E> {
    /// Creates a projector. Nothing is opened until the first read.
    pub fn new(
        storage: Arc<dyn Storage>,
        paths: ProjectorPaths,
        options: ProjectorOptions,
        projections: Vec<Box<dyn Projection<E>>>,
    ) -> Projector<E> {
        let tables = projections.iter().flat_map(|p| p.tables().iter().copied()).collect();
        Projector {
            site: Arc::new(Site {
                storage,
                domain: options.domain,
                log: paths.log,
                dir: paths.generations,
                tables,
            }),
            fingerprint: fingerprint(options.domain, &projections),
            options,
            misuse: misuse(&projections),
            projections,
            opened: Mutex::new(None),
        }
    }

    /// Returns all tables of all projections.
    pub fn tables(&self) -> &[TableSpec] {
        &self.site.tables
    }

    /// Catches up with the log, then calls `question` with one consistent view.
    ///
    /// If `question` fails and its view has found damage, the tables are rebuilt and `question` is called again. A
    /// panic of `question` counts as damage, because redb panics on some damaged pages. `question` must therefore have
    /// no side effects. `F` is the error type of the caller.
    pub fn read<T, F: From<Error>>(
        &self,
        question: impl Fn(&View) -> std::result::Result<T, F>,
    ) -> std::result::Result<T, F> {
        match self.attempt(&question, None, Request::default()) {
            Err(Failure::Damaged(reason, _)) => {
                self.attempt(&question, Some(RebuildReason::Damaged(reason)), Request::default())
            }
            other => other,
        }
        .map_err(Failure::into_error)
    }

    /// Catches up with the log, and returns a view that may be kept and sent to other threads. Tables that are found to
    /// be damaged during the catch-up are rebuilt. A view that finds damage later returns an error; the next view then
    /// reads rebuilt tables.
    ///
    /// The disk space and the memory of the tables that a view reads are released only after the view is dropped.
    ///
    /// `open_segment` is the segment that this process appends to, if it is known. Its recorded frames are not read from
    /// the file. Reading its other frames needs fewer system calls than reading the frames of another segment.
    pub fn view(&self, open_segment: Option<OpenSegment>) -> Result<View> {
        let open = |rebuild, request| self.guarded(|| Ok(self.current_view(rebuild, request)?));
        match open(None, Request { open_segment, ..Request::default() }) {
            Err(Failure::Damaged(reason, _)) => {
                open(Some(RebuildReason::Damaged(reason)), Request::default())
            }
            other => other,
        }
        .map_err(Failure::into_error)
    }

    /// Catches up with the log, and returns the notes of the resulting view, such as notes about missing entries.
    pub fn catch_up(&self) -> Result<Vec<Note>> {
        self.read(|view| Ok(view.notes().to_vec()))
    }

    /// Catches up with the log and saves the tables as a new generation, even if few entries were applied.
    /// Call this method after segments were written anew. The saved cursors then contain the metadata of the
    /// new files, and other processes need not read the log to confirm the cursors.
    pub fn save(&self) -> Result<Vec<Note>> {
        self.catch_up()?;
        if let Some(opened) = self.lock().as_mut() {
            opened.published = None;
        }
        self.catch_up()
    }

    /// Closes the tables, and removes the saved tables to free disk space. The next read derives the tables from the log.
    /// Returns the number of removed files. Views that are still open keep the disk space of their tables.
    #[cfg(feature = "ml")]
    pub(crate) fn remove_saved(&self) -> Result<u64> {
        let mut opened = self.lock();
        *opened = None;
        remove_generations(&self.site)
    }

    /// Catches up with the log, and removes durably all saved tables except those that this projector uses. The other tables
    /// can contain rows of entries that were erased since. Returns `false` if tables remain, because another process is
    /// or may be saving tables.
    #[cfg(feature = "ml")]
    pub(crate) fn remove_outdated(&self) -> Result<bool> {
        self.catch_up()?;
        let opened = self.lock();
        let base = opened.as_ref().and_then(|opened| opened.base.as_ref());
        remove_other_generations(&self.site, base.map(|base| base.generation()))
    }

    /// Discards the tables and rebuilds them from the log.
    pub fn rebuild(&self, progress: Progress<'_>) -> Result<CatchUp> {
        let question = |view: &View| Ok::<_, Error>(view.notes().to_vec());
        let request = Request { progress, ..Request::default() };
        let notes = self.attempt(&question, Some(RebuildReason::Requested), request);
        let notes = notes.map_err(Failure::into_error)?;
        let entries = notes.iter().find_map(|note| match note {
            Note::Rebuilt { entries, .. } => Some(*entries),
            _ => None,
        });
        Ok(CatchUp { entries: entries.unwrap_or(0), notes })
    }

    /// Returns the digest of all tables, after catching up.
    pub fn digest(&self) -> Result<TablesDigest> {
        self.read(|view| digest(view, self.tables()))
    }

    /// Returns the digest of all tables, after catching up, and the position in the log up to which the tables were
    /// made.
    pub fn digest_with_position(&self) -> Result<(TablesDigest, LogPosition)> {
        self.read(|view| Ok((digest(view, self.tables())?, view.log_position()?)))
    }

    /// Returns the digest that a rebuild from the log would give. Does not change the saved tables.
    pub fn digest_from_scratch(&self, progress: Progress<'_>) -> Result<TablesDigest> {
        self.digest_until(None, progress)
    }

    /// Returns the digest that a rebuild from the entries up to `position` would give. Later entries are ignored. Does
    /// not change the saved tables.
    pub fn digest_from_scratch_until(
        &self,
        position: LogPosition,
        progress: Progress<'_>,
    ) -> Result<TablesDigest> {
        self.digest_until(Some(position), progress)
    }

    fn digest_until(&self, until: Option<LogPosition>, progress: Progress<'_>) -> Result<TablesDigest> {
        self.check_use()?;
        let mut opened = self.create(RebuildReason::Requested, 0)?;
        opened.until = until;
        let mut request = Request { progress, ..Request::default() };
        let (mut opened, _) = self.apply_all(opened, false, &mut request)?;
        digest(&View::open(&self.site, &mut opened, Vec::new())?, self.tables())
    }

    /// Returns an error if a projection breaks a rule, or if the directory of the generations contains streams. Such a
    /// directory is a mistake of the embedder, who has exchanged the directories of the generations and of the log.
    /// Without the error, the log would appear to be empty or damaged. The catch-up checks the directory of the log.
    fn check_use(&self) -> Result<()> {
        if let Some((projection, reason)) = &self.misuse {
            return Err(Error::ProjectionMisused { projection, reason: reason.clone() });
        }
        let Site { storage, dir, .. } = self.site.as_ref();
        // A directory that cannot be listed is reported when it is read.
        if list_streams(storage.as_ref(), dir).is_ok_and(|found| !found.is_empty()) {
            let reason = "it holds streams of a log, and should hold projection files".to_owned();
            return Err(Error::DirectoryMixedUp { path: dir.clone(), reason });
        }
        Ok(())
    }

    fn attempt<T, F: From<Error>>(
        &self,
        question: &impl Fn(&View) -> std::result::Result<T, F>,
        rebuild: Option<RebuildReason>,
        request: Request<'_>,
    ) -> std::result::Result<T, Failure<F>> {
        self.guarded(|| {
            let view = self.current_view(rebuild, request)?;
            question(&view).map_err(|error| match view.damage() {
                Some(reason) => Failure::Damaged(reason.to_owned(), error),
                None => Failure::Other(error),
            })
        })
    }

    /// Calls `work`. A panic is returned as the error for damaged tables, because redb panics on some damaged pages.
    fn guarded<T, F: From<Error>>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, Failure<F>>,
    ) -> std::result::Result<T, Failure<F>> {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let message = panic_message(panic.as_ref()).unwrap_or_default();
            Err(self.site.unusable(format!("a panic: {message}")).into())
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Opened>> {
        // A panic may leave an inconsistent state; `read` then rebuilds the tables.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current_view(&self, rebuild: Option<RebuildReason>, mut request: Request<'_>) -> Result<View> {
        let mut guard = self.lock();
        if guard.is_none() {
            self.check_use()?;
        }
        let found = guard.as_ref().and_then(|opened| opened.damage.reason().map(str::to_owned));
        let rebuild = rebuild.or(found.map(RebuildReason::Damaged));
        let is_saved = guard.is_none();
        let opened = match (guard.take(), rebuild) {
            (opened, Some(reason)) => {
                let number = opened.as_ref().map_or(0, |o| o.number);
                match reason {
                    RebuildReason::Damaged(_) => self.set_aside(),
                    RebuildReason::Requested => self.report_loss_of_saved(),
                    _ => {}
                }
                let mut created = self.create(reason, number)?;
                created.erased = opened.map(|o| o.erased).unwrap_or_default();
                created
            }
            (Some(opened), None) => opened,
            (None, None) => self.open()?,
        };
        let (opened, mut notes) = self.apply_all(opened, is_saved, &mut request)?;
        let mut opened = self.publish(opened, &mut notes)?;
        let view = View::open(&self.site, &mut opened, notes);
        *guard = Some(opened);
        view
    }

    /// Applies the new entries of the log. Rebuilds the tables if the log contradicts a cursor, or if new erasures are
    /// found. Returns the notes of the catch-up. The loop ends, because an empty database has no cursors, and each
    /// further rebuild takes more erasures into account. `is_saved` is true if this call has opened the tables.
    fn apply_all(
        &self,
        mut opened: Opened,
        is_saved: bool,
        request: &mut Request<'_>,
    ) -> Result<(Opened, Vec<Note>)> {
        loop {
            let (reason, erased) = match catch_up(&self.site, &self.projections, &mut opened, request)? {
                Outcome::Done(notes) => return Ok((opened, notes)),
                Outcome::Contradicted(reason) => {
                    if is_saved {
                        self.report_loss(&opened, &reason);
                    }
                    (reason, Arc::clone(&opened.erased))
                }
                Outcome::Erased(erased) => (RebuildReason::Erased, Arc::new(erased)),
            };
            let until = opened.until.take();
            // If a rebuild begins again, its reason stays the same.
            let mut created = self.create(opened.rebuilt.take().unwrap_or(reason), opened.number)?;
            (created.erased, created.until) = (erased, until);
            opened = created;
        }
    }

    /// Opens the newest generation. Opens an empty database if there is no generation, if the newest generation cannot
    /// be read, or if other projections made it. A damaged generation is an error.
    fn open(&self) -> Result<Opened> {
        let storage = &self.site.storage;
        let (base, number) = match Newest::of(&self.site, self.fingerprint)? {
            Newest::Opened(base, number) => (base, number),
            Newest::Rebuild(reason, number) => return self.create(reason, number),
            Newest::Unreadable(reason, number) => {
                self.set_aside();
                return self.create(reason, number);
            }
        };
        #[cfg(feature = "ml")]
        let generation = base.path().to_path_buf();
        let mut opened = self.open_over(Some(Arc::new(base)), number)?;
        let transaction = opened.database.begin_read().map_err(|e| self.site.unusable(e))?;
        opened.applied = own_tables::applied(&transaction).map_err(|e| self.site.unusable(e))?;
        let read_cursors = || own_tables::cursors(&transaction).map_err(|e| self.site.unusable(e));
        let known = own_tables::cursor_count(&transaction).map_err(|e| self.site.unusable(e))?;
        if known < 2 * PIECE_STREAMS as u64 {
            opened.cursors = Arc::new(read_cursors()?);
        } else {
            // The cursors are read and the streams are listed at the same time. Every stream with a cursor existed
            // before, so the list contains it unless it was removed.
            let list = || StreamList::current(storage.as_ref(), &self.site.log, None);
            let (cursors, list) = parallel::both(read_cursors, list);
            opened.cursors = Arc::new(cursors?);
            opened.streams = Some(list?);
        }
        let erased = own_tables::erased(&transaction).map_err(|e| self.site.unusable(e))?;
        opened.erased = Arc::new(erased);
        opened.published = Some(opened.content());
        #[cfg(feature = "ml")]
        {
            opened.base = Some(Base::new(&generation, &opened.cursors, self.options.publish));
        }
        Ok(opened)
    }

    /// Opens an empty database, which the next catch-up fills: a rebuild with the reason `reason`. `number` is the
    /// number of the generation that the rebuild replaces; 0 if there is none.
    fn create(&self, reason: RebuildReason, number: u64) -> Result<Opened> {
        let mut opened = self.open_over(None, number)?;
        opened.rebuilt = Some(reason);
        Ok(opened)
    }

    fn open_over(&self, base: Option<Arc<dyn BlockSource>>, number: u64) -> Result<Opened> {
        let damage = Damage::none(self.site.dir.clone());
        let opened = Opened::over(base, self.options.cache_bytes, self.spill(), damage);
        let mut opened = opened.map_err(|e| self.site.unusable(e))?;
        opened.number = number;
        Ok(opened)
    }

    fn spill(&self) -> Option<Spill> {
        let (storage, bytes_max) = (Arc::clone(&self.site.storage), self.options.overlay_bytes_max);
        self.options.spill.clone().map(|dir| Spill { storage, dir, bytes_max })
    }

    /// Publishes a new generation if the options permit it and [`Opened::is_worth_publishing`] returns
    /// `true`. Returns a database over the new generation, or `opened` if no generation was published. Views
    /// of the old generation keep the old generation open.
    fn publish(&self, mut opened: Opened, notes: &mut Vec<Note>) -> Result<Opened> {
        if !self.options.publish || !opened.is_worth_publishing() {
            return Ok(opened);
        }
        let is_requested =
            notes.iter().any(|n| matches!(n, Note::Rebuilt { reason: RebuildReason::Requested, .. }));
        // After success or failure, the next attempt is made when there are more entries to publish.
        opened.published = Some(opened.content());
        match publish_generation(&self.site, &opened, self.fingerprint, self.spill()) {
            Ok(Some(base)) => {
                let number = base.number();
                #[cfg(feature = "ml")]
                let generation = base.path().to_path_buf();
                let mut fresh = self.open_over(Some(Arc::new(base)), number)?;
                (fresh.published, fresh.applied) = (opened.published, opened.applied);
                #[cfg(feature = "ml")]
                {
                    fresh.identity = opened.identity;
                    fresh.base = Some(Base::new(&generation, &opened.cursors, true));
                }
                fresh.latest = opened.latest;
                (fresh.cursors, fresh.streams) = (opened.cursors, opened.streams);
                fresh.undecoded = opened.undecoded;
                fresh.erased = opened.erased;
                return Ok(fresh);
            }
            Ok(None) if is_requested => {
                let reason = "another process is publishing a generation".to_owned();
                notes.push(Note::NotPublished { reason });
            }
            Ok(None) => {}
            // In a read-only directory this error is expected, unless the rebuild was requested.
            Err(e) if !is_requested && e.code() == "storage_read_only" => {}
            Err(e) => {
                let source = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
                notes.push(Note::NotPublished { reason: format!("{e}{source}") });
            }
        }
        Ok(opened)
    }

    /// Reports the ends of the streams in the saved tables if the log no longer has entries of these tables. Tables that
    /// this projector has opened earlier are not reported, because a restore may have replaced the log since then.
    fn report_loss(&self, opened: &Opened, reason: &RebuildReason) {
        let ends = match reason {
            RebuildReason::History(_) => {
                opened.cursors.iter().map(|(stream, cursor)| (*stream, cursor.last.0)).collect()
            }
            // Entries were moved, added or erased on purpose. Streams without a directory are nevertheless lost.
            _ => self.streams_not_in_log(opened).unwrap_or_default(),
        };
        self.report_gone(&ends);
    }

    /// Reports entries that the newest saved tables contain and the log no longer contains, as the next read would do.
    /// Damaged tables report nothing.
    fn report_loss_of_saved(&self) {
        let examine = || {
            let mut opened = self.open()?;
            let mut reader = StepReader::new(&self.site, &mut opened, None)?;
            while reader.next_step()?.is_some() {}
            if let Some(reason) = &reader.contradiction {
                self.report_loss(&opened, reason);
            }
            Ok(())
        };
        // A rebuild needs no saved tables, so an error does not prevent the rebuild.
        let _: std::result::Result<(), Failure<Error>> = self.guarded(examine);
    }

    fn report_gone(&self, ends: &[(StreamId, Seq)]) {
        if let (false, true, Some(witness)) = (ends.is_empty(), self.options.publish, &self.options.witness) {
            witness.before_rebuild(ends);
        }
    }

    /// Returns each stream that the newest saved tables contain and the log does not contain, with its last applied
    /// entry. Changes no table. Errors: the tables are damaged, or the log cannot be listed.
    pub fn gone_streams(&self) -> Result<Vec<(StreamId, Seq)>> {
        let gone = self.guarded(|| Ok(self.streams_not_in_log(&self.open()?)?));
        gone.map_err(Failure::<Error>::into_error)
    }

    fn streams_not_in_log(&self, opened: &Opened) -> Result<Vec<(StreamId, Seq)>> {
        let listed = list_streams(self.site.storage.as_ref(), &self.site.log)?;
        let cursors = opened.cursors.iter().filter(|(stream, _)| listed.binary_search(stream).is_err());
        Ok(cursors.map(|(stream, cursor)| (*stream, cursor.last.0)).collect())
    }

    fn set_aside(&self) {
        if self.options.publish {
            set_aside(&self.site);
        }
    }
}

/// Returns the digest of the layout, the domain, the kinds of entries, and the projections with their versions and
/// tables.
fn fingerprint<E: Event>(domain: Domain, projections: &[Box<dyn Projection<E>>]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&LAYOUT_VERSION.to_le_bytes());
    // Tables of another domain must not be used: the domain of streams that have not changed is not checked again.
    hasher.update(format!("{domain}\0").as_bytes());
    hasher.update(format!("{:?}{:?}", E::KINDS, E::ERASURE_KINDS).as_bytes());
    for projection in projections {
        hasher.update(format!("{}\0{}\0", projection.name(), projection.version()).as_bytes());
        for table in projection.tables() {
            hasher.update(format!("{}\0{:?}\0", table.name, table.kind).as_bytes());
        }
    }
    Digest(*hasher.finalize().as_bytes())
}

/// Returns the name of the first projection that cannot be registered with the others, and the rule that it breaks.
fn misuse<E: Event>(projections: &[Box<dyn Projection<E>>]) -> Option<(&'static str, String)> {
    let (mut names, mut tables) = (HashSet::new(), HashSet::new());
    for projection in projections {
        let name = projection.name();
        if !names.insert(name) {
            return Some((name, "a projection of this name is registered already".to_owned()));
        }
        for table in projection.tables() {
            // The engine's own projections, whose names begin with `_`, may declare such tables.
            if table.name.starts_with('_') && !name.starts_with('_') {
                let reason = format!("the name of table {} begins with _, which is reserved", table.name);
                return Some((name, reason));
            }
            if !tables.insert(table.name) {
                return Some((name, format!("table {} is declared already", table.name)));
            }
        }
    }
    None
}
