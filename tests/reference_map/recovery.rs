//! Calls of backups, restores and replays of the outbox. They are section I in the list of names of the Python package contexta
//! 1.0.0 (`docs/REFERENCE-MAP.md`).

use super::Call;
use crate::support::{open_sim, two_runs};
use contexta::capture::{
    DeliveryStatus, FailureMode, MemorySink, PayloadFamily, ReplayBatchResult, ReplayOptions, ResultStatus,
    Sink, SinkError, SinkReceipt, SinkRequest,
};
use contexta::engine::storage::sim::SimDisk;
use contexta::recovery::{
    BackupOptions, BackupPlan, BackupResult, Progress, RecoveryStatus, RestoreOptions, RestorePlan,
    RestoreResult, Section,
};
use contexta::{Backups, Options};
use std::sync::Arc;

/// A sink that accepts nothing.
struct Broken;

impl Sink for Broken {
    fn name(&self) -> &str {
        "memory"
    }

    fn capture(&self, _request: &SinkRequest<'_>) -> Result<SinkReceipt, SinkError> {
        Err(SinkError::permanent("broken", "out of order"))
    }
}

/// Returns a disk with a workspace that contains two runs, and access to the backups of the workspace.
fn backups() -> (SimDisk, Backups) {
    let disk = SimDisk::new(1);
    two_runs(&open_sim(&disk, 1, "/w"));
    let backups = Backups::new("/w").storage(disk.process(2));
    (disk, backups)
}

fn plan(backups: &Backups, include_cache: bool, include_exports: bool) -> BackupPlan {
    let options = BackupOptions { label: Some("manual".into()), include_cache, include_exports };
    backups.plan(&options).unwrap()
}

fn create(backups: &Backups) -> BackupResult {
    backups.create(&plan(backups, false, false), Progress::none()).unwrap()
}

pub(super) fn calls() -> Vec<Call> {
    calls! {
        "Backups::plan" => || {
            let (disk, backups) = backups();
            let before = disk.paths();
            let (plain, whole) = (plan(&backups, false, false), plan(&backups, true, true));
            let (cache, exports) = (Section::Cache, Section::Exports);
            plain.backup_ref.as_str().starts_with("manual-")
                && plain.estimated_bytes > 0
                && !plain.included_sections.contains(&cache)
                && !plain.included_sections.contains(&exports)
                && whole.included_sections.contains(&cache)
                && whole.included_sections.contains(&exports)
                && disk.paths() == before
        };
        "Backups::create" => || {
            let (disk, backups) = backups();
            let result = create(&backups);
            (result.status, disk.read(&result.location).is_some()) == (RecoveryStatus::Success, true)
                && backups.list().unwrap().backups[0].backup_ref == result.backup_ref
        };
        "Backups::plan_restore" => || {
            let (disk, backups) = backups();
            let backup = create(&backups).backup_ref;
            let before = disk.paths();
            let options = RestoreOptions { verify_only: true, ..RestoreOptions::default() };
            let plan: RestorePlan = backups.plan_restore(backup.as_str(), &options).unwrap();
            let elsewhere =
                RestoreOptions { target_workspace: Some("/v".into()), ..RestoreOptions::default() };
            let other = backups.plan_restore(backup.as_str(), &elsewhere).unwrap();
            (plan.verify_only, plan.target_workspace.to_str(), other.target_workspace.to_str())
                == (true, Some("/w"), Some("/v"))
                && disk.paths() == before
        };
        "Contexta::replay_outbox" => || {
            let disk = SimDisk::new(2);
            let options = |process| {
                let options = Options::new("/w").project("wine").storage(disk.process(process));
                options.detect_code_revision(false).failure_mode(FailureMode::Outbox)
            };
            let memory = || Arc::new(MemorySink::new("memory"));
            let contexta = options(1).sink(Arc::new(Broken)).open().unwrap();
            contexta.run("a").start().unwrap().complete().unwrap();
            let total = contexta.outbox().unwrap().deliveries[0].facts;
            let (sink, other) = (memory(), memory());
            let sinks = |sink: &Arc<MemorySink>| [Arc::clone(sink) as Arc<dyn Sink>];
            let wanted = ReplayOptions::default().target("memory").sinks(sinks(&sink));
            let tried = contexta.replay_outbox(&wanted.clone().limit(1).acknowledge_successes(false)).unwrap();
            let some = contexta.replay_outbox(&wanted.limit(2)).unwrap();
            let dead = ReplayOptions::default().dead_letter_after_failures(1).limit(1);
            let dead = contexta.replay_outbox(&dead).unwrap();
            let rest = contexta.replay_outbox(&ReplayOptions::default().sinks(sinks(&other))).unwrap();
            let counts = |r: &ReplayBatchResult| (r.acknowledged_count, r.pending_count, r.dead_lettered_count);
            let entry = &some.entries[1];
            counts(&tried) == (0, total, 0)
                && counts(&some) == (2, total - 2, 0)
                && counts(&dead) == (0, total - 3, 1)
                && counts(&rest) == (total - 3, 0, 0)
                && (sink.taken(), other.taken()) == (3, total - 3)
                && (some.status, dead.status) == (ResultStatus::Success, ResultStatus::Failure)
                && (entry.target.as_str(), entry.status) == ("memory", DeliveryStatus::Success)
                && (entry.replay_ref.seq.0, entry.family, entry.attempts) == (2, PayloadFamily::Context, 0)
                && dead.entries[0].detail.contains("out of order")
                && (dead.notes.len(), rest.warnings.len(), rest.details.len()) == (1, 0, 1)
        };
        "Backups::restore" => || {
            let (disk, backups) = backups();
            let backup = create(&backups).backup_ref;
            let check = RestoreOptions { verify_only: true, ..RestoreOptions::default() };
            let plan = backups.plan_restore(backup.as_str(), &check).unwrap();
            let checked: RestoreResult = backups.restore(&plan, Progress::none()).unwrap();
            let elsewhere =
                RestoreOptions { target_workspace: Some("/v".into()), ..RestoreOptions::default() };
            let plan = backups.plan_restore(backup.as_str(), &elsewhere).unwrap();
            let restored = backups.restore(&plan, Progress::none()).unwrap();
            (checked.status, checked.applied, restored.applied) == (RecoveryStatus::Success, false, true)
                && checked.verification_notes.contains(&format!("manifest:{backup}"))
                && open_sim(&disk, 3, "/v").list_runs(None).unwrap().runs.len() == 2
        };
    }
}
