//! The code of a run: the state of the git repository that contains a directory, and the uncommitted change.
//!
//! The options of each call keep `git` from changing the repository, and from running external diffs, text conversions,
//! file system monitors and hooks. `git` still runs the content filters of its configuration, such as the filters of
//! Git LFS. Without these filters, `git` would report every filtered file as changed. If `git status` fails, the
//! revision is read from the files of the repository.

use crate::capture::environment::command::{Failure, Limits, output};
use crate::capture::environment::revision::revision_at;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Limits of the description of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLimits {
    /// The greatest size of the uncommitted change. A larger change is left out.
    pub diff_bytes: u64,
    /// The greatest duration of all calls of `git`.
    pub time: Duration,
    /// The greatest number of names of untracked files.
    pub untracked_files: usize,
}

impl Default for CodeLimits {
    fn default() -> CodeLimits {
        CodeLimits { diff_bytes: 10 << 20, time: Duration::from_secs(10), untracked_files: 1000 }
    }
}

/// The code of a run. Values that cannot be determined are `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Code {
    /// The commit that is checked out.
    pub revision: Option<String>,
    /// The branch that is checked out.
    pub branch: Option<String>,
    /// The URL of the remote repository, without credentials.
    pub remote: Option<String>,
    /// `true` if tracked files differ from the revision.
    pub is_dirty: Option<bool>,
    /// The files and directories that are neither tracked nor ignored. The paths are relative to the root of the
    /// repository.
    pub untracked: Vec<String>,
    /// The uncommitted change.
    pub change: Change,
}

/// The difference between the revision and the tracked files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Change {
    /// There is no difference, or no repository.
    #[default]
    None,
    /// The output of `git diff HEAD --binary`, which `git apply` applies to the revision. It is not redacted.
    Diff(Vec<u8>),
    /// The difference is not recorded. The text states the reason.
    LeftOut(String),
}

/// Describes the git repository that contains the current directory, with the default limits; `None` if the directory
/// is in no repository.
pub fn of_current_directory() -> Option<Code> {
    code_at(&std::env::current_dir().ok()?, CodeLimits::default())
}

/// Describes the git repository that contains a directory; `None` if the directory is in no repository.
pub fn code_at(directory: &Path, limits: CodeLimits) -> Option<Code> {
    let git = Git { program: Path::new("git"), directory, deadline: Instant::now() + limits.time };
    git.describe(&limits)
}

/// Settings for every call of `git`. They keep `git` from running other programs and from changing the index, and turn
/// colors off.
const SETTINGS: &[&str] =
    &["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.untrackedCache=false", "color.ui=false"];

const STATUS: &[&str] = &[
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--no-ahead-behind",
    "--no-renames",
    "--untracked-files=normal",
    "--ignore-submodules=dirty",
];

/// The arguments of `git diff`. They override every user setting that would keep `git apply` from accepting the result.
const DIFF: &[&str] = &[
    "diff",
    "HEAD",
    "--binary",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-relative",
    "--no-renames",
    "--submodule=short",
    "--ignore-submodules=dirty",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--unified=3",
];

struct Git<'a> {
    program: &'a Path,
    directory: &'a Path,
    deadline: Instant,
}

impl Git<'_> {
    fn describe(&self, limits: &CodeLimits) -> Option<Code> {
        let status = match self.run(STATUS, 4 << 20) {
            Ok(status) => status,
            Err(failure) => return self.without_status(&failure),
        };
        let mut code = code_of_status(&status, limits.untracked_files);
        code.remote =
            self.run(&["config", "--get-regexp", r"^remote\..*\.url$"], 64 << 10).ok().and_then(remote);
        if code.revision.is_none() {
            // The repository has no commit yet.
            return Some(code);
        }
        code.change = match self.run(DIFF, limits.diff_bytes) {
            Ok(diff) if diff.is_empty() => Change::None,
            Ok(diff) => Change::Diff(diff),
            Err(failure) => Change::LeftOut(format!("`git diff` {failure}")),
        };
        Some(code)
    }

    /// Describes a repository in which `git status` fails, from the files of the repository.
    fn without_status(&self, failure: &Failure) -> Option<Code> {
        let revision = Some(revision_at(self.directory)?);
        Some(Code { revision, change: Change::LeftOut(format!("`git status` {failure}")), ..Code::default() })
    }

    fn run(&self, arguments: &[&str], output_bytes: u64) -> Result<Vec<u8>, Failure> {
        let mut command = Command::new(self.program);
        command.arg("--no-pager");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(arguments).current_dir(self.directory);
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        let time = self.deadline.saturating_duration_since(Instant::now());
        output(&mut command, Limits { time, output_bytes })
    }
}

/// Parses the output of `git status --porcelain=v2 --branch -z`.
fn code_of_status(status: &[u8], untracked_max: usize) -> Code {
    let mut code = Code { is_dirty: Some(false), ..Code::default() };
    for entry in status.split(|b| *b == 0) {
        let entry = String::from_utf8_lossy(entry);
        let Some((kind, rest)) = entry.split_once(' ') else { continue };
        match kind {
            "#" => match rest.split_once(' ') {
                Some(("branch.oid", oid)) if oid != "(initial)" => code.revision = Some(oid.to_owned()),
                Some(("branch.head", head)) if head != "(detached)" => code.branch = Some(head.to_owned()),
                _ => {}
            },
            "?" if code.untracked.len() < untracked_max => code.untracked.push(rest.to_owned()),
            "1" | "2" | "u" => code.is_dirty = Some(true),
            _ => {}
        }
    }
    code
}

/// Returns the URL of the remote repository `origin`. Without `origin`, returns the URL of the first remote repository.
fn remote(settings: Vec<u8>) -> Option<String> {
    let text = String::from_utf8_lossy(&settings).into_owned();
    let remotes: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let origin = remotes.iter().find(|(name, _)| *name == "remote.origin.url");
    let (_, url) = origin.or(remotes.first())?;
    Some(without_credentials(url.trim())).filter(|url| !url.is_empty())
}

/// Returns a URL without password and parameters. A URL of `http` or `https` is also returned without the user name,
/// which can be a token.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) if scheme.starts_with("http") => host.to_owned(),
        Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{path}")
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::environment::packages::tests::Tree;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    /// Runs git in a directory, independent of the user's settings.
    fn git(dir: &Path, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]);
        command
            .args(arguments)
            .current_dir(dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let done = command.output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn repository(tree: &Tree, name: &str) -> PathBuf {
        let dir = tree.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        git(&dir, &["init", "-q", "-b", "main"]);
        dir
    }

    fn commit(dir: &Path) {
        git(dir, &["add", "-A"]);
        git(dir, &["commit", "-q", "-m", "m"]);
    }

    /// Returns the tracked files of a directory with their content and mode, without the directory `.git`.
    fn files(dir: &Path, root: &Path, found: &mut Vec<(PathBuf, Vec<u8>, bool)>) {
        let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| !path.ends_with(".git")) {
            if path.is_dir() {
                files(&path, root, found);
            } else {
                let is_executable = path.metadata().unwrap().permissions().mode() & 0o100 != 0;
                let name = path.strip_prefix(root).unwrap().to_path_buf();
                found.push((name, fs::read(&path).unwrap(), is_executable));
            }
        }
    }

    #[test]
    fn the_revision_and_the_diff_give_the_captured_tree() {
        let tree = Tree::new("git-diff");
        let inner = repository(&tree, "inner");
        fs::write(inner.join("x"), "x").unwrap();
        commit(&inner);
        let dir = repository(&tree, "outer");
        for (name, text) in [
            ("text.py", "a\nb\n"),
            ("gone", "g\n"),
            ("old name", "1\n2\n3\n"),
            ("run.sh", "#!\n"),
            ("训练.py", "x\n"),
            ("same", "s"),
        ] {
            fs::write(dir.join(name), text).unwrap();
        }
        fs::write(dir.join("bin"), [0u8, 1, 2, 255]).unwrap();
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::write(dir.join("a/b/c.rs"), "fn main() {}\n").unwrap();
        git(&dir, &["submodule", "--quiet", "add", "../inner", "sub"]);
        commit(&dir);
        let copy = tree.path().join("copy");
        git(tree.path(), &["clone", "-q", "outer", "copy"]);
        // Settings and attributes that would make the diff unusable or run programs.
        let marker = tree.path().join("ran");
        let run = format!("touch {}", marker.display());
        for (name, value) in [
            ("diff.external", run.as_str()),
            ("diff.noprefix", "true"),
            ("core.fsmonitor", &run),
            ("diff.x.textconv", &run),
            ("diff.relative", "true"),
            ("diff.submodule", "log"),
            ("color.diff", "always"),
        ] {
            git(&dir, &["config", name, value]);
        }
        fs::write(dir.join(".git/info/attributes"), "*.py diff=x\n").unwrap();

        fs::write(dir.join("text.py"), "a\nc without a newline").unwrap();
        fs::write(dir.join("bin"), [9u8, 0, 255, 7]).unwrap();
        fs::remove_file(dir.join("gone")).unwrap();
        fs::rename(dir.join("old name"), dir.join("new name")).unwrap();
        fs::set_permissions(dir.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.join("训练.py"), "y\n").unwrap();
        fs::write(dir.join("a/b/c.rs"), "fn main() { run() }\n").unwrap();
        fs::write(dir.join("added"), [0u8, 5]).unwrap();
        git(&dir, &["add", "-A"]);
        fs::write(dir.join("added"), [0u8, 6]).unwrap();
        fs::write(dir.join("未跟踪"), "u").unwrap();

        // The preparation may also have run these programs, so the marker is removed.
        let _ = fs::remove_file(&marker);
        let index = fs::read(dir.join(".git/index")).unwrap();
        let code = code_at(&dir.join("a/b"), CodeLimits::default()).unwrap();
        assert!(!marker.exists(), "git ran a program");
        assert_eq!(fs::read(dir.join(".git/index")).unwrap(), index, "the index changed");
        assert_eq!((code.branch.as_deref(), code.is_dirty), (Some("main"), Some(true)));
        assert_eq!(code.untracked, ["未跟踪"]);
        let Change::Diff(diff) = code.change else { panic!("{:?}", code.change) };
        let patch = tree.path().join("patch");
        fs::write(&patch, diff).unwrap();
        git(&copy, &["checkout", "-q", &code.revision.unwrap()]);
        git(&copy, &["apply", patch.to_str().unwrap()]);
        fs::remove_file(dir.join("未跟踪")).unwrap();
        fs::remove_dir_all(dir.join("sub")).unwrap();
        fs::remove_dir_all(copy.join("sub")).unwrap();
        let (mut captured, mut rebuilt) = (Vec::new(), Vec::new());
        files(&dir, &dir, &mut captured);
        files(&copy, &copy, &mut rebuilt);
        assert_eq!(captured, rebuilt);
    }

    #[test]
    fn a_clean_repository_has_no_diff_and_its_remote_no_credentials() {
        let tree = Tree::new("git-clean");
        let dir = repository(&tree, "r");
        let unborn = code_at(&dir, CodeLimits::default()).unwrap();
        assert_eq!((unborn.revision, unborn.branch.as_deref()), (None, Some("main")));
        fs::write(dir.join("x"), "x").unwrap();
        commit(&dir);
        git(&dir, &["remote", "add", "a", "ssh://git@host/x.git"]);
        git(&dir, &["remote", "add", "origin", "https://user:secret@example.com/a/b.git?token=x"]);
        git(&dir, &["checkout", "-q", "--detach"]);
        let code = code_at(&dir, CodeLimits::default()).unwrap();
        assert_eq!(code.remote.as_deref(), Some("https://example.com/a/b.git"));
        assert_eq!((code.branch, code.is_dirty, code.change), (None, Some(false), Change::None));
        assert_eq!(code.revision, revision_at(&dir));
        assert_eq!(code_at(tree.path(), CodeLimits::default()), None);
    }

    #[test]
    fn a_large_or_slow_diff_is_left_out_with_a_reason() {
        let tree = Tree::new("git-large");
        let dir = repository(&tree, "r");
        fs::write(dir.join("x"), "x\n").unwrap();
        commit(&dir);
        fs::write(dir.join("x"), "line\n".repeat(100)).unwrap();
        let code = code_at(&dir, CodeLimits { diff_bytes: 100, ..CodeLimits::default() }).unwrap();
        assert_eq!(code.change, Change::LeftOut("`git diff` wrote more than 100 bytes".to_owned()));
        assert_eq!(code.is_dirty, Some(true));
        // Without a usable program, the revision is read from the files.
        let deadline = Instant::now() + Duration::from_secs(9);
        let missing = Git { program: Path::new("/nonexistent/git"), directory: &dir, deadline };
        let left_out = missing.describe(&CodeLimits::default()).unwrap();
        assert_eq!((&left_out.revision, left_out.is_dirty), (&code.revision, None));
        assert_eq!(left_out.change, Change::LeftOut("`git status` cannot be started".to_owned()));
        let late = Git { program: Path::new("git"), directory: &dir, deadline: Instant::now() };
        assert!(matches!(late.describe(&CodeLimits::default()).unwrap().change, Change::LeftOut(_)));
    }

    #[test]
    fn credentials_are_removed_from_urls() {
        for (url, expected) in [
            ("https://token@github.com/a/b", "https://github.com/a/b"),
            ("https://u:p@h:8080/a#x", "https://h:8080/a"),
            ("ssh://git:p@h/a", "ssh://git@h/a"),
            ("git@github.com:a/b.git", "git@github.com:a/b.git"),
            ("/srv/git/a", "/srv/git/a"),
            ("https://h", "https://h"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }
}
