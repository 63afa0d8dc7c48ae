//! The names of the files in a repository and in an archive.

use crate::engine::checksum::Digest;
use crate::recovery::backup::backup_ref::BackupRef;

/// The suffix of the file name of a manifest.
const MANIFEST_ENDING: &str = ".jsonl";

/// The name of a file in a repository or in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MemberName {
    /// An object: `objects/ab/cdef...`.
    Object(Digest),
    /// A manifest: `backups/<name>.jsonl`.
    Manifest(BackupRef),
}

impl MemberName {
    /// Parses the name of an object or of a manifest. Returns `None` for every other name. The result
    /// contains no path, so a parsed name never refers to a file outside the directory.
    pub(super) fn parse(name: &str) -> Option<MemberName> {
        match name.split_once('/')? {
            ("objects", rest) => {
                let (shard, rest) = rest.split_once('/').filter(|(shard, _)| shard.len() == 2)?;
                format!("{shard}{rest}").parse().ok().map(MemberName::Object)
            }
            ("backups", rest) => {
                BackupRef::parse(rest.strip_suffix(MANIFEST_ENDING)?).map(MemberName::Manifest)
            }
            _ => None,
        }
    }
}

/// Returns the name of an object below the directory of the repository.
pub(super) fn object_name(digest: &Digest) -> String {
    let name = digest.to_string();
    let (shard, rest) = name.split_at_checked(2).unwrap_or(("", &name));
    format!("objects/{shard}/{rest}")
}

/// Returns the name of a manifest below the directory of the repository.
pub(super) fn manifest_name(backup: &BackupRef) -> String {
    format!("backups/{backup}{MANIFEST_ENDING}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_objects_and_manifests_are_read() {
        let digest = Digest::of(b"x");
        assert_eq!(MemberName::parse(&object_name(&digest)), Some(MemberName::Object(digest)));
        let backup = BackupRef::parse("nightly-1").unwrap();
        assert_eq!(MemberName::parse(&manifest_name(&backup)), Some(MemberName::Manifest(backup)));
        let rest = digest.to_string();
        for name in [
            format!("objects/{rest}"),
            format!("/objects/{}/{}", &rest[..2], &rest[2..]),
            format!("objects/../{}", &rest[2..]),
            format!("x/objects/{}/{}", &rest[..2], &rest[2..]),
            "backups/../../x.jsonl".to_owned(),
            "backups/a/b.jsonl".to_owned(),
            "backups/x.json".to_owned(),
            "objects".to_owned(),
            String::new(),
        ] {
            assert_eq!(MemberName::parse(&name), None, "{name}");
        }
    }
}
