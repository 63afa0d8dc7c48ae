//! The storing of a directory as a tree.

use crate::engine;
use crate::engine::intake::Intake;
use crate::engine::storage::ItemKind;
use crate::store::body::{StoredBody, store_body, store_file};
use crate::store::error::{Error, Result};
use crate::store::journal::Journal;
use crate::store::tree::entry::{DEPTH_MAX, ENTRIES_MAX, TreeContent, TreeEntry, check_path};
use crate::store::tree::format::encode;
use std::path::{Path, PathBuf};

/// A directory that was stored as a tree and has no manifest yet.
#[derive(Debug)]
pub struct TakenTree {
    /// The body of the tree, which is the list of entries.
    pub body: StoredBody,
    /// The number of files.
    pub files: u64,
    /// The total length of the files in bytes.
    pub bytes: u64,
    /// The paths that were not stored, each with the reason.
    pub left_out: Vec<String>,
}

/// A directory that was found and not listed yet.
struct Dir {
    /// The path relative to the root; empty for the root itself.
    path: Vec<u8>,
    at: PathBuf,
    depth: usize,
}

struct Walk<'a> {
    journal: &'a Journal,
    root: &'a Path,
    /// The directories of the workspace, which are not stored, because they change while they are read.
    own: Vec<PathBuf>,
    dirs: Vec<Dir>,
    entries: Vec<TreeEntry>,
    taken: TakenTree,
}

impl Journal {
    /// Stores the files of a directory durably as bodies, and the list of the files as another body. Symbolic links are
    /// stored as links. Devices, pipes, sockets, and directories of this workspace are not stored. Errors: a file
    /// cannot be read or changes while it is read; the directory has too many entries, or a path that is too long or
    /// too deep.
    pub fn take_tree(&self, root: &Path) -> Result<TakenTree> {
        let empty = StoredBody { digest: engine::checksum::Digest([0; 32]), sha256: String::new(), size: 0 };
        let mut walk = Walk {
            journal: self,
            root,
            own: self.own_dirs(root),
            dirs: vec![Dir { path: Vec::new(), at: root.into(), depth: 0 }],
            entries: Vec::new(),
            taken: TakenTree { body: empty, files: 0, bytes: 0, left_out: Vec::new() },
        };
        while let Some(dir) = walk.dirs.pop() {
            walk.list(&dir)?;
        }
        let body = encode(&mut walk.entries)?;
        Ok(TakenTree { body: store_body(self.blobs(), &mut body.as_bytes())?, ..walk.taken })
    }

    /// Returns the directories that a tree must not contain: the directories of the log, of the bodies and of temporary
    /// files, and the directory of the workspace, unless it contains `root`.
    fn own_dirs(&self, root: &Path) -> Vec<PathBuf> {
        let storage = self.storage();
        let resolved = |path: &Path| storage.resolve(path).unwrap_or_else(|_| path.into());
        let root = resolved(root);
        let log = resolved(self.log_dir());
        let mut own = vec![log.clone(), resolved(self.blobs().objects()), resolved(self.blobs().staging())];
        let objects = resolved(self.blobs().objects());
        let common = log.ancestors().find(|dir| objects.starts_with(dir));
        own.extend(common.filter(|dir| !root.starts_with(dir)).map(Path::to_path_buf));
        own
    }
}

impl Walk<'_> {
    fn list(&mut self, dir: &Dir) -> Result<()> {
        let storage = self.journal.storage();
        let items = storage.items(&dir.at).map_err(|e| engine::Error::io("list", &dir.at, e))?;
        if items.is_empty() && !dir.path.is_empty() {
            return self.add(dir.path.clone(), TreeContent::EmptyDir);
        }
        for item in items {
            let at = dir.at.join(&item.name);
            let mut path = dir.path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(item.name.as_encoded_bytes());
            if cfg!(not(unix)) && item.name.to_str().is_none() {
                self.leave_out(&path, "its name is not Unicode");
                continue;
            }
            match item.kind {
                ItemKind::Dir if storage.resolve(&at).is_ok_and(|at| self.own.contains(&at)) => {
                    self.leave_out(&path, "it belongs to the workspace");
                }
                ItemKind::Dir if dir.depth + 1 >= DEPTH_MAX => {
                    return Err(self.too_large(format!("is deeper than {DEPTH_MAX} directories")));
                }
                ItemKind::Dir => self.dirs.push(Dir { path, at, depth: dir.depth + 1 }),
                ItemKind::File { is_executable } => {
                    let (body, _) = store_file(self.journal.blobs(), &at, Intake::Copy)?;
                    self.taken.files += 1;
                    self.taken.bytes += body.size;
                    let StoredBody { digest, sha256, size } = body;
                    self.add(path, TreeContent::File { digest, sha256, size, is_executable })?;
                }
                ItemKind::Link => {
                    let target = storage.read_link(&at).map_err(|e| engine::Error::io("read", &at, e))?;
                    let target = target.as_os_str().as_encoded_bytes().to_vec();
                    self.add(path, TreeContent::Link { target })?;
                }
                ItemKind::Special => self.leave_out(&path, "it is a device, pipe or socket"),
            }
        }
        Ok(())
    }

    fn add(&mut self, path: Vec<u8>, content: TreeContent) -> Result<()> {
        let entry = TreeEntry { path, content };
        if let Err(what) = check_path(&entry.path) {
            return Err(self.too_large(format!("has the path {:?}, which {what}", entry.path_lossy())));
        }
        if self.entries.len() == ENTRIES_MAX {
            return Err(self.too_large(format!("has more than {ENTRIES_MAX} entries")));
        }
        self.entries.push(entry);
        Ok(())
    }

    fn leave_out(&mut self, path: &[u8], why: &str) {
        self.taken.left_out.push(format!("{} ({why})", String::from_utf8_lossy(path)));
    }

    fn too_large(&self, what: String) -> Error {
        Error::TreeTooLarge { path: self.root.into(), what }
    }
}
