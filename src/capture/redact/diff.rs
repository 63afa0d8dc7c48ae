//! Redaction of unified diffs.
//!
//! Redaction changes the text of the lines in a hunk, and the line of the file that the header of a hunk repeats.
//! Paths, ranges of lines, the first character of a line and the number of lines stay unchanged. The header of a hunk
//! states the number of its lines, so a removed line such as `-- a` is not mistaken for a file header. Binary patches
//! are compressed and stay unchanged.

use crate::capture::redact::bytes::{begins_with, part};
use crate::capture::redact::line::KeyBlock;
use crate::capture::redact::scan::{Context, Scanner};
use std::borrow::Cow;

/// Extensions of files that contain data. In such a file, a value without quotation marks is a text, not an expression.
const DATA_EXTENSIONS: &[&str] = &[
    "cfg",
    "conf",
    "cnf",
    "csv",
    "env",
    "ini",
    "json",
    "jsonl",
    "key",
    "log",
    "md",
    "pem",
    "properties",
    "rst",
    "sh",
    "toml",
    "txt",
    "xml",
    "yaml",
    "yml",
];

/// The state between two lines of a diff.
struct State {
    /// The numbers of lines of the old file and of the new file that the hunk still contains.
    left: (usize, usize),
    is_binary: bool,
    context: Context,
    is_key_file: bool,
    block: KeyBlock,
}

/// Replaces all secrets of a diff.
pub(super) fn replaced<'t>(scanner: &Scanner<'_>, diff: &'t [u8]) -> Cow<'t, [u8]> {
    let mut state = State {
        left: (0, 0),
        is_binary: false,
        context: Context::Text,
        is_key_file: false,
        block: KeyBlock::default(),
    };
    let mut out: Option<Vec<u8>> = None;
    let mut at = 0;
    for line in diff.split_inclusive(|b| *b == b'\n') {
        let replaced = state.line(scanner, line);
        match (&mut out, &replaced) {
            (None, Cow::Borrowed(_)) => {}
            (None, Cow::Owned(new)) => {
                let mut begun = part(diff, 0, at).to_vec();
                begun.extend_from_slice(new);
                out = Some(begun);
            }
            (Some(out), _) => out.extend_from_slice(&replaced),
        }
        at += line.len();
    }
    out.map_or(Cow::Borrowed(diff), Cow::Owned)
}

impl State {
    fn line<'t>(&mut self, scanner: &Scanner<'_>, line: &'t [u8]) -> Cow<'t, [u8]> {
        let scanner = Scanner { context: self.context, ..*scanner };
        if self.left == (0, 0) {
            return self.header(&scanner, line);
        }
        match line.first() {
            Some(b'+') => self.left.1 = self.left.1.saturating_sub(1),
            Some(b'-') => self.left.0 = self.left.0.saturating_sub(1),
            Some(b'\\') => return Cow::Borrowed(line),
            _ => self.left = (self.left.0.saturating_sub(1), self.left.1.saturating_sub(1)),
        }
        with_beginning(line, 1, |text| self.block.replaced(&scanner, text))
    }

    fn header<'t>(&mut self, scanner: &Scanner<'_>, line: &'t [u8]) -> Cow<'t, [u8]> {
        if line.starts_with(b"diff --git ") {
            self.is_binary = false;
        } else if line.starts_with(b"GIT binary patch") {
            self.is_binary = true;
        } else if self.is_binary {
            return Cow::Borrowed(line);
        } else if line.starts_with(b"+++ ") || line.starts_with(b"--- ") {
            if !line.ends_with(b"/dev/null\n") {
                self.open_file(line);
            }
        } else if let Some((left, end)) = hunk(line) {
            self.left = left;
            self.block = if self.is_key_file { KeyBlock::inside() } else { KeyBlock::default() };
            // After the ranges, the header repeats a line of the file.
            return with_beginning(line, end, |text| scanner.replaced(text));
        }
        Cow::Borrowed(line)
    }

    fn open_file(&mut self, line: &[u8]) {
        let name = String::from_utf8_lossy(line);
        let name =
            name.trim_end().trim_end_matches('"').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let is_data = extension.is_none_or(|e| DATA_EXTENSIONS.contains(&e)) || name.contains(".env");
        self.context = if is_data { Context::Text } else { Context::Code };
        self.is_key_file =
            matches!(extension, Some("pem" | "key")) || begins_with(name.as_bytes(), 0, b"id_");
    }
}

/// Replaces the secrets after the first `len` bytes of a line.
fn with_beginning<'t>(
    line: &'t [u8],
    len: usize,
    replace: impl FnOnce(&'t [u8]) -> Cow<'t, [u8]>,
) -> Cow<'t, [u8]> {
    let Some((first, text)) = line.split_at_checked(len) else { return Cow::Borrowed(line) };
    match replace(text) {
        Cow::Borrowed(_) => Cow::Borrowed(line),
        Cow::Owned(new) => Cow::Owned([first, &new].concat()),
    }
}

/// Returns the numbers of old and new lines of a hunk, and the offset at which the ranges end: `@@ -1,2 +1,3 @@`.
fn hunk(line: &[u8]) -> Option<((usize, usize), usize)> {
    let rest = line.strip_prefix(b"@@ -")?;
    let end = rest.windows(3).position(|w| w == b" @@")?;
    let ranges = std::str::from_utf8(part(rest, 0, end)).ok()?;
    let (old, new) = ranges.split_once(" +")?;
    let count = |range: &str| match range.split_once(',') {
        Some((_, count)) => count.parse().ok(),
        None => Some(1),
    };
    Some(((count(old)?, count(new)?), 4 + end + 3))
}
