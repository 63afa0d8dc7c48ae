//! JSON lines in: streamed, each line judged on its own, so that one bad line costs that line.
//!
//! An import is a union. What is here already, captured or imported before, is left as it is; so a second import of the
//! same lines changes nothing, and one that was killed is finished by doing it again. What an earlier import said of a
//! thing, a later one replaces; what was captured here, no import does. Where each fact stood (import, line) is kept beside it
//! in its entry. What is lost on the way is said by a degraded record in the run it is lost from.

use crate::contract::error::bounded;
use crate::contract::fact::{Import, ImportOrigin};
use crate::contract::models::payload::DegradedSeverity;
use crate::contract::{
    ArtifactManifest, Canonical, ExtensionRegistry, Fact, RecordRef, RunRef, StableRef, Timestamp, Valid,
    Value,
};
use crate::engine::blob::BlobInfo;
use crate::engine::checksum::{Digest, hex};
use crate::engine::codec::{CodecError, PAYLOAD_BYTES_MAX};
use crate::engine::entry::Stamp;
use crate::engine::parallel;
use crate::projections::entry::Captured;
use crate::store::Durability;
use crate::store::artifacts::ArtifactRow;
use crate::store::error::{Error, Result};
use crate::store::interchange::bodies::{differs, find_body};
use crate::store::interchange::known::{Known, is_closed, is_open, known};
use crate::store::interchange::line::{Line, LineContent, Rejection, kinds};
use crate::store::interchange::loss::{LOSS_BYTES_MAX, Loss, is_loss, lost_line};
use crate::store::interchange::rejects::Rejects;
use crate::store::interchange::report::{BodyFinding, ImportReport, RefusedLine};
use crate::store::view::Store;
use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead};
use std::path::PathBuf;

/// Greatest length of a line in bytes; longer ones are refused unread.
pub const LINE_BYTES_MAX: usize = crate::contract::json::read::TEXT_BYTES_MAX;
/// Lines that are judged together, at most.
const ROUND_LINES: usize = 4096;
/// Bytes of lines that are judged together, at most (but for one long line).
const ROUND_BYTES: usize = 4 << 20;
/// Entries of one commit, and bytes of their payloads, from which on it is appended.
const COMMIT_ENTRIES: usize = 512;
const COMMIT_BYTES: usize = 1 << 20;
/// The line of a kind that cannot be read.
const UNKNOWN_KIND: &str = "?";
/// Greatest payload of an object: what the log takes, less what an import may add to it.
const OBJECT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - 1024;
/// About what a small entry takes.
const LEN_SMALL: usize = 256;
/// About what a stamp takes in a payload.
const STAMP_BYTES_MAX: usize = 40;
/// How many losses are remembered until their runs are known.
const LATE_MAX: usize = 4096;
/// How many refused lines, and how many bodies, a report names.
const NAMED_MAX: usize = 100;
/// Code of a body that is not there or cannot be read.
const BODY_MISSING: &str = "import.body_missing";
/// Code of a body of another size or hash than its manifest records.
const BODY_DIFFERS: &str = "import.body_differs";

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

/// A line that can be taken over.
struct Good {
    content: LineContent,
    warnings: Vec<crate::contract::ErrorCode>,
    own: StableRef,
    /// A digest of what it says; of an artifact, of its manifest.
    said: [u8; 16],
    /// Its canonical text, to compare with what stands here; of an artifact, its manifest's.
    text: String,
    /// The fact of a record; that of other things is made when they are taken.
    fact: Option<Fact>,
    len: usize,
}

/// A line that was read and not judged yet.
struct Read {
    number: u64,
    text: Vec<u8>,
    line: std::result::Result<Good, Box<Rejection>>,
}

impl Good {
    fn of(line: Line) -> std::result::Result<Good, Box<Rejection>> {
        let Line { content, warnings } = line;
        let own = content.own_ref();
        let (fact, text) = match &content {
            LineContent::Object(object) => (Fact::Object(object.clone()), object.to_json()),
            LineContent::Artifact(manifest, _) => {
                (Fact::Artifact(manifest.clone(), None), manifest.to_json())
            }
            LineContent::Record(record) => (
                record.clone().into_fact().map_err(|e| Rejection::new(e.code.as_str(), e.message))?,
                record.to_json(),
            ),
        };
        let origin = Some(ImportOrigin { import: [0; 16], line: u64::MAX });
        let captured = Captured { origin, ..Captured::from(fact) };
        let unwritable = |e: String| Rejection::new("import_object_unwritable", e);
        let len = match captured.payload_len() {
            Ok(len) if len <= OBJECT_BYTES_MAX => len,
            Ok(len) | Err(CodecError::TooLarge { len }) => {
                let message = format!("an object of {len} bytes is too large for the log");
                let rejection = Rejection::new("import_object_too_large", message);
                return Err(Box::new(Rejection {
                    kind: Some(content.kind().to_owned()),
                    run: own.run(),
                    ..rejection
                }));
            }
            Err(e) => return Err(Box::new(unwritable(e.to_string()))),
        };
        let said = Captured::said(&captured.fact).map_err(|e| unwritable(e.to_string()))?;
        let text = text.map_err(|e| unwritable(e.to_string()))?;
        let fact = matches!(content, LineContent::Record(_)).then_some(captured.fact);
        Ok(Good { content, warnings, own, said, text, fact, len })
    }
}

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
        let mut importer = Importer {
            store: self,
            options,
            started_at,
            import: None,
            report,
            rejects: None,
            number: 0,
            late: Vec::new(),
        };
        let done = importer.run(input, progress);
        // Refused lines of standard input are nowhere else: they are kept whatever else went wrong.
        let kept = importer.keep_rejects();
        // What came before an error stays: it is on disk as well.
        let synced = self.journal().sync();
        match done {
            Err(Error::ImportRefused { line, code, message, .. }) => {
                kept?;
                synced?;
                let kept = importer.report.quarantine;
                return Err(Error::ImportRefused { line, code, message, kept });
            }
            done => done?,
        }
        kept?;
        synced?;
        Ok(importer.report)
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
    /// Losses of runs that nobody knew of yet.
    late: Vec<Loss>,
}

/// How reading a line went.
enum Got {
    Line(Vec<u8>),
    /// The beginning of a line that is longer than any can be.
    TooLong(Vec<u8>),
    End,
}

impl Importer<'_> {
    fn run(&mut self, input: &mut dyn BufRead, progress: &dyn Fn(u64)) -> Result<()> {
        loop {
            let (mut lines, mut bytes, mut more) = (Vec::new(), 0, true);
            let mut too_long = None;
            while more && too_long.is_none() && lines.len() < ROUND_LINES && bytes < ROUND_BYTES {
                match self.next_line(input) {
                    Ok(Got::Line(text)) if is_blank(strip_bom(self.number, &text)) => {}
                    Ok(Got::Line(text)) => {
                        bytes += text.len();
                        lines.push((self.number, text));
                    }
                    Ok(Got::TooLong(begin)) => too_long = Some(begin),
                    Ok(Got::End) => more = false,
                    Err(e) => {
                        self.cut(&e);
                        more = false;
                    }
                }
            }
            // What came before a line that is too long is judged before that line is read on.
            self.round(lines)?;
            if let Some(begin) = too_long {
                more &= self.pass_over(input, begin)?;
            }
            progress(self.number);
            if !more {
                return self.say_late_losses();
            }
        }
    }

    /// What came before the damage is as good as ever.
    fn cut(&mut self, e: &io::Error) {
        self.report.cut = Some(format!("in line {}: {e}", self.number));
    }

    /// Reads to the end of the line, or until it is too long.
    fn next_line(&mut self, input: &mut dyn BufRead) -> io::Result<Got> {
        let mut line = Vec::new();
        let mut begun = false;
        loop {
            let available = match input.fill_buf() {
                Ok(available) => available,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.number += u64::from(!begun);
                    return Err(e);
                }
            };
            if available.is_empty() && !begun {
                return Ok(Got::End);
            }
            self.number += u64::from(!begun);
            begun = true;
            let (part, used, ended) = line_part(available);
            line.extend_from_slice(part);
            if line.len() > LINE_BYTES_MAX {
                // Its end, if it is here, is left for whoever passes over the rest.
                let used = part.len();
                input.consume(used);
                return Ok(Got::TooLong(line));
            }
            input.consume(used);
            if ended {
                return Ok(Got::Line(line));
            }
        }
    }

    /// Keeps a line that is too long, as it is read, to its end. `false`: the input ends within it.
    fn pass_over(&mut self, input: &mut dyn BufRead, begin: Vec<u8>) -> Result<bool> {
        self.rejects()?.push_bytes(&begin)?;
        drop(begin);
        loop {
            let (used, ended) = match input.fill_buf() {
                Ok(available) => {
                    let (part, used, ended) = line_part(available);
                    self.rejects()?.push_bytes(part)?;
                    (used, ended)
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.cut(&e);
                    let rejection = Rejection::new("import_input_cut", "the input ends within the line");
                    self.refused(self.number, rejection)?;
                    return Ok(false);
                }
            };
            input.consume(used);
            if ended {
                let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                self.refused(self.number, Rejection::new("import_line_too_long", message))?;
                return Ok(true);
            }
        }
    }

    fn rejects(&mut self) -> Result<&mut Rejects> {
        let rejects = match self.rejects.take() {
            Some(rejects) => rejects,
            None => Rejects::create(self.store.journal().storage(), &self.options.quarantine)?,
        };
        Ok(self.rejects.insert(rejects))
    }

    fn keep_rejects(&mut self) -> Result<()> {
        if let Some(rejects) = self.rejects.take() {
            self.report.not_kept = rejects.not_kept();
            self.report.quarantine = Some(rejects.finish()?);
        }
        Ok(())
    }

    /// Keeps a refused line whose bytes are with the others already.
    fn refused(&mut self, number: u64, rejection: Rejection) -> Result<()> {
        self.rejects()?.end_line(number, &rejection)?;
        self.report.lines += 1;
        let known = |kind: &&str| kinds().any(|known| known == *kind);
        self.report.count(rejection.kind.as_deref().filter(known).unwrap_or(UNKNOWN_KIND)).refused += 1;
        if self.options.strict {
            let message = format!("{} at {}", rejection.message, rejection.path);
            return Err(Error::ImportRefused { line: number, code: rejection.code, message, kept: None });
        }
        if self.report.refused.len() < NAMED_MAX {
            self.report.refused.push(RefusedLine { line: number, rejection });
        }
        Ok(())
    }

    /// Refuses a line. With [`ImportOptions::strict`] what came before it is appended first.
    fn refuse(&mut self, number: u64, text: &[u8], rejection: Rejection, round: &mut Round) -> Result<()> {
        round.losses.extend(lost_line(number, text, &rejection));
        if self.options.strict {
            self.commit(round)?;
        }
        self.rejects()?.push_bytes(text)?;
        self.refused(number, rejection)
    }

    /// Judges some lines, and appends what is new among them.
    fn round(&mut self, lines: Vec<(u64, Vec<u8>)>) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let registry = self.options.registry.as_ref();
        let parse = |(number, text): (u64, Vec<u8>)| {
            let line = Line::parse(strip_bom(number, &text), registry).and_then(Good::of);
            Read { number, text, line }
        };
        let read: Vec<Read> = parallel::map(lines, parse);
        let good: Vec<&Good> = read.iter().filter_map(|r| r.line.as_ref().ok()).collect();
        let (mut known, before, notes) = self.store.read(|view| {
            let before = good.iter().map(|good| view.was_imported(&good.own, &good.said));
            Ok((
                known(view, good.iter().map(|good| (&good.own, &good.content)))?,
                before.collect::<Result<Vec<bool>>>()?,
                view.notes(),
            ))
        })?;
        for note in notes {
            if !self.report.notes.iter().any(|n| n.code == note.code) {
                self.report.notes.push(note);
            }
        }
        let mut round = Round::default();
        let mut before = before.into_iter();
        for Read { number, text, line } in read {
            match line {
                Ok(good) => {
                    let imported = before.next().unwrap_or(false);
                    let known = known.entry(good.own.clone()).or_default();
                    self.take(number, &text, good, known, imported, &mut round)?;
                }
                Err(rejection) => self.refuse(number, &text, *rejection, &mut round)?,
            }
        }
        self.commit(&mut round)
    }

    /// Takes one good line over, if it says something new.
    fn take(
        &mut self,
        number: u64,
        text: &[u8],
        good: Good,
        known: &mut Known,
        imported: bool,
        round: &mut Round,
    ) -> Result<()> {
        let Good { content, warnings, own, said, text: canonical, fact, len } = good;
        let kind = content.kind();
        round.runs.extend(own.run());
        let seen = round.seen.get(&own);
        // What was said in this round stands behind everything that stood here before it.
        let repeated = imported || seen.is_some_and(|seen| seen.said.contains(&said));
        let stands = seen.is_none() && known.stands.as_ref() == Some(&canonical);
        // That something was lost in an import is known by its ref: when that was does not follow from what was lost.
        let loss = known.taken && is_loss(fact.as_ref());
        if fact.is_some() && !repeated && !stands && !loss && (known.taken || seen.is_some()) {
            let rejection = Rejection {
                path: "$.object.envelope.record_ref".into(),
                kind: Some(kind.to_owned()),
                run: own.run(),
                ..Rejection::new("import_record_conflict", format!("another record is called {own}"))
            };
            return self.refuse(number, text, rejection, round);
        }
        self.report.lines += 1;
        for warning in warnings {
            *self.report.warnings.entry(warning.as_str()).or_default() += 1;
        }
        // That something is open says nothing about what has ended: it is an older word.
        let older = known.closed && is_open(&content);
        if older && !repeated && !stands {
            *self.report.warnings.entry("import_older_word").or_default() += 1;
        }
        let mut unchanged = repeated || stands || loss || older;
        let fact = match (content, fact) {
            (_, Some(fact)) => fact,
            (LineContent::Artifact(manifest, path), _) => {
                let body = self.body(number, &manifest, path.as_deref(), known, unchanged, round)?;
                // The body of a manifest that stands here has turned up.
                unchanged &=
                    body.is_none() || body == known.artifact.as_ref().and_then(|a| a.body).map(|d| d.0);
                if !unchanged {
                    // For the next line about it.
                    known.artifact = Some(ArtifactRow {
                        manifest: manifest.clone().into_inner(),
                        body: body.map(Digest),
                        body_present: body.is_some(),
                        body_error: None,
                        conflict: false,
                    });
                }
                Fact::Artifact(manifest, body)
            }
            (LineContent::Object(object), None) => Fact::Object(object),
            (LineContent::Record(record), None) => record.into_fact()?,
        };
        if unchanged {
            self.report.count(kind).unchanged += 1;
            return Ok(());
        }
        let replaces_len = (known.replaceable.len() + 1) * STAMP_BYTES_MAX;
        if len + replaces_len > PAYLOAD_BYTES_MAX {
            let message = format!("an object of {len} bytes that replaces so many is too large for the log");
            let rejection = Rejection {
                kind: Some(kind.to_owned()),
                ..Rejection::new("import_object_too_large", message)
            };
            self.report.lines -= 1;
            return self.refuse(number, text, rejection, round);
        }
        let mut replaces = std::mem::take(&mut known.replaceable);
        known.closed |= is_closed(&fact);
        if round.seen.get(&own).is_some_and(|seen| seen.stamp.is_none()) {
            // What an earlier line of this round said needs a stamp before it can be replaced.
            self.commit(round)?;
        }
        let seen = round.seen.entry(own.clone()).or_default();
        replaces.extend(seen.stamp.take());
        seen.said.push(said);
        let import = self.begin(round)?;
        let origin = Some(ImportOrigin { import, line: number });
        round.push(Captured { fact, replaces, origin }, len, Some(own));
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

    /// Appends what is waiting, and with it what was lost of it: a death leaves both or neither.
    fn commit(&mut self, round: &mut Round) -> Result<()> {
        self.put_losses(round)?;
        if round.pending.is_empty() {
            return Ok(());
        }
        let captured = std::mem::take(&mut round.pending);
        let receipt = self.store.journal().append_captured(&captured, Durability::Flush)?;
        for (n, own) in std::mem::take(&mut round.owners).into_iter().enumerate() {
            if let Some(seen) = own.and_then(|own| round.seen.get_mut(&own)) {
                seen.stamp = Some(receipt.stamp(n as u64));
            }
        }
        round.bytes = 0;
        Ok(())
    }

    /// Adds what was lost to what is waiting, where it was not said before and the run is known.
    fn put_losses(&mut self, round: &mut Round) -> Result<()> {
        let losses = std::mem::take(&mut round.losses);
        if losses.is_empty() {
            return Ok(());
        }
        let mut refs = Vec::new();
        for loss in &losses {
            refs.push((loss.record_ref().ok(), loss.run.clone(), loss.always));
        }
        let runs = &round.runs;
        #[derive(PartialEq)]
        enum Say {
            Now,
            Later,
            Never,
        }
        let wanted = self.store.read(|view| {
            let mut wanted = Vec::new();
            for (own, run, always) in &refs {
                wanted.push(match own {
                    // A run's ref that leaves no room for the record's: the line is among the refused ones all the same.
                    None => Say::Never,
                    Some(own) if view.first_imported(own)?.is_some() => Say::Never,
                    Some(_) if *always || runs.contains(run) || view.knows_run(run)? => Say::Now,
                    Some(_) => Say::Later,
                });
            }
            Ok(wanted)
        })?;
        for ((loss, (own, _, _)), wanted) in losses.into_iter().zip(refs).zip(wanted) {
            if wanted == Say::Later && self.late.len() < LATE_MAX {
                self.late.push(loss);
                continue;
            }
            let Some(own) = own.filter(|_| wanted == Say::Now) else { continue };
            if !round.lost.insert(own) {
                continue;
            }
            let import = self.begin(round)?;
            let fact = loss.into_fact(self.started_at)?;
            // The line stands in its attributes.
            let captured =
                Captured { origin: Some(ImportOrigin { import, line: 0 }), ..Captured::from(fact) };
            round.push(captured, LOSS_BYTES_MAX, None);
        }
        Ok(())
    }

    /// Says what was lost of runs that came to be known later.
    fn say_late_losses(&mut self) -> Result<()> {
        let mut round = Round { losses: std::mem::take(&mut self.late), ..Round::default() };
        self.commit(&mut round)?;
        self.late.clear();
        Ok(())
    }

    /// The body of an artifact, if it can be had and is not here already. Errors: the workspace cannot be written.
    fn body(
        &mut self,
        number: u64,
        manifest: &Valid<ArtifactManifest>,
        path: Option<&str>,
        known: &Known,
        unchanged: bool,
        round: &mut Round,
    ) -> Result<Option<[u8; 32]>> {
        let row = known.artifact.as_ref();
        let stands = row.is_some_and(|row| row.manifest == **manifest);
        let kept =
            row.filter(|row| stands && row.body_present).and_then(|row| row.body).map(|digest| digest.0);
        // A manifest that claims the same body as the one that stands here has it, too.
        let claims = |m: &ArtifactManifest| (m.hash_value.clone(), m.size_bytes);
        let same_claims =
            row.filter(|row| manifest.hash_value.is_some() && claims(&row.manifest) == claims(manifest));
        let inherited = same_claims.and_then(|row| row.body).map(|digest| digest.0);
        // Of a manifest that another one has replaced, nobody asks for the body any more.
        let (path, None, false) = (path, kept, unchanged && !stands) else { return Ok(kept) };
        let Some(path) = path else { return Ok(inherited) };
        let loss = |key, severity, summary: String, attributes: Vec<(&str, Value)>| Loss {
            run: manifest.run_ref.clone(),
            always: true,
            key,
            severity,
            summary,
            subject: Some((&manifest.artifact_ref).into()),
            attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            identity: format!("{} {path}", manifest.artifact_ref),
        };
        let shown = bounded(path.to_owned());
        let body = match self.ingest_body(path)? {
            Ok(body) => body,
            Err(why) => {
                self.report.bodies_missing += 1;
                let summary = bounded(format!("the body of {} could not be {why}", manifest.artifact_ref));
                self.find(number, manifest, &shown, BODY_MISSING, &summary);
                let attributes = vec![("body", Value::from(shown))];
                round.losses.push(loss(BODY_MISSING, DegradedSeverity::Error, summary, attributes));
                return Ok(inherited);
            }
        };
        let here = row.filter(|_| stands).and_then(|row| row.body);
        self.report.bodies_stored += u64::from(here != Some(body.digest));
        let other = here
            .filter(|here| *here != body.digest)
            .map(|_| "it is another than the one that was here".to_owned());
        if let Some(why) = differs(manifest, &body).or(other) {
            self.report.bodies_differing += 1;
            let summary =
                format!("the body of {} is not what its manifest says: {why}", manifest.artifact_ref);
            self.find(number, manifest, &shown, BODY_DIFFERS, &summary);
            let attributes = vec![
                ("size_bytes", Value::from(body.size)),
                ("sha256", Value::from(body.sha256.as_str())),
                ("body", Value::from(shown)),
            ];
            round.losses.push(loss(BODY_DIFFERS, DegradedSeverity::Warning, summary, attributes));
        }
        // A manifest that stands here keeps the body it has, be it missing.
        Ok(Some(here.unwrap_or(body.digest).0))
    }

    /// Names a body in the report. Every import does so again: it says why the import is not complete.
    fn find(
        &mut self,
        line: u64,
        manifest: &ArtifactManifest,
        body: &str,
        code: &'static str,
        message: &str,
    ) {
        if self.report.bodies.len() < NAMED_MAX {
            let (artifact_ref, body) = (manifest.artifact_ref.clone(), body.to_owned());
            self.report.bodies.push(BodyFinding {
                line,
                artifact_ref,
                body,
                code,
                message: message.to_owned(),
            });
        }
    }

    /// Stores the file of a body. Inner errors: what could not be done with the file, and why. Outer ones: the workspace
    /// cannot be written.
    fn ingest_body(&self, path: &str) -> Result<std::result::Result<BlobInfo, String>> {
        let journal = self.store.journal();
        let mut source = match find_body(&**journal.storage(), self.options.bodies.as_deref(), path) {
            Ok(source) => source,
            Err(why) => return Ok(Err(format!("found: {why}"))),
        };
        match (journal.blobs().ingest(&mut source), source.failed.take()) {
            (Ok(body), _) => Ok(Ok(body)),
            // Not this workspace failed, but the file.
            (Err(_), Some(why)) => Ok(Err(format!("read: {why}"))),
            (Err(e), None) => Err(e.into()),
        }
    }
}

/// What a round said of one thing.
#[derive(Debug, Default)]
struct Seen {
    /// Everything, as digests.
    said: Vec<[u8; 16]>,
    /// The stamp of the last of it, once it has one.
    stamp: Option<Stamp>,
}

/// What one round appends.
#[derive(Debug, Default)]
struct Round {
    pending: Vec<Captured>,
    /// Whose facts they are.
    owners: Vec<Option<StableRef>>,
    bytes: usize,
    seen: HashMap<StableRef, Seen>,
    losses: Vec<Loss>,
    lost: HashSet<RecordRef>,
    /// The runs that good lines speak of.
    runs: HashSet<RunRef>,
}

impl Round {
    fn push(&mut self, captured: Captured, len: usize, own: Option<StableRef>) {
        self.bytes += len;
        self.pending.push(captured);
        self.owners.push(own);
    }

    fn is_full(&self) -> bool {
        let losses = self.losses.len();
        self.pending.len() + losses >= COMMIT_ENTRIES || self.bytes + losses * LOSS_BYTES_MAX >= COMMIT_BYTES
    }
}

/// What of the buffered bytes belongs to the line, how many bytes that is with its end, and whether it ends there.
fn line_part(available: &[u8]) -> (&[u8], usize, bool) {
    match available.iter().position(|b| *b == b'\n') {
        Some(end) => (available.get(..end).unwrap_or_default(), end + 1, true),
        None => (available, available.len(), available.is_empty()),
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
