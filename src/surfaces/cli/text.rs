//! Tables for people.

use crate::contract::Timestamp;
use crate::contract::json::write::float;
use crate::interpretation::SeriesRow;
use crate::surfaces::cli::output::{Output, Paint, plain};

/// Rows with aligned columns, two spaces between. Without rows: `otherwise`.
pub(super) fn table(out: &Output, headings: &[&str], rows: &[Vec<String>], otherwise: &str) -> String {
    if rows.is_empty() {
        return format!("{otherwise}\n");
    }
    let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| plain(c)).collect()).collect();
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(n, h)| {
            let cells = rows.iter().filter_map(|r| r.get(n)).map(|c| c.chars().count());
            cells.chain([h.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| -> String {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
        }
        text.trim_end().to_owned()
    };
    let mut text = String::new();
    if headings.iter().any(|h| !h.is_empty()) {
        text.push_str(&out.paint(Paint::Bold, &line(&mut headings.iter().copied())));
        text.push('\n');
    }
    for row in &rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
        text.push('\n');
    }
    text
}

/// A heading above a table.
pub(super) fn heading(out: &Output, text: &str) -> String {
    format!("\n{}\n", out.paint(Paint::Bold, text))
}

/// `a=1 b=2`, at most `most` of them.
pub(super) fn pairs(items: impl ExactSizeIterator<Item = (String, String)>, most: usize) -> String {
    let more = items.len().saturating_sub(most);
    let mut words: Vec<String> = items.take(most).map(|(k, v)| format!("{k}={v}")).collect();
    if more > 0 {
        words.push(format!("+{more}"));
    }
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

/// A number in at most six significant digits; the JSON answer has all of them.
pub(super) fn short(number: f64) -> String {
    let text = format!("{number:.5e}");
    match text.parse::<f64>() {
        Ok(rounded) if rounded.is_finite() => float(rounded).trim_end_matches(".0").to_owned(),
        _ => float(number),
    }
}

/// An optional number, in short.
pub(super) fn short_or_dash(number: Option<f64>) -> String {
    number.map_or_else(|| "-".to_owned(), short)
}

/// An instant to the second.
pub(super) fn second(time: Option<Timestamp>) -> String {
    let Some(time) = time else { return "-".to_owned() };
    let text = time.to_string();
    match text.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => text,
    }
}

/// The time between two instants.
pub(super) fn duration(started: Option<Timestamp>, ended: Option<Timestamp>) -> String {
    let (Some(started), Some(ended)) = (started, ended) else { return "-".to_owned() };
    let seconds = ended.micros_since(started) as f64 / 1e6;
    match seconds {
        s if s < 60.0 => format!("{s:.2}s"),
        s if s < 3600.0 => format!("{}m{:02}s", (s / 60.0) as u64, (s % 60.0) as u64),
        s => format!("{}h{:02}m", (s / 3600.0) as u64, (s % 3600.0 / 60.0) as u64),
    }
}

/// `stage/key`, or `key` outside any stage.
pub(super) fn series_name(row: &SeriesRow) -> String {
    match &row.stage_ref {
        Some(stage) => format!("{}/{}", stage.last_component(), row.metric_key),
        None => row.metric_key.clone(),
    }
}
