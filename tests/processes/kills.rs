//! `contexta ingest --ack` is killed again and again, each time right after an acknowledgement. Every acknowledged line
//! is in the workspace.

use crate::TempDir;
use contexta::Contexta;
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

const KILLS: u64 = 50;
/// The greatest number of metric lines that are written at once.
const LINES_OF_BURST: u64 = 20;

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

/// Writes the lines of a run in bursts until the reader is gone. Returns the number of lines.
fn write_lines(mut input: ChildStdin, round: u64) -> u64 {
    let mut text = format!("{{\"start\":\"run\",\"run\":\"r{round}\",\"id\":\"r{round}\"}}\n");
    let (mut step, mut sent) = (0, 0);
    loop {
        for _ in 0..1 + random((round << 32) | step) % LINES_OF_BURST {
            text += &format!("{{\"metric\":\"loss\",\"value\":{step},\"step\":{step}}}\n");
            step += 1;
        }
        if input.write_all(text.as_bytes()).is_err() {
            return sent;
        }
        text.clear();
        sent = step + 1;
    }
}

/// Starts an ingest, kills it after its `last`th acknowledgement, and returns the numbers of sent and of acknowledged
/// lines.
fn killed_ingest(dir: &TempDir, round: u64, last: u64) -> (u64, u64) {
    let mut child: Child = Command::new(env!("CARGO_BIN_EXE_contexta"))
        .current_dir(&dir.0)
        .args(["ingest", "--ack"])
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

#[test]
fn every_line_that_a_killed_ingest_acknowledged_is_recorded() {
    let dir = TempDir::new("ingest-kills");
    let ends: Vec<(u64, u64)> =
        (0..KILLS).map(|round| killed_ingest(&dir, round, 1 + random(round) % 20)).collect();
    let metrics = |lines: u64| lines.saturating_sub(1) as usize;
    let mut busy = 0;
    let contexta = Contexta::open_existing(dir.0.join(".contexta")).unwrap();
    for (round, (sent, lines)) in ends.into_iter().enumerate() {
        busy += u64::from(sent > lines);
        let steps: Vec<Option<i64>> = match contexta.step_series(format!("r{round}"), "loss", None) {
            Ok(series) => series.points.iter().map(|point| point.step).collect(),
            Err(e) => {
                assert_eq!((metrics(lines), e.code()), (0, "query_metric_not_found"), "round {round}");
                continue;
            }
        };
        assert!(steps.len() >= metrics(lines), "round {round}: {} of {lines} lines", steps.len());
        let expected: Vec<Option<i64>> = (0..steps.len() as i64).map(Some).collect();
        assert_eq!(steps, expected, "round {round}");
    }
    assert!(busy > KILLS / 2, "{busy} processes had lines to record when they were killed");
}
