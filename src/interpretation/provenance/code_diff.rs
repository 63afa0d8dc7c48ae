//! The difference between the code of two runs.

use crate::contract::RunRef;
use crate::interpretation::error::Result;
use crate::interpretation::provenance::code::{Patch, RunCode, code_of};
use crate::interpretation::provenance::line_diff::unified;
use crate::store::{Note, RunRow, Severity, Store};

/// The greatest number of lines of a patch that is compared line by line. Larger patches take too much time and memory.
const PATCH_LINES_MAX: usize = 1 << 18;
/// The greatest number of bytes of a patch that is compared line by line.
const PATCH_BYTES_MAX: usize = 8 << 20;

/// The difference between the code of two runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CodeDiff {
    /// The left run.
    pub left_run: RunRef,
    /// The right run.
    pub right_run: RunRef,
    /// The code revision of the left run; `None` if it was not recorded.
    pub left_revision: Option<String>,
    /// The code revision of the right run; `None` if it was not recorded.
    pub right_revision: Option<String>,
    /// The unified diff between the descriptions of the code of both runs; empty if the descriptions are
    /// equal. A description consists of the revision, the branch, the remote repository, the untracked paths,
    /// and the patch with the uncommitted change. If one of the two patches is too large, each description
    /// contains the size and the digest of the patch instead of the patch.
    pub text: String,
    /// Notes on missing data.
    pub notes: Vec<Note>,
}

/// Compares the code of two runs.
pub fn diff_code(store: &Store, left: &str, right: &str) -> Result<CodeDiff> {
    store.read(|view| {
        let code_of = |run: &RunRow| code_of(view, run, &view.artifacts(Some(&run.run_ref))?);
        let (left, right) = (view.find_run(left)?, view.find_run(right)?);
        let (left, right) = (code_of(&left)?, code_of(&right)?);
        let mut notes = view.notes();
        notes.extend([&left, &right].into_iter().flat_map(notes_of));
        if let (Some(from), Some(to)) = (&left.revision, &right.revision)
            && from != to
        {
            let message = format!(
                "the revisions differ; `git diff {from} {to}` in the repository shows the committed difference"
            );
            notes.push(Note::new(Severity::Info, "code_revisions_differ", message));
        }
        let is_short = is_large(&left.patch) || is_large(&right.patch);
        let (from, to) = (describe(&left, is_short), describe(&right, is_short));
        let hunks = unified(&lines(&from), &lines(&to));
        let text = match hunks.is_empty() {
            true => hunks,
            false => format!("--- {}\n+++ {}\n{hunks}", left.run, right.run),
        };
        Ok(CodeDiff {
            left_run: left.run,
            right_run: right.run,
            left_revision: left.revision,
            right_revision: right.revision,
            text,
            notes,
        })
    })
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n').collect()
}

/// Returns `true` for a patch that is too large for a comparison line by line.
fn is_large(patch: &Patch) -> bool {
    let Patch::Content(patch) = patch else { return false };
    patch.len() > PATCH_BYTES_MAX || patch.iter().filter(|byte| **byte == b'\n').count() > PATCH_LINES_MAX
}

/// Returns a description of a run's code as lines. If `is_short` is `true`, the description contains the size
/// and the digest of the patch instead of the patch.
fn describe(code: &RunCode, is_short: bool) -> Vec<u8> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let member =
        |of: fn(&crate::contract::CodeState) -> &Option<String>| text(code.state.as_ref().map_or(&None, of));
    let mut lines = vec![
        format!("revision {}", text(&code.revision)),
        format!("branch {}", member(|state| &state.branch)),
        format!("remote {}", member(|state| &state.remote)),
    ];
    lines.extend(code.untracked().iter().map(|path| format!("untracked {path}")));
    let mut description = lines.join("\n").into_bytes();
    match &code.patch {
        Patch::Clean => description.extend_from_slice(b"\nuncommitted change none"),
        Patch::Missing(_) => description.extend_from_slice(b"\nuncommitted change unknown"),
        Patch::Content(patch) if is_short => {
            let digest = code.artifact.as_ref().and_then(|artifact| artifact.body);
            let digest = digest.map(|digest| format!(" with the digest blake3:{digest}")).unwrap_or_default();
            let line = format!("\nuncommitted change of {} bytes{digest}", patch.len());
            description.extend_from_slice(line.as_bytes());
        }
        Patch::Content(patch) => {
            description.extend_from_slice(b"\nuncommitted change\n");
            description.extend_from_slice(patch.strip_suffix(b"\n").unwrap_or(patch));
        }
    }
    description
}

/// Returns notes on missing, redacted and unreadable parts of the code of a run.
fn notes_of(code: &RunCode) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut add = |name: &'static str, message: String| {
        notes.push(Note::new(Severity::Warning, name, message).with("run", &code.run));
    };
    if code.revision.is_none() {
        add("code_revision_missing", format!("the revision of the code of {} was not recorded", code.run));
    }
    if let Patch::Missing(reason) = &code.patch {
        let message = format!("the uncommitted change of the code of {} is unknown: {reason}", code.run);
        add("code_patch_missing", message);
    }
    if is_large(&code.patch) {
        let message = format!(
            "the patch of {} has more than {PATCH_LINES_MAX} lines or {PATCH_BYTES_MAX} bytes; the difference contains \
             only the sizes and digests of the patches",
            code.run
        );
        add("code_patch_too_large", message);
    }
    if code.is_redacted() {
        let message =
            format!("the patch of {} contains texts that capture put in place of secrets", code.run);
        add("code_patch_redacted", message);
    }
    if matches!(&code.patch, Patch::Content(patch) if std::str::from_utf8(patch).is_err()) {
        let message = format!("the patch of {} is not UTF-8; invalid bytes are shown as U+FFFD", code.run);
        add("code_patch_not_utf8", message);
    }
    notes
}
