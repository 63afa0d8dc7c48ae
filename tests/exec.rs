//! `contexta exec`: exit codes, output, terminals, signals, memory and artifacts of programs.

use crate::support::TempDir;
use contexta::contract::{AnyRecord, RunStatus};
use contexta::{Contexta, RunSnapshot};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const BIN: &str = env!("CARGO_BIN_EXE_contexta");

/// Returns the command that runs a program as the run `r`, without a terminal.
fn exec(dir: &Path, options: &[&str], program: &[&str]) -> Command {
    let mut command = Command::new(BIN);
    command.current_dir(dir).args(["exec", "--run", "r"]).args(options).arg("--").args(program);
    command.stdin(Stdio::null()).env_remove("TRACEPARENT");
    command
}

fn shell(dir: &Path, options: &[&str], script: &str) -> Output {
    exec(dir, options, &["sh", "-c", script]).output().unwrap()
}

fn snapshot(dir: &Path) -> RunSnapshot {
    Contexta::open_existing(dir.join(".contexta")).unwrap().run_snapshot("r").unwrap()
}

/// Returns key, level and message of each event.
fn events(snapshot: &RunSnapshot) -> Vec<(String, String, String)> {
    let event = |row: &contexta::store::RecordRow| match &row.record {
        AnyRecord::Event(event) => {
            assert_eq!(event.payload.origin_marker.as_str(), "wrapped_capture");
            let payload = &event.payload;
            Some((payload.event_key.clone(), payload.level.to_string(), payload.message.clone()))
        }
        _ => None,
    };
    snapshot.events.iter().filter_map(event).collect()
}

fn metric(snapshot: &RunSnapshot, key: &str) -> f64 {
    let row = snapshot.metrics.iter().find(|row| row.key.metric_key == key);
    row.unwrap_or_else(|| panic!("no metric {key}")).last.value.as_f64()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn exit_code_of_the_program_is_the_exit_code_of_exec() {
    for (script, code, status, message) in [
        ("exit 0", 0, RunStatus::Completed, "exit status 0"),
        ("exit 7", 7, RunStatus::Failed, "exit status 7"),
        ("kill -9 $$", 137, RunStatus::Failed, "killed by signal 9 (SIGKILL)"),
        ("exec /no/such/program", 127, RunStatus::Failed, "exit status 127"),
    ] {
        let dir = TempDir::new("exec-codes");
        let output = shell(dir.path(), &["--stage", "all"], script);
        assert_eq!(output.status.code(), Some(code), "{script}: {}", text(&output.stderr));
        let snapshot = snapshot(dir.path());
        assert_eq!((snapshot.run.status, snapshot.stages[0].status), (status, status), "{script}");
        assert!(metric(&snapshot, "process/wall_seconds") > 0.0);
        assert!(metric(&snapshot, "process/cpu_seconds") >= 0.0);
        assert!(metric(&snapshot, "process/largest_process_memory_peak") > 100_000.0);
        let exited = events(&snapshot).into_iter().find(|(key, ..)| key == "process.exited").unwrap();
        assert_eq!(exited.2, message);
    }
    let dir = TempDir::new("exec-missing");
    let output = exec(dir.path(), &[], &["/no/such/program"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).contains("[exec_not_started]: cannot run \"/no/such/program\""));
    assert_eq!(snapshot(dir.path()).run.status, RunStatus::Failed);
}

#[test]
fn program_finds_workspace_run_and_trace_in_its_environment() {
    let dir = TempDir::new("exec-env");
    let script = r#"echo "$CONTEXTA_WORKSPACE $CONTEXTA_RUN $TRACEPARENT""#;
    let output = exec(dir.path(), &["--project", "p"], &["sh", "-c", script])
        .env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .output()
        .unwrap();
    let stdout = text(&output.stdout);
    let words: Vec<&str> = stdout.split_whitespace().collect();
    let [workspace, run, trace] = words[..] else { panic!("{stdout}") };
    assert_eq!(fs::canonicalize(workspace).unwrap(), fs::canonicalize(dir.path().join(".contexta")).unwrap());
    assert!(Path::new(workspace).is_absolute());
    let snapshot = snapshot(dir.path());
    assert_eq!(run, snapshot.run.run_ref.to_string());
    assert!(run.starts_with("run:p.r-"));
    assert!(trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{trace}");
    assert_eq!(snapshot.run.command.as_deref().map(|command| command.starts_with("sh -c ")), Some(true));
}

#[test]
fn output_passes_unchanged_and_is_captured_as_events() {
    let dir = TempDir::new("exec-output");
    let script = r#"
        printf 'one\r\ntwo\377\n\n'
        printf '10%%\r20%%\rdone\nlast' 
        cat >&2 <<'EOF'
loading
Error: no such file
warning: old
Traceback (most recent call last):
  File "a.py", line 1, in <module>
ValueError: no
after
EOF
    "#;
    let output = shell(dir.path(), &[], script);
    assert_eq!(output.stdout, b"one\r\ntwo\xff\n\n10%\r20%\rdone\nlast");
    assert!(text(&output.stderr).starts_with("loading\nError: no such file\nwarning: old\nTraceback"));
    let all = events(&snapshot(dir.path()));
    let of = |key: &str| {
        let own = all.iter().filter(|(own, ..)| own == key);
        own.map(|(_, level, message)| format!("{level} {message}")).collect::<Vec<_>>()
    };
    assert_eq!(of("output.stdout"), ["info one", "info two\u{fffd}", "info done", "info last"]);
    assert_eq!(
        of("output.stderr"),
        ["info loading", "error Error: no such file", "warning warning: old", "info after"]
    );
    assert_eq!(of("output.traceback"), ["error ValueError: no"]);
}

#[test]
fn flood_of_output_passes_and_is_captured_in_part() {
    let dir = TempDir::new("exec-flood");
    let output = shell(dir.path(), &[], "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done");
    let expected: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    assert!(text(&output.stdout) == expected, "{} bytes", output.stdout.len());
    let snapshot = snapshot(dir.path());
    let lines = events(&snapshot).iter().filter(|(key, ..)| key == "output.stdout").count() as i64;
    let dropped = snapshot.events.iter().filter_map(|row| match &row.record {
        AnyRecord::Event(event) => event.payload.attributes.get("lines").cloned(),
        _ => None,
    });
    let number = |value| match value {
        contexta::contract::Value::Int(n) => n,
        other => panic!("{other:?}"),
    };
    let dropped: i64 = dropped.map(number).sum();
    let seconds = metric(&snapshot, "process/wall_seconds").ceil() as i64 + 1;
    assert!(lines <= 50 * seconds, "{lines} lines in {seconds} seconds");
    assert_eq!(lines + dropped, 20_000);
}

#[test]
fn changed_files_become_artifacts() {
    let dir = TempDir::new("exec-artifacts");
    for name in ["old.bin", "changed.bin", "other.txt"] {
        fs::write(dir.path().join(name), "before").unwrap();
    }
    let script = "echo longer than before > changed.bin; mkdir -p out/deep; echo new > out/deep/new.bin; echo x > b.txt";
    shell(dir.path(), &["--artifact", "*.bin", "--artifact", "out/**/*.bin"], script);
    let snapshot = snapshot(dir.path());
    let keys: Vec<&str> =
        snapshot.artifacts.iter().map(|row| row.manifest.artifact_ref.last_component()).collect();
    assert_eq!(keys, ["changed", "new"]);
}

#[test]
fn workspace_is_no_artifact_and_a_directory_is_one() {
    let dir = TempDir::new("exec-artifact-dir");
    let options = ["--artifact", "**/*", "--artifact", "model", "--artifact", "a[", "--set"];
    let options: Vec<&str> = options.into_iter().chain(["artifacts.default_ingest_mode=move"]).collect();
    let output = shell(dir.path(), &options, "mkdir model; echo 1 > model/weights; echo 2 > result");
    assert!(text(&output.stderr).contains("[pattern_invalid]"), "{}", text(&output.stderr));
    let snapshot = snapshot(dir.path());
    let mut keys: Vec<&str> =
        snapshot.artifacts.iter().map(|row| row.manifest.artifact_ref.last_component()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["model", "result", "weights"], "{}", text(&output.stderr));
    // The files belong to the program.
    assert!(dir.path().join("model/weights").exists() && dir.path().join("result").exists());
}

#[test]
fn secrets_of_command_line_and_output_are_in_no_file_of_the_workspace() {
    let dir = TempDir::new("exec-secrets");
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let key = format!("-----BEGIN PRIVATE KEY-----\n{body}\n{body}\n-----END PRIVATE KEY-----\n");
    fs::write(dir.path().join("key"), key).unwrap();
    let script = r#"echo "visible-marker password=$SECRET"; cat key; echo "api_key: $SECRET" >&2; exit 3"#;
    let program =
        ["sh", "-c", script, "sh", "--password=hunter'2SuperSecretTail", "--token", "x'SuperSecretTail y"];
    let output = exec(dir.path(), &[], &program).env("SECRET", "a'SuperSecretTail9").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("SuperSecretTail9"));
    let (mut dirs, mut is_visible) = (vec![dir.path().join(".contexta")], false);
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            let contains = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
            is_visible |= contains(b"visible-marker");
            assert!(!contains(b"SuperSecretTail"), "{}", path.display());
            assert!(!contains(b"MIIEvQIBADAN"), "{}", path.display());
        }
    }
    assert!(is_visible);
}

#[test]
fn failure_of_a_sink_costs_neither_records_nor_the_end() {
    let dir = TempDir::new("exec-sink");
    for setting in ["capture.dispatch_failure_mode=raise", "capture.dispatch_failure_mode=outbox"] {
        let options = ["--set", "capture.sinks=jsonl:/dev/full", "--set", setting, "--stage", "all"];
        let output = shell(dir.path(), &options, "echo one; exit 0");
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stderr).contains("warning"), "{}", text(&output.stderr));
        let snapshot = snapshot(dir.path());
        assert_eq!(snapshot.run.status, RunStatus::Completed);
        let lines = events(&snapshot).into_iter().filter(|(key, ..)| key == "output.stdout").count();
        assert_eq!(lines, 1);
        fs::remove_dir_all(dir.path().join(".contexta")).unwrap();
    }
}

#[test]
fn interpreter_of_a_python_program_is_described() {
    let dir = TempDir::new("exec-python");
    let site = dir.path().join("site/numpy-1.26.4.dist-info");
    fs::create_dir_all(&site).unwrap();
    fs::write(site.join("METADATA"), "Name: numpy\nVersion: 1.26.4\n").unwrap();
    // The script prints the answer that a Python interpreter would print.
    let script = "#!/bin/sh\ncase $1 in -c) printf '3.12.1\\0%s/site\\0' \"$PWD\";; *) echo ran;; esac\n";
    fs::write(dir.path().join("python3"), script).unwrap();
    fs::write(dir.path().join("train"), format!("#!{}/python3\n", dir.path().display())).unwrap();
    for name in ["python3", "train"] {
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for program in [&["./python3", "a.py"][..], &["./train"]] {
        let output = exec(dir.path(), &[], program).output().unwrap();
        assert_eq!(text(&output.stdout), "ran\n");
        let snapshot = snapshot(dir.path());
        assert_eq!(snapshot.environments.len(), 2);
        let environment = &snapshot.environments.last().unwrap().snapshot;
        let runtime =
            environment.runtime.as_ref().map(|runtime| (runtime.name.as_str(), runtime.version.as_str()));
        assert_eq!(runtime, Some(("python", "3.12.1")));
        assert_eq!(environment.packages.get("numpy").map(String::as_str), Some("1.26.4"));
        fs::remove_dir_all(dir.path().join(".contexta")).unwrap();
    }
}

/// Reads a pipe until it ends.
fn rest(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn slow_reader_receives_all_output() {
    let dir = TempDir::new("exec-slow");
    let mut command = exec(dir.path(), &[], &["head", "-c", "110000", "/dev/zero"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    // Standard error is closed only when `contexta exec` ends, and `contexta exec` must wait until the output is read.
    let time = Timespec::try_from(Duration::from_millis(1500)).unwrap();
    let ended = poll(&mut [PollFd::new(&stderr, PollFlags::IN)], Some(&time)).unwrap();
    assert_eq!((rest(child.stdout.take().unwrap()).len(), ended), (110_000, 0));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn output_in_non_blocking_mode_receives_all_bytes() {
    let dir = TempDir::new("exec-non-blocking");
    let (reader, mut writer) = std::io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    let mut filled = 0;
    while let Ok(len) = writer.write(&[b'x'; 4096]) {
        filled += len;
    }
    let mut command = exec(dir.path(), &[], &["sh", "-c", "echo hello; echo done >&2"]);
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line, "done\n");
    let found = rest(reader);
    assert_eq!((found.len(), text(&found[filled..])), (filled + 6, "hello\n".to_owned()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn program_runs_although_capture_cannot_start_or_is_lost() {
    let dir = TempDir::new("exec-without");
    fs::write(dir.path().join("file"), "no workspace").unwrap();
    let output =
        exec(dir.path(), &["--workspace", "file"], &["sh", "-c", "echo ran; exit 5"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(5), "ran\n"));
    assert!(text(&output.stderr).contains("warning: "), "{}", text(&output.stderr));
    // A setting that cannot be used does not prevent the program either.
    let output = exec(dir.path(), &["--set", "nonsense=1"], &["sh", "-c", "exit 6"]).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    // The program itself removes the workspace.
    let output = shell(dir.path(), &[], "echo a; rm -rf .contexta; echo b; exit 4");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(4), "a\nb\n"));
}

/// Starts a program that writes `ready`, and waits for this line.
fn ready(mut command: Command) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, stdout)
}

/// A program that waits for a signal, without a process of its own that waits.
const WAITING: &str = "echo ready; while read -r line; do :; done";

#[test]
fn signals_are_passed_on_and_cancel_the_run() {
    let with_trap = |signal: &str| format!("trap 'exit 3' {signal}; sleep 1000 & echo ready; wait");
    let (on_term, on_quit, on_user) = (with_trap("TERM"), with_trap("QUIT"), with_trap("USR1"));
    for (script, signal, code, status) in [
        (on_term.as_str(), Signal::TERM, 3, RunStatus::Cancelled),
        (WAITING, Signal::INT, 130, RunStatus::Cancelled),
        (WAITING, Signal::HUP, 129, RunStatus::Cancelled),
        (&on_quit, Signal::QUIT, 3, RunStatus::Cancelled),
        (&on_user, Signal::USR1, 3, RunStatus::Failed),
    ] {
        let dir = TempDir::new("exec-signals");
        let mut command = exec(dir.path(), &[], &["sh", "-c", script]);
        command.stdin(Stdio::piped());
        let (mut child, _stdout) = ready(command);
        kill_process(Pid::from_child(&child), signal).unwrap();
        // The input stays open, so that only the signal ends the program.
        let _stdin = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal:?}");
        assert_eq!(snapshot(dir.path()).run.status, status, "{signal:?}");
    }
}

#[test]
fn signal_that_is_ignored_is_ignored_by_the_program_too() {
    let dir = TempDir::new("exec-ignored");
    let script = format!("trap '' HUP; exec \"$0\" exec --run r -- sh -c '{WAITING}'");
    let mut command = Command::new("sh");
    command.current_dir(dir.path()).args(["-c", &script, BIN]).stdin(Stdio::piped());
    let (mut child, _stdout) = ready(command);
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    // The end of the input ends the program.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(snapshot(dir.path()).run.status, RunStatus::Completed);
}

#[test]
fn kill_of_exec_leaves_the_run_open() {
    let dir = TempDir::new("exec-kill");
    let mut command = exec(dir.path(), &[], &["sh", "-c", WAITING]);
    command.stdin(Stdio::piped());
    let (mut child, _stdout) = ready(command);
    child.kill().unwrap();
    child.wait().unwrap();
    let snapshot = snapshot(dir.path());
    assert_eq!((snapshot.run.status, snapshot.run.ended_at), (RunStatus::Open, None));
}

// ---- terminals

/// `contexta exec` in a terminal of 33 rows and 101 columns.
struct Terminal {
    master: File,
    child: Child,
}

impl Terminal {
    fn start(dir: &Path, program: &[&str]) -> Terminal {
        let command: Vec<&str> = [BIN, "exec", "--run", "r", "--"].iter().chain(program).copied().collect();
        Terminal::start_command(dir, &command)
    }

    fn start_command(dir: &Path, command: &[&str]) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave: OwnedFd = File::options().read(true).write(true).open(name).unwrap().into();
        tcsetwinsize(&master, Winsize { ws_row: 33, ws_col: 101, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let stream = || Stdio::from(slave.try_clone().unwrap());
        // The first argument makes the terminal the controlling terminal of the command that follows.
        let child = Command::new(BIN)
            .current_dir(dir)
            .arg("__exec-in-terminal")
            .args(command)
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        Terminal { master: master.into(), child }
    }

    /// Reads output until it contains a text.
    fn read_until(&mut self, wanted: &str) -> String {
        let mut found = String::new();
        let mut buffer = [0; 4096];
        while !found.contains(wanted) {
            let len = self.master.read(&mut buffer).unwrap();
            found += &text(&buffer[..len]);
        }
        found
    }

    /// Reads the rest of the output, and returns it with the exit code.
    fn finish(mut self) -> (String, Option<i32>) {
        let mut found = Vec::new();
        let mut buffer = [0; 4096];
        // A terminal ends with an error.
        while let Ok(len @ 1..) = self.master.read(&mut buffer) {
            found.extend_from_slice(&buffer[..len]);
        }
        (text(&found), self.child.wait().unwrap().code())
    }
}

#[test]
fn program_sees_a_terminal_of_the_same_size() {
    let dir = TempDir::new("exec-terminal");
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size && tty > /dev/null && : < /dev/tty && echo controlled";
    let (output, code) = Terminal::start(dir.path(), &["sh", "-c", script]).finish();
    assert_eq!((output.as_str(), code), ("33 101\r\ncontrolled\r\n", Some(0)));
    let all = events(&snapshot(dir.path()));
    let lines: Vec<&str> =
        all.iter().filter(|(key, ..)| key == "output.terminal").map(|(.., line)| line.as_str()).collect();
    assert_eq!(lines, ["33 101", "controlled"]);
}

#[test]
fn progress_bar_of_ten_thousand_updates_becomes_one_event() {
    let dir = TempDir::new("exec-bar");
    let script =
        r"i=0; while [ $i -lt 10000 ]; do printf '\r%d of 10000' $i; i=$((i+1)); done; echo; echo end";
    let (output, code) = Terminal::start(dir.path(), &["sh", "-c", script]).finish();
    assert_eq!((output.matches("of 10000").count(), code), (10_000, Some(0)));
    let all = events(&snapshot(dir.path()));
    let lines: Vec<&str> =
        all.iter().filter(|(key, ..)| key == "output.terminal").map(|(.., line)| line.as_str()).collect();
    assert_eq!(lines, ["9999 of 10000", "end"]);
}

#[test]
fn interrupt_key_reaches_the_program_and_cancels_the_run() {
    let dir = TempDir::new("exec-key");
    let mut terminal = Terminal::start(dir.path(), &["sh", "-c", WAITING]);
    terminal.read_until("ready");
    terminal.master.write_all(b"typed\n").unwrap();
    // The pseudo-terminal of the program shows what is typed.
    terminal.read_until("typed\r\n");
    terminal.master.write_all(b"\x03").unwrap();
    let (output, code) = terminal.finish();
    assert_eq!(code, Some(130), "{output}");
    assert_eq!(snapshot(dir.path()).run.status, RunStatus::Cancelled);
}

#[test]
fn modes_of_the_terminal_are_restored() {
    let dir = TempDir::new("exec-modes");
    let script = r#"stty -a > before
        "$0" exec --run a -- true; stty -a > after-success
        "$0" exec --run b -- sh -c 'kill -9 $$'; stty -a > after-kill
        "$0" exec --run c -- stty raw -echo; stty -a > after-raw
        "$0" exec --run d -- /no/such/program; stty -a > after-missing"#;
    Terminal::start_command(dir.path(), &["sh", "-c", script, BIN]).finish();
    let before = fs::read_to_string(dir.path().join("before")).unwrap();
    assert!(before.contains(" icanon"), "{before}");
    for name in ["after-success", "after-kill", "after-raw", "after-missing"] {
        assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), before, "{name}");
    }
}

#[test]
fn program_without_pseudo_terminal_reads_the_controlling_terminal() {
    let dir = TempDir::new("exec-tty");
    let script = r#""$0" exec --run r -- sh -c 'echo ready > /dev/tty; read line < /dev/tty; echo got $line' \
        < /dev/null > output 2>&1"#;
    let mut terminal = Terminal::start_command(dir.path(), &["sh", "-c", script, BIN]);
    terminal.read_until("ready");
    terminal.master.write_all(b"typed\n").unwrap();
    let (_, code) = terminal.finish();
    assert_eq!(
        (fs::read_to_string(dir.path().join("output")).unwrap().as_str(), code),
        ("got typed\n", Some(0))
    );
}

// ---- memory

const MEMORY_ROLE: &str = "CONTEXTA_TEST_EXEC_MEMORY";
const MEMORY_BYTES: usize = 200 << 20;

/// Starts this test binary for a test that does nothing in an ordinary test run.
fn own(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(MEMORY_ROLE, role);
    command
}

/// Uses memory until standard input ends: as a leaf itself, as the root with four processes.
#[test]
fn child_memory() {
    let Ok(role) = std::env::var(MEMORY_ROLE) else { return };
    if role == "leaf" {
        let memory = std::hint::black_box(vec![1u8; MEMORY_BYTES]);
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        assert_eq!(memory.len(), MEMORY_BYTES);
        return;
    }
    let mut children: Vec<Child> = (0..4)
        .map(|_| {
            own("exec::child_memory", "leaf").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    for child in &mut children {
        drop(child.stdin.take());
    }
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn memory_of_four_children_is_added() {
    let dir = TempDir::new("exec-memory");
    let program = own("exec::child_memory", "root");
    let words: Vec<&str> = std::iter::once(program.get_program())
        .chain(program.get_args())
        .map(|w| w.to_str().unwrap())
        .collect();
    let mut child = exec(dir.path(), &["--system-metrics", "1"], &words)
        .env(MEMORY_ROLE, "root")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The memory is measured once a second. The program ends when all of it is in a measurement.
    let enough = 4.0 * MEMORY_BYTES as f64;
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut last = 0.0;
    while last < enough {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "{last} bytes");
        let Ok(contexta) = Contexta::open_existing(dir.path().join(".contexta")) else { continue };
        if let Ok(series) = contexta.step_series("r", "system/process_memory", None) {
            last = series.points.last().map_or(0.0, |point| point.value.as_f64());
        }
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let snapshot = snapshot(dir.path());
    let peak = metric(&snapshot, "process/memory_peak");
    assert!(peak >= enough && peak < 1.25 * enough, "{peak} bytes");
    assert!(metric(&snapshot, "process/largest_process_memory_peak") < 0.5 * enough);
    assert!(metric(&snapshot, "system/process_memory_percent") > 0.0);
    assert!(metric(&snapshot, "system/disk_free") > 0.0);
}
