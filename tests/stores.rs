//! The metadata store, the record store and the artifact store of a workspace.

mod artifacts;
#[cfg(feature = "cli")]
mod command;
mod metadata;
mod records;

use crate::support::open_sim;
use contexta::Contexta;
use contexta::contract::json::read::parse;
use contexta::contract::model::from_value;
use contexta::contract::{AnyRecord, ContractError, RunRef, StableRef, Timestamp};
use contexta::engine::storage::sim::SimDisk;
use std::path::PathBuf;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn r<R: std::str::FromStr<Err = ContractError>>(text: &str) -> R {
    text.parse().unwrap()
}

fn run_ref(text: &str) -> RunRef {
    RunRef::parse(text).unwrap()
}

fn any_ref(text: &str) -> StableRef {
    StableRef::parse(text).unwrap()
}

/// Opens the workspace `/w` in a new simulated process.
fn open(disk: &SimDisk, process: u32) -> Contexta {
    open_sim(disk, process, "/w")
}

/// Returns the segment files of the workspace `/w`.
fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let is_segment =
        |path: &PathBuf| path.starts_with("/w/log") && disk.read(path).is_some_and(|b| !b.is_empty());
    disk.paths().into_iter().filter(is_segment).collect()
}

/// Finds the file that contains `text`, and changes one byte of this text. Returns the file and the offset.
fn damage(disk: &SimDisk, text: &str) -> (PathBuf, usize) {
    for path in segments(disk) {
        let mut bytes = disk.read(&path).unwrap();
        if let Some(found) = bytes.windows(text.len()).position(|part| part == text.as_bytes()) {
            bytes[found] ^= 1;
            disk.overwrite(&path, bytes);
            return (path, found);
        }
    }
    panic!("no segment contains {text:?}");
}

fn envelope(run: &str, key: &str, family: &str, recorded_at: &str) -> String {
    let name = run.strip_prefix("run:").unwrap();
    format!(
        concat!(
            r#"{{"record_ref":"record:{}.{}","record_type":"{}","recorded_at":"{}","#,
            r#""observed_at":"2024-01-01T00:00:00Z","producer_ref":"x","run_ref":"{}"}}"#
        ),
        name, key, family, recorded_at, run
    )
}

/// Returns an event with its own ref.
fn event(run: &str, key: &str, recorded_at: &str, message: &str) -> AnyRecord {
    let payload = format!(r#"{{"event_key":"a.b","level":"info","message":"{message}"}}"#);
    let envelope = envelope(run, key, "event", recorded_at);
    let text = format!(r#"{{"envelope":{envelope},"payload":{payload}}}"#);
    AnyRecord::Event(Box::new(from_value(parse(&text).unwrap()).unwrap()))
}

/// Returns a metric with its own ref. `value` is JSON.
fn metric(run: &str, key: &str, recorded_at: &str, value: &str) -> AnyRecord {
    let payload = format!(r#"{{"metric_key":"loss","value":{value},"value_type":"float"}}"#);
    let envelope = envelope(run, key, "metric", recorded_at);
    let text = format!(r#"{{"envelope":{envelope},"payload":{payload}}}"#);
    AnyRecord::Metric(Box::new(from_value(parse(&text).unwrap()).unwrap()))
}
