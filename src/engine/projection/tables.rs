//! The four convergent table types. Their logical content depends on which entries were applied, not on when:
//! rows are only ever added, and what is read as "current", "first" or "last" is decided by stamps.
//!
//! | type | row | read as |
//! |---|---|---|
//! | versions | key, stamp -> value, stamps it replaces | what no other version replaces, then the highest stamp |
//! | set | key | its keys |
//! | series | key, (time, stamp) -> measure, value | points in that order, stored in chunks |
//! | registers | key -> count, min, max, first, last | the summary of the points of a series |

use crate::engine::bytes::{Reader, put_length_prefixed, put_varint};
use crate::engine::entry::{STAMP_LEN, Stamp};
use crate::engine::error::{Error, Result};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::Path;

/// How a table stores what is put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// Values by key and stamp.
    Versions,
    /// Keys alone.
    Set,
    /// Points by key, time and stamp.
    Series,
    /// Summaries by key.
    Registers,
}

/// A table of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSpec {
    /// Its name; names that begin with `_` are the engine's own.
    pub name: &'static str,
    /// Its type.
    pub kind: TableKind,
}

impl TableSpec {
    /// A table of this name and type.
    pub const fn new(name: &'static str, kind: TableKind) -> TableSpec {
        TableSpec { name, kind }
    }
}

/// The part of an error message that compares a table with the declared ones.
pub(super) fn declaration(table: TableSpec, tables: &[TableSpec]) -> String {
    match tables.iter().find(|declared| declared.name == table.name) {
        Some(declared) => format!("it is declared as {:?}", declared.kind),
        None => "no such table is declared".to_owned(),
    }
}

pub(super) type Definition<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;
type Handle<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

/// Points of one series chunk; a full chunk is split in two.
const CHUNK_POINTS_MAX: usize = 256;

/// One value that a key had, and which values it replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// When, and by which entry.
    pub stamp: Stamp,
    /// The stamps of the versions it replaces.
    pub replaces: Vec<Stamp>,
    /// The value.
    pub value: Vec<u8>,
}

impl Version {
    pub(super) fn encode(replaces: &[Stamp], value: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(value.len() + 2 + replaces.len() * STAMP_LEN);
        put_varint(&mut out, replaces.len() as u64);
        for stamp in replaces {
            out.extend_from_slice(&stamp.to_bytes());
        }
        out.extend_from_slice(value);
        out
    }

    pub(super) fn decode(stamp: Stamp, row: &[u8]) -> Option<Version> {
        let mut reader = Reader::new(row);
        let count = reader.length()?;
        if count.checked_mul(STAMP_LEN)? > reader.remaining() {
            return None;
        }
        let mut replaces = Vec::with_capacity(count);
        for _ in 0..count {
            replaces.push(Stamp::from_bytes(&reader.array()?));
        }
        Some(Version { stamp, replaces, value: reader.take(reader.remaining())?.to_vec() })
    }
}

/// The place of a point in its series: by event time, then by stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointOrder {
    /// The embedder's time of the event, in its own unit.
    pub time: i64,
    /// The entry it came from.
    pub stamp: Stamp,
}

const ORDER_LEN: usize = 8 + STAMP_LEN;

impl PointOrder {
    fn to_bytes(self) -> [u8; ORDER_LEN] {
        let mut out = [0u8; ORDER_LEN];
        if let Some((time, stamp)) = out.split_first_chunk_mut::<8>() {
            *time = (self.time as u64 ^ (1 << 63)).to_be_bytes();
            stamp.copy_from_slice(&self.stamp.to_bytes());
        }
        out
    }

    fn read(reader: &mut Reader<'_>) -> Option<PointOrder> {
        let time = (u64::from_be_bytes(reader.array()?) ^ (1 << 63)) as i64;
        Some(PointOrder { time, stamp: Stamp::from_bytes(&reader.array()?) })
    }
}

/// A point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its place.
    pub order: PointOrder,
    /// The number that minimum and maximum go by, if it has one.
    pub measure: Option<f64>,
    /// Whatever else belongs to it.
    pub value: Vec<u8>,
}

impl Point {
    /// Becomes a copy of `other` in the memory it has.
    fn assign(&mut self, other: &Point) {
        (self.order, self.measure) = (other.order, other.measure);
        self.value.clone_from(&other.value);
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.order.to_bytes());
        out.push(u8::from(self.measure.is_some()));
        if let Some(measure) = self.measure {
            out.extend_from_slice(&measure.to_bits().to_le_bytes());
        }
        put_length_prefixed(out, &self.value);
    }

    fn read(reader: &mut Reader<'_>) -> Option<Point> {
        let order = PointOrder::read(reader)?;
        let measure = match reader.u8()? {
            0 => None,
            1 => Some(f64::from_bits(reader.u64()?)),
            _ => return None,
        };
        Some(Point { order, measure, value: reader.length_prefixed()?.to_vec() })
    }

    pub(super) fn decode_chunk(bytes: &[u8]) -> Option<Vec<Point>> {
        let mut reader = Reader::new(bytes);
        let mut points = Vec::new();
        while reader.remaining() > 0 {
            points.push(Point::read(&mut reader)?);
        }
        Some(points)
    }

    fn encode_chunk(points: &[Point]) -> Vec<u8> {
        let mut out = Vec::new();
        for point in points {
            point.put(&mut out);
        }
        out
    }
}

/// The summary of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// Number of points.
    pub count: u64,
    /// The first point in series order.
    pub first: Point,
    /// The last point in series order.
    pub last: Point,
    /// The point with the smallest measure (the earliest of equals), if any has one.
    pub min: Option<Point>,
    /// The point with the greatest measure (the earliest of equals), if any has one.
    pub max: Option<Point>,
}

impl Register {
    fn of(point: &Point) -> Register {
        let extreme = point.measure.filter(|m| !m.is_nan()).map(|_| point.clone());
        Register { count: 1, first: point.clone(), last: point.clone(), min: extreme.clone(), max: extreme }
    }

    /// Counts one more point: the same as merging its own register, with fewer copies.
    fn add(&mut self, point: &Point) {
        self.count = self.count.saturating_add(1);
        if point.order < self.first.order {
            self.first.assign(point);
        }
        if point.order > self.last.order {
            self.last.assign(point);
        }
        let Some(measure) = point.measure.filter(|m| !m.is_nan()) else { return };
        let improves = |extreme: &Option<Point>, wanted: Ordering| {
            extreme.as_ref().is_none_or(|extreme| {
                let order = measure.total_cmp(&extreme.measure.unwrap_or_default());
                order == wanted || (order == Ordering::Equal && point.order < extreme.order)
            })
        };
        for (extreme, wanted) in [(&mut self.min, Ordering::Less), (&mut self.max, Ordering::Greater)] {
            if improves(&*extreme, wanted) {
                match extreme {
                    Some(extreme) => extreme.assign(point),
                    None => *extreme = Some(point.clone()),
                }
            }
        }
    }

    fn merge(&mut self, other: Register) {
        self.count = self.count.saturating_add(other.count);
        if other.first.order < self.first.order {
            self.first = other.first;
        }
        if other.last.order > self.last.order {
            self.last = other.last;
        }
        self.min = pick(self.min.take(), other.min, |a, b| a.total_cmp(&b).is_lt());
        self.max = pick(self.max.take(), other.max, |a, b| a.total_cmp(&b).is_gt());
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.count.to_le_bytes().to_vec();
        self.first.put(&mut out);
        self.last.put(&mut out);
        for extreme in [&self.min, &self.max] {
            out.push(u8::from(extreme.is_some()));
            if let Some(point) = extreme {
                point.put(&mut out);
            }
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Register> {
        let mut reader = Reader::new(bytes);
        let count = reader.u64()?;
        let (first, last) = (Point::read(&mut reader)?, Point::read(&mut reader)?);
        let mut extreme = || match reader.u8()? {
            0 => Some(None),
            1 => Point::read(&mut reader).map(Some),
            _ => None,
        };
        let (min, max) = (extreme()?, extreme()?);
        (reader.remaining() == 0).then_some(Register { count, first, last, min, max })
    }
}

fn pick(a: Option<Point>, b: Option<Point>, better: impl Fn(f64, f64) -> bool) -> Option<Point> {
    let (Some(a), Some(b)) = (a.clone(), b.clone()) else { return a.or(b) };
    let (x, y) = (a.measure.unwrap_or_default(), b.measure.unwrap_or_default());
    let second = better(y, x) || (!better(x, y) && b.order < a.order);
    Some(if second { b } else { a })
}

/// What a projection writes to while entries are applied. Writes are buffered and reach the database together
/// with the cursor.
pub struct Tables<'a> {
    transaction: &'a WriteTransaction,
    path: &'a Path,
    /// The projection that writes at present, and the tables it declares.
    writer: (&'static str, &'static [TableSpec]),
    /// The first table that a projection wrote to without having declared it so.
    misuse: Option<Error>,
    versions: BTreeMap<(&'static str, Vec<u8>), Vec<u8>>,
    sets: BTreeMap<&'static str, BTreeSet<Vec<u8>>>,
    // By table, then by key: a key is copied only when it is new.
    points: BTreeMap<&'static str, BTreeMap<Vec<u8>, Vec<Point>>>,
    registers: BTreeMap<&'static str, BTreeMap<Vec<u8>, Register>>,
}

impl std::fmt::Debug for Tables<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<'a> Tables<'a> {
    pub(super) fn new(transaction: &'a WriteTransaction, path: &'a Path) -> Tables<'a> {
        Tables {
            transaction,
            path,
            writer: ("", &[]),
            misuse: None,
            versions: BTreeMap::new(),
            sets: BTreeMap::new(),
            points: BTreeMap::new(),
            registers: BTreeMap::new(),
        }
    }

    /// Declares which projection writes from now on, and to which tables it may.
    pub(super) fn admit(&mut self, projection: &'static str, tables: &'static [TableSpec]) {
        self.writer = (projection, tables);
    }

    /// Returns whether the projection may write rows of this type to this table; if not, `flush` fails.
    fn may_write(&mut self, table: TableSpec, kind: TableKind) -> bool {
        let (projection, tables) = self.writer;
        let declared = table.kind == kind && tables.contains(&table);
        if !declared && self.misuse.is_none() {
            let reason = format!(
                "it writes {kind:?} rows to table {}, and {}",
                table.name,
                declaration(table, tables)
            );
            self.misuse = Some(Error::ProjectionMisused { projection, reason });
        }
        declared
    }

    /// Adds a version of `key`.
    pub fn put_version(
        &mut self,
        table: TableSpec,
        key: &[u8],
        stamp: Stamp,
        replaces: &[Stamp],
        value: &[u8],
    ) {
        if !self.may_write(table, TableKind::Versions) {
            return;
        }
        let row = [&fenced(key), &stamp.to_bytes()[..]].concat();
        self.versions.insert((table.name, row), Version::encode(replaces, value));
    }

    /// Adds `key` to a set.
    pub fn insert(&mut self, table: TableSpec, key: Vec<u8>) {
        if !self.may_write(table, TableKind::Set) {
            return;
        }
        self.sets.entry(table.name).or_default().insert(key);
    }

    /// Adds a point to a series.
    pub fn add_point(&mut self, table: TableSpec, key: &[u8], point: Point) {
        if !self.may_write(table, TableKind::Series) {
            return;
        }
        let points = self.points.entry(table.name).or_default();
        match points.get_mut(key) {
            Some(points) => points.push(point),
            None => drop(points.insert(key.to_vec(), vec![point])),
        }
    }

    /// Counts a point in a register.
    pub fn register(&mut self, table: TableSpec, key: &[u8], point: &Point) {
        if !self.may_write(table, TableKind::Registers) {
            return;
        }
        let registers = self.registers.entry(table.name).or_default();
        match registers.get_mut(key) {
            Some(register) => register.add(point),
            None => drop(registers.insert(key.to_vec(), Register::of(point))),
        }
    }

    fn fail(&self, e: impl std::fmt::Display) -> Error {
        Error::ProjectionUnusable { path: self.path.to_path_buf(), reason: e.to_string() }
    }

    fn open(&self, name: &'static str) -> Result<Handle<'a>> {
        self.transaction.open_table(Definition::new(name)).map_err(|e| self.fail(e))
    }

    /// Writes everything buffered.
    pub(super) fn flush(mut self) -> Result<()> {
        if let Some(misuse) = self.misuse.take() {
            return Err(misuse);
        }
        let mut handle: Option<(&'static str, Handle<'a>)> = None;
        for (name, keys) in std::mem::take(&mut self.sets) {
            let table = self.switch(&mut handle, name)?;
            for key in keys {
                table.insert(key.as_slice(), &b""[..]).map_err(|e| self.fail(e))?;
            }
        }
        for ((name, key), value) in std::mem::take(&mut self.versions) {
            let table = self.switch(&mut handle, name)?;
            table.insert(key.as_slice(), value.as_slice()).map_err(|e| self.fail(e))?;
        }
        let points = std::mem::take(&mut self.points).into_iter();
        for (name, key, mut points) in
            points.flat_map(|(name, keys)| keys.into_iter().map(move |(k, p)| (name, k, p)))
        {
            points.sort_by_key(|p| p.order);
            let table = self.switch(&mut handle, name)?;
            merge_points(table, &fenced(&key), points).map_err(|e| self.fail(e))?;
        }
        let registers = std::mem::take(&mut self.registers).into_iter();
        for (name, key, mut register) in
            registers.flat_map(|(name, keys)| keys.into_iter().map(move |(k, r)| (name, k, r)))
        {
            let table = self.switch(&mut handle, name)?;
            let old = table.get(key.as_slice()).map_err(|e| self.fail(e))?;
            let old = old.map(|row| Register::decode(row.value()).ok_or("a register row is malformed"));
            if let Some(old) = old.transpose().map_err(|e| self.fail(e))? {
                register.merge(old);
            }
            table.insert(key.as_slice(), register.encode().as_slice()).map_err(|e| self.fail(e))?;
        }
        Ok(())
    }

    /// The table of this name; the one before is closed first, as two handles of one table cannot be open.
    fn switch<'h>(
        &self,
        handle: &'h mut Option<(&'static str, Handle<'a>)>,
        name: &'static str,
    ) -> Result<&'h mut Handle<'a>> {
        if handle.as_ref().is_none_or(|(open, _)| *open != name) {
            *handle = None;
            *handle = Some((name, self.open(name)?));
        }
        match handle {
            Some((_, table)) => Ok(table),
            None => Err(self.fail("no table is open")),
        }
    }
}

type RowError = Box<dyn std::error::Error + Send + Sync>;

/// What the rows of one key begin with, and those of a longer key seldom do: the key, and a zero byte. Whoever looks for
/// the rows of a key does not come across those of all keys that begin with it.
pub(super) fn fenced(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// Merges sorted points into the chunks of a series, by its fenced key.
fn merge_points(table: &mut Handle<'_>, key: &[u8], points: Vec<Point>) -> std::result::Result<(), RowError> {
    let mut rest = points.into_iter();
    while let Some(first) = rest.as_slice().first() {
        let place = find_chunk(table, key, first.order)?;
        let fits = match &place.next {
            Some(next) => rest.as_slice().partition_point(|p| p.order.to_bytes() < *next).max(1),
            None => rest.len(),
        };
        let mut chunk = place.points;
        chunk.extend(rest.by_ref().take(fits));
        chunk.sort_by_key(|p| p.order);
        chunk.dedup_by_key(|p| p.order);
        if let Some(old) = place.row {
            table.remove(old.as_slice())?;
        }
        // A single overfull chunk is halved; a bulk of new points fills chunks.
        let halved = chunk.len().div_ceil(CHUNK_POINTS_MAX) == 2;
        let size = if halved { chunk.len().div_ceil(2) } else { CHUNK_POINTS_MAX };
        for piece in chunk.chunks(size) {
            if let Some(first) = piece.first() {
                let row = [key, &first.order.to_bytes()].concat();
                table.insert(row.as_slice(), Point::encode_chunk(piece).as_slice())?;
            }
        }
    }
    Ok(())
}

/// The chunk that a point goes into.
struct ChunkPlace {
    /// Its row, if there is one already.
    row: Option<Vec<u8>>,
    /// Its points.
    points: Vec<Point>,
    /// Where the chunk behind it begins.
    next: Option<[u8; ORDER_LEN]>,
}

/// The last chunk that begins at or before `order`, else the first of all, else none.
fn find_chunk(
    table: &Handle<'_>,
    key: &[u8],
    order: PointOrder,
) -> std::result::Result<ChunkPlace, RowError> {
    let at = [key, &order.to_bytes()].concat();
    let end = [key, &[0xff; ORDER_LEN]].concat();
    let ours = |row: &RowResult<'_>| row.as_ref().map_or(true, |(k, _)| is_series_row(k.value(), key));
    let before = table.range::<&[u8]>(key..=at.as_slice())?.rev().find(ours).transpose()?;
    let mut after =
        table.range::<&[u8]>((Bound::Excluded(at.as_slice()), Bound::Included(end.as_slice())))?;
    let chosen = match before {
        Some(row) => Some(row),
        None => after.by_ref().find(ours).transpose()?,
    };
    let next = after.find(ours).transpose()?;
    Ok(ChunkPlace {
        points: match &chosen {
            Some((_, v)) => Point::decode_chunk(v.value()).ok_or("a chunk of a series is malformed")?,
            None => Vec::new(),
        },
        row: chosen.map(|(k, _)| k.value().to_vec()),
        next: next.and_then(|(k, _)| k.value().last_chunk::<ORDER_LEN>().copied()),
    })
}

type RowResult<'t> = std::result::Result<
    (redb::AccessGuard<'t, &'static [u8]>, redb::AccessGuard<'t, &'static [u8]>),
    redb::StorageError,
>;

/// Whether a row of a series belongs to this fenced key itself, not to a longer key.
pub(super) fn is_series_row(row: &[u8], fenced: &[u8]) -> bool {
    row.len() == fenced.len() + ORDER_LEN && row.starts_with(fenced)
}

/// Whether a versions row belongs to this fenced key itself, not to a longer key.
pub(super) fn is_version_row(row: &[u8], fenced: &[u8]) -> bool {
    row.len() == fenced.len() + STAMP_LEN && row.starts_with(fenced)
}

/// Splits a versions row into key and stamp.
pub(super) fn split_version_row(row: &[u8]) -> Option<(&[u8], Stamp)> {
    let (fenced, stamp) = row.split_last_chunk::<STAMP_LEN>()?;
    Some((fenced.strip_suffix(&[0])?, Stamp::from_bytes(stamp)))
}

/// Splits a series row into the series' key and the place of the chunk's first point.
pub(super) fn split_series_row(row: &[u8]) -> Option<&[u8]> {
    row.split_last_chunk::<ORDER_LEN>()?.0.strip_suffix(&[0])
}
