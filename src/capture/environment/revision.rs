//! The commit that is checked out, read from the files of a git repository.

use std::fs;
use std::path::Path;

/// Returns the commit that is checked out in the git repository that contains `dir`; `None` if it cannot be determined.
/// Reads the files that gitrepository-layout(5) describes, and runs no program.
pub(super) fn revision_at(dir: &Path) -> Option<String> {
    let dot_git = dir.ancestors().map(|d| d.join(".git")).find(|p| p.exists())?;
    let git = if dot_git.is_file() {
        // A work tree or submodule: the file names the real directory.
        let text = read_small(&dot_git)?;
        dot_git.parent()?.join(text.strip_prefix("gitdir:")?.trim())
    } else {
        dot_git
    };
    let head = read_small(&git.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref:").map(str::trim) else { return commit(&head) };
    let common = read_small(&git.join("commondir")).map_or_else(|| git.clone(), |c| git.join(c.trim()));
    for root in [&git, &common] {
        if let Some(found) = read_small(&root.join(name)).as_deref().and_then(commit) {
            return Some(found);
        }
    }
    let packed = read_small(&common.join("packed-refs"))?;
    packed.lines().find_map(|line| commit(line.strip_suffix(name)?))
}

fn commit(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    (digits && matches!(text.len(), 40 | 64)).then(|| text.to_owned())
}

fn read_small(path: &Path) -> Option<String> {
    const BYTES_MAX: u64 = 4 << 20;
    let fits = fs::metadata(path).ok()?.len() <= BYTES_MAX;
    if fits { fs::read_to_string(path).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_found_loose_packed_and_detached() {
        let root = std::env::temp_dir().join(format!("contexta-revision-{}", std::process::id()));
        let (git, inside) = (root.join(".git"), root.join("a/b"));
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::create_dir_all(&inside).unwrap();
        let (one, two, three) = ("1".repeat(40), "2".repeat(40), "3".repeat(40));
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(revision_at(&inside), None);
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{one} refs/heads/main\n")).unwrap();
        assert_eq!(revision_at(&inside), Some(one));
        fs::write(git.join("refs/heads/main"), format!("{two}\n")).unwrap();
        assert_eq!(revision_at(&inside), Some(two));
        fs::write(git.join("HEAD"), format!("{three}\n")).unwrap();
        assert_eq!(revision_at(&inside), Some(three));
        fs::remove_dir_all(root).unwrap();
    }
}
