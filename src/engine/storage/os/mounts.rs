//! Detection of local disks with the kernel's table of mounts.

#[cfg(target_os = "linux")]
use std::collections::HashSet;
use std::fs;
#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt;
#[cfg(target_os = "linux")]
use std::sync::OnceLock;

/// Types of file systems whose files only this machine changes. Files on other file systems are not mapped, and
/// changes in their directories are polled.
#[cfg(target_os = "linux")]
const LOCAL: [&str; 9] = ["ext4", "ext3", "ext2", "xfs", "btrfs", "zfs", "f2fs", "tmpfs", "overlay"];

/// Returns `true` if the file is on a disk of this machine.
#[cfg(target_os = "linux")]
pub(super) fn is_local(file: &fs::File) -> bool {
    static DEVICES: OnceLock<HashSet<(u64, u64)>> = OnceLock::new();
    let devices =
        DEVICES.get_or_init(|| parse(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()));
    let Ok(meta) = file.metadata() else { return false };
    devices.contains(&split_device(meta.dev()))
}

/// Returns `false`: on other systems, no file is known to be on a disk of this machine.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_local(_file: &fs::File) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn split_device(dev: u64) -> (u64, u64) {
    (((dev >> 8) & 0xfff) | ((dev >> 32) & !0xfff), (dev & 0xff) | ((dev >> 12) & !0xff))
}

/// Returns the device numbers of the local file systems in a table of mounts. Each line is `id parent major:minor
/// root mountpoint options.. - fstype source superoptions` (proc(5)).
#[cfg(target_os = "linux")]
fn parse(mountinfo: &str) -> HashSet<(u64, u64)> {
    let mut devices = HashSet::new();
    for line in mountinfo.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let Some((major, minor)) = before.split(' ').nth(2).and_then(|d| d.split_once(':')) else {
            continue;
        };
        let Some(kind) = after.split(' ').next() else { continue };
        if let (Ok(major), Ok(minor), true) = (major.parse(), minor.parse(), LOCAL.contains(&kind)) {
            devices.insert((major, minor));
        }
    }
    devices
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn parse_keeps_only_local_file_systems() {
        let table = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                     30 22 0:27 / /mnt rw - nfs4 host:/x rw\n\
                     31 22 0:28 / /home rw - fuse.sshfs x rw\nnonsense\n";
        assert_eq!(parse(table), HashSet::from([(254, 0)]));
    }
}
