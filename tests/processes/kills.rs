//! `contexta ingest --ack` is killed again and again, at random moments while it reads, records, syncs, imports, copies or
//! acknowledges. Every acknowledged line is in the workspace.

use crate::TempDir;
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::{Contexta, RunSnapshot};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

const KILLS: u64 = 50;
/// The greatest number of lines that are written at once.
const LINES_OF_BURST: u64 = 20;
/// The greatest number of acknowledgements that a process writes before it is killed.
const ACKS_MAX: u64 = 4;
/// The greatest number of turns of a loop between an acknowledgement and the kill: some milliseconds.
const TURNS_MAX: u64 = 2_000_000;
/// The variable with the seed of an earlier test.
const SEED: &str = "CONTEXTA_KILLS_SEED";

/// Returns a pseudo-random number for a kill (splitmix64).
fn random(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn lines_of(ack: &str) -> u64 {
    match parse(ack).unwrap().get("lines") {
        Some(Value::Int(lines)) => *lines as u64,
        other => panic!("no number of lines: {other:?}"),
    }
}

/// The fact that a line records.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Start,
    Metric,
    Artifact,
    Project,
}

fn line(n: u64) -> Line {
    match n {
        0 => Line::Start,
        n if n % 40 == 7 => Line::Artifact,
        n if n % 25 == 3 => Line::Project,
        _ => Line::Metric,
    }
}

fn text_of(round: u64, n: u64) -> String {
    match line(n) {
        Line::Start => format!("{{\"start\":\"run\",\"run\":\"r{round}\",\"id\":\"r{round}\"}}\n"),
        Line::Metric => format!("{{\"metric\":\"loss\",\"value\":{n},\"step\":{n}}}\n"),
        Line::Artifact => format!("{{\"artifact\":\"model.bin\",\"key\":\"a{n}\"}}\n"),
        Line::Project => format!(
            "{{\"kind\":\"project\",\"object\":{{\"created_at\":\"2024-01-01T00:00:00Z\",\"name\":\"{0}\",\"project_ref\":\"project:{0}\"}}}}\n",
            project(round, n)
        ),
    }
}

fn project(round: u64, n: u64) -> String {
    format!("p-{round}-{n}")
}

/// Writes the lines of a run in bursts until the reader is gone. Returns the number of lines.
fn write_lines(mut input: ChildStdin, round: u64) -> u64 {
    let mut sent = 0;
    loop {
        let burst = sent..sent + 1 + random((round << 32) | sent) % LINES_OF_BURST;
        let text: String = burst.clone().map(|n| text_of(round, n)).collect();
        if input.write_all(text.as_bytes()).is_err() {
            return sent;
        }
        sent = burst.end;
    }
}

/// Starts an ingest, kills it some time after one of its first acknowledgements, and returns the numbers of sent and of
/// acknowledged lines.
fn killed_ingest(dir: &TempDir, round: u64, seed: u64) -> (u64, u64) {
    let last = 1 + random(seed ^ round) % ACKS_MAX;
    let turns = random(!seed ^ round) % TURNS_MAX;
    let durability = if round.is_multiple_of(2) { "fsync" } else { "flush" };
    let mut child: Child = Command::new(env!("CARGO_BIN_EXE_contexta"))
        .current_dir(&dir.0)
        .args(["ingest", "--ack", "--set", &format!("records.durability_mode={durability}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take().unwrap();
    // The writer does not wait, so the process is killed while it reads, records or acknowledges.
    let writer = thread::spawn(move || write_lines(input, round));
    let mut acks = BufReader::new(child.stdout.take().unwrap());
    let mut ack = String::new();
    let mut acknowledged = 0;
    for _ in 0..last {
        ack.clear();
        acks.read_line(&mut ack).unwrap();
        acknowledged = lines_of(&ack);
    }
    for _ in 0..turns {
        std::hint::spin_loop();
    }
    // The signal is SIGKILL.
    child.kill().unwrap();
    // Acknowledgements that were written before the kill count, too. The last one may be incomplete.
    for rest in acks.lines() {
        let rest = rest.unwrap();
        acknowledged = if rest.ends_with('}') { lines_of(&rest) } else { acknowledged };
    }
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "the process was killed: {status}");
    (writer.join().unwrap(), acknowledged)
}

/// Asserts that the facts of the acknowledged lines of a run are in the workspace.
fn check(round: u64, lines: u64, contexta: &Contexta, snapshot: &RunSnapshot, projects: &BTreeSet<String>) {
    let series = contexta.step_series(format!("r{round}"), "loss", None).unwrap();
    assert_eq!(series.has_steps, !series.points.is_empty(), "round {round}");
    let steps: Vec<i64> = series.points.iter().map(|point| point.step).collect();
    // The metrics are those of the first lines, without a gap.
    let metrics: Vec<i64> =
        (0..).filter(|n| line(*n) == Line::Metric).take(steps.len()).map(|n| n as i64).collect();
    assert_eq!(steps, metrics, "round {round}");
    let acknowledged = (0..lines).filter(|n| line(*n) == Line::Metric).count();
    assert!(steps.len() >= acknowledged, "round {round}: {} metrics of {lines} lines", steps.len());
    for n in 0..lines {
        match line(n) {
            Line::Artifact => {
                let artifact = format!("artifact:default.r{round}.a{n}");
                let row = snapshot.artifacts.iter().find(|a| a.manifest.artifact_ref.to_string() == artifact);
                assert!(row.is_some_and(|row| row.body_present), "{artifact}");
            }
            Line::Project => assert!(projects.contains(&project(round, n)), "{}", project(round, n)),
            Line::Start | Line::Metric => {}
        }
    }
}

#[test]
fn every_line_that_a_killed_ingest_acknowledged_is_recorded() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var(SEED).map_or(now, |text| text.parse().unwrap());
    println!("the test can be repeated with {SEED}={seed}");
    let dir = TempDir::new("ingest-kills");
    std::fs::write(dir.0.join("model.bin"), vec![7; 10_000]).unwrap();
    let ends: Vec<(u64, u64)> = (0..KILLS).map(|round| killed_ingest(&dir, round, seed)).collect();
    let contexta = Contexta::open_existing(dir.0.join(".contexta")).unwrap();
    let projects = contexta.list_projects().unwrap().projects;
    let projects: BTreeSet<String> = projects.iter().map(|project| project.name.clone()).collect();
    for (round, (_, lines)) in (0..).zip(&ends) {
        let snapshot = contexta.run_snapshot(format!("r{round}")).unwrap();
        check(round, *lines, &contexta, &snapshot, &projects);
    }
    let busy = ends.iter().filter(|(sent, lines)| sent > lines).count() as u64;
    assert!(busy > KILLS / 2, "{busy} processes had lines to record when they were killed");
    let lines: u64 = ends.iter().map(|(_, lines)| lines).sum();
    assert!(lines > KILLS, "{lines} lines were acknowledged");
}
