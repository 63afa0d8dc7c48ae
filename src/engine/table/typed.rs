//! Conversions between the bytes of tables and the types of typed tables.

use crate::engine::entry::Stamp;
use crate::engine::error::Result;
use crate::engine::projection::{Point, Register, TableSpec, Tables, Version, View};
use crate::engine::table::key::{Key, decoded};
use crate::engine::table::value::Value;

/// Encodes a value of the entry at `stamp`. If the value cannot be encoded, records the error in `tables` and returns
/// `None`.
pub(super) fn value_bytes<V: Value>(
    tables: &mut Tables,
    table: TableSpec,
    stamp: Stamp,
    value: &V,
) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoded = value.encode_value(&mut bytes);
    encoded.inspect_err(|e| tables.refuse(table, stamp, e)).ok().map(|()| bytes)
}

/// Encodes the value of a point. If the value cannot be encoded, records the error in `tables` and returns `None`.
pub(super) fn point_bytes<V: Value>(
    tables: &mut Tables,
    table: TableSpec,
    point: &Point<V>,
) -> Option<Point> {
    let value = value_bytes(tables, table, point.order.stamp, &point.value)?;
    Some(Point { order: point.order, measure: point.measure, value })
}

/// Returns the decoded content of a row. If `decoded` is `None`, the row does not have the types of the table: records
/// the damage and returns an error.
pub(super) fn checked<T>(view: &View, table: TableSpec, decoded: Option<T>) -> Result<T> {
    let name = table.name;
    decoded.ok_or_else(|| {
        view.damaged(format_args!("a row of table {name} does not have the types of the table"))
    })
}

/// Decodes the key of a row.
pub(super) fn key<K: Key>(view: &View, table: TableSpec, bytes: &[u8]) -> Result<K> {
    checked(view, table, decoded(bytes))
}

/// Decodes the value of a version; `None` if the value is malformed.
pub(super) fn version<V: Value>(version: Version) -> Option<Version<V>> {
    let Version { stamp, replaces, value } = version;
    Some(Version { stamp, replaces, value: V::decode_value(&value)? })
}

/// Decodes the value of a point; `None` if the value is malformed.
pub(super) fn point<V: Value>(point: Point) -> Option<Point<V>> {
    let Point { order, measure, value } = point;
    Some(Point { order, measure, value: V::decode_value(&value)? })
}

/// Decodes the values of the points of a register; `None` if a value is malformed.
pub(super) fn register<V: Value>(register: Register) -> Option<Register<V>> {
    let Register { count, first, last, min, max } = register;
    let extreme = |end: Option<Point>| end.map_or(Some(None), |end| point(end).map(Some));
    Some(Register { count, first: point(first)?, last: point(last)?, min: extreme(min)?, max: extreme(max)? })
}
