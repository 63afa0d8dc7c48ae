//! What benches share: sizes, a directory, and the table at the end.

#![expect(clippy::print_stdout, reason = "a bench says what it found")]

use std::path::{Path, PathBuf};

/// Whether everything is to run once and small, to see that it runs.
pub(crate) fn is_test() -> bool {
    let mut args = std::env::args();
    // Cargo says `--bench` when it is to measure.
    let measures = args.any(|arg| arg == "--bench");
    !measures || std::env::args().any(|arg| arg == "--test")
}

/// `full` when measuring, `small` when only seeing that it runs.
pub(crate) fn sized<T>(full: T, small: T) -> T {
    if is_test() { small } else { full }
}

/// A directory of its own on the real file system, gone when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("contexta-bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The middle one.
pub(crate) fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    *values.get(values.len() / 2).unwrap()
}

/// The rows that are printed at the end.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    rows: Vec<[String; 6]>,
}

impl Table {
    pub(crate) fn new(title: &str) -> Table {
        let head = ["what", "ours", "bare", "ratio", "target", ""].map(str::to_owned);
        Table { title: title.to_owned(), rows: vec![head] }
    }

    /// A row of texts; `is_met` is `None` where nothing is asked.
    pub(crate) fn row(&mut self, texts: [&str; 5], is_met: Option<bool>) {
        let [what, ours, bare, ratio, target] = texts.map(str::to_owned);
        let verdict = match is_met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        self.rows.push([what, ours, bare, ratio, target, verdict.to_owned()]);
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let small = if is_test() { " (small sizes, once: these figures say nothing)" } else { "" };
        println!("\n{}{small}", self.title);
        let width = |column: usize| self.rows.iter().filter_map(|r| r.get(column)).map(String::len).max();
        for row in &self.rows {
            let cells = row.iter().enumerate().map(|(n, cell)| {
                let width = width(n).unwrap_or(0);
                if n == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
            });
            println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        }
    }
}
