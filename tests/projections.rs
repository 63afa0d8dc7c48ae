//! Projection files that cannot be read, through the public client.

use crate::support::{TempDir, two_runs};
use contexta::Options;
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
        // The next process finds a published generation again.
        let list = open().list_runs(None).unwrap();
        assert!((list.runs.len(), list.notes.len()) == (2, 0), "{:?}", list.notes);
        assert!(generations(temp.path()).iter().all(|path| path.is_file()));
    }
}
