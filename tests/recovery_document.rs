//! Every command in docs/RECOVERY.md runs on a prepared workspace.

use crate::support::{TempDir, two_runs};
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::{Backups, Options};
use std::path::Path;
use std::process::{Command, Output};

fn run(dir: &Path, args: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_contexta")).current_dir(dir).args(args).output().unwrap()
}

/// Creates a workspace with two runs, an artifact and a backup. Returns the name of the backup and the ref of the artifact.
fn prepare(dir: &Path) -> (String, String) {
    let workspace = dir.join(".contexta");
    let options = Options::new(&workspace).project("wine").detect_code_revision(false);
    let contexta = options.open().unwrap();
    two_runs(&contexta);
    let run = contexta.run("with-model").start().unwrap();
    std::fs::write(dir.join("weights.bin"), "weights").unwrap();
    let artifact = run.register_artifact("model", dir.join("weights.bin")).unwrap();
    run.complete().unwrap();
    contexta.close().unwrap();
    drop(contexta);
    let backups = Backups::new(&workspace);
    let plan = backups.plan(&Default::default()).unwrap();
    let result = backups.create(&plan, contexta::Progress::default()).unwrap();
    (result.backup_ref.to_string(), artifact.artifact_ref().to_string())
}

/// Returns the commands in the code blocks of the document, by section.
fn commands() -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RECOVERY.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut sections, mut is_code) = (Vec::new(), false);
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push((title.to_owned(), Vec::new()));
        } else if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code
            && line.starts_with("contexta ")
            && let Some((_, commands)) = sections.last_mut()
        {
            commands.push(line.split(" # ").next().unwrap().trim().to_owned());
        }
    }
    sections
}

/// Replaces the values of the document by values of the prepared workspace.
fn filled(command: &str, backup: &str, artifact: &str) -> String {
    let fill = |word: &str| match word {
        "BACKUP" => backup.to_owned(),
        "RUN" => "good".to_owned(),
        "REF" => artifact.to_owned(),
        "DIR" => ".contexta".to_owned(),
        "NEW" => "new".to_owned(),
        "/media/usb/backup.tar.zst" => "backup.tar.zst".to_owned(),
        word => word.to_owned(),
    };
    command.split(' ').map(fill).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_command_of_the_document_runs() {
    let mut count = 0;
    for (section, commands) in commands() {
        let dir = TempDir::new("recovery-document");
        let (backup, artifact) = prepare(dir.path());
        for command in commands {
            // Following the log does not end, and the workspace has no dead letters.
            if command.contains(" -f ") || command.ends_with(" FACT") {
                continue;
            }
            let args = filled(&command, &backup, &artifact);
            let args: Vec<String> = args.split_whitespace().skip(1).map(str::to_owned).collect();
            let output = run(dir.path(), &args);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let stdout = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{section}: {command}: {stdout}{stderr}");
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn demonstration_restores_the_workspace_and_leaves_nothing_behind() {
    let dir = TempDir::new("demo");
    let text = run(dir.path(), &["demo".to_owned()]);
    let stdout = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.status.code(), Some(0), "{stdout}{}", String::from_utf8_lossy(&text.stderr));
    assert!(stdout.contains("sequence number") && stdout.contains("whole and has all points"), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() < 200));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    let args = ["demo", "--dir", "kept", "--format", "json"].map(str::to_owned);
    let output = run(dir.path(), &args);
    let answer = parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!(answer.get("is_restored"), Some(&Value::Bool(true)));
    assert!(dir.path().join("kept/workspace/log").is_dir());
    // A directory that exists is not used.
    let refused = run(dir.path(), &args);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("demo_failed"));
}
