//! Properties of redaction: ordinary texts stay unchanged, planted secrets are removed, and a second redaction changes
//! nothing.

use contexta::capture::redact::{MARK, RedactionMode, RedactionOptions, Redactor};
use contexta::contract::Value;
use proptest::prelude::*;

fn redactor(mode: RedactionMode) -> Redactor {
    Redactor::new(&RedactionOptions { mode, ..RedactionOptions::default() })
}

/// A part of an ordinary text, such as a word, a number, a metric, a path or a version.
fn ordinary_word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,12}",
        "[A-Z][a-z]{1,9}[.,!?]?",
        "[0-9]{1,9}",
        "-?[0-9]{1,3}\\.[0-9]{1,6}(e-[0-9])?",
        "(loss|lr|acc|step|max_tokens|num_tokens|primary_key|key_size|tokenizer|pad_token_id)=[0-9]{1,6}",
        "(loss|epoch|tokens|author|key|monkey): [0-9]{1,4}",
        "(/[a-z]{1,8}){1,4}\\.(py|txt)",
        "[a-z]{2,8}==[0-9]\\.[0-9]{1,2}\\.[0-9]",
        "https://[a-z]{3,9}\\.(org|com)/[a-z]{1,8}\\?page=[0-9]",
        "--(lr|batch-size|max-tokens) [0-9]{1,4}",
        "[\\p{Han}é]{1,5}",
        "[{}()\\[\\]#|*+~^<>%&;-]{1,3}",
    ]
}

fn ordinary_text() -> impl Strategy<Value = String> {
    prop::collection::vec(ordinary_word(), 0..12).prop_map(|words| words.join(" "))
}

/// A secret, and a text that contains it.
fn planted() -> impl Strategy<Value = (String, String)> {
    let secret = "[A-Za-z][A-Za-z0-9]{6}[0-9][A-Za-z0-9]{4,12}";
    let place = prop::sample::select(vec![
        "password=@",
        "api_key: @",
        "export HF_TOKEN=@",
        "{\"secret\": \"@\"}",
        "--api-key @",
        "--password=@",
        "https://user:@@example.com/x",
        "https://h/p?token=@&x=1",
        "Authorization: Bearer @",
        "Authorization: Basic @",
        "Bearer @",
        "apiKey = '@'",
        "os.environ[\"DB_PASSWORD\"] = \"@\"",
        "x-api-key: @",
        "{\\\"token\\\":\\\"@\\\"}",
        "token=@",
        "AWS_SECRET_ACCESS_KEY=@",
        "client_secret => \"@\"",
        "const API_KEY: &str = \"@\";",
    ]);
    let shaped = prop_oneof![
        "ghp_[A-Za-z0-9]{36}",
        "hf_[A-Za-z0-9]{34}",
        "glpat-[A-Za-z0-9_-]{20}",
        "AKIA[A-Z0-9]{16}",
        "AIza[A-Za-z0-9_-]{35}",
        "sk-[A-Za-z0-9]{48}",
        "xoxb-[0-9]{12}-[A-Za-z0-9]{24}",
        "eyJ[A-Za-z0-9_-]{20}\\.eyJ[A-Za-z0-9_-]{20}\\.[A-Za-z0-9_-]{20}",
    ];
    prop_oneof![
        (secret, place).prop_map(|(secret, place)| {
            let (before, behind) = place.split_once('@').unwrap();
            (secret.clone(), format!("{before}{secret}{behind}"))
        }),
        shaped.prop_map(|secret| (secret.clone(), secret)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<bool>().prop_map(Value::Bool),
        (-1e9..1e9).prop_map(Value::Float),
        ordinary_text().prop_map(Value::Text),
        planted().prop_map(|(_, text)| Value::Text(text)),
    ];
    let name = prop_oneof!["[a-z_]{1,8}", Just("password".to_owned()), Just("api_key".to_owned())];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map(name.clone(), inner, 0..4).prop_map(Value::Map),
        ]
    })
}

/// Returns the numbers and booleans of a value, in order.
fn numbers(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.iter().flat_map(numbers).collect(),
        Value::Map(members) => members.values().flat_map(numbers).collect(),
        Value::Text(_) => Vec::new(),
        other => vec![other.clone()],
    }
}

proptest! {
    #[test]
    fn ordinary_texts_stay_unchanged(text in ordinary_text()) {
        prop_assert_eq!(redactor(RedactionMode::SafeDefault).redact_text(&text), text.as_str());
    }

    #[test]
    fn planted_secrets_disappear(
        before in ordinary_text(),
        (secret, text) in planted(),
        behind in ordinary_text(),
        line in prop::sample::select(vec![" ", "\n", "\t"]),
    ) {
        let text = format!("{before}{line}{text}{line}{behind}");
        for mode in [RedactionMode::SafeDefault, RedactionMode::Strict] {
            let redacted = redactor(mode).redact_text(&text).into_owned();
            prop_assert!(!redacted.contains(&secret), "{} became {}", text, redacted);
            prop_assert_eq!(redactor(mode).redact_text(&redacted), redacted.as_str());
        }
        let command = redactor(RedactionMode::SafeDefault).redact_command_line(&text).into_owned();
        prop_assert!(!command.contains(&secret), "{} became {}", text, command);
    }

    #[test]
    fn redaction_of_any_text_is_idempotent(text in "(token|key|password|=|:| |\"|'|\\\\|--|@|/|\\(|\\{|\\[|\n|[a-z0-9]|é|\\PC){0,40}") {
        for mode in [RedactionMode::SafeDefault, RedactionMode::Strict] {
            let redactor = redactor(mode);
            let once = redactor.redact_text(&text).into_owned();
            prop_assert_eq!(redactor.redact_text(&once), once.as_str());
            let once = redactor.redact_command_line(&text).into_owned();
            prop_assert_eq!(redactor.redact_command_line(&once), once.as_str());
        }
    }

    #[test]
    fn a_diff_of_any_bytes_keeps_its_lines(lines in prop::collection::vec(any::<Vec<u8>>(), 0..8), text in planted()) {
        let mut diff = b"--- a/x\n+++ b/x\n@@ -0,0 +1,9 @@\n".to_vec();
        for line in &lines {
            diff.push(b'+');
            diff.extend(line.iter().filter(|b| **b != b'\n'));
            diff.push(b'\n');
        }
        diff.extend(format!("+{}\n", text.1).as_bytes());
        let redactor = redactor(RedactionMode::SafeDefault);
        let redacted = redactor.redact_diff(&diff).into_owned();
        let first = |diff: &[u8]| -> Vec<Option<u8>> { diff.split(|b| *b == b'\n').map(|l| l.first().copied()).collect() };
        prop_assert_eq!(first(&redacted), first(&diff));
        prop_assert_eq!(redactor.redact_diff(&redacted).into_owned(), redacted);
    }

    #[test]
    fn values_keep_numbers_and_lose_secrets(mut value in value(), (secret, text) in planted()) {
        value = Value::List(vec![value, Value::Text(text)]);
        let before = numbers(&value);
        let redactor = redactor(RedactionMode::SafeDefault);
        let mut paths = Vec::new();
        redactor.redact_value("attributes", &mut value, &mut paths);
        prop_assert_eq!(numbers(&value), before);
        let shown = format!("{value:?}");
        prop_assert!(!shown.contains(&secret), "{}", shown);
        prop_assert!(paths.iter().any(|path| path == "attributes[1]"), "{:?}", paths);
        let mut again = value.clone();
        paths.clear();
        redactor.redact_value("attributes", &mut again, &mut paths);
        prop_assert_eq!((&again, paths.len()), (&value, 0));
        prop_assert!(shown.contains(MARK));
    }
}
