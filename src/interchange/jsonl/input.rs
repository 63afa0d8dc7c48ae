//! A reader of the lines of an input, in bounded memory.

use std::io::{self, BufRead};

/// The greatest length of a line in bytes. Longer lines are refused, and only parts of them are in memory.
pub(super) const LINE_BYTES_MAX: usize = crate::contract::json::read::TEXT_BYTES_MAX;

/// The next line of an input.
pub(super) enum NextLine {
    /// A complete line, without its line feed.
    Line(Vec<u8>),
    /// The beginning of a line that is longer than [`LINE_BYTES_MAX`]. [`Lines::rest_part`] returns the rest of the
    /// line.
    TooLong(Vec<u8>),
    /// The end of the input.
    End,
}

/// A reader of the lines of an input.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    number: u64,
}

impl<'a> Lines<'a> {
    /// Creates a reader of an input whose first line has the number `lines_before + 1`.
    pub(super) fn new(input: &'a mut dyn BufRead, lines_before: u64) -> Lines<'a> {
        Lines { input, number: lines_before }
    }

    /// Returns the number of the last line read, counted from 1; after an error, the number of the incomplete line.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Reads the next line.
    pub(super) fn next_line(&mut self) -> io::Result<NextLine> {
        let mut line = Vec::new();
        let mut begun = false;
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.number += u64::from(!begun);
                    return Err(e);
                }
            };
            if available.is_empty() && !begun {
                return Ok(NextLine::End);
            }
            self.number += u64::from(!begun);
            begun = true;
            let (part, used, ended) = line_part(available);
            line.extend_from_slice(part);
            if line.len() > LINE_BYTES_MAX {
                // The line feed stays in the input, so that `rest_part` finds the end of the line.
                let used = part.len();
                self.input.consume(used);
                return Ok(NextLine::TooLong(line));
            }
            self.input.consume(used);
            if ended {
                return Ok(NextLine::Line(line));
            }
        }
    }

    /// Reads a part of the rest of a line that is too long. Returns the part, and `true` if the line ends
    /// with this part.
    pub(super) fn rest_part(&mut self) -> io::Result<(Vec<u8>, bool)> {
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            let (part, used, ended) = line_part(available);
            let part = part.to_vec();
            self.input.consume(used);
            return Ok((part, ended));
        }
    }
}

/// Splits the buffered bytes at the first line feed. Returns the bytes before the line feed, the number of bytes to
/// consume (with the line feed), and `true` if the line ends here. Empty `available` means the end of the input, which
/// also ends the line.
fn line_part(available: &[u8]) -> (&[u8], usize, bool) {
    match available.iter().position(|b| *b == b'\n') {
        Some(end) => (available.get(..end).unwrap_or_default(), end + 1, true),
        None => (available, available.len(), available.is_empty()),
    }
}

/// Returns `true` for a line that is empty or consists of ASCII whitespace.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Removes a byte order mark from the first line.
pub(super) fn without_bom(number: u64, text: &[u8]) -> &[u8] {
    match text.strip_prefix("\u{feff}".as_bytes()) {
        Some(rest) if number == 1 => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_exactly_the_limit_is_whole_and_longer_line_is_too_long() {
        for (len, whole) in [(LINE_BYTES_MAX, true), (LINE_BYTES_MAX + 1, false)] {
            let mut text = vec![b'x'; len];
            text.extend_from_slice(b"\nnext");
            let mut input = &text[..];
            let mut lines = Lines::new(&mut input, 0);
            match lines.next_line().unwrap() {
                NextLine::Line(line) => assert!(whole && line.len() == len),
                NextLine::TooLong(_) => {
                    assert!(!whole);
                    while !lines.rest_part().unwrap().1 {}
                }
                NextLine::End => panic!("the input has lines"),
            }
            assert!(matches!(lines.next_line().unwrap(), NextLine::Line(line) if line == b"next"));
            assert_eq!(lines.number(), 2);
            assert!(matches!(lines.next_line().unwrap(), NextLine::End));
        }
    }

    /// An input that consists of these parts. If a part has an error kind, the first read of the part fails with an
    /// error of this kind.
    struct Parts(Vec<(Option<io::ErrorKind>, &'static [u8])>);

    impl io::Read for Parts {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            unreachable!("lines are read from the buffer")
        }
    }

    impl BufRead for Parts {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            match self.0.first_mut().and_then(|(error, _)| error.take()) {
                Some(kind) => Err(kind.into()),
                None => Ok(self.0.first().map_or(&[], |(_, part)| part)),
            }
        }

        fn consume(&mut self, len: usize) {
            if let Some((_, part)) = self.0.first_mut() {
                *part = &part[len..];
            }
            self.0.retain(|(error, part)| error.is_some() || !part.is_empty());
        }
    }

    #[test]
    fn interrupted_reads_are_repeated() {
        let interrupted = Some(io::ErrorKind::Interrupted);
        let mut input = Parts(vec![(interrupted, b"on"), (interrupted, b"e\ntwo"), (interrupted, b"\n")]);
        let mut lines = Lines::new(&mut input, 0);
        assert!(matches!(lines.next_line().unwrap(), NextLine::Line(line) if line == b"one"));
        assert_eq!(lines.rest_part().unwrap(), (b"two".to_vec(), false));
        assert_eq!(lines.rest_part().unwrap(), (Vec::new(), true));
    }

    #[test]
    fn error_names_the_line_that_is_incomplete() {
        let failed = Some(io::ErrorKind::Other);
        for (parts, number) in [
            (vec![(failed, &b""[..])], 1),
            (vec![(None, b"one\n"), (failed, b"")], 2),
            (vec![(None, b"one\ntw"), (failed, b"")], 2),
        ] {
            let mut input = Parts(parts);
            let mut lines = Lines::new(&mut input, 0);
            while lines.next_line().is_ok() {}
            assert_eq!(lines.number(), number);
        }
    }
}
