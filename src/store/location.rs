//! Locations of artifacts in manifests.

use crate::engine::checksum::Digest;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const FILE: &str = "file://";

/// Returns the location of a body that is stored in the workspace.
pub fn of_body(digest: &Digest) -> String {
    format!("blake3:{digest}")
}

/// The prefix of the location of a directory that is stored in the workspace.
const TREE: &str = "tree:";

/// Returns the location of a directory that is stored in the workspace. `digest` is the digest of the list of its
/// files.
pub fn of_tree(digest: &Digest) -> String {
    format!("{TREE}{digest}")
}

/// Returns `true` if a location is that of a directory that is stored in the workspace.
pub fn is_tree(location: &str) -> bool {
    location.starts_with(TREE)
}

/// Returns the location of a file outside the workspace as a URI with the scheme `file`. `path` must be absolute. ASCII
/// letters, digits and `/ - . _ ~` stay unchanged. Every other byte is written as `%` and two hexadecimal digits, so
/// the URI can represent every path.
pub fn of_file(path: &Path) -> String {
    let mut location = FILE.to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            location.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(location, "%{byte:02X}");
        }
    }
    location
}

/// Returns `true` if a text is a scheme, `://` and a rest that is not empty, such as `s3://bucket/key` or
/// `file:///data/x`. If an artifact has no body in the workspace and its manifest has such a location, the content is
/// outside the workspace.
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let mut letters = scheme.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.is_empty()
}

/// Returns the absolute path in a URI with the scheme `file`; `None` for any other text.
pub fn local_path(location: &str) -> Option<PathBuf> {
    let mut bytes = Vec::new();
    let mut rest = location.strip_prefix(FILE)?.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |b: Option<u8>| char::from(b?).to_digit(16).and_then(|d| u8::try_from(d).ok());
                (digit(rest.next())? << 4) | digit(rest.next())?
            }
            byte => byte,
        });
    }
    let path = path_of(bytes)?;
    path.is_absolute().then_some(path)
}

#[cfg(unix)]
pub(crate) fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
pub(crate) fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn location_of_a_file_keeps_every_path() {
        for bytes in [&b"/data/a.bin"[..], "/data/模型 1%.bin".as_bytes(), b"/data/\xff\xfe?#", b"/"] {
            let path = path_of(bytes.to_vec()).unwrap();
            let location = of_file(&path);
            assert!(is_uri(&location) && location.is_ascii(), "{location}");
            assert_eq!(local_path(&location), Some(path), "{location}");
        }
        assert_eq!(of_file(Path::new("/a b")), "file:///a%20b");
    }

    #[test]
    fn texts_that_are_no_locations_of_files_have_no_path() {
        for text in
            ["", "file://", "file:///a%2", "file:///%zz", "file://host/x", "s3://b/k", "/a", "path:/a"]
        {
            assert_eq!(local_path(text), None, "{text}");
        }
        assert!(is_uri("s3://bucket/key") && is_uri("https://x") && is_uri("gs+x.1://a"));
        for text in ["", "://x", "1s://x", "a b://x", "x", "blake3:00", "path:/a", "s3://"] {
            assert!(!is_uri(text), "{text}");
        }
    }
}
