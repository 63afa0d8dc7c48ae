//! Projection files that cannot be read, and the cost of finding one run, through the public client.

use crate::support::{TempDir, open_sim, two_runs};
use contexta::engine::storage::sim::SimDisk;
use contexta::store::Durability;
use contexta::{Contexta, Options};
use std::path::{Path, PathBuf};
use std::process::Command;

fn generations(workspace: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(workspace.join("projections")).unwrap();
    let paths = names.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "gen")).collect()
}

#[test]
fn directory_or_pipe_in_place_of_a_generation_is_set_aside() {
    let temp = TempDir::new("no-generation");
    let open = || Options::new(temp.path()).project("wine").detect_code_revision(false).open().unwrap();
    let contexta = open();
    two_runs(&contexta);
    assert_eq!(contexta.list_runs(None).unwrap().runs.len(), 2);
    contexta.close().unwrap();
    drop(contexta);
    let replace: [fn(&Path); 2] = [
        |path| std::fs::create_dir(path).unwrap(),
        |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
    ];
    for replace in replace {
        let path = generations(temp.path()).pop().unwrap();
        std::fs::remove_file(&path).unwrap();
        replace(&path);
        let list = open().list_runs(None).unwrap();
        assert_eq!(list.runs.len(), 2);
        let note = list.notes.iter().find(|note| note.code == "projections_rebuilt").unwrap();
        assert!(note.details.contains(&("reason", "unreadable".to_owned())), "{note:?}");
        // The next process finds a generation again.
        let list = open().list_runs(None).unwrap();
        assert!((list.runs.len(), list.notes.len()) == (2, 0), "{:?}", list.notes);
        assert!(generations(temp.path()).iter().all(|path| path.is_file()));
    }
}

/// The storage operations of a new process that answers a question over published tables.
fn operations(disk: &SimDisk, question: impl Fn(&Contexta)) -> u64 {
    let process = disk.spawn(50);
    let options = Options::new("/w").project("wine").storage(process.clone());
    question(&options.detect_code_revision(false).open().unwrap());
    process.operations()
}

#[test]
fn finding_one_run_does_not_cost_a_listing() {
    let cost = |runs: usize| {
        let disk = SimDisk::new(1);
        let options = Options::new("/w").project("wine").storage(disk.process(1));
        let options = options.detect_code_revision(false).durability(Durability::Batched);
        let contexta = options.open().unwrap();
        for n in 0..runs {
            let run = contexta.run(&format!("name {n}")).run_id(&format!("id-{n}")).start().unwrap();
            run.metric("accuracy", 0.5).unwrap();
            run.complete().unwrap();
        }
        contexta.close().unwrap();
        drop(contexta);
        disk.advance(10_000_000_000);
        // The tables are made and saved.
        assert_eq!(open_sim(&disk, 2, "/w").list_runs(None).unwrap().runs.len(), runs);
        disk.advance(10_000_000_000);
        // What any question costs: opening the tables, and a look at the log.
        let opening = operations(&disk, |contexta| {
            contexta.store().read(|_| Ok::<_, contexta::store::Error>(())).unwrap()
        });
        let listing = operations(&disk, |contexta| drop(contexta.list_runs(None).unwrap())) - opening;
        let by = |asked: &str| {
            operations(&disk, |contexta| {
                let found = contexta.run_snapshot(asked).unwrap();
                assert_eq!(found.run.run_ref.as_str(), "run:wine.id-77");
            }) - opening
        };
        ([by("run:wine.id-77"), by("wine.id-77"), by("id-77"), by("name 77")], listing)
    };
    let ((few, _), (many, listing)) = (cost(200), cost(2_000));
    for (few, many) in few.into_iter().zip(many) {
        // A tree of ten times as many rows is a level higher, in each of a dozen tables at most.
        assert!(many <= few + 24, "{few} operations among 200 runs, {many} among 2,000");
        assert!(many * 2 < listing, "{many} operations for one run, {listing} for a listing");
    }
}
