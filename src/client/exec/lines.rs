//! The lines of a program's output, as a terminal shows them in the end.

/// The greatest number of bytes of a line that are kept. The rest of the line is not captured.
const LINE_BYTES_MAX: usize = 16 << 10;

/// A reader of lines. A line that is rewritten with carriage returns counts once, with its last content.
#[derive(Debug, Default)]
pub(super) struct LineReader {
    line: Vec<u8>,
    /// `true` after a carriage return: the next byte replaces the line, unless it is a line feed.
    is_at_start: bool,
}

impl LineReader {
    /// Reads bytes, and passes each complete line to `found`.
    pub(super) fn push(&mut self, bytes: &[u8], found: &mut dyn FnMut(String)) {
        for byte in bytes {
            match byte {
                b'\n' => self.end(found),
                b'\r' => self.is_at_start = true,
                byte => {
                    if std::mem::take(&mut self.is_at_start) {
                        self.line.clear();
                    }
                    if self.line.len() < LINE_BYTES_MAX {
                        self.line.push(*byte);
                    }
                }
            }
        }
    }

    /// Passes the last line to `found`, if it has no line feed.
    pub(super) fn end(&mut self, found: &mut dyn FnMut(String)) {
        self.is_at_start = false;
        let line = plain(&String::from_utf8_lossy(&self.line));
        self.line.clear();
        found(line);
    }
}

/// Removes escape sequences of terminals and other control characters, and white space at the end.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // CSI: parameters, then one final character.
                Some('[') => while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
                // OSC: until BEL, or until ESC and a backslash.
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' {
                            break;
                        }
                        if c == '\u{1b}' {
                            chars.next_if_eq(&'\\');
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\u{8}' => drop(text.pop()),
            '\t' => text.push(c),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let mut reader = LineReader::default();
        let mut lines = Vec::new();
        parts.iter().for_each(|part| reader.push(part, &mut |line| lines.push(line)));
        reader.end(&mut |line| lines.push(line));
        lines
    }

    #[test]
    fn rewritten_line_counts_once_with_its_last_content() {
        assert_eq!(lines(&[b" 10%\r 20%", b"\r100%\nnext\r\n", b"\r", b"\n"]), ["100%", "next", "", ""]);
        assert_eq!(lines(&[b"bar\r   \rdone"]), ["done"]);
        assert_eq!(lines(&[b"bar\r   \r"]), [""]);
    }

    #[test]
    fn escape_sequences_and_bytes_that_are_no_text_are_replaced() {
        assert_eq!(lines(&[b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\x1b]8;;\x1b\\y"]), ["red xy"]);
        assert_eq!(lines(&[b"a\xffb"]), ["a\u{fffd}b"]);
        assert_eq!(lines(&[b"spin|\x08/\x08-"]), ["spin-"]);
    }

    #[test]
    fn long_line_is_cut() {
        let found = lines(&[&vec![b'x'; LINE_BYTES_MAX + 5], b"\nnext"]);
        assert_eq!((found[0].len(), found[1].as_str()), (LINE_BYTES_MAX, "next"));
    }
}
