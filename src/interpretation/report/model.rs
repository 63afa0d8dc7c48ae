//! What a report is made of; no markup.

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDocument {
    /// Its title.
    pub title: String,
    /// Its sections, in order.
    pub sections: Vec<ReportSection>,
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSection {
    /// Its title.
    pub title: String,
    /// What it holds, in order.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// A list of short texts.
    List(Vec<String>),
    /// A table; every row has as many cells as there are columns.
    Table {
        /// The headings.
        columns: Vec<String>,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
}

impl ReportSection {
    /// A table, or a sentence where there is no row.
    pub fn table(title: &str, columns: &[&str], rows: Vec<Vec<String>>, otherwise: &str) -> ReportSection {
        let block = if rows.is_empty() {
            Block::Text(otherwise.to_owned())
        } else {
            Block::Table { columns: columns.iter().map(|c| (*c).to_owned()).collect(), rows }
        };
        ReportSection { title: title.to_owned(), blocks: vec![block] }
    }

    /// A list, or a sentence where there is no item.
    pub fn list(title: &str, items: Vec<String>, otherwise: &str) -> ReportSection {
        let block = if items.is_empty() { Block::Text(otherwise.to_owned()) } else { Block::List(items) };
        ReportSection { title: title.to_owned(), blocks: vec![block] }
    }
}
