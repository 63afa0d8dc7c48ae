//! The body of a tree: one line of JSON that names the format, then one line of JSON for each entry, sorted by path.

use crate::contract::Value;
use crate::contract::json::read::parse;
use crate::contract::json::value::Members;
use crate::contract::json::write::canonical;
use crate::engine;
use crate::engine::blob::BlobStore;
use crate::engine::checksum::{Digest, hex};
use crate::engine::storage::FileReader;
use crate::store::error::{Error, Result};
use crate::store::tree::entry::{ENTRIES_MAX, PATH_BYTES_MAX, TreeContent, TreeEntry, check_path};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};

/// The first line of the body of a tree.
const HEADER: &str = r#"{"format":"contexta-tree-1"}"#;
/// The maximum length of a line. JSON escapes need at most six bytes for each byte of a path or target.
const LINE_BYTES_MAX: u64 = 2 * 6 * PATH_BYTES_MAX as u64 + 1024;

/// Sorts the entries of a tree by path, and returns the body of the tree.
pub(super) fn encode(entries: &mut [TreeEntry]) -> crate::contract::Result<String> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut body = format!("{HEADER}\n");
    for entry in entries.iter() {
        let mut members = Members::new();
        put_bytes(&mut members, "path", &entry.path);
        let kind = match &entry.content {
            TreeContent::File { digest, sha256, size, is_executable } => {
                members.insert("blake3".to_owned(), Value::Text(digest.to_string()));
                members.insert("sha256".to_owned(), Value::Text(sha256.clone()));
                members.insert("size".to_owned(), Value::from(*size));
                if *is_executable {
                    members.insert("executable".to_owned(), Value::Bool(true));
                }
                "file"
            }
            TreeContent::Link { target } => {
                put_bytes(&mut members, "target", target);
                "link"
            }
            TreeContent::EmptyDir => "dir",
        };
        members.insert("type".to_owned(), Value::Text(kind.to_owned()));
        body.push_str(&canonical(&Value::Map(members))?);
        body.push('\n');
    }
    Ok(body)
}

/// Inserts bytes as a text with the name `name`. Bytes that are not valid UTF-8 are inserted as hexadecimal digits, and
/// the name gets the suffix `_hex`.
fn put_bytes(members: &mut Members, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => members.insert(name.to_owned(), Value::Text(text.to_owned())),
        Err(_) => members.insert(format!("{name}_hex"), Value::Text(hex(bytes))),
    };
}

/// Reads and checks the entries of a tree. After the check, each path is relative, has no component `..`, occurs once,
/// and is not below the path of another entry. Errors: the body is missing, cannot be read, or is not a valid tree.
pub(crate) fn read_tree(blobs: &BlobStore, digest: &Digest) -> Result<Vec<TreeEntry>> {
    let file = blobs.open(digest)?;
    decode(&mut BufReader::new(FileReader::new(file))).map_err(|fault| match fault {
        Fault::Read(e) => engine::Error::io("read", &blobs.path(digest), e).into(),
        Fault::Invalid(reason) => Error::TreeInvalid { digest: *digest, reason },
    })
}

enum Fault {
    Read(std::io::Error),
    Invalid(String),
}

impl From<String> for Fault {
    fn from(reason: String) -> Fault {
        Fault::Invalid(reason)
    }
}

fn decode(body: &mut dyn BufRead) -> std::result::Result<Vec<TreeEntry>, Fault> {
    let mut entries: Vec<TreeEntry> = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut *body).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(Fault::Read)?;
        if read == 0 && number > 1 {
            break;
        }
        let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        let text = text.ok_or_else(|| format!("line {number} is cut, too long, or not UTF-8"))?;
        if number == 1 {
            if text != HEADER {
                return Err(Fault::Invalid("the first line is not that of a tree".to_owned()));
            }
            continue;
        }
        let entry = entry_of(text).map_err(|what| format!("line {number}: {what}"))?;
        if let Err(what) = check_path(&entry.path) {
            return Err(Fault::Invalid(format!("line {number}: the path {:?} {what}", entry.path_lossy())));
        }
        if entries.last().is_some_and(|last| last.path >= entry.path) {
            return Err(Fault::Invalid(format!("line {number}: the paths are not sorted, or repeated")));
        }
        if entries.len() == ENTRIES_MAX {
            return Err(Fault::Invalid(format!("more than {ENTRIES_MAX} entries")));
        }
        entries.push(entry);
    }
    let paths: HashSet<&[u8]> = entries.iter().map(|entry| entry.path.as_slice()).collect();
    for entry in &entries {
        let slashes = entry.path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        if slashes.filter_map(|at| entry.path.get(..at)).any(|above| paths.contains(above)) {
            let message = format!("{:?} is below an entry that is no directory", entry.path_lossy());
            return Err(Fault::Invalid(message));
        }
    }
    Ok(entries)
}

fn entry_of(line: &str) -> std::result::Result<TreeEntry, String> {
    let Value::Map(mut members) = parse(line).map_err(|e| e.to_string())? else {
        return Err("not an object".to_owned());
    };
    let text = |members: &mut Members, name: &str| match members.remove(name) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(format!("`{name}` is missing, or not a text")),
    };
    let bytes = |members: &mut Members, name: &str| match members.remove(&format!("{name}_hex")) {
        Some(Value::Text(digits)) => unhex(&digits).ok_or_else(|| format!("`{name}_hex` is not hexadecimal")),
        _ => text(members, name).map(String::into_bytes),
    };
    let path = bytes(&mut members, "path")?;
    let content = match text(&mut members, "type")?.as_str() {
        "file" => TreeContent::File {
            digest: text(&mut members, "blake3")?
                .parse()
                .map_err(|_| "`blake3` is not a digest".to_owned())?,
            sha256: text(&mut members, "sha256")?,
            size: match members.remove("size") {
                Some(Value::Int(size)) => u64::try_from(size).map_err(|_| "`size` is negative".to_owned())?,
                _ => return Err("`size` is missing, or not a number".to_owned()),
            },
            is_executable: members.remove("executable") == Some(Value::Bool(true)),
        },
        "link" => TreeContent::Link { target: bytes(&mut members, "target")? },
        "dir" => TreeContent::EmptyDir,
        other => return Err(format!("the type {other:?} is unknown")),
    };
    Ok(TreeEntry { path, content })
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((nibble(*high)? << 4) | nibble(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(body: &str) -> std::result::Result<Vec<TreeEntry>, String> {
        decode(&mut body.as_bytes()).map_err(|fault| match fault {
            Fault::Read(e) => e.to_string(),
            Fault::Invalid(reason) => reason,
        })
    }

    fn entry(path: &[u8], content: TreeContent) -> TreeEntry {
        TreeEntry { path: path.to_vec(), content }
    }

    #[test]
    fn trees_are_read_as_they_were_written() {
        let file = |byte: u8| TreeContent::File {
            digest: Digest([byte; 32]),
            sha256: hex(&[byte; 32]),
            size: u64::from(byte),
            is_executable: byte == 1,
        };
        let mut entries = vec![
            entry(b"b/\xff", file(1)),
            entry("模型".as_bytes(), file(2)),
            entry(b"a", TreeContent::Link { target: b"b/\xff".to_vec() }),
            entry(b"c\n\"", TreeContent::EmptyDir),
            entry(b"b/e\xcc\x81", file(0)),
            entry(b"b/\xc3\xa9", file(0)),
        ];
        let body = encode(&mut entries).unwrap();
        assert_eq!(decoded(&body).unwrap(), entries);
        assert_eq!(body.lines().next().unwrap(), HEADER);
        assert_eq!(decoded(&format!("{HEADER}\n")).unwrap(), []);
        let cut = body.len() - 1;
        for end in 0..cut {
            if let Some(part) = body.get(..end) {
                assert!(decoded(part).is_err() || part.ends_with('\n'), "{end}");
            }
        }
    }

    #[test]
    fn hostile_trees_are_refused() {
        let link = |path: &str| format!(r#"{{"path":{path:?},"target":"x","type":"link"}}"#);
        for (paths, what) in [
            (vec!["../x"], "`..`"),
            (vec!["/etc/x"], "absolute"),
            (vec!["a", "a"], "repeated"),
            (vec!["b", "a"], "not sorted"),
            (vec!["a", "a/b"], "below"),
            (vec!["a", "a!", "a/b/c"], "below"),
            (vec![""], "empty"),
        ] {
            let lines = paths.iter().map(|path| link(path) + "\n").collect::<String>();
            let error = decoded(&format!("{HEADER}\n{lines}")).unwrap_err();
            assert!(error.contains(what), "{paths:?}: {error}");
        }
        for line in
            ["x", "[]", "{}", r#"{"path":"a","type":"pipe"}"#, r#"{"path":"a","path_hex":"6","type":"dir"}"#]
        {
            assert!(decoded(&format!("{HEADER}\n{line}\n")).is_err(), "{line}");
        }
        assert!(decoded("").is_err() && decoded("{}\n").is_err());
    }
}
