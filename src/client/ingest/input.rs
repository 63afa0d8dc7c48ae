//! The lines of an input, in groups: every group has the complete lines that one read made available.

use std::io::{self, Read};
use std::mem::take;

/// The number of bytes that one read asks for.
const READ_BYTES: usize = 256 << 10;

/// A line of an input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputLine {
    /// The number of the line, from 1.
    pub(super) number: u64,
    /// The text without its line feed; `None` for a line that is too long.
    pub(super) text: Option<Vec<u8>>,
}

/// The result of waiting for lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextLines {
    /// The complete lines that are available.
    Lines(Vec<InputLine>),
    /// The input has nothing at present: a read returned `WouldBlock` or `TimedOut`.
    Paused,
    /// The input has ended.
    Ended,
}

/// A reader of lines in bounded memory. The rest of a line that is too long is skipped.
pub(super) struct Input<'a> {
    read: Box<dyn Read + 'a>,
    line_bytes_max: usize,
    /// The beginning of the line that is not complete yet.
    begun: Vec<u8>,
    /// The number of complete lines.
    number: u64,
    /// `true` while the rest of a line that is too long is skipped.
    is_skipping: bool,
    has_ended: bool,
}

impl<'a> Input<'a> {
    pub(super) fn new(read: Box<dyn Read + 'a>, line_bytes_max: usize) -> Input<'a> {
        Input { read, line_bytes_max, begun: Vec::new(), number: 0, is_skipping: false, has_ended: false }
    }

    /// Returns the number of lines returned so far.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Waits until the input has a complete line, and returns all complete lines that are available. A last line without a
    /// line feed is complete.
    pub(super) fn next_lines(&mut self) -> io::Result<NextLines> {
        let mut lines = Vec::new();
        let mut buffer = vec![0; READ_BYTES];
        while lines.is_empty() {
            if self.has_ended {
                return Ok(NextLines::Ended);
            }
            match self.read.read(&mut buffer) {
                Ok(0) => {
                    self.has_ended = true;
                    if self.is_skipping || !self.begun.is_empty() {
                        self.end_line(&mut lines);
                    }
                }
                Ok(len) => self.split(buffer.get(..len).unwrap_or_default(), &mut lines),
                Err(e) => match e.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(NextLines::Paused),
                    _ => return Err(e),
                },
            }
        }
        Ok(NextLines::Lines(lines))
    }

    fn split(&mut self, bytes: &[u8], lines: &mut Vec<InputLine>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_complete) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            if self.begun.len() + text.len() > self.line_bytes_max {
                self.is_skipping = true;
                self.begun = Vec::new();
            }
            if !self.is_skipping {
                self.begun.extend_from_slice(text);
            }
            if is_complete {
                self.end_line(lines);
            }
        }
    }

    fn end_line(&mut self, lines: &mut Vec<InputLine>) {
        self.number += 1;
        let text = take(&mut self.begun);
        let text = (!take(&mut self.is_skipping)).then_some(text);
        lines.push(InputLine { number: self.number, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A source that returns one part for each read.
    struct Parts(VecDeque<&'static [u8]>);

    impl Read for Parts {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let part = self.0.pop_front().unwrap_or_default();
            out[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    fn groups(parts: &[&'static [u8]]) -> Vec<Vec<(u64, Option<&'static str>)>> {
        let mut input = Input::new(Box::new(Parts(parts.iter().copied().collect())), 4);
        let mut groups = Vec::new();
        while let NextLines::Lines(lines) = input.next_lines().unwrap() {
            let text = |line: InputLine| {
                let text = line.text.map(|text| String::from_utf8(text).unwrap());
                (line.number, text.map(|text| &*text.leak()))
            };
            groups.push(lines.into_iter().map(text).collect());
        }
        groups
    }

    #[test]
    fn group_has_the_complete_lines_of_one_read() {
        let found = groups(&[b"a\nbc\nd", b"e", b"\n\nf"]);
        let first = vec![(1, Some("a")), (2, Some("bc"))];
        assert_eq!(found, [first, vec![(3, Some("de")), (4, Some(""))], vec![(5, Some("f"))]]);
    }

    #[test]
    fn rest_of_a_line_that_is_too_long_is_skipped() {
        assert_eq!(groups(&[b"1234\n12345\nx\n"]), [vec![(1, Some("1234")), (2, None), (3, Some("x"))]]);
        assert_eq!(groups(&[b"123", b"45", b"6", b"789\nx"]), [vec![(1, None)], vec![(2, Some("x"))]]);
        assert_eq!(groups(&[b"123", b"45"]), [vec![(1, None)]]);
    }
}
