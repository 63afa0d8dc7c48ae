//! Transactions of several processes on a real disk.

use crate::jobs::{Job, added, claim, claims, options};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The environment variable with the directory and the number of a worker process.
const WORKER: &str = "ENGINE_TEST_WORKER";

/// Claims jobs until there are none, as a process of [`processes_claim_each_job_once`].
#[test]
fn child_worker() {
    let Ok(worker) = std::env::var(WORKER) else { return };
    let (worker, dir) = worker.split_once('|').unwrap();
    let engine = options(dir).open().unwrap();
    while claim(&engine, worker.parse().unwrap()).unwrap().is_some() {}
}

fn spawn(dir: &Path, worker: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child_worker", "--test-threads=1"])
        .env(WORKER, format!("{worker}|{}", dir.display()))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn processes_claim_each_job_once() {
    const PROCESSES: u32 = 4;
    const JOBS: u32 = 300;
    let dir = TempDir(std::env::temp_dir().join(format!("contexta-engine-claims-{}", std::process::id())));
    let _ = std::fs::remove_dir_all(&dir.0);
    let engine = options(&dir.0).open().unwrap();
    engine.append_all(&(0..JOBS).map(added).collect::<Vec<Job>>()).unwrap();
    let children: Vec<Child> = (0..PROCESSES).map(|worker| spawn(&dir.0, worker)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let view = engine.view().unwrap();
    for id in 0..JOBS {
        assert_eq!(claims(&view, id).len(), 1, "job {id}: {:?}", claims(&view, id));
    }
}

struct TempDir(PathBuf);

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
