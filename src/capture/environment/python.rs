//! The installed distributions of a Python interpreter.
//!
//! The directories of the interpreter are read; no package is imported.

use crate::capture::environment::command::{Limits, output};
use crate::capture::environment::small_file::read_line;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Python {
    /// The version.
    pub version: Option<String>,
    /// The versions of the installed distributions, by name.
    pub packages: BTreeMap<String, String>,
}

/// The greatest number of entries in the directories of the interpreter.
const ENTRIES_MAX: usize = 100_000;

/// The part of a file of metadata that is read. The description, which can be long, follows the names.
const METADATA_BYTES_MAX: u64 = 16 << 10;

/// Prints the version and the search path of the interpreter, each followed by a zero byte.
const SCRIPT: &str = "import sys\n\
    texts = ['%d.%d.%d' % sys.version_info[:3]] + sys.path[1:]\n\
    sys.stdout.buffer.write(b''.join(text.encode('utf-8', 'surrogateescape') + b'\\0' for text in texts))";

/// Returns the version of an interpreter and its installed distributions. If the interpreter does not answer within the
/// limits, the directories of `virtual_env` are read.
pub fn python(interpreter: &Path, virtual_env: Option<&Path>, limits: Limits) -> Python {
    let mut command = Command::new(interpreter);
    command.args(["-c", SCRIPT]);
    let Ok(answer) = output(&mut command, limits) else {
        return virtual_env.map(of_virtual_env).unwrap_or_default();
    };
    let mut texts = answer.split(|b| *b == 0).map(String::from_utf8_lossy).filter(|text| !text.is_empty());
    let version = texts.next().map(|version| version.into_owned());
    Python { version, packages: distributions(texts.map(|text| PathBuf::from(text.as_ref()))) }
}

/// Returns the version of an interpreter and its installed distributions, with the default limits and the virtual
/// environment of the process.
pub fn of_interpreter(interpreter: &Path) -> Python {
    let virtual_env = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    python(interpreter, virtual_env.as_deref(), Limits::default())
}

/// Returns the installed distributions of an interpreter.
pub fn python_distributions(interpreter: &Path) -> BTreeMap<String, String> {
    of_interpreter(interpreter).packages
}

/// Returns the interpreter of a program that is a Python interpreter or begins with a line `#!` that names one; `None`
/// for another program. A name without a directory is looked up in the search path of the process.
pub fn interpreter_of(program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if is_python(path) {
        return Some(path.to_path_buf());
    }
    let found = if program.to_string_lossy().contains('/') {
        path.to_path_buf()
    } else {
        let directories = std::env::var_os("PATH")?;
        std::env::split_paths(&directories).map(|dir| dir.join(path)).find(|path| path.is_file())?
    };
    interpreter_of_script(&found)
}

/// Returns the Python interpreter that the first line of a script names, directly or through `env`.
fn interpreter_of_script(script: &Path) -> Option<PathBuf> {
    const LINE_BYTES_MAX: u64 = 512;
    if !script.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(script).ok()?.take(LINE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let line = bytes.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    let first = Path::new(words.next()?);
    let named = if first.file_name()? == "env" {
        Path::new(words.find(|word| !word.starts_with('-') && !word.contains('='))?)
    } else {
        first
    };
    is_python(named).then(|| named.to_path_buf())
}

/// Returns `true` for names such as `python`, `python3.12` and `pypy3`.
fn is_python(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    version.is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

fn of_virtual_env(root: &Path) -> Python {
    let settings = read_line(&root.join("pyvenv.cfg")).unwrap_or_default();
    let version = settings.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        matches!(name.trim(), "version" | "version_info").then(|| value.trim().to_owned())
    });
    let libraries = entries(&root.join("lib")).into_iter().map(|dir| dir.join("site-packages"));
    let windows = root.join("Lib").join("site-packages");
    Python { version, packages: distributions(libraries.chain([windows])) }
}

/// Returns the distributions in the directories of a search path. The first of several with the same name is the one
/// that is imported.
fn distributions(directories: impl Iterator<Item = PathBuf>) -> BTreeMap<String, String> {
    let mut packages = BTreeMap::new();
    let mut left = ENTRIES_MAX;
    for directory in directories {
        let paths = entries(&directory);
        left = left.saturating_sub(paths.len());
        if left == 0 {
            break;
        }
        for (name, version) in paths.iter().filter_map(|path| distribution(path)) {
            packages.entry(name).or_insert(version);
        }
    }
    packages
}

/// Returns name and version of the distribution that a directory `NAME-VERSION.dist-info` or `NAME.egg-info` describes.
fn distribution(path: &Path) -> Option<(String, String)> {
    let file = match path.extension()?.to_str()? {
        "dist-info" => path.join("METADATA"),
        "egg-info" if path.is_dir() => path.join("PKG-INFO"),
        "egg-info" => path.to_path_buf(),
        _ => return None,
    };
    let text = beginning(&file).unwrap_or_default();
    let header = |name: &str| {
        let value = text.lines().take_while(|line| !line.trim().is_empty()).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })?;
        Some(value).filter(|value| !value.is_empty() && value.len() <= 256)
    };
    // The name of the directory contains the same, except for the spelling of the name.
    let stem = path.file_stem()?.to_str()?;
    let (name, version) = stem.split_once('-').unwrap_or((stem, ""));
    let version = version.split_once("-py").map_or(version, |(version, _)| version);
    let part = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Some((header("Name").or_else(|| part(name))?, header("Version").or_else(|| part(version))?))
}

fn beginning(path: &Path) -> Option<String> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(METADATA_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).take(ENTRIES_MAX).collect();
    paths.sort();
    paths
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::environment::packages::tests::Tree;
    use std::os::unix::fs::PermissionsExt;

    fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    fn site(tree: &Tree, site: &str) {
        tree.write(
            &format!("{site}/numpy-1.26.4.dist-info/METADATA"),
            "Name: numpy\nVersion: 1.26.4\n\nVersion: 9\n",
        );
        tree.write(&format!("{site}/broken-2.0.dist-info/RECORD"), "");
        tree.write(&format!("{site}/nothing.dist-info/METADATA"), "Name: nothing\n");
        tree.write(&format!("{site}/old.egg-info/PKG-INFO"), "Name: Old_Name\nVersion: 0.1\n");
        tree.write(&format!("{site}/single-3.1-py3.11.egg-info"), "");
        tree.write(&format!("{site}/numpy/__init__.py"), "raise 1");
    }

    #[test]
    fn a_broken_distribution_costs_only_itself() {
        let tree = Tree::new("python");
        site(&tree, "lib/python3.11/site-packages");
        site(&tree, "second");
        tree.write("second/numpy-1.26.4.dist-info/METADATA", "Name: numpy\nVersion: 1.0\n");
        tree.write("pyvenv.cfg", "home = /usr\nversion = 3.11.4\n");
        let packages = map([("broken", "2.0"), ("numpy", "1.26.4"), ("Old_Name", "0.1"), ("single", "3.1")]);
        let missing = python(Path::new("/nonexistent/python"), Some(tree.path()), Limits::default());
        assert_eq!(missing, Python { version: Some("3.11.4".into()), packages: packages.clone() });
        // A program that answers as an interpreter does.
        let root = tree.path().display();
        tree.write(
            "python",
            &format!("#!/bin/sh\nprintf '3.12.1\\0{root}/lib/python3.11/site-packages\\0{root}/second\\0'\n"),
        );
        let program = tree.path().join("python");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let found = python(&program, None, Limits::default());
        assert_eq!(found, Python { version: Some("3.12.1".into()), packages });
    }

    #[test]
    fn interpreter_is_the_program_or_the_one_of_its_first_line() {
        let tree = Tree::new("shebang");
        let interpreter = |program: &str| interpreter_of(OsStr::new(program));
        assert_eq!(interpreter("/opt/bin/python3.12"), Some(PathBuf::from("/opt/bin/python3.12")));
        assert_eq!(interpreter("python"), Some(PathBuf::from("python")));
        assert_eq!(interpreter("/opt/bin/python-config"), None);
        for (line, expected) in [
            ("#!/usr/bin/env python3", Some("python3")),
            ("#!/usr/bin/env -S A=b python3 -u", Some("python3")),
            ("#! /venv/bin/python -u", Some("/venv/bin/python")),
            ("#!/bin/sh", None),
            ("#!", None),
            ("import sys", None),
        ] {
            tree.write("train", &format!("{line}\nprint()\n"));
            let found = interpreter(tree.path().join("train").to_str().unwrap());
            assert_eq!(found, expected.map(PathBuf::from), "{line}");
        }
        assert_eq!(interpreter("/nonexistent/train"), None);
    }
}
