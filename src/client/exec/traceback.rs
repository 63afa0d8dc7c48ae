//! Tracebacks of Python programs, which are captured as one event each.

/// The header of a traceback.
const HEADER: &str = "Traceback (most recent call last):";
/// The lines between two tracebacks of a chain of exceptions begin with one of these texts.
const LINKS: [&str; 2] = [
    "During handling of the above exception, another exception occurred",
    "The above exception was the direct cause of the following exception",
];
/// The length in bytes behind which further frames, links and blank lines of a traceback are left out.
const TRACEBACK_BYTES_MAX: usize = 64 << 10;
/// The greatest length of a traceback in bytes. Up to it, the lines that name exceptions are kept.
const EXCEPTION_BYTES_MAX: usize = 2 * TRACEBACK_BYTES_MAX;

/// A part of the output of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Passage {
    /// One line.
    Line(String),
    /// A traceback: its last line, which names the exception, and the whole text.
    Traceback {
        /// The line that names the exception.
        exception: String,
        /// The whole text.
        text: String,
    },
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    /// In the frames, which are indented.
    Frames,
    /// After the line that names the exception.
    After,
    /// After a line that links two exceptions.
    Linked,
}

/// A reader of lines that puts the lines of tracebacks together.
#[derive(Debug, Default)]
pub(super) struct Tracebacks {
    place: Place,
    text: String,
    exception: String,
}

impl Tracebacks {
    /// Reads a line, and passes what is complete to `found`.
    pub(super) fn push(&mut self, line: String, found: &mut dyn FnMut(Passage)) {
        let is_header = line.trim_start_matches([' ', '|', '+']).ends_with(HEADER);
        let is_blank = line.trim().is_empty();
        let next = match self.place {
            Place::Outside if is_header => Some(Place::Frames),
            Place::Outside => None,
            _ if is_header => Some(Place::Frames),
            Place::Frames if is_blank || line.starts_with(' ') => Some(Place::Frames),
            Place::Frames => {
                self.exception.clone_from(&line);
                Some(Place::After)
            }
            Place::After | Place::Linked if is_blank => Some(self.place),
            Place::After if LINKS.iter().any(|link| line.starts_with(link)) => Some(Place::Linked),
            Place::After | Place::Linked => None,
        };
        match next {
            Some(place) => {
                let is_exception = self.place == Place::Frames && place == Place::After;
                let bytes_max = if is_exception { EXCEPTION_BYTES_MAX } else { TRACEBACK_BYTES_MAX };
                self.place = place;
                if self.text.len() + line.len() < bytes_max {
                    self.text.push_str(&line);
                    self.text.push('\n');
                }
            }
            None => {
                self.end(found);
                if !is_blank {
                    found(Passage::Line(line));
                }
            }
        }
    }

    /// Passes a traceback that has begun to `found`.
    pub(super) fn end(&mut self, found: &mut dyn FnMut(Passage)) {
        if std::mem::take(&mut self.place) == Place::Outside {
            return;
        }
        let text = std::mem::take(&mut self.text).trim_end().to_owned();
        let exception = std::mem::take(&mut self.exception);
        let exception = if exception.is_empty() { HEADER.to_owned() } else { exception };
        found(Passage::Traceback { exception, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passages(text: &str) -> Vec<Passage> {
        let mut tracebacks = Tracebacks::default();
        let mut found = Vec::new();
        text.lines().for_each(|line| tracebacks.push(line.to_owned(), &mut |passage| found.push(passage)));
        tracebacks.end(&mut |passage| found.push(passage));
        found
    }

    #[test]
    fn chained_tracebacks_are_one_passage() {
        let chain = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\n\
            KeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n\
            Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\nValueError: no";
        let found = passages(&format!("before\n{chain}\nafter\n"));
        let line = |text: &str| Passage::Line(text.to_owned());
        let traceback = Passage::Traceback { exception: "ValueError: no".to_owned(), text: chain.to_owned() };
        assert_eq!(found, [line("before"), traceback, line("after")]);
    }

    #[test]
    fn traceback_without_end_and_long_traceback_are_kept_within_the_limit() {
        let found = passages("Traceback (most recent call last):\n  File");
        assert!(matches!(&found[..], [Passage::Traceback { exception, .. }] if exception == HEADER));
        let frames = "  File \"a.py\", line 1\n".repeat(10_000);
        let found = passages(&format!("{HEADER}\n{frames}RecursionError: deep\n"));
        let [Passage::Traceback { exception, text }] = &found[..] else { panic!("{}", found.len()) };
        assert_eq!(exception, "RecursionError: deep");
        assert!(text.len() < TRACEBACK_BYTES_MAX + 100 && text.ends_with("RecursionError: deep"));
    }

    #[test]
    fn endless_traceback_is_bounded() {
        let long = "x".repeat(16 << 10);
        let begin = format!("{HEADER}\n  File\nError: first\n");
        let chained = format!("{}:\n{HEADER}\n  File\nError: {long}\n", LINKS[0]);
        for (part, count) in [("\n", 200_000), (chained.as_str(), 400)] {
            let mut tracebacks = Tracebacks::default();
            let rest = part.lines().cycle().take(count);
            begin.lines().chain(rest).for_each(|line| {
                tracebacks.push(line.to_owned(), &mut |passage| panic!("{passage:?}"));
            });
            assert!(tracebacks.text.len() <= EXCEPTION_BYTES_MAX, "{}", tracebacks.text.len());
        }
    }

    #[test]
    fn blank_lines_outside_tracebacks_are_left_out() {
        assert_eq!(passages("a\n\n \nb"), [Passage::Line("a".into()), Passage::Line("b".into())]);
    }
}
