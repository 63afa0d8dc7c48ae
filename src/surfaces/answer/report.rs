//! The JSON form of reports.

use crate::contract::Value;
use crate::interpretation::{Block, ReportDocument, ReportSection, Table};
use crate::surfaces::answer::parts::list;
use crate::surfaces::answer::to_json::ToJson;
use crate::surfaces::markdown::{COMPLETE, NO_NOTES, completeness_line, note_line};

pub(super) fn report(document: &ReportDocument) -> Value {
    Value::map([("title", Value::text(&document.title)), ("sections", list(&document.sections, section))])
}

fn section(s: &ReportSection) -> Value {
    Value::map([
        ("title", Value::text(&s.title)),
        ("body", Value::text(s.body())),
        ("evidence_links", s.evidence_links.json()),
        ("blocks", list(&s.blocks, block)),
    ])
}

fn block(b: &Block) -> Value {
    let paragraph = |text: &str| Value::map([("type", "text".into()), ("text", Value::text(text))]);
    let items = |texts: Vec<Value>| Value::map([("type", "list".into()), ("items", Value::List(texts))]);
    match b {
        Block::Heading(text) => Value::map([("type", "heading".into()), ("text", Value::text(text))]),
        Block::Text(text) | Block::Absent(text) => paragraph(text),
        Block::Verdict { verdict, text, .. } => paragraph(&format!("{verdict}: {text}")),
        Block::List(texts) => items(texts.iter().map(Value::text).collect()),
        Block::Tree(tree) => items(tree.iter().map(|item| Value::text(&item.text)).collect()),
        Block::Pairs(pairs) => {
            let rows = list(pairs, |(name, value)| Value::List(vec![Value::text(name), Value::text(value)]));
            let columns = Value::List(vec!["".into(), "".into()]);
            Value::map([("type", "table".into()), ("columns", columns), ("rows", rows)])
        }
        Block::Table(table) => table_value(table),
        Block::Completeness(notes) if notes.is_empty() => paragraph(COMPLETE),
        Block::Completeness(notes) => {
            items(notes.iter().map(|note| Value::Text(completeness_line(note))).collect())
        }
        Block::Notes(notes) if notes.is_empty() => paragraph(NO_NOTES),
        Block::Notes(notes) => items(notes.iter().map(|note| Value::Text(note_line(note))).collect()),
    }
}

fn table_value(table: &Table) -> Value {
    Value::map([
        ("type", "table".into()),
        ("columns", list(&table.columns, |column| Value::text(column))),
        ("rows", list(&table.rows, |row| list(row, |cell| Value::text(cell)))),
    ])
}
