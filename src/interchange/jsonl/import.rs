//! Import of JSON lines. Each line is checked on its own, so that an invalid line affects no other line.
//!
//! An import adds the content that the workspace does not have. A second import of the same lines therefore changes
//! nothing. If an import was killed, a second import adds the missing lines. A later import replaces the facts of
//! earlier imports about an object, but no import replaces captured facts. The entry of each imported fact contains the
//! fact's origin (import and line). A loss is recorded as a degraded record of the run that the line or body belongs
//! to.

use crate::contract::fact::{Import, ImportOrigin};
use crate::contract::{ExtensionRegistry, Fact, RecordRef, Timestamp};
use crate::engine::checksum::{Digest, hex};
use crate::engine::codec::PAYLOAD_BYTES_MAX;
use crate::engine::parallel;
use crate::interchange::error::{Error, Result};
use crate::interchange::jsonl::batch::Batch;
use crate::interchange::jsonl::body_import::{ArtifactLine, BodyImport};
use crate::interchange::jsonl::candidate::{Candidate, Item};
use crate::interchange::jsonl::existing::{Existing, existing};
use crate::interchange::jsonl::input::{LINE_BYTES_MAX, Lines, without_bom};
use crate::interchange::jsonl::line::{Line, kinds};
use crate::interchange::jsonl::loss::{Decision, LOSS_BYTES_MAX, LineOrigin, Loss, refused_line_loss};
use crate::interchange::jsonl::quarantine::Quarantine;
use crate::interchange::jsonl::rejection::Rejection;
use crate::interchange::jsonl::report::{ImportReport, LossyLine, REPORTED_MAX, RefusedLine};
use crate::interchange::jsonl::round::Round;
use crate::interchange::workspace::Workspace;
use crate::store::{ArtifactRow, BlobUse, Durability, EncodedEvent, EncodedFact, StoreView};
use std::io::{self, BufRead};
use std::path::PathBuf;

/// The minimum number of lines in each of the pieces into which lines are divided. The pieces are parsed in parallel.
const PIECE_LINES: usize = 16;
/// The name under which lines are counted if their kind cannot be read.
const UNKNOWN_KIND: &str = "?";
/// The approximate length in bytes of the entry that describes the import.
const SMALL_ENTRY_BYTES: usize = 256;
/// The greatest length of an encoded stamp in a payload, in bytes.
const STAMP_BYTES_MAX: usize = 40;
/// The greatest number of losses that are kept in memory because the line of their run may follow later.
const DEFERRED_LOSSES_MAX: usize = 4096;
/// Options of an import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The name of the source: a file name, or `-`.
    pub source: String,
    /// The directory of the files with bodies. If it is `None`, every body that a line names counts as missing.
    pub bodies: Option<PathBuf>,
    /// `true` to stop at the first line that is invalid or has an invalid member. The lines before it stay imported.
    pub strict: bool,
    /// `true` to import objects of unsupported schema versions by the rules of the version that this build
    /// supports. `false` to refuse lines with such objects. With [`strict`](ImportOptions::strict), these
    /// lines are always refused.
    pub other_versions: bool,
    /// The registry to check extensions against; `None` to check only their form.
    pub registry: Option<ExtensionRegistry>,
    /// The directory for the files with refused lines.
    pub quarantine: PathBuf,
    /// The number of lines before the first line of the input, if the input is a part of a longer input.
    pub lines_before: u64,
}

/// A line, and the candidate for the import or the reason for the refusal.
struct ParsedLine {
    number: u64,
    text: Vec<u8>,
    parsed: std::result::Result<Candidate, Box<Rejection>>,
}

/// Imports JSON lines. Memory use does not depend on the number of lines. The imported facts are on disk when the
/// function returns.
///
/// `progress` is called with the number of lines read. If the input cannot be read to its end, [`ImportReport::cut`]
/// contains the reason. Errors: the workspace cannot be read or written, or a line was refused with
/// [`ImportOptions::strict`]. Facts that were appended before the error stay in the workspace; a second import adds the
/// rest.
pub fn import(
    workspace: Workspace<'_>,
    input: &mut dyn BufRead,
    options: &ImportOptions,
    progress: &dyn Fn(u64),
) -> Result<ImportReport> {
    let started_at = Timestamp::from_nanos(workspace.journal.storage().now());
    let report = ImportReport { source: options.source.clone(), ..ImportReport::default() };
    let mut importer = Importer {
        workspace,
        options,
        started_at,
        import: None,
        report,
        quarantine: None,
        deferred: Vec::new(),
        bodies: None,
    };
    let done = importer.run(&mut Lines::new(input, options.lines_before), progress);
    // Refused lines of standard input exist nowhere else, so they are saved even after an error.
    let saved = importer.save_refused_lines();
    // Facts that were appended before an error remain, so they are made durable too.
    let synced = workspace.journal.sync();
    match done {
        Err(Error::Refused { line, code, message, .. }) => {
            saved?;
            synced?;
            let saved = importer.report.quarantine;
            return Err(Error::Refused { line, code, message, saved });
        }
        done => done?,
    }
    saved?;
    synced?;
    Ok(importer.report)
}

struct Importer<'a> {
    workspace: Workspace<'a>,
    options: &'a ImportOptions,
    started_at: Timestamp,
    import: Option<[u8; 16]>,
    report: ImportReport,
    quarantine: Option<Quarantine>,
    /// Losses to record at the end of the import, because the run that they belong to was not in the workspace yet.
    deferred: Vec<Loss>,
    /// The lock on the bodies, which is held from before the first body is stored until the facts are durable.
    bodies: Option<BlobUse>,
}

impl Importer<'_> {
    fn run(&mut self, input: &mut Lines<'_>, progress: &dyn Fn(u64)) -> Result<()> {
        loop {
            let Batch { lines, too_long, cut, mut is_last } = Batch::read(input);
            if let Some(e) = cut {
                self.report_cut(input.number(), &e);
            }
            // The lines before a line that is too long are imported before its rest is read.
            self.import_round(lines)?;
            if let Some(begin) = too_long {
                is_last |= !self.refuse_too_long(input, &begin)?;
            }
            progress(input.number());
            if is_last {
                return self.append_deferred_losses();
            }
        }
    }

    /// States in the report that the input ends early, because line `number` cannot be read. The lines before this line
    /// are imported.
    fn report_cut(&mut self, number: u64, e: &io::Error) {
        self.report.cut = Some(format!("in line {number}: {e}"));
    }

    /// Reads the rest of a line that is too long, and saves the line in the quarantine. Returns `false` if the rest of
    /// the line cannot be read.
    fn refuse_too_long(&mut self, input: &mut Lines<'_>, begin: &[u8]) -> Result<bool> {
        self.quarantine()?.push_bytes(begin)?;
        let number = input.number();
        loop {
            match input.rest_part() {
                Ok((part, is_end)) => {
                    self.quarantine()?.push_bytes(&part)?;
                    if is_end {
                        let message = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                        self.finish_refused(number, Rejection::new("import_line_too_long", message))?;
                        return Ok(true);
                    }
                }
                Err(e) => {
                    self.report_cut(number, &e);
                    let rejection =
                        Rejection::new("import_input_cut", "the rest of the line could not be read");
                    self.finish_refused(number, rejection)?;
                    return Ok(false);
                }
            }
        }
    }

    fn quarantine(&mut self) -> Result<&mut Quarantine> {
        let quarantine = match self.quarantine.take() {
            Some(quarantine) => quarantine,
            None => Quarantine::create(self.workspace.journal.storage(), &self.options.quarantine)?,
        };
        Ok(self.quarantine.insert(quarantine))
    }

    fn save_refused_lines(&mut self) -> Result<()> {
        if let Some(quarantine) = self.quarantine.take() {
            self.report.not_kept = quarantine.incomplete();
            self.report.quarantine = Some(quarantine.finish()?);
        }
        Ok(())
    }

    /// Finishes the refusal of a line whose bytes are already in the quarantine. Errors: the quarantine cannot be
    /// written, or [`Error::Refused`] with [`ImportOptions::strict`].
    fn finish_refused(&mut self, number: u64, rejection: Rejection) -> Result<()> {
        self.quarantine()?.end_line(number, &rejection)?;
        self.report.lines += 1;
        let is_kind = |kind: &&str| kinds().any(|known| known == *kind);
        self.report.count(rejection.kind.as_deref().filter(is_kind).unwrap_or(UNKNOWN_KIND)).refused += 1;
        if self.options.strict {
            let message = format!("{} at {}", rejection.message, rejection.path);
            return Err(Error::Refused { line: number, code: rejection.code, message, saved: None });
        }
        if self.report.refused.len() < REPORTED_MAX {
            self.report.refused.push(RefusedLine { line: number, rejection });
        }
        Ok(())
    }

    /// Refuses a line. With [`ImportOptions::strict`], first appends the facts of the lines before this line, then
    /// returns [`Error::Refused`].
    fn refuse(&mut self, number: u64, text: &[u8], rejection: Rejection, round: &mut Round) -> Result<()> {
        round.losses.extend(refused_line_loss(number, text, &rejection));
        if self.options.strict {
            self.commit(round)?;
        }
        self.quarantine()?.push_bytes(text)?;
        self.finish_refused(number, rejection)
    }

    /// Calls `question` with a view of the workspace that includes the facts that this process has buffered. Advances
    /// the clock of the log, so that facts that are appended afterwards have later times than the entries of the view.
    fn read<T>(&self, question: impl Fn(&StoreView<'_>) -> Result<T>) -> Result<T> {
        let Workspace { store, journal } = self.workspace;
        journal.flush()?;
        let answer = store.read(question);
        // `observe` refuses a time that is too far ahead of this machine's clock. The result is ignored, because a note
        // of the view names the stream with such a time.
        journal.observe(store.latest_seen());
        answer
    }

    /// Checks the lines of one round, and appends the facts that the workspace does not have.
    fn import_round(&mut self, lines: Vec<(u64, Vec<u8>)>) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let registry = self.options.registry.as_ref();
        let read = match (self.options.strict, self.options.other_versions) {
            (true, _) => Line::parse,
            (false, false) => Line::salvage,
            (false, true) => Line::salvage_any_version,
        };
        let parse = |(number, text): &(u64, Vec<u8>)| {
            read(without_bom(*number, text), registry).and_then(Candidate::new)
        };
        let pieces =
            parallel::map_pieces(&lines, PIECE_LINES, |piece| piece.iter().map(parse).collect::<Vec<_>>());
        let parsed = pieces.into_iter().flatten().zip(lines);
        let lines: Vec<ParsedLine> =
            parsed.map(|(parsed, (number, text))| ParsedLine { number, text, parsed }).collect();
        let valid: Vec<&Candidate> = lines.iter().filter_map(|line| line.parsed.as_ref().ok()).collect();
        if self.bodies.is_none() && valid.iter().any(|candidate| matches!(candidate.item, Item::Artifact(..)))
        {
            self.bodies = Some(self.workspace.journal.lock_bodies()?);
        }
        let (mut known, imported, notes) = self.read(|view| {
            let imported = valid.iter().map(|c| Ok(view.was_imported(&c.subject, &c.digest)?));
            Ok((existing(view, &valid)?, imported.collect::<Result<Vec<bool>>>()?, view.notes()))
        })?;
        for note in notes {
            if !self.report.notes.iter().any(|n| n.code == note.code) {
                self.report.notes.push(note);
            }
        }
        let mut round = Round::default();
        let mut imported = imported.into_iter();
        for ParsedLine { number, text, parsed } in lines {
            match parsed {
                Ok(candidate) => {
                    let was_imported = imported.next().unwrap_or(false);
                    let existing = known.entry(candidate.subject.clone()).or_default();
                    match self.import_line(number, candidate, existing, was_imported, &mut round)? {
                        None => {}
                        Some(rejection) => self.refuse(number, &text, rejection, &mut round)?,
                    }
                }
                Err(rejection) => self.refuse(number, &text, *rejection, &mut round)?,
            }
        }
        self.commit(&mut round)
    }

    /// Imports one valid line if its content is new. Returns a rejection if the line has to be refused.
    fn import_line(
        &mut self,
        number: u64,
        candidate: Candidate,
        existing: &mut Existing,
        was_imported: bool,
        round: &mut Round,
    ) -> Result<Option<Rejection>> {
        let Candidate { kind, subject, warnings, dropped, digest, encoded, len, item } = candidate;
        round.runs.extend(subject.run());
        let seen = round.seen.get(&subject);
        let is_repeated = was_imported || seen.is_some_and(|seen| seen.digests.contains(&digest));
        // If an earlier line of this round is about the same object, this line is not compared with the view, because
        // the fact of the earlier line is newer than the facts of the view.
        let is_current = seen.is_none() && existing.encoded.as_ref() == Some(&encoded);
        // A loss is identified by the ref of its degraded record. Two records of the same loss can differ in the time
        // of the import.
        let is_known_loss = existing.record_exists && item.is_loss();
        let ref_is_used = existing.record_exists || seen.is_some();
        if item.is_record() && ref_is_used && !is_repeated && !is_current && !is_known_loss {
            return Ok(Some(Rejection {
                path: "$.object.envelope.record_ref".into(),
                kind: Some(kind.to_owned()),
                run: subject.run(),
                ..Rejection::new("import_record_conflict", format!("another record has the ref {subject}"))
            }));
        }
        let line = LineOrigin { number, kind, subject: &subject, is_record: item.is_record() };
        for warning in warnings {
            *self.report.warnings.entry(warning.code.as_str()).or_default() += 1;
            round.losses.extend(line.time_order(&warning));
        }
        for member in dropped {
            round.losses.extend(line.dropped_member(&member));
            self.report.members_dropped += 1;
            if self.report.dropped.len() < REPORTED_MAX {
                self.report.dropped.push(LossyLine { line: number, subject: subject.clone(), member });
            }
        }
        // An open status is ignored if the workspace has recorded an end, because the open status must be older than
        // the end.
        let is_older = existing.is_ended && item.is_open();
        if is_older && !is_repeated && !is_current {
            *self.report.warnings.entry("import_older_word").or_default() += 1;
        }
        let mut is_unchanged = is_repeated || is_current || is_known_loss || is_older;
        let is_ended = item.is_ended();
        let fact = match item {
            Item::Artifact(manifest, path) => {
                let artifact =
                    ArtifactLine { number, manifest: &manifest, path: path.as_deref(), is_unchanged };
                let body = self.body_import().run(&artifact, existing, round)?;
                // The file of the body may exist now, although the manifest was imported without a body.
                let known_body = existing.artifact.as_ref().and_then(|row| row.body).map(|digest| digest.0);
                is_unchanged &= body.is_none() || body == known_body;
                if !is_unchanged {
                    // A later line about this artifact is compared with this row.
                    existing.artifact = Some(ArtifactRow {
                        stored_bytes: None,
                        stored_sha256: None,
                        manifest: manifest.into_inner(),
                        body: body.map(Digest),
                        body_present: body.is_some(),
                        body_error: None,
                        conflict: false,
                    });
                }
                match body {
                    Some(digest) => encoded.with_artifact_body(&digest),
                    None => encoded,
                }
            }
            Item::Object(..) | Item::Record { .. } => encoded,
        };
        if is_unchanged {
            self.report.lines += 1;
            self.report.count(kind).unchanged += 1;
            return Ok(None);
        }
        let replaces_len = (existing.replaceable.len() + 1) * STAMP_BYTES_MAX;
        if len + replaces_len > PAYLOAD_BYTES_MAX {
            let message = format!(
                "an object of {len} bytes is too large for the log (number of facts that it replaces: {})",
                existing.replaceable.len()
            );
            let rejection = Rejection::new("import_object_too_large", message);
            return Ok(Some(Rejection { kind: Some(kind.to_owned()), ..rejection }));
        }
        self.report.lines += 1;
        let mut replaces = std::mem::take(&mut existing.replaceable);
        existing.is_ended |= is_ended;
        if round.seen.get(&subject).is_some_and(|seen| seen.stamp.is_none()) {
            // A fact names the stamps of the facts that it replaces, and a fact has no stamp before it is appended.
            self.commit(round)?;
        }
        let seen = round.seen.entry(subject.clone()).or_default();
        replaces.extend(seen.stamp.take());
        seen.digests.push(digest);
        let import = self.import_id(round)?;
        let origin = Some(ImportOrigin { import, line: number });
        round.push(EncodedEvent { fact, replaces, origin }, len, Some(subject));
        self.report.count(kind).new += 1;
        if round.is_full() {
            self.commit(round)?;
        }
        Ok(None)
    }

    fn body_import(&mut self) -> BodyImport<'_> {
        BodyImport {
            journal: self.workspace.journal,
            dir: self.options.bodies.as_deref(),
            report: &mut self.report,
        }
    }

    /// Returns the id of this import. The first call creates the id and adds the fact of the import. This fact precedes
    /// all facts whose origins contain the id.
    fn import_id(&mut self, round: &mut Round) -> Result<[u8; 16]> {
        if let Some(id) = self.import {
            return Ok(id);
        }
        let mut id = [0; 16];
        self.workspace.journal.entropy(&mut id)?;
        let fact = EncodedFact::new(&Fact::Import(Import {
            id,
            source: self.options.source.clone(),
            format: "jsonl".to_owned(),
            started_at: self.started_at,
        }))?;
        round.push(EncodedEvent { fact, replaces: Vec::new(), origin: None }, SMALL_ENTRY_BYTES, None);
        self.import = Some(id);
        self.report.import = Some(hex(&id));
        Ok(id)
    }

    /// Appends the pending facts and the degraded records for the losses of the round in one commit, so that a crash
    /// preserves both or neither.
    fn commit(&mut self, round: &mut Round) -> Result<()> {
        self.add_losses(round)?;
        let (pending, subjects) = round.take_pending();
        if pending.is_empty() {
            return Ok(());
        }
        let receipt = self.workspace.journal.append_encoded(&pending, Durability::Flush)?;
        round.appended(subjects, &receipt);
        Ok(())
    }

    /// Adds a degraded record for each loss whose run is in the workspace or in valid lines of this round, or for which
    /// [`Loss::always`] is set. Losses that are already recorded, or for which no ref can be built, are discarded. The
    /// remaining losses are deferred, at most [`DEFERRED_LOSSES_MAX`]; further losses are discarded.
    fn add_losses(&mut self, round: &mut Round) -> Result<()> {
        let losses = std::mem::take(&mut round.losses);
        if losses.is_empty() {
            return Ok(());
        }
        // If the ref of a run is too long, no ref of a record can be built from it, and the loss is not recorded. A
        // refused line is in the quarantine in any case.
        let refs: Vec<Option<RecordRef>> = losses.iter().map(|loss| loss.record_ref().ok()).collect();
        let runs = &round.runs;
        let decisions = self.read(|view| {
            let decide = |(loss, record_ref): (&Loss, &Option<RecordRef>)| match record_ref {
                Some(record_ref) => loss.decide(record_ref, runs, view),
                None => Ok(Decision::Discard),
            };
            losses.iter().zip(&refs).map(decide).collect::<Result<Vec<Decision>>>()
        })?;
        for ((loss, record_ref), decision) in losses.into_iter().zip(refs).zip(decisions) {
            if decision == Decision::Defer && self.deferred.len() < DEFERRED_LOSSES_MAX {
                self.deferred.push(loss);
                continue;
            }
            let Some(record_ref) = record_ref.filter(|_| decision == Decision::Record) else { continue };
            if !round.recorded_losses.insert(record_ref) {
                continue;
            }
            let import = self.import_id(round)?;
            let fact = EncodedFact::new(&loss.into_fact(self.started_at)?)?;
            // The origin has line 0, because the degraded record is not the content of any line.
            let origin = Some(ImportOrigin { import, line: 0 });
            round.push(EncodedEvent { fact, replaces: Vec::new(), origin }, LOSS_BYTES_MAX, None);
        }
        Ok(())
    }

    /// Records the deferred losses whose runs are in the workspace at the end of the import, and discards the others.
    fn append_deferred_losses(&mut self) -> Result<()> {
        let mut round = Round::with_losses(std::mem::take(&mut self.deferred));
        self.commit(&mut round)?;
        self.deferred.clear();
        Ok(())
    }
}
