//! Payloads of every kind from arbitrary bytes: each is a fact that can be written again and displayed, or an
//! unreadable entry. The entries before and after it stay readable. The first byte selects the kind, the rest is the
//! payload.

use contexta::engine::domain::Domain;
use contexta::engine::entry::{Kind, PayloadVersion};
use contexta::engine::log::pending::{PendingEntries, PendingEntry};
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::storage::sim::SimDisk;
use contexta::recovery::{DumpItem, VerifyOptions};
use contexta::{Contexta, Options, rewritten};
use std::path::PathBuf;

/// All known kinds, and one unknown kind.
pub(crate) const KINDS: [u16; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 19, 32, 33, 34, 48, 999, 49];

/// The kind and version for a first byte. One value in 256 selects an unknown version.
pub(crate) fn kind_of(first: u8) -> (Kind, PayloadVersion) {
    let kind = KINDS[usize::from(first) % KINDS.len()];
    (Kind(kind), PayloadVersion(if first == 0xff { 2 } else { 1 }))
}

pub(crate) fn run(data: &[u8]) {
    let Some((first, payload)) = data.split_first() else { return };
    let (kind, version) = kind_of(*first);
    match rewritten(kind, version, payload) {
        Err(_) => {}
        Ok(None) => assert!(kind.0 == 999 || version.0 == 2, "a known kind was not recognised"),
        Ok(Some(again)) => {
            assert!(again.len() <= payload.len(), "the payload grew when it was written again");
            let thrice = rewritten(kind, version, &again).expect("written bytes decode");
            assert_eq!(thrice, Some(again), "the payload has no stable form");
            store_and_query(kind, version, payload);
        }
    }
}

/// Stores the entry in a log between two others: every query is answered, and the others are present.
fn store_and_query(kind: Kind, version: PayloadVersion, payload: &[u8]) {
    let disk = SimDisk::new(1);
    let open = || {
        let options = Options::new("/w").project("p").storage(disk.process(1)).detect_code_revision(false);
        options.open().expect("the workspace opens")
    };
    drop(open());
    let log = Log::new(
        disk.process(2),
        PathBuf::from("/w/log"),
        LogOptions::new(Domain::new("contexta-ml", 1).expect("the name is valid")),
    );
    let ended = |status: u8| [&[0, 0, 12][..], b"run:p.beside", &[status, 5]].concat();
    let mut rows = PendingEntries::new();
    for (kind, version, payload) in [
        (Kind(4), PayloadVersion(1), ended(1).as_slice()),
        (kind, version, payload),
        (Kind(4), PayloadVersion(1), ended(2).as_slice()),
    ] {
        rows.push(PendingEntry { kind, version, time: 0, payload });
    }
    log.append_encoded(&rows, Durability::Flush).expect("the disk has space");
    drop(log);
    ask(&open());
}

fn ask(contexta: &Contexta) {
    let items = contexta.dump_log(None).expect("a dump");
    let dumped = items.filter(|item| matches!(item, Ok(DumpItem::Entry(_)))).count();
    assert_eq!(dumped, 3);
    contexta.list_projects().expect("the projects");
    let runs = contexta.list_runs(None).expect("the runs").runs;
    for run in runs {
        let name = run.run.run_ref.to_string();
        let document = contexta.build_snapshot_report(&name).expect("the report on a run");
        contexta::to_markdown(&document);
        let lineage = contexta.traverse_lineage(&name, contexta::interpretation::Direction::Upstream, 3);
        lineage.expect("the lineage of a run");
    }
    let mut lines = Vec::new();
    let filter = contexta::ExportFilter::default();
    contexta.export_jsonl(&mut lines, &filter).expect("an export");
    contexta.digest().expect("the digest");
    let report = contexta.verify(VerifyOptions::default());
    report.expect("verify reports findings instead of failing");
}
