//! The lines of the input that are checked together, in one round of an import.

use crate::interchange::jsonl::input::{Lines, NextLine, is_blank, without_bom};
use std::io;

/// The greatest number of lines in a round. The lines of a round are compared with the same view of the workspace.
const ROUND_LINES: usize = 4096;
/// The length of a round in bytes. After the line with which a round reaches this length, no line is added to the
/// round.
const ROUND_BYTES: usize = 4 << 20;

/// Lines that are checked together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The lines that are not blank, with their numbers.
    pub(super) lines: Vec<(u64, Vec<u8>)>,
    /// The beginning of the next line if that line is too long; otherwise `None`.
    pub(super) too_long: Option<Vec<u8>>,
    /// The error because of which the rest of the input cannot be read. An incomplete last line is not in `lines`.
    pub(super) cut: Option<io::Error>,
    /// `true` at the end of the input.
    pub(super) is_last: bool,
}

impl Batch {
    /// Reads the lines of the next round.
    pub(super) fn read(input: &mut Lines<'_>) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while !batch.is_last
            && batch.too_long.is_none()
            && batch.lines.len() < ROUND_LINES
            && bytes < ROUND_BYTES
        {
            match input.next_line() {
                Ok(NextLine::Line(text)) if is_blank(without_bom(input.number(), &text)) => {}
                Ok(NextLine::Line(text)) => {
                    bytes += text.len();
                    batch.lines.push((input.number(), text));
                }
                Ok(NextLine::TooLong(begin)) => batch.too_long = Some(begin),
                Ok(NextLine::End) => batch.is_last = true,
                Err(e) => {
                    batch.cut = Some(e);
                    batch.is_last = true;
                }
            }
        }
        batch
    }
}
