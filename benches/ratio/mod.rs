//! Shared parts of the benchmarks: sizes, a directory, and the result table.

#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::path::{Path, PathBuf};

/// Returns true if the benchmark runs as a test: once, with small sizes.
pub(crate) fn is_test() -> bool {
    let mut args = std::env::args();
    // Cargo passes `--bench` for measurements.
    let measures = args.any(|arg| arg == "--bench");
    !measures || std::env::args().any(|arg| arg == "--test")
}

/// Returns `full` for measurements, and `small` in a test.
pub(crate) fn sized<T>(full: T, small: T) -> T {
    if is_test() { small } else { full }
}

/// A directory on the real file system that is removed on drop.
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

/// Returns the median of `values`.
pub(crate) fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    *values.get(values.len() / 2).unwrap()
}

/// A table that is printed on drop.
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

    /// Adds a row. `is_met` states whether the target is met; `None` if there is no target.
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
        let small = if is_test() { " (small sizes, one run: not a measurement)" } else { "" };
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
