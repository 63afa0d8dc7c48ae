//! Accelerators: GPUs of NVIDIA and AMD.

use crate::capture::environment::command::{Limits, output};
use crate::capture::environment::small_file::{read_line, read_text};
use crate::contract::Device;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The greatest number of devices.
const DEVICES_MAX: usize = 256;

/// Returns the GPUs of this machine. `nvidia-smi`, which can take seconds, is not executed again after it has succeeded.
pub fn of_this_machine() -> Vec<Device> {
    static NVIDIA: OnceLock<Vec<Device>> = OnceLock::new();
    let ask = || nvidia(Path::new("nvidia-smi"), Limits::default());
    devices(Path::new("/"), remembered(&NVIDIA, ask))
}

/// Returns the devices that `ask` has found in this call or before. A failure is not remembered.
fn remembered(
    found: &OnceLock<Vec<Device>>,
    ask: impl FnOnce() -> Option<Vec<Device>>,
) -> Option<Vec<Device>> {
    if found.get().is_none() {
        // Another thread may have found the same devices.
        let _ = found.set(ask()?);
    }
    found.get().cloned()
}

/// Returns the GPUs. `nvidia` are the NVIDIA GPUs with their memory; if it is `None`, files below `root` list the NVIDIA
/// GPUs. Files below `root` also list the AMD GPUs.
fn devices(root: &Path, nvidia: Option<Vec<Device>>) -> Vec<Device> {
    let mut devices = nvidia.unwrap_or_else(|| nvidia_files(root));
    devices.extend(amd(root));
    devices.truncate(DEVICES_MAX);
    devices
}

fn nvidia(program: &Path, limits: Limits) -> Option<Vec<Device>> {
    let mut command = Command::new(program);
    command.args(["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]);
    let text = String::from_utf8_lossy(&output(&mut command, limits).ok()?).into_owned();
    let device = |line: &str| {
        let mut fields = line.rsplitn(3, ',').map(str::trim);
        let driver = fields.next()?;
        let mebibytes = fields.next()?.parse::<u64>().ok();
        let mut device = named(fields.next()?)?;
        device.memory_bytes = mebibytes.and_then(|n| n.checked_mul(1 << 20));
        device.driver = Some(driver.to_owned()).filter(|d| !d.is_empty() && !d.starts_with('['));
        Some(device)
    };
    Some(text.lines().filter_map(device).collect())
}

fn named(name: &str) -> Option<Device> {
    (!name.trim().is_empty()).then(|| Device::new(name.trim()))
}

/// Returns the GPUs that the files of the NVIDIA driver list.
fn nvidia_files(root: &Path) -> Vec<Device> {
    let driver = nvidia_driver(root);
    let device = |directory: PathBuf| {
        let text = read_text(&directory.join("information"), 64 << 10)?;
        let model = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
        let mut device = named(model)?;
        device.driver.clone_from(&driver);
        Some(device)
    };
    sorted_entries(&root.join("proc/driver/nvidia/gpus")).into_iter().filter_map(device).collect()
}

fn nvidia_driver(root: &Path) -> Option<String> {
    let text = read_line(&root.join("proc/driver/nvidia/version"))?;
    let is_version =
        |word: &&str| word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.lines().next()?.split_whitespace().find(is_version).map(str::to_owned)
}

/// Returns the AMD GPUs that the files of the kernel list.
fn amd(root: &Path) -> Vec<Device> {
    let driver = read_line(&root.join("sys/module/amdgpu/version"));
    let is_card = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let number = name.as_deref().and_then(|name| name.strip_prefix("card"));
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let device = |card: PathBuf| {
        let files = card.join("device");
        if read_line(&files.join("vendor"))? != "0x1002" {
            return None;
        }
        let id = || read_line(&files.join("device")).map(|id| format!("AMD GPU {id}"));
        let mut device = named(&read_line(&files.join("product_name")).or_else(id)?)?;
        device.memory_bytes = read_line(&files.join("mem_info_vram_total")).and_then(|n| n.parse().ok());
        device.driver.clone_from(&driver);
        Some(device)
    };
    sorted_entries(&root.join("sys/class/drm")).into_iter().filter(is_card).filter_map(device).collect()
}

fn sorted_entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).take(DEVICES_MAX).collect();
    paths.sort();
    paths
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    use crate::capture::environment::packages::tests::Tree;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn device(name: &str, memory_bytes: Option<u64>, driver: Option<&str>) -> Device {
        Device { memory_bytes, driver: driver.map(str::to_owned), ..Device::new(name) }
    }

    fn program(tree: &Tree, script: &str) -> PathBuf {
        tree.write("nvidia-smi", &format!("#!/bin/sh\n{script}\n"));
        let path = tree.path().join("nvidia-smi");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn devices_are_remembered_and_failures_are_not() {
        let found = OnceLock::new();
        assert_eq!(remembered(&found, || None), None);
        let gpu = vec![device("Tesla T4", None, None)];
        assert_eq!(remembered(&found, || Some(gpu.clone())), Some(gpu.clone()));
        assert_eq!(remembered(&found, || panic!("asked again")), Some(gpu));
    }

    #[test]
    fn devices_come_from_the_program_of_the_driver() {
        let tree = Tree::new("nvidia-smi");
        let script =
            "echo 'NVIDIA A100, PCIe, 40536, 535.104.05'; echo 'GRID, [N/A], [N/A]'; echo; echo broken";
        let program = program(&tree, script);
        let found = devices(tree.path(), nvidia(&program, Limits::default()));
        let first = device("NVIDIA A100, PCIe", Some(40536 << 20), Some("535.104.05"));
        assert_eq!(found, [first, device("GRID", None, None)]);
    }

    #[test]
    fn without_a_usable_program_the_files_of_the_drivers_are_read() {
        let tree = Tree::new("gpu-files");
        tree.write("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t Tesla T4\nIRQ: 7\n");
        tree.write("proc/driver/nvidia/gpus/0000:02:00.0/other", "");
        tree.write(
            "proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat\n",
        );
        tree.write("sys/class/drm/card1/device/vendor", "0x1002\n");
        tree.write("sys/class/drm/card1/device/product_name", "Instinct MI250\n");
        tree.write("sys/class/drm/card1/device/mem_info_vram_total", "64\n");
        tree.write("sys/class/drm/card1-DP-1/device/vendor", "0x1002\n");
        tree.write("sys/class/drm/card0/device/vendor", "0x8086\n");
        let expected =
            [device("Tesla T4", None, Some("535.104.05")), device("Instinct MI250", Some(64), None)];
        let missing = tree.path().join("missing");
        assert_eq!(devices(tree.path(), nvidia(&missing, Limits::default())), expected);
        let blocks = program(&tree, "exec tail -f /dev/null");
        let limits = Limits { time: Duration::from_millis(20), ..Limits::default() };
        assert_eq!(devices(tree.path(), nvidia(&blocks, limits)), expected);
    }
}
