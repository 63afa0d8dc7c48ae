//! Subscriptions: every entry once, in order, across restarts, rotations, new streams, damage and merges; waiting; and
//! handlers that crash at any operation. The oracle is the list of acknowledged entries.

use crate::domain::{Acknowledgements, Toy, Workspace, domain};
use crate::merge::{forked, merge_on, merged};
use crate::sim::seeds::{Dice, for_each_seed};
use contexta::engine::entry::{Event, Gap, GapCause, Kind, Position, Seq, Stamp};
use contexta::engine::log::header::{FRAMES_AT, SEGMENT_HEADER_LEN};
use contexta::engine::log::merge::Side;
use contexta::engine::log::{Durability, Log, ScanMode, Tail};
use contexta::engine::storage::Storage;
use contexta::engine::storage::sim::{Fault, Moment, SimDisk, SimProcess, Survival};
use contexta::engine::subscribe::{
    CursorFile, Handler, HandlerError, HandlerOptions, Item, SubscribeOptions, Subscription,
    SubscriptionPosition, run_handler,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const READER: u32 = 50;
const WAIT: Duration = Duration::from_secs(5);

fn open(workspace: &Workspace, storage: Arc<dyn Storage>, options: SubscribeOptions) -> Subscription<Toy> {
    Subscription::open(storage, workspace.log_dir(), domain(), options)
}

fn from(position: &SubscriptionPosition) -> SubscribeOptions {
    // Through the text form, as if the position had been stored.
    let from = position.to_string().parse().unwrap();
    SubscribeOptions { from, ..SubscribeOptions::default() }
}

fn waiting() -> SubscribeOptions {
    SubscribeOptions { wait: WAIT, ..SubscribeOptions::default() }
}

/// Opens a subscription that begins at `position` and does not wait.
fn resumed(workspace: &Workspace, position: &SubscriptionPosition) -> Subscription<Toy> {
    open(workspace, workspace.disk.process(READER), from(position))
}

/// Returns the items up to the next time-out, without the ends of rounds.
fn rest(subscription: &mut Subscription<Toy>) -> Vec<Item<Toy>> {
    let mut items = Vec::new();
    for item in subscription {
        match item.unwrap() {
            Item::TimedOut => break,
            Item::CaughtUp(_) => {}
            item => items.push(item),
        }
    }
    items
}

fn all(workspace: &Workspace) -> Vec<Item<Toy>> {
    rest(&mut resumed(workspace, &SubscriptionPosition::start()))
}

fn tag(text: &str) -> Toy {
    Toy::Tag { key: text.as_bytes().to_vec() }
}

fn append_tag(log: &Log, text: &str) {
    log.append(&[tag(text)], Durability::Flush).unwrap();
}

fn stamps(items: &[Item<Toy>]) -> Vec<Stamp> {
    items.iter().filter_map(stamp_of).collect()
}

fn stamp_of(item: &Item<Toy>) -> Option<Stamp> {
    match item {
        Item::Entry { stamp, .. } | Item::Undecodable { stamp, .. } => Some(*stamp),
        _ => None,
    }
}

fn gaps(items: &[Item<Toy>]) -> Vec<Gap> {
    items.iter().filter_map(|item| if let Item::Gap(gap) = item { Some(*gap) } else { None }).collect()
}

/// Checks that an item is this acknowledged entry.
fn assert_is(item: &Item<Toy>, expected: &(Stamp, Toy)) {
    let (expected_stamp, expected_event) = expected;
    match item {
        Item::Entry { stamp, event } => assert_eq!((stamp, event), (expected_stamp, expected_event)),
        Item::Undecodable { stamp, kind, cause, .. } => {
            assert_eq!((*stamp, *kind), (*expected_stamp, expected_event.kind()));
            assert_eq!(cause.is_some(), matches!(expected_event, Toy::Broken(_)));
        }
        other => panic!("{other:?} in place of {expected:?}"),
    }
}

/// A log of several writers, with several segments each and commits of one to four entries.
fn sample(seed: u64, writers: u32, appends: usize) -> (Workspace, Vec<(Stamp, Toy)>) {
    let mut dice = Dice::new(seed);
    let workspace = Workspace::new(seed, FRAMES_AT + 400);
    let mut acked = Acknowledgements::default();
    let logs: Vec<Log> = (1..=writers).map(|process| workspace.log(process)).collect();
    for _ in 0..appends {
        let log = &logs[dice.below(logs.len())];
        let events: Vec<Toy> = (0..1 + dice.below(4)).map(|_| random_event(&mut dice)).collect();
        acked.append(log, &events, Durability::Flush).unwrap();
    }
    for (n, log) in logs.into_iter().enumerate() {
        if n % 2 == 0 { log.close().map(|_| ()).unwrap() } else { workspace.kill(log) }
    }
    (workspace, sorted(&acked))
}

fn random_event(dice: &mut Dice) -> Toy {
    match dice.below(8) {
        0 => Toy::Strange(1),
        1 => Toy::Broken(2),
        2 => Toy::Put { key: b"k".to_vec(), value: 7, replaces: Vec::new() },
        _ => {
            let len = dice.below(40);
            Toy::Tag { key: dice.bytes(len) }
        }
    }
}

fn sorted(acked: &Acknowledgements) -> Vec<(Stamp, Toy)> {
    let mut entries: Vec<(Stamp, Toy)> = acked.entries.values().cloned().collect();
    entries.sort_by_key(|(stamp, _)| *stamp);
    entries
}

// ---- entries

#[test]
fn resumed_at_any_item_a_subscription_returns_exactly_the_rest() {
    let (workspace, expected) = sample(1, 4, 60);
    assert!(workspace.segments().len() > 8, "several segments for each stream");
    let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
    for n in 0..expected.len() {
        let items = rest(&mut resumed(&workspace, subscription.current_position()));
        assert_eq!(items.len(), expected.len() - n, "after {n} items");
        items.iter().zip(&expected[n..]).for_each(|(item, expected)| assert_is(item, expected));
        assert_is(&subscription.next().unwrap().unwrap(), &expected[n]);
    }
    let Item::CaughtUp(end) = subscription.next().unwrap().unwrap() else { panic!("not at the end") };
    assert_eq!(&end, subscription.current_position());
    assert!(matches!(subscription.next(), Some(Ok(Item::TimedOut))));
    assert!(matches!(subscription.next(), Some(Ok(Item::TimedOut))));
    let numbers: BTreeMap<_, _> =
        workspace.streams().into_iter().map(|s| (s, workspace.scan(s, ScanMode::Follow).next)).collect();
    assert!(end.streams().eq(numbers));
}

/// Writers append, close, are killed and begin; clocks jump; the subscriber reads a few items or is restarted.
struct Episode {
    dice: Dice,
    workspace: Workspace,
    acked: Acknowledgements,
    logs: Vec<Log>,
    processes: u32,
    subscription: Subscription<Toy>,
    returned: Vec<Item<Toy>>,
    last: Option<Stamp>,
}

impl Episode {
    fn new(seed: u64) -> Episode {
        let workspace = Workspace::new(seed, FRAMES_AT + 300);
        let subscription = resumed(&workspace, &SubscriptionPosition::start());
        let (acked, dice) = (Acknowledgements::default(), Dice::new(seed));
        Episode {
            dice,
            workspace,
            acked,
            logs: Vec::new(),
            processes: 0,
            subscription,
            returned: Vec::new(),
            last: None,
        }
    }

    fn turn(&mut self) {
        match self.dice.below(12) {
            0 if self.logs.len() < 4 => {
                self.processes += 1;
                self.logs.push(self.workspace.log(self.processes));
            }
            1 if !self.logs.is_empty() => {
                let log = self.logs.swap_remove(self.dice.below(self.logs.len()));
                if self.dice.once_in(2) { log.close().map(|_| ()).unwrap() } else { self.workspace.kill(log) }
            }
            2 => self.workspace.disk.advance(self.dice.below(4_000_000_000) as i64 - 1_000_000_000),
            3 => {
                let position = self.subscription.current_position().clone();
                self.subscription = resumed(&self.workspace, &position);
                self.last = None;
            }
            4..7 => (0..self.dice.below(8)).for_each(|_| {
                self.read();
            }),
            _ if !self.logs.is_empty() => {
                let events: Vec<Toy> =
                    (0..1 + self.dice.below(3)).map(|_| random_event(&mut self.dice)).collect();
                let log = &self.logs[self.dice.below(self.logs.len())];
                self.acked.append(log, &events, Durability::Flush).unwrap();
            }
            _ => {}
        }
    }

    /// Reads an item; returns false after a time-out.
    fn read(&mut self) -> bool {
        let item = self.subscription.next().unwrap().unwrap();
        match &item {
            Item::CaughtUp(_) => self.last = None,
            Item::TimedOut => return false,
            item => {
                let stamp = stamp_of(item).unwrap_or_else(|| panic!("{item:?}"));
                assert!(self.last < Some(stamp), "{stamp:?} in one round behind {:?}", self.last);
                self.last = Some(stamp);
                self.returned.push(item.clone());
            }
        }
        true
    }

    fn end(mut self) {
        while self.read() {}
        let expected = &self.acked.entries;
        assert_eq!(self.returned.len(), expected.len());
        let mut next = BTreeMap::new();
        for item in &self.returned {
            let position = stamp_of(item).unwrap().position();
            assert_is(item, &expected[&position]);
            let next = next.entry(position.stream).or_insert(Seq::FIRST);
            assert_eq!(position.seq, *next, "every number once and in order");
            *next = next.next();
        }
    }
}

#[test]
fn entries_of_all_writers_are_returned_once_and_sorted_within_each_round() {
    for_each_seed(&[1, 2, 3, 4, 5, 6, 7, 8], |seed| {
        let mut episode = Episode::new(seed);
        (0..400).for_each(|_| episode.turn());
        assert!(episode.acked.entries.len() > 100);
        episode.end();
    });
}

#[test]
fn round_ends_although_the_writer_is_faster_than_the_reader() {
    let workspace = Workspace::new(1, FRAMES_AT + 2000);
    let log = workspace.log(1);
    let append = || log.append(&[tag("again"), tag("and again")], Durability::Flush).unwrap();
    append();
    let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
    let mut count = 0;
    while !matches!(subscription.next().unwrap().unwrap(), Item::CaughtUp(_)) {
        append();
        count += 1;
        assert!(count < 200, "the round does not end");
    }
    assert!(count > 1);
    assert_eq!(rest(&mut subscription).len(), 2 * (count + 1) - count);
}

#[test]
fn filter_excludes_entries_and_the_position_moves_over_them() {
    let (workspace, expected) = sample(2, 3, 50);
    let kinds = BTreeSet::from([Kind(2)]);
    let options = SubscribeOptions { kinds: Some(kinds), ..SubscribeOptions::default() };
    let mut subscription = open(&workspace, workspace.disk.process(READER), options);
    let expected: Vec<_> = expected.into_iter().filter(|(_, event)| event.kind() == Kind(2)).collect();
    let items = rest(&mut subscription);
    assert!(items.len() < 100 && items.len() == expected.len());
    items.iter().zip(&expected).for_each(|(item, expected)| assert_is(item, expected));
    let mut unfiltered = resumed(&workspace, subscription.current_position());
    assert_eq!(rest(&mut unfiltered), []);
    assert_eq!(unfiltered.current_position(), subscription.current_position());
    // A round without an item to return still ends with the position.
    let log = workspace.log(9);
    log.append(&[Toy::Strange(1)], Durability::Flush).unwrap();
    let before = subscription.current_position().clone();
    let Some(Ok(Item::CaughtUp(after))) = subscription.next() else { panic!("the position did not move") };
    assert_ne!(before, after);
    assert!(matches!(subscription.next(), Some(Ok(Item::TimedOut))));
}

#[test]
fn returned_item_comes_again_after_it_was_given_back() {
    let (workspace, expected) = sample(3, 3, 20);
    let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
    for expected in &expected {
        for _ in 0..2 {
            let before = subscription.current_position().clone();
            assert_is(&subscription.next().unwrap().unwrap(), expected);
            subscription.return_last();
            subscription.return_last();
            assert_eq!(subscription.current_position(), &before);
        }
        assert_is(&subscription.next().unwrap().unwrap(), expected);
    }
    // Also when the end of the stream was already recorded.
    subscription.next().unwrap().unwrap();
    workspace.disk.advance(10_000_000_000);
    assert_eq!(rest(&mut subscription), []);
    subscription.return_last();
    assert_eq!(rest(&mut subscription).len(), 1);
}

// ---- damage

#[test]
fn damage_in_the_middle_is_one_gap_and_later_entries_are_returned() {
    let (workspace, expected) = sample(4, 2, 40);
    let stream = workspace.streams()[0];
    let frames = workspace.scan(stream, ScanMode::Follow).frames;
    let bad = frames[frames.len() / 2];
    let path = workspace.log_dir().join(stream.to_string()).join(format!("{:020}.seg", bad.segment.0));
    workspace.flip(&path, bad.bytes.0 as usize * 8 + 3);
    let gap = Gap { stream, first: bad.seqs.0, last: Some(bad.seqs.1), cause: GapCause::Damaged };
    let is_lost = |stamp: &Stamp| stamp.stream == stream && (bad.seqs.0..=bad.seqs.1).contains(&stamp.seq);
    let items = all(&workspace);
    assert_eq!(gaps(&items), [gap]);
    let expected: Vec<Stamp> = expected.iter().map(|(stamp, _)| *stamp).filter(|s| !is_lost(s)).collect();
    assert_eq!(stamps(&items), expected);
    let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
    for n in 0..items.len() {
        assert_eq!(
            rest(&mut resumed(&workspace, subscription.current_position())),
            items[n..],
            "after {n} items"
        );
        subscription.next().unwrap().unwrap();
    }
}

#[test]
fn missing_segment_is_a_gap() {
    let (workspace, expected) = sample(5, 1, 40);
    let paths = workspace.segments();
    let base = |n: usize| -> u64 { paths[n].file_stem().unwrap().to_str().unwrap().parse().unwrap() };
    for n in [0, 2] {
        workspace.disk.remove_tree(&paths[n]);
    }
    let items = all(&workspace);
    let missing: Vec<_> =
        gaps(&items).iter().map(|gap| (gap.first.0, gap.last.unwrap().0, gap.cause)).collect();
    let gap = |n| (base(n), base(n + 1) - 1, GapCause::SegmentMissing);
    assert_eq!(missing, [gap(0), gap(2)]);
    let lost = missing.iter().map(|(first, last, _)| (last + 1 - first) as usize).sum::<usize>();
    assert_eq!(stamps(&items).len() + lost, expected.len());
}

#[test]
fn damage_to_returned_entries_does_not_affect_later_ones() {
    for removed in [false, true] {
        let (workspace, expected) = sample(6, 1, 30);
        let path = workspace.segments().last().unwrap().clone();
        let base: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
        // Up to the first entry of the last segment.
        (0..base).for_each(|_| drop(subscription.next().unwrap().unwrap()));
        let position = subscription.current_position().clone();
        let rest_before = rest(&mut subscription);
        assert!(!rest_before.is_empty());
        let first = workspace.scan(workspace.streams()[0], ScanMode::Follow).frames;
        let first = first.into_iter().find(|frame| frame.segment.0 == base).unwrap();
        if removed {
            let mut bytes = workspace.disk.read(&path).unwrap();
            bytes[first.bytes.0 as usize..first.bytes.1 as usize].fill(0);
            workspace.disk.overwrite(&path, bytes);
        } else {
            workspace.flip(&path, first.bytes.0 as usize * 8 + 9);
        }
        let items = rest(&mut resumed(&workspace, &position));
        // Entries of the damaged frame that were not returned are a gap; all others follow.
        let left = expected.len() as u64 - first.seqs.1.0;
        assert_eq!(stamps(&items).len() as u64, left);
        let lost = first.seqs.1.0 - base;
        assert_eq!(gaps(&items).iter().map(|gap| gap.last.unwrap().0 + 1 - gap.first.0).sum::<u64>(), lost);
        // Everything was returned, then the last entry is damaged: nothing is reported, and nothing comes again.
        let end = subscription.current_position().clone();
        let bytes = workspace.disk.read(&path).unwrap();
        workspace.disk.overwrite(&path, bytes[..FRAMES_AT as usize].to_vec());
        assert_eq!(rest(&mut resumed(&workspace, &end)), []);
        assert_eq!(rest(&mut subscription), []);
    }
}

#[test]
fn unfinished_end_is_no_gap_and_its_entries_come_when_it_is_complete() {
    let workspace = Workspace::new(7, 1 << 20);
    let log = workspace.log(1);
    log.append(&[tag("a"), tag("b")], Durability::Flush).unwrap();
    let first = all(&workspace);
    let last = log.append(&[tag("c"), tag("d")], Durability::Flush).unwrap().first;
    let path = workspace.segments()[0].clone();
    let whole = workspace.disk.read(&path).unwrap();
    let frame = workspace.scan(workspace.streams()[0], ScanMode::Follow).frames[1].bytes;
    for cut in frame.0..frame.1 {
        let mut bytes = whole.clone();
        bytes[cut as usize..].fill(0);
        workspace.disk.overwrite(&path, bytes.clone());
        let tail = workspace.scan(workspace.streams()[0], ScanMode::Follow).tail;
        assert_eq!(matches!(tail, Tail::Unfinished { .. }), cut > frame.0);
        let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
        assert_eq!(rest(&mut subscription), first, "cut at {cut}");
        workspace.disk.overwrite(&path, whole.clone());
        assert_eq!(stamps(&rest(&mut subscription))[0], last, "cut at {cut}");
    }
    drop(log);
}

#[test]
fn unreadable_end_is_one_gap_without_a_last_number_until_it_is_readable_or_bounded() {
    let workspace = Workspace::new(8, FRAMES_AT + 100);
    let log = workspace.log(1);
    let append = |text: &str| log.append(&[tag(text)], Durability::Flush).unwrap().first.seq;
    while workspace.segments().len() < 3 {
        append("one of the first entries");
    }
    let path = workspace.segments()[2].clone();
    let whole = workspace.disk.read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[..SEGMENT_HEADER_LEN].fill(7);
    bytes[SEGMENT_HEADER_LEN..FRAMES_AT as usize].fill(9);
    workspace.disk.overwrite(&path, bytes.clone());
    let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
    let found = gaps(&rest(&mut subscription));
    let [gap] = found[..] else { panic!("{found:?}") };
    assert_eq!((gap.last, gap.cause), (None, GapCause::SegmentUnreadable));
    let position = subscription.current_position().clone();
    assert_eq!(rest(&mut subscription), []);
    assert_eq!(rest(&mut resumed(&workspace, &position)), []);
    // Readable again: the entries follow.
    workspace.disk.overwrite(&path, whole);
    let items = rest(&mut resumed(&workspace, &position));
    assert_eq!(stamps(&items)[0].seq, gap.first);
    assert_eq!(gaps(&items), []);
    // Bounded by a later segment that does not help to read it: the numbers are named once.
    workspace.disk.overwrite(&path, bytes);
    while workspace.segments().len() < 4 {
        append("one of the last entries");
    }
    let next = workspace.segments()[3].clone();
    let base: u64 = next.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let mut subscription = resumed(&workspace, &position);
    let items = rest(&mut subscription);
    if gaps(&items).is_empty() {
        // The header of the next segment has the salt of the segment, so its entries are readable after all.
        assert_eq!(stamps(&items)[0].seq, gap.first);
    } else {
        assert_eq!(gaps(&items), [Gap { last: Some(Seq(base - 1)), ..gap }]);
    }
    assert_eq!(rest(&mut subscription), []);
}

// ---- merges

/// The payloads that were returned last for each position.
#[derive(Debug, Clone, Default)]
struct Returned(BTreeMap<Position, Vec<u8>>);

impl Returned {
    fn add(&mut self, item: &Item<Toy>) {
        if let Item::Entry { stamp, event } = item {
            let mut payload = Vec::new();
            event.encode(&mut payload).unwrap();
            self.0.insert(stamp.position(), payload);
        }
    }
}

impl Returned {
    /// Reads to the end, and returns the number of divergences.
    fn read(&mut self, subscription: &mut Subscription<Toy>) -> usize {
        let items = rest(subscription);
        items.iter().for_each(|item| self.add(item));
        items.iter().filter(|item| matches!(item, Item::Diverged { .. })).count()
    }

    /// Checks that each entry of the log was returned, and nothing else later under the same identity.
    fn assert_contains_all(&self, workspace: &Workspace, context: &str) {
        for (position, entry) in workspace.entries() {
            assert_eq!(self.0.get(&position), Some(&entry.payload), "{context}: {position}");
        }
    }
}

/// A merge between two items of a subscription.
#[test]
fn merge_that_splits_a_stream_loses_no_entry_for_a_subscription() {
    let copies = forked();
    let mut diverged = 0;
    for (n, into) in copies.iter().enumerate() {
        for (m, source) in copies.iter().enumerate().filter(|(m, _)| *m != n) {
            let all = stamps(&all(into)).len();
            for stop in [1, all / 3, all / 2, all - 1, all] {
                let into = into.copy_to(&format!("/split{n}-{m}-{stop}"));
                let mut subscription = resumed(&into, &SubscriptionPosition::start());
                let mut returned = Returned::default();
                (0..stop).for_each(|_| returned.add(&subscription.next().unwrap().unwrap()));
                merged(source, &into);
                let position = subscription.current_position().clone();
                // Both the subscription that was open during the merge, and one that is opened after it.
                for mut subscription in [subscription, resumed(&into, &position)] {
                    let mut returned = returned.clone();
                    diverged += returned.read(&mut subscription);
                    returned.assert_contains_all(&into, &format!("{n} {m} {stop}"));
                    assert_eq!(rest(&mut subscription), []);
                }
            }
        }
    }
    assert!(diverged > 4, "{diverged}");
}

/// Two copies such that the entries of the first one move to another stream when the second one is merged into it.
fn loser_and_winner() -> (Workspace, Workspace) {
    let copies = forked();
    let fork = merged(&copies[2], &copies[0].copy_to("/probe")).forks[0];
    let is_kept = matches!(fork.kept, Side::Target);
    let [first, second] = if is_kept { [2, 0] } else { [0, 2] };
    (copies[first].clone(), copies[second].clone())
}

#[test]
fn merge_during_any_operation_of_a_subscription_loses_no_entry() {
    let (loser, winner) = loser_and_winner();
    let (mut diverged, mut n) = (0, 0);
    loop {
        let into = loser.copy_to(&format!("/during{n}"));
        let process = into.disk.spawn(READER);
        let (from, to) = (winner.clone(), into.clone());
        let act = move || drop(merge_on(&to.disk.process(77), &from, &to).unwrap());
        process.plan(Moment::Operation(n), Fault::Meanwhile(Box::new(act)));
        let mut subscription =
            open(&into, Arc::clone(&process) as Arc<dyn Storage>, SubscribeOptions::default());
        let mut returned = Returned::default();
        diverged += returned.read(&mut subscription);
        if !process.has_passed_plans() {
            break;
        }
        diverged += returned.read(&mut subscription);
        returned.assert_contains_all(&into, &format!("operation {n}"));
        into.disk.remove_tree(&into.root);
        n += 1;
    }
    assert!(n > 30 && diverged > 3, "{n} {diverged}");
}

/// A subscription reads everything, or some items, at each operation of a merge, and the rest after the merge.
#[test]
fn subscription_that_reads_during_any_operation_of_a_merge_loses_no_entry() {
    let (loser, winner) = loser_and_winner();
    let (mut diverged, mut n) = (0, 0);
    loop {
        let mut has_passed = false;
        for count in [5, 20, 1000] {
            let into = loser.copy_to(&format!("/between{n}"));
            let merging = into.disk.spawn(77);
            let state =
                Arc::new(Mutex::new((resumed(&into, &SubscriptionPosition::start()), Returned::default())));
            let shared = Arc::clone(&state);
            let act = move || {
                let (subscription, returned) = &mut *shared.lock().unwrap();
                let items = subscription.take(count).map(Result::unwrap);
                items.take_while(|item| !matches!(item, Item::TimedOut)).for_each(|item| returned.add(&item));
            };
            merging.plan(Moment::Change(n), Fault::Meanwhile(Box::new(act)));
            merge_on(&(Arc::clone(&merging) as Arc<dyn Storage>), &winner, &into).unwrap();
            has_passed = merging.has_passed_plans();
            let (subscription, returned) = &mut *state.lock().unwrap();
            diverged += returned.read(subscription);
            returned.assert_contains_all(&into, &format!("change {n}, {count} items"));
            into.disk.remove_tree(&into.root);
        }
        if !has_passed {
            break;
        }
        n += 1;
    }
    assert!(n > 10 && diverged > 3, "{n} {diverged}");
}

#[test]
fn merge_that_rewrites_segments_repeats_nothing() {
    let (workspace, expected) = sample(9, 1, 40);
    let source = workspace.copy_to("/source");
    let frames = workspace.scan(workspace.streams()[0], ScanMode::Follow).frames;
    // The damage is in the segment of the position and before the position.
    let segment = frames[frames.len() / 2].segment;
    let inside: Vec<_> = frames.iter().filter(|frame| frame.segment == segment).collect();
    let (bad, last) = (inside[0], inside[inside.len() - 1]);
    assert!(inside.len() > 2);
    let path = workspace.log_dir().join(workspace.streams()[0].to_string());
    workspace.flip(&path.join(format!("{:020}.seg", segment.0)), bad.bytes.0 as usize * 8 + 3);
    let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
    while subscription.current_position().streams().next().is_none_or(|(_, next)| next <= last.seqs.0) {
        subscription.next().unwrap().unwrap();
    }
    let position = subscription.current_position().clone();
    merged(&source, &workspace);
    let (_, next) = position.streams().next().unwrap();
    let left: Vec<Stamp> =
        expected.iter().map(|(stamp, _)| *stamp).filter(|stamp| stamp.seq >= next).collect();
    let items = rest(&mut resumed(&workspace, &position));
    assert_eq!((stamps(&items), gaps(&items)), (left, Vec::new()));
}

#[test]
fn replaced_history_is_reported_and_returned_from_its_beginning() {
    let (workspace, expected) = sample(10, 1, 10);
    let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
    rest(&mut subscription);
    let position = subscription.current_position().to_string();
    let (front, checksum) = position.rsplit_once(':').unwrap();
    let other = checksum.parse::<u32>().unwrap() ^ 1;
    let position = format!("{front}:{other}").parse().unwrap();
    let items = rest(&mut resumed(&workspace, &position));
    let stream = workspace.streams()[0];
    assert_eq!(items[0], Item::Diverged { stream, restart: Seq::FIRST });
    assert_eq!(stamps(&items).len(), expected.len());
}

/// A place in a file is only a hint: with any other place, the same items follow.
#[test]
fn position_with_a_wrong_place_loses_and_repeats_nothing() {
    let (workspace, expected) = sample(16, 2, 40);
    let mut dice = Dice::new(16);
    let mut subscription = resumed(&workspace, &SubscriptionPosition::start());
    for n in 1..expected.len() {
        subscription.next().unwrap().unwrap();
        let text = subscription.current_position().to_string();
        let wrong: Vec<String> = text
            .split(' ')
            .map(|word| {
                let mut fields: Vec<String> = word.split(':').map(str::to_owned).collect();
                if let [_, _, segment, offset, first, seq, _] = &mut fields[..] {
                    let seq: usize = seq.parse().unwrap();
                    let (base, frame) = (1 + dice.below(seq), 1 + dice.below(seq));
                    (*segment, *first) = (base.min(frame).to_string(), base.max(frame).to_string());
                    *offset = [dice.next(), dice.below(5000) as u64, 8 * dice.below(700) as u64]
                        [dice.below(3)]
                    .to_string();
                }
                fields.join(":")
            })
            .collect();
        let position: SubscriptionPosition = wrong.join(" ").parse().unwrap();
        let items = rest(&mut resumed(&workspace, &position));
        let expected: Vec<Stamp> = expected[n..].iter().map(|(stamp, _)| *stamp).collect();
        assert!(items.len() == expected.len() && stamps(&items) == expected, "{position}");
    }
}

#[test]
fn subscriptions_can_be_moved_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Subscription<Toy>>();
}

// ---- errors

#[test]
fn error_of_any_operation_is_returned_and_nothing_is_lost_or_repeated() {
    let (workspace, expected) = sample(11, 3, 15);
    let stamps_expected: Vec<Stamp> = expected.iter().map(|(stamp, _)| *stamp).collect();
    let read = |process: Arc<SimProcess>| -> (Vec<Stamp>, usize) {
        let (mut found, mut errors) = (Vec::new(), 0);
        let mut subscription = open(&workspace, process, SubscribeOptions::default());
        loop {
            match subscription.next().unwrap() {
                Ok(Item::TimedOut) => return (found, errors),
                Ok(item) => found.extend(stamp_of(&item)),
                Err(_) => errors += 1,
            }
        }
    };
    let process = workspace.disk.spawn(READER);
    assert_eq!(read(Arc::clone(&process)), (stamps_expected.clone(), 0));
    let mut reported = 0;
    for n in 0..process.operations() {
        let process = workspace.disk.spawn(READER);
        process.plan(Moment::Operation(n), Fault::Error(io::ErrorKind::Other));
        let (mut found, errors) = read(process);
        found.sort_unstable();
        assert_eq!(found, stamps_expected, "operation {n}");
        reported += errors;
    }
    assert!(reported > 20, "{reported}");
}

#[test]
fn stream_of_another_domain_is_an_error() {
    let (workspace, _) = sample(12, 1, 3);
    let other = contexta::engine::Domain::new("other", 1).unwrap();
    let (storage, options) = (workspace.disk.process(READER), SubscribeOptions::default());
    let mut subscription = Subscription::<Toy>::open(storage, workspace.log_dir(), other, options);
    assert_eq!(subscription.next().unwrap().unwrap_err().code(), "foreign_domain");
}

// ---- waiting

#[test]
fn wait_ends_with_a_time_out_if_nothing_is_appended() {
    let workspace = Workspace::new(1, 1 << 20);
    let storage = workspace.disk.process(READER);
    let mut subscription = open(&workspace, Arc::clone(&storage), waiting());
    assert!(matches!(subscription.next(), Some(Ok(Item::CaughtUp(_)))));
    for _ in 0..2 {
        let before = storage.now();
        assert!(matches!(subscription.next(), Some(Ok(Item::TimedOut))));
        assert_eq!(storage.now() - before, WAIT.as_nanos() as u64);
    }
}

/// Another process acts during each operation of a waiting call: it appends to its stream, to a new segment of it, or
/// to a new stream, also in a log that did not exist before.
#[test]
fn append_during_any_operation_of_a_waiting_call_ends_the_wait() {
    for prior in [0, 1, 5] {
        let mut operation = 0;
        loop {
            let workspace = Workspace::new(2, FRAMES_AT + 60);
            let log = workspace.log(1);
            (0..prior).for_each(|_| append_tag(&log, "some entry"));
            let process = workspace.disk.spawn(READER);
            let mut subscription = open(&workspace, Arc::clone(&process) as Arc<dyn Storage>, waiting());
            while !matches!(subscription.next().unwrap().unwrap(), Item::CaughtUp(_)) {}
            let appended = Arc::new(Mutex::new(None));
            let slot = Arc::clone(&appended);
            let act = move || {
                let done = log.append(&[tag("new")], Durability::Flush).unwrap();
                *slot.lock().unwrap() = Some((done.first, log));
            };
            process
                .plan(Moment::Operation(process.operations() + operation), Fault::Meanwhile(Box::new(act)));
            let item = subscription.next().unwrap().unwrap();
            let Some((stamp, _log)) = appended.lock().unwrap().take() else {
                assert!(matches!(item, Item::TimedOut), "{item:?}");
                break;
            };
            assert_eq!(stamp_of(&item), Some(stamp), "after {prior} appends, operation {operation}");
            operation += 1;
        }
        assert!(operation >= 2, "a listing and the wait");
    }
}

#[test]
fn streams_that_did_not_change_are_not_opened_again() {
    let (workspace, _) = sample(13, 20, 100);
    let process = workspace.disk.spawn(READER);
    let mut subscription =
        open(&workspace, Arc::clone(&process) as Arc<dyn Storage>, SubscribeOptions::default());
    rest(&mut subscription);
    workspace.disk.advance(10_000_000_000);
    rest(&mut subscription);
    let before = process.operations();
    assert_eq!(rest(&mut subscription), []);
    // One listing, and two reads of metadata for each stream.
    let operations = process.operations() - before;
    assert!(operations <= 1 + 2 * workspace.streams().len() as u64, "{operations}");
    let log = workspace.log(90);
    log.append(&[tag("new")], Durability::Flush).unwrap();
    assert_eq!(rest(&mut subscription).len(), 1);
}

// ---- handlers

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

/// A handler whose effects are a list outside the simulated disk.
#[derive(Debug, Default)]
struct Effects {
    items: Vec<Item<Toy>>,
    refused: Option<Position>,
}

impl Handler<Toy> for Effects {
    type Error = Refused;

    fn handle(&mut self, stamp: Stamp, event: Toy) -> Result<(), Refused> {
        if self.refused == Some(stamp.position()) {
            return Err(Refused);
        }
        self.items.push(Item::Entry { stamp, event });
        Ok(())
    }

    fn handle_other(&mut self, item: &Item<Toy>) -> Result<(), Refused> {
        if self.refused.is_some() && self.refused == stamp_of(item).map(|stamp| stamp.position()) {
            return Err(Refused);
        }
        self.items.push(item.clone());
        Ok(())
    }
}

fn cursor_path() -> PathBuf {
    PathBuf::from("/state/mail.cursor")
}

/// Runs a handler from its cursor file to the end of the log.
fn handle(
    workspace: &Workspace,
    disk: &SimDisk,
    storage: Arc<dyn Storage>,
    effects: &mut Effects,
) -> Result<(), HandlerError<Refused>> {
    let workspace = Workspace { disk: disk.clone(), ..workspace.clone() };
    let cursor = CursorFile::on(Arc::clone(&storage), cursor_path());
    let options = SubscribeOptions {
        from: cursor.load().map_err(HandlerError::Engine)?,
        ..SubscribeOptions::default()
    };
    let mut subscription = open(&workspace, storage, options);
    let every = HandlerOptions { items_per_save: 4 };
    run_handler(&mut subscription, &cursor, effects, every).map(drop)
}

#[test]
fn crash_at_any_operation_of_a_handler_loses_no_entry_and_repeats_only_unsaved_ones() {
    let (workspace, expected) = sample(14, 3, 12);
    // The log is on disk; only the cursor file is at risk.
    workspace.disk.crash(Survival::Kept);
    let expected: Vec<Stamp> = expected.into_iter().map(|(stamp, _)| stamp).collect();
    let process = workspace.disk.fork().spawn(READER);
    let mut effects = Effects::default();
    handle(&workspace, process.disk(), process.clone(), &mut effects).unwrap();
    assert_eq!(stamps(&effects.items), expected);
    let operations = process.operations();
    for n in 0..operations {
        for survival in [Survival::Dropped, Survival::Kept, Survival::First(1), Survival::Subset(n)] {
            let process = workspace.disk.fork().spawn(READER);
            process.plan(Moment::Operation(n), Fault::Kill);
            let mut first = Effects::default();
            // The kill of a removal of a temporary file can remain without an error.
            let _ = handle(&workspace, process.disk(), process.clone(), &mut first);
            assert!(!process.is_alive());
            process.disk().crash(survival);
            let mut second = Effects::default();
            handle(&workspace, process.disk(), process.disk().process(READER), &mut second).unwrap();
            let (first, second) = (stamps(&first.items), stamps(&second.items));
            assert!(expected.starts_with(&first) && expected.ends_with(&second), "operation {n}");
            let repeated = (first.len() + second.len()).checked_sub(expected.len());
            assert!(repeated.is_some_and(|repeated| repeated <= 4), "operation {n}: {repeated:?}");
            let temporary =
                process.disk().paths().into_iter().filter(|path| path.starts_with("/state")).count();
            assert_eq!(temporary, 1, "operation {n}");
        }
    }
}

#[test]
fn failing_handler_stops_before_the_entry_and_continues_with_it() {
    let (workspace, expected) = sample(15, 3, 12);
    let expected: Vec<Stamp> = expected.into_iter().map(|(stamp, _)| stamp).collect();
    for (n, stamp) in expected.iter().enumerate() {
        let disk = workspace.disk.fork();
        let storage = disk.process(READER);
        let mut effects = Effects { refused: Some(stamp.position()), ..Effects::default() };
        let error = handle(&workspace, &disk, Arc::clone(&storage), &mut effects).unwrap_err();
        assert_eq!(error.code(), "handler_failed");
        assert!(error.to_string().contains(&stamp.position().to_string()), "{error}");
        assert_eq!(stamps(&effects.items), expected[..n]);
        // Nothing before the entry is repeated, because the position was saved.
        effects.refused = None;
        handle(&workspace, &disk, storage, &mut effects).unwrap();
        assert_eq!(stamps(&effects.items), expected);
    }
    // The same subscription also continues with the entry.
    let storage = workspace.disk.process(READER);
    let cursor = CursorFile::on(Arc::clone(&storage), cursor_path());
    let mut subscription = open(&workspace, storage, SubscribeOptions::default());
    let mut effects = Effects { refused: Some(expected[5].position()), ..Effects::default() };
    assert!(run_handler(&mut subscription, &cursor, &mut effects, HandlerOptions::default()).is_err());
    effects.refused = None;
    let done = run_handler(&mut subscription, &cursor, &mut effects, HandlerOptions::default()).unwrap();
    assert_eq!((done.entries + done.others) as usize, expected.len() - 5);
    assert_eq!(stamps(&effects.items), expected);
}

#[test]
fn damaged_cursor_file_is_a_typed_error() {
    let workspace = Workspace::new(1, 1 << 20);
    let cursor = CursorFile::on(workspace.disk.process(READER), cursor_path());
    assert_eq!(cursor.load().unwrap(), SubscriptionPosition::start());
    cursor.save(&SubscriptionPosition::start()).unwrap();
    assert_eq!(cursor.load().unwrap(), SubscriptionPosition::start());
    workspace.disk.overwrite(&cursor_path(), b"contexta cursor 1\np1\n".to_vec());
    let error = cursor.load().unwrap_err();
    assert_eq!(error.code(), "cursor_unusable");
    assert!(error.hint().is_some());
}
