//! Documents of answers that only the command line shows. The documents on runs and comparisons are built in
//! `interpretation::report`, because the library offers them as well.

mod backups;
mod compaction;
mod curves;
mod digest;
mod doctor;
mod erasure;
mod history;
mod import;
mod lineage;
mod merge;
mod outbox;
mod rebuild;
mod repairs;
mod retention;
mod run_list;
mod salvage;
mod services;
mod settings;
mod stores;
mod streams;
mod verify;

pub(crate) use backups::{
    backup, backup_list, backup_plan, backup_verification, prune, restore, restore_part, restore_plan,
};
pub(crate) use compaction::{compaction, compaction_plan};
pub(crate) use curves::{groups, step_series};
pub(crate) use digest::digest;
pub(crate) use doctor::{doctor, quoted};
pub(crate) use erasure::{erase_plan, erasure};
pub(crate) use history::history;
pub(crate) use import::import;
pub(crate) use lineage::lineage;
pub(crate) use merge::merge;
pub(crate) use outbox::{letters, outbox, outbox_replay};
pub(crate) use rebuild::rebuild;
pub(crate) use repairs::{repair, repair_plan};
pub(crate) use retention::{retention, retention_plan};
pub(crate) use run_list::run_list;
pub(crate) use salvage::salvage;
pub(crate) use services::{
    aggregate, alerts, anomalies, artifacts, audit, compare_many, diagnosis, environment_diff, trend,
};
pub(crate) use settings::{paths, settings};
pub(crate) use stores::{
    artifact, artifact_copy, artifact_export, artifact_import, artifact_put, replay, sweep, verification,
};
pub(crate) use streams::streams;
pub(crate) use verify::verify;
