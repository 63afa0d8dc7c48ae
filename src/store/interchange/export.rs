//! JSON lines out: every thing as it stands, every record as it was said, streamed.
//!
//! Things come by kind and ref, what is referred to first; records in the order in which they were appended, whatever stream
//! they lie in. What cannot be written as an object (a run whose start is lost) is said in the report, never left out in silence.

use crate::contract::json::write::canonical;
use crate::contract::{
    AnyRecord, ArtifactManifest, LineageEdge, Object, ObjectKind, RecordType, RunRef, StableRef, Timestamp,
    Value,
};
use crate::engine::checksum::Digest;
use crate::engine::error::Error as EngineError;
use crate::engine::log::ordered::Ordered;
use crate::engine::storage::read_full_at;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::projections::entry::Captured;
use crate::store::artifacts::ArtifactRow;
use crate::store::error::{Error, Result};
use crate::store::interchange::line::{ARTIFACT, LineContent, RECORD};
use crate::store::note::{Note, Severity};
use crate::store::records::record_at;
use crate::store::view::{Store, StoreView};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How many notes of one code a report has.
const NOTES_MAX: u64 = 20;
/// Bytes copied at a time.
const CHUNK: usize = 1 << 20;
/// Beginning of the names of temporary files for bodies.
const TEMPORARY_STEM: &str = "body";

/// What to export; by default everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportFilter {
    /// Only of this project, named by ref or name.
    pub project: Option<String>,
    /// Only of these runs, named by ref, id or name; and what they belong to.
    pub runs: Vec<String>,
    /// Only lines of these kinds (`run`, `record`, ...).
    pub kinds: Vec<String>,
    /// Only records of these families.
    pub record_types: Vec<RecordType>,
    /// Only records observed at or after this instant.
    pub since: Option<Timestamp>,
    /// Only records observed before this instant.
    pub until: Option<Timestamp>,
}

/// Where bodies are copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportBodies {
    /// The directory.
    pub dir: PathBuf,
    /// What stands before a file's name in a line: how the directory is reached from where the lines are read, such as
    /// `artifacts/`.
    pub prefix: String,
}

/// What was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Lines by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Bodies that were copied.
    pub bodies: u64,
    /// Bodies that are missing here, or are not what they were.
    pub bodies_missing: u64,
    /// What could not be written, and what the workspace lacks.
    pub notes: Vec<Note>,
    /// How many notes there are of each code; of many, only the first are in `notes`.
    pub note_counts: BTreeMap<&'static str, u64>,
}

impl ExportReport {
    /// Whether everything that was asked for and that the workspace should have is in it.
    pub fn is_whole(&self) -> bool {
        let partial =
            ["object_incomplete", "object_contradictory"].iter().any(|c| self.note_counts.contains_key(c));
        self.bodies_missing == 0 && !partial && self.notes.iter().all(|note| note.severity < Severity::Error)
    }

    fn note(&mut self, note: Note) {
        let count = self.note_counts.entry(note.code).or_default();
        *count += 1;
        if *count <= NOTES_MAX {
            self.notes.push(note);
        }
    }
}

/// The filter, with names looked up.
struct Selection<'a> {
    filter: &'a ExportFilter,
    project: Option<StableRef>,
    runs: BTreeSet<RunRef>,
}

impl<'a> Selection<'a> {
    fn of(view: &StoreView<'_>, filter: &'a ExportFilter) -> Result<Selection<'a>> {
        let project = filter.project.as_deref().map(|asked| view.find_project(asked)).transpose()?;
        let runs = filter.runs.iter().map(|asked| Ok(view.find_run(asked)?.run_ref));
        Ok(Selection { filter, project: project.map(StableRef::from), runs: runs.collect::<Result<_>>()? })
    }

    fn wants_kind(&self, kind: &str) -> bool {
        self.filter.kinds.is_empty() || self.filter.kinds.iter().any(|wanted| wanted == kind)
    }

    fn wants_run(&self, run: &RunRef) -> bool {
        (self.runs.is_empty() || self.runs.contains(run))
            && self.project.as_ref().is_none_or(|project| in_project(run, project))
    }

    /// Whether a ref lies in what was asked for. Of what lies in no run, the runs' projects are wanted.
    fn wants_ref(&self, any: &StableRef) -> bool {
        match any.run() {
            Some(run) => self.wants_run(&run),
            None => {
                self.project.as_ref().is_none_or(|project| in_project(any, project))
                    && (self.runs.is_empty()
                        || any.kind() == "project" && self.runs.iter().any(|run| in_project(run, any)))
            }
        }
    }

    fn is_everything(&self) -> bool {
        self.runs.is_empty() && self.project.is_none()
    }

    fn wants_object(&self, object: &Object) -> bool {
        match object {
            Object::Deployment(deployment) => match &deployment.run_ref {
                Some(run) => self.wants_run(run),
                None => self.runs.is_empty() && self.wants_ref(&deployment.project_ref),
            },
            Object::Relation(edge) => self.wants_edge(edge),
            Object::Provenance(_) => true,
            object => self.wants_ref(object.own_ref()),
        }
    }

    /// An edge belongs to what it joins, wherever its own ref lies.
    fn wants_edge(&self, edge: &LineageEdge) -> bool {
        self.is_everything() || self.wants_ref(&edge.source_ref) || self.wants_ref(&edge.target_ref)
    }

    fn wants_record(&self, record: &AnyRecord) -> bool {
        let seen = &record.envelope().observation;
        self.wants_run(&seen.run_ref)
            && (self.filter.record_types.is_empty()
                || self.filter.record_types.contains(&record.record_type()))
            && self.filter.since.is_none_or(|since| seen.observed_at >= since)
            && self.filter.until.is_none_or(|until| seen.observed_at < until)
    }
}

/// Whether a ref's first component is the project's.
fn in_project(any: &StableRef, project: &StableRef) -> bool {
    any.components().next() == project.components().next()
}

impl Store {
    /// Writes JSON lines. Memory depends on the number of runs and streams, not on that of other things and of records.
    ///
    /// `progress` hears how many entries of the log were looked at. Errors: the workspace cannot be read, `out` or the bodies
    /// cannot be written; or [`Error::ExportInterrupted`].
    pub fn export_jsonl(
        &self,
        out: &mut dyn Write,
        filter: &ExportFilter,
        bodies: Option<&ExportBodies>,
        progress: &dyn Fn(u64),
    ) -> Result<ExportReport> {
        if let Some(bodies) = bodies {
            remove_stale(self.journal().storage().as_ref(), &bodies.dir, TEMPORARY_STEM);
        }
        let out = RefCell::new(out);
        let begun = Cell::new(false);
        self.read(|view| {
            // What was written cannot be taken back.
            if begun.replace(true) {
                return Err(Error::ExportInterrupted);
            }
            let selection = Selection::of(view, filter)?;
            let mut export = Export {
                store: self,
                view,
                selection,
                bodies,
                out: &mut **out.borrow_mut(),
                report: ExportReport::default(),
            };
            export.objects()?;
            export.artifacts()?;
            export.records(progress)?;
            export.out.flush().map_err(Error::Output)?;
            for note in view.notes() {
                export.report.note(note);
            }
            Ok(export.report)
        })
    }
}

struct Export<'a> {
    store: &'a Store,
    view: &'a StoreView<'a>,
    selection: Selection<'a>,
    bodies: Option<&'a ExportBodies>,
    out: &'a mut dyn Write,
    report: ExportReport,
}

impl Export<'_> {
    fn line(&mut self, content: &LineContent) -> Result<()> {
        self.write(content.kind(), &content.to_value())
    }

    fn write(&mut self, kind: &'static str, line: &Value) -> Result<()> {
        let mut text = canonical(line)?;
        text.push('\n');
        self.out.write_all(text.as_bytes()).map_err(Error::Output)?;
        *self.report.kinds.entry(kind).or_default() += 1;
        Ok(())
    }

    fn objects(&mut self) -> Result<()> {
        let view = self.view;
        for kind in ObjectKind::ALL.iter().copied().filter(|kind| *kind != ObjectKind::Provenance) {
            if self.selection.wants_kind(kind.as_str()) {
                view.objects(kind, &format!("{}:", kind.ref_kind()), |item| {
                    match item {
                        Ok(object) if self.selection.wants_object(&object) => {
                            self.line(&LineContent::Object(object))?;
                        }
                        Ok(_) => {}
                        Err(note) => self.report.note(note),
                    }
                    Ok(true)
                })?;
            }
        }
        self.runs_without_start()?;
        if !self.selection.wants_kind(ObjectKind::Provenance.as_str()) {
            return Ok(());
        }
        view.objects(ObjectKind::Provenance, "provenance:", |item| {
            let wanted = match &item {
                Ok(Object::Provenance(p)) if !self.selection.is_everything() => {
                    view.relation(&p.relation_ref)?.is_some_and(|edge| self.selection.wants_edge(&edge))
                }
                _ => true,
            };
            match item {
                Ok(object) if wanted => self.line(&LineContent::Object(object))?,
                Ok(_) => {}
                Err(note) => self.report.note(note),
            }
            Ok(true)
        })
    }

    /// Runs that are known by their records alone.
    fn runs_without_start(&mut self) -> Result<()> {
        if !self.selection.wants_kind(ObjectKind::Run.as_str()) {
            return Ok(());
        }
        for run in self.view.runs_without_facts()? {
            if self.selection.wants_run(&run) {
                let message = format!(
                    "too little is known of {run} to make an object of it: nobody said that it is there"
                );
                self.report
                    .note(Note::new(Severity::Warning, "object_incomplete", message).with("subject", &run));
            }
        }
        Ok(())
    }

    fn artifacts(&mut self) -> Result<()> {
        if !self.selection.wants_kind(ARTIFACT) {
            return Ok(());
        }
        self.view.artifacts_each(b"artifact:", |row| {
            if self.selection.wants_run(&row.manifest.run_ref) {
                let body = self.body(&row)?;
                let manifest = crate::contract::Valid::new(row.manifest)?;
                self.line(&LineContent::Artifact(Box::new(manifest), body))?;
            }
            Ok(true)
        })
    }

    /// Copies a body out; how it is called in the line.
    fn body(&mut self, row: &ArtifactRow) -> Result<Option<String>> {
        let (Some(bodies), Some(digest)) = (self.bodies, &row.body) else { return Ok(None) };
        let name = body_name(&row.manifest, digest);
        if self.copy_body(digest, &bodies.dir, &name)? {
            self.report.bodies += 1;
            return Ok(Some(format!("{}{name}", bodies.prefix)));
        }
        self.report.bodies_missing += 1;
        let own = &row.manifest.artifact_ref;
        let message = format!("the body of {own} is missing, or is not what it was");
        self.report.note(Note::new(Severity::Error, "artifact_body_missing", message).with("artifact", own));
        Ok(None)
    }

    /// `false`: the body is not there, or has another digest.
    fn copy_body(&self, digest: &Digest, dir: &Path, name: &str) -> Result<bool> {
        let storage = self.store.journal().storage();
        let blobs = self.store.journal().blobs();
        let target = dir.join(name);
        let source = match blobs.open(digest) {
            Ok(source) => source,
            Err(EngineError::BodyMissing { .. }) => return Ok(false),
            Err(e) => return Err(e.into()),
        };
        let fail = |action, path: &Path, e| EngineError::io(action, path, e);
        storage.create_dir_all(dir).map_err(|e| fail("create", dir, e))?;
        let mut copy = FileReplacement::in_dir(storage, dir, name, TEMPORARY_STEM)
            .map_err(|e| fail("create", &target, e))?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0u8; CHUNK];
        let mut at = 0u64;
        loop {
            let got = read_full_at(source.as_ref(), at, &mut buffer)
                .map_err(|e| fail("read", &blobs.path(digest), e))?;
            let part = buffer.get(..got).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            hasher.update(part);
            copy.write_all(part).map_err(|e| fail("write", &target, e))?;
            at += got as u64;
        }
        let same = Digest(*hasher.finalize().as_bytes()) == *digest;
        if same {
            copy.publish().map_err(|e| fail("publish", &target, e))?;
        }
        Ok(same)
    }

    fn records(&mut self, progress: &dyn Fn(u64)) -> Result<()> {
        if !self.selection.wants_kind(RECORD) {
            return Ok(());
        }
        let mut reader = self.view.view.scan()?;
        let mut seen = 0u64;
        while let Some(item) = reader.next_item()? {
            let entry = match item {
                // The view's notes name the gaps.
                Ordered::Gap(_) => continue,
                Ordered::Entry(entry) => entry,
            };
            seen += 1;
            if seen.is_multiple_of(4096) {
                progress(seen);
            }
            // What is unreadable is noted by the view as well.
            let Ok(Some(captured)) = Captured::of_entry(&entry) else { continue };
            let brought = captured.fact.observation().is_some_and(|(_, identity)| identity.is_some());
            if let Some(record) = record_at(captured.fact, entry.stamp)?
                && self.selection.wants_record(&record)
                && (!brought || self.view.counts(&record.envelope().record_ref, entry.stamp)?)
            {
                self.line(&LineContent::Record(record))?;
            }
        }
        progress(seen);
        Ok(())
    }
}

/// A file name for a body: its digest, so that no two meet, and the name people know it by.
fn body_name(manifest: &ArtifactManifest, digest: &Digest) -> String {
    const NAME_LEN_MAX: usize = 80;
    let named = manifest.attributes.get("file_name").and_then(Value::as_str);
    let name = named.or_else(|| manifest.location_ref.rsplit(['/', '\\']).next()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let name: String = name.chars().map(plain).take(NAME_LEN_MAX).collect();
    let digest = digest.to_string();
    format!("{}-{name}", digest.get(..16).unwrap_or_default()).trim_end_matches(['-', '.']).to_owned()
}
