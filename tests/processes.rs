//! Real processes: writers that are killed repeatedly, with concurrent readers and rebuilds. Every acknowledged entry
//! is present exactly once, with the sequence number that was acknowledged; no reader sees a partial commit; the tables
//! equal those of a rebuild.
//!
//! The writers are this binary, started again for one of the tests `child_*`, which otherwise do nothing. A writer
//! stores its acknowledgements in a file of its own after each call has returned. It runs until its standard input
//! ends, so no writer outlives a failed test.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests may panic; clippy.toml permits it in test functions only"
)]

#[path = "processes/code.rs"]
mod code;
#[cfg(unix)]
#[path = "processes/copies.rs"]
mod copies;
#[cfg(feature = "cli")]
#[path = "processes/kills.rs"]
mod kills;
#[path = "processes/threads.rs"]
mod threads;

use contexta::engine::codec::{self, CodecError};
use contexta::engine::domain::Domain;
use contexta::engine::entries::{Entries, EntryRef};
use contexta::engine::entry::{Event, Kind, PayloadVersion, Position, Seq, StreamId};
use contexta::engine::log::directory::{ResumePoint, list_streams};
use contexta::engine::log::{Durability, Item, Log, LogOptions, ScanMode, StreamReader};
use contexta::engine::progress::Progress;
use contexta::engine::projection::{
    Applied, Point, PointOrder, Projection, Projector, ProjectorOptions, ProjectorPaths, TableKind,
    TableSpec, Tables,
};
use contexta::engine::storage::os::OsStorage;
use contexta::recovery::{Outcome, RebuildOptions, VerifyOptions};
use contexta::{Contexta, Options};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

fn domain() -> Domain {
    Domain::new("processes", 1).unwrap()
}

const WRITERS: u8 = 8;
/// The minimum number of entries that each writer appends, all its processes together.
const ENTRIES: u64 = 100_000;
/// The maximum number of these entries, so that a fast machine does not fill the disk.
const ENTRIES_MAX: u64 = 400_000;
const KILLS: u32 = 200;
const KILL_EVERY: Duration = Duration::from_millis(100);
/// The minimum number of queries and rebuilds, however slow the machine is.
const QUESTIONS_MIN: u32 = 5;
const REBUILDS_MIN: u32 = 2;
/// The greatest size of a segment: small, so that writers are also killed while they start a new segment.
const SEGMENT_BYTES_MAX: u64 = 1 << 20;

/// The environment variable with the parameters of a child: directory, writer, number of this process of the writer,
/// and least and greatest number of entries, as `dir|writer|life|min|max`.
const ROLE: &str = "CONTEXTA_TEST_WRITER";

// ---- the domain

/// An entry that contains the writer and the number of its commit, and the number of entries in the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    writer: u8,
    life: u32,
    commit: u32,
    index: u32,
    size: u32,
}

impl Event for Piece {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(1)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(&(self.writer, self.life, self.commit, self.index, self.size), out)
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> Result<Option<Piece>, CodecError> {
        let (writer, life, commit, index, size) = codec::decode(payload)?;
        Ok(Some(Piece { writer, life, commit, index, size }))
    }
}

struct Pieces;

const COMMITS: TableSpec = TableSpec::new("commits", TableKind::Set);
const SERIES: TableSpec = TableSpec::new("series", TableKind::Series);
const COUNTS: TableSpec = TableSpec::new("counts", TableKind::Registers);

impl Projection<Piece> for Pieces {
    fn name(&self) -> &'static str {
        "pieces"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[COMMITS, SERIES, COUNTS]
    }

    fn wants(&self, _: Kind) -> bool {
        true
    }

    fn apply(&self, entry: &Applied<'_, Piece>, tables: &mut Tables) -> contexta::engine::Result<()> {
        let Piece { writer, life, commit, index, size } = *entry.event;
        let order = PointOrder::new(i64::from(commit), entry.stamp);
        let point = Point { order, measure: Some(f64::from(size)), value: Vec::new() };
        tables.register(COUNTS, &[writer], &point);
        if index == 0 {
            tables.insert(COMMITS, [&[writer][..], &life.to_be_bytes(), &commit.to_be_bytes()].concat());
            tables.add_point(SERIES, &[writer], point);
        }
        Ok(())
    }
}

fn projector(dir: &Path) -> Projector<Piece> {
    let options = ProjectorOptions { publish: true, ..ProjectorOptions::new(domain()) };
    let projections: Vec<Box<dyn Projection<Piece>>> = vec![Box::new(Pieces)];
    let paths = ProjectorPaths { log: dir.join("log"), generations: dir.join("projections") };
    Projector::new(OsStorage::shared(), paths, options, projections)
}

/// Returns the number of entries that a view of the tables counts.
fn counted(projector: &Projector<Piece>) -> u64 {
    let sum = |view: &contexta::engine::projection::View| {
        let mut sum = 0;
        for row in view.registers(COUNTS, &[])? {
            sum += row?.register.count;
        }
        Ok::<u64, contexta::engine::Error>(sum)
    };
    projector.read(sum).unwrap()
}

// ---- acknowledgements

/// An acknowledged commit, as stored by its writer.
#[derive(Debug, Clone, Copy)]
struct Ack {
    commit: u32,
    size: u32,
    /// The number of entries that this process of the writer has been acknowledged so far.
    total: u64,
    first: Position,
}

const ACK_LEN: usize = 40;

impl Ack {
    fn to_bytes(self) -> [u8; ACK_LEN] {
        let mut out = Vec::with_capacity(ACK_LEN);
        out.extend_from_slice(&self.commit.to_le_bytes());
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend_from_slice(&self.total.to_le_bytes());
        out.extend_from_slice(&self.first.stream.0);
        out.extend_from_slice(&self.first.seq.0.to_le_bytes());
        out.try_into().unwrap()
    }

    fn from_bytes(bytes: &[u8]) -> Ack {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        Ack {
            commit: number(0) as u32,
            size: (number(0) >> 32) as u32,
            total: number(8),
            first: Position { stream: StreamId(bytes[16..32].try_into().unwrap()), seq: Seq(number(32)) },
        }
    }
}

fn ack_path(dir: &Path, writer: u8, life: u32) -> PathBuf {
    dir.join("acks").join(format!("{writer}-{life}"))
}

/// Returns all acknowledgements of one process of a writer. The last record of the file may be incomplete.
fn acks(dir: &Path, writer: u8, life: u32) -> Vec<Ack> {
    let bytes = fs::read(ack_path(dir, writer, life)).unwrap_or_default();
    bytes.chunks_exact(ACK_LEN).map(Ack::from_bytes).collect()
}

/// Returns the number of entries that were acknowledged to all processes of a writer.
fn acknowledged(dir: &Path, writer: u8, lives: u32) -> u64 {
    (0..lives).map(|life| acks(dir, writer, life).last().map_or(0, |ack| ack.total)).sum()
}

// ---- the children

/// Returns the parameters from the parent process; `None` in an ordinary test run.
fn role() -> Option<(PathBuf, u8, u32, u64, u64)> {
    let role = std::env::var(ROLE).ok()?;
    let parts: Vec<&str> = role.split('|').collect();
    let number = |at: usize| parts[at].parse::<u64>().unwrap();
    Some((PathBuf::from(parts[0]), number(1) as u8, number(2) as u32, number(3), number(4)))
}

/// Returns the command that starts this binary again for one of the tests `child_*`.
fn child(test: &str, dir: &Path, writer: u8, life: u32, least: u64, most: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, format!("{}|{writer}|{life}|{least}|{most}", dir.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    command
}

fn spawn(test: &str, dir: &Path, writer: u8, life: u32, least: u64, most: u64) -> Child {
    child(test, dir, writer, life, least, most).spawn().unwrap()
}

/// Returns a flag that becomes true when standard input ends.
fn end_of_input() -> Arc<(Mutex<bool>, Condvar)> {
    let ended = Arc::new((Mutex::new(false), Condvar::new()));
    let told = Arc::clone(&ended);
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        *told.0.lock().unwrap() = true;
        told.1.notify_all();
    });
    ended
}

#[test]
fn child_writer() {
    let Some((dir, writer, life, least, most)) = role() else { return };
    let ended = end_of_input();
    let mut notes = File::create_new(ack_path(&dir, writer, life)).unwrap();
    let options = LogOptions { segment_bytes_max: SEGMENT_BYTES_MAX, ..LogOptions::new(domain()) };
    let log = Log::new(OsStorage::shared(), dir.join("log"), options);
    let (mut commit, mut total) = (0u32, 0u64);
    while total < most && (total < least || !*ended.0.lock().unwrap()) {
        // Commits of one to a few hundred entries, most of them small, with occasional syncs.
        let size = [1, 1, 2, 5, 1, 30, 3, 250][(commit as usize + life as usize) % 8];
        let pieces: Vec<Piece> = (0..size).map(|index| Piece { writer, life, commit, index, size }).collect();
        let durability = if commit % 64 == 63 { Durability::Fsync } else { Durability::Flush };
        let committed = log.append(&pieces, durability).unwrap();
        assert_eq!(committed.count, u64::from(size));
        total += u64::from(size);
        let ack = Ack { commit, size, total, first: committed.position(0) };
        notes.write_all(&ack.to_bytes()).unwrap();
        commit += 1;
    }
    let over = ended.1.wait_while(ended.0.lock().unwrap(), |over| !*over).unwrap();
    assert!(*over);
    log.close().unwrap();
}

#[test]
fn child_session() {
    let Some((dir, writer, life, least, most)) = role() else { return };
    let ended = end_of_input();
    let mut notes = File::create_new(ack_path(&dir, writer, life)).unwrap();
    let contexta = open(&dir);
    let run = contexta.run("run").run_id(&format!("w{writer}-{life}")).start().unwrap();
    let mut step = 0u64;
    while step < most && (step < least || !*ended.0.lock().unwrap()) {
        run.metric_at("loss", step as i64, step as f64 / 8.0).unwrap();
        step += 1;
        let first = Position { stream: StreamId([0; 16]), seq: Seq(0) };
        notes.write_all(&Ack { commit: 0, size: 1, total: step, first }.to_bytes()).unwrap();
    }
    let over = ended.1.wait_while(ended.0.lock().unwrap(), |over| !*over).unwrap();
    assert!(*over);
    run.complete().unwrap();
}

fn open(dir: &Path) -> Contexta {
    Options::new(dir.join("workspace")).project("p").detect_code_revision(false).open().unwrap()
}

// ---- the parent

/// A directory that is removed when it goes out of scope.
struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> TempDir {
        let path = std::env::temp_dir().join(format!("contexta-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("acks")).unwrap();
        TempDir(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The running processes of the writers.
struct Writers<'a> {
    dir: &'a Path,
    test: &'static str,
    least: u64,
    most: u64,
    living: Vec<Child>,
    lives: Vec<u32>,
}

impl Writers<'_> {
    fn new<'a>(dir: &'a Path, test: &'static str, count: u8, least: u64, most: u64) -> Writers<'a> {
        let living = (0..count).map(|w| spawn(test, dir, w, 0, least, most)).collect();
        Writers { dir, test, least, most, living, lives: vec![1; usize::from(count)] }
    }

    /// Kills the process of one writer and starts another one for the remaining entries.
    fn kill(&mut self, writer: u8) {
        let at = usize::from(writer);
        let child = &mut self.living[at];
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "writer {writer} ended too early");
        // The signal is SIGKILL.
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success() && status.code().is_none(), "{status}");
        let done = acknowledged(self.dir, writer, self.lives[at]);
        let (least, most) = (self.least.saturating_sub(done), self.most.saturating_sub(done));
        self.living[at] = spawn(self.test, self.dir, writer, self.lives[at], least, most);
        self.lives[at] += 1;
    }

    /// Kills the writers in turn until the given number of kills is reached or another thread has failed.
    fn kill_in_turn(&mut self, kills: u32, failed: &Receiver<()>) {
        let count = self.living.len() as u32;
        let mut next = Instant::now() + KILL_EVERY;
        for n in 0..kills {
            match failed.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => {}
                other => panic!("a reader failed: {other:?}"),
            }
            next += KILL_EVERY;
            // The order varies, so that some processes live short and others long.
            self.kill(((n * 5 + n / count * 3) % count) as u8);
        }
    }

    /// Waits until all writers have finished.
    fn finish(&mut self) {
        for child in &mut self.living {
            drop(child.stdin.take());
        }
        for child in &mut self.living {
            let status = child.wait().unwrap();
            assert!(status.success(), "{status}");
        }
    }
}

/// Stops the threads when it is dropped, so that a failing test ends.
#[derive(Default)]
struct Stop {
    over: Mutex<bool>,
    changed: Condvar,
    is_over: AtomicBool,
}

impl Stop {
    fn now(&self) {
        *self.over.lock().unwrap() = true;
        self.is_over.store(true, Ordering::SeqCst);
        self.changed.notify_all();
    }

    /// Waits a short time for the end. Returns `true` if the end has come.
    fn wait(&self) -> bool {
        let guard = self.over.lock().unwrap();
        *self.changed.wait_timeout_while(guard, Duration::from_millis(40), |over| !*over).unwrap().0
    }
}

struct StopAtEnd<'a>(&'a Stop);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.now();
    }
}

/// Notifies the parent when its thread panics.
struct Failing(Sender<()>);

impl Drop for Failing {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(());
        }
    }
}

/// The state of reading each stream: the checksums of the entries so far, in order, and the position at which to
/// continue.
#[derive(Default)]
struct Seen {
    streams: BTreeMap<StreamId, (ResumePoint, Vec<u32>)>,
    commits: u64,
}

impl Seen {
    /// Continues to read every stream. Asserts that a reader sees complete commits only, and no gap with a known end.
    fn read_on(&mut self, log: &Path, mode: ScanMode, mut each: impl FnMut(&Entries, &[Piece])) {
        let storage = OsStorage::shared();
        for stream in list_streams(storage.as_ref(), log).unwrap() {
            let (at, sums) = self.streams.entry(stream).or_insert((ResumePoint::START, Vec::new()));
            // A stream without a segment is being created.
            let mut reader = StreamReader::open_at(&storage, log, stream, mode, *at).unwrap();
            while let Some(item) = reader.next_item().unwrap() {
                match item {
                    Item::Commit(commit) => {
                        assert_eq!(
                            commit.entries.get(0).unwrap().stamp.seq.0,
                            sums.len() as u64 + 1,
                            "{stream}"
                        );
                        let pieces: Vec<Piece> = commit.entries.iter().map(piece).collect();
                        whole(&pieces);
                        sums.extend(commit.entries.iter().map(|e| e.checksum));
                        each(&commit.entries, &pieces);
                        self.commits += 1;
                    }
                    // A killed writer leaves a partial frame; none of its entries was acknowledged, and nothing
                    // follows it.
                    Item::Gap(gap) => assert_eq!(gap.last, None, "{gap}"),
                    Item::Finding(_) => {}
                }
            }
            let end = reader.resume_point();
            if end.offset > 0 {
                *at = end;
            }
        }
    }
}

fn piece(entry: EntryRef<'_>) -> Piece {
    Piece::decode(entry.kind, entry.version, entry.payload).unwrap().unwrap()
}

/// Asserts that these entries are exactly one whole commit.
fn whole(pieces: &[Piece]) {
    let first = pieces[0];
    assert_eq!(first.size as usize, pieces.len(), "a partial commit: {first:?}");
    for (index, piece) in (0..).zip(pieces) {
        assert_eq!(*piece, Piece { index, ..first });
    }
}

#[test]
fn acknowledged_commits_of_killed_writers_are_present_once_and_complete() {
    let temp = TempDir::new("processes");
    let (dir, log) = (temp.0.as_path(), temp.0.join("log"));
    let mut writers = Writers::new(dir, "child_writer", WRITERS, ENTRIES, ENTRIES_MAX);
    let stop = Stop::default();
    let (failing, failed) = channel();
    let began = Instant::now();
    let followed = thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        let (stop, log) = (&stop, &log);
        let guard = || Failing(failing.clone());
        let (one, two, three) = (guard(), guard(), guard());
        let follower = scope.spawn(move || {
            let _guard = one;
            let mut seen = Seen::default();
            loop {
                let over = stop.wait();
                seen.read_on(log, ScanMode::Follow, |_, _| {});
                if over {
                    return seen;
                }
            }
        });
        // Entries that were acknowledged before a query are in its answer. No writer has 300 processes.
        let before = move || (0..WRITERS).map(|w| acknowledged(dir, w, 300)).sum::<u64>();
        let asking = scope.spawn(move || {
            let _guard = two;
            let (projector, mut asked) = (projector(dir), 0);
            while !stop.wait() || asked < QUESTIONS_MIN {
                let told = before();
                let count = counted(&projector);
                assert!(count >= told, "{told} entries were acknowledged, the tables count {count}");
                asked += 1;
            }
            asked
        });
        let rebuilding = scope.spawn(move || {
            let _guard = three;
            let (projector, mut rebuilt) = (projector(dir), 0);
            while !stop.wait() || rebuilt < REBUILDS_MIN {
                let told = before();
                let entries = projector.rebuild(Progress::none()).unwrap().entries;
                assert!(entries >= told, "{told} entries were acknowledged, a rebuild finds {entries}");
                rebuilt += 1;
            }
            rebuilt
        });
        writers.kill_in_turn(KILLS, &failed);
        writers.finish();
        stop.now();
        let (asked, rebuilt) = (asking.join().unwrap(), rebuilding.join().unwrap());
        let followed = follower.join().unwrap();
        println!("{KILLS} kills, {asked} questions, {rebuilt} rebuilds in {:?}", began.elapsed());
        followed
    });
    let lives = writers.lives.clone();
    assert_eq!(lives.iter().sum::<u32>(), KILLS + u32::from(WRITERS));
    check_log(dir, &log, &lives, &followed);
    check_tables(dir, &lives);
    println!("all in {:?}", began.elapsed());
}

/// Compares the whole log with the acknowledgements and with the entries that a concurrent reader saw.
fn check_log(dir: &Path, log: &Path, lives: &[u32], followed: &Seen) {
    let (mut all, mut found) = (Seen::default(), BTreeMap::new());
    all.read_on(log, ScanMode::Full, |entries, pieces| {
        let first = pieces[0];
        let place = (entries.get(0).unwrap().stamp.position(), first.size);
        let before = found.insert((first.writer, first.life, first.commit), place);
        assert_eq!(before, None, "{first:?} is present twice");
    });
    for (stream, (_, sums)) in &followed.streams {
        assert!(all.streams[stream].1 == *sums, "numbers of {stream} have other entries");
    }
    assert_eq!(followed.commits, all.commits, "the follower did not see every commit");
    let mut acknowledged = 0u64;
    for (writer, lives) in (0..).zip(lives) {
        let mut entries = 0;
        for life in 0..*lives {
            let acks = acks(dir, writer, life);
            for ack in &acks {
                let place = found.get(&(writer, life, ack.commit));
                assert_eq!(place, Some(&(ack.first, ack.size)), "lost: {writer} {life} {ack:?}");
            }
            // At most one commit follows the acknowledged ones: its writer was killed before it stored the
            // acknowledgement.
            let mine = found.range((writer, life, 0)..=(writer, life, u32::MAX)).count();
            assert!((acks.len()..=acks.len() + 1).contains(&mine), "{writer} {life}: {mine}");
            entries += acks.last().map_or(0, |ack| ack.total);
        }
        assert!(entries >= ENTRIES, "writer {writer} had only {entries} entries acknowledged");
        acknowledged += entries;
    }
    let streams = all.streams.len();
    println!("{acknowledged} entries acknowledged in {} commits, {streams} streams", found.len());
}

/// Compares the current tables, the tables of another process, and those of a rebuild.
fn check_tables(dir: &Path, lives: &[u32]) {
    let storage = OsStorage::shared();
    let mut entries = 0;
    for stream in list_streams(storage.as_ref(), &dir.join("log")).unwrap() {
        let mut reader = StreamReader::open(&storage, &dir.join("log"), stream, ScanMode::Follow).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            entries += if let Item::Commit(c) = item { c.entries.len() as u64 } else { 0 };
        }
    }
    let projector = projector(dir);
    let digest = projector.digest().unwrap();
    assert_eq!(digest, projector.digest_from_scratch(Progress::none()).unwrap(), "tables and rebuild differ");
    assert_eq!(counted(&projector), entries);
    let told: u64 = (0..).zip(lives).map(|(w, lives)| acknowledged(dir, w, *lives)).sum();
    assert!(entries >= told);
}

const SESSIONS: u8 = 4;
const SESSION_KILLS: u32 = 24;

#[test]
fn points_captured_by_killed_sessions_are_in_the_answers() {
    let temp = TempDir::new("sessions");
    let dir = temp.0.as_path();
    drop(open(dir));
    let mut writers = Writers::new(dir, "child_session", SESSIONS, 500, 20_000);
    let stop = Stop::default();
    let (failing, failed) = channel();
    thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        let (stop, guard) = (&stop, Failing(failing.clone()));
        let asking = scope.spawn(move || {
            let _guard = guard;
            let (contexta, mut asked) = (open(dir), 0);
            while !stop.wait() || asked < QUESTIONS_MIN {
                for run in contexta.list_runs(None).unwrap().runs {
                    let name = run.run.run_ref.to_string();
                    steps(&contexta, &name);
                    asked += 1;
                }
            }
            asked
        });
        writers.kill_in_turn(SESSION_KILLS, &failed);
        writers.finish();
        stop.now();
        asking.join().unwrap();
    });
    let contexta = open(dir);
    let runs: BTreeSet<String> =
        contexta.list_runs(None).unwrap().runs.iter().map(|r| r.run.run_ref.to_string()).collect();
    let mut points = 0;
    for (writer, lives) in (0..).zip(&writers.lives) {
        for life in 0..*lives {
            let told = acks(dir, writer, life).last().map_or(0, |ack| ack.total);
            let name = format!("run:p.w{writer}-{life}");
            if told == 0 && !runs.contains(&name) {
                continue;
            }
            let steps = steps(&contexta, &name);
            assert!((told..=told + 1).contains(&steps), "{name}: {told} acknowledged, {steps} there");
            points += steps;
        }
    }
    assert!(points >= 500 * u64::from(SESSIONS), "{points}");
    let (before, _) = contexta.digest().unwrap();
    contexta.rebuild(RebuildOptions::default()).unwrap();
    assert_eq!(contexta.digest().unwrap().0, before, "tables and rebuild differ");
    println!("{SESSION_KILLS} kills, {points} points");
}

/// Records some points for each byte of standard input, for [`verify_beside_running_writers_finds_no_damage`].
#[test]
fn child_steps() {
    let Some((dir, writer, life, points, _)) = role() else { return };
    let contexta = open(&dir);
    let run = contexta.run("run").run_id(&format!("w{writer}-{life}")).start().unwrap();
    for (round, byte) in (0..).zip(std::io::stdin().lock().bytes()) {
        byte.unwrap();
        for step in 0..points {
            run.metric_at("loss", (round * points + step) as i64, 0.5).unwrap();
        }
    }
    run.complete().unwrap();
}

/// Both writers append during each verification, and nothing is reported as damage.
#[test]
fn verify_beside_running_writers_finds_no_damage() {
    const VERIFIES: u64 = 40;
    const POINTS: u64 = 200;
    let temp = TempDir::new("verify");
    let dir = temp.0.as_path();
    drop(open(dir));
    let mut writers = Writers::new(dir, "child_steps", 2, POINTS, POINTS);
    let (mut rounds, mut grown, mut before) = (0, 0, 0);
    // The writers start at different times on a busy machine, so that many verifications can end before their first
    // append. Each round asks for more points, and asking a writer that has ended fails.
    while rounds < VERIFIES || grown < 2 {
        for child in &mut writers.living {
            child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        }
        let checked = Options::new(dir.join("workspace")).read_only().open().unwrap();
        // One command reads the log alone, as `contexta log heads` does, and one compares everything.
        let everything = rounds % 2 == 0;
        let options =
            VerifyOptions { bodies: everything, projections: everything, ..VerifyOptions::default() };
        let report = checked.verify(options).unwrap();
        assert_eq!(report.outcome, Outcome::Whole, "{:#?}", report.problems);
        assert!(report.streams.iter().all(|stream| stream.head.is_some()), "{:#?}", report.streams);
        grown += u32::from(report.entries() > before);
        before = report.entries();
        rounds += 1;
    }
    writers.finish();
    let report = open(dir).verify(VerifyOptions::default()).unwrap();
    assert_eq!(report.outcome, Outcome::Whole, "{:#?}", report.problems);
    assert!(report.entries() > 2 * rounds * POINTS, "{}", report.entries());
}

/// Returns the number of points of a run. Checks that the steps are 0, 1, 2, ..., each once, with the recorded value.
fn steps(contexta: &Contexta, run: &str) -> u64 {
    let series = contexta.step_series(run, "loss", None).unwrap();
    // The series is empty if the process was killed before its first metric.
    assert_eq!(series.has_steps, !series.points.is_empty(), "{run}");
    for (step, point) in (0..).zip(&series.points) {
        assert_eq!((point.step, point.value.as_f64()), (step, step as f64 / 8.0), "{run}");
    }
    series.points.len() as u64
}
