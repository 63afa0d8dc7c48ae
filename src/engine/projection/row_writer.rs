//! Writes buffered rows to the database, table by table and in the order of their keys.

use crate::engine::projection::chunk::merge_points;
use crate::engine::projection::register::Register;
use crate::engine::projection::table::{Definition, Handle, RowResult, fenced};
use crate::engine::projection::tables::Rows;
use redb::{ReadableTable, WriteTransaction};

/// Writes rows in a transaction.
pub(super) fn write_rows(rows: Rows, transaction: &WriteTransaction) -> RowResult<()> {
    let mut writer = RowWriter { transaction, open: None };
    for (name, keys) in rows.sets {
        for key in keys {
            writer.table(name)?.insert(key.as_slice(), &b""[..])?;
        }
    }
    for (name, versions) in rows.versions {
        for (key, value) in versions {
            writer.table(name)?.insert(key.as_slice(), value.as_slice())?;
        }
    }
    for (name, key, mut points) in rows.series.into_rows() {
        points.sort();
        merge_points(writer.table(name)?, &fenced(&key), points)?;
    }
    for (name, key, register) in rows.registers.into_rows() {
        if let Some(register) = register {
            merge_register(writer.table(name)?, &key, register)?;
        }
    }
    Ok(())
}

fn merge_register(table: &mut Handle<'_>, key: &[u8], mut register: Register) -> RowResult<()> {
    if let Some(row) = table.get(key)? {
        register.merge(Register::decode(row.value()).ok_or("a register row is malformed")?);
    }
    table.insert(key, register.encode().as_slice())?;
    Ok(())
}

struct RowWriter<'t> {
    transaction: &'t WriteTransaction,
    open: Option<(&'static str, Handle<'t>)>,
}

impl<'t> RowWriter<'t> {
    /// Returns the handle of a table, opening it if necessary. Closes the previous handle first, because redb refuses
    /// to open a table twice.
    fn table(&mut self, name: &'static str) -> RowResult<&mut Handle<'t>> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != name) {
            self.open = None;
            self.open = Some((name, self.transaction.open_table(Definition::new(name))?));
        }
        match &mut self.open {
            Some((_, table)) => Ok(table),
            None => Err("no table is open".into()),
        }
    }
}
