//! The entries of a tree, and the rules for their paths.

use crate::engine::checksum::Digest;

/// The maximum number of entries in a tree.
pub(super) const ENTRIES_MAX: usize = 100_000;
/// The maximum number of components of a path in a tree.
pub(super) const DEPTH_MAX: usize = 64;
/// The maximum length in bytes of a path in a tree. The maximum length of a line in the list is derived from it.
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// A file, link or empty directory of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// The path relative to the root of the tree, with `/` between the components. A component is any sequence of bytes
    /// without a zero byte and `/`, except `.` and `..`.
    pub path: Vec<u8>,
    /// The content.
    pub content: TreeContent,
}

/// The content of an entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeContent {
    /// A regular file.
    File {
        /// The BLAKE3 digest of the content, which identifies the body.
        digest: Digest,
        /// The SHA-256 digest of the content, as 64 lower-case hexadecimal digits.
        sha256: String,
        /// The length in bytes.
        size: u64,
        /// `true` if the owner had the permission to execute the file.
        is_executable: bool,
    },
    /// A symbolic link.
    Link {
        /// The target path of the link, unresolved.
        target: Vec<u8>,
    },
    /// A directory without entries.
    EmptyDir,
}

impl TreeEntry {
    /// Returns the path as text. Bytes that are not valid UTF-8 are replaced by U+FFFD.
    pub fn path_lossy(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    /// Returns `true` if this entry can be a link to `target` that does not lead out of the tree. The target must be a
    /// relative path. Components `..` must come first, and there must be at most as many of them as the link has parent
    /// directories in the tree. If every link of a tree satisfies these conditions, a path through several links stays
    /// in the tree too.
    pub(super) fn is_inside(&self, target: &[u8]) -> bool {
        let parents = self.path.split(|b| *b == b'/').count() - 1;
        let components = target.split(|b| *b == b'/');
        let up = components.clone().take_while(|part| *part == b"..").count();
        let down_only = components.skip(up).all(|part| part != b"..");
        !target.is_empty() && !target.starts_with(b"/") && !target.contains(&0) && up <= parents && down_only
    }
}

/// Checks the path of an entry. The error is a text that completes a message which begins with the path.
pub(super) fn check_path(path: &[u8]) -> Result<(), &'static str> {
    let mut components = path.split(|b| *b == b'/');
    let count = components.clone().count();
    if components.any(|part| part.is_empty() || part == b"." || part == b"..") {
        return Err("is absolute, or has an empty component, `.` or `..`");
    }
    if path.contains(&0) {
        return Err("contains a zero byte");
    }
    if path.len() > PATH_BYTES_MAX || count > DEPTH_MAX {
        return Err("is too long or too deep");
    }
    if cfg!(windows) && path.iter().any(|b| matches!(b, b'\\' | b':')) {
        return Err("has a component that this system cannot represent");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_out_of_the_tree_are_refused() {
        for path in ["", "/", "/etc/passwd", "..", "a/../b", "a//b", "a/", "./a", "a/.", "a\0b"] {
            assert!(check_path(path.as_bytes()).is_err(), "{path:?}");
        }
        for path in ["a", "a/b", "...", "..a", " ", "a\\b", "模型/权重", "a\nb", "-rf"] {
            assert!(check_path(path.as_bytes()).is_ok(), "{path:?}");
        }
        assert!(check_path(&vec![b'a'; PATH_BYTES_MAX + 1]).is_err());
        assert!(check_path(vec!["a"; DEPTH_MAX + 1].join("/").as_bytes()).is_err());
        assert!(check_path(b"\xff\xfe").is_ok());
    }

    #[test]
    fn links_are_inside_only_if_they_do_not_climb_out() {
        let inside = |path: &str, target: &str| {
            TreeEntry { path: path.into(), content: TreeContent::EmptyDir }.is_inside(target.as_bytes())
        };
        assert!(
            inside("a/b/l", "../../x") && inside("l", "x/y") && inside("a/l", "../x") && inside("l", ".")
        );
        for (path, target) in [
            ("l", ".."),
            ("l", "/etc"),
            ("l", ""),
            ("a/l", "../../x"),
            ("l", "x/../y"),
            ("a/l", "./../../x"),
            ("l", "x\0"),
        ] {
            assert!(!inside(path, target), "{path} {target}");
        }
    }
}
