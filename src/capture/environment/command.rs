//! Execution of an external program, with limits of time and output.
//!
//! The program runs without a shell. Its standard input is empty, and its standard error is discarded. A program that
//! exceeds a limit is killed. Its child processes are not killed, and capture does not wait for them.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Limits of an external program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The greatest duration.
    pub time: Duration,
    /// The greatest number of bytes of standard output.
    pub output_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: Duration::from_secs(5), output_bytes: 1 << 20 }
    }
}

/// The reason why the output of a program is not available.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The program cannot be started.
    #[error("cannot be started")]
    Start(#[source] io::Error),
    /// The program ran longer than permitted, and was killed.
    #[error("took longer than {0:?}")]
    Time(Duration),
    /// The output is larger than permitted; the program was killed.
    #[error("wrote more than {0} bytes")]
    Output(u64),
    /// The program failed.
    #[error("failed with exit status {}", .0.map_or_else(|| "of a signal".to_owned(), |code| code.to_string()))]
    Status(Option<i32>),
    /// The output cannot be read.
    #[error("its output cannot be read")]
    Read(#[source] io::Error),
}

/// Runs a program and returns its standard output.
pub fn output(command: &mut Command, limits: Limits) -> Result<Vec<u8>, Failure> {
    let deadline = Instant::now() + limits.time;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(Failure::Start)?;
    let result = read_output(&mut child, limits, deadline);
    if result.is_err() {
        // The program may have ended in the meantime.
        let _ = child.kill();
        let _ = child.wait();
    }
    result
}

fn read_output(child: &mut Child, limits: Limits, deadline: Instant) -> Result<Vec<u8>, Failure> {
    let Some(stdout) = child.stdout.take() else { return Ok(Vec::new()) };
    let (sender, receiver) = mpsc::sync_channel(1);
    let read = move || {
        let mut output = Vec::new();
        let read = stdout.take(limits.output_bytes.saturating_add(1)).read_to_end(&mut output);
        // After the time limit, no receiver is left, and sending fails.
        let _ = sender.send(read.map(|_| output));
    };
    thread::Builder::new().name("command-output".to_owned()).spawn(read).map_err(Failure::Start)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let output =
        receiver.recv_timeout(left).map_err(|_| Failure::Time(limits.time))?.map_err(Failure::Read)?;
    if output.len() as u64 > limits.output_bytes {
        return Err(Failure::Output(limits.output_bytes));
    }
    let status = wait_until(child, deadline)?.ok_or(Failure::Time(limits.time))?;
    if status.success() { Ok(output) } else { Err(Failure::Status(status.code())) }
}

/// Waits for the end of a program that has closed its output. Returns `None` if the program still runs at the deadline.
fn wait_until(child: &mut Child, deadline: Instant) -> Result<Option<std::process::ExitStatus>, Failure> {
    loop {
        if let Some(status) = child.try_wait().map_err(Failure::Read)? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        // The standard library offers no wait with a time limit.
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limits: Limits) -> Result<Vec<u8>, Failure> {
        output(Command::new("sh").args(["-c", script]), limits)
    }

    #[test]
    fn the_output_of_a_program_is_returned() {
        assert_eq!(shell("echo a; echo b >&2; cat", Limits::default()).unwrap(), b"a\n");
        assert!(matches!(shell("exit 3", Limits::default()), Err(Failure::Status(Some(3)))));
        let missing = output(&mut Command::new("/nonexistent/program"), Limits::default());
        assert!(matches!(missing, Err(Failure::Start(_))));
    }

    #[test]
    fn a_program_that_blocks_is_killed_after_the_time_limit() {
        let limits = Limits { time: Duration::from_millis(20), ..Limits::default() };
        assert!(matches!(shell("exec tail -f /dev/null", limits), Err(Failure::Time(_))));
        // A program that closed its output before it blocks.
        assert!(matches!(shell("exec >&-; exec sleep 1000", limits), Err(Failure::Time(_))));
    }

    #[test]
    fn a_program_that_writes_too_much_is_killed() {
        let limits = Limits { output_bytes: 10, ..Limits::default() };
        assert!(matches!(shell("exec cat /dev/zero", limits), Err(Failure::Output(10))));
        assert_eq!(shell("printf 0123456789", limits).unwrap().len(), 10);
    }
}
