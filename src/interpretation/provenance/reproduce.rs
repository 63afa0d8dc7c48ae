//! Commands that reproduce a run: its code, environment, data and command line.

use crate::contract::{ArtifactRef, EnvironmentSnapshot, RelationType, RunRef, StableRef};
use crate::interpretation::error::Result;
use crate::interpretation::provenance::code::{Patch, REDACTED, RunCode, code_of};
use crate::interpretation::provenance::shell::{comment, quoted};
use crate::interpretation::query::snapshot::outline;
use crate::store::location::local_path;
use crate::store::{ArtifactRow, Attempts, Note, Severity, Store, StoreView};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The environment variables that select programs on the machine where the run was recorded. The script does
/// not set these variables, because the values would replace the Python environment that the script creates.
const MACHINE_VARIABLES: [&str; 3] = ["PATH", "PYTHONHOME", "VIRTUAL_ENV"];

/// The options of [`reproduce`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReproduceOptions {
    /// The directory for the code. The commands create this directory. The default name is `reproduce-`
    /// followed by the id of the run. The directory for the environment has the same name with the suffix
    /// `.venv`. The directory for the data has the suffix `.data`.
    pub directory: Option<String>,
    /// The directory that is the base of relative paths of bodies, such as the current directory.
    pub base: PathBuf,
}

/// The commands that reproduce a run in a POSIX shell. The current directory of the shell must be in the git
/// repository of the code.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reproduction {
    /// The run.
    pub run_ref: RunRef,
    /// The directory for the code.
    pub directory: String,
    /// The steps, in the order of their execution.
    pub steps: Vec<ReproductionStep>,
    /// The parts of the run that the commands do not reproduce.
    pub missing: Vec<MissingPart>,
    /// Notes on missing data, and on parts that may differ.
    pub notes: Vec<Note>,
}

/// One step of the reproduction of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReproductionStep {
    /// The name of the step: `code`, `environment`, `data` or `command`.
    pub name: &'static str,
    /// A description in one line.
    pub title: String,
    /// The commands. Every text from the log is quoted for a POSIX shell.
    pub commands: Vec<String>,
}

/// A part of a run that cannot be reproduced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingPart {
    /// A stable code.
    pub code: &'static str,
    /// The reason why the part cannot be reproduced.
    pub message: String,
}

impl Reproduction {
    /// Returns `true` if the commands reproduce every part of the run.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Returns the commands as a script for a POSIX shell. Comments name the steps and the missing parts. The script
    /// stops at the first command that fails.
    #[must_use]
    pub fn script(&self) -> String {
        let mut lines = vec!["#!/bin/sh".to_owned(), comment(&format!("Reproduces {}.", self.run_ref))];
        lines.extend(self.missing.iter().map(|part| comment(&format!("MISSING: {}", part.message))));
        lines.push("set -eu".to_owned());
        for step in &self.steps {
            lines.push(String::new());
            lines.push(comment(&step.title));
            lines.extend(step.commands.iter().cloned());
        }
        lines.join("\n") + "\n"
    }

    fn miss(&mut self, code: &'static str, message: impl Into<String>) {
        self.missing.push(MissingPart { code, message: message.into() });
    }

    fn step(&mut self, name: &'static str, title: impl Into<String>, commands: Vec<String>) {
        self.steps.push(ReproductionStep { name, title: title.into(), commands });
    }

    fn note(&mut self, code: &'static str, message: String) {
        self.notes.push(Note::new(Severity::Warning, code, message).with("run", &self.run_ref));
    }
}

/// Returns the commands that reproduce a run.
pub fn reproduce(store: &Store, run: &str, options: &ReproduceOptions) -> Result<Reproduction> {
    store.read(|view| {
        let outline = outline(view, run, Attempts::Newest)?;
        let run = &outline.run;
        let name = options.directory.clone();
        let name = name.unwrap_or_else(|| format!("reproduce-{}", run.run_ref.last_component()));
        // A path that begins with a dot or a slash is never mistaken for an option of a command.
        let is_path = name.starts_with(['.', '/']);
        let directory = if is_path { name } else { format!("./{name}") };
        let mut answer = Reproduction {
            run_ref: run.run_ref.clone(),
            directory,
            steps: Vec::new(),
            missing: Vec::new(),
            notes: view.notes(),
        };
        if run.attempts > 1 {
            let message = format!(
                "the run has {} attempts; the script reproduces the first, because the code and the command line of \
                 later attempts are not recorded",
                run.attempts
            );
            answer.miss("later_attempts", message);
        }
        let code = code_of(view, run, &outline.artifacts)?;
        add_code(&mut answer, view, &code, &options.base);
        add_environment(&mut answer, &code.environments);
        let used = used_by(
            &run.run_ref,
            outline.relations.iter().map(|edge| (&edge.source_ref, edge.relation_type, &edge.target_ref)),
        );
        add_data(&mut answer, view, &used, &options.base)?;
        if let Some(dataset) = &run.dataset_ref {
            let message =
                format!("the run names the data set {dataset:?}; its content is not part of the commands");
            answer.note("reproduce_dataset_not_stored", message);
        }
        add_command(&mut answer, run.command.as_deref(), code.revision.is_some());
        Ok(answer)
    })
}

/// Returns the path of the body of an artifact as a word of a command. A relative path is appended to `base`.
/// Returns `None` if the body has no path, or if the path is not UTF-8.
fn word_of(view: &StoreView<'_>, artifact: &ArtifactRow, base: &Path) -> Option<String> {
    Some(quoted(base.join(view.artifact_path(artifact)?).to_str()?))
}

/// Adds the commands that check out the revision and apply the patch.
fn add_code(answer: &mut Reproduction, view: &StoreView<'_>, code: &RunCode, base: &Path) {
    let Some(revision) = &code.revision else {
        answer.miss("code_revision_missing", "the revision of the code was not recorded");
        return;
    };
    let directory = quoted(&answer.directory);
    let mut commands = vec![format!("git worktree add --detach -- {directory} {}", quoted(revision))];
    match &code.patch {
        Patch::Clean => {}
        Patch::Missing(reason) => {
            answer.miss(
                "code_patch_missing",
                format!("the uncommitted change of the code is unknown: {reason}"),
            );
        }
        Patch::Content(_) => {
            match code.artifact.as_ref().and_then(|artifact| word_of(view, artifact, base)) {
                Some(patch) => {
                    commands.push(format!("git -C {directory} apply --whitespace=nowarn -- {patch}"))
                }
                None => answer
                    .miss("code_patch_missing", "the file with the uncommitted change has no UTF-8 path"),
            }
        }
    }
    if code.is_redacted() {
        let message =
            "the patch contains texts that capture put in place of secrets; the code may differ there";
        answer.miss("code_patch_redacted", message);
    }
    if !code.untracked().is_empty() {
        let names = Vec::from_iter(code.untracked().iter().map(|path| format!("{path:?}"))).join(", ");
        let message = format!("these files were not in the repository, and are not reproduced: {names}");
        answer.miss("code_untracked_files", message);
    }
    let remote = code.state.as_ref().and_then(|state| state.remote.as_deref());
    let title = match remote {
        Some(remote) => {
            format!("Code: revision {revision} of {remote}. Run the script in a clone of the repository.")
        }
        None => format!("Code: revision {revision}. Run the script in the repository."),
    };
    answer.step("code", title, commands);
}

/// Adds the commands that install the packages and set the variables of the environment.
fn add_environment(answer: &mut Reproduction, environments: &[EnvironmentSnapshot]) {
    // An environment with a Python interpreter describes the program of the run. This environment takes
    // precedence over the environment of the capturing process.
    let python = environments.iter().rfind(|environment| environment.python_interpreter().is_some());
    let Some(environment) = python.or(environments.last()) else {
        answer.miss("environment_missing", "no environment was recorded");
        return;
    };
    if environment.packages.is_empty() {
        answer.miss("packages_missing", "the packages of the environment were not recorded");
    }
    let mut commands = Vec::new();
    if let Some(version) = python.and_then(|python| python.python_interpreter()) {
        commands.extend(python_commands(answer, version, &environment.packages));
    }
    commands.extend(variable_commands(answer, &environment.environment_variables));
    let runtime = environment.runtime.as_ref().map(|runtime| format!("{} {}", runtime.name, runtime.version));
    let version = environment.python_version.as_ref().map(|version| format!("python {version}"));
    let runtime = runtime.or(version).unwrap_or_else(|| "unknown runtime".to_owned());
    let count = environment.packages.len();
    if python.is_none() && count > 0 {
        let message = "the script does not install the recorded packages, because the run has no Python \
                       interpreter; the lock file of the code may contain their versions";
        answer.note("reproduce_packages_not_installed", message.to_owned());
    }
    let title = format!("Environment: {runtime} on {}. Recorded packages: {count}.", environment.platform);
    answer.step("environment", title, commands);
}

/// Returns the name of the Python interpreter for a version, such as `python3.12`. The name contains the
/// first two numbers of the version. Returns `None` if the version does not begin with two numbers.
fn interpreter_of(version: &str) -> Option<String> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = version.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    (number(major) && number(minor)).then(|| format!("python{major}.{minor}"))
}

/// Returns the commands that set the recorded variables.
fn variable_commands(answer: &mut Reproduction, variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut commands = Vec::new();
    let mut left_out = Vec::new();
    for (name, value) in variables {
        let mut characters = name.chars();
        let starts = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if MACHINE_VARIABLES.contains(&name.as_str()) {
            left_out.push(name.as_str());
        } else if !(starts && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')) {
            answer.miss("variable_invalid", format!("a shell cannot set the variable {name:?}"));
        } else if value.contains(REDACTED) {
            let message = format!(
                "the value of the variable {name} contains texts that capture put in place of secrets; set the \
                 variable before you run the script"
            );
            answer.miss("variable_redacted", message);
        } else {
            commands.push(format!("export {name}={}", quoted(value)));
        }
    }
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        let message =
            format!("the script does not set {names}, which select programs of the recorded machine");
        answer.note("reproduce_variables_left_out", message);
    }
    commands
}

/// Returns the commands that create a Python environment with the packages in `packages`.
fn python_commands(
    answer: &mut Reproduction,
    version: &str,
    packages: &BTreeMap<String, String>,
) -> Vec<String> {
    // A word that begins with a dash would be an option of pip.
    let is_word = |text: &str, more: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let (pinned, other): (Vec<_>, Vec<_>) =
        packages.iter().partition(|(name, version)| is_word(name, "-_.") && is_word(version, "-_.+!"));
    for (name, version) in other {
        let message = format!("the package {name:?} with the version {version:?} cannot be installed by pip");
        answer.miss("package_invalid", message);
    }
    let venv = quoted(&format!("{}.venv", answer.directory));
    let interpreter = interpreter_of(version).unwrap_or_else(|| "python3".to_owned());
    let message = format!("the script uses {interpreter}; the run used the version {version:?} of Python");
    answer.note("reproduce_python_version_unchecked", message);
    let mut commands = vec![format!("{interpreter} -m venv {venv}")];
    if !pinned.is_empty() {
        let list = quoted(&format!("{}.requirements.txt", answer.directory));
        let lines = pinned.iter().map(|(name, version)| quoted(&format!("{name}=={version}")));
        commands.push(format!("printf '%s\\n' {} > {list}", Vec::from_iter(lines).join(" ")));
        commands.push(format!("{venv}/bin/python -m pip install --no-deps --requirement {list}"));
    }
    commands.push(format!("PATH=\"$(cd {venv}/bin && pwd):$PATH\""));
    commands.push("export PATH".to_owned());
    commands
}

/// Returns the refs of the artifacts that a run or one of its parts used, including artifacts of the run
/// itself. The refs are sorted and contain no duplicates.
fn used_by<'e>(
    run: &RunRef,
    edges: impl Iterator<Item = (&'e StableRef, RelationType, &'e StableRef)>,
) -> Vec<StableRef> {
    let inside = format!("{}.", run.value());
    let is_of_run = |end: &StableRef| end.value() == run.value() || end.value().starts_with(&inside);
    let mut used: Vec<StableRef> = edges
        .filter_map(|(source, kind, target)| match kind {
            RelationType::Used => Some((source, target)),
            RelationType::ConsumedBy => Some((target, source)),
            _ => None,
        })
        .filter(|(user, artifact)| is_of_run(user) && artifact.kind() == "artifact")
        .map(|(_, artifact)| artifact.clone())
        .collect();
    used.sort();
    used.dedup();
    used
}

/// Adds the commands that copy the used artifacts and check their digests. Artifacts of the run itself are
/// left out, except the snapshot of its configuration.
fn add_data(answer: &mut Reproduction, view: &StoreView<'_>, used: &[StableRef], base: &Path) -> Result<()> {
    let data = format!("{}.data", answer.directory);
    let mut commands = Vec::new();
    for artifact_ref in used {
        let own = ArtifactRef::parse(artifact_ref.as_str()).ok();
        let Some(artifact) = own.map(|own| view.artifact(&own)).transpose()?.flatten() else {
            answer.miss("data_missing", format!("{artifact_ref} is not in this workspace"));
            continue;
        };
        let is_output = artifact.manifest.run_ref == answer.run_ref;
        if is_output && artifact.manifest.artifact_kind != "config_snapshot" {
            continue;
        }
        let artifact = view.with_sha256(artifact);
        let sha256 = artifact.manifest.sha256().or_else(|| artifact.stored_sha256.clone());
        if artifact.is_tree() {
            answer.miss(
                "data_is_directory",
                format!("{artifact_ref} is a directory, which the script does not copy"),
            );
            continue;
        }
        let file = match (&artifact.body, word_of(view, &artifact, base)) {
            (Some(_), Some(body)) => {
                let copy = quoted(&format!("{data}/{}", artifact_ref.value()));
                commands.push(format!("mkdir -p {} && cp -- {body} {copy}", quoted(&data)));
                copy
            }
            (None, Some(path)) if local_path(&artifact.manifest.location_ref).is_some() => path,
            _ => {
                let location = &artifact.manifest.location_ref;
                let message =
                    format!("{artifact_ref} has no body in this workspace; its location is {location:?}");
                answer.miss("data_missing", message);
                continue;
            }
        };
        match sha256 {
            Some(digest) => {
                commands.push(format!("test \"$(sha256sum < {file} | cut -c 1-64)\" = {}", quoted(&digest)));
            }
            None => {
                answer.note("reproduce_data_unchecked", format!("the digest of {artifact_ref} is unknown"))
            }
        }
    }
    if !commands.is_empty() {
        answer.step("data", "Data: the artifacts that the run used, compared with their digests.", commands);
    }
    Ok(())
}

/// Adds the command line.
fn add_command(answer: &mut Reproduction, command: Option<&str>, has_code: bool) {
    let Some(command) = command else {
        answer.miss("command_missing", "the command line was not recorded");
        return;
    };
    if command.contains(REDACTED) {
        let message = "the command line contains texts that capture put in place of secrets; replace them";
        answer.miss("command_redacted", message);
    }
    // The whole command is one word, so a quote that is not closed affects no other command.
    let run = format!("sh -c {}", quoted(command));
    let line = if has_code { format!("(cd {} && {run})", quoted(&answer.directory)) } else { run };
    let title = "Command line. The run may have had another working directory.";
    answer.step("command", title, vec![line]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_that_other_runs_used_are_not_data_of_the_run() {
        let parse = |text: &str| StableRef::parse(text).unwrap();
        let run = RunRef::parse("run:p.a").unwrap();
        let [own, part, longer, data, model] =
            ["run:p.a", "stage:p.a.train", "run:p.ab", "artifact:p.x.data", "artifact:p.x.model"].map(parse);
        let edges = [
            (&own, RelationType::Used, &data),
            (&model, RelationType::ConsumedBy, &part),
            (&part, RelationType::Used, &data),
            (&longer, RelationType::Used, &own),
            (&data, RelationType::ProducedBy, &own),
        ];
        assert_eq!(used_by(&run, edges.into_iter()), [data.clone(), model.clone()]);
        assert!(used_by(&run, [(&longer, RelationType::Used, &data)].into_iter()).is_empty());
    }
}
