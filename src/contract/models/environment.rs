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

versioned!(EnvironmentSnapshot, "EnvironmentSnapshot", EnvironmentSnapshot);

part!(Runtime, "Runtime", JsonShape);

part!(Device, "Device", JsonShape);

impl EnvironmentSnapshot {
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
