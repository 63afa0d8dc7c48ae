//! Export of JSON lines: the effective state of every object, and every record. Lines are written one by one.
//!
//! Objects are sorted by kind, in the order of [`ObjectKind::ALL`], then by ref. Artifacts and records follow. Records
//! are in the order of their stamps, across all streams. The report names objects that cannot be exported, such as a
//! run whose start is lost.

use crate::contract::json::write::canonical;
use crate::contract::{ArtifactManifest, Object, ObjectKind, Value};
use crate::engine::checksum::Digest;
use crate::engine::storage::replace::remove_stale;
use crate::interchange::error::{Error, Result};
use crate::interchange::jsonl::export_report::ExportReport;
use crate::interchange::jsonl::filter::{ExportFilter, Selection};
use crate::interchange::jsonl::line::{ARTIFACT, LineContent, RECORD};
use crate::interchange::workspace::Workspace;
use crate::store::body::{COPY_STEM, copy_body};
use crate::store::objects::ListedObject;
use crate::store::{ArtifactRow, Journal, LogRecord, Note, Severity, StoreView};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The number of entries between two calls of the progress function.
const PROGRESS_ENTRIES: u64 = 4096;

/// Options of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// The part of the workspace that is exported.
    pub filter: ExportFilter,
    /// The directory that bodies are copied to; `None` to export no bodies.
    pub bodies: Option<ExportBodies>,
}

/// The directory that bodies are copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportBodies {
    /// The directory.
    pub dir: PathBuf,
    /// The prefix of each path of a body in a line, such as `artifacts/`. The paths are relative to the directory in
    /// which an import looks for bodies; the prefix is empty if this directory is `dir` itself.
    pub prefix: String,
}

/// Exports JSON lines. Memory use depends on the number of runs and streams, but not on the number of other objects and
/// records.
///
/// `progress` is called with the number of entries of the log that were read. Errors: the workspace cannot be read, the
/// filter names a project or run that does not exist, `out` or the bodies cannot be written, or [`Error::Interrupted`].
pub fn export(
    workspace: Workspace<'_>,
    out: &mut dyn Write,
    options: &ExportOptions,
    progress: &dyn Fn(u64),
) -> Result<ExportReport> {
    let Workspace { store, journal } = workspace;
    if let Some(bodies) = &options.bodies {
        remove_stale(journal.storage().as_ref(), &bodies.dir, COPY_STEM);
    }
    let out = RefCell::new(out);
    let is_started = Cell::new(false);
    store.read(|view| {
        // If the tables are damaged, the store rebuilds them and calls the closure again. Lines that were written
        // before cannot be removed from the output.
        if is_started.replace(true) {
            return Err(Error::Interrupted);
        }
        let mut export = Export {
            journal,
            view,
            selection: Selection::new(view, &options.filter)?,
            bodies: options.bodies.as_ref(),
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

/// An export in progress.
struct Export<'a> {
    journal: &'a Journal,
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
            if !self.selection.wants_kind(kind.as_str()) {
                continue;
            }
            for item in view.objects(kind, &format!("{}:", kind.ref_kind()))? {
                match item? {
                    ListedObject::Object(object) if self.selection.wants_object(&object) => {
                        self.line(&LineContent::Object(object))?;
                    }
                    ListedObject::Object(_) => {}
                    ListedObject::Incomplete(note) => self.report.note(note),
                }
            }
        }
        self.runs_without_start()?;
        if self.selection.wants_kind(ObjectKind::Provenance.as_str()) {
            self.provenance()?;
        }
        Ok(())
    }

    fn provenance(&mut self) -> Result<()> {
        let view = self.view;
        for item in view.objects(ObjectKind::Provenance, "provenance:")? {
            let object = match item? {
                ListedObject::Object(object) => object,
                ListedObject::Incomplete(note) => {
                    self.report.note(note);
                    continue;
                }
            };
            let is_wanted = match &object {
                Object::Provenance(p) if !self.selection.is_everything() => {
                    view.relation(&p.relation_ref)?.is_some_and(|edge| self.selection.wants_edge(&edge))
                }
                _ => true,
            };
            if is_wanted {
                self.line(&LineContent::Object(object))?;
            }
        }
        Ok(())
    }

    /// Adds a note for each selected run that has records but no attributes. Such a run is not exported, because its
    /// start is not in the log.
    fn runs_without_start(&mut self) -> Result<()> {
        if !self.selection.wants_kind(ObjectKind::Run.as_str()) {
            return Ok(());
        }
        for run in self.view.runs_without_facts()? {
            if self.selection.wants_run(&run) {
                let message = format!("missing attributes of {run}: the start of the run is not in the log");
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
        let view = self.view;
        for row in view.artifacts_with_prefix(b"artifact:")? {
            let row = row?;
            if self.selection.wants_run(&row.manifest.run_ref) {
                let body = self.body(&row)?;
                let manifest = crate::contract::Valid::new(row.manifest)?;
                self.line(&LineContent::Artifact(Box::new(manifest), body))?;
            }
        }
        Ok(())
    }

    /// Copies the body of an artifact. Returns the path of the copy for the artifact's line; `None` if there is no
    /// copy.
    fn body(&mut self, row: &ArtifactRow) -> Result<Option<String>> {
        let (Some(bodies), Some(digest)) = (self.bodies, &row.body) else { return Ok(None) };
        let name = body_name(&row.manifest, digest);
        if self.copy_body(digest, &bodies.dir, &name)? {
            if row.is_tree() {
                self.tree_files(row, digest, &bodies.dir)?;
            }
            self.report.bodies += 1;
            return Ok(Some(format!("{}{name}", bodies.prefix)));
        }
        self.report.bodies_missing += 1;
        let own = &row.manifest.artifact_ref;
        let message = format!("the body of {own} is missing or damaged");
        self.report.note(Note::new(Severity::Error, "artifact_body_missing", message).with("artifact", own));
        Ok(None)
    }

    /// Copies the files of a directory. The name of each copy is the digest of its body. A note names the files that are
    /// missing or damaged.
    fn tree_files(&mut self, row: &ArtifactRow, tree: &Digest, dir: &Path) -> Result<()> {
        let own = &row.manifest.artifact_ref;
        let files = match self.view.tree_files(tree) {
            Ok(files) => files,
            Err(e) if e.code() == "artifact_tree_invalid" => {
                self.report.note(Note::new(Severity::Warning, e.code(), e.to_string()).with("artifact", own));
                return Ok(());
            }
            Err(e) => return Err(e.into()),
        };
        let mut copied = HashSet::new();
        for (digest, path) in files {
            if !copied.insert(digest) || self.copy_body(&digest, dir, &digest.to_string())? {
                continue;
            }
            self.report.bodies_missing += 1;
            let message = format!("the file {path:?} of {own} is missing or damaged");
            let note = Note::new(Severity::Error, "artifact_body_missing", message);
            self.report.note(note.with("artifact", own));
        }
        Ok(())
    }

    /// Copies a body to the file `name` in `dir`. If the body is missing or does not match its digest, returns `false`,
    /// and the file is not changed.
    fn copy_body(&self, digest: &Digest, dir: &Path, name: &str) -> Result<bool> {
        Ok(copy_body(self.journal.blobs(), digest, dir, name)?)
    }

    fn records(&mut self, progress: &dyn Fn(u64)) -> Result<()> {
        if !self.selection.wants_kind(RECORD) {
            return Ok(());
        }
        let mut entries = 0u64;
        for item in self.view.log_records()? {
            let item = item?;
            entries += 1;
            if entries.is_multiple_of(PROGRESS_ENTRIES) {
                progress(entries);
            }
            if let Some(LogRecord { record, stamp, is_imported }) = item
                && self.selection.wants_record(&record)
                && (!is_imported || self.view.is_effective(&record.envelope().record_ref, stamp)?)
            {
                self.line(&LineContent::Record(record))?;
            }
        }
        progress(entries);
        Ok(())
    }
}

/// Returns the file name for the copy of a body: 16 digits of the body's digest, by which the name is unique, a dash,
/// and the original name. The original name is the attribute `file_name` of the manifest. Without this attribute, it is
/// the last component of the manifest's location. Unusual characters in the original name become dashes, and the name
/// is cut to 80 characters.
fn body_name(manifest: &ArtifactManifest, digest: &Digest) -> String {
    const NAME_LEN_MAX: usize = 80;
    let named = manifest.attributes.get("file_name").and_then(Value::as_str);
    let name = named.or_else(|| manifest.location_ref.rsplit(['/', '\\']).next()).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let name: String = name.chars().map(plain).take(NAME_LEN_MAX).collect();
    let digest = digest.to_string();
    format!("{}-{name}", digest.get(..16).unwrap_or_default()).trim_end_matches(['-', '.']).to_owned()
}
