//! Quoting of texts as words of commands for a POSIX shell.

/// Returns a text as one word of a command. The quotes make the shell pass exactly this text. Line ends and
/// tabs are not changed. Other control characters and marks of text direction are written as octal codes of
/// `printf`, so that the command is safe to show in a terminal.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut word = "'".to_owned();
    for c in text.chars() {
        match c {
            '\'' => word.push_str(r"'\''"),
            c if is_hidden(c) => {
                let mut utf8 = [0; 4];
                let codes: String = c.encode_utf8(&mut utf8).bytes().map(|b| format!("\\{b:03o}")).collect();
                word.push_str(&format!("'\"$(printf '{codes}')\"'"));
            }
            c => word.push(c),
        }
    }
    word.push('\'');
    word
}

/// Returns `true` for a character that a terminal does not show as it is. Line ends and tabs do not count as
/// hidden. A line end must not be written with `printf`, because a command substitution of the shell can
/// remove it.
fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns a text as a comment of a shell script. The comment has one line, because line ends become spaces.
pub(super) fn comment(text: &str) -> String {
    let shown = |c: char| if is_hidden(c) || c == '\n' || c == '\t' { ' ' } else { c };
    format!("# {}", text.chars().map(shown).collect::<String>())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Returns the text that a shell passes to a program as the argument `word`.
    fn passed(word: &str) -> String {
        let output = Command::new("sh").args(["-c", &format!("printf '%s' {word}")]).output().unwrap();
        assert!(output.status.success(), "{word}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn shell_passes_the_quoted_text() {
        for text in [
            "",
            "plain",
            "a b",
            "it's",
            "''",
            "\"$HOME\" `id` $(id) \\",
            "two\nlines\n",
            "a\tb",
            "训练 数据",
            "\u{1b}[31m red",
            "\u{202e}x",
            "-rf",
            "*?[a]{b,c}~#!&;|<>()",
            "\r",
            "a\u{7f}b\u{9b}",
        ] {
            let word = quoted(text);
            assert_eq!(passed(&word), text, "{word:?}");
            assert!(!word.contains(is_hidden), "{word:?}");
        }
    }

    #[test]
    fn comment_has_one_line() {
        assert_eq!(comment("a\nrm -rf /\u{1b}"), "# a rm -rf / ");
    }
}
