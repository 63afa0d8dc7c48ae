//! The environment of a run.

use crate::contract::error::code::ErrorCode;
use crate::contract::extension::field_set::ExtensionFieldSet;
use crate::contract::issue::collector::Issues;
use crate::contract::model::declare::{model, part, versioned};
use crate::contract::refs::typed::{EnvironmentRef, RunRef};
use crate::contract::rules::place::child_of;
use crate::contract::rules::text::{optional_text, text, text_map};
use crate::contract::rules::valid::Rules;
use crate::contract::time::Timestamp;
use crate::contract::version::SCHEMA_VERSION;
use std::collections::BTreeMap;

model! {
    /// The environment of a run.
    EnvironmentSnapshot ("EnvironmentSnapshot") {
        /// The ref, `environment:PROJECT.RUN.KEY`.
        environment_snapshot_ref: EnvironmentRef,
        /// The run.
        run_ref: RunRef,
        /// The time of the snapshot.
        captured_at: Timestamp,
        /// Operating system and machine.
        platform: String,
    } or {
        /// The version of the Python interpreter, if the run has a Python interpreter.
        python_version: Option<String> = None,
        /// The language runtime, such as `rust`, and its version.
        runtime: Option<Runtime> = None,
        /// The versions of packages, by name of the package.
        packages: BTreeMap<String, String> = BTreeMap::new(),
        /// The values of environment variables, by name. Capture records only the variables that the setting
        /// `security.environment_variable_allowlist` names.
        environment_variables: BTreeMap<String, String> = BTreeMap::new(),
        /// Accelerators, such as GPUs.
        devices: Vec<Device> = Vec::new(); sparse,
        /// The machine on which the run was captured, and the limits of its container.
        host: Option<HostDescription> = None,
        /// The state of the git repository of the code.
        code: Option<CodeState> = None,
        /// Version of the schema.
        schema_version: String = SCHEMA_VERSION.to_owned(),
        /// Extensions: additional fields, grouped by namespace.
        extensions: Vec<ExtensionFieldSet> = Vec::new(),
    }
}

model! {
    /// A language runtime.
    Runtime ("Runtime") {
        /// The name, such as `rust`.
        name: String,
        /// The version.
        version: String,
    } or {}
}

model! {
    /// An accelerator.
    Device ("Device") {
        /// The name that the driver of the device reports.
        name: String,
    } or {
        /// The memory in bytes.
        memory_bytes: Option<u64> = None => SizeBytes,
        /// The version of the device's driver.
        driver: Option<String> = None,
    }
}

model! {
    /// The machine on which a run was captured.
    HostDescription ("HostDescription") {} or {
        /// The name of the host.
        name: Option<String> = None,
        /// The name of the operating system with its version.
        os: Option<String> = None,
        /// The release of the kernel.
        kernel: Option<String> = None,
        /// The model of the processor.
        cpu: Option<String> = None,
        /// The number of logical processors.
        cpu_count: Option<u64> = None,
        /// The size of the memory in bytes.
        memory_bytes: Option<u64> = None => SizeBytes,
        /// The processor limit of the container, in thousandths of a processor.
        cpu_limit_millis: Option<u64> = None,
        /// The memory limit of the container in bytes.
        memory_limit_bytes: Option<u64> = None => SizeBytes,
    }
}

model! {
    /// The state of the git repository that contains the code of a run. The revision is not included: it is a member of
    /// the run.
    CodeState ("CodeState") {} or {
        /// The branch that is checked out.
        branch: Option<String> = None,
        /// The URL of the remote repository, without credentials.
        remote: Option<String> = None,
        /// `true` if tracked files differ from the revision.
        dirty: Option<bool> = None,
        /// The files and directories that are neither tracked nor ignored.
        untracked: Vec<String> = Vec::new(); sparse,
        /// The reason why the diff of the uncommitted changes was not recorded.
        diff_left_out: Option<String> = None,
    }
}

versioned!(EnvironmentSnapshot, "EnvironmentSnapshot", EnvironmentSnapshot);

part!(Runtime, "Runtime", JsonShape);

part!(Device, "Device", JsonShape);

part!(HostDescription, "HostDescription", JsonShape);

impl Default for HostDescription {
    fn default() -> HostDescription {
        HostDescription::new()
    }
}

part!(CodeState, "CodeState", JsonShape);

impl Default for CodeState {
    fn default() -> CodeState {
        CodeState::new()
    }
}

impl EnvironmentSnapshot {
    /// Returns the version of the Python interpreter; `None` if the environment has no such interpreter. The version is the
    /// member `python_version`, or the version of a runtime with the name `python`.
    pub fn python_interpreter(&self) -> Option<&str> {
        let runtime = self.runtime.as_ref().filter(|runtime| runtime.name == "python");
        self.python_version.as_deref().or(runtime.map(|runtime| runtime.version.as_str()))
    }

    fn check_fields(&mut self, issues: &mut Issues) {
        let (own, run) = (&self.environment_snapshot_ref, &self.run_ref);
        child_of(issues, ErrorCode::ContextPrefix, "environment_snapshot_ref", own, run);
        optional_text(issues, "python_version", &mut self.python_version);
        if let Some(runtime) = &mut self.runtime {
            issues.within("runtime", |issues| Rules::normalize(runtime, issues));
        }
        text(issues, "platform", &mut self.platform);
        text_map(issues, "packages", &mut self.packages);
        text_map(issues, "environment_variables", &mut self.environment_variables);
        issues.within("devices", |issues| {
            for (n, device) in self.devices.iter_mut().enumerate() {
                issues.at_index(n, |issues| Rules::normalize(device, issues));
            }
        });
        if let Some(host) = &mut self.host {
            issues.within("host", |issues| Rules::normalize(host, issues));
        }
        if let Some(code) = &mut self.code {
            issues.within("code", |issues| Rules::normalize(code, issues));
        }
    }
}

impl Runtime {
    fn check_fields(&mut self, issues: &mut Issues) {
        text(issues, "name", &mut self.name);
        text(issues, "version", &mut self.version);
    }
}

impl Device {
    fn check_fields(&mut self, issues: &mut Issues) {
        text(issues, "name", &mut self.name);
        optional_text(issues, "driver", &mut self.driver);
    }
}

impl HostDescription {
    fn check_fields(&mut self, issues: &mut Issues) {
        optional_text(issues, "name", &mut self.name);
        optional_text(issues, "os", &mut self.os);
        optional_text(issues, "kernel", &mut self.kernel);
        optional_text(issues, "cpu", &mut self.cpu);
    }
}

impl CodeState {
    fn check_fields(&mut self, issues: &mut Issues) {
        optional_text(issues, "branch", &mut self.branch);
        optional_text(issues, "remote", &mut self.remote);
        optional_text(issues, "diff_left_out", &mut self.diff_left_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json::canonical::Canonical;
    use crate::contract::{Valid, deserialize_environment_snapshot};

    fn snapshot() -> EnvironmentSnapshot {
        let own: EnvironmentRef = "environment:p.r.runtime".parse().unwrap();
        let run: RunRef = "run:p.r".parse().unwrap();
        EnvironmentSnapshot::new(own, run, Timestamp::parse("2024-01-01T00:00:00Z").unwrap(), "linux")
    }

    #[test]
    fn absent_descriptions_are_not_in_the_canonical_text() {
        let text = snapshot().to_json().unwrap();
        assert!(!text.contains("host") && !text.contains("code") && !text.contains("devices"), "{text}");
    }

    #[test]
    fn host_and_code_survive_canonical_text() {
        let mut host = HostDescription::new();
        host.name = Some("node7".to_owned());
        host.cpu_limit_millis = Some(1500);
        host.memory_bytes = Some(u64::MAX);
        let mut code = CodeState::new();
        code.dirty = Some(false);
        code.untracked = vec!["未跟踪 ".to_owned()];
        let whole = EnvironmentSnapshot { host: Some(host), code: Some(code), ..snapshot() };
        let valid = Valid::new(whole).unwrap();
        let text = valid.to_json().unwrap();
        assert!(text.contains(r#""code":{"dirty":false,"untracked":["未跟踪 "]}"#), "{text}");
        let read = deserialize_environment_snapshot(text.as_str(), None).unwrap();
        assert_eq!(read.to_json().unwrap(), text);
        let blank = EnvironmentSnapshot {
            host: Some(HostDescription { os: Some(" ".to_owned()), ..HostDescription::new() }),
            ..snapshot()
        };
        assert_eq!(Valid::new(blank).unwrap_err().field.as_deref(), Some("host.os"));
    }
}
