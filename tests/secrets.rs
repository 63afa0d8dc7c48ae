//! Redaction: secrets are replaced before they are written to the log.

use crate::support::TempDir;
use contexta::capture::{
    ArtifactRegistration, DegradedEmission, EventEmission, MetricEmission, SampleSpec, ScopeSpec,
    SpanEmission,
};
use contexta::config::UnifiedConfig;
use contexta::contract::Value;
use contexta::contract::fact::Change;
use contexta::{Contexta, Options};
use std::path::{Path, PathBuf};

/// The text that every planted secret contains.
const SECRET: &str = "hunter2SuperSecret99";

/// Captures a secret in every field that accepts text.
fn plant(contexta: &Contexta, dir: &Path) {
    let url = format!("https://user:{SECRET}@host.example/x");
    let header = format!("Authorization: Bearer {SECRET}");
    let nested = Value::map([("api_key", Value::from(SECRET)), ("steps", Value::Int(3))]);
    let run = contexta
        .run("a")
        .run_id("a")
        .param("api_key", SECRET)
        .param("max_tokens", 512)
        .metadata("auth", Value::map([("password", Value::from(SECRET))]))
        .tag("token", SECRET)
        .description(&header)
        .command(&format!("train --password={SECRET} --lr 0.1"))
        .dataset_ref(&url)
        .start()
        .unwrap();
    run.param("secret", SECRET).unwrap();
    run.tag("access-token", SECRET).unwrap();
    run.note(&header).unwrap();
    let stage = run.stage(ScopeSpec::new("train").metadata("passwd", SECRET)).unwrap();
    let batch = stage.batch(ScopeSpec::new("b").metadata("secret", SECRET)).unwrap();
    drop(batch.sample(SampleSpec::new("s").metadata("secret", SECRET)).unwrap());
    drop(batch.operation(ScopeSpec::new("o").metadata("secret", SECRET)).unwrap());
    let event = EventEmission::new("a.b", &header).attribute("config", nested.clone()).tag("token", SECRET);
    let result = stage.emit(event).unwrap();
    assert_eq!(result.redacted(), ["message", "attributes.config.api_key", "tags.token"]);
    stage.emit(MetricEmission::new("loss", 1.0).tag("secret", SECRET)).unwrap();
    stage.emit(SpanEmission::new("call").attribute("headers", nested.clone())).unwrap();
    stage.emit(DegradedEmission::new("a.b", &url).attribute("x", nested.clone())).unwrap();
    let file = dir.join("m.bin");
    std::fs::write(&file, "weights").unwrap();
    run.register(ArtifactRegistration::output("model_bundle", &file).attribute("config", nested)).unwrap();
    stage.fail(&url).unwrap();
    run.complete().unwrap();
    contexta.annotate_run(run.run_ref(), Change::Description(header)).unwrap();
    contexta.end_run(run.run_ref(), contexta::contract::RunStatus::Failed, &url).unwrap();
    contexta
        .deployment("d")
        .run(run.run_ref())
        .metadata("secret", SECRET)
        .start()
        .unwrap()
        .complete()
        .unwrap();
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Returns the files of the workspace that contain the secret.
fn leaks(workspace: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    files(workspace, &mut all);
    let contains = |path: &PathBuf| {
        std::fs::read(path).unwrap().windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
    };
    all.into_iter().filter(contains).collect()
}

#[test]
fn no_planted_secret_is_in_any_byte_of_the_workspace() {
    let dir = TempDir::new("secrets");
    let workspace = dir.path().join("w");
    let contexta = Options::new(&workspace).project("p").detect_code_revision(false).open().unwrap();
    plant(&contexta, dir.path());
    let run = contexta.run_snapshot("a").unwrap().run;
    assert_eq!(run.params["api_key"].as_str(), Some("[redacted]"));
    assert_eq!(run.params["max_tokens"].to_string(), "512");
    contexta.close().unwrap();
    drop(contexta);
    assert_eq!(leaks(&workspace), Vec::<PathBuf>::new());
}

#[test]
fn settings_of_redaction_take_effect() {
    let leaks_with = |change: fn(&mut UnifiedConfig)| {
        let dir = TempDir::new("secret-settings");
        let workspace = dir.path().join("w");
        let mut config = UnifiedConfig { project_name: "p".to_owned(), ..UnifiedConfig::default() };
        config.workspace.root_path = workspace.clone();
        change(&mut config);
        let options = Options::from_config(&config).unwrap().may_create().detect_code_revision(false);
        let contexta = options.open().unwrap();
        let run = contexta.run("a").param("greeting_word", SECRET).start().unwrap();
        run.complete().unwrap();
        drop((run, contexta));
        let mut all = Vec::new();
        files(&workspace, &mut all);
        let text: String = all
            .iter()
            .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
            .collect();
        text.matches(SECRET).count() > 0
    };
    assert!(leaks_with(|_| ()), "a greeting is no secret by default");
    assert!(!leaks_with(|config| config.security.secret_key_patterns.push("greeting".to_owned())));
    let off = |config: &mut UnifiedConfig| {
        config.security.secret_key_patterns.push("greeting".to_owned());
        config.security.redaction_mode = contexta::config::RedactionMode::Off;
    };
    assert!(leaks_with(off));
}
