//! The program as a child process: its start, and the threads that pass its input and output on.

use crate::client::exec::lines::LineReader;
use crate::client::exec::recorder::{Sender, Source};
use crate::client::exec::signals::{Received, Signals};
use crate::client::exec::terminal::{Pty, RawMode, Streams, has_controlling_terminal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process, kill_process_group, setsid};
use rustix::termios::isatty;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// The first argument of this executable if it only makes its terminal the controlling terminal and then becomes the
/// program. In the child of a fork, the standard library offers this only through `unsafe` code.
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
    /// The progress of the output.
    pub(super) progress: Arc<Progress>,
    /// The raw mode of the terminal of this process.
    pub(super) raw: Option<RawMode>,
    /// `true` if the program has a process group of its own.
    pub(super) has_own_group: bool,
    /// The errors of streams that are not captured.
    pub(super) errors: Vec<io::Error>,
}

/// The progress of the threads that pass output on.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The number of streams that have not ended.
    open: AtomicUsize,
    /// The number of streams with bytes that are not yet written.
    writing: AtomicUsize,
    /// The number of reads.
    reads: AtomicU64,
}

impl Progress {
    /// Returns `true` if all streams have ended.
    pub(super) fn is_over(&self) -> bool {
        self.open.load(Ordering::SeqCst) == 0
    }

    /// Returns `true` if bytes of a stream wait to be written.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.load(Ordering::SeqCst) > 0
    }

    /// Returns the number of reads.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }
}

/// The output of a program that is about to start.
struct Outputs<'a> {
    sender: &'a Sender,
    signals: &'a Signals,
    progress: Arc<Progress>,
    errors: Vec<io::Error>,
}

impl Outputs<'_> {
    /// Starts a thread that passes output on. Returns `None` if this is not possible, and keeps the error.
    fn pass_on(&mut self, from: Arc<File>, to: BorrowedFd<'_>, source: Source) -> Option<()> {
        let started = self.try_pass_on(from, to, source);
        started.map_err(|e| self.errors.push(e)).ok()
    }

    fn try_pass_on(&self, from: Arc<File>, to: BorrowedFd<'_>, source: Source) -> io::Result<()> {
        let to = File::from(to.try_clone_to_owned()?);
        let waker = self.signals.waker()?;
        let (sender, progress) = (self.sender.clone(), Arc::clone(&self.progress));
        let pass_on = move || {
            copy_output(&from, &to, source, &sender, &progress);
            progress.open.fetch_sub(1, Ordering::SeqCst);
            wake(&waker);
        };
        self.progress.open.fetch_add(1, Ordering::SeqCst);
        let started = thread::Builder::new().name("contexta-output".to_owned()).spawn(pass_on);
        if started.is_err() {
            self.progress.open.fetch_sub(1, Ordering::SeqCst);
        }
        started.map(drop)
    }

    /// Returns a pipe for the program, whose content is passed on. If there is none, the program inherits the stream.
    fn pipe(&mut self, to: BorrowedFd<'_>, source: Source) -> Stdio {
        let piped = match io::pipe() {
            Ok((from, into)) => {
                let from = Arc::new(File::from(OwnedFd::from(from)));
                self.pass_on(from, to, source).map(|()| Stdio::from(into))
            }
            Err(e) => {
                self.errors.push(e);
                None
            }
        };
        piped.unwrap_or_else(Stdio::inherit)
    }
}

impl Program {
    /// Starts a program. Each standard stream that is a terminal is connected to a pseudo-terminal; the other outputs
    /// are pipes, and another input is inherited. The threads that read the output start before the program. A stream
    /// whose thread cannot be started is inherited and not captured.
    pub(super) fn start(
        command: &[OsString],
        variables: &[(&str, String)],
        sender: &Sender,
        signals: &Signals,
    ) -> io::Result<Program> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let streams = Streams::of_process();
        let progress = Arc::new(Progress::default());
        let mut outputs = Outputs { sender, signals, progress: Arc::clone(&progress), errors: Vec::new() };
        let mut raw = RawMode::is_possible().then(RawMode::enter).and_then(Result::ok);
        let pty = streams.terminal().and_then(|terminal| {
            let pty = Pty::open(terminal, raw.as_ref()).ok()?;
            let master = Arc::new(File::from(pty.master));
            outputs.pass_on(Arc::clone(&master), terminal, Source::Terminal)?;
            Some((master, pty.slave))
        });
        let (master, slave) = pty.unzip();
        raw = raw.filter(|_| master.is_some());
        // A program in the background that reads its controlling terminal would be stopped.
        let has_own_group = slave.is_some() || !has_controlling_terminal();
        let mut prepared = match &slave {
            Some(_) => in_terminal(command)?,
            None => Command::new(program),
        };
        if slave.is_none() {
            prepared.args(arguments);
            if has_own_group {
                prepared.process_group(0);
            }
        }
        prepared.envs(variables.iter().map(|(name, value)| (name, value)));
        let of_terminal = |is_terminal: bool| match &slave {
            Some(slave) if is_terminal => slave.try_clone().map(|slave| Some(Stdio::from(slave))),
            _ => Ok(None),
        };
        prepared.stdin(of_terminal(streams.stdin)?.unwrap_or_else(Stdio::inherit));
        let (stdout, stderr) = (rustix::stdio::stdout(), rustix::stdio::stderr());
        let of_stdout = of_terminal(streams.stdout)?;
        prepared.stdout(of_stdout.unwrap_or_else(|| outputs.pipe(stdout, Source::Stdout)));
        let of_stderr = of_terminal(streams.stderr)?;
        prepared.stderr(of_stderr.unwrap_or_else(|| outputs.pipe(stderr, Source::Stderr)));
        let child = prepared.spawn()?;
        // Only the program holds its ends of the pipes and of the pseudo-terminal, so that their ends are noticed.
        drop((prepared, slave));
        let interrupt_key = Arc::new(AtomicBool::new(false));
        let Outputs { mut errors, .. } = outputs;
        if let (Some(master), true) = (&master, raw.is_some())
            && let Err(e) = start_input(Arc::clone(master), Arc::clone(&interrupt_key), signals)
        {
            // Without the thread, keys such as the interrupt key have their usual effect.
            raw = None;
            errors.push(e);
        }
        Ok(Program { child, master, interrupt_key, progress, raw, has_own_group, errors })
    }

    /// Passes a signal on to the program, and to its descendants if it has a process group of its own. A stopped program
    /// is continued, so that a signal that ends programs has an effect.
    pub(super) fn send(&self, received: Received) {
        // The kernel has sent the signal to the whole group.
        if received.is_from_kernel && !self.has_own_group {
            return;
        }
        self.send_one(received.signal);
        if received.is_terminating() {
            self.send_one(Signal::CONT);
        }
    }

    fn send_one(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        if !self.has_own_group || kill_process_group(pid, signal) == Err(Errno::SRCH) {
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
fn copy_output(mut from: &File, to: &File, source: Source, sender: &Sender, progress: &Progress) {
    let mut lines = LineReader::default();
    let mut buffer = vec![0; 64 << 10];
    let mut is_written = true;
    let mut found = |line: String| sender.line(source, line);
    loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => len,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            // A pseudo-terminal ends with an error.
            Err(_) => break,
        };
        progress.writing.fetch_add(1, Ordering::SeqCst);
        progress.reads.fetch_add(1, Ordering::SeqCst);
        let bytes = buffer.get(..len).unwrap_or_default();
        is_written = is_written && write_all(to, bytes).is_ok();
        lines.push(bytes, &mut found);
        progress.writing.fetch_sub(1, Ordering::SeqCst);
        if !is_written && source != Source::Terminal {
            break;
        }
    }
    lines.end(&mut found);
}

/// Writes all bytes. A file in non-blocking mode, which another process can have chosen for the same open file, is waited
/// for.
fn write_all(mut to: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
            Err(e) => await_ready(to, PollFlags::OUT, e)?,
        }
    }
    Ok(())
}

/// Waits until a file in non-blocking mode is ready. Returns `error` if it is not that of a file that is not ready.
fn await_ready(file: &File, flags: PollFlags, error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock => match poll(&mut [PollFd::new(file, flags)], None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(e.into()),
        },
        _ => Err(error),
    }
}

fn wake(mut waker: &UnixStream) {
    // A full socket wakes as well.
    let _ = waker.write(&[0]);
}

/// Starts the thread that passes keys on. It waits for keys until this process ends, so nothing waits for it.
fn start_input(master: Arc<File>, interrupt_key: Arc<AtomicBool>, signals: &Signals) -> io::Result<()> {
    let stdin = File::from(rustix::stdio::stdin().as_fd().try_clone_to_owned()?);
    let waker = signals.waker()?;
    let copy = move || {
        // Without its input the program still runs.
        let _ = copy_input(&stdin, &master, &interrupt_key, &waker);
    };
    thread::Builder::new().name("contexta-input".to_owned()).spawn(copy).map(drop)
}

/// Copies the keys of the terminal to the program until the input ends.
fn copy_input(
    mut stdin: &File,
    master: &File,
    interrupt_key: &AtomicBool,
    waker: &UnixStream,
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let len = match stdin.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => len,
            Err(e) => {
                await_ready(stdin, PollFlags::IN, e)?;
                continue;
            }
        };
        let bytes = buffer.get(..len).unwrap_or_default();
        if bytes.contains(&INTERRUPT) {
            interrupt_key.store(true, Ordering::SeqCst);
            wake(waker);
        }
        write_all(master, bytes)?;
    }
}
