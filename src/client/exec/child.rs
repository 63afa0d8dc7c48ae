//! The program as a child process: its start, and the threads that pass its input and output on.

use crate::client::exec::lines::LineReader;
use crate::client::exec::recorder::{Sender, Source};
use crate::client::exec::terminal::{Pty, RawMode, Streams};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process, kill_process_group, setsid};
use rustix::termios::isatty;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

/// The first argument of this executable if it only makes its terminal the controlling terminal and then becomes the
/// program. Another program cannot do this without unsafe code.
pub(crate) const IN_TERMINAL: &str = "__exec-in-terminal";

/// The byte of the key that interrupts a program, in the usual modes of a terminal.
const INTERRUPT: u8 = 3;

/// A running program.
pub(super) struct Program {
    pub(super) child: Child,
    /// The side of this process of the pseudo-terminal.
    pub(super) master: Option<Arc<File>>,
    /// `true` after the interrupt key was passed on.
    pub(super) interrupt_key: Arc<AtomicBool>,
    /// Receives a message when the output has ended, one for each stream.
    pub(super) ended: mpsc::Receiver<()>,
    /// The number of streams of output.
    pub(super) outputs: usize,
    /// The raw mode of the terminal of this process.
    pub(super) raw: Option<RawMode>,
}

impl Program {
    /// Starts a program. Each standard stream that is a terminal is connected to a pseudo-terminal; the other outputs
    /// are pipes, and another input is inherited.
    pub(super) fn start(
        command: &[OsString],
        variables: &[(&str, String)],
        sender: Option<&Sender>,
    ) -> io::Result<Program> {
        let streams = Streams::of_process();
        let is_raw = RawMode::is_possible();
        let pty = streams.terminal().and_then(|terminal| Pty::open(terminal, is_raw).ok());
        let (master, slave) = match pty {
            Some(pty) => (Some(Arc::new(File::from(pty.master))), Some(pty.slave)),
            None => (None, None),
        };
        let (program, arguments) =
            command.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut child = match &slave {
            Some(_) => in_terminal(command)?,
            None => {
                let mut child = Command::new(program);
                child.args(arguments).process_group(0);
                child
            }
        };
        child.envs(variables.iter().map(|(name, value)| (name, value)));
        let connected = |is_terminal: bool, other: fn() -> Stdio| match &slave {
            Some(slave) if is_terminal => slave.try_clone().map(Stdio::from),
            _ => Ok(other()),
        };
        child.stdin(connected(streams.stdin, Stdio::inherit)?);
        child.stdout(connected(streams.stdout, Stdio::piped)?);
        child.stderr(connected(streams.stderr, Stdio::piped)?);
        let raw = if slave.is_some() && is_raw && streams.stdin { RawMode::enter().ok() } else { None };
        let mut child = child.spawn()?;
        drop(slave);
        let (tell, ended) = mpsc::channel();
        let mut outputs = 0;
        let mut pass_on = |from: Arc<File>, to: OwnedFd, source: Source| {
            outputs += 1;
            let (sender, tell) = (sender.cloned(), tell.clone());
            let pass_on = move || {
                copy_output(&from, File::from(to), source, sender.as_ref());
                let _ = tell.send(());
            };
            thread::Builder::new().name("contexta-output".to_owned()).spawn(pass_on)
        };
        if let (Some(master), Some(terminal)) = (&master, streams.terminal()) {
            pass_on(Arc::clone(master), terminal.try_clone_to_owned()?, Source::Terminal)?;
        }
        if let Some(pipe) = child.stdout.take() {
            let to = rustix::stdio::stdout().try_clone_to_owned()?;
            pass_on(Arc::new(File::from(OwnedFd::from(pipe))), to, Source::Stdout)?;
        }
        if let Some(pipe) = child.stderr.take() {
            let to = rustix::stdio::stderr().try_clone_to_owned()?;
            pass_on(Arc::new(File::from(OwnedFd::from(pipe))), to, Source::Stderr)?;
        }
        let interrupt_key = Arc::new(AtomicBool::new(false));
        if let (Some(master), true) = (&master, raw.is_some()) {
            let (master, key) = (Arc::clone(master), Arc::clone(&interrupt_key));
            // The thread waits for keys until this process ends, so nothing waits for it.
            thread::Builder::new()
                .name("contexta-input".to_owned())
                .spawn(move || copy_input(&master, &key))?;
        }
        Ok(Program { child, master, interrupt_key, ended, outputs, raw })
    }

    /// Sends a signal to the program and its descendants.
    pub(super) fn send(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        if kill_process_group(pid, signal) == Err(Errno::SRCH) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// Returns the command that starts this executable, which then becomes the program.
fn in_terminal(command: &[OsString]) -> io::Result<Command> {
    let own = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { own_path()? };
    let mut child = Command::new(own);
    child.arg0("contexta").arg(IN_TERMINAL).args(command);
    Ok(child)
}

fn own_path() -> io::Result<std::path::PathBuf> {
    std::env::current_exe()
}

/// Makes the terminal of this process its controlling terminal, and replaces this process by a program. Returns the
/// error if this is not possible.
pub(super) fn become_in_terminal(command: &[OsString]) -> io::Error {
    // Without a controlling terminal the program still runs.
    let _ = setsid();
    let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    if let Some(terminal) = streams.into_iter().find(|stream| isatty(stream)) {
        let _ = ioctl_tiocsctty(terminal);
    }
    become_program(command)
}

/// Replaces this process by a program. Returns the error if this is not possible.
pub(super) fn become_program(command: &[OsString]) -> io::Error {
    let empty: &[OsString] = &[];
    let (program, arguments) =
        command.split_first().map_or((OsStr::new(""), empty), |(p, a)| (p.as_os_str(), a));
    Command::new(program).args(arguments).exec()
}

/// Copies output until it ends. If it cannot be written, a pipe is closed, as if the program had written itself.
fn copy_output(mut from: &File, mut to: File, source: Source, sender: Option<&Sender>) {
    let mut lines = LineReader::default();
    let mut buffer = vec![0; 64 << 10];
    let mut is_written = true;
    let mut found = |line: String| {
        if let Some(sender) = sender {
            sender.line(source, line);
        }
    };
    loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => len,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            // A pseudo-terminal ends with an error.
            Err(_) => break,
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        lines.push(bytes, &mut found);
        if is_written && to.write_all(bytes).is_err() {
            is_written = false;
            if source != Source::Terminal {
                break;
            }
        }
    }
    lines.end(&mut found);
}

/// Copies the keys of the terminal to the program until this process ends.
fn copy_input(mut master: &File, interrupt_key: &AtomicBool) {
    let Ok(stdin) = rustix::stdio::stdin().as_fd().try_clone_to_owned() else { return };
    let mut stdin = File::from(stdin);
    let mut buffer = [0; 4096];
    loop {
        let len = match stdin.read(&mut buffer) {
            Ok(0) => return,
            Ok(len) => len,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        if bytes.contains(&INTERRUPT) {
            interrupt_key.store(true, Ordering::SeqCst);
        }
        if master.write_all(bytes).is_err() {
            return;
        }
    }
}
