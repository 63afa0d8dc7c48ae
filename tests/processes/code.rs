//! The recorded state of the code of a run: the revision and the recorded difference give the tracked files exactly.

use crate::{TempDir, child, role};
use contexta::{Contexta, Options};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The environment of every call of git: a fixed identity, fixed times, and no settings of the user.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_AUTHOR_NAME", "A"),
    ("GIT_AUTHOR_EMAIL", "a@example.com"),
    ("GIT_AUTHOR_DATE", "2024-01-01T00:00:00Z"),
    ("GIT_COMMITTER_NAME", "A"),
    ("GIT_COMMITTER_EMAIL", "a@example.com"),
    ("GIT_COMMITTER_DATE", "2024-01-01T00:00:00Z"),
];

/// Runs git in a directory, and returns its output.
fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(dir).envs(ENVIRONMENT).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A tracked file: the name, the committed content, and the content when the run starts (`None` for a deleted file). A
/// file without committed content is added to the index, and not committed.
type TrackedFile = (&'static str, Option<&'static [u8]>, Option<&'static [u8]>);

const FILES: [TrackedFile; 9] = [
    ("train.py", Some(b"lr = 0.1\nepochs = 3\n"), Some(b"lr = 0.2\nepochs = 3\n")),
    ("src/same.py", Some(b"same\n"), Some(b"same\n")),
    ("gone.py", Some(b"gone\n"), None),
    ("weights.bin", Some(b"\x00\x01\x02\xff\r\n\x00"), Some(b"\xff\x00\x80\r\n\x00\x07")),
    (
        "src/\u{8bad}\u{7ec3}.py",
        Some("\u{635f}\u{5931} = 1\n".as_bytes()),
        Some("\u{635f}\u{5931} = 2\n".as_bytes()),
    ),
    ("with space.txt", Some(b"one\n"), Some(b"one\ntwo\n")),
    ("no newline.txt", Some(b"first"), Some(b"first\nsecond")),
    ("newline removed", Some(b"text\n"), Some(b"text")),
    ("added.txt", None, Some(b"added")),
];

fn write(dir: &Path, name: &str, content: &[u8]) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Returns the id of the git tree of all tracked files in their present state. Equal trees have the same names, modes
/// and contents.
fn tree(dir: &Path, add: &str) -> String {
    git(dir, &["add", add]);
    git(dir, &["write-tree"])
}

/// Starts and completes a run in the current directory.
#[test]
fn child_code() {
    let Some((dir, ..)) = role() else { return };
    let contexta = Options::new(dir.join("workspace")).project("p").open().unwrap();
    contexta.run("run").run_id("run").start().unwrap().complete().unwrap();
}

#[test]
fn revision_and_recorded_change_give_the_tracked_files_of_the_run() {
    let temp = TempDir::new("code");
    let repository = temp.0.join("repository");
    fs::create_dir_all(&repository).unwrap();
    git(&repository, &["init", "-q", "-b", "main"]);
    for (name, committed, _) in FILES {
        committed.iter().for_each(|content| write(&repository, name, content));
    }
    git(&repository, &["add", "-A"]);
    git(&repository, &["commit", "-q", "-m", "the code before the change"]);
    let revision = git(&repository, &["rev-parse", "HEAD"]);
    for (name, _, present) in FILES {
        match present {
            Some(content) => write(&repository, name, content),
            None => fs::remove_file(repository.join(name)).unwrap(),
        }
    }
    git(&repository, &["add", "added.txt"]);
    write(&repository, "\u{672a}\u{8ddf}\u{8e2a} file.txt", b"untracked content");
    write(&repository, "results/deep/out.csv", b"untracked content");

    // The run starts below the root of the repository. Names and differences are relative to the root.
    let mut command = child("code::child_code", &temp.0, 0, 0, 0, 0);
    let started = command.current_dir(repository.join("src")).envs(ENVIRONMENT).status().unwrap();
    assert!(started.success(), "{started}");

    let contexta = Contexta::open_existing(temp.0.join("workspace")).unwrap();
    let snapshot = contexta.run_snapshot("run").unwrap();
    assert_eq!(snapshot.run.code_revision.as_deref(), Some(revision.as_str()));
    let code = snapshot.environments[0].snapshot.code.as_ref().unwrap();
    assert_eq!((code.branch.as_deref(), code.dirty, &code.diff_left_out), (Some("main"), Some(true), &None));
    // Only the names of untracked files are recorded, and of a directory without tracked files only its name. Their
    // contents are neither in the difference nor elsewhere in the workspace.
    assert_eq!(code.untracked, ["results/", "\u{672a}\u{8ddf}\u{8e2a} file.txt"]);
    let [change] = &snapshot.artifacts[..] else { panic!("{:?}", snapshot.artifacts) };
    assert_eq!(change.manifest.artifact_kind, "code_change");
    let path = contexta.store().read(|view| Ok::<_, contexta::store::Error>(view.artifact_path(change)));
    let path = path.unwrap().unwrap();
    let difference = fs::read(&path).unwrap();
    assert!(!difference.windows(9).any(|part| part == b"untracked"));

    git(&temp.0, &["clone", "-q", "repository", "clone"]);
    let clone = temp.0.join("clone");
    git(&clone, &["checkout", "-q", snapshot.run.code_revision.as_deref().unwrap()]);
    git(&clone, &["apply", path.to_str().unwrap()]);
    for (name, _, present) in FILES {
        assert_eq!(fs::read(clone.join(name)).ok().as_deref(), present, "{name}");
    }
    // `-u` adds the state of the tracked files, and `-A` all files. The clone has no untracked files of the original.
    assert_eq!(tree(&repository, "-u"), tree(&clone, "-A"));
    assert_eq!(git(&clone, &["ls-files"]).lines().count(), FILES.len() - 1);
}
