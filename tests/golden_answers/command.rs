//! Questions to the command line, answered in this process.

use crate::golden_answers::outcome::{Answer, Form, Outcome, error_code, error_code_of};
use contexta::contract::json::read::parse;
use std::ffi::OsString;

/// The exit code after wrong usage.
const USAGE: u8 = 2;

/// Runs a command line in the workspace at `path`, and returns its outcome. A command or an option that contexta does
/// not have is [`Answer::Missing`], unless the reference refuses the command line too.
pub(super) fn ask(path: &str, argv: &[String], form: Form, expected_exit: i64) -> Outcome {
    let words = ["contexta", "--workspace", path].into_iter().chain(argv.iter().map(String::as_str));
    let output = contexta::run_cli_captured(words.map(OsString::from));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(path, "<workspace>");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let exit = i64::from(output.exit_code);
    let answer = match () {
        () if output.exit_code == USAGE && (exit == expected_exit || !is_unknown(&stderr)) => {
            Answer::Error("usage".to_owned())
        }
        () if output.exit_code == USAGE => Answer::Missing,
        () if !stdout.is_empty() || exit == 0 => Answer::of_text(form, stdout),
        () => {
            let json = parse(&stderr).ok();
            let code = json.as_ref().and_then(error_code_of).or_else(|| error_code(&stderr));
            code.map_or(Answer::Text(stderr), Answer::Error)
        }
    };
    Outcome { exit, answer }
}

/// Returns `true` for the message about a command or an option that does not exist.
fn is_unknown(stderr: &str) -> bool {
    ["unrecognized subcommand", "unexpected argument"].iter().any(|text| stderr.contains(text))
}
