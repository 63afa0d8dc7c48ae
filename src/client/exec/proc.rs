//! The files of proc(5): the processes of a program, and their memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The greatest length of a file that is read.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Reads a file; an empty text if it cannot be read.
pub(super) fn read(path: impl AsRef<Path>) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(..bytes.len().min(FILE_BYTES_MAX)).unwrap_or_default()).into_owned()
}

/// A process, as `/proc/PID/stat` describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    parent: u32,
    group: u32,
    session: u32,
    /// CPU time of the process itself in clock ticks.
    ticks: u64,
}

fn process_of(stat: &str) -> Option<Process> {
    // The name of the program is in parentheses, and can contain parentheses and spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(1);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let (parent, group, session) = (next()?, next()?, next()?);
    let times = fields.skip(7).take(2).map(|field| field.parse::<u64>().unwrap_or_default());
    let id = |n: u64| u32::try_from(n).unwrap_or_default();
    Some(Process { parent: id(parent), group: id(group), session: id(session), ticks: times.sum() })
}

/// The processes of a program: the program, its descendants, and the members of its process group or session.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) pids: BTreeSet<u32>,
    /// CPU time of the processes in clock ticks, by process.
    pub(super) ticks: BTreeMap<u32, u64>,
}

impl Tree {
    /// Returns the processes of the program with this process id.
    pub(super) fn of(root: u32) -> Tree {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
                && let Some(process) = process_of(&read(entry.path().join("stat")))
            {
                all.insert(pid, process);
            }
        }
        let mut tree = Tree::default();
        let is_member = |pid: u32, process: &Process, known: &BTreeSet<u32>| {
            pid == root || process.group == root || process.session == root || known.contains(&process.parent)
        };
        loop {
            let before = tree.pids.len();
            for (pid, process) in &all {
                if !tree.pids.contains(pid) && is_member(*pid, process, &tree.pids) {
                    tree.pids.insert(*pid);
                    tree.ticks.insert(*pid, process.ticks);
                }
            }
            if tree.pids.len() == before {
                return tree;
            }
        }
    }

    /// Returns the memory of the processes in bytes. Memory that several processes share counts once.
    pub(super) fn memory(&self) -> u64 {
        self.pids.iter().map(|pid| memory_of(*pid)).sum()
    }
}

/// Returns the proportional set size of a process in bytes; its resident set size if the kernel has no other value.
fn memory_of(pid: u32) -> u64 {
    kibibytes(&read(format!("/proc/{pid}/smaps_rollup")), "Pss:")
        .or_else(|| kibibytes(&read(format!("/proc/{pid}/status")), "VmRSS:"))
        .unwrap_or_default()
}

/// Returns the value in bytes of a line such as `Pss:   213 kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_program_does_not_disturb_the_fields_of_its_process() {
        let stat = "7 (a) b (c)) S 1 2 3 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 9 0 0";
        let fields = process_of(stat).map(|p| (p.parent, p.group, p.session, p.ticks));
        assert_eq!(fields, Some((1, 2, 3, 110)));
        assert_eq!(process_of("7 (a"), None);
    }

    #[test]
    fn own_process_is_in_its_tree_and_has_memory() {
        let own = std::process::id();
        let tree = Tree::of(own);
        assert!(tree.pids.contains(&own) && tree.memory() > 100_000);
    }
}
