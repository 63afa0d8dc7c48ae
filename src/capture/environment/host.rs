//! The machine: operating system, processor, memory, and the limits of the container.

use crate::capture::environment::small_file::{read_line, read_text};
use crate::contract::HostDescription;
use std::path::{Path, PathBuf};

/// The greatest size of `/proc/cpuinfo` that is read. This size suffices for a machine with several hundred processors.
const CPUINFO_BYTES_MAX: u64 = 4 << 20;

/// Describes the machine on which the program runs. Values that cannot be determined are `None`.
pub fn of_this_machine() -> HostDescription {
    read(Path::new("/"))
}

/// Reads the files of `/proc`, `/sys` and `/etc` below a root directory.
pub fn read(root: &Path) -> HostDescription {
    let cpuinfo = read_text(&root.join("proc/cpuinfo"), CPUINFO_BYTES_MAX).unwrap_or_default();
    let names = ["model name", "Model", "cpu model", "Hardware"];
    let cpus = cpuinfo.lines().filter(|line| line.starts_with("processor")).count() as u64;
    let groups = groups(root);
    let mut host = HostDescription::new();
    host.os = os_name(root);
    host.kernel = read_line(&root.join("proc/sys/kernel/osrelease"));
    host.name = read_line(&root.join("proc/sys/kernel/hostname")).filter(|name| name != "(none)");
    host.cpu = names.iter().find_map(|name| member(&cpuinfo, name));
    host.cpu_count = Some(cpus).filter(|n| *n > 0);
    host.memory_bytes = bytes_of(&meminfo(root), "MemTotal");
    let limits = groups.iter().filter_map(|group| cpu_millis(&read_line(&group.join("cpu.max"))?));
    host.cpu_limit_millis = limits.min();
    host.memory_limit_bytes = memory_limit(root, &groups);
    host
}

/// Returns the memory limit of the container: the smallest limit of its control groups of version 1 and version 2.
fn memory_limit(root: &Path, groups: &[PathBuf]) -> Option<u64> {
    // Version 1 expresses a missing limit as a number that is greater than any memory.
    const UNLIMITED: u64 = 1 << 60;
    let second = groups.iter().map(|group| group.join("memory.max"));
    let first = first_groups(root).into_iter().map(|group| group.join("memory.limit_in_bytes"));
    let limits = second.chain(first).filter_map(|file| read_line(&file)?.parse().ok());
    limits.filter(|limit| *limit < UNLIMITED).min()
}

/// Returns the memory that this process may use, in bytes: the limit of the container or the memory of the machine,
/// whichever is smaller.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only `contexta exec` asks"))]
pub(crate) fn usable_memory() -> Option<u64> {
    let root = Path::new("/");
    memory_limit(root, &groups(root)).into_iter().chain(bytes_of(&meminfo(root), "MemTotal")).min()
}

/// Returns the used memory and the total memory of this machine, in bytes.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only `contexta exec` asks"))]
pub(crate) fn used_memory() -> Option<(u64, u64)> {
    let meminfo = meminfo(Path::new("/"));
    let all = bytes_of(&meminfo, "MemTotal")?;
    Some((all.saturating_sub(bytes_of(&meminfo, "MemAvailable")?), all))
}

/// Returns the text of `/proc/meminfo`; empty if it cannot be read.
fn meminfo(root: &Path) -> String {
    read_text(&root.join("proc/meminfo"), 64 << 10).unwrap_or_default()
}

/// Returns a value of `/proc/meminfo` in bytes.
fn bytes_of(meminfo: &str, name: &str) -> Option<u64> {
    member(meminfo, name).as_deref().and_then(kibibytes)
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

/// Returns the directories of the control groups (cgroup v2) of this process, from its own group to the root. The
/// limits of all these groups apply.
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

/// Returns the directory of a control group, and the directories of the groups that contain it.
fn with_ancestors(mount: &Path, group: &str) -> Vec<PathBuf> {
    // The path of a group outside the container's namespace begins with `/..`. Its directory is not visible.
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
        let host = HostDescription {
            os: Some("Debian GNU/Linux 12 (bookworm)".into()),
            kernel: Some("6.1.0".into()),
            name: Some("node7".into()),
            cpu: Some("Xeon".into()),
            cpu_count: Some(2),
            memory_bytes: Some(2 << 20),
            cpu_limit_millis: Some(1500),
            memory_limit_bytes: Some(1000),
            ..HostDescription::new()
        };
        assert_eq!(read(tree.path()), host);
        // An unreadable value does not affect the other values.
        tree.write("proc/meminfo", "MemTotal: many\n");
        tree.write("sys/fs/cgroup/a/cpu.max", "0 0\n");
        assert_eq!(
            read(tree.path()),
            HostDescription { memory_bytes: None, cpu_limit_millis: None, ..host.clone() }
        );
        // For a group that is not visible in the container, the limits of the root group apply.
        tree.write("proc/self/cgroup", "0::/../x\n");
        tree.write("sys/fs/cgroup/memory.max", "77\n");
        assert_eq!(read(tree.path()).memory_limit_bytes, Some(77));
        assert_eq!(read(&tree.path().join("none")), HostDescription::new());
        // Control groups of version 1.
        tree.write("proc/self/cgroup", "4:cpu,memory:/a\n0::/\n");
        tree.write("sys/fs/cgroup/memory.max", "max\n");
        tree.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "55\n");
        tree.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(read(tree.path()).memory_limit_bytes, Some(55));
        tree.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(read(tree.path()).memory_limit_bytes, None);
    }
}
