//! The model of a report: titled sections of text, lists, tables and notes, without any markup.

use crate::contract::json::write::float;
use crate::contract::space::trim;
use crate::contract::{MetricValue, Timestamp, Value};
use crate::interpretation::evidence::{CompletenessNote, EvidenceLink};
use crate::store::Note;
use std::fmt;

/// An answer as a document of sections without markup. Surfaces render it as Markdown or terminal text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportDocument {
    /// The title; may be empty.
    pub title: String,
    /// The sections, in order.
    pub sections: Vec<ReportSection>,
}

/// A section of a report.
///
/// A section contains its content twice, as lines and as blocks. A line is plain text, and its format is the
/// same in every version. The blocks contain all values of the lines, and usually further values. If a section
/// has no blocks, its lines are shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportSection {
    /// The title; may be empty.
    pub title: String,
    /// The content as blocks, in order.
    pub blocks: Vec<Block>,
    /// The content as lines of plain text.
    pub lines: Vec<String>,
    /// Links to the objects on which the section is based.
    pub evidence_links: Vec<EvidenceLink>,
}

/// A block of a section.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Block {
    /// A heading inside the section.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// The statement that the section is empty, such as `No stages.` A terminal leaves out a section that contains
    /// nothing else.
    Absent(String),
    /// The result of a check.
    Verdict {
        /// `true` if the check found no problem.
        is_good: bool,
        /// The result in one word, such as `whole`.
        verdict: String,
        /// Details of the result.
        text: String,
    },
    /// A list of short texts.
    List(Vec<String>),
    /// A tree, as a list in which each item comes before its children.
    Tree(Vec<TreeItem>),
    /// Named values.
    Pairs(Vec<(String, Cell)>),
    /// A table.
    Table(Table),
    /// The completeness notes of the answer. A terminal leaves them out.
    Completeness(Vec<CompletenessNote>),
    /// The notes of the answer. The command line writes them to standard error, not with the rest of the answer.
    Notes(Vec<Note>),
}

/// One line of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeItem {
    /// The number of steps between the line and the root of the tree.
    pub depth: usize,
    /// The text of the line.
    pub text: String,
}

/// A table. Every row has as many cells as there are columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The column headings.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// The rows that an abridged rendering keeps.
    pub excerpt: Excerpt,
    /// The number of columns at the end of a row that an abridged rendering leaves out.
    pub detail_columns: usize,
}

/// The rows of a long table that an abridged rendering keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Excerpt {
    /// All rows.
    #[default]
    All,
    /// The first rows.
    First,
    /// The last rows.
    Last,
}

/// One value in a table or in a list of named values. `Display` writes numbers with all digits, and durations rounded
/// to milliseconds; a terminal may show fewer digits.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cell {
    /// No value.
    Missing,
    /// Text.
    Text(String),
    /// A count.
    Count(u64),
    /// A floating-point number.
    Number(f64),
    /// A measured value, which may be an integer of any size.
    Measured(Value),
    /// A point in time.
    Time(Timestamp),
    /// A duration in microseconds.
    Duration(i64),
    /// A digest, as hexadecimal digits.
    Digest(String),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Missing => f.write_str("-"),
            Cell::Text(text) | Cell::Digest(text) => f.write_str(text),
            Cell::Count(count) => write!(f, "{count}"),
            Cell::Number(number) => f.write_str(&float(*number)),
            Cell::Measured(value) => write!(f, "{value}"),
            Cell::Time(time) => write!(f, "{time}"),
            Cell::Duration(micros) => write!(f, "{:.3} s", *micros as f64 / 1e6),
        }
    }
}

impl Cell {
    /// Returns a text cell.
    pub fn text(value: impl fmt::Display) -> Cell {
        Cell::Text(value.to_string())
    }

    /// Returns a text cell; [`Cell::Missing`] for `None`.
    pub fn optional(value: Option<impl fmt::Display>) -> Cell {
        value.map_or(Cell::Missing, Cell::text)
    }

    /// Returns a number cell; [`Cell::Missing`] for `None`.
    pub fn number(value: Option<f64>) -> Cell {
        value.map_or(Cell::Missing, Cell::Number)
    }

    /// Returns a cell with a measured value.
    pub fn measured(value: &MetricValue) -> Cell {
        match value {
            MetricValue::Float(number) => Cell::Number(*number),
            whole => Cell::Measured(whole.clone().into()),
        }
    }

    /// Returns a time cell; [`Cell::Missing`] for `None`.
    pub fn time(time: Option<Timestamp>) -> Cell {
        time.map_or(Cell::Missing, Cell::Time)
    }

    /// Returns a cell with the time between start and end; [`Cell::Missing`] if the start or the end is unknown, or if
    /// the end lies before the start.
    pub fn duration(started: Option<Timestamp>, ended: Option<Timestamp>) -> Cell {
        match (started, ended) {
            (Some(started), Some(ended)) if started <= ended => Cell::Duration(ended.micros_since(started)),
            _ => Cell::Missing,
        }
    }
}

impl Table {
    /// Returns a table with these headings and rows.
    pub fn new(columns: &[&str], rows: Vec<Vec<Cell>>) -> Table {
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Table { columns, rows, ..Table::default() }
    }

    /// Sets the rows that an abridged rendering keeps.
    #[must_use]
    pub fn excerpt(mut self, excerpt: Excerpt) -> Table {
        self.excerpt = excerpt;
        self
    }

    /// Sets the number of columns at the end of a row that an abridged rendering leaves out.
    #[must_use]
    pub fn details(mut self, columns: usize) -> Table {
        self.detail_columns = columns;
        self
    }
}

impl Block {
    /// Returns a block with a table, or with the text `otherwise` if the table has no row.
    pub fn table(table: Table, otherwise: &str) -> Block {
        if table.rows.is_empty() { Block::Absent(otherwise.to_owned()) } else { Block::Table(table) }
    }

    /// Returns a heading and a table, or nothing if the table has no row.
    pub fn headed(heading: &str, table: Table) -> Vec<Block> {
        match table.rows.is_empty() {
            true => Vec::new(),
            false => vec![Block::Heading(heading.to_owned()), Block::Table(table)],
        }
    }
}

impl ReportSection {
    /// Returns a section with one block.
    pub fn new(title: &str, block: Block) -> ReportSection {
        ReportSection { title: title.to_owned(), blocks: vec![block], ..ReportSection::default() }
    }

    /// Returns a section with the given lines and without blocks. If `lines` is empty, the section has the line
    /// `otherwise`.
    pub fn of_lines(title: &str, lines: Vec<String>, otherwise: &str) -> ReportSection {
        let lines = if lines.is_empty() { vec![otherwise.to_owned()] } else { lines };
        ReportSection { title: title.to_owned(), lines, ..ReportSection::default() }
    }

    /// Sets the blocks.
    #[must_use]
    pub fn with_blocks(mut self, blocks: impl IntoIterator<Item = Block>) -> ReportSection {
        self.blocks = blocks.into_iter().collect();
        self
    }

    /// Sets the links.
    #[must_use]
    pub fn with_links(mut self, links: impl IntoIterator<Item = EvidenceLink>) -> ReportSection {
        self.evidence_links = links.into_iter().collect();
        self
    }

    /// Returns the content of the section as plain text, without white space at both ends.
    #[must_use]
    pub fn body(&self) -> String {
        trim(&self.lines.join("\n")).to_owned()
    }

    /// Returns a section with a table, or with the text `otherwise` if the table has no row.
    pub fn table(title: &str, table: Table, otherwise: &str) -> ReportSection {
        let is_empty = table.rows.is_empty();
        ReportSection::new(
            title,
            if is_empty { Block::Text(otherwise.to_owned()) } else { Block::Table(table) },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_display_their_whole_value() {
        let start = Timestamp::from_nanos(1_700_000_000_000_000_000);
        let end = Timestamp::from_nanos(1_700_000_001_500_000_000);
        assert_eq!(Cell::duration(Some(start), Some(end)).to_string(), "1.500 s");
        assert_eq!(Cell::duration(Some(start), None), Cell::Missing);
        assert_eq!(Cell::duration(Some(end), Some(start)), Cell::Missing);
        assert_eq!(Cell::measured(&f64::NAN.into()).to_string(), "nan");
        assert_eq!(Cell::Number(0.1 + 0.2).to_string(), "0.30000000000000004");
        assert_eq!(Cell::Measured(Value::Int(3)).to_string(), "3");
        assert_eq!(Cell::optional(None::<u8>).to_string(), "-");
    }
}
