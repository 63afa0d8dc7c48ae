//! The files that a program creates or changes, which are stored as artifacts.

use glob::{Pattern, glob};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The greatest number of files that the patterns can match.
const FILES_MAX: usize = 10_000;

/// Returns the patterns that cannot be parsed, with the reasons.
pub(super) fn unusable(patterns: &[String]) -> Vec<(String, String)> {
    let fault = |pattern: &String| Some((pattern.clone(), Pattern::new(pattern).err()?.to_string()));
    patterns.iter().filter_map(fault).collect()
}

/// The properties of a file that change when its content changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    len: u64,
    /// The time of the last change, in seconds and nanoseconds.
    modified: (i64, i64),
}

type Files = BTreeMap<PathBuf, FileState>;

/// The files that match patterns at a moment.
#[derive(Debug, Default)]
struct Matching {
    files: Files,
    /// The directories that are named without a wildcard, with the files in them.
    trees: BTreeMap<PathBuf, Files>,
    /// The directories that cannot be stored, because the workspace is in them.
    around_workspace: Vec<PathBuf>,
    /// The number of files that may still be added.
    left: usize,
    is_truncated: bool,
}

/// Files and directories to store as artifacts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) files: Vec<PathBuf>,
    pub(super) trees: Vec<PathBuf>,
    /// Sentences about what is not stored.
    pub(super) left_out: Vec<String>,
}

/// The files that match patterns before the program starts.
#[derive(Debug)]
pub(super) struct Watch {
    patterns: Vec<String>,
    workspace: PathBuf,
    before: Matching,
    files_max: usize,
}

impl Watch {
    /// Reads the state of the files that match the patterns. Files in the workspace are ignored.
    pub(super) fn begin(patterns: &[String], workspace: &Path) -> Watch {
        Watch::with_limit(patterns, workspace, FILES_MAX)
    }

    fn with_limit(patterns: &[String], workspace: &Path, files_max: usize) -> Watch {
        let workspace = fs::canonicalize(workspace).unwrap_or_else(|_| workspace.to_path_buf());
        let before = Matching::default();
        let mut watch = Watch { patterns: patterns.to_vec(), workspace, before, files_max };
        watch.before = watch.matching();
        watch
    }

    /// Returns what is new or has changed.
    pub(super) fn end(&self) -> Changed {
        let after = self.matching();
        let is_changed = |before: Option<&Files>, (path, state): (&PathBuf, &FileState)| {
            before.and_then(|before| before.get(path)) != Some(state)
        };
        let files = after.files.iter().filter(|file| is_changed(Some(&self.before.files), *file));
        let trees = after.trees.iter().filter(|(dir, files)| {
            let before = self.before.trees.get(*dir);
            files.iter().any(|file| is_changed(before, file))
        });
        let mut left_out = Vec::new();
        if after.is_truncated {
            left_out.push(format!(
                "the patterns match more than {} files; only these are stored",
                self.files_max
            ));
        }
        for dir in &after.around_workspace {
            left_out.push(format!(
                "the directory {} is not stored, because the workspace is in it",
                dir.display()
            ));
        }
        Changed {
            files: files.map(|(path, _)| path.clone()).collect(),
            trees: trees.map(|(dir, _)| dir.clone()).collect(),
            left_out,
        }
    }

    fn matching(&self) -> Matching {
        let mut found = Matching { left: self.files_max, ..Matching::default() };
        for pattern in &self.patterns {
            let dir = Path::new(pattern);
            if pattern.contains(['*', '?', '[']) || !dir.is_dir() {
                let files = self.files(pattern, &mut found);
                found.files.extend(files);
            } else if fs::canonicalize(dir).is_ok_and(|dir| self.workspace.starts_with(dir)) {
                found.around_workspace.push(dir.to_path_buf());
            } else {
                let files = self.files(&format!("{}/**/*", Pattern::escape(pattern)), &mut found);
                found.trees.insert(dir.to_path_buf(), files);
            }
        }
        found
    }

    /// Returns the regular files outside the workspace that match a pattern. A pattern that cannot be parsed matches
    /// nothing.
    fn files(&self, pattern: &str, found: &mut Matching) -> Files {
        let mut files = Files::new();
        for path in glob(pattern).into_iter().flatten().flatten() {
            let Some(info) = fs::metadata(&path).ok().filter(fs::Metadata::is_file) else { continue };
            if fs::canonicalize(&path).is_ok_and(|path| path.starts_with(&self.workspace)) {
                continue;
            }
            if found.left == 0 {
                found.is_truncated = true;
                break;
            }
            found.left -= 1;
            let modified = (info.mtime(), info.mtime_nsec());
            files.insert(path, FileState { len: info.len(), modified });
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A temporary directory, which is removed at the end of the test.
    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let path = std::env::temp_dir().join(format!("contexta-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(path.join("workspace")).unwrap();
            Dir(path)
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().unwrap().to_owned()
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }

        fn watch(&self, patterns: &[&str], files_max: usize) -> Watch {
            let patterns: Vec<String> = patterns.iter().map(|pattern| self.path(pattern)).collect();
            Watch::with_limit(&patterns, &self.0.join("workspace"), files_max)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn files_of_the_workspace_are_ignored() {
        let dir = Dir::new("exec-watch");
        dir.write("old", "1");
        let watch = dir.watch(&["**/*", "[", "***"], 10);
        dir.write("workspace/log", "1");
        let new = dir.write("new/a", "1");
        assert_eq!(watch.end(), Changed { files: vec![new], ..Changed::default() });
        assert_eq!(unusable(&["a*".to_owned(), "a[".to_owned()]).len(), 1);
    }

    #[test]
    fn directory_with_a_changed_file_is_one_tree() {
        let dir = Dir::new("exec-tree");
        dir.write("same/a", "1");
        dir.write("changed/deep/a", "1");
        let watch = dir.watch(&["same", "changed", "new", "missing", ""], 10);
        dir.write("changed/deep/a", "longer");
        dir.write("new/a", "1");
        let changed = watch.end();
        let names: Vec<_> = changed.trees.iter().map(|tree| tree.file_name().unwrap()).collect();
        assert_eq!((names, changed.files.len()), (vec!["changed".as_ref(), "new".as_ref()], 0));
        let [left_out] = &changed.left_out[..] else { panic!("{changed:?}") };
        assert!(left_out.contains("because the workspace is in it"), "{left_out}");
    }

    #[test]
    fn files_over_the_limit_are_reported() {
        let dir = Dir::new("exec-many");
        let watch = dir.watch(&["*.bin"], 2);
        for name in ["a.bin", "b.bin", "c.bin"] {
            dir.write(name, "1");
        }
        let changed = watch.end();
        assert_eq!((changed.files.len(), changed.left_out.len()), (2, 1));
    }
}
