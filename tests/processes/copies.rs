//! A workspace is copied by `cp -r`, `tar` and `rsync` while a process captures into it. Each copy is a consistent prefix: it
//! opens, its check finds nothing but an unfinished end, and it contains everything that was acknowledged before the copy
//! began.

use crate::{TempDir, child, end_of_input, open, role};
use contexta::engine::checksum::Digest;
use contexta::recovery::{Outcome, VerifyOptions};
use contexta::store::StoreView;
use contexta::{Contexta, DumpItem, Options};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The number of copies with each program.
const COPIES: u64 = 4;
/// The number of events between two copies.
const EVENTS: u64 = 400;
/// An artifact follows each event whose number is divisible by this number.
const EVENTS_OF_AN_ARTIFACT: u64 = 40;

fn body_of(event: u64) -> Vec<u8> {
    format!("the body after event {event}").into_bytes()
}

/// Captures events until the standard input ends, and prints the number of each acknowledged event.
#[test]
fn child_copied() {
    let Some((dir, ..)) = role() else { return };
    let ended = end_of_input();
    let contexta = open(&dir);
    let run = contexta.run("run").run_id("run").start().unwrap();
    let mut event = 0;
    while !*ended.0.lock().unwrap() {
        run.event("counted", &format!("{event} {}", "x".repeat(1 + event as usize * 37 % 3000))).unwrap();
        if event % EVENTS_OF_AN_ARTIFACT == 0 {
            let path = dir.join("body");
            fs::write(&path, body_of(event)).unwrap();
            run.register_artifact(&format!("body{event}"), &path).unwrap();
        }
        println!("acknowledged {event}");
        event += 1;
    }
    run.complete().unwrap();
}

/// The events in a copy.
struct Copied {
    /// The number after that of the last event.
    end: u64,
    /// The first event that is missing although a later event is present.
    gap: Option<u64>,
}

/// Returns the events in a copy. Checks that they are in order.
fn events(contexta: &Contexta) -> Copied {
    let mut copied = Copied { end: 0, gap: None };
    for item in contexta.dump_log(None).unwrap() {
        let DumpItem::Entry(entry) = item.unwrap() else { continue };
        let object = format!("{:?}", entry.object);
        if entry.kind != "event" || !object.contains("counted") {
            continue;
        }
        let text = object.split("\"message\": Text(\"").nth(1).unwrap();
        let event: u64 = text.split(' ').next().unwrap().parse().unwrap();
        assert!(event >= copied.end, "event {event} after event {}", copied.end);
        let gap = copied.gap.or((event > copied.end).then_some(copied.end));
        copied = Copied { end: event + 1, gap };
    }
    copied
}

fn check(copy: &Path, acknowledged: u64) {
    let contexta = Options::new(copy).must_exist().detect_code_revision(false).open().unwrap();
    let Copied { end, gap } = events(&contexta);
    assert!(gap.unwrap_or(end) > acknowledged, "{gap:?}, {end} of {acknowledged}");
    let report = contexta.verify(VerifyOptions::default()).unwrap();
    let codes: BTreeSet<&str> = report.problems.iter().map(|problem| problem.code).collect();
    // A copying program can copy the directory of the bodies before it copies the log. It can also find out which parts
    // of a file have data before the writer adds data, and leave these parts out. Then the copy says what is missing.
    let expected = BTreeSet::from(["torn", "artifact_body_missing", "damaged"]);
    let is_damaged = codes.contains("damaged");
    assert!(is_damaged || gap.is_none(), "{report:?}");
    assert!(codes.is_subset(&expected), "{report:?}");
    assert!(report.outcome != Outcome::Unchecked, "{report:?}");
    if is_damaged {
        return;
    }
    let bodies: BTreeSet<Digest> =
        contexta.store().read(|view: &StoreView<'_>| view.bodies()).unwrap().into_iter().collect();
    for event in (0..acknowledged).step_by(EVENTS_OF_AN_ARTIFACT as usize) {
        let digest = Digest::of(&body_of(event));
        let name = digest.to_string();
        let body = copy.join("artifacts/objects").join(&name[..2]).join(&name[2..]);
        assert!(bodies.contains(&digest), "the artifact after event {event} is missing");
        assert_eq!(fs::read(body).unwrap(), body_of(event));
    }
}

/// Copies a workspace with a shell command. `tar` ends with exit code 1, and `rsync` with 24, if files change meanwhile.
fn copy(command: &str) {
    let status = Command::new("sh").args(["-c", command]).stderr(Stdio::null()).status().unwrap();
    assert!(matches!(status.code(), Some(0 | 1 | 24)), "{command}: {status}");
}

#[test]
fn copies_of_a_live_workspace_are_consistent_prefixes_or_say_what_is_missing() {
    let dir = TempDir::new("copies");
    let mut writer =
        child("copies::child_copied", &dir.0, 0, 0, 0, 0).stdout(Stdio::piped()).spawn().unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (counter, answers) = (Arc::clone(&acknowledged), BufReader::new(writer.stdout.take().unwrap()));
    let reader = thread::spawn(move || {
        for line in answers.lines().map(Result::unwrap) {
            if let Some((_, event)) = line.rsplit_once("acknowledged ") {
                counter.store(event.parse().unwrap(), Ordering::Release);
            }
        }
    });
    let from = dir.0.join("workspace");
    let has_rsync = Command::new("rsync").arg("--version").stdout(Stdio::null()).status().is_ok();
    let mut wanted = EVENTS;
    for n in 0..COPIES {
        for program in ["cp", "tar", "rsync"].iter().filter(|program| **program != "rsync" || has_rsync) {
            while acknowledged.load(Ordering::Acquire) < wanted {
                assert!(writer.try_wait().unwrap().is_none(), "the writer has ended");
                thread::yield_now();
            }
            let before = acknowledged.load(Ordering::Acquire);
            let into = dir.0.join(format!("copy-{program}-{n}"));
            let (from, to) = (from.display(), into.display());
            copy(&match *program {
                "cp" => format!("cp -r '{from}' '{to}'"),
                "tar" => format!("mkdir '{to}' && tar -C '{from}' -cf - . | tar -C '{to}' -xf -"),
                _ => format!("rsync -a '{from}/' '{to}/'"),
            });
            check(&into, before);
            wanted = acknowledged.load(Ordering::Acquire) + EVENTS;
        }
    }
    drop(writer.stdin.take());
    assert!(writer.wait().unwrap().success());
    reader.join().unwrap();
}
