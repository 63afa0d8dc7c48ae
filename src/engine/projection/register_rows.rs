//! Iterators over a registers table.

use crate::engine::error::Result;
use crate::engine::projection::register::Register;
use crate::engine::projection::rows::{Row, Rows};

/// A register with its key.
#[derive(Debug)]
pub struct KeyedRegister<'v> {
    row: Row<'v>,
    /// The register.
    pub register: Register,
}

impl KeyedRegister<'_> {
    /// Returns the key of the register.
    pub fn key(&self) -> &[u8] {
        self.row.key()
    }
}

/// An iterator over registers, in the order of their keys. It ends after the first error.
#[derive(Debug)]
#[must_use]
pub struct Registers<'v> {
    rows: Rows<'v>,
}

impl<'v> Registers<'v> {
    pub(super) fn new(rows: Rows<'v>) -> Registers<'v> {
        Registers { rows }
    }

    fn item(&mut self, row: Result<Row<'v>>) -> Result<KeyedRegister<'v>> {
        let row = row?;
        match Register::decode(row.value()) {
            Some(register) => Ok(KeyedRegister { row, register }),
            None => Err(self.rows.fail("a register row is malformed")),
        }
    }
}

impl<'v> Iterator for Registers<'v> {
    type Item = Result<KeyedRegister<'v>>;

    fn next(&mut self) -> Option<Result<KeyedRegister<'v>>> {
        let row = self.rows.next()?;
        Some(self.item(row))
    }
}

impl DoubleEndedIterator for Registers<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = self.rows.next_back()?;
        Some(self.item(row))
    }
}
