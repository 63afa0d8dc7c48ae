//! The environment of the process: platform, host, devices, packages, code, and the environment variables on the allow
//! list.
//!
//! Environment variables that are not on the allow list are not recorded. A value that cannot be determined is left
//! out, and the run starts without the value. External programs run without a shell, with limits of time and output
//! ([`command`]).

pub mod code;
pub mod command;
pub mod devices;
pub mod host;
pub mod packages;
pub mod python;
mod revision;
mod small_file;

use std::collections::BTreeMap;
use std::fs;

/// Returns the commit that is checked out in the git repository that contains the current directory; `None` if the
/// commit cannot be determined. Reads files, and runs no program.
pub(super) fn revision() -> Option<String> {
    revision::revision_at(&std::env::current_dir().ok()?)
}

/// Returns a text with the operating system, its release if known, the processor architecture, and the number of cores.
pub(super) fn platform() -> String {
    let (os, machine) = (std::env::consts::OS, std::env::consts::ARCH);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let words = [os, release.trim(), machine].into_iter().filter(|w| !w.is_empty());
    format!("{} ({cores} cores)", words.collect::<Vec<_>>().join(" "))
}

/// Returns the name of this machine; an empty text if the name is not known.
pub(crate) fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Returns the values of the environment variables in `allowed`. Variables that are not set, not text, or blank are
/// left out.
pub(super) fn variables(allowed: &[String]) -> BTreeMap<String, String> {
    let value = |name: &String| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    allowed.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_variable_is_read_that_is_not_on_the_list() {
        assert!(variables(&[]).is_empty());
        // Cargo sets the first variable for every test.
        let found = variables(&["CARGO_PKG_NAME".to_owned(), "CONTEXTA_NOT_SET".to_owned()]);
        assert_eq!(found, BTreeMap::from([("CARGO_PKG_NAME".to_owned(), "contexta".to_owned())]));
    }
}
