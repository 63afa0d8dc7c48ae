//! JSON lines in: streamed, each line judged on its own, so that one bad line costs that line.
//!
//! An import is a union. What is here already, captured or imported before, is left as it is; so a second import of the
//! same lines changes nothing, and one that was killed is finished by doing it again. What an earlier import said of a
//! thing, a later one replaces; what was captured here, no import does. Where each fact stood (import, line) is kept beside it
//! in its entry. What is lost on the way is said by a degraded record in the run it is lost from.

use crate::contract::fact::{Import, ImportOrigin};
use crate::contract::models::record::{Degradation, DegradedCategory, DegradedPayload, DegradedSeverity};
use crate::contract::{
    ArtifactManifest, ExtensionRegistry, Fact, Members, Object, Origin, RecordDraft, RecordRef, RunRef,
    StableRef, Timestamp, Valid, Value,
};
use crate::engine::blob::BlobInfo;
use crate::engine::checksum::{Digest, hex};
use crate::engine::codec::{CodecError, PAYLOAD_BYTES_MAX};
use crate::engine::entry::{Position, Stamp};
use crate::projections::entry::Captured;
use crate::store::Durability;
use crate::store::artifacts::ArtifactRow;
use crate::store::error::{Error, Result};
use crate::store::interchange::line::{Line, LineContent, Rejection};
use crate::store::interchange::rejects::Rejects;
use crate::store::note::Note;
use crate::store::objects::same;
use crate::store::records::{place_of, record_at};
use crate::store::view::{Store, StoreView};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead};
use std::path::{Component, Path, PathBuf};

/// Greatest length of a line in bytes; longer ones are refused unread.
pub const LINE_BYTES_MAX: usize = crate::contract::json::read::TEXT_BYTES_MAX;
/// Lines that are judged together, at most.
const ROUND_LINES: usize = 4096;
/// Bytes of lines that are judged together, at most (but for one long line).
const ROUND_BYTES: usize = 4 << 20;
/// Entries of one commit, and bytes of their payloads, at most.
const COMMIT_ENTRIES: usize = 512;
const COMMIT_BYTES: usize = 1 << 20;
/// Greatest payload of an object: what the log takes, less what an import may add to it.
const OBJECT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - 1024;
/// About what a small entry takes.
const LEN_SMALL: usize = 256;
/// How many refused lines a report names.
const NAMED_MAX: usize = 100;

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// What is read, as people know it: a file's name, or `-`.
    pub source: String,
    /// Where bodies lie. `None`: they cannot be found.
    pub bodies: Option<PathBuf>,
    /// Stops at the first line that is refused. What came before it stays.
    pub strict: bool,
    /// Checks extensions.
    pub registry: Option<ExtensionRegistry>,
    /// Where refused lines are kept.
    pub quarantine: PathBuf,
}

/// What became of the lines of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// Said for the first time here.
    pub new: u64,
    /// Here already.
    pub unchanged: u64,
    /// Refused.
    pub refused: u64,
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub rejection: Rejection,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// The import's id, if anything was new.
    pub import: Option<String>,
    /// What was read.
    pub source: String,
    /// Lines with something in them.
    pub lines: u64,
    /// What became of them, by kind; those whose kind cannot be read stand under `?`.
    pub kinds: BTreeMap<String, KindCounts>,
    /// Bodies that were stored.
    pub bodies_stored: u64,
    /// Bodies that a line names and that could not be had.
    pub bodies_missing: u64,
    /// Bodies of another size or hash than their manifests say.
    pub bodies_differing: u64,
    /// What is usable but not as it should be: code and how often.
    pub warnings: BTreeMap<&'static str, u64>,
    /// The first refused lines.
    pub refused: Vec<RefusedLine>,
    /// Where all refused lines are kept.
    pub quarantine: Option<PathBuf>,
    /// Why the input ended before its end, if it did.
    pub cut: Option<String>,
    /// What stood in the way of knowing everything that is here already.
    pub notes: Vec<Note>,
}

impl ImportReport {
    /// The sum over all kinds.
    pub fn total(&self) -> KindCounts {
        self.kinds.values().fold(KindCounts::default(), |sum, k| KindCounts {
            new: sum.new + k.new,
            unchanged: sum.unchanged + k.unchanged,
            refused: sum.refused + k.refused,
        })
    }

    fn count(&mut self, kind: &str) -> &mut KindCounts {
        self.kinds.entry(kind.to_owned()).or_default()
    }
}

/// A line that was read and not judged yet.
#[derive(Debug)]
struct Read {
    number: u64,
    text: Vec<u8>,
    line: std::result::Result<Line, Box<Rejection>>,
}

/// What is known here of the thing that a line speaks of.
#[derive(Debug, Default)]
struct Known {
    /// Whether just what the line says stands here.
    same: bool,
    /// What was imported of it before.
    marks: Vec<[u8; 16]>,
    /// The facts that a later import replaces.
    replaceable: Vec<Stamp>,
    /// The artifact as it stands.
    artifact: Option<ArtifactRow>,
    /// Another record stands here under this ref.
    taken: bool,
}

/// Something that could not be taken over as it was.
#[derive(Debug)]
struct Loss {
    run: RunRef,
    key: &'static str,
    severity: DegradedSeverity,
    summary: String,
    subject: Option<StableRef>,
    attributes: Members,
    /// What tells this loss from others of the run.
    identity: String,
}

impl Loss {
    /// Its ref follows from what was lost: lost again, it is one.
    fn record_ref(&self) -> crate::contract::Result<RecordRef> {
        let digest = Digest::of(format!("{} {}", self.key, self.identity).as_bytes()).to_string();
        RecordRef::under(&self.run, &format!("import-{}", digest.get(..16).unwrap_or_default()))
    }

    fn into_fact(self, at: Timestamp) -> crate::contract::Result<Fact> {
        let identity = Some((self.record_ref()?, at));
        let mut payload =
            DegradedPayload::new(self.key, DegradedCategory::Import, self.severity, self.summary);
        payload.subject_ref = self.subject;
        payload.origin_marker = Origin::Imported;
        payload.attributes = self.attributes;
        let mut draft = RecordDraft::new(self.run, None, at, PRODUCER, payload);
        draft.observation.degradation_marker = Degradation::ImportLoss;
        draft.identity = identity;
        Ok(Fact::Degraded(Valid::new(draft)?))
    }
}

/// Who says that something was lost.
const PRODUCER: &str = "contexta.import";

impl Store {
    /// Imports JSON lines. Memory does not depend on how many there are. What was taken over is on disk when this returns.
    ///
    /// `progress` hears how many lines were read. Errors: the workspace cannot be read or written, or, with
    /// [`ImportOptions::strict`], a line was refused; what came before stays, and importing again goes on from there.
    pub fn import_jsonl(
        &self,
        input: &mut dyn BufRead,
        options: &ImportOptions,
        progress: &dyn Fn(u64),
    ) -> Result<ImportReport> {
        let started_at = Timestamp::from_nanos(self.journal().storage().now());
        let report = ImportReport { source: options.source.clone(), ..ImportReport::default() };
        let mut importer =
            Importer { store: self, options, started_at, import: None, report, rejects: None, number: 0 };
        match importer.run(input, progress) {
            Ok(()) => importer.finish(),
            Err(e) => {
                if let Some(rejects) = importer.rejects.take() {
                    rejects.abandon();
                }
                Err(e)
            }
        }
    }
}

struct Importer<'a> {
    store: &'a Store,
    options: &'a ImportOptions,
    started_at: Timestamp,
    import: Option<[u8; 16]>,
    report: ImportReport,
    rejects: Option<Rejects>,
    number: u64,
}

/// How reading a line went.
enum Got {
    Line(Vec<u8>),
    TooLong,
    End,
}

impl Importer<'_> {
    fn run(&mut self, input: &mut dyn BufRead, progress: &dyn Fn(u64)) -> Result<()> {
        loop {
            let (mut lines, mut bytes, mut more) = (Vec::new(), 0, true);
            while more && lines.len() < ROUND_LINES && bytes < ROUND_BYTES {
                match self.next_line(input) {
                    Ok(Got::Line(text)) if is_blank(&text) => {}
                    Ok(Got::Line(text)) => {
                        bytes += text.len();
                        lines.push((self.number, text));
                    }
                    Ok(Got::TooLong) => {}
                    Ok(Got::End) => more = false,
                    Err(Stop::Input(e)) => {
                        // What came before the damage is as good as ever.
                        self.report.cut = Some(format!("behind line {}: {e}", self.number));
                        more = false;
                    }
                    Err(Stop::Own(e)) => return Err(e),
                }
            }
            self.round(lines)?;
            progress(self.number);
            if !more {
                return Ok(());
            }
        }
    }

    /// Reads to the end of the line. One that is too long goes to the refused ones as it is read.
    fn next_line(&mut self, input: &mut dyn BufRead) -> std::result::Result<Got, Stop> {
        let mut line = Vec::new();
        let mut too_long = false;
        loop {
            let (used, ended) = {
                let available = match input.fill_buf() {
                    Ok(available) => available,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(Stop::Input(e)),
                };
                let end = available.iter().position(|b| *b == b'\n');
                let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
                if available.is_empty() && line.is_empty() && !too_long {
                    return Ok(Got::End);
                }
                if line.is_empty() && !too_long {
                    self.number += 1;
                }
                line.extend_from_slice(part);
                (part.len() + usize::from(end.is_some()), end.is_some() || available.is_empty())
            };
            input.consume(used);
            if line.len() > LINE_BYTES_MAX {
                too_long = true;
            }
            if too_long {
                self.rejects()?.push_bytes(&line)?;
                line.clear();
            }
            match (ended, too_long) {
                (false, _) => {}
                (true, false) => return Ok(Got::Line(line)),
                (true, true) => {
                    let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                    let rejection = Rejection::new("import_line_too_long", message);
                    self.refused(self.number, rejection)?;
                    return Ok(Got::TooLong);
                }
            }
        }
    }

    fn rejects(&mut self) -> Result<&mut Rejects> {
        if self.rejects.is_none() {
            self.rejects = Some(Rejects::create(self.store.journal().storage(), &self.options.quarantine)?);
        }
        match &mut self.rejects {
            Some(rejects) => Ok(rejects),
            None => Err(Error::ImportRefused { line: self.number, code: "", message: String::new() }),
        }
    }

    /// Keeps a refused line whose bytes are with the others already.
    fn refused(&mut self, number: u64, rejection: Rejection) -> Result<()> {
        self.rejects()?.end_line(number, &rejection)?;
        self.report.lines += 1;
        self.report.count(rejection.kind.as_deref().unwrap_or("?")).refused += 1;
        if self.options.strict {
            let message = format!("{} at {}", rejection.message, rejection.path);
            return Err(Error::ImportRefused { line: number, code: rejection.code, message });
        }
        if self.report.refused.len() < NAMED_MAX {
            self.report.refused.push(RefusedLine { line: number, rejection });
        }
        Ok(())
    }

    fn refuse(&mut self, number: u64, text: &[u8], rejection: Rejection) -> Result<()> {
        self.rejects()?.push_bytes(text)?;
        self.refused(number, rejection)
    }

    /// Refuses a line that says nothing wrong and cannot be taken all the same.
    fn refuse_good(
        &mut self,
        number: u64,
        text: &[u8],
        kind: &str,
        rejection: Rejection,
        round: &mut Round,
    ) -> Result<()> {
        let run = Line::parse(text, None).ok().and_then(|line| line.content.own_ref().run());
        let rejection = Rejection { kind: Some(kind.to_owned()), run, ..rejection };
        round.losses.extend(lost_line(number, text, &rejection));
        self.refuse(number, text, rejection)
    }

    /// Judges some lines, and appends what is new among them.
    fn round(&mut self, lines: Vec<(u64, Vec<u8>)>) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let registry = self.options.registry.as_ref();
        let parse = |(number, text): (u64, Vec<u8>)| {
            let line = Line::parse(strip_bom(number, &text), registry);
            Read { number, text, line }
        };
        let mut read: Vec<Read> = lines.into_par_iter().map(parse).collect();
        if self.options.strict
            && let Some(first) = read.iter().position(|r| r.line.is_err())
        {
            // What comes before it is taken over, what comes behind is not.
            read.truncate(first + 1);
        }
        let contents: Vec<&LineContent> =
            read.iter().filter_map(|r| r.line.as_ref().ok()).map(|l| &l.content).collect();
        let (known, notes) = self.store.read(|view| {
            let known = contents.iter().map(|content| known(view, content));
            Ok((known.collect::<Result<Vec<Known>>>()?, view.notes()))
        })?;
        for note in notes {
            if !self.report.notes.iter().any(|n| n.code == note.code) {
                self.report.notes.push(note);
            }
        }
        let mut round = Round::default();
        let mut known = known.into_iter();
        for one in read {
            match one.line {
                Ok(line) => {
                    let known = known.next().unwrap_or_default();
                    self.take((one.number, &one.text), line, known, &mut round)?;
                }
                Err(rejection) => {
                    round.losses.extend(lost_line(one.number, &one.text, &rejection));
                    if self.options.strict {
                        self.commit(&mut round)?;
                    }
                    self.refuse(one.number, &one.text, *rejection)?;
                }
            }
        }
        self.commit(&mut round)?;
        self.say_losses(&mut round)
    }

    /// Takes one good line over, if it says something new.
    fn take(
        &mut self,
        (number, text): (u64, &[u8]),
        line: Line,
        known: Known,
        round: &mut Round,
    ) -> Result<()> {
        for warning in &line.warnings {
            *self.report.warnings.entry(warning.as_str()).or_default() += 1;
        }
        let (kind, own) = (line.content.kind(), line.content.own_ref());
        let fact = match line.content {
            LineContent::Object(object) => Fact::Object(object),
            LineContent::Record(record) => record.into_fact()?,
            LineContent::Artifact(manifest, body) => {
                let body = self.body(&manifest, body.as_deref(), &known, round)?;
                Fact::Artifact(manifest, body)
            }
        };
        let origin = |import| Some(ImportOrigin { import, line: number });
        let mut captured = Captured { fact, replaces: known.replaceable, origin: origin([0; 16]) };
        let unwritable = |source| crate::engine::Error::Codec { kind: "unwritable", position: None, source };
        let len = match captured.payload_len() {
            Ok(len) if len <= OBJECT_BYTES_MAX => len,
            Ok(len) | Err(CodecError::TooLarge { len }) => {
                let message = format!("an object of {len} bytes is too large for the log");
                let rejection = Rejection::new("import_object_too_large", message);
                return self.refuse_good(number, text, kind, rejection, round);
            }
            Err(source) => return Err(unwritable(source).into()),
        };
        let said = Captured::said(&captured.fact).map_err(unwritable)?;
        let is_record = captured.fact.family().is_some();
        let before = round.seen.get(&own).copied();
        let unchanged =
            known.same || known.marks.contains(&said) || before.is_some_and(|(before, _)| before == said);
        if unchanged {
            self.report.lines += 1;
            self.report.count(kind).unchanged += 1;
            return Ok(());
        }
        if is_record && (known.taken || !known.marks.is_empty() || before.is_some()) {
            let rejection = Rejection {
                path: "$.object.envelope.record_ref".into(),
                ..Rejection::new("import_record_conflict", format!("another record is called {own}"))
            };
            return self.refuse_good(number, text, kind, rejection, round);
        }
        if before.is_some() {
            // What an earlier line of this round said needs a stamp before it can be replaced.
            self.commit(round)?;
        }
        if let Some((_, Some(stamp))) = round.seen.get(&own) {
            captured.replaces.push(*stamp);
        }
        let import = self.begin(round)?;
        captured.origin = origin(import);
        round.seen.insert(own.clone(), (said, None));
        round.push(captured, len, Some(own));
        self.report.lines += 1;
        self.report.count(kind).new += 1;
        if round.is_full() {
            self.commit(round)?;
        }
        Ok(())
    }

    /// The id of this import; its entry comes before the first fact that names it.
    fn begin(&mut self, round: &mut Round) -> Result<[u8; 16]> {
        if let Some(id) = self.import {
            return Ok(id);
        }
        let mut id = [0; 16];
        self.store.journal().entropy(&mut id)?;
        let import = Import {
            id,
            source: self.options.source.clone(),
            format: "jsonl".to_owned(),
            started_at: self.started_at,
        };
        round.push(Captured::from(Fact::Import(import)), LEN_SMALL, None);
        self.import = Some(id);
        self.report.import = Some(hex(&id));
        Ok(id)
    }

    /// Appends what is waiting.
    fn commit(&mut self, round: &mut Round) -> Result<()> {
        if round.pending.is_empty() {
            return Ok(());
        }
        let captured = std::mem::take(&mut round.pending);
        let receipt = self.store.journal().append_captured(&captured, Durability::Flush)?;
        for (n, own) in std::mem::take(&mut round.owners).into_iter().enumerate() {
            if let Some(slot) = own.and_then(|own| round.seen.get_mut(&own)) {
                slot.1 = Some(receipt.stamp(n as u64));
            }
        }
        round.bytes = 0;
        Ok(())
    }

    /// Says what was lost, where that was not said before.
    fn say_losses(&mut self, round: &mut Round) -> Result<()> {
        let losses = std::mem::take(&mut round.losses);
        if losses.is_empty() {
            return Ok(());
        }
        let refs: Vec<StableRef> =
            losses.iter().filter_map(|loss| loss.record_ref().ok()).map(StableRef::from).collect();
        let mut said = self.store.read(|view| {
            let mut said = HashSet::new();
            for own in &refs {
                if !view.imported_marks(own)?.is_empty() {
                    said.insert(own.clone());
                }
            }
            Ok(said)
        })?;
        for loss in losses {
            // A run's ref may leave no room for the record's; the line stands among the refused ones all the same.
            let Ok(own) = loss.record_ref() else { continue };
            if !said.insert(own.into()) {
                continue;
            }
            let import = self.begin(round)?;
            let fact = loss.into_fact(self.started_at)?;
            // The line stands in its attributes.
            let captured =
                Captured { origin: Some(ImportOrigin { import, line: 0 }), ..Captured::from(fact) };
            round.push(captured, LEN_SMALL, None);
            if round.is_full() {
                self.commit(round)?;
            }
        }
        self.commit(round)
    }

    /// Stores the body of an artifact, if it can be had and is not here already.
    fn body(
        &mut self,
        manifest: &Valid<ArtifactManifest>,
        path: Option<&str>,
        known: &Known,
        round: &mut Round,
    ) -> Result<Option<[u8; 32]>> {
        let here = known.artifact.as_ref().filter(|row| row.manifest == **manifest);
        let kept = here.and_then(|row| row.body.filter(|_| row.body_present)).map(|digest| digest.0);
        let Some(path) = path else { return Ok(kept) };
        if kept.is_some() {
            return Ok(kept);
        }
        let loss = |key, severity, summary: String, attributes: Vec<(&str, Value)>| Loss {
            run: manifest.run_ref.clone(),
            key,
            severity,
            summary,
            subject: Some((&manifest.artifact_ref).into()),
            attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            identity: format!("{} {path}", manifest.artifact_ref),
        };
        let body = match self.find_body(path) {
            Ok(file) => self.store.journal().blobs().ingest_file(&file).map_err(|e| e.to_string()),
            Err(why) => Err(why),
        };
        match body {
            Ok(body) => {
                self.report.bodies_stored += 1;
                if let Some(why) = differs(manifest, &body) {
                    self.report.bodies_differing += 1;
                    let summary =
                        format!("the body of {} is not what its manifest says: {why}", manifest.artifact_ref);
                    let attributes = vec![
                        ("size_bytes", Value::from(body.size)),
                        ("sha256", Value::from(body.sha256.as_str())),
                        ("body", path.into()),
                    ];
                    round.losses.push(loss(
                        "import.body_differs",
                        DegradedSeverity::Warning,
                        summary,
                        attributes,
                    ));
                }
                Ok(Some(body.digest.0))
            }
            Err(why) => {
                self.report.bodies_missing += 1;
                let summary = format!("the body of {} could not be had: {why}", manifest.artifact_ref);
                let attributes = vec![("body", path.into())];
                round.losses.push(loss("import.body_missing", DegradedSeverity::Error, summary, attributes));
                Ok(here.and_then(|row| row.body).map(|digest| digest.0))
            }
        }
    }

    /// The file of a body: below the directory of bodies, links included.
    fn find_body(&self, path: &str) -> std::result::Result<PathBuf, String> {
        let Some(dir) = &self.options.bodies else {
            return Err("nobody said where bodies lie".into());
        };
        let relative = Path::new(path);
        let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if path.is_empty() || path.contains('\0') || !plain {
            return Err(format!("{path:?} is no path below another"));
        }
        let storage = self.store.journal().storage();
        let wrap = |e: io::Error| format!("{path}: {e}");
        let (root, file) =
            (storage.resolve(dir).map_err(wrap)?, storage.resolve(&dir.join(relative)).map_err(wrap)?);
        if !file.starts_with(&root) {
            return Err(format!("{path} leads out of the directory of bodies"));
        }
        if !storage.info(&file).map_err(wrap)?.is_file {
            return Err(format!("{path} is no regular file"));
        }
        Ok(file)
    }

    fn finish(mut self) -> Result<ImportReport> {
        self.store.journal().sync()?;
        if let Some(rejects) = self.rejects.take() {
            self.report.quarantine = Some(rejects.finish()?);
        }
        Ok(self.report)
    }
}

/// Why reading stopped.
enum Stop {
    Input(io::Error),
    Own(Error),
}

impl From<Error> for Stop {
    fn from(e: Error) -> Stop {
        Stop::Own(e)
    }
}

/// What one round appends.
#[derive(Debug, Default)]
struct Round {
    pending: Vec<Captured>,
    /// Whose facts they are.
    owners: Vec<Option<StableRef>>,
    bytes: usize,
    /// What this round said of a thing last, and its stamp once it has one.
    seen: HashMap<StableRef, ([u8; 16], Option<Stamp>)>,
    losses: Vec<Loss>,
}

impl Round {
    fn push(&mut self, captured: Captured, len: usize, own: Option<StableRef>) {
        self.bytes += len;
        self.pending.push(captured);
        self.owners.push(own);
    }

    fn is_full(&self) -> bool {
        self.pending.len() >= COMMIT_ENTRIES || self.bytes >= COMMIT_BYTES
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Without a byte order mark at the very beginning.
fn strip_bom(number: u64, text: &[u8]) -> &[u8] {
    match text.strip_prefix("\u{feff}".as_bytes()) {
        Some(rest) if number == 1 => rest,
        _ => text,
    }
}

/// That a line was refused, for the run it speaks of.
fn lost_line(number: u64, text: &[u8], rejection: &Rejection) -> Option<Loss> {
    let attributes = [
        ("line", Value::from(number)),
        ("code", rejection.code.into()),
        ("path", rejection.path.as_str().into()),
        ("kind", rejection.kind.clone().into()),
    ];
    Some(Loss {
        run: rejection.run.clone()?,
        key: "import.line_refused",
        severity: DegradedSeverity::Error,
        summary: format!("a line was not taken over: {}", rejection.message),
        subject: None,
        attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        identity: Digest::of(text).to_string(),
    })
}

/// How a body differs from what its manifest says of it.
fn differs(manifest: &ArtifactManifest, body: &BlobInfo) -> Option<String> {
    if let Some(size) = manifest.size_bytes.filter(|size| *size != body.size) {
        return Some(format!("{} bytes, not {size}", body.size));
    }
    let claimed = manifest.sha256().filter(|claimed| *claimed != body.sha256);
    claimed.map(|_| "its SHA-256 is another".to_owned())
}

/// What is known of the thing that a line speaks of.
fn known(view: &StoreView<'_>, content: &LineContent) -> Result<Known> {
    let own = content.own_ref();
    let mut known = Known { marks: view.imported_marks(&own)?, ..Known::default() };
    match content {
        LineContent::Object(object) => {
            let stands: Option<Object> = view.object(object.kind(), &own)?;
            known.same = stands.is_some_and(|stands| same(&stands, object));
        }
        LineContent::Artifact(manifest, _) => {
            known.artifact = view.artifact(&manifest.artifact_ref)?;
        }
        LineContent::Record(record) => {
            if let Some((_, position)) = place_of(&record.envelope().record_ref) {
                let there = view.facts_at(&[position])?.into_iter().flatten().next();
                let there =
                    there.map(|(entry, captured)| record_at(captured.fact, entry.stamp)).transpose()?;
                if let Some(there) = there.flatten() {
                    known.same = same(&there, record);
                    known.taken = !known.same && there.envelope().record_ref == record.envelope().record_ref;
                }
            }
            return Ok(known);
        }
    }
    if !known.same && !known.marks.is_empty() {
        let stamps = view.stamps_of(&own)?;
        let positions: Vec<Position> = stamps.iter().map(Stamp::position).collect();
        let facts = view.facts_at(&positions)?;
        let imported = |(stamp, fact): (Stamp, Option<(_, Captured)>)| {
            fact.filter(|(_, captured)| captured.origin.is_some()).map(|_| stamp)
        };
        known.replaceable = stamps.into_iter().zip(facts).filter_map(imported).collect();
    }
    Ok(known)
}
