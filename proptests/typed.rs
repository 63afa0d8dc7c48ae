//! Typed tables and views as of a stamp, compared with plain maps of the same entries.

use crate::domain::{Workspace, cases, domain};
use contexta::engine::codec::{self, CodecError};
use contexta::engine::entry::{Event, Kind, PayloadVersion, Seq, Stamp, StreamId};
use contexta::engine::error::Error;
use contexta::engine::log::{Durability, Log};
use contexta::engine::projection::{
    Applied, Current, Point, PointOrder, Projection, Projector, ProjectorOptions, ProjectorPaths, Register,
    TableKind, TableSpec, Tables, Version, View, current,
};
use contexta::engine::table::{
    AsKey, Key, KeyPrefix, KeyRange, Query, Registers, SerdeValue, Series, Set, Value, Versions,
};
use contexta::engine::{Result, projection};
use proptest::prelude::*;
use proptest::sample::Index;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};

// ---- events and tables

type Triple = (Vec<u8>, i64, String);
type Pair = (i64, Vec<u8>);

/// The events: each adds a row to one table, or to two tables of points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Fact {
    Put { key: Triple, value: String, replaces: Vec<[u8; 32]> },
    Name { key: Vec<u8>, value: u16, replaces: Vec<[u8; 32]> },
    Tag { key: Pair },
    Measure { key: String, time: i64, measure: Option<i8>, value: u64 },
}

impl Event for Fact {
    const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];

    fn kind(&self) -> Kind {
        Kind(1)
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        codec::encode(self, out)
    }

    fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> std::result::Result<Option<Fact>, CodecError> {
        codec::decode(payload).map(Some)
    }
}

/// A value that is encoded through serde.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Named {
    text: String,
}

impl SerdeValue for Named {}

const PUTS: Versions<Triple, Named> = Versions::new("puts");
const NAMES: Versions<Vec<u8>, u16> = Versions::new("names");
const TAGS: Set<Pair> = Set::new("tags");
const POINTS: Series<String, u64> = Series::new("points");
const SUMS: Registers<String, u64> = Registers::new("sums");

struct Typed;

impl Projection<Fact> for Typed {
    fn name(&self) -> &'static str {
        "typed"
    }
    fn version(&self) -> u32 {
        1
    }
    fn tables(&self) -> &'static [TableSpec] {
        const { &[PUTS.spec(), NAMES.spec(), TAGS.spec(), POINTS.spec(), SUMS.spec()] }
    }
    fn wants(&self, _: Kind) -> bool {
        true
    }
    fn apply(&self, entry: &Applied<'_, Fact>, tables: &mut Tables) -> Result<()> {
        let stamps = |bytes: &[[u8; 32]]| bytes.iter().map(Stamp::from_bytes).collect::<Vec<_>>();
        match entry.event {
            Fact::Put { key: (a, b, c), value, replaces } => {
                let value = Named { text: value.clone() };
                PUTS.put(tables, &(a, *b, c), entry.stamp, &stamps(replaces), &value);
            }
            Fact::Name { key, value, replaces } => {
                NAMES.put(tables, key.as_slice(), entry.stamp, &stamps(replaces), value);
            }
            Fact::Tag { key } => TAGS.insert(tables, key),
            Fact::Measure { key, time, measure, value } => {
                let point = point_of(entry.stamp, *time, *measure, *value);
                POINTS.add(tables, key, &point);
                SUMS.add(tables, key.as_str(), &point);
            }
        }
        Ok(())
    }
}

fn point_of(stamp: Stamp, time: i64, measure: Option<i8>, value: u64) -> Point<u64> {
    Point { order: PointOrder::new(time, stamp), measure: measure.map(f64::from), value }
}

// ---- the model

/// The content of the tables as plain maps.
#[derive(Debug, Default)]
struct Model {
    puts: BTreeMap<Triple, Vec<Version<Named>>>,
    names: BTreeMap<Vec<u8>, Vec<Version<u16>>>,
    tags: BTreeSet<Pair>,
    points: BTreeMap<String, Vec<Point<u64>>>,
}

impl Model {
    /// Computes the tables of the entries up to a stamp, or of all entries.
    fn of(entries: &BTreeMap<Stamp, Fact>, until: Option<Stamp>) -> Model {
        let mut model = Model::default();
        let stamps = |bytes: &[[u8; 32]]| bytes.iter().map(Stamp::from_bytes).collect::<Vec<_>>();
        for (stamp, fact) in entries.iter().filter(|(stamp, _)| until.is_none_or(|until| **stamp <= until)) {
            match fact.clone() {
                Fact::Put { key, value, replaces } => model.puts.entry(key).or_default().push(Version {
                    stamp: *stamp,
                    replaces: stamps(&replaces),
                    value: Named { text: value },
                }),
                Fact::Name { key, value, replaces } => {
                    let version = Version { stamp: *stamp, replaces: stamps(&replaces), value };
                    model.names.entry(key).or_default().push(version);
                }
                Fact::Tag { key } => drop(model.tags.insert(key)),
                Fact::Measure { key, time, measure, value } => {
                    let point = point_of(*stamp, time, measure, value);
                    model.points.entry(key).or_default().push(point);
                }
            }
        }
        model.points.values_mut().for_each(|points| points.sort_by_key(|point| point.order));
        model
    }

    fn sums(&self) -> BTreeMap<String, Register<u64>> {
        self.points.iter().map(|(key, points)| (key.clone(), summary(points))).collect()
    }
}

/// Returns the current versions: those whose stamp no version of the key lists.
fn currents<V: Clone>(versions: &[Version<V>]) -> Option<Current<V>> {
    let open = |v: &&Version<V>| !versions.iter().any(|other| other.replaces.contains(&v.stamp));
    let mut open: Vec<Version<V>> = versions.iter().filter(open).cloned().collect();
    Some(Current { version: open.pop()?, rivals: open })
}

fn summary(points: &[Point<u64>]) -> Register<u64> {
    let measured = || points.iter().filter(|point| point.measure.is_some());
    let is_better =
        |a: &Point<u64>, b: &Point<u64>, sign: f64| a.measure.unwrap() * sign > b.measure.unwrap() * sign;
    // The earliest of several extremes, because a later point is chosen only if it is better.
    let best =
        |sign| measured().reduce(|best, point| if is_better(point, best, sign) { point } else { best });
    Register {
        count: points.len() as u64,
        first: points[0],
        last: points[points.len() - 1],
        min: best(-1.0).cloned(),
        max: best(1.0).cloned(),
    }
}

// ---- strategies

/// Bytes that are special in encodings, and others.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 1, 2, b'a', 0xff]), 0..3)
}

fn text() -> impl Strategy<Value = String> {
    let chars = prop::sample::select(vec!['\0', '\u{1}', 'a', 'ä', '\u{10ffff}']);
    prop::collection::vec(chars, 0..3).prop_map(|chars| chars.into_iter().collect())
}

fn number() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![i64::MIN, -256, -1, 0, 1, 255, i64::MAX])
}

fn triple() -> impl Strategy<Value = Triple> {
    (bytes(), number(), text())
}

/// An event whose replaced versions are chosen when it is appended.
fn fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        3 => (triple(), text()).prop_map(|(key, value)| Fact::Put { key, value, replaces: Vec::new() }),
        3 => (bytes(), any::<u16>()).prop_map(|(key, value)| Fact::Name { key, value, replaces: Vec::new() }),
        2 => (number(), bytes()).prop_map(|key| Fact::Tag { key }),
        4 => (text(), number(), prop::option::of(-2i8..3), any::<u64>())
            .prop_map(|(key, time, measure, value)| Fact::Measure { key, time, measure, value }),
    ]
}

const WRITERS: usize = 3;

/// An append by one of the writers, after the clock has moved by some nanoseconds.
#[derive(Debug, Clone)]
struct Append {
    writer: usize,
    moved: i64,
    facts: Vec<Fact>,
    /// The entries that the versions of this append replace.
    replaced: Vec<Index>,
    is_applied: bool,
}

fn append() -> impl Strategy<Value = Append> {
    let facts = prop::collection::vec(fact(), 1..6);
    (
        0..WRITERS,
        -1000i64..1000,
        facts,
        prop::collection::vec(any::<Index>(), 0..3),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(writer, moved, facts, replaced, is_applied)| Append {
            writer,
            moved,
            facts,
            replaced,
            is_applied,
        })
}

/// A query: a prefix, a range, a limit, and the ends that the items are taken from.
#[derive(Debug, Clone)]
struct Ask {
    triple: Triple,
    components: usize,
    range: (Bound<Triple>, Bound<Triple>),
    limit: usize,
    from_back: Vec<bool>,
}

fn bound<T: Debug + Clone>(
    strategy: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Bound<T>> {
    prop_oneof![
        1 => Just(Bound::Unbounded),
        2 => strategy.clone().prop_map(Bound::Included),
        2 => strategy.prop_map(Bound::Excluded),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let range = (bound(triple().boxed()), bound(triple().boxed()));
    let limit = prop_oneof![2 => Just(usize::MAX), 1 => 0usize..5];
    let from_back =
        prop_oneof![Just(vec![false]), Just(vec![true]), prop::collection::vec(any::<bool>(), 1..5),];
    (triple(), 0usize..4, range, limit, from_back).prop_map(
        |(triple, components, range, limit, from_back)| Ask { triple, components, range, limit, from_back },
    )
}

// ---- comparison

/// Takes all items of a query from the ends that `ask` names, and compares them with the expected items.
fn compare<K, I: PartialEq + Debug>(
    query: Query<'_, K, I>,
    expected: impl IntoIterator<Item = I>,
    ask: &Ask,
) {
    compare_items(query.limit(ask.limit), expected.into_iter().collect(), ask);
}

fn compare_items<I: PartialEq + Debug>(
    mut items: impl DoubleEndedIterator<Item = Result<I>>,
    mut expected: VecDeque<I>,
    ask: &Ask,
) {
    let mut left = ask.limit;
    for from_back in ask.from_back.iter().cycle() {
        let (item, wanted) = match from_back {
            true => (items.next_back(), expected.pop_back()),
            false => (items.next(), expected.pop_front()),
        };
        let wanted = wanted.filter(|_| left > 0);
        assert_eq!(item.transpose().unwrap(), wanted);
        if wanted.is_none() {
            break;
        }
        left -= 1;
    }
    assert!(items.next().is_none() && items.next_back().is_none(), "an item after the end");
}

/// Restricts a query to the range of `ask`.
fn ranged<'v, K, I>(query: Query<'v, K, I>, range: &(Bound<K>, Bound<K>)) -> Query<'v, K, I>
where
    K: Clone + AsKey<K>,
{
    query.range(range.clone())
}

impl Ask {
    fn names(&self) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        let first = |bound: &Bound<Triple>| bound.clone().map(|(bytes, ..)| bytes);
        (first(&self.range.0), first(&self.range.1))
    }

    fn texts(&self) -> (Bound<String>, Bound<String>) {
        let last = |bound: &Bound<Triple>| bound.clone().map(|(.., text)| text);
        (last(&self.range.0), last(&self.range.1))
    }

    fn pairs(&self) -> (Bound<Pair>, Bound<Pair>) {
        let pair = |bound: &Bound<Triple>| bound.clone().map(|(bytes, number, _)| (number, bytes));
        (pair(&self.range.0), pair(&self.range.1))
    }

    fn times(&self) -> (Bound<i64>, Bound<i64>) {
        let time = |bound: &Bound<Triple>| bound.clone().map(|(_, number, _)| number);
        (time(&self.range.0), time(&self.range.1))
    }

    /// Restricts a query to the prefix: a number of whole components, and for all three a prefix of the last one.
    fn puts<'v, I>(&self, query: Query<'v, Triple, I>) -> Query<'v, Triple, I> {
        let (a, b, c) = &self.triple;
        let query = ranged(query, &self.range);
        match self.components {
            0 => query,
            1 => query.prefix((a,)),
            2 => query.prefix((a, b)),
            _ => query.prefix((a, b, c.as_str())),
        }
    }

    fn wants_put(&self, key: &Triple) -> bool {
        let (a, b, c) = &self.triple;
        let matches = [&key.0 == a, &key.1 == b, key.2.starts_with(c)];
        matches.iter().take(self.components).all(|same| *same) && self.range.contains(key)
    }

    fn names_of<'v, I>(&self, query: Query<'v, Vec<u8>, I>) -> Query<'v, Vec<u8>, I> {
        let query = ranged(query, &self.names());
        if self.components == 0 { query } else { query.prefix(self.triple.0.as_slice()) }
    }

    fn wants_name(&self, key: &Vec<u8>) -> bool {
        (self.components == 0 || key.starts_with(&self.triple.0)) && self.names().contains(key)
    }
}

/// Compares all queries to versions tables with the model.
fn check_versions(view: &View, model: &Model, ask: &Ask) {
    let puts = || model.puts.iter().filter(|(key, _)| ask.wants_put(key));
    let with_current = puts().filter_map(|(key, versions)| Some((key.clone(), currents(versions)?)));
    compare(ask.puts(PUTS.read(view)), with_current, ask);
    compare(ask.puts(PUTS.history(view)), puts().map(|(k, v)| (k.clone(), v.clone())), ask);
    let names = || model.names.iter().filter(|(key, _)| ask.wants_name(key));
    let with_current = names().filter_map(|(key, versions)| Some((key.clone(), currents(versions)?)));
    compare(ask.names_of(NAMES.read(view)), with_current, ask);
    compare(ask.names_of(NAMES.history(view)), names().map(|(k, v)| (k.clone(), v.clone())), ask);

    let (a, b, c) = &ask.triple;
    let versions = model.puts.get(&ask.triple).cloned().unwrap_or_default();
    assert_eq!(PUTS.get(view, &(a, b, c.as_str())).unwrap(), currents(&versions));
    assert_eq!(PUTS.newest(view, &ask.triple).unwrap().as_ref(), versions.last());
    assert_eq!(PUTS.versions(view, &ask.triple).unwrap(), versions);
    let versions = model.names.get(a).cloned().unwrap_or_default();
    assert_eq!(NAMES.get(view, a.as_slice()).unwrap(), currents(&versions));
    assert_eq!(NAMES.newest(view, a).unwrap().as_ref(), versions.last());
    assert_eq!(currents(&versions), current(versions));
}

/// Compares all queries to the series table with the model.
fn check_series(view: &View, model: &Model, ask: &Ask) {
    let (texts, times, key) = (ask.texts(), ask.times(), &ask.triple.2);
    let query = ranged(POINTS.keys(view), &texts);
    let query = if ask.components == 0 { query } else { query.prefix(key) };
    let wants = |k: &&String| (ask.components == 0 || k.starts_with(key)) && texts.contains(*k);
    compare(query, model.points.keys().filter(wants).cloned(), ask);
    let points = model.points.get(key).into_iter().flatten();
    let wanted = points.filter(|point| times.contains(&point.order.time)).cloned().collect();
    compare_items(POINTS.points(view, key).range(times).limit(ask.limit), wanted, ask);
}

/// Compares all queries to sets and registers tables with the model.
fn check_unversioned(view: &View, model: &Model, ask: &Ask) {
    let (bytes, number, text) = &ask.triple;
    let (pairs, texts) = (ask.pairs(), ask.texts());
    let query = ranged(TAGS.read(view), &pairs);
    let query = match ask.components {
        0 => query,
        1 => query.prefix((number,)),
        _ => query.prefix((number, bytes)),
    };
    let begins = |tag: &Pair| match ask.components {
        0 => true,
        1 => tag.0 == *number,
        _ => tag.0 == *number && tag.1.starts_with(bytes),
    };
    compare(query, model.tags.iter().filter(|tag| begins(tag) && pairs.contains(*tag)).cloned(), ask);
    assert_eq!(
        TAGS.contains(view, &(number, bytes)).unwrap(),
        model.tags.contains(&(*number, bytes.clone()))
    );
    let sums = model.sums();
    compare(
        ranged(SUMS.read(view), &texts),
        sums.iter().filter(|(key, _)| texts.contains(*key)).map(|(k, r)| (k.clone(), r.clone())),
        ask,
    );
    assert_eq!(SUMS.get(view, text.as_str()).unwrap().as_ref(), sums.get(text));
}

fn is_not_versioned<T: Debug>(result: Result<T>) -> bool {
    result.is_err_and(|e| matches!(e, Error::TableNotVersioned { .. }) && e.code() == "table_not_versioned")
}

/// Asserts that sets and registers tables cannot be read as of a stamp.
fn check_refusals(view: &View) {
    let mut tags = TAGS.read(view);
    assert!(tags.next().is_some_and(is_not_versioned) && tags.next().is_none());
    assert!(SUMS.read(view).next_back().is_some_and(is_not_versioned));
    assert!(is_not_versioned(TAGS.contains(view, &(0, b""))));
    assert!(is_not_versioned(SUMS.get(view, "")));
    assert!(is_not_versioned(view.keys(TAGS.spec(), &[])));
    assert!(is_not_versioned(view.registers(SUMS.spec(), &[])));
    for spec in [TAGS.spec(), SUMS.spec(), POINTS.spec()] {
        assert!(is_not_versioned(view.rows(spec, &[])));
    }
    assert!(view.rows(PUTS.spec(), &[]).is_ok());
}

/// Compares functions of the view that return bytes with the model.
fn check_bytes(view: &View, model: &Model) {
    let rows = view.rows(NAMES.spec(), &[]).unwrap().count();
    assert_eq!(rows, model.names.values().map(Vec::len).sum::<usize>());
    let chunks = view.chunks(POINTS.spec(), &[]).unwrap();
    let points: usize = chunks.map(|chunk| chunk.unwrap().points().len()).sum();
    assert_eq!(points, model.points.values().map(Vec::len).sum::<usize>());
}

fn typed_projector(workspace: &Workspace) -> Projector<Fact> {
    let paths = ProjectorPaths { log: workspace.log_dir(), generations: workspace.root.join("projections") };
    let options = ProjectorOptions::new(domain());
    Projector::new(workspace.disk.process(20), paths, options, vec![Box::new(Typed)])
}

/// Appends the facts with the versions that they replace, and returns all entries by their stamps.
fn appended(workspace: &Workspace, appends: &[Append], projector: &Projector<Fact>) -> BTreeMap<Stamp, Fact> {
    let logs: Vec<Log> = (0..WRITERS).map(|n| workspace.log(n as u32)).collect();
    let mut entries: BTreeMap<Stamp, Fact> = BTreeMap::new();
    for Append { writer, moved, facts, replaced, is_applied } in appends {
        workspace.disk.advance(*moved);
        let stamps: Vec<[u8; 32]> = entries.keys().map(Stamp::to_bytes).collect();
        let chosen: Vec<[u8; 32]> =
            replaced.iter().filter(|_| !stamps.is_empty()).map(|index| *index.get(&stamps)).collect();
        let mut facts = facts.clone();
        for fact in &mut facts {
            if let Fact::Put { replaces, .. } | Fact::Name { replaces, .. } = fact {
                replaces.clone_from(&chosen);
            }
        }
        let mut stamp = logs[*writer].append(&facts, Durability::Flush).unwrap().first;
        for fact in facts {
            entries.insert(stamp, fact);
            stamp = Stamp { time: stamp.time + 1, seq: stamp.seq.next(), ..stamp };
        }
        if *is_applied {
            projector.catch_up().unwrap();
        }
    }
    entries
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn typed_tables_equal_plain_maps_as_of_each_stamp(
        appends in prop::collection::vec(append(), 0..14),
        asks in prop::collection::vec(ask(), 1..8),
    ) {
        let workspace = Workspace::new(3, 1 << 20);
        let projector = typed_projector(&workspace);
        let entries = appended(&workspace, &appends, &projector);
        projector.read(|view| {
            let model = Model::of(&entries, None);
            check_bytes(view, &model);
            for ask in &asks {
                check_versions(view, &model, ask);
                check_series(view, &model, ask);
                check_unversioned(view, &model, ask);
            }
            let none = Stamp { time: 0, stream: StreamId([0; 16]), seq: Seq(0) };
            // The stamp of each entry, and a stamp between it and the next one.
            let between = |stamp: &Stamp| [*stamp, Stamp { seq: Seq(u64::MAX), ..*stamp }];
            for (n, stamp) in [none].into_iter().chain(entries.keys().flat_map(between)).enumerate() {
                let (model, before) = (Model::of(&entries, Some(stamp)), view.as_of(stamp));
                check_bytes(&before, &model);
                let ask = &asks[n % asks.len()];
                check_versions(&before, &model, ask);
                check_series(&before, &model, ask);
                check_refusals(&before);
                // The earlier of two stamps is effective.
                let later = entries.keys().next_back().copied().unwrap_or(stamp);
                check_versions(&view.as_of(later.max(stamp)).as_of(stamp), &model, ask);
                check_versions(&before.as_of(later.max(stamp)), &model, ask);
            }
            Ok::<_, Error>(())
        }).unwrap();
    }

    #[test]
    fn encoded_keys_compare_like_keys_and_contain_their_prefixes(
        keys in prop::collection::vec((any::<Vec<u8>>(), any::<i64>(), any::<String>()), 2),
        close in prop::collection::vec(triple(), 2),
        cut in any::<Index>(),
    ) {
        for pair in [keys, close] {
            let bytes: Vec<Vec<u8>> = pair.iter().map(key_bytes).collect();
            assert_eq!(bytes[0].cmp(&bytes[1]), pair[0].cmp(&pair[1]));
            assert_eq!(bytes[0].starts_with(&bytes[1]), pair[0] == pair[1]);
            let mut rest = bytes[0].as_slice();
            assert_eq!(Triple::decode_key(&mut rest).as_ref(), Some(&pair[0]));
            assert!(rest.is_empty());
            let (first, second) = (&pair[0].0, &pair[1].0);
            let prefix = &first[..cut.index(first.len() + 1)];
            let mut encoded = Vec::new();
            KeyPrefix::<Vec<u8>>::encode_prefix(prefix, &mut encoded);
            assert!(key_bytes(&pair[0]).starts_with(&encoded));
            assert_eq!(key_bytes(&pair[1]).starts_with(&encoded), second.starts_with(prefix));
        }
    }

    #[test]
    fn hostile_bytes_never_panic_and_decode_to_a_key_with_these_bytes(bytes in any::<Vec<u8>>()) {
        let mut rest = bytes.as_slice();
        if let Some(key) = Triple::decode_key(&mut rest) {
            assert_eq!([key_bytes(&key).as_slice(), rest].concat(), bytes);
        }
        let _ = <(String, Vec<u8>, Named)>::decode_value(&bytes);
    }
}

fn key_bytes(key: &Triple) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode_key(&mut out);
    out
}

// ---- cost

fn view_of<T>(facts: &[Fact], question: impl Fn(&View) -> Result<T>) -> T {
    let workspace = Workspace::new(3, 1 << 20);
    workspace.log(1).append(facts, Durability::Flush).unwrap();
    typed_projector(&workspace).read(question).unwrap()
}

/// Returns the number of rows that a question reads.
fn cost<T>(view: &View, question: impl FnOnce() -> T) -> u64 {
    let before = view.rows_read();
    let _ = question();
    view.rows_read() - before
}

#[test]
fn query_reads_only_rows_that_it_needs() {
    let name =
        |n: u16| Fact::Name { key: format!("job-{n:03}").into_bytes(), value: n, replaces: Vec::new() };
    let point = |n: i64| Fact::Measure { key: (n % 5).to_string(), time: n, measure: None, value: 0 };
    let facts: Vec<Fact> = (0..200).map(name).chain((0..5000).map(point)).collect();
    view_of(&facts, |view| {
        assert_eq!(cost(view, || NAMES.get(view, b"job-100")), 1);
        // A key is complete when the row of the next key was read.
        assert_eq!(cost(view, || NAMES.read(view).limit(3).count()), 4);
        assert_eq!(cost(view, || NAMES.read(view).rev().take(3).count()), 4);
        assert_eq!(cost(view, || NAMES.read(view).prefix(b"job-01").count()), 10);
        assert_eq!(cost(view, || NAMES.read(view).range(&b"job-050"[..]..b"job-060").count()), 10);
        assert_eq!(cost(view, || POINTS.keys(view).count()), 5);
        // A series has 1000 points in chunks of up to 256.
        assert_eq!(cost(view, || POINTS.points(view, "3").next()), 1);
        assert_eq!(cost(view, || POINTS.points(view, "3").next_back()), 1);
        let range = || POINTS.points(view, "3").range(4000..4010).map(|p| p.unwrap().order.time);
        assert_eq!(range().collect::<Vec<_>>(), [4003, 4008]);
        assert!(cost(view, || range().count()) <= 3);
        Ok(())
    });
}

// ---- mistakes

#[test]
fn view_can_be_sent_and_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<View>();
}

/// A projection that declares `tables` and adds the rows of `apply` for each entry.
struct Other {
    tables: &'static [TableSpec],
    apply: fn(&mut Tables, Stamp),
}

impl Projection<Fact> for Other {
    fn name(&self) -> &'static str {
        "other"
    }
    fn version(&self) -> u32 {
        1
    }
    fn tables(&self) -> &'static [TableSpec] {
        self.tables
    }
    fn wants(&self, _: Kind) -> bool {
        true
    }
    fn apply(&self, entry: &Applied<'_, Fact>, tables: &mut Tables) -> Result<()> {
        (self.apply)(tables, entry.stamp);
        Ok(())
    }
}

fn other<T>(
    tables: &'static [TableSpec],
    apply: fn(&mut Tables, Stamp),
    question: impl Fn(&View) -> Result<T>,
) -> Result<T> {
    let workspace = Workspace::new(3, 1 << 20);
    workspace.log(1).append(&[Fact::Tag { key: (1, Vec::new()) }], Durability::Flush).unwrap();
    let paths = ProjectorPaths { log: workspace.log_dir(), generations: workspace.root.join("projections") };
    let (storage, options) = (workspace.disk.process(2), ProjectorOptions::new(domain()));
    let boxed: Box<dyn Projection<Fact>> = Box::new(Other { tables, apply });
    projection::Projector::new(storage, paths, options, vec![boxed]).read(question)
}

#[test]
fn undeclared_table_is_an_error_of_the_write_and_of_the_query() {
    let (declared, nothing): (&[TableSpec], fn(&mut Tables, Stamp)) = (const { &[TAGS.spec()] }, |_, _| {});
    let error = other(declared, |t, stamp| NAMES.put(t, b"a", stamp, &[], &1), |_| Ok(())).unwrap_err();
    assert!(matches!(error, Error::ProjectionMisused { projection: "other", .. }), "{error:?}");
    other(declared, nothing, |view| {
        let items: Vec<_> = NAMES.read(view).collect();
        assert!(matches!(&items[..], [Err(Error::TableUnknown { .. })]), "{items:?}");
        let items: Vec<_> = POINTS.points(view, "a").collect();
        assert!(matches!(&items[..], [Err(Error::TableUnknown { .. })]), "{items:?}");
        assert!(matches!(NAMES.get(view, b"a"), Err(Error::TableUnknown { .. })));
        // The name is declared, but as a set.
        let items: Vec<_> = Versions::<String, u8>::new("tags").read(view).collect();
        assert!(matches!(&items[..], [Err(Error::TableUnknown { .. })]), "{items:?}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn value_that_cannot_be_encoded_is_an_error_with_table_and_entry() {
    const LARGE: Versions<(), Named> = Versions::new("large");
    let put: fn(&mut Tables, Stamp) = |tables, stamp| {
        LARGE.put(tables, &(), stamp, &[], &Named { text: "x".repeat(codec::PAYLOAD_BYTES_MAX) });
    };
    let error = other(const { &[LARGE.spec()] }, put, |_| Ok(())).unwrap_err();
    let message = error.to_string();
    assert_eq!(error.code(), "projection_misused");
    assert!(
        message.contains("table large at entry") && message.contains(":1 cannot be encoded"),
        "{message}"
    );
}

#[test]
fn row_of_another_type_is_the_last_item_and_an_error() {
    let spec = const { &[TableSpec::new("names", TableKind::Versions)] };
    // The value has one byte, and the table has values of two bytes.
    let put: fn(&mut Tables, Stamp) = |tables, stamp| {
        for key in ["a", "b", "c"] {
            Versions::<String, u8>::new("names").put(tables, key, stamp, &[], &7);
        }
    };
    let error = other(spec, put, |view| {
        let mut rows = NAMES.read(view);
        let error = rows.next().unwrap().unwrap_err();
        assert!(rows.next().is_none() && rows.next_back().is_none());
        NAMES.get(view, b"a").map(drop).and(Err::<(), _>(error))
    })
    .unwrap_err();
    assert_eq!(error.code(), "projection_unusable");
    assert!(
        error.to_string().contains("a row of table names does not have the types of the table"),
        "{error}"
    );
}

#[test]
fn ranges_of_the_standard_library_are_ranges_of_keys() {
    fn check<K>(range: impl KeyRange<K>, start: bool, end: bool) {
        let (from, to) = range.key_bounds();
        assert_eq!((from == Bound::Unbounded, to == Bound::Unbounded), (!start, !end));
    }
    check::<u64>(5..9, true, true);
    check::<u64>(..=9, false, true);
    check::<String>("a".."b", true, true);
    check::<String>(&"a".to_owned()..=&"b".to_owned(), true, true);
    check::<Vec<u8>>(b"a".., true, false);
    check::<(String, i64)>(..("a", -5), false, true);
    check::<(String, i64)>(.., false, false);
}
