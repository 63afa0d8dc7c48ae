//! `examples/python/contexta_ingest.py` records runs from Python. The test needs python3, which must exist if `CI` is
//! `true`.

use crate::support::TempDir;
use contexta::contract::{AnyRecord, RunStatus, Value};
use contexta::{Contexta, RunSnapshot};
use std::path::Path;
use std::process::{Command, Output};

const SKIPPED: &str = "skipped: examples/python/contexta_ingest.py needs python3, which was not found";

/// Runs a script with the client and the command in reach. Returns `None` if there is no python3.
fn python(dir: &Path, arguments: &[&str]) -> Option<Output> {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python");
    let command = Path::new(env!("CARGO_BIN_EXE_contexta")).parent().unwrap().to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(command).chain(std::env::split_paths(&path));
    let output = Command::new("python3")
        .current_dir(dir)
        .arg("-B")
        .args(arguments)
        .env("PYTHONPATH", client)
        .env("PATH", std::env::join_paths(paths).unwrap())
        .output();
    match output {
        Ok(output) => Some(output),
        Err(e) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => {
            panic!("the client needs python3, which cannot be run: {e}")
        }
        Err(_) => None,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn snapshot(dir: &Path, run: &str) -> RunSnapshot {
    Contexta::open_existing(dir.join(".contexta")).unwrap().run_snapshot(run).unwrap()
}

const SCRIPT: &str = r#"
import os, threading
import contexta_ingest as contexta

class Scalar:  # in the manner of NumPy
    shape = ()
    def item(self):
        return 0.25

with contexta.start_run("plain", project="p", params={"alpha": 0.1, "path": os.path.join("a", "b")}, tags={"team": "x"}) as run:
    run.param("depth", 3)
    with run.stage("train") as train:
        threads = [
            threading.Thread(target=lambda n=n: [train.metric(f"m{n}", step, step=step) for step in range(100)])
            for n in range(4)
        ]
        [thread.start() for thread in threads]
        child = os.fork()
        if child == 0:
            train.metric("child", 1)
            os._exit(0)
        os.waitpid(child, 0)
        [thread.join() for thread in threads]
        with train.span("epoch", number=1):
            train.metric("loss", Scalar(), unit="nats")
    run.event("note", "written", level="warning", where="here")
    with open("model.txt", "w") as file:
        file.write("weights")
    run.artifact("model.txt", kind="model", key="best")
    os.remove("model.txt")
    print(run.ref)

try:
    with contexta.start_run("failing"):
        raise ValueError("no")
except ValueError:
    pass

import contexta_ingest as wandb
wandb.init(project="p", name="like-wandb", config={"lr": 0.5}, tags=["fast"])
wandb.config.batch = 16
for loss in (3.0, 2.0):
    wandb.log({"loss": loss, "eval": {"acc": 1 - loss / 4}, "kind": "text"})
wandb.log({"loss": 1.0}, step=10)
wandb.finish()

with contexta.SummaryWriter("runs/board") as writer:
    writer.add_scalar("loss/train", 0.5, 7)
"#;

#[test]
fn client_records_runs_of_python() {
    let dir = TempDir::new("python-client");
    let Some(output) = python(dir.path(), &["-c", SCRIPT]) else {
        println!("{SKIPPED}");
        return;
    };
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let run = snapshot(dir.path(), text(&output.stdout).trim());
    assert_eq!((run.run.name.as_str(), run.run.status), ("plain", RunStatus::Completed));
    assert_eq!((&run.run.params["alpha"], &run.run.params["depth"]), (&Value::Float(0.1), &Value::Int(3)));
    assert_eq!((run.run.tags["team"].as_str(), run.stages[0].status), ("x", RunStatus::Completed));
    let counts: Vec<(&str, u64)> =
        run.metrics.iter().map(|row| (row.key.metric_key.as_str(), row.count)).collect();
    assert_eq!(counts, [("loss", 1), ("m0", 100), ("m1", 100), ("m2", 100), ("m3", 100)]);
    assert_eq!(run.metrics[0].last.value.as_f64(), 0.25);
    assert!(run.artifacts[0].body_present && run.artifacts[0].manifest.artifact_kind == "model");
    let kinds: Vec<&str> = run.events.iter().map(|row| row.record.envelope().record_type.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "span").count(), 1);
    assert!(
        run.events
            .iter()
            .any(|row| matches!(&row.record, AnyRecord::Event(e) if e.payload.message == "written"))
    );

    assert_eq!(snapshot(dir.path(), "failing").run.status, RunStatus::Failed);

    let run = snapshot(dir.path(), "like-wandb");
    assert_eq!((&run.run.params["lr"], &run.run.params["batch"]), (&Value::Float(0.5), &Value::Int(16)));
    assert_eq!(run.run.status, RunStatus::Completed);
    let last = |key: &str| {
        let row = run.metrics.iter().find(|row| row.key.metric_key == key).unwrap();
        (row.count, row.last.step, row.last.value.as_f64())
    };
    assert_eq!((last("loss"), last("eval/acc")), ((3, Some(10), 1.0), (2, Some(1), 0.5)));

    let board = snapshot(dir.path(), "board");
    assert_eq!(
        (board.metrics[0].key.metric_key.as_str(), board.metrics[0].last.step),
        ("loss/train", Some(7))
    );
}

#[test]
fn client_without_command_does_not_disturb_the_program() {
    let dir = TempDir::new("python-without");
    let script = "import os; os.environ['PATH'] = ''\nimport contexta_ingest as c\n\
        with c.start_run('r') as run:\n    run.metric('loss', 1)\n    print('trained', run.ref)";
    let Some(output) = python(dir.path(), &["-c", script]) else {
        println!("{SKIPPED}");
        return;
    };
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "trained None\n"));
    assert!(text(&output.stderr).contains("was not found in PATH"), "{}", text(&output.stderr));
}

#[test]
fn killed_program_leaves_a_failed_run() {
    let dir = TempDir::new("python-killed");
    let script = "import os, signal, contexta_ingest as c\n\
        run = c.start_run('r')\nrun.metric('loss', 1)\nc.flush()\n\
        os.kill(os.getpid(), signal.SIGKILL)";
    let Some(output) = python(dir.path(), &["-c", script]) else {
        println!("{SKIPPED}");
        return;
    };
    // `output` returns when the ingest has closed standard error, at its end.
    assert_eq!(output.status.code(), None);
    let run = snapshot(dir.path(), "r");
    assert_eq!((run.run.status, run.metrics[0].count), (RunStatus::Failed, 1));
}

/// Runs a script, and returns its output after it has ended as expected. `None` if there is no python3.
fn run_script(dir: &TempDir, script: &str, code: i32) -> Option<Output> {
    let output = python(dir.path(), &["-c", script])?;
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    Some(output)
}

#[test]
fn forked_process_does_not_wait_for_acknowledgements() {
    let dir = TempDir::new("python-forked");
    // The alarm ends a child that waits forever.
    let script = "import os, signal, contexta_ingest as c\n\
        open('f', 'w').close()\n\
        with c.start_run('r') as run:\n    with c._default._acknowledged, c._default._lock:\n        child = os.fork()\n\
        \x20       if child == 0:\n            signal.alarm(60)\n            run.artifact('f')\n\
        \x20           os._exit(3 if c._default.flush(None) else 0)\n\
        \x20   print(os.waitpid(child, 0)[1])\n    run.metric('loss', 1)";
    let Some(output) = run_script(&dir, script, 0) else {
        println!("{SKIPPED}");
        return;
    };
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), ("0\n", ""));
    let run = snapshot(dir.path(), "r");
    assert_eq!((run.run.status, run.metrics.len(), run.artifacts.len()), (RunStatus::Completed, 1, 0));
}

#[test]
fn configuration_can_be_any_value_with_members() {
    let dir = TempDir::new("python-config");
    let script = r#"
import argparse, collections, dataclasses
import contexta_ingest as wandb

@dataclasses.dataclass
class Config:
    width: int = 3

class Unreadable:
    def __str__(self):
        raise RuntimeError("no text")

class Deleted:
    shape = ()

    def item(self):
        raise RuntimeError("the array was deleted")

loop = {"a": 1}
loop["self"] = [loop, loop]
deep = []
for _ in range(5000):
    deep = [deep]
with wandb.init(name="r", config=collections.OrderedDict(lr=0.1)) as run:
    wandb.config.update(argparse.Namespace(batch=16, keys=2))
    run.config.update(Config())
    run.config["pairs"] = 1
    run.param("loop", loop)
    run.param("deep", deep)
    run.param("unreadable", Unreadable())
    wandb.config.update(7)
    run.log({"loss": 2.0, "loop": loop})
    run.log(3)
    run.log({"loss": 1.0})
    run.metric("deleted", Deleted())
    print(run.config.lr, wandb.config["width"], wandb.run is run)
print(wandb.run)
wandb.init(name="s").finish(3)
print(wandb.run)
"#;
    let Some(output) = run_script(&dir, script, 0) else {
        println!("{SKIPPED}");
        return;
    };
    assert_eq!(text(&output.stdout), "0.1 3 True\nNone\nNone\n");
    let errors = text(&output.stderr);
    let expected = [
        "the configuration has no members and is not recorded: int",
        "log() needs values with names",
        "the metric 'deleted' is not a number",
    ];
    assert_eq!(errors.lines().count(), 3, "{errors}");
    assert!(errors.lines().zip(expected).all(|(line, expected)| line.contains(expected)), "{errors}");
    let run = snapshot(dir.path(), "r");
    let number = |key: &str| run.run.params[key].clone();
    assert_eq!((number("lr"), number("batch"), number("keys")), (0.1.into(), 16.into(), 2.into()));
    assert_eq!((number("width"), number("pairs")), (3.into(), 1.into()));
    assert!(["deep", "unreadable"].iter().all(|key| run.run.params.contains_key(*key)));
    assert!(run.run.params.keys().any(|key| key.starts_with("loop")));
    let loss = run.metrics.iter().find(|row| row.key.metric_key == "loss").unwrap();
    assert_eq!((loss.count, loss.last.step), (2, Some(1)));
    assert_eq!(run.run.status, RunStatus::Completed);
    assert_eq!(snapshot(dir.path(), "s").run.status, RunStatus::Failed);
}

#[test]
fn end_of_the_program_ends_its_open_runs() {
    let body = "import sys, contexta_ingest as c\n\
        c.init(name='r')\nc.log({'loss': 1})\n\
        writer = c.SummaryWriter('runs/board')\nwriter.add_scalar('loss', 1, 1)\n";
    let ends = [
        ("", 0, RunStatus::Completed),
        ("raise ValueError('no')", 1, RunStatus::Failed),
        ("raise KeyboardInterrupt", -1, RunStatus::Cancelled),
    ];
    for (end, code, status) in ends {
        let dir = TempDir::new("python-ends");
        let Some(output) = python(dir.path(), &["-c", &format!("{body}{end}\n")]) else {
            println!("{SKIPPED}");
            return;
        };
        // After an interrupt, python3 ends itself by the signal.
        assert_eq!(output.status.code().unwrap_or(-1), code, "{}", text(&output.stderr));
        for name in ["r", "board"] {
            let run = snapshot(dir.path(), name);
            assert_eq!((run.run.status, run.metrics[0].count), (status, 1), "{name} {end}");
        }
    }
}

#[test]
fn interrupt_within_a_line_neither_cuts_nor_loses_the_line() {
    let dir = TempDir::new("python-interrupt");
    // Each write takes five bytes and is interrupted once, or twice for the second line.
    let script = r#"
import os, signal
import contexta_ingest as c

class Interrupted:
    def __init__(self, raw, count):
        self.raw, self.count = raw, count
    def write(self, data):
        written = self.raw.write(data[:5])
        if self.count:
            self.count -= 1
            os.kill(os.getpid(), signal.SIGINT)
        return written

def metric(count):
    raw = ingest._process.stdin
    ingest._process.stdin = Interrupted(raw, count)
    try:
        run.metric("loss", 1)
    except KeyboardInterrupt:
        print("interrupted")
    ingest._process.stdin = raw

run = c.start_run("r")
ingest = c._default
metric(1)
print(c.flush(), ingest.refused)
metric(2)
run.metric("after", 1)
print(c.flush(), ingest.refused)
run.end()
"#;
    let Some(output) = run_script(&dir, script, 0) else {
        println!("{SKIPPED}");
        return;
    };
    assert_eq!(text(&output.stdout), "interrupted\nTrue 0\ninterrupted\nTrue 1\n");
    let run = snapshot(dir.path(), "r");
    let counts: Vec<(&str, u64)> =
        run.metrics.iter().map(|row| (row.key.metric_key.as_str(), row.count)).collect();
    assert_eq!(counts, [("after", 1), ("loss", 1)]);
    assert_eq!(run.run.status, RunStatus::Completed);
}

#[test]
fn waiting_for_acknowledgements_has_a_limit_and_is_reported_once() {
    let dir = TempDir::new("python-stalled");
    // A command that reads its input and acknowledges nothing.
    let script = "import os, contexta_ingest as c\n\
        open('silent', 'w').write('#!/bin/sh\\ncat > lines\\ntrue\\n')\nos.chmod('silent', 0o755)\n\
        ingest = c.Ingest(command='./silent')\nrun = ingest.start_run('r')\n\
        print(ingest.flush(0.01), ingest.flush(0.01), ingest.flush(0.01))\n\
        ingest.close()\nprint(ingest.flush())";
    let Some(output) = run_script(&dir, script, 0) else {
        println!("{SKIPPED}");
        return;
    };
    assert_eq!(text(&output.stdout), "False False False\nFalse\n");
    let errors = text(&output.stderr);
    assert_eq!(
        (errors.lines().count(), errors.contains("1 lines are not recorded after")),
        (1, true),
        "{errors}"
    );
}

#[test]
fn example_trains_or_says_what_it_needs() {
    let dir = TempDir::new("python-train");
    let train = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/python/train.py");
    let Some(output) = python(dir.path(), &[train.to_str().unwrap()]) else {
        println!("{SKIPPED}");
        return;
    };
    // The training may fail only if scikit-learn is not installed.
    let has_sklearn =
        python(dir.path(), &["-c", "import sklearn"]).is_some_and(|found| found.status.success());
    if !has_sklearn {
        let message = "this example needs scikit-learn: pip install scikit-learn\n";
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(1), message));
        println!("skipped: examples/python/train.py needs scikit-learn, which is not installed");
        return;
    }
    assert!(output.status.success(), "{}", text(&output.stderr));
    let contexta = Contexta::open_existing(dir.path().join(".contexta")).unwrap();
    let runs = contexta.list_runs(Some("sklearn")).unwrap().runs;
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|row| row.run.status == RunStatus::Completed));
}
