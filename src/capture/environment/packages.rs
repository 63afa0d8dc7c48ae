//! The packages of a Rust program, read from its `Cargo.lock`.

use crate::capture::environment::small_file::read_text;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The greatest length of a `Cargo.lock`.
const LOCK_BYTES_MAX: u64 = 16 << 20;

/// Returns the packages of the nearest `Cargo.lock` in the current directory or its ancestors.
pub fn of_current_directory() -> BTreeMap<String, String> {
    let lock = std::env::current_dir().ok().and_then(|dir| cargo_lock_above(&dir));
    let text = lock.and_then(|path| read_text(&path, LOCK_BYTES_MAX));
    text.map(|text| packages_of_cargo_lock(&text)).unwrap_or_default()
}

/// Returns the path of the nearest `Cargo.lock` in a directory or its ancestors.
pub fn cargo_lock_above(dir: &Path) -> Option<PathBuf> {
    dir.ancestors().map(|dir| dir.join("Cargo.lock")).find(|path| path.is_file())
}

/// Maps the names of the packages in the text of a `Cargo.lock` to their versions. Several versions of one package are
/// separated by commas. A package that cannot be read is left out.
pub fn packages_of_cargo_lock(text: &str) -> BTreeMap<String, String> {
    let mut packages: BTreeMap<String, String> = BTreeMap::new();
    let table: toml::Table = text.parse().unwrap_or_default();
    let entries = table.get("package").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for entry in entries {
        let member = |name: &str| entry.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty());
        let (Some(name), Some(version)) = (member("name"), member("version")) else { continue };
        let versions = packages.entry(name.to_owned()).or_default();
        if !versions.is_empty() {
            versions.push_str(", ");
        }
        versions.push_str(version);
    }
    packages
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;

    /// A temporary directory with files, which is removed at the end of the test.
    pub(in crate::capture::environment) struct Tree(PathBuf);

    impl Tree {
        pub(in crate::capture::environment) fn new(name: &str) -> Tree {
            let path = std::env::temp_dir().join(format!("contexta-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Tree(path)
        }

        pub(in crate::capture::environment) fn path(&self) -> &Path {
            &self.0
        }

        pub(in crate::capture::environment) fn write(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn packages_of_a_lock_file_are_read_except_broken_ones() {
        let text = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n[[package]]\nname = \"a\"\n\
            version = \"2.0.0\"\n[[package]]\nname = \"b\"\n[[package]]\nname = \"c\"\nversion = \"0.1.0\"\n";
        let expected = [("a", "1.0.0, 2.0.0"), ("c", "0.1.0")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(packages_of_cargo_lock(text), BTreeMap::from(expected));
        assert_eq!(packages_of_cargo_lock("["), BTreeMap::new());
    }

    #[test]
    fn the_nearest_lock_file_is_found() {
        let tree = Tree::new("cargo-lock");
        tree.write("a/Cargo.lock", "");
        tree.write("a/b/c/x", "");
        assert_eq!(cargo_lock_above(&tree.path().join("a/b/c")), Some(tree.path().join("a/Cargo.lock")));
        assert!(!packages_of_cargo_lock(include_str!("../../../Cargo.lock")).is_empty());
    }
}
