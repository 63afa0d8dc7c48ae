//! Properties of merges and repairs of logs with erased entries. A merge neither adds entries again that are erased in
//! the target, nor removes entries of the target. Erased entries are never reported as lost.

use crate::domain::{Acknowledgements, Toy, Workspace, cases, domain, events};
use crate::merge::{forked, harm, harmed, merge_on, segments};
use contexta::engine::entries::EntryRef;
use contexta::engine::entry::{GapCause, Position, Seq, StreamId};
use contexta::engine::log::compact::{CompactedLog, erase_segments};
use contexta::engine::log::header::FRAMES_AT;
use contexta::engine::log::merge::{Change, MergeLock, MergeOptions, SkipReason};
use contexta::engine::log::{Durability, Finding, FindingKind, Item, ScanMode, StreamReader};
use contexta::engine::progress::Progress;
use contexta::engine::storage::Storage;
use contexta::engine::{Engine, repair::RepairReport};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state of one position of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Present(Vec<u8>),
    Erased,
    Missing,
}

type States = BTreeMap<Position, State>;

/// Returns the state of each known position, and the kinds of the findings.
fn states(workspace: &Workspace) -> (States, BTreeSet<FindingKind>) {
    let storage: Arc<dyn Storage> = workspace.disk.process(90);
    let (mut states, mut findings) = (States::new(), BTreeSet::new());
    for stream in workspace.streams() {
        let mut reader = StreamReader::open(&storage, &workspace.log_dir(), stream, ScanMode::Full).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Commit(commit) => states.extend(
                    commit
                        .entries
                        .iter()
                        .map(|entry| (entry.stamp.position(), State::Present(entry.payload.to_vec()))),
                ),
                Item::Gap(gap) => {
                    let state = if gap.cause == GapCause::Erased { State::Erased } else { State::Missing };
                    let last = gap.last.map_or(gap.first.0.saturating_sub(1), |last| last.0);
                    let position = |seq| Position { stream, seq: Seq(seq) };
                    states.extend((gap.first.0..=last).map(|seq| (position(seq), state.clone())));
                }
                Item::Finding(finding) => drop(findings.insert(finding.kind)),
            }
        }
    }
    (states, findings)
}

/// Erases the entries whose sequence numbers are in one of the ranges.
fn erase(workspace: &Workspace, ranges: &[(u64, u64)]) {
    let storage: Arc<dyn Storage> = workspace.disk.process(91);
    let log = workspace.log_dir();
    let site = CompactedLog { storage: &storage, log: &log, domain: domain() };
    let options = MergeOptions::new(domain(), &log, &log, &workspace.root.join("quarantine"));
    let lock = MergeLock::acquire(storage.as_ref(), &options).unwrap();
    let streams: Vec<StreamId> = workspace.streams();
    let is_erased = |entry: EntryRef<'_>| {
        ranges.iter().any(|(first, len)| (*first..first + len).contains(&entry.stamp.seq.0))
    };
    let report = erase_segments(&site, &lock, &streams, &is_erased, Progress::none()).unwrap();
    assert!(report.skipped.is_empty(), "{report:?}");
}

/// Returns the state after a merge: the target decides, unless the target does not have the entry.
fn expected(target: &States, source: &States) -> States {
    let mut states = source.clone();
    for (position, state) in target {
        if *state != State::Missing || !states.contains_key(position) {
            states.insert(*position, state.clone());
        }
    }
    states
}

fn repair(workspace: &Workspace) -> RepairReport {
    let storage: Arc<dyn Storage> = workspace.disk.process(92);
    let domain = domain();
    let options = Engine::<Toy>::options(&workspace.root).storage(storage);
    let engine = options.domain(domain.name(), domain.version()).open().unwrap();
    engine.repair(&engine.repair_plan().unwrap(), Progress::none()).unwrap()
}

fn ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((1u64..60, 1u64..12), 0..4)
}

/// A log with several segments, and a copy of its beginning.
fn copies(commits: &[Vec<Toy>], cut: prop::sample::Index, close: bool) -> [Workspace; 2] {
    let workspace = Workspace::new(7, FRAMES_AT + 300);
    let log = workspace.log(1);
    let mut early = None;
    for (n, events) in commits.iter().enumerate() {
        Acknowledgements::default().append(&log, events, Durability::Flush).unwrap();
        if cut.index(commits.len()) == n {
            early = Some(workspace.copy_to("/early"));
        }
    }
    if close {
        log.close().unwrap();
    } else {
        workspace.kill(log);
    }
    [workspace.copy_to("/late"), early.unwrap()]
}

/// Merges twice. The second merge changes nothing, unless a file looks like a segment whose creation was interrupted:
/// such a file is copied again.
fn merge(from: &Workspace, into: &Workspace) {
    let is_creation = |finding: &Finding| (finding.kind, finding.offset) == (FindingKind::Torn, 0);
    let scans = from.streams().into_iter().map(|stream| from.scan(stream, ScanMode::Full));
    let has_creation = scans.flat_map(|scan| scan.findings).any(|finding| is_creation(&finding));
    let storage: Arc<dyn Storage> = into.disk.process(93);
    merge_on(&storage, from, into).unwrap();
    let once = segments(into);
    let again = merge_on(&storage, from, into).unwrap();
    assert!(again.is_unchanged() || has_creation, "{again:?}");
    assert!(segments(into) == once);
}

/// The copies have the same entries up to 18, and different entries from 19 on. `nested0` and `fork0` differ from 31 on.
struct Forked {
    copies: Vec<Workspace>,
}

impl Forked {
    fn new() -> Forked {
        Forked { copies: forked() }
    }

    /// Returns an independent copy of the copy with this name.
    fn copy(&self, name: &str, root: &str) -> Workspace {
        let is_named = |copy: &&Workspace| copy.root.ends_with(name);
        self.copies.iter().find(is_named).unwrap().copy_to(root)
    }
}

/// The erased entries of one copy are present in the other copy, which has other entries. No entry that both copies have may
/// differ.
#[test]
fn fork_inside_erased_entries_is_reported_and_nothing_is_merged() {
    for (n, erased) in [(19, 31), (15, 100), (1, 100)].into_iter().enumerate() {
        for is_target_erased in [true, false] {
            let forked = Forked::new();
            let (a, b) = (forked.copy("fork0", "/a"), forked.copy("fork1", "/b"));
            let (source, target) = (&b, &a);
            erase(if is_target_erased { target } else { source }, &[erased]);
            let before = segments(target);
            let report = merge_on(&target.disk.process(93), source, target).unwrap();
            let changes: Vec<Change> = report.streams.iter().map(|stream| stream.change).collect();
            let context = format!("{n} {is_target_erased} {report:?}");
            assert_eq!(changes, [Change::Skipped(SkipReason::ErasedFork)], "{context}");
            assert!(report.forks.is_empty() && segments(target) == before, "{context}");
        }
    }
}

#[test]
fn equal_histories_with_erased_entries_are_united_and_a_later_fork_is_found() {
    for erased in [(19, 31), (19, 12), (15, 100), (1, 100), (21, 2)] {
        for is_target_erased in [true, false] {
            let forked = Forked::new();
            let (a, b) = (forked.copy("fork0", "/a"), forked.copy("fork0", "/b"));
            let (source, target) = (&b, &a);
            erase(if is_target_erased { target } else { source }, &[erased]);
            let before = states(target).0;
            let report = merge_on(&target.disk.process(93), source, target).unwrap();
            let is_skipped = |change: Change| matches!(change, Change::Skipped(_));
            assert!(!report.streams.iter().any(|stream| is_skipped(stream.change)), "{erased:?} {report:?}");
            assert_eq!(states(target).0, before, "{erased:?}");
        }
        // The entries before 31 are equal.
        if erased.0 + erased.1 <= 31 {
            let forked = Forked::new();
            let (source, target) = (forked.copy("nested0", "/b"), forked.copy("fork0", "/a"));
            erase(&target, &[erased]);
            let report = merge_on(&target.disk.process(93), &source, &target).unwrap();
            assert_eq!(
                report.forks.iter().map(|fork| fork.first).collect::<Vec<_>>(),
                [Seq(31)],
                "{report:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(120))]

    /// The target decides about each entry, and no segment contradicts the chain afterwards.
    #[test]
    fn merge_of_erased_copies_keeps_what_the_target_has_and_what_it_erased(
        commits in prop::collection::vec(events(), 3..20),
        cut in any::<prop::sample::Index>(),
        close in any::<bool>(),
        erased in [ranges(), ranges()],
        harms in prop::collection::vec(prop::collection::vec(harm(), 0..2), 2),
        swap in any::<bool>(),
    ) {
        let mut copies = copies(&commits, cut, close);
        for (copy, (erased, harms)) in copies.iter().zip(erased.iter().zip(&harms)) {
            erase(copy, erased);
            harms.iter().for_each(|harm| harmed(copy, harm));
        }
        if swap {
            copies.reverse();
        }
        let [source, target] = &copies;
        let expected = expected(&states(target).0, &states(source).0);
        merge(source, target);
        let (found, findings) = states(target);
        prop_assert_eq!(found, expected);
        prop_assert!(!findings.contains(&FindingKind::ChainBroken), "{:?}", findings);
    }

    /// A repair keeps the frames of erased entries, and reports only other entries as lost.
    #[test]
    fn repair_reports_no_erased_entry_as_lost(
        commits in prop::collection::vec(events(), 3..20),
        cut in any::<prop::sample::Index>(),
        close in any::<bool>(),
        erased in ranges(),
        harms in prop::collection::vec(harm(), 1..4),
    ) {
        let [workspace, _] = copies(&commits, cut, close);
        erase(&workspace, &erased);
        harms.iter().for_each(|harm| harmed(&workspace, harm));
        let (before, _) = states(&workspace);
        let report = repair(&workspace);
        let (after, findings) = states(&workspace);
        let lost = |states: &States| -> usize {
            states.values().filter(|state| **state == State::Missing).count()
        };
        for (position, state) in &before {
            if *state != State::Missing {
                prop_assert_eq!(after.get(position), Some(state), "{:?} {:?}", position, report);
            }
        }
        prop_assert!(lost(&after) >= lost(&before));
        prop_assert!(!findings.contains(&FindingKind::ChainBroken), "{:?}", findings);
    }
}
