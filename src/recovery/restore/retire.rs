//! The removal of a replaced log. The log is removed only if a checked backup contains it, or if safety backups are
//! turned off and the log did not change during the restore. Otherwise the log is kept under another name.

use crate::engine::log::replacement::{replaced_log, sync_parent, with_ending};
use crate::recovery::backup::{Repository, Section};
use crate::recovery::error::Result;
use crate::recovery::restore::safety::{SafetyBackup, back_up, check_contains};
use crate::recovery::restore::swap::{LogState, is_present, writers};
use crate::recovery::tree::{io_error, remove_tree};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::{Note, Severity};
use std::path::Path;

/// The label of the backup of a replaced log to which entries were appended after the safety backup.
const REPLACED_LABEL: &str = "pre-restore-replaced";

/// The log of a target before its replacement.
#[derive(Debug)]
pub(super) struct Former {
    /// The state of the log before the safety backup.
    pub(super) state: LogState,
    /// The safety backup; `None` if none was created.
    pub(super) saved: Option<SafetyBackup>,
}

/// The removal of a replaced log.
pub(super) struct Retirement<'a> {
    pub(super) repository: &'a Repository,
    pub(super) dirs: &'a WorkspaceDirs,
    /// The sections of a backup that this removal creates.
    pub(super) sections: &'a [Section],
    /// True if replaced content is backed up.
    pub(super) is_backed_up: bool,
}

impl Retirement<'_> {
    /// Removes or keeps the replaced log, if there is one. `former` is `None` if an earlier restore has left the log.
    pub(super) fn run(&self, former: Option<&Former>) -> Result<Vec<Note>> {
        let storage = self.repository.storage.as_ref();
        let replaced = replaced_log(&self.dirs.log);
        if !is_present(storage, &replaced)? {
            return Ok(Vec::new());
        }
        if writers(storage, &replaced)? > 0 {
            let reason = "a process still writes to the replaced log";
            return Ok(vec![self.keep(&replaced, "restore_replaced_log_in_use", reason)?]);
        }
        let state = LogState::of(storage, &replaced)?;
        let former = former.filter(|former| former.state == state);
        let mut notes = Vec::new();
        let is_safe = if state.is_empty() {
            Ok(())
        } else if !self.is_backed_up {
            former.map(|_| ()).ok_or_else(|| "entries may have been appended to the replaced log".to_owned())
        } else {
            let saved = match former.and_then(|former| former.saved.clone()) {
                Some(saved) => saved,
                None => self.back_up(&replaced, &mut notes)?,
            };
            self.check(&saved, &replaced)
        };
        match is_safe {
            Ok(()) => {
                remove_tree(storage, &replaced)?;
                sync_parent(storage, &replaced).map_err(|e| io_error("sync the parent of", &replaced, e))?;
            }
            Err(reason) => notes.push(self.keep(&replaced, "restore_replaced_log_kept", &reason)?),
        }
        Ok(notes)
    }

    fn back_up(&self, replaced: &Path, notes: &mut Vec<Note>) -> Result<SafetyBackup> {
        let dirs = WorkspaceDirs { log: replaced.to_path_buf(), ..self.dirs.clone() };
        let saved = back_up(self.repository, &dirs, (REPLACED_LABEL, self.sections))?;
        notes.extend(saved.notes.clone());
        let message = format!("the replaced log is in the backup {}", saved.backup_ref);
        notes.push(Note::new(Severity::Warning, "restore_replaced_log_backed_up", message));
        Ok(saved)
    }

    /// Checks that a complete backup contains the replaced log. Returns the reason as message text if not.
    fn check(&self, saved: &SafetyBackup, replaced: &Path) -> std::result::Result<(), String> {
        if !saved.is_whole {
            return Err(format!("the backup {} of the replaced content is not complete", saved.backup_ref));
        }
        check_contains(self.repository, &saved.backup_ref, replaced)
    }

    /// Gives the replaced log a name that no later restore uses. Returns a note with the name.
    fn keep(&self, replaced: &Path, code: &'static str, reason: &str) -> Result<Note> {
        let storage = self.repository.storage.as_ref();
        let kept = with_ending(&self.dirs.log, &format!(".kept-{}", storage.now()));
        let moved = storage.rename(replaced, &kept).and_then(|()| sync_parent(storage, &kept));
        moved.map_err(|e| io_error("rename", replaced, e))?;
        let message = format!("{reason}; the replaced log was kept as {}", kept.display());
        Ok(Note::new(Severity::Error, code, message))
    }
}
