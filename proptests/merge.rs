//! Properties of merging. Copies of a log may be damaged, truncated, or continued after a rollback. Merging them gives
//! the same entries in any order. No readable entry is lost, and known losses stay known.

use crate::domain::{Acknowledgements, Frame, Scan, Toy, Workspace, cases, events};
use contexta::engine::Result;
use contexta::engine::checksum::Digest;
use contexta::engine::entry::{Entry, Position, Seq, StreamId};
use contexta::engine::log::header::{FRAMES_AT, Origin};
use contexta::engine::log::merge::quarantine;
use contexta::engine::log::merge::{Change, LogMerge, MergeOptions, Side, SkipReason, merge};
use contexta::engine::log::merge::{content_digest, derived_id};
use contexta::engine::log::{Durability, Finding, FindingKind, Log, ScanMode, StreamReader};
use contexta::engine::progress::Progress;
use contexta::engine::projection::{Note, RebuildReason};
use contexta::engine::storage::sim::{Fault, Moment};
use contexta::engine::storage::{OpenMode, Storage};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SMALL: u64 = FRAMES_AT + 300;

pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The content of an entry, independent of its stream.
type Content = (u64, u64, u16, Vec<u8>);

fn content(entry: &Entry) -> Content {
    (entry.stamp.seq.0, entry.stamp.time, entry.kind.0, entry.payload.clone())
}

/// The segments below a root, by relative path.
pub(crate) fn segments(workspace: &Workspace) -> Files {
    let relative = |p: PathBuf| p.strip_prefix(&workspace.root).unwrap().to_path_buf();
    let read = |p: PathBuf| (relative(p.clone()), workspace.disk.read(&p).unwrap());
    workspace.segments().into_iter().map(read).collect()
}

/// Restores segments in place, as a rollback of a virtual machine does: same directories, same files.
fn put_back(workspace: &Workspace, files: &Files) {
    for path in workspace.segments() {
        if !files.contains_key(path.strip_prefix(&workspace.root).unwrap()) {
            workspace.disk.remove_tree(&path);
        }
    }
    for (path, bytes) in files {
        workspace.disk.overwrite(&workspace.root.join(path), bytes.clone());
    }
}

fn at(workspace: &Workspace, root: &str) -> Workspace {
    Workspace { root: PathBuf::from(root), ..workspace.clone() }
}

pub(crate) fn merge_on(storage: &Arc<dyn Storage>, from: &Workspace, into: &Workspace) -> Result<LogMerge> {
    let mut options = MergeOptions::new(
        crate::domain::domain(),
        &from.log_dir(),
        &into.log_dir(),
        &into.root.join("quarantine"),
    );
    options.segment_bytes_max = SMALL;
    merge(storage, &options, Progress::none())
}

/// Merges and checks what every merge guarantees: the source is unchanged, a second merge does nothing, and every entry
/// that is readable in either log is readable in the target.
pub(crate) fn merged(from: &Workspace, into: &Workspace) -> LogMerge {
    let (before, target) = (segments(from), segments(into));
    let contents: BTreeSet<Content> = contents(from).union(&contents(into)).cloned().collect();
    let storage = into.disk.process(50);
    let report = merge_on(&storage, from, into).unwrap();
    assert!(segments(from) == before, "the source was changed");
    let after = segments(into);
    let again = merge_on(&storage, from, into).unwrap();
    assert!(
        again.is_unchanged() && segments(into) == after,
        "merged twice: {again:?}\nafter {report:?} {:?} {:?}",
        from.streams()
            .into_iter()
            .map(|s| {
                let c = from.scan(s, ScanMode::Full);
                (c.frames, c.gaps, c.findings, c.tail)
            })
            .collect::<Vec<_>>(),
        into.streams()
            .into_iter()
            .map(|s| {
                let c = into.scan(s, ScanMode::Full);
                (c.frames, c.gaps, c.findings, c.tail)
            })
            .collect::<Vec<_>>()
    );
    for merge in &report.streams {
        let of_stream = |path: &Path| path.to_string_lossy().contains(&merge.stream.to_string());
        let written =
            after.iter().filter(|(path, bytes)| of_stream(path) && target.get(*path) != Some(bytes));
        let len: usize = written.map(|(_, bytes)| bytes.len()).sum();
        assert!(merge.bytes >= len as u64, "{len} bytes were written: {merge:?}");
    }
    let lost: Vec<Content> = contents.difference(&self::contents(into)).cloned().collect();
    let scans = |w: &Workspace| -> Vec<_> {
        w.streams()
            .into_iter()
            .map(|s| {
                let scan = w.scan(s, ScanMode::Full);
                (scan.entries.iter().map(|e| e.stamp.seq.0).collect::<Vec<_>>(), scan.gaps, scan.findings)
            })
            .collect()
    };
    assert!(
        lost.is_empty(),
        "lost {lost:?} by {report:?} from {} {:?} into {} {:?}",
        from.root.display(),
        scans(from),
        into.root.display(),
        scans(into)
    );
    let temporary = into.disk.paths().into_iter().find(|p| p.extension().is_some_and(|e| e == "tmp"));
    assert_eq!(temporary, None);
    report
}

fn contents(workspace: &Workspace) -> BTreeSet<Content> {
    workspace.entries().values().map(content).collect()
}

fn tables(workspace: &Workspace) -> Digest {
    workspace.projector(77, false).digest_from_scratch(Progress::none()).unwrap().digest
}

/// Merges all workspaces into an empty one, in this order.
fn merged_all(workspaces: &[&Workspace], root: &str) -> Workspace {
    let into = at(workspaces[0], root);
    for from in workspaces {
        merged(from, &into);
    }
    into
}

// ---- histories

#[derive(Debug, Clone)]
enum Step {
    /// Appends; then the process is killed or ends normally.
    Append(Vec<Vec<Toy>>, bool),
    /// Takes a snapshot.
    Remember,
    /// Restores a snapshot.
    SetBack(prop::sample::Index),
    /// Copies the workspace to another directory.
    Copy,
    /// Reboots: the next append starts a new stream.
    Reboot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (prop::collection::vec(events(), 1..5), any::<bool>()).prop_map(|(c, k)| Step::Append(c, k)),
        3 => Just(Step::Remember),
        3 => any::<prop::sample::Index>().prop_map(Step::SetBack),
        3 => Just(Step::Copy),
        1 => Just(Step::Reboot),
    ]
}

/// Performs the steps; returns every copy made, and the final state.
fn run_steps(steps: &[Step]) -> Vec<Workspace> {
    let workspace = Workspace::new(7, FRAMES_AT + 900);
    let mut remembered: Vec<Files> = Vec::new();
    let mut copies = Vec::new();
    let mut process = 0;
    for step in steps {
        match step {
            Step::Append(commits, kill) => {
                process += 1;
                let log = workspace.log(process);
                for events in commits {
                    Acknowledgements::default().append(&log, events, Durability::Flush).unwrap();
                }
                if *kill {
                    workspace.kill(log);
                }
            }
            Step::Remember => remembered.push(segments(&workspace)),
            Step::SetBack(which) if !remembered.is_empty() => put_back(&workspace, which.get(&remembered)),
            Step::SetBack(_) => {}
            Step::Copy => copies.push(workspace.copy_to(&format!("/copy{}", copies.len()))),
            Step::Reboot => workspace.disk.reboot(),
        }
    }
    copies.push(workspace.copy_to("/last"));
    copies
}

// ---- the oracle: the tree of histories, named without the engine

fn name(id: StreamId, from: usize, mut paths: Vec<&[Entry]>, named: &mut BTreeMap<Position, Content>) {
    for n in from.. {
        paths.retain(|path| path.len() > n);
        let mut groups: BTreeMap<Digest, Vec<&[Entry]>> = BTreeMap::new();
        for path in paths {
            groups.entry(content_digest(&path[n])).or_default().push(path);
        }
        let Some((_, stay)) = groups.pop_first() else { return };
        let seq = Seq(n as u64 + 1);
        for (digest, paths) in groups {
            name(derived_id(&Origin { parent: id, first: seq, content: digest }), n, paths, named);
        }
        named.insert(Position { stream: id, seq }, content(&stay[0][n]));
        paths = stay;
    }
}

/// The final names of the histories in these workspaces.
fn oracle(workspaces: &[Workspace]) -> BTreeMap<Position, Content> {
    let mut paths: BTreeMap<StreamId, Vec<Vec<Entry>>> = BTreeMap::new();
    for workspace in workspaces {
        for stream in workspace.streams() {
            paths.entry(stream).or_default().push(workspace.scan(stream, ScanMode::Full).entries);
        }
    }
    let mut named = BTreeMap::new();
    for (stream, paths) in &paths {
        name(*stream, 0, paths.iter().map(Vec::as_slice).collect(), &mut named);
    }
    named
}

fn named(workspace: &Workspace) -> BTreeMap<Position, Content> {
    workspace.entries().into_iter().map(|(position, entry)| (position, content(&entry))).collect()
}

fn shuffled<T>(items: &[T], order: &[prop::sample::Index]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..items.len()).collect();
    order.iter().cycle().map_while(|n| (!left.is_empty()).then(|| left.remove(n.index(left.len())))).collect()
}

/// Merges the workspaces in pairs, in an order and nesting chosen by the seed, until one is left.
fn merged_as(copies: &[Workspace], order: &[prop::sample::Index], prefix: &str) -> Workspace {
    let mut left: Vec<Workspace> = shuffled(copies, order)
        .into_iter()
        .map(|n| {
            let copy = at(&copies[n], &format!("{prefix}{n}"));
            copies[n].copy_to(copy.root.to_str().unwrap())
        })
        .collect();
    for n in order.iter().cycle() {
        if left.len() == 1 {
            break;
        }
        let from = left.remove(n.index(left.len()));
        let into = &left[n.index(left.len())];
        merged(&from, into);
    }
    left.remove(0)
}

proptest! {
    #![proptest_config(cases(60))]

    /// The entries, their names and the tables are the same for any order and nesting.
    #[test]
    fn any_order_of_merges_gives_the_stream_ids_of_the_tree_of_histories(
        steps in prop::collection::vec(step(), 4..24),
        orders in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 6), 2),
    ) {
        let copies = run_steps(&steps);
        let oracle = oracle(&copies);
        let mut digests = BTreeSet::new();
        for (n, order) in orders.iter().enumerate() {
            let result = merged_as(&copies, order, &format!("/order{n}-"));
            prop_assert_eq!(&named(&result), &oracle);
            for stream in result.streams() {
                let scan = result.scan(stream, ScanMode::Full);
                prop_assert!(scan.is_clean(), "{:?}", scan);
            }
            digests.insert(tables(&result));
        }
        prop_assert_eq!(digests.len(), 1);
    }
}

// ---- damage

/// Damage of a copy.
#[derive(Debug, Clone)]
pub(crate) enum Harm {
    Flip(prop::sample::Index, prop::sample::Index),
    Cut(prop::sample::Index, prop::sample::Index),
    Remove(prop::sample::Index),
    Zeros(prop::sample::Index, prop::sample::Index),
    /// Space reserved after the last frame.
    Room(prop::sample::Index),
}

pub(crate) fn harm() -> impl Strategy<Value = Harm> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), index()).prop_map(|(f, at)| Harm::Flip(f, at)),
        2 => (index(), index()).prop_map(|(f, at)| Harm::Cut(f, at)),
        1 => index().prop_map(Harm::Remove),
        2 => (index(), index()).prop_map(|(f, at)| Harm::Zeros(f, at)),
        1 => index().prop_map(Harm::Room),
    ]
}

pub(crate) fn harmed(workspace: &Workspace, harm: &Harm) {
    let files = workspace.segments();
    let (Harm::Flip(file, _)
    | Harm::Cut(file, _)
    | Harm::Remove(file)
    | Harm::Zeros(file, _)
    | Harm::Room(file)) = harm;
    let Some(path) = (!files.is_empty()).then(|| file.get(&files)) else { return };
    let mut bytes = workspace.disk.read(path).unwrap();
    let len = bytes.len();
    if len == 0 {
        return;
    }
    match harm {
        // Most positions are among the frames, because damage to the headers is a small part of the cases.
        Harm::Flip(_, at) => {
            let first = if at.index(8) == 0 { 0 } else { 4352.min(len - 1) };
            bytes[first + at.index(len - first)] ^= 1 << at.index(8);
        }
        Harm::Cut(_, at) => bytes.truncate(4000 + at.index(len)),
        Harm::Zeros(_, at) => {
            let start = 4352.min(len - 1);
            let start = start + at.index(len - start);
            let end = (start + 100).min(len);
            bytes[start..end].fill(0);
        }
        Harm::Room(_) => bytes.resize(len + 5000, 0),
        Harm::Remove(_) => return workspace.disk.remove_tree(path),
    }
    workspace.disk.overwrite(path, bytes);
}

/// Returns the known extent of each stream of a workspace: the sequence number before which every entry is read or
/// named as missing, and true if an unknown number of entries is missing at the end.
fn known(workspace: &Workspace) -> BTreeMap<StreamId, (Seq, bool)> {
    let of = |s: StreamId| {
        let scan = workspace.scan(s, ScanMode::Full);
        let torn_creation = scan.findings.iter().any(|f| (f.kind, f.offset) == (FindingKind::Torn, 0));
        (s, (scan.next, !torn_creation && scan.gaps.iter().any(|gap| gap.last.is_none())))
    };
    workspace.streams().into_iter().map(of).collect()
}

proptest! {
    #![proptest_config(cases(80))]

    /// Copies of one history, each damaged differently: every entry readable in any of them is in the result, in any
    /// order.
    #[test]
    fn merge_of_damaged_copies_has_every_entry_readable_in_any_of_them(
        commits in prop::collection::vec(events(), 3..20),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 2),
        harms in prop::collection::vec(prop::collection::vec(harm(), 0..3), 3),
        orders in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 6), 2),
    ) {
        let workspace = Workspace::new(7, SMALL);
        let log = workspace.log(1);
        let mut copies = Vec::new();
        for (n, events) in commits.iter().enumerate() {
            if let Some(cut) = cuts.iter().find(|cut| cut.index(commits.len()) == n) {
                copies.push(workspace.copy_to(&format!("/copy{}-{}", n, cut.index(100))));
            }
            Acknowledgements::default().append(&log, events, Durability::Flush).unwrap();
        }
        workspace.kill(log);
        let truth = named(&workspace);
        while copies.len() < 3 {
            copies.push(workspace.copy_to(&format!("/whole{}", copies.len())));
        }
        for (copy, harms) in copies.iter().zip(&harms) {
            harms.iter().for_each(|harm| harmed(copy, harm));
        }
        let mut union: BTreeMap<Position, Content> = BTreeMap::new();
        copies.iter().for_each(|copy| union.extend(named(copy)));
        prop_assert!(union.iter().all(|(position, content)| truth.get(position) == Some(content)));
        let furthest = copies.iter().flat_map(|copy| known(copy).into_values()).map(|(next, _)| next).max();
        for (n, order) in orders.iter().enumerate() {
            let result = merged_as(&copies, order, &format!("/order{n}-"));
            prop_assert_eq!(&named(&result), &union);
            let known = known(&result);
            prop_assert_eq!(known.values().map(|(next, _)| *next).max(), furthest, "{:?}", known);
        }
        // Copies that lost an unknown number of entries, and one without the stream: the loss is still reported.
        for copy in &copies {
            let front = at(&workspace, "/front");
            workspace.disk.remove_tree(&front.root);
            for (path, bytes) in segments(copy).into_iter().take(1) {
                workspace.disk.overwrite(&front.root.join(path), bytes);
            }
            merged(copy, &front);
            let (before, after) = (known(copy), known(&front));
            for (stream, (next, lost)) in before {
                let Some(known) = after.get(&stream) else { continue };
                prop_assert!(known.0 >= next);
                prop_assert!(known.1 || !lost, "a known loss was forgotten");
            }
        }
    }

    /// Forked and damaged copies: with a gap at the fork, the stream ids may depend on the order, but no entry is lost.
    #[test]
    fn merge_of_damaged_forks_loses_no_entry(
        steps in prop::collection::vec(step(), 4..16),
        harms in prop::collection::vec(prop::collection::vec(harm(), 0..2), 4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 6),
    ) {
        let copies = run_steps(&steps);
        for (copy, harms) in copies.iter().zip(&harms) {
            harms.iter().for_each(|harm| harmed(copy, harm));
        }
        let all: BTreeSet<Content> = copies.iter().flat_map(contents).collect();
        let result = merged_as(&copies, &order, "/order-");
        prop_assert!(contents(&result).is_superset(&all));
    }
}

// ---- single cases

fn tag(n: u8) -> Vec<Toy> {
    (0..n % 3 + 1).map(|m| Toy::Tag { key: vec![n, m] }).collect()
}

fn append(log: &Log, tags: impl IntoIterator<Item = u8>) {
    for n in tags {
        Acknowledgements::default().append(log, &tag(n), Durability::Flush).unwrap();
    }
}

/// Appends to the existing stream and ends.
fn append_to_existing_stream(workspace: &Workspace, tags: impl IntoIterator<Item = u8>) {
    let log = workspace.log(1);
    append(&log, tags);
    workspace.kill(log);
}

/// Three histories that fork at the same number, one that forks from one of them later, and one that forks at their
/// first entry.
pub(crate) fn forked() -> Vec<Workspace> {
    // The size ensures that no run ends with a full segment, which is not continued.
    (600..).step_by(40).find_map(|more| forked_in(FRAMES_AT + more)).unwrap()
}

fn forked_in(segment_bytes_max: u64) -> Option<Vec<Workspace>> {
    let workspace = Workspace::new(7, segment_bytes_max);
    append_to_existing_stream(&workspace, 0..3);
    let early = segments(&workspace);
    append_to_existing_stream(&workspace, 3..9);
    let middle = segments(&workspace);
    let mut copies = Vec::new();
    for n in 0..3 {
        put_back(&workspace, &middle);
        append_to_existing_stream(&workspace, 10 * n + 10..10 * n + 16);
        let late = segments(&workspace);
        append_to_existing_stream(&workspace, 60..70);
        copies.push(workspace.copy_to(&format!("/fork{n}")));
        put_back(&workspace, &late);
        append_to_existing_stream(&workspace, 80..83);
        copies.push(workspace.copy_to(&format!("/nested{n}")));
    }
    put_back(&workspace, &early);
    append_to_existing_stream(&workspace, 90..99);
    copies.push(workspace.copy_to("/early"));
    (workspace.streams().len() == 1).then_some(copies)
}

#[test]
fn nested_forks_at_equal_and_different_numbers_are_split() {
    let copies = forked();
    let oracle = oracle(&copies);
    let streams: BTreeSet<StreamId> = oracle.keys().map(|position| position.stream).collect();
    assert_eq!(streams.len(), 7, "the copies do not have different histories");
    let mut digests = BTreeSet::new();
    for turn in 0..copies.len() {
        let mut order: Vec<&Workspace> = copies.iter().collect();
        order.rotate_left(turn);
        if turn % 2 == 1 {
            order.reverse();
        }
        let result = merged_all(&order, &format!("/result{turn}"));
        assert_eq!(named(&result), oracle, "turn {turn}");
        digests.insert(tables(&result));
    }
    assert_eq!(digests.len(), 1);
}

#[test]
fn tables_after_a_merge_equal_a_rebuild() {
    let copies = forked();
    let into = copies[0].copy_to("/into");
    let projector = into.projector(3, true);
    for from in &copies[1..] {
        projector.catch_up().unwrap();
        merged(from, &into);
        assert_eq!(projector.digest().unwrap().digest, tables(&into));
    }
}

/// The tables contain one, two or three entries of a stream that a merge moves to a derived stream.
#[test]
fn tables_with_entries_of_a_derived_stream_are_rebuilt_because_a_merge_divided_their_stream() {
    for count in 0..3 {
        let workspace = Workspace::new(7, 1 << 20);
        append_to_existing_stream(&workspace, 0..3);
        let common = segments(&workspace);
        let copies = [30, 60].map(|tag| {
            put_back(&workspace, &common);
            append_to_existing_stream(&workspace, [tag + count]);
            workspace.copy_to(&format!("/{tag}"))
        });
        let mut divided = 0;
        for (from, into) in [(&copies[0], &copies[1]), (&copies[1], &copies[0])] {
            let into = into.copy_to("/into");
            let projector = into.projector(3, true);
            projector.catch_up().unwrap();
            let fork = merged(from, &into).forks[0];
            let notes = projector.catch_up().unwrap();
            let reason = notes.into_iter().find_map(|note| match note {
                Note::Rebuilt { reason, .. } => Some(reason),
                _ => None,
            });
            let expected = (fork.kept == Side::Source).then_some(RebuildReason::Divided(fork.stream));
            assert_eq!(reason, expected, "{} entries", count + 1);
            divided += usize::from(expected.is_some());
            into.disk.remove_tree(&into.root);
        }
        assert_eq!(divided, 1);
    }
}

#[test]
fn fork_is_reported_and_derived_stream_is_complete_before_it() {
    let copies = forked();
    let into = copies[0].copy_to("/into");
    let report = merged(&copies[2], &into);
    let [fork] = report.forks[..] else { panic!("{report:#?}") };
    let scan = into.scan(fork.derived, ScanMode::Full);
    assert!(scan.is_clean() && scan.entries[0].stamp.seq == fork.first, "{scan:#?}");
    assert!(scan.frames.len() < scan.entries.len() / 4, "{:?}", scan.frames);
    let kept = match fork.kept {
        Side::Source => &copies[2],
        Side::Target => &copies[0],
    };
    assert_eq!(
        into.scan(fork.stream, ScanMode::Full).entries,
        kept.scan(fork.stream, ScanMode::Full).entries
    );
    // Without its first segment, the missing range starts at the fork.
    let first = into.log_dir().join(fork.derived.to_string()).join(format!("{:020}.seg", fork.first.0));
    into.disk.remove_tree(&first);
    let scan = into.scan(fork.derived, ScanMode::Full);
    assert_eq!(scan.missing()[0].0, fork.first.0);
}

#[test]
fn lost_first_header_of_a_derived_stream_hides_no_entry() {
    let copies = forked();
    let into = merged_all(&copies.iter().collect::<Vec<_>>(), "/into");
    let derived: Vec<StreamId> = into.streams().into_iter().skip(1).collect();
    for stream in derived {
        let before = into.scan(stream, ScanMode::Full);
        let path = into.log_dir().join(stream.to_string());
        let Some(path) = into.segments().into_iter().find(|p| p.starts_with(&path)) else { continue };
        for at in [0, 4096] {
            into.flip(&path, at * 8);
        }
        if before.frames.iter().any(|f| f.segment != before.frames[0].segment) {
            let after = into.scan(stream, ScanMode::Full);
            assert_eq!((after.entries, after.gaps), (before.entries, before.gaps));
        }
    }
}

/// A branch whose trunk lost everything from the fork on.
struct LostTrunk {
    /// The two forked workspaces: the one whose entries are in the trunk, and the one whose entries are in the branch.
    winner: Workspace,
    loser: Workspace,
    /// Both, merged.
    whole: Workspace,
    /// Both, merged, without the entries of the trunk from the fork on.
    damaged: Workspace,
}

fn lost_trunk() -> LostTrunk {
    let copies = forked();
    let whole = copies[0].copy_to("/whole");
    let fork = merged(&copies[2], &whole).forks[0];
    let (winner, loser) = match fork.kept {
        Side::Source => (copies[2].clone(), copies[0].clone()),
        Side::Target => (copies[0].clone(), copies[2].clone()),
    };
    let damaged = whole.copy_to("/damaged");
    let frames = damaged.scan(fork.stream, ScanMode::Full).frames;
    let cut = frames.iter().find(|frame| frame.seqs.0 == fork.first).unwrap();
    let dir = damaged.log_dir().join(fork.stream.to_string());
    for path in damaged.segments().into_iter().filter(|path| path.starts_with(&dir)) {
        let name = format!("{:020}.seg", cut.segment.0);
        match path.file_name().unwrap().to_str().unwrap().cmp(&name) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => {
                let mut bytes = damaged.disk.read(&path).unwrap();
                bytes.truncate(cut.bytes.0 as usize);
                damaged.disk.overwrite(&path, bytes);
            }
            std::cmp::Ordering::Greater => damaged.disk.remove_tree(&path),
        }
    }
    LostTrunk { winner, loser, whole, damaged }
}

/// A copy of the branch is merged under the id of the trunk: the entries of the branch appear once.
#[test]
fn branch_with_the_entries_of_its_trunk_is_merged_into_it() {
    let LostTrunk { winner, loser, whole, damaged: into } = lost_trunk();
    merged(&loser, &into);
    assert_eq!(named(&into).len(), contents(&loser).len());
    assert_eq!(named(&into), named(&loser));
    merged(&winner, &into);
    assert_eq!(named(&into), named(&whole));
}

/// A workspace with a closed stream of several segments.
fn closed() -> Workspace {
    let workspace = Workspace::new(7, SMALL);
    let log = workspace.log(1);
    append(&log, 0..20);
    log.close().unwrap();
    workspace
}

#[test]
fn intact_entries_fill_gaps_both_ways_and_damage_goes_to_quarantine() {
    let workspace = closed();
    let truth = named(&workspace);
    let (left, right) = (workspace.copy_to("/left"), workspace.copy_to("/right"));
    let count = left.segments().len();
    assert!(count > 3);
    for n in 0..count - 1 {
        // Both copies are damaged in every segment except the last, at different positions.
        left.flip(&left.segments()[n], 8 * 4420);
        right.flip(&right.segments()[n], 8 * 4540);
    }
    let (a, b) = (left.copy_to("/a"), right.copy_to("/b"));
    for (from, into) in [(&right, &a), (&left, &b)] {
        let damaged = segments(into);
        let report = merged(from, into);
        let [stream] = &report.streams[..] else { panic!("{report:#?}") };
        assert!(
            matches!(stream.change, Change::United { added, filled } if added > 0 && filled > 0),
            "{report:#?}"
        );
        assert_eq!(named(into), truth);
        let scan = into.scan(stream.stream, ScanMode::Full);
        assert!(scan.gaps.is_empty(), "{scan:#?}");
        assert!(!report.quarantined.is_empty());
        for kept in &report.quarantined {
            let bytes = into.disk.read(&kept.path).unwrap();
            assert!(damaged.values().any(|file| *file == bytes), "not the bytes of the damaged file");
        }
    }
    // An intact segment replaces a damaged one byte for byte.
    merged(&workspace, &left);
    assert_eq!(segments(&left), segments(&workspace));
}

#[test]
fn entries_missing_in_both_logs_are_named_after_a_merge() {
    let workspace = closed();
    let (left, right) = (workspace.copy_to("/left"), workspace.copy_to("/right"));
    for copy in [&left, &right] {
        copy.flip(&copy.segments()[1], 8 * 4420);
    }
    left.flip(&left.segments()[1], 8 * 4540);
    left.flip(&left.segments()[3], 8 * 4420);
    right.flip(&right.segments()[2], 8 * 4420);
    let missing = right.scan(right.streams()[0], ScanMode::Full).missing()[0];
    merged(&right, &left);
    let scan = left.scan(left.streams()[0], ScanMode::Full);
    assert_eq!((scan.missing(), scan.gaps.len()), (vec![missing], 1), "{scan:#?}");
    assert!(scan.findings.iter().all(|f| f.kind != FindingKind::ChainBroken), "{scan:#?}");
}

#[test]
fn torn_end_is_repaired_by_a_longer_copy_and_kept_known_otherwise() {
    let workspace = Workspace::new(7, 1 << 20);
    append_to_existing_stream(&workspace, 0..5);
    let stream = workspace.streams()[0];
    let whole = workspace.disk.read(&workspace.segments()[0]).unwrap();
    let frames = workspace.scan(stream, ScanMode::Full).frames;
    let last = frames.last().unwrap().bytes.0 as usize;
    let write = |root: &str, bytes: &[u8]| {
        let copy = workspace.copy_to(root);
        workspace.disk.overwrite(&copy.segments()[0], bytes.to_vec());
        copy
    };
    let torn = write("/torn", &whole[..frames.last().unwrap().bytes.1 as usize - 9]);
    let short = write("/short", &whole[..last]);
    let damaged = write("/damaged", &whole);
    damaged.flip(&damaged.segments()[0], 8 * (last + 60));
    let is_lost = |w: &Workspace| w.scan(stream, ScanMode::Full).gaps.iter().any(|gap| gap.last.is_none());
    for copy in [&torn, &damaged] {
        let healed = copy.copy_to(&format!("{}-healed", copy.root.display()));
        merged(&workspace, &healed);
        assert!(healed.scan(stream, ScanMode::Full).is_clean());
        let remembering = short.copy_to(&format!("{}-remembered", copy.root.display()));
        merged(copy, &remembering);
        assert!(is_lost(&remembering));
        merged(&workspace, &remembering);
        assert!(!is_lost(&remembering) && named(&remembering) == named(&workspace));
        // The complete copy does not adopt the damage.
        let report = merged(copy, &workspace);
        assert!(report.is_unchanged());
    }
}

#[test]
fn end_recorded_by_a_mark_stays_known() {
    let workspace = Workspace::new(7, 1 << 20);
    let log = workspace.log(1);
    append(&log, 0..6);
    log.close().unwrap();
    let stream = workspace.streams()[0];
    let whole = workspace.scan(stream, ScanMode::Full);
    let (from, into) = (workspace.copy_to("/from"), workspace.copy_to("/into"));
    // One copy lost its last commit before the mark; the other lost both. Both lost another commit.
    let last = whole.frames[5];
    from.flip(&from.segments()[0], 8 * (last.bytes.0 as usize + 50));
    from.flip(&from.segments()[0], 8 * (whole.frames[1].bytes.0 as usize + 50));
    let mut bytes = into.disk.read(&into.segments()[0]).unwrap();
    bytes.truncate(last.bytes.0 as usize);
    into.disk.overwrite(&into.segments()[0], bytes);
    into.flip(&into.segments()[0], 8 * (whole.frames[2].bytes.0 as usize + 50));
    merged(&from, &into);
    let scan = into.scan(stream, ScanMode::Full);
    assert_eq!(scan.missing(), [(last.seqs.0.0, last.seqs.1.0)], "{scan:#?}");
    assert_eq!((scan.next, scan.gaps.len()), (whole.next, 1));
}

#[test]
fn stream_held_by_a_writer_is_skipped_and_reported() {
    let copies = forked();
    // The stream whose entries would have to move.
    let fork = merged(&copies[2], &copies[0].copy_to("/probe")).forks[0];
    let (mine, from) = match fork.kept {
        Side::Source => (&copies[0], &copies[2]),
        Side::Target => (&copies[2], &copies[0]),
    };
    let workspace = at(mine, "/w");
    put_back(&workspace, &segments(mine));
    let log = workspace.log(9);
    append(&log, [99]);
    let before = segments(&workspace);
    let held = workspace.streams()[0];
    assert_eq!(log.head().unwrap().stream, held);
    let storage = workspace.disk.process(50);
    let report = merge_on(&storage, from, &workspace).unwrap();
    assert_eq!(report.streams[0].change, Change::Skipped(SkipReason::Held));
    assert!(segments(&workspace) == before);
    // An older copy adds nothing.
    assert_eq!(merge_on(&storage, mine, &workspace).unwrap().streams[0].change, Change::Unchanged);
    // The writer of the target continues unaffected.
    append(&log, [100]);
    workspace.kill(log);
    merged(from, &workspace);
    // A stream with two histories is not continued.
    let log = workspace.log(10);
    append(&log, [101]);
    assert_ne!(log.head().unwrap().stream, held);
}

#[test]
fn stream_with_an_unreadable_file_in_the_source_is_skipped_and_reported() {
    let sound = closed();
    let source = sound.copy_to("/source");
    // A directory with the name of a segment.
    let path = source.segments()[1].clone();
    source.disk.remove_tree(&path);
    source.disk.process(9).create_dir_all(&path).unwrap();
    let log = source.log(3);
    append(&log, [30]);
    log.close().unwrap();
    let target = sound.copy_to("/target");
    target.segments().iter().skip(2).for_each(|path| target.disk.remove_tree(path));
    let before = segments(&target);
    let report = merge_on(&target.disk.process(50), &source, &target).unwrap();
    let changes: Vec<Change> = report.streams.iter().map(|stream| stream.change).collect();
    assert_eq!(changes, [Change::Skipped(SkipReason::Unreadable), Change::Copied]);
    let after = segments(&target);
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));
}

/// The files of a log were replaced by older ones while a writer held its stream, and a copy has the newer ones.
#[test]
fn stream_held_by_a_writer_is_not_extended() {
    let workspace = Workspace::new(7, 1 << 20);
    let log = workspace.log(1);
    append(&log, 0..3);
    let early = segments(&workspace);
    append(&log, 3..6);
    let longer = workspace.copy_to("/longer");
    put_back(&workspace, &early);
    let report = merge_on(&workspace.disk.process(50), &longer, &workspace).unwrap();
    assert_eq!(report.streams[0].change, Change::Skipped(SkipReason::Held));
    assert!(segments(&workspace) == early);
    workspace.kill(log);
    assert_eq!(merged(&longer, &workspace).streams[0].change, Change::Extended);
}

#[test]
fn names_of_changes_and_reasons_are_stable() {
    let changes = [
        (Change::Copied, "copied"),
        (Change::Unchanged, "unchanged"),
        (Change::Extended, "extended"),
        (Change::United { added: 1, filled: 0 }, "united"),
        (Change::Moved, "moved"),
        (Change::Skipped(SkipReason::Held), "skipped"),
    ];
    changes.into_iter().for_each(|(change, name)| assert_eq!(change.name(), name));
    let reasons = [
        (SkipReason::Held, "held_by_a_writer"),
        (SkipReason::Newer, "newer_format"),
        (SkipReason::Unreadable, "source_unreadable"),
        (SkipReason::TooDeep, "forked_too_deep"),
        (SkipReason::ErasedFork, "forked_in_erased_entries"),
    ];
    reasons.into_iter().for_each(|(reason, name)| assert_eq!(reason.name(), name));
}

#[test]
fn copied_stream_is_extended_byte_for_byte_and_never_continued() {
    let workspace = Workspace::new(7, SMALL);
    let into = at(&workspace, "/into");
    for (n, tags) in [0..2, 2..3, 3..12, 12..20].into_iter().enumerate() {
        append_to_existing_stream(&workspace, tags);
        let report = merged(&workspace, &into);
        let change = if n == 0 { Change::Copied } else { Change::Extended };
        assert_eq!(report.streams.iter().map(|s| s.change).collect::<Vec<_>>(), [change]);
        assert_eq!(segments(&into), segments(&workspace));
    }
    let log = into.log(5);
    append(&log, [1]);
    assert_ne!(log.head().unwrap().stream, workspace.streams()[0]);
}

#[test]
fn unreadable_bytes_are_copied_to_quarantine_once() {
    let workspace = closed();
    let stream = workspace.streams()[0];
    let paths = workspace.segments();
    workspace.flip(&paths[0], 8 * 4420);
    workspace.flip(&paths[1], 0);
    workspace.flip(&paths[1], 8 * 4096);
    let before = segments(&workspace);
    let storage = workspace.disk.process(50);
    let dir = Path::new("/w/quarantine");
    let copied = quarantine(&storage, &workspace.log_dir(), stream, dir).unwrap();
    let findings = workspace.scan(stream, ScanMode::Full).findings;
    let unreadable = |f: &&Finding| !matches!(f.kind, FindingKind::SealBroken | FindingKind::HeaderCopy);
    assert_eq!(copied.len(), findings.iter().filter(unreadable).count(), "{findings:#?}");
    assert!(segments(&workspace) == before);
    for kept in &copied {
        let name = format!("{stream}-{}-{}-{}.bytes", kept.segment, kept.offset, kept.len);
        assert_eq!(kept.path, dir.join(name));
        let file = workspace
            .disk
            .read(paths.iter().find(|p| p.ends_with(format!("{:020}.seg", kept.segment.0))).unwrap());
        let range = kept.offset as usize..(kept.offset + kept.len) as usize;
        assert_eq!(workspace.disk.read(&kept.path).unwrap(), file.unwrap()[range]);
    }
    let writes = workspace.disk.write_count();
    assert_eq!(quarantine(&storage, &workspace.log_dir(), stream, dir).unwrap(), copied);
    assert_eq!(workspace.disk.write_count(), writes);
    // Different damage at the same position is another file in quarantine.
    workspace.flip(&paths[0], 8 * 4420 + 1);
    let more = quarantine(&storage, &workspace.log_dir(), stream, dir).unwrap();
    assert_eq!(more.iter().filter(|m| !copied.contains(m)).count(), 1);
}

#[test]
fn long_damaged_range_is_copied_to_quarantine_to_its_end_only() {
    let workspace = Workspace::new(7, 1 << 22);
    let log = workspace.log(1);
    for len in [10, 600_000, 300_000] {
        log.append(&[Toy::Tag { key: (0..len).map(|n| (n % 251) as u8).collect() }], Durability::Flush)
            .unwrap();
    }
    log.close().unwrap();
    let stream = workspace.streams()[0];
    let path = workspace.segments()[0].clone();
    let range = workspace.scan(stream, ScanMode::Full).frames[1].bytes;
    workspace.flip(&path, (range.0 as usize + 100_000) * 8);
    let dir = Path::new("/w/quarantine");
    let copied = quarantine(&workspace.disk.process(50), &workspace.log_dir(), stream, dir).unwrap();
    let kept = workspace.disk.read(&copied[0].path).unwrap();
    assert!(kept == workspace.disk.read(&path).unwrap()[range.0 as usize..range.1 as usize], "{copied:?}");
}

// ---- crashes

/// Pairs of workspaces that together reach every branch of a merge.
fn pairs() -> Vec<(Workspace, Workspace)> {
    let copies = forked();
    let all = merged_all(&copies.iter().collect::<Vec<_>>(), "/all");
    let some = merged_all(&[&copies[0], &copies[1], &copies[4]], "/some");
    let (left, right) = (copies[0].copy_to("/left"), copies[0].copy_to("/right"));
    for n in 0..left.segments().len() - 1 {
        left.flip(&left.segments()[n], 8 * 4420);
        right.flip(&right.segments()[n], 8 * 4500);
    }
    let empty = at(&copies[0], "/empty");
    let lost = lost_trunk();
    vec![
        (all, empty.clone()),
        (right, left),
        (copies[6].clone(), some),
        (copies[1].clone(), copies[0].copy_to("/one")),
        (copies[0].clone(), copies[1].copy_to("/other")),
        // In these, the entries of a stream of the target move to another one.
        (copies[0].clone(), merged_all(&[&copies[2], &copies[4], &copies[5]], "/three")),
        (lost.loser, lost.damaged),
    ]
}

#[test]
fn pairs_have_streams_that_move() {
    let moving = pairs().into_iter().filter(|(from, into)| {
        let before = into.streams();
        let report = merged(from, into);
        report.streams.iter().any(|s| s.change == Change::Moved && before.contains(&s.stream))
    });
    assert_eq!(moving.count(), 2);
}

/// Runs a merge with a fault at each of its operations, and after each of them a second merge.
fn interrupted(fault: fn() -> Fault, step: u64) {
    for (from, into) in pairs() {
        let expected = into.copy_to("/expected");
        merged(&from, &expected);
        let before = contents(&into);
        for n in (0..).step_by(step as usize) {
            let target = into.copy_to("/target");
            let process = target.disk.spawn(51);
            process.plan(Moment::Operation(n), fault());
            let outcome = merge_on(&(process.clone() as Arc<dyn Storage>), &from, &target);
            assert!(outcome.is_err() || named(&target) == named(&expected) || process.has_passed_plans());
            let lost: Vec<Content> = before.difference(&contents(&target)).cloned().collect();
            assert!(lost.is_empty(), "operation {n} of {}: {lost:?}", from.root.display());
            merged(&from, &target);
            assert_eq!(named(&target), named(&expected), "operation {n} of {}", from.root.display());
            target.disk.remove_tree(&target.root);
            if !process.has_passed_plans() {
                break;
            }
        }
        expected.disk.remove_tree(&expected.root);
    }
}

#[test]
fn merge_killed_at_any_operation_loses_nothing_and_is_finished_by_the_next() {
    interrupted(|| Fault::Kill, 1);
}

#[test]
fn merge_with_any_failed_operation_loses_nothing_and_is_finished_by_the_next() {
    interrupted(|| Fault::Error(std::io::ErrorKind::Other), 3);
}

#[test]
fn merge_on_a_disk_that_fills_up_loses_nothing() {
    for (from, into) in pairs() {
        let expected = into.copy_to("/expected");
        merged(&from, &expected);
        let before = contents(&into);
        for free in (0..).step_by(1801) {
            let target = into.copy_to("/target");
            target.disk.set_free_bytes(Some(free));
            let outcome = merge_on(&target.disk.process(51), &from, &target);
            target.disk.set_free_bytes(None);
            assert!(contents(&target).is_superset(&before));
            match &outcome {
                Ok(report) => assert_eq!(named(&target), named(&expected), "{report:?}"),
                Err(e) => assert_eq!(e.code(), "storage_full"),
            }
            merged(&from, &target);
            assert_eq!(named(&target), named(&expected), "{free} bytes of {}", from.root.display());
            target.disk.remove_tree(&target.root);
            if outcome.is_ok() {
                break;
            }
        }
        expected.disk.remove_tree(&expected.root);
    }
}

#[test]
fn power_cut_during_a_merge_loses_nothing() {
    let pair_count = pairs().len();
    for pair in 0..pair_count {
        for n in (0..).step_by(23) {
            let (from, into) = pairs().swap_remove(pair);
            let expected = into.copy_to("/expected");
            merged(&from, &expected);
            let before = contents(&into);
            let process = into.disk.spawn(51);
            process.plan(Moment::Operation(n), Fault::Kill);
            let _ = merge_on(&(process.clone() as Arc<dyn Storage>), &from, &into);
            into.disk.cut_power(n);
            assert!(contents(&into).is_superset(&before), "operation {n} of pair {pair}");
            merged(&from, &into);
            assert_eq!(named(&into), named(&expected), "operation {n} of pair {pair}");
            if !process.has_passed_plans() {
                break;
            }
        }
    }
}

/// The helpers above rely on the scan, so the scan must detect an additional entry.
#[test]
fn scan_detects_an_additional_entry() {
    let copies = forked();
    let before = oracle(&copies);
    let fewer = oracle(&copies[1..]);
    assert!(fewer.len() < before.len());
    let storage = copies[0].disk.process(9);
    let scan = Scan::of(&storage, &copies[0].log_dir(), copies[0].streams()[0], ScanMode::Full);
    assert_eq!(scan.entries.len(), contents(&copies[0]).len());
}

/// The last frame is repaired even if only zeros in it are damaged: the padding, or the end of a payload.
#[test]
fn flipped_bit_in_the_last_bytes_of_the_last_frame_is_repaired_from_the_other_copy() {
    for n in 0..6u8 {
        let workspace = Workspace::new(80, 1 << 20);
        append_to_existing_stream(&workspace, 0..n + 1);
        let other = workspace.copy_to("/other");
        let path = workspace.segments().pop().unwrap();
        let bytes = workspace.disk.read(&path).unwrap();
        let end = bytes.iter().rposition(|b| *b != 0).unwrap() + 1;
        let end = end.next_multiple_of(8);
        for bit in (end - 16) * 8..end * 8 {
            workspace.disk.overwrite(&path, bytes.clone());
            workspace.flip(&path, bit);
            merged(&other, &workspace);
        }
    }
}

/// The frames of one segment.
fn frames_of(workspace: &Workspace, segment: usize) -> Vec<Frame> {
    let base = base_of(&workspace.segments()[segment]);
    let scan = workspace.scan(workspace.streams()[0], ScanMode::Full);
    scan.frames.into_iter().filter(|frame| frame.segment.0 == base).collect()
}

/// Flips a bit in the payload of a frame.
fn damage(workspace: &Workspace, segment: usize, frame: &Frame) {
    workspace.flip(&workspace.segments()[segment], 8 * (frame.bytes.0 as usize + 50));
}

#[test]
fn shorter_copy_of_a_middle_segment_is_extended_in_either_direction() {
    let sound = closed();
    let count = sound.segments().len();
    for n in 0..count - 1 {
        let cut = frames_of(&sound, n).last().unwrap().bytes.0 as usize;
        let shorten = |root: &str| {
            let copy = sound.copy_to(root);
            let path = copy.segments()[n].clone();
            let mut bytes = copy.disk.read(&path).unwrap();
            bytes.truncate(cut);
            copy.disk.overwrite(&path, bytes);
            copy
        };
        // The source has more segments after the shorter one.
        let (source, target) = (shorten("/source"), sound.copy_to("/target"));
        target.segments().iter().skip(n + 1).for_each(|path| target.disk.remove_tree(path));
        merged(&source, &target);
        assert_eq!(named(&target), named(&sound), "segment {n}");
        // The target has more segments after the shorter one, and the source ends with the longer one.
        let (source, target) = (sound.copy_to("/source2"), shorten("/target2"));
        source.segments().iter().skip(n + 1).for_each(|path| source.disk.remove_tree(path));
        merged(&source, &target);
        assert_eq!(named(&target), named(&sound), "segment {n}");
        ["/source", "/target", "/source2", "/target2"]
            .iter()
            .for_each(|r| sound.disk.remove_tree(Path::new(r)));
    }
}

#[test]
fn damage_over_two_frames_stays_known_if_the_other_copy_has_only_the_first() {
    let workspace = Workspace::new(7, 1 << 20);
    append_to_existing_stream(&workspace, 0..6);
    let stream = workspace.streams()[0];
    let frames = frames_of(&workspace, 0);
    let damaged = workspace.copy_to("/damaged");
    frames[4..].iter().for_each(|frame| damage(&damaged, 0, frame));
    let short = workspace.copy_to("/short");
    let mut bytes = short.disk.read(&short.segments()[0]).unwrap();
    bytes.truncate(frames[4].bytes.1 as usize);
    short.disk.overwrite(&short.segments()[0], bytes);
    for (n, (from, into)) in [(&damaged, &short), (&short, &damaged)].into_iter().enumerate() {
        let into = into.copy_to(&format!("/into{n}"));
        merged(from, &into);
        let scan = into.scan(stream, ScanMode::Full);
        assert_eq!(scan.entries.last().unwrap().stamp.seq, frames[4].seqs.1);
        assert!(scan.gaps.iter().any(|gap| gap.last.is_none()), "{scan:#?}");
    }
}

#[test]
fn segment_with_lost_header_in_the_source_is_rewritten() {
    let sound = closed();
    let (from, into) = (sound.copy_to("/from"), sound.copy_to("/into"));
    for at in [0, 4096] {
        from.flip(&from.segments()[1], at * 8);
    }
    damage(&into, 1, &frames_of(&sound, 1)[0]);
    merged(&from, &into);
    let scan = into.scan(sound.streams()[0], ScanMode::Full);
    assert!(scan.is_clean() && named(&into) == named(&sound), "{scan:#?}");
}

#[test]
fn rewritten_segment_is_readable_with_the_salt_in_the_next_header() {
    let sound = closed();
    let stream = sound.streams()[0];
    let (from, into) = (sound.copy_to("/from"), sound.copy_to("/into"));
    let frames = frames_of(&sound, 1);
    damage(&from, 1, &frames[0]);
    damage(&into, 1, &frames[1]);
    merged(&from, &into);
    assert_ne!(segments(&into), segments(&sound));
    for at in [0, 4096] {
        into.flip(&into.segments()[1], at * 8);
    }
    assert_eq!(into.scan(stream, ScanMode::Full).entries, sound.scan(stream, ScanMode::Full).entries);
}

/// A segment must be replaced by one file, even if the entries of both copies exceed the maximum size of a segment.
#[test]
fn last_segment_rewritten_beyond_the_maximum_size_is_one_file() {
    let sound = Workspace::new(7, 1 << 20);
    let log = sound.log(1);
    append(&log, 0..40);
    log.close().unwrap();
    let (from, into) = (sound.copy_to("/from"), sound.copy_to("/into"));
    let frames = frames_of(&sound, 0);
    assert!(frames.last().unwrap().bytes.1 > 2 * SMALL - FRAMES_AT);
    damage(&from, 0, &frames[0]);
    damage(&into, 0, &frames[1]);
    merged(&from, &into);
    assert_ne!(segments(&into), segments(&sound));
    assert!(segments(&into).keys().eq(segments(&sound).keys()));
    assert!(into.scan(sound.streams()[0], ScanMode::Full).is_clean() && named(&into) == named(&sound));
}

/// The gap is between frames, or at the end of a segment whose successor is rewritten.
#[test]
fn chain_does_not_continue_over_a_gap_into_a_rewritten_segment() {
    let sound = closed();
    let stream = sound.streams()[0];
    let (frames, behind) = (frames_of(&sound, 1), frames_of(&sound, 2));
    for (n, lost) in [&frames[0], frames.last().unwrap()].into_iter().enumerate() {
        let (from, into) = (sound.copy_to(&format!("/from{n}")), sound.copy_to(&format!("/into{n}")));
        damage(&from, 1, lost);
        damage(&into, 1, lost);
        damage(&from, 2, &behind[0]);
        damage(&into, 2, &behind[1]);
        merged(&from, &into);
        let scan = into.scan(stream, ScanMode::Full);
        assert_eq!(scan.missing(), [(lost.seqs.0.0, lost.seqs.1.0)], "{scan:#?}");
        assert!(scan.findings.iter().all(|f| f.kind != FindingKind::ChainBroken), "{scan:#?}");
    }
}

#[test]
fn report_counts_entries_that_filled_gaps_apart_from_entries_after_the_end() {
    let sound = closed();
    let into = sound.copy_to("/into");
    let frame = frames_of(&sound, 0)[0];
    damage(&into, 0, &frame);
    let before = into.entries().len() as u64;
    into.disk.remove_tree(into.segments().last().unwrap());
    let removed = before - into.entries().len() as u64;
    let gap = frame.seqs.1.0 - frame.seqs.0.0 + 1;
    assert!(removed > 0);
    let change = merged(&sound, &into).streams[0].change;
    assert_eq!(change, Change::United { added: gap + removed, filled: gap });
}

#[test]
fn damaged_segments_of_a_moved_stream_go_to_quarantine() {
    let copies = forked();
    let fork = merged(&copies[2], &copies[0].copy_to("/probe")).forks[0];
    let (loser, winner) = match fork.kept {
        Side::Source => (&copies[0], &copies[2]),
        Side::Target => (&copies[2], &copies[0]),
    };
    let into = loser.copy_to("/into");
    let last = into.segments().len() - 1;
    assert!(base_of(&into.segments()[last]) > fork.first.0);
    damage(&into, last, &frames_of(loser, last)[0]);
    let bytes = into.disk.read(&into.segments()[last]).unwrap();
    let report = merged(winner, &into);
    let kept: Vec<_> = report.quarantined.iter().map(|kept| into.disk.read(&kept.path).unwrap()).collect();
    assert!(kept.contains(&bytes), "{report:#?}");
}

#[test]
fn derived_stream_of_many_segments_has_an_unbroken_chain() {
    let workspace = Workspace::new(7, 1 << 20);
    let append_to_existing_stream = |tags: std::ops::Range<u8>| {
        let log = workspace.log(1);
        for n in tags {
            log.append(&[Toy::Tag { key: vec![n; 120] }], Durability::Flush).unwrap();
        }
        workspace.kill(log);
    };
    append_to_existing_stream(0..3);
    let early = segments(&workspace);
    append_to_existing_stream(10..30);
    let left = workspace.copy_to("/left");
    put_back(&workspace, &early);
    append_to_existing_stream(40..60);
    let derived = merged(&workspace, &left).forks[0].derived;
    let scan = left.scan(derived, ScanMode::Full);
    assert!(scan.is_clean() && scan.entries.len() == 20, "{scan:#?}");
    let bases: BTreeSet<Seq> = scan.frames.iter().map(|frame| frame.segment).collect();
    assert!(bases.len() > 2, "{bases:?}");
    // Only the last segment is shorter.
    let of_derived = |path: &&PathBuf| path.to_string_lossy().contains(&derived.to_string());
    let paths = left.segments();
    let lengths = paths.iter().filter(of_derived).map(|path| left.disk.read(path).unwrap().len() as u64);
    let short: Vec<u64> = lengths.filter(|len| *len < SMALL).collect();
    assert!(short.len() <= 1, "{short:?}");
}

// ---- foreign files with the name of a segment

/// The sequence number in the name of a segment.
fn base_of(path: &Path) -> u64 {
    path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

/// Writes a file with the name of a segment of the only stream.
fn put_file(workspace: &Workspace, stream: StreamId, base: u64, bytes: &[u8]) -> PathBuf {
    let path = workspace.log_dir().join(stream.to_string()).join(format!("{base:020}.seg"));
    workspace.disk.overwrite(&path, bytes.to_vec());
    path
}

/// Sequence numbers with which no segment begins, up to the one after the last entry.
fn free_names(workspace: &Workspace, stream: StreamId) -> Vec<u64> {
    let dir = workspace.log_dir().join(stream.to_string());
    let taken: BTreeSet<u64> =
        workspace.segments().iter().filter(|p| p.starts_with(&dir)).map(|p| base_of(p)).collect();
    let next = workspace.scan(stream, ScanMode::Full).next.0;
    (2..next + 2).filter(|base| !taken.contains(base)).collect()
}

/// The link of the chain after the last entry.
fn head(workspace: &Workspace, stream: StreamId, last: Seq) -> Option<Digest> {
    let storage = workspace.disk.process(99);
    let mut reader = StreamReader::open(&storage, &workspace.log_dir(), stream, ScanMode::Full).unwrap();
    reader.watch(last);
    while reader.next_item().unwrap().is_some() {}
    reader.watched(last)
}

/// Asserts that the stray file is the only finding, and that it hides nothing.
fn check_harmless(sound: &Workspace, workspace: &Workspace, stray: u64) {
    let stream = sound.streams()[0];
    let (expected, scan) = (sound.scan(stream, ScanMode::Full), workspace.scan(stream, ScanMode::Full));
    assert_eq!(scan.entries, expected.entries, "stray at {stray}");
    let others = scan.findings.iter().filter(|f| (f.segment.0, f.kind) != (stray, FindingKind::Foreign));
    assert_eq!(others.count(), 0, "stray at {stray}: {scan:#?}");
    // After the last segment, a foreign file may be the rest of a segment.
    let last_segment = sound.segments().last().map(|p| base_of(p)).unwrap();
    assert!(scan.gaps.is_empty() || stray > last_segment, "stray at {stray}: {scan:#?}");
    let last = expected.entries.last().unwrap().stamp.seq;
    assert_eq!(head(workspace, stream, last), head(sound, stream, last), "stray at {stray}");
}

#[test]
fn merge_over_a_stray_copy_of_a_segment_breaks_no_chain() {
    let sound = closed();
    let stream = sound.streams()[0];
    let first = sound.disk.read(&sound.segments()[0]).unwrap();
    for base in free_names(&sound, stream) {
        let target = sound.copy_to("/target");
        put_file(&target, stream, base, &first);
        assert!(merged(&sound, &target).is_unchanged());
        check_harmless(&sound, &target, base);
        // Damage elsewhere is repaired in the same merge.
        for n in [0, 2, target.segments().len() - 1] {
            let path = target.segments()[n].clone();
            if base_of(&path) != base {
                target.flip(&path, 8 * 4420);
            }
        }
        merged(&sound, &target);
        check_harmless(&sound, &target, base);
        target.disk.remove_tree(&target.root);
    }
}

#[test]
fn merge_from_a_log_with_a_stray_copy_of_a_segment_ignores_it() {
    let sound = closed();
    let stream = sound.streams()[0];
    let first = sound.disk.read(&sound.segments()[0]).unwrap();
    let source = at(&sound, "/source");
    for base in free_names(&sound, stream) {
        sound.copy_to("/source");
        put_file(&source, stream, base, &first);
        let (empty, short, damaged) = (at(&sound, "/empty"), at(&sound, "/short"), at(&sound, "/damaged"));
        for target in [&short, &damaged] {
            sound.copy_to(target.root.to_str().unwrap());
        }
        short.segments().iter().skip(2).for_each(|path| short.disk.remove_tree(path));
        damaged.flip(&damaged.segments()[0], 8 * 4420);
        damaged.flip(&damaged.segments()[3], 8 * 4420);
        for target in [&empty, &short, &damaged] {
            merged(&source, target);
            assert_eq!(segments(target), segments(&sound), "stray at {base} of {}", target.root.display());
            target.disk.remove_tree(&target.root);
        }
        source.disk.remove_tree(&source.root);
    }
}

#[test]
fn stray_file_in_place_of_a_segment_goes_to_quarantine_when_the_segment_is_merged() {
    let sound = closed();
    let stream = sound.streams()[0];
    let first = sound.disk.read(&sound.segments()[0]).unwrap();
    for n in 1..sound.segments().len() {
        // The stray file alone, between others, and as the last file.
        for kept in [1, n, usize::MAX] {
            let target = sound.copy_to("/target");
            let paths = target.segments();
            paths.iter().skip(kept).for_each(|path| target.disk.remove_tree(path));
            put_file(&target, stream, base_of(&paths[n]), &first);
            let report = merged(&sound, &target);
            assert_eq!(segments(&target), segments(&sound), "{report:#?}");
            let [kept] = &report.quarantined[..] else { panic!("{report:#?}") };
            assert_eq!(target.disk.read(&kept.path).as_ref(), Some(&first));
            target.disk.remove_tree(&target.root);
        }
    }
}

/// A stray file before the fork is not a valid start for reading a branch, and one after the fork does not remain
/// alone in a stream that loses its end.
#[test]
fn stray_file_in_a_forked_stream_hides_no_entry() {
    let copies = forked();
    let (left, right) = (&copies[0], &copies[2]);
    let expected = merged_all(&[left, right], "/expected");
    let stream = left.streams()[0];
    let first = left.disk.read(&left.segments()[0]).unwrap();
    for (mine, other) in [(left, right), (right, left)] {
        for base in free_names(mine, stream)
            .into_iter()
            .filter(|base| *base <= mine.scan(stream, ScanMode::Full).next.0)
        {
            let stray = mine.copy_to("/stray");
            put_file(&stray, stream, base, &first);
            let into = other.copy_to("/into");
            merged(&stray, &into);
            assert_eq!(named(&into), named(&expected), "from a log with a stray at {base}");
            let broken = |w: &Workspace| {
                let scans = w.streams().into_iter().map(|s| w.scan(s, ScanMode::Full));
                scans.flat_map(|scan| scan.findings).any(|f| f.kind != FindingKind::Foreign)
            };
            assert!(!broken(&into));
            merged(other, &stray);
            assert_eq!(named(&stray), named(&expected), "into a log with a stray at {base}");
            assert!(!broken(&stray));
            // A stray file between segments must not become the last file of a stream that loses its end.
            if base < mine.segments().last().map(|p| base_of(p)).unwrap() {
                let gaps = |s| stray.scan(s, ScanMode::Full).gaps;
                assert_eq!(stray.streams().into_iter().flat_map(gaps).collect::<Vec<_>>(), [], "{base}");
            }
            stray.disk.remove_tree(&stray.root);
            into.disk.remove_tree(&into.root);
        }
    }
}

/// Contents of a file whose creation was interrupted before its header was written.
fn unfinished() -> [Vec<u8>; 3] {
    [Vec::new(), vec![0; 100], vec![0; FRAMES_AT as usize + 5000]]
}

#[test]
fn unfinished_segment_of_the_source_is_not_merged() {
    let sound = closed();
    let stream = sound.streams()[0];
    let source = at(&sound, "/source");
    for bytes in unfinished() {
        for base in free_names(&sound, stream) {
            sound.copy_to("/source");
            put_file(&source, stream, base, &bytes);
            let (empty, equal) = (at(&sound, "/empty"), sound.copy_to("/equal"));
            let (short, damaged) = (sound.copy_to("/short"), sound.copy_to("/damaged"));
            short.segments().iter().skip(2).for_each(|path| short.disk.remove_tree(path));
            damaged.flip(&damaged.segments()[0], 8 * 4420);
            damaged.flip(&damaged.segments()[3], 8 * 4420);
            for target in [&empty, &equal, &short, &damaged] {
                merged(&source, target);
                assert_eq!(segments(target), segments(&sound), "{base} of {}", target.root.display());
                target.disk.remove_tree(&target.root);
            }
            source.disk.remove_tree(&source.root);
        }
    }
}

#[test]
fn unfinished_segment_of_the_target_is_removed_by_a_merge_that_changes_the_stream() {
    let sound = closed();
    let stream = sound.streams()[0];
    for bytes in unfinished() {
        for base in free_names(&sound, stream) {
            let (short, damaged) = (sound.copy_to("/short"), sound.copy_to("/damaged"));
            short.segments().iter().skip(2).for_each(|path| short.disk.remove_tree(path));
            damaged.flip(&damaged.segments()[0], 8 * 4420);
            damaged.flip(&damaged.segments()[3], 8 * 4420);
            for target in [&short, &damaged] {
                put_file(target, stream, base, &bytes);
                merged(&sound, target);
                assert_eq!(segments(target), segments(&sound), "{base} of {}", target.root.display());
                target.disk.remove_tree(&target.root);
            }
        }
    }
}

#[test]
fn only_temporary_segments_in_the_directory_of_a_changed_stream_are_removed() {
    let sound = closed();
    let target = sound.copy_to("/target");
    target.segments().iter().skip(2).for_each(|path| target.disk.remove_tree(path));
    let dir = target.log_dir().join(sound.streams()[0].to_string());
    for name in ["notes.tmp", "segment-notes", "segment-0123456789abcdef.tmp"] {
        target.disk.overwrite(&dir.join(name), b"content".to_vec());
    }
    merge_on(&target.disk.process(50), &sound, &target).unwrap();
    assert_eq!(segments(&target), segments(&sound));
    let content = |name: &str| target.disk.read(&dir.join(name));
    assert_eq!(
        [content("notes.tmp"), content("segment-notes")],
        [Some(b"content".to_vec()), Some(b"content".to_vec())]
    );
    assert_eq!(content("segment-0123456789abcdef.tmp"), None);
}

/// A file that holds part of a header is not the empty file of an interrupted creation: its bytes stay known.
#[test]
fn damaged_beginning_of_a_segment_goes_to_quarantine_before_it_is_replaced() {
    let sound = closed();
    let last = sound.segments().len() - 1;
    let target = sound.copy_to("/target");
    let path = target.segments()[last].clone();
    let mut bytes = target.disk.read(&path).unwrap()[..100].to_vec();
    bytes[20] ^= 1;
    target.disk.overwrite(&path, bytes.clone());
    let report = merged(&sound, &target);
    assert_eq!(segments(&target), segments(&sound));
    let kept: Vec<Vec<u8>> =
        report.quarantined.iter().map(|kept| target.disk.read(&kept.path).unwrap()).collect();
    assert_eq!(kept, [bytes]);
}

#[test]
fn unfinished_segment_is_replaced_by_the_segment_of_the_same_name() {
    let sound = closed();
    let paths = sound.segments();
    for bytes in unfinished() {
        for n in 0..paths.len() {
            let target = sound.copy_to("/target");
            let left: Vec<PathBuf> = target.segments();
            left.iter().skip(n + 1).for_each(|path| target.disk.remove_tree(path));
            target.disk.overwrite(&left[n], bytes.clone());
            let report = merged(&sound, &target);
            assert_eq!(segments(&target), segments(&sound));
            assert_eq!(report.quarantined, []);
            // In a merge in the other direction, the file contributes nothing.
            let source = sound.copy_to("/source");
            source.disk.overwrite(&source.segments()[n], bytes.clone());
            assert!(merged(&source, &target).is_unchanged());
            target.disk.remove_tree(&target.root);
            source.disk.remove_tree(&source.root);
        }
    }
}

#[test]
fn stream_without_a_finished_segment_is_not_copied() {
    let sound = closed();
    let first = sound.segments()[0].clone();
    for bytes in unfinished() {
        let source = at(&sound, "/source");
        source.disk.overwrite(&source.root.join(first.strip_prefix(&sound.root).unwrap()), bytes);
        let target = at(&sound, "/target");
        let report = merged(&source, &target);
        assert_eq!((report.streams, segments(&target)), (vec![], Files::new()));
        source.disk.remove_tree(&source.root);
        target.disk.remove_tree(&target.root);
    }
}

/// A last file without a header may have held entries: the loss stays known.
#[test]
fn loss_of_a_last_segment_without_header_stays_known() {
    let sound = closed();
    let stream = sound.streams()[0];
    let is_lost = |w: &Workspace| w.scan(stream, ScanMode::Full).gaps.iter().any(|gap| gap.last.is_none());
    let headless = |root: &str| {
        let copy = sound.copy_to(root);
        for at in [0, 4096] {
            copy.flip(copy.segments().last().unwrap(), at * 8);
        }
        copy
    };
    let without = |root: &str, flipped: &[usize]| {
        let copy = sound.copy_to(root);
        copy.disk.remove_tree(copy.segments().last().unwrap());
        flipped.iter().for_each(|n| copy.flip(&copy.segments()[*n], 8 * 4420));
        copy
    };
    let count = sound.segments().len();
    for (n, flipped) in [&[][..], &[0], &[count - 2], &[0, count - 2]].into_iter().enumerate() {
        let (from, into) = (headless(&format!("/headless{n}")), without(&format!("/without{n}"), flipped));
        assert!(!is_lost(&into));
        merged(&from, &into);
        assert!(is_lost(&into), "{flipped:?}");
        let (into, from) = (headless(&format!("/into{n}")), without(&format!("/from{n}"), &[]));
        flipped.iter().for_each(|n| into.flip(&into.segments()[*n], 8 * 4420));
        let last = (into.segments().pop(), into.segments().pop().and_then(|path| into.disk.read(&path)));
        merged(&from, &into);
        assert!(is_lost(&into));
        // The intact part is unchanged, and the damaged file is kept.
        assert_eq!((into.segments().pop(), into.segments().pop().and_then(|p| into.disk.read(&p))), last);
        for (path, bytes) in segments(&from) {
            assert_eq!(segments(&into)[&path], bytes, "{flipped:?}");
        }
    }
}

// ---- two concurrent merges

#[test]
fn concurrent_merge_fails_with_merge_busy_and_changes_nothing() {
    let sound = closed();
    let into = at(&sound, "/into");
    merged(&sound, &into);
    let lock = into.root.join("quarantine/merge.lock");
    into.disk.remove_tree(&into.segments()[0]);
    let before = segments(&into);
    let other = into.disk.process(60).open(&lock, OpenMode::ReadWrite).unwrap();
    assert!(other.try_lock().unwrap());
    let error = merge_on(&into.disk.process(50), &sound, &into).unwrap_err();
    assert_eq!(error.code(), "merge_busy");
    assert!(error.to_string().contains("merge.lock"), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(segments(&into), before);
    drop(other);
    merged(&sound, &into);
    assert_eq!(segments(&into), segments(&sound));
}
