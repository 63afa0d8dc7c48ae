//! Comparisons of the code of two runs, and the commands that reproduce a run. The tests use a real git
//! repository.

use crate::support::{TempDir, import_lines};
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::interpretation::RunListQuery;
use contexta::{Contexta, Options};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The time of the imported facts.
const AT: &str = "2026-01-01T00:00:00Z";
/// The members of the imported project.
const PROJECT: &str = r#""project_ref":"project:p","name":"p","created_at":"2026-01-01T00:00:00Z""#;

/// Runs a program, which must succeed. The git settings of the user are ignored.
fn run(program: &str, dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output.stderr));
    output
}

fn git(dir: &Path, arguments: &[&str]) {
    run("git", dir, &[&["-c", "user.name=A", "-c", "user.email=a@b"], arguments].concat());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs the command `contexta` in a directory.
fn contexta(workspace: &Path, dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contexta"));
    command.arg("--workspace").arg(workspace).args(arguments).current_dir(dir).output().unwrap()
}

fn json(workspace: &Path, dir: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = contexta(workspace, dir, &[arguments, &["--format", "json"]].concat());
    (output.status.code().unwrap(), parse(&text(&output.stdout)).unwrap())
}

fn missing(answer: &Value) -> Vec<String> {
    let Some(Value::List(parts)) = answer.get("missing") else { panic!("{answer:?}") };
    parts.iter().map(|part| part.get("code").unwrap().as_str().unwrap().to_owned()).collect()
}

fn codes(answer: &Value) -> Vec<String> {
    let Some(Value::List(notes)) = answer.get("notes") else { panic!("{answer:?}") };
    notes.iter().map(|note| note.get("code").unwrap().as_str().unwrap().to_owned()).collect()
}

/// Returns the paths and contents of the files below a directory, without the directory or file `.git`.
fn files(dir: &Path, root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.into_iter().filter(|path| !path.ends_with(".git")) {
        match path.is_dir() {
            true => found.extend(files(&path, root)),
            false => found.push((path.strip_prefix(root).unwrap().to_path_buf(), fs::read(&path).unwrap())),
        }
    }
    found
}

/// Creates a repository with files of unusual names, a lock file, and an uncommitted change.
fn repository(dir: &Path) -> PathBuf {
    let root = dir.join("code");
    fs::create_dir_all(&root).unwrap();
    git(&root, &["init", "-q", "-b", "main"]);
    for (name, content) in [
        ("训练.py", "print(1)\n"),
        ("it's a \"name\".txt", "a\nb\n"),
        ("two\nlines", "x\n"),
        ("gone", "g\n"),
        ("Cargo.lock", "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\n"),
    ] {
        fs::write(root.join(name), content).unwrap();
    }
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-q", "-m", "m"]);
    fs::write(root.join("训练.py"), "print(2)\n").unwrap();
    fs::write(root.join("it's a \"name\".txt"), "a\nc without an end").unwrap();
    fs::write(root.join("two\nlines"), [0u8, 159, 146, 150]).unwrap();
    fs::remove_file(root.join("gone")).unwrap();
    fs::write(root.join("new 文件"), "n\n").unwrap();
    git(&root, &["add", "-A"]);
    root
}

/// Records that a run used an artifact whose body is in the workspace, and returns the ref of the artifact.
fn use_data(workspace: &Path, dir: &Path) -> String {
    let opened = Options::new(workspace).detect_code_revision(false).open().unwrap();
    let trained = opened.list_runs(RunListQuery::default()).unwrap().runs.remove(0).run.run_ref;
    let file = dir.join("data.csv");
    fs::write(&file, "1,2\n").unwrap();
    let source = opened.run("data").run_id("data").start().unwrap();
    source.register_artifact("dataset", &file).unwrap();
    source.complete().unwrap();
    let data = opened.run_snapshot("data").unwrap().artifacts.remove(0).manifest.artifact_ref;
    import_lines(&opened, &used_by(trained.as_str(), data.as_str()));
    opened.close().unwrap();
    data.to_string()
}

/// Opens the workspace `w` in a directory.
fn open(dir: &TempDir) -> Contexta {
    Options::new(dir.path().join("w")).project("p").detect_code_revision(false).open().unwrap()
}

/// Returns the line of an interchange file for an object with these members.
fn line(kind: &str, members: &str) -> String {
    format!("{{\"kind\":\"{kind}\",\"object\":{{{members}}}}}\n")
}

/// Returns the line for a completed run of the project `p`. `members` begins with a comma, or is empty.
fn completed_run(id: &str, members: &str) -> String {
    let own = format!(
        r#""run_ref":"run:p.{id}","project_ref":"project:p","name":"{id}","status":"completed","started_at":"{AT}","ended_at":"2026-01-01T01:00:00Z"{members}"#
    );
    line("run", &own)
}

/// Returns the line for the relation that a run used an artifact.
fn used_by(run: &str, artifact: &str) -> String {
    let members = format!(
        r#""relation_ref":"relation:used","relation_type":"used","source_ref":"{run}","target_ref":"{artifact}","recorded_at":"{AT}","origin_marker":"explicit","confidence_marker":"high""#
    );
    line("relation", &members)
}

/// Returns the line for an environment of a run of the project `p`.
fn environment(run: &str, id: &str, at: &str, members: &str) -> String {
    let own = format!(
        r#""environment_snapshot_ref":"environment:p.{run}.{id}","run_ref":"run:p.{run}","captured_at":"{at}","platform":"linux",{members}"#
    );
    line("environment", &own)
}

#[test]
fn printed_commands_give_the_files_of_the_run() {
    let dir = TempDir::new("reproduce");
    let (code, workspace) = (repository(dir.path()), dir.path().join("工作 区"));
    let before = files(&code, &code);
    let script = "printf '%s' \"$1\" > 'out '\"$2\"";
    let argument = "it's 训练 $HOME `id`\nend";
    let exec = ["exec", "--run", "训练", "--", "sh", "-c", script, "sh", argument, "1"];
    let output = contexta(&workspace, &code, &exec);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let after = files(&code, &code);
    assert_eq!(after.len(), before.len() + 1);
    let data = use_data(&workspace, dir.path());

    let clone = dir.path().join("a clone");
    git(dir.path(), &["clone", "-q", "code", "a clone"]);
    let target = dir.path().join("目录 it's; $x");
    let arguments = ["run", "reproduce", "训练", "--directory", target.to_str().unwrap()];
    let (exit, answer) = json(&workspace, &clone, &arguments);
    assert_eq!((exit, missing(&answer), answer.get("complete")), (0, vec![], Some(&Value::Bool(true))));
    assert!(codes(&answer).contains(&"reproduce_packages_not_installed".to_owned()), "{answer:?}");
    let printed = contexta(&workspace, &clone, &arguments);
    assert_eq!(printed.status.code(), Some(0));
    assert_eq!(answer.get("script").unwrap().as_str().unwrap(), text(&printed.stdout));
    fs::write(clone.join("run.sh"), &printed.stdout).unwrap();
    run("sh", &clone, &["run.sh"]);
    // The directory contains the files of the run and the file that the command wrote.
    assert_eq!(files(&target, &target), after);
    assert_eq!(fs::read(target.join("out 1")).unwrap(), argument.as_bytes());
    let copied =
        PathBuf::from(format!("{}.data", target.display())).join(data.strip_prefix("artifact:").unwrap());
    assert_eq!(fs::read(copied).unwrap(), b"1,2\n");

    // Without the body of the patch, the uncommitted change is missing.
    let opened = Options::new(&workspace).detect_code_revision(false).open().unwrap();
    let patch = opened.run_snapshot("训练").unwrap().artifacts.remove(0);
    assert_eq!(patch.manifest.artifact_kind, "code_change");
    let audit = opened.audit_reproducibility("训练").unwrap();
    assert!(audit.checks.contains(&("code_changes", true)), "{:?}", audit.checks);
    let path =
        opened.store().read(|view| Ok::<_, contexta::store::Error>(view.artifact_path(&patch))).unwrap();
    opened.close().unwrap();
    let path = path.unwrap();
    fs::remove_file(&path).unwrap();
    let (exit, answer) = json(&workspace, &clone, &arguments);
    assert_eq!((exit, missing(&answer)), (1, vec!["code_patch_missing".to_owned()]));
}

#[test]
fn missing_parts_of_a_run_are_named() {
    let dir = TempDir::new("reproduce-missing");
    let (workspace, opened) = (dir.path().join("w"), open(&dir));
    let lines = [
        line("project", PROJECT),
        completed_run("bare", ""),
        completed_run("dirty", r#","code_revision":"-x; rm 'a'","command":"train --token [redacted]""#),
        environment(
            "dirty",
            "e",
            AT,
            r#""python_version":"3.12.1","packages":{"numpy":"2.0.1","a b":"1","-r":"1","x-y":"-1","x":"1\n--index-url http://e"},"code":{"dirty":true,"untracked":["未跟踪"]}"#,
        ),
        line(
            "artifact",
            r#""artifact_ref":"artifact:p.other.d","artifact_kind":"data","run_ref":"run:p.other","created_at":"2026-01-01T00:00:00Z","producer_ref":"t","location_ref":"s3://b/d""#,
        ),
        used_by("run:p.dirty", "artifact:p.other.d"),
    ];
    import_lines(&opened, &lines.concat());
    let bare = opened.reproduce_run("bare", None).unwrap();
    let found: Vec<&str> = bare.missing.iter().map(|part| part.code).collect();
    assert_eq!(found, ["code_revision_missing", "environment_missing", "command_missing"]);
    assert!(!bare.is_complete() && bare.steps.is_empty());
    let dirty = opened.reproduce_run("dirty", None).unwrap();
    let found: Vec<&str> = dirty.missing.iter().map(|part| part.code).collect();
    assert_eq!(
        found,
        [
            "code_patch_missing",
            "code_untracked_files",
            "package_invalid",
            "package_invalid",
            "package_invalid",
            "package_invalid",
            "data_missing",
            "command_redacted"
        ]
    );
    let script = dirty.script();
    assert!(
        script.contains("git worktree add --detach -- ./reproduce-dirty '-x; rm '\\''a'\\'''\n"),
        "{script}"
    );
    assert!(script.contains("numpy==2.0.1") && !script.contains("--index-url http://e\n"), "{script}");
    opened.close().unwrap();
    drop(opened);
    let output = contexta(&workspace, dir.path(), &["run", "reproduce", "bare"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("# MISSING: the revision of the code was not recorded"));
}

#[test]
fn environment_of_a_python_run_has_its_packages_and_variables() {
    let dir = TempDir::new("reproduce-python");
    let opened = open(&dir);
    let lines = [
        line("project", PROJECT),
        completed_run("r", r#","command":"printf '%s' \"$GREETING\" > out; train""#),
        environment(
            "r",
            "e",
            AT,
            r#""python_version":"3.12.1","packages":{"numpy":"2.0.1","torch":"2.1.0+cu118"},"environment_variables":{"GREETING":"it's 你好\n$HOME","DB_URL":"db://u:[redacted]@h","PATH":"/none","PYTHONHOME":"/none"}"#,
        ),
    ];
    import_lines(&opened, &lines.concat());
    let answer = opened.reproduce_run("r", Some("venv of r")).unwrap();
    let found: Vec<&str> = answer.missing.iter().map(|part| part.code).collect();
    assert_eq!(found, ["code_revision_missing", "variable_redacted"]);
    let notes: Vec<&str> = answer.notes.iter().map(|note| note.code).collect();
    assert_eq!(notes, ["reproduce_python_version_unchecked", "reproduce_variables_left_out"]);
    assert!(!answer.script().contains("DB_URL=") && !answer.script().contains("/none"));
    // These programs replace Python. The first program creates an environment, and the second program
    // installs its packages.
    let programs = dir.path().join("programs");
    fs::create_dir_all(&programs).unwrap();
    let python = "#!/bin/sh\nmkdir -p \"$3/bin\"\nprintf '%s\\n' '#!/bin/sh' 'cp \"$6\" installed' > \"$3/bin/python\"\n\
                  printf '%s\\n' '#!/bin/sh' 'echo of the environment > trained' > \"$3/bin/train\"\n\
                  chmod +x \"$3/bin/python\" \"$3/bin/train\"\n";
    fs::write(programs.join("python3.12"), python).unwrap();
    run("chmod", dir.path(), &["+x", "programs/python3.12"]);
    fs::write(dir.path().join("run.sh"), answer.script()).unwrap();
    run("sh", dir.path(), &["-c", "PATH=\"$PWD/programs:$PATH\" sh run.sh"]);
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read("installed"), "numpy==2.0.1\ntorch==2.1.0+cu118\n");
    assert_eq!(read("out"), "it's 你好\n$HOME");
    assert_eq!(read("trained"), "of the environment\n");
}

#[test]
fn resumed_run_is_not_complete() {
    let dir = TempDir::new("reproduce-resumed");
    let opened = open(&dir);
    opened.run("r").run_id("r").command("train").start().unwrap().complete().unwrap();
    let codes = || {
        let answer = opened.reproduce_run("r", None).unwrap();
        answer.missing.iter().map(|part| part.code).collect::<Vec<_>>()
    };
    assert!(!codes().contains(&"later_attempts"));
    opened.resume("r").unwrap().start().unwrap().complete().unwrap();
    assert!(codes().contains(&"later_attempts"));
}

#[test]
fn audit_reads_the_code_of_any_environment_of_the_run() {
    let dir = TempDir::new("audit-code");
    let opened = open(&dir);
    let lines = [
        line("project", PROJECT),
        completed_run("r", r#","code_revision":"abc""#),
        environment("r", "a", AT, r#""code":{"dirty":false}"#),
        environment("r", "b", "2026-01-01T00:00:01Z", r#""python_version":"3.12.1""#),
    ];
    import_lines(&opened, &lines.concat());
    let audit = opened.audit_reproducibility("r").unwrap();
    assert_eq!(audit.environment.unwrap().as_str(), "environment:p.r.b");
    assert!(audit.checks.contains(&("code_changes", true)), "{:?}", audit.checks);
    let answer = opened.reproduce_run("r", None).unwrap();
    assert!(answer.missing.iter().all(|part| part.code != "code_patch_missing"), "{:?}", answer.missing);
}

#[test]
fn difference_of_the_code_has_the_lines_of_the_patches() {
    let dir = TempDir::new("code-diff");
    let (code, workspace) = (repository(dir.path()), dir.path().join("w"));
    let exec = |name: &str| {
        let output = contexta(&workspace, &code, &["exec", "--run", name, "--", "true"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    exec("a");
    exec("same");
    fs::write(code.join("训练.py"), "print(3)\n").unwrap();
    exec("b");
    let diff = |left: &str, right: &str| contexta(&workspace, &code, &["run", "diff", left, right, "--code"]);
    let shown = text(&diff("a", "b").stdout);
    assert!(shown.starts_with("--- run:") && shown.contains("\n-+print(2)\n++print(3)\n"), "{shown}");
    assert!(shown.contains("\n@@ -") && !shown.contains("-revision"), "{shown}");
    assert_eq!(text(&diff("a", "same").stdout), "the code does not differ\n");
    git(&code, &["commit", "-q", "-a", "-m", "n"]);
    exec("c");
    let (exit, answer) = json(&workspace, &code, &["run", "diff", "a", "c", "--code"]);
    assert_eq!(exit, 0);
    assert!(codes(&answer).contains(&"code_revisions_differ".to_owned()), "{answer:?}");
    let shown = answer.get("text").unwrap().as_str().unwrap();
    assert!(shown.contains("\n-revision ") && shown.contains("\n+uncommitted change none\n"), "{shown}");
    assert_ne!(answer.get("left_revision"), answer.get("right_revision"));
    assert_eq!(contexta(&workspace, &code, &["run", "diff", "a", "c"]).status.code(), Some(2));
}

#[test]
fn large_patches_are_compared_by_size_and_digest() {
    let dir = TempDir::new("code-diff-large");
    let opened = open(&dir);
    for (id, lines) in [("a", 300_000), ("same", 300_000), ("b", 300_001), ("small", 3)] {
        let patch = dir.path().join(format!("{id}.patch"));
        fs::write(&patch, "\n".repeat(lines)).unwrap();
        let run = opened.run(id).run_id(id).start().unwrap();
        run.register_artifact("code_change", &patch).unwrap();
        run.complete().unwrap();
    }
    let diff = opened.diff_code("a", "b").unwrap();
    let large = |diff: &contexta::interpretation::CodeDiff| {
        diff.notes.iter().filter(|note| note.code == "code_patch_too_large").count()
    };
    assert_eq!(large(&diff), 2, "{:?}", diff.notes);
    assert!(
        diff.text.contains("\n-uncommitted change of 300000 bytes with the digest blake3:"),
        "{}",
        diff.text
    );
    assert!(diff.text.contains("\n+uncommitted change of 300001 bytes") && diff.text.len() < 1000);
    assert_eq!(opened.diff_code("a", "same").unwrap().text, "");
    let diff = opened.diff_code("small", "a").unwrap();
    assert_eq!(large(&diff), 1, "{:?}", diff.notes);
    assert!(diff.text.contains("\n-uncommitted change of 3 bytes"), "{}", diff.text);
}
