//! The machine: operating system, processor, memory, and the limits of the container.

use crate::capture::environment::small_file::{read_line, read_text};
use std::path::{Path, PathBuf};

/// The machine on which a run was captured. Values that cannot be determined are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Host {
    /// The name of the operating system with its version, such as `Ubuntu 24.04.1 LTS`.
    pub os: Option<String>,
    /// The release of the kernel.
    pub kernel: Option<String>,
    /// The name of the host.
    pub name: Option<String>,
    /// The model of the processor.
    pub cpu: Option<String>,
    /// The number of logical processors.
    pub cpu_count: Option<u64>,
    /// The size of the memory.
    pub memory_bytes: Option<u64>,
    /// The limit of the container, in thousandths of a processor.
    pub cpu_limit_millis: Option<u64>,
    /// The limit of the container for memory.
    pub memory_limit_bytes: Option<u64>,
}

/// The size of `/proc/cpuinfo` on a machine with some hundred processors.
const CPUINFO_BYTES_MAX: u64 = 4 << 20;

impl Host {
    /// Describes this machine.
    pub fn of_this_machine() -> Host {
        Host::read(Path::new("/"))
    }

    /// Reads the files of `/proc`, `/sys` and `/etc` below a root directory.
    pub fn read(root: &Path) -> Host {
        let cpuinfo = read_text(&root.join("proc/cpuinfo"), CPUINFO_BYTES_MAX).unwrap_or_default();
        let cpu =
            ["model name", "Model", "cpu model", "Hardware"].iter().find_map(|name| member(&cpuinfo, name));
        let cpus = cpuinfo.lines().filter(|line| line.starts_with("processor")).count() as u64;
        let groups = groups(root);
        Host {
            os: os_name(root),
            kernel: read_line(&root.join("proc/sys/kernel/osrelease")),
            name: read_line(&root.join("proc/sys/kernel/hostname")).filter(|name| name != "(none)"),
            cpu,
            cpu_count: Some(cpus).filter(|n| *n > 0),
            memory_bytes: meminfo(root, "MemTotal"),
            cpu_limit_millis: groups
                .iter()
                .filter_map(|group| cpu_millis(&read_line(&group.join("cpu.max"))?))
                .min(),
            memory_limit_bytes: memory_limit(root),
        }
    }
}

/// Returns the limit of the container for memory, of control groups of both versions.
fn memory_limit(root: &Path) -> Option<u64> {
    // Version 1 has no word for a missing limit, but a number that is greater than any memory.
    const UNLIMITED: u64 = 1 << 60;
    let second = groups(root).into_iter().map(|group| group.join("memory.max"));
    let first = first_groups(root).into_iter().map(|group| group.join("memory.limit_in_bytes"));
    let limits = second.chain(first).filter_map(|file| read_line(&file)?.parse().ok());
    limits.filter(|limit| *limit < UNLIMITED).min()
}

/// Returns the memory in bytes that this process may use: the limit of the container, or the memory of the machine.
pub(crate) fn usable_memory() -> Option<u64> {
    let root = Path::new("/");
    memory_limit(root).into_iter().chain(meminfo(root, "MemTotal")).min()
}

/// Returns the memory of this machine that is in use and all of it, in bytes.
pub(crate) fn used_memory() -> Option<(u64, u64)> {
    let root = Path::new("/");
    let all = meminfo(root, "MemTotal")?;
    Some((all.saturating_sub(meminfo(root, "MemAvailable")?), all))
}

/// Returns a value of `/proc/meminfo` in bytes.
fn meminfo(root: &Path, name: &str) -> Option<u64> {
    let text = read_text(&root.join("proc/meminfo"), 64 << 10)?;
    member(&text, name).as_deref().and_then(kibibytes)
}

/// Returns the value of a line `NAME : VALUE`.
fn member(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })?;
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

fn kibibytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn os_name(root: &Path) -> Option<String> {
    let text =
        ["etc/os-release", "usr/lib/os-release"].iter().find_map(|path| read_line(&root.join(path)))?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    };
    value("PRETTY_NAME").or_else(|| value("NAME"))
}

/// Returns the directories of the control groups (cgroup v2) of this process, from its own group to the root. A limit of
/// each of them applies.
fn groups(root: &Path) -> Vec<PathBuf> {
    let text = read_line(&root.join("proc/self/cgroup")).unwrap_or_default();
    let own = text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"].map(|mount| root.join(mount));
    let Some(mount) = mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists()) else {
        return Vec::new();
    };
    with_ancestors(&mount, own)
}

/// Returns the directories of the control groups (cgroup v1) that limit the memory of this process.
fn first_groups(root: &Path) -> Vec<PathBuf> {
    let text = read_line(&root.join("proc/self/cgroup")).unwrap_or_default();
    let own = text.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == "memory").then_some(path)
    });
    own.map(|own| with_ancestors(&root.join("sys/fs/cgroup/memory"), own)).unwrap_or_default()
}

/// Returns the directories of a group and of those that contain it.
fn with_ancestors(mount: &Path, group: &str) -> Vec<PathBuf> {
    // A group outside the container's namespace begins with `/..`, and is not visible.
    let group = if group.contains("..") { "" } else { group.trim_start_matches('/') };
    mount.join(group).ancestors().take_while(|dir| dir.starts_with(mount)).map(Path::to_path_buf).collect()
}

/// Returns the limit of a file `cpu.max` in thousandths of a processor: `150000 100000` is 1500.
fn cpu_millis(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next().map_or(Ok(100_000), str::parse).ok()?;
    quota.checked_mul(1000)?.checked_div(period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::environment::packages::tests::Tree;

    #[test]
    fn a_machine_with_a_container_is_described() {
        let tree = Tree::new("host");
        for (path, text) in [
            ("etc/os-release", "NAME=\"X\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("proc/sys/kernel/hostname", "node7\n"),
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Xeon\n\nprocessor\t: 1\nmodel name\t: Xeon\n"),
            ("proc/meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\n"),
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
            ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/a/memory.max", "1000\n"),
            ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/a/b/memory.max", "2000\n"),
        ] {
            tree.write(path, text);
        }
        let host = Host {
            os: Some("Debian GNU/Linux 12 (bookworm)".into()),
            kernel: Some("6.1.0".into()),
            name: Some("node7".into()),
            cpu: Some("Xeon".into()),
            cpu_count: Some(2),
            memory_bytes: Some(2 << 20),
            cpu_limit_millis: Some(1500),
            memory_limit_bytes: Some(1000),
        };
        assert_eq!(Host::read(tree.path()), host);
        // One unreadable item does not cost the others.
        tree.write("proc/meminfo", "MemTotal: many\n");
        tree.write("sys/fs/cgroup/a/cpu.max", "0 0\n");
        assert_eq!(
            Host::read(tree.path()),
            Host { memory_bytes: None, cpu_limit_millis: None, ..host.clone() }
        );
        // A group that is not visible in the container: the limits of the root.
        tree.write("proc/self/cgroup", "0::/../x\n");
        tree.write("sys/fs/cgroup/memory.max", "77\n");
        assert_eq!(Host::read(tree.path()).memory_limit_bytes, Some(77));
        assert_eq!(Host::read(&tree.path().join("none")), Host::default());
        // Control groups of version 1.
        tree.write("proc/self/cgroup", "4:cpu,memory:/a\n0::/\n");
        tree.write("sys/fs/cgroup/memory.max", "max\n");
        tree.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "55\n");
        tree.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(Host::read(tree.path()).memory_limit_bytes, Some(55));
        tree.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(Host::read(tree.path()).memory_limit_bytes, None);
    }
}
