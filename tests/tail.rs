//! The newest entries of the log, and the entries of other processes that follow.

use crate::sinks::{options, start};
use contexta::contract::Value;
use contexta::engine::storage::sim::SimDisk;
use contexta::{Contexta, DumpItem, DumpedEntry, TailItem, TailOptions};
use std::path::Path;
use std::time::Duration;

fn options_of(change: impl FnOnce(&mut TailOptions)) -> TailOptions {
    let mut options = TailOptions::default();
    change(&mut options);
    options
}

/// Returns the entries and the codes of the notes of a tail, up to its end or the first time-out.
fn read(contexta: &Contexta, options: TailOptions) -> (Vec<DumpedEntry>, Vec<&'static str>) {
    let (mut entries, mut notes) = (Vec::new(), Vec::new());
    for item in contexta.tail_log(options).unwrap() {
        match item.unwrap() {
            TailItem::Log(DumpItem::Entry(entry)) => entries.push(entry),
            TailItem::Log(DumpItem::Note(note)) => notes.push(note.code),
            _ => break,
        }
    }
    (entries, notes)
}

fn all(contexta: &Contexta) -> Vec<DumpedEntry> {
    let items = contexta.dump_log(None).unwrap();
    let entries = items.map(|item| match item.unwrap() {
        DumpItem::Entry(entry) => entry,
        other => panic!("{other:?}"),
    });
    let mut entries: Vec<DumpedEntry> = entries.collect();
    entries.sort_by_key(|entry| (entry.time, entry.stream, entry.seq));
    entries
}

/// Captures two runs at the same time in two processes.
fn two_processes(disk: &SimDisk) -> (Contexta, Contexta) {
    let open = |process| options(disk.process(process)).open().unwrap();
    let (one, two) = (open(1), open(2));
    let a = start(&one);
    disk.advance(1_000_000);
    let b = two.run("b").run_id("b").start().unwrap();
    for step in 0..5 {
        disk.advance(1_000_000);
        a.metric_at("loss", step, 0.5).unwrap();
        // The times of a dump are microseconds.
        disk.advance(1_000_000);
        b.metric_at("loss", step, 0.5).unwrap();
    }
    disk.advance(1_000_000);
    a.complete().unwrap();
    disk.advance(1_000_000);
    b.complete().unwrap();
    drop((a, b));
    (one, two)
}

#[test]
fn newest_entries_of_all_streams_come_in_the_order_of_their_times() {
    let disk = SimDisk::new(1);
    let (one, _two) = two_processes(&disk);
    let all = all(&one);
    for n in [0, 1, 7, all.len(), all.len() + 5] {
        let (entries, notes) = read(&one, options_of(|options| options.last = n));
        assert_eq!((entries, notes), (all[all.len().saturating_sub(n)..].to_vec(), vec![]), "{n}");
    }
    assert_eq!(read(&one, TailOptions::default()).0.len(), 10);
}

#[test]
fn filters_select_kinds_streams_and_runs() {
    let disk = SimDisk::new(2);
    let (one, _two) = two_processes(&disk);
    let all = all(&one);
    let many = |change: fn(&mut TailOptions)| {
        options_of(|options| {
            options.last = 1000;
            change(options);
        })
    };
    let (metrics, _) = read(&one, many(|options| options.kinds = vec!["metric".into(), "ended".into()]));
    let expected = all.iter().filter(|entry| ["metric", "ended"].contains(&entry.kind.as_str()));
    assert!(metrics.iter().eq(expected) && metrics.len() > 10);
    let mut of_stream = many(|_| {});
    of_stream.stream = Some(all[0].stream.to_string());
    let expected = all.iter().filter(|entry| entry.stream == all[0].stream);
    assert!(read(&one, of_stream).0.iter().eq(expected));
    let mut of_run = many(|_| {});
    of_run.run = Some(one.find_run("b").unwrap());
    let (entries, _) = read(&one, of_run);
    let text = |entry: &DumpedEntry| format!("{:?}", entry.object);
    let expected: Vec<_> = all.iter().filter(|entry| text(entry).contains("run:wine.b\"")).cloned().collect();
    assert_eq!(entries, expected);
    assert!(entries.iter().any(|entry| entry.kind == "ended") && entries.len() >= 8);
    let code = |options| one.tail_log(options).map(drop).unwrap_err().code();
    assert_eq!(code(many(|options| options.kinds = vec!["metrics".into()])), "log_kind_unknown");
    assert_eq!(code(many(|options| options.stream = Some("0".into()))), "log_stream_not_found");
}

#[test]
fn following_returns_each_new_entry_once_and_gaps_as_notes() {
    let disk = SimDisk::new(3);
    let (one, _two) = two_processes(&disk);
    let before = all(&one).len();
    let options = options_of(|options| {
        options.last = 3;
        options.follow = Some(Duration::from_millis(1));
    });
    let reader = options_of_reader(&disk);
    let mut tail = reader.tail_log(options).unwrap();
    let mut next = || tail.next().unwrap().unwrap();
    for _ in 0..3 {
        assert!(matches!(next(), TailItem::Log(DumpItem::Entry(_))));
    }
    assert_eq!(next(), TailItem::TimedOut);
    let run = one.run("c").run_id("c").start().unwrap();
    run.event("note", "hello").unwrap();
    let fresh = all(&one)[before..].to_vec();
    assert!(fresh.len() >= 3);
    for entry in fresh {
        assert_eq!(next(), TailItem::Log(DumpItem::Entry(entry)));
    }
    assert_eq!(next(), TailItem::TimedOut);
    // A new process writes to a stream of its own, whose middle is then damaged.
    let third = options_of_reader(&disk);
    let other = third.run("d").run_id("d").start().unwrap();
    other.event("note", "first").unwrap();
    other.event("note", "second").unwrap();
    let stream = all(&one).last().unwrap().stream;
    let segment = disk.paths().into_iter().rfind(|path| {
        path.to_string_lossy().contains(&stream.to_string()) && path.extension().is_some_and(|e| e == "seg")
    });
    let segment = segment.unwrap_or_else(|| panic!("{:?}", disk.paths()));
    let mut bytes = disk.read(Path::new(&segment)).unwrap();
    let at = bytes.windows(5).position(|part| part == b"first").unwrap();
    bytes[at] ^= 1;
    disk.overwrite(&segment, bytes);
    let mut codes = Vec::new();
    let mut messages = Vec::new();
    loop {
        match next() {
            TailItem::Log(DumpItem::Note(note)) => codes.push(note.code),
            TailItem::Log(DumpItem::Entry(entry)) => {
                messages
                    .extend(entry.object.as_ref().and_then(|o| o.get("payload")?.get("message").cloned()));
            }
            _ => break,
        }
    }
    assert_eq!((codes, messages), (vec!["log_gap"], vec![Value::from("second")]));
}

fn options_of_reader(disk: &SimDisk) -> Contexta {
    options(disk.process(7)).open().unwrap()
}

#[cfg(unix)]
mod command {
    use crate::support::TempDir;
    use contexta::contract::Value;
    use contexta::contract::json::read::parse;
    use contexta::{Contexta, Options};
    use std::io::{BufRead, BufReader};
    use std::process::{Child, ChildStdout, Command, Stdio};

    fn open(dir: &TempDir) -> Contexta {
        Options::new(dir.path().join(".contexta")).detect_code_revision(false).open().unwrap()
    }

    fn follow(dir: &TempDir, args: &[&str]) -> (Child, BufReader<ChildStdout>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_contexta"));
        command.current_dir(dir.path()).args(["log", "tail", "-f", "-n", "1000"]).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        (child, output)
    }

    fn line(output: &mut BufReader<ChildStdout>) -> String {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line
    }

    #[test]
    fn following_command_prints_entries_of_other_processes_and_ends_after_a_signal() {
        for signal in ["-INT", "-TERM"] {
            let dir = TempDir::new("tail-signal");
            let contexta = open(&dir);
            let run = contexta.run("a").start().unwrap();
            run.event("note", "before").unwrap();
            let (mut child, mut output) = follow(&dir, &["--format", "json", "--kind", "event"]);
            for text in ["before", "one", "two"] {
                let entry = parse(&line(&mut output)).unwrap();
                assert_eq!(entry.get("kind"), Some(&Value::from("event")));
                let object = entry.get("object").unwrap();
                assert_eq!(object.get("payload").unwrap().get("message"), Some(&Value::from(text)));
                let next = if text == "before" { "one" } else { "two" };
                run.event("note", next).unwrap();
            }
            assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
            assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        }
    }

    #[test]
    fn following_command_ends_when_the_reader_closes_the_pipe() {
        let dir = TempDir::new("tail-pipe");
        let contexta = open(&dir);
        let run = contexta.run("a").start().unwrap();
        run.event("note", "before").unwrap();
        let (mut child, mut output) = follow(&dir, &[]);
        assert!(!line(&mut output).is_empty());
        // No entry follows, so the command does not write to the closed pipe.
        drop(output);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
