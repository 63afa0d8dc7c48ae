//! The sampler: a thread that measures the memory of the program, and the use of the machine if this was asked for.

use crate::capture::environment::command::{Limits, output};
use crate::capture::environment::host::{usable_memory, used_memory};
use crate::capture::{Emission, MetricEmission};
use crate::client::exec::proc::{Tree, read};
use crate::client::exec::recorder::Sender;
use crate::contract::MetricValue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The shortest and the longest time between two measurements of memory. In between, the time is chosen so that the
/// measurements use at most a fiftieth of one core.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const PAUSE_FACTOR: u32 = 50;
/// The limits of `nvidia-smi`. The end of the sampler, and so that of `contexta exec`, can wait for it once.
const GPU_LIMITS: Limits = Limits { time: Duration::from_secs(2), output_bytes: 64 << 10 };

/// A running sampler.
pub(super) struct Sampler {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
    memory_peak: Arc<AtomicU64>,
}

impl Sampler {
    /// Starts to measure the program with this process id. With `every`, the use of the machine is sent to the recorder
    /// at this interval.
    pub(super) fn start(
        root: u32,
        every: Option<Duration>,
        workspace: PathBuf,
        sender: Sender,
    ) -> std::io::Result<Sampler> {
        let (stop, stopped) = mpsc::channel();
        let memory_peak = Arc::new(AtomicU64::new(0));
        let peak = Arc::clone(&memory_peak);
        let run = move || {
            let mut system = every.map(|every| (every, Instant::now(), System::new(workspace)));
            let mut pause = Duration::ZERO;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let begun = Instant::now();
                let tree = Tree::of(root);
                let memory = tree.memory();
                peak.fetch_max(memory, Ordering::Relaxed);
                pause = (begun.elapsed() * PAUSE_FACTOR).clamp(PAUSE_MIN, PAUSE_MAX);
                if let Some((every, next, system)) = &mut system {
                    if begun >= *next {
                        sender.records(system.measure(&tree, memory));
                        *next += *every;
                        *next = (*next).max(begun);
                    }
                    pause = pause.min(next.saturating_duration_since(Instant::now()));
                }
            }
        };
        let thread = thread::Builder::new().name("contexta-sampler".to_owned()).spawn(run)?;
        Ok(Sampler { stop, thread, memory_peak })
    }

    /// Ends the sampler. Returns the greatest memory of all processes of the program together, in bytes; 0 if it could
    /// not be measured.
    pub(super) fn finish(self) -> u64 {
        let _ = self.stop.send(());
        let _ = self.thread.join();
        self.memory_peak.load(Ordering::Relaxed)
    }
}

/// The measurements of the machine. Counters are compared with those of the measurement before.
struct System {
    workspace: PathBuf,
    has_gpu: bool,
    before: Option<Counters>,
}

/// Counters that grow.
struct Counters {
    at: Instant,
    /// The times of all cores, and the part of them that the machine was idle, in clock ticks.
    machine: Option<(u64, u64)>,
    processes: BTreeMap<u32, u64>,
    io: Option<(u64, u64)>,
    network: Option<(u64, u64)>,
}

impl System {
    fn new(workspace: PathBuf) -> System {
        System { workspace, has_gpu: true, before: None }
    }

    fn measure(&mut self, tree: &Tree, memory: u64) -> Vec<Emission> {
        let mut found = Vec::new();
        let mut add = |key: &str, value: f64, unit: &str| {
            if value.is_finite() {
                found.push(
                    MetricEmission::new(format!("system/{key}"), MetricValue::Float(value)).unit(unit).into(),
                );
            }
        };
        let now = Counters {
            at: Instant::now(),
            machine: machine_ticks(&read("/proc/stat")),
            processes: tree.ticks.clone(),
            io: io_bytes(tree),
            network: network_bytes(&read("/proc/net/dev")),
        };
        if let Some(before) = &self.before {
            let seconds = now.at.duration_since(before.at).as_secs_f64();
            if let (Some((all, idle)), Some((all_before, idle_before))) = (now.machine, before.machine) {
                let all = all.saturating_sub(all_before) as f64;
                let busy = all - idle.saturating_sub(idle_before) as f64;
                add("cpu_percent", 100.0 * busy / all, "percent");
                let cores = thread::available_parallelism().map_or(1, usize::from) as f64;
                let grown = |(pid, ticks): (&u32, &u64)| {
                    ticks.saturating_sub(before.processes.get(pid).copied().unwrap_or_default())
                };
                let own: u64 = now.processes.iter().map(grown).sum();
                // The machine counts `all` ticks for all its cores; 100 percent are one core.
                add("process_cpu_percent", 100.0 * cores * own as f64 / all, "percent");
            }
            let mut rates =
                |[first, second]: [&str; 2], now: Option<(u64, u64)>, before: Option<(u64, u64)>| {
                    if let (Some(now), Some(before)) = (now, before) {
                        add(first, now.0.saturating_sub(before.0) as f64 / seconds, "bytes_per_second");
                        add(second, now.1.saturating_sub(before.1) as f64 / seconds, "bytes_per_second");
                    }
                };
            rates(["disk_read", "disk_write"], now.io, before.io);
            rates(["network_receive", "network_send"], now.network, before.network);
        }
        self.before = Some(now);
        add("process_memory", memory as f64, "bytes");
        if let Some(limit) = usable_memory() {
            add("process_memory_percent", 100.0 * memory as f64 / limit as f64, "percent");
        }
        if let Some((used, all)) = used_memory() {
            add("memory_percent", 100.0 * used as f64 / all as f64, "percent");
        }
        if let Some(free) = free_bytes(&self.workspace) {
            add("disk_free", free as f64, "bytes");
        }
        if self.has_gpu {
            match gpus(Path::new("nvidia-smi"), GPU_LIMITS) {
                Some(gpus) => gpus.into_iter().for_each(|(key, value, unit)| add(&key, value, unit)),
                None => self.has_gpu = false,
            }
        }
        found
    }
}

/// Returns the times of all cores, and the idle time, from the first line of `/proc/stat`.
fn machine_ticks(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let times: Vec<u64> = line.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
    let idle = times.get(3)? + times.get(4)?;
    Some((times.iter().sum(), idle))
}

/// Returns the bytes that the processes have read from and written to disks.
fn io_bytes(tree: &Tree) -> Option<(u64, u64)> {
    let mut total = None;
    for pid in &tree.pids {
        let io = read(format!("/proc/{pid}/io"));
        let field =
            |name: &str| io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        if let (Some(read), Some(written)) = (field("read_bytes:"), field("write_bytes:")) {
            let (all_read, all_written) = total.unwrap_or((0, 0));
            total = Some((all_read + read, all_written + written));
        }
    }
    total
}

/// Returns the received and sent bytes of all network devices but the loop-back device.
fn network_bytes(devices: &str) -> Option<(u64, u64)> {
    let mut total = (0, 0);
    for line in devices.lines().skip(2) {
        let (name, fields) = line.split_once(':')?;
        if name.trim() != "lo" {
            let fields: Vec<u64> = fields.split_whitespace().map_while(|field| field.parse().ok()).collect();
            total = (total.0 + fields.first()?, total.1 + fields.get(8)?);
        }
    }
    Some(total)
}

/// Returns the free space of the file system of a directory in bytes.
fn free_bytes(dir: &Path) -> Option<u64> {
    let info = rustix::fs::statvfs(dir).ok()?;
    Some(info.f_bavail.saturating_mul(info.f_frsize))
}

/// Returns key, value and unit of the measurements of NVIDIA devices; `None` if the program `nvidia_smi` does not state
/// them within the limits.
fn gpus(nvidia_smi: &Path, limits: Limits) -> Option<Vec<(String, f64, &'static str)>> {
    const FIELDS: &str = "index,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw";
    let mut command = Command::new(nvidia_smi);
    command.args([&format!("--query-gpu={FIELDS}"), "--format=csv,noheader,nounits"]);
    let table = output(&mut command, limits).ok()?;
    Some(gpu_values(&String::from_utf8_lossy(&table)))
}

fn gpu_values(table: &str) -> Vec<(String, f64, &'static str)> {
    let mut found = Vec::new();
    for line in table.lines() {
        let mut fields = line.split(',').map(str::trim);
        let Some(index) = fields.next().filter(|index| index.parse::<u32>().is_ok()) else { continue };
        let mut next = || fields.next().and_then(|field| field.parse::<f64>().ok());
        let (busy, used, all, heat, power) = (next(), next(), next(), next(), next());
        let percent = used.zip(all).map(|(used, all)| 100.0 * used / all);
        let values = [
            ("percent", busy, "percent"),
            ("memory", used.map(|mebibytes| mebibytes * 1_048_576.0), "bytes"),
            ("memory_percent", percent, "percent"),
            ("temperature", heat, "celsius"),
            ("power", power, "watts"),
        ];
        let known = |(key, value, unit): (&str, Option<f64>, &'static str)| {
            Some((format!("gpu{index}_{key}"), value?, unit))
        };
        found.extend(values.into_iter().filter_map(known));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn counters_are_read_from_the_files_of_the_kernel() {
        assert_eq!(machine_ticks("cpu  1 2 3 40 5 6 7 8 9 9\ncpu0 1\n"), Some((72, 45)));
        let devices = "Inter-| Receive\n face |bytes\n  lo: 9 0 0 0 0 0 0 0 9 0\neth0: 5 0 0 0 0 0 0 0 7 0\n";
        assert_eq!(network_bytes(devices), Some((5, 7)));
    }

    #[test]
    fn program_of_the_driver_that_hangs_is_killed_at_its_limit() {
        let path = std::env::temp_dir().join(format!("contexta-nvidia-smi-{}", std::process::id()));
        fs::write(&path, "#!/bin/sh\nexec tail -f /dev/null\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let limits = Limits { time: Duration::from_millis(20), ..GPU_LIMITS };
        assert_eq!(gpus(&path, limits), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(gpus(&path, limits), None);
    }

    #[test]
    fn value_that_a_device_does_not_have_is_left_out() {
        let found = gpu_values("0, 50, 1024, 4096, 60, [N/A]\n1, 0, 0, 4096, 30, 25.5\nfailed\n");
        let keys: Vec<&str> = found.iter().map(|(key, ..)| key.as_str()).collect();
        let first = ["gpu0_percent", "gpu0_memory", "gpu0_memory_percent", "gpu0_temperature"];
        assert_eq!(keys[..4], first);
        assert_eq!((found[2].1, keys.len(), found[8].1), (25.0, 9, 25.5));
    }
}
