//! Tests of redaction: tables of texts and values with and without secrets.

use crate::capture::redact::bytes::BYTES_READ;
use crate::capture::redact::{KeyBlock, RedactionMode, RedactionOptions, Redactor};
use crate::contract::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

fn safe() -> Redactor {
    Redactor::default()
}

fn strict() -> Redactor {
    Redactor::new(&RedactionOptions { mode: RedactionMode::Strict, ..RedactionOptions::default() })
}

/// Pairs of a text and its redacted form.
const SECRETS: &[(&str, &str)] = &[
    ("password=hunter2", "password=[redacted]"),
    ("password: hunter", "password: [redacted]"),
    ("Password = \"a b\\\"c\" # x", "Password = \"[redacted]\" # x"),
    ("export FOO_TOKEN=abcdef; run", "export FOO_TOKEN=[redacted]; run"),
    ("API_KEY='x y'", "API_KEY='[redacted]'"),
    ("apiKey: abc,", "apiKey: [redacted],"),
    ("{\"apiKey\": \"abc\", \"n\": 1}", "{\"apiKey\": \"[redacted]\", \"n\": 1}"),
    ("{\\\"token\\\": \\\"abc\\\"}", "{\\\"token\\\": \\\"[redacted]\\\"}"),
    ("{'db_password': 'a'}", "{'db_password': '[redacted]'}"),
    ("f(api_key=abc, lr=0.1)", "f(api_key=[redacted], lr=0.1)"),
    ("a=1,token=xyz,b=2", "a=1,token=[redacted],b=2"),
    ("API key: abc", "API key: [redacted]"),
    ("token: s3cr3t", "token: [redacted]"),
    ("secret_key => 'v'", "secret_key => '[redacted]'"),
    ("apiKey := \"v\"", "apiKey := \"[redacted]\""),
    ("os.environ[\"API_KEY\"] = \"v\"", "os.environ[\"API_KEY\"] = \"[redacted]\""),
    ("const API_KEY: &'static str = \"v\";", "const API_KEY: &'static str = \"[redacted]\";"),
    ("password: str = \"v\"", "password: str = \"[redacted]\""),
    ("var apiKey string = \"v\"", "var apiKey string = \"[redacted]\""),
    ("let token = Some(\"v\")", "let token = Some(\"[redacted]\")"),
    ("if password == \"v\":", "if password == \"[redacted]\":"),
    ("password = \"\"\"v\"\"\"", "password = \"\"\"[redacted]\"\"\""),
    ("token=b'v'", "token=b'[redacted]'"),
    ("AccountKey=abc==;EndpointSuffix=x", "AccountKey=[redacted];EndpointSuffix=x"),
    ("Server=h;User ID=sa;Pwd=p@ss;", "Server=h;User ID=sa;Pwd=[redacted];"),
    ("password=12345678", "password=[redacted]"),
    ("GET /x?token=abc&n=1 HTTP", "GET /x?token=[redacted]&n=1 HTTP"),
    ("https://h/p?sig=abc%2B&se=2020", "https://h/p?sig=[redacted]&se=2020"),
    ("https://h/p?X-Amz-Signature=abc&X-Amz-Date=d", "https://h/p?X-Amz-Signature=[redacted]&X-Amz-Date=d"),
    ("https://user:pa:ss@host/p", "https://user:[redacted]@host/p"),
    ("postgres://u:p@localhost:5432/db", "postgres://u:[redacted]@localhost:5432/db"),
    ("redis://:pw@h", "redis://:[redacted]@h"),
    ("git clone https://0123456789abcdef0123@github.com/a/b", "git clone https://[redacted]@github.com/a/b"),
    ("https://abc:x-oauth-basic@github.com", "https://[redacted]:x-oauth-basic@github.com"),
    ("git+https://u:p@h/r", "git+https://u:[redacted]@h/r"),
    ("mysql://u:p/w@h", "mysql://u:[redacted]@h"),
    ("Authorization: Bearer abc", "Authorization: [redacted]"),
    ("-H 'Authorization: Basic dXNlcg==' -v", "-H 'Authorization: [redacted]' -v"),
    ("{\"authorization\": \"token x\"}", "{\"authorization\": \"[redacted]\"}"),
    ("with Bearer abc123def", "with Bearer [redacted]"),
    ("Cookie: a=b; c=d\nnext", "Cookie: [redacted]\nnext"),
    ("X-Api-Key: abc", "X-Api-Key: [redacted]"),
    ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
    ("(ghp_0123456789abcdefghij0123456789abcdef)", "([redacted])"),
    ("github_pat_11ABCDEFG0123456789_abc", "[redacted]"),
    ("glpat-abcdefghij0123456789", "[redacted]"),
    ("hf_abcdefghijklmnopqrstuvwxyzABCDEFGH", "[redacted]"),
    ("key sk-abcdefghijklmnopqrstuvwx0123456789", "key [redacted]"),
    ("sk-ant-api03-AbCd_Ef-0123456789", "[redacted]"),
    ("sk-proj-AbCdEf0123456789AbCd", "[redacted]"),
    ("xoxb-123456789012-abcdef", "[redacted]"),
    ("AIzaSyA0123456789abcdefghijklmnopqrstuv", "[redacted]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_", "[redacted]"),
    (
        "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXX",
        "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXX",
    ),
    ("\\nghp_0123456789abcdefghij0123456789abcdef", "\\n[redacted]"),
    ("\u{1b}[31mghp_0123456789abcdefghij0123456789abcdef", "\u{1b}[31m[redacted]"),
    ("x%3Dghp_0123456789abcdefghij0123456789abcdef", "x%3D[redacted]"),
    ("wandb login 0123456789abcdef0123456789abcdef01234567", "wandb login [redacted]"),
    ("your API key is 0123456789abcdef0123456789abcdef01234567", "your API key is [redacted]"),
    (
        "-----BEGIN PRIVATE KEY-----\nMIIE+/a=\nabc\n-----END PRIVATE KEY-----\nok",
        "-----BEGIN PRIVATE KEY-----\n[redacted]\n[redacted]\n-----END PRIVATE KEY-----\nok",
    ),
    (
        "\"-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\nabc\\n-----END RSA PRIVATE KEY-----\\n\"",
        "\"-----BEGIN RSA PRIVATE KEY-----\\n[redacted]\\n[redacted]\\n-----END RSA PRIVATE KEY-----\\n\"",
    ),
    ("train.py --api-key s3cr3t --lr 1", "train.py --api-key [redacted] --lr 1"),
    ("[\"--token\", \"abc\", \"--lr\"]", "[\"--token\", \"[redacted]\", \"--lr\"]"),
    ("train.py --password='a b' x", "train.py --password='[redacted]' x"),
    ("密码 password=秘密の値 次", "密码 password=[redacted] 次"),
    ("password=a,b!c) x", "password=[redacted]) x"),
    ("api_keys: [abc, def] x", "api_keys: [[redacted]] x"),
    ("\"api_keys\": [\"abc\", \"def\"], \"n\": 1", "\"api_keys\": [[redacted]], \"n\": 1"),
    ("https://h/#access_token=abc&x=1", "https://h/#access_token=[redacted]&x=1"),
    ("<password>hunter2</password>", "<password>[redacted]</password>"),
    ("password：hunter2", "password：[redacted]"),
    ("token: Some(\"x\")", "token: Some(\"[redacted]\")"),
];

/// Texts without secrets.
const ORDINARY: &[&str] = &[
    "",
    "epoch 3: loss=0.25, val_loss=0.5, lr=1e-4",
    "max_tokens=512 num_tokens: 77",
    "token=15000 tokens/s=3.5e4",
    "primary_key: id, foreign_key=user_id",
    "num_key_value_heads: 8",
    "pad_token='<pad>' eos_token=\"</s>\" sep_token: [SEP]",
    "pad_token: <pad>, unk_token: <unk>",
    "key: value",
    "key=value",
    "cache_key=abc123 sort_key: name",
    "the token: word",
    "unexpected token: foo",
    "Next token: hello",
    "the secret: practice",
    "api_key=None password=null token=false",
    "token=${HF_TOKEN} password=$DB_PASSWORD key=$(cat key)",
    "api_key={api_key} token=%s secret=<secret>",
    "password=******** token=... api_key=xxxx",
    "token = get_token() # later",
    "api_key = os.environ['API_KEY']",
    "password = getpass('Password: ')",
    "token=Token::new(x)",
    "tokenizers==0.15.0 secrets==1.0 token==1.2.3",
    "https://example.com/a/b?page=2&key_size=3#x",
    "https://example.com:8080/@scope/package",
    "https://medium.com/@user/post",
    "git@github.com:org/repo.git ssh://git@github.com/org/repo",
    "http://localhost:6006/ http://[::1]:80/",
    "user@example.com wrote: hello",
    "Bearer of bad news; bearer certificates",
    "basic authentication failed",
    "task-abcdefghijklmnopqrstuvwx0123456789",
    "disk-usage sk-learn-pipeline",
    "hf_hub_download(repo_id=\"bert\")",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
    "---------- results ----------",
    "use --token to pass it; --max-tokens 100 --key-size 3",
    "--tokenizer bert --token-type x",
    "2024-05-01T12:30:45.123Z INFO step 3: done",
    "C:\\Users\\me\\run PATH=/usr/bin:/bin PWD=/home/me",
    "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>",
    "ValueError: expected 2 tokens: got 3",
    "KeyError: 'name'",
    "a::b::c x ? y : z == w != v",
    "系统密钥：无 学习率=0.1",
    "query_key_value.weight torch.Size([3, 4])",
    "key_padding_mask=None, attn_mask=mask",
    "tokens: the cat sat",
    "monkey=banana turkey: sandwich keyboard=qwerty",
    "author: Jane, authority=none",
    "cookies.enabled=1",
    "|####      | 40/100 [00:05<00:07, 8.1it/s, loss=0.31]",
    "keys: [a, b]",
    "==== == = : :: --",
    "def f(token, password=None, key: str = '') -> None:",
    "step: 10, token_accuracy: 0.93, per_token_loss=1.5",
    "model.layers.0.self_attn.k_proj.weight",
    "public_key=abc ssh_public_key: def",
    "token",
    "api_keys: [1, 2]",
    "<token> <password> x > y < z",
    "model > token > head",
    "<a></password>text</a>",
    "password:",
    "password=",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "base64 aGVsbG8gd29ybGQgdGhpcyBpcyBsb25n",
];

#[test]
fn secrets_in_texts_are_replaced() {
    let mut wrong = Vec::new();
    for (text, expected) in SECRETS {
        let once = safe().redact_text(text).into_owned();
        if once != *expected {
            wrong.push(format!("{text:?}\n  gives    {once:?}\n  expected {expected:?}"));
        }
        assert_eq!(safe().redact_text(&once), once, "not idempotent: {text}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(SECRETS.len() >= 60);
}

#[test]
fn ordinary_texts_stay_unchanged() {
    let changed = |text: &&&str| matches!(safe().redact_text(text), Cow::Owned(_));
    let wrong: Vec<String> = ORDINARY
        .iter()
        .filter(changed)
        .map(|text| format!("{text:?} {:?}", safe().redact_text(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ORDINARY.len() >= 60);
}

#[test]
fn secrets_below_names_are_replaced_at_every_depth_and_named() {
    let mut attributes = Value::map([
        ("lr", Value::Float(0.1)),
        ("max_tokens", Value::Int(512)),
        ("api_key", "abc".into()),
        ("url", "https://u:p@h/".into()),
        ("headers", Value::map([("authorization", "Bearer x".into()), ("accept", "text/plain".into())])),
        ("secret", Value::map([("name", "n".into()), ("size", Value::Int(3)), ("on", Value::Bool(true))])),
        ("tokens", Value::list(["the", "cat"])),
        ("api", Value::map([("key", "abc".into())])),
        ("argv", Value::list(["x", "--token", "abc", "--n", "5"])),
        ("env", Value::list([Value::map([("name", "DB_PASSWORD".into()), ("value", "v".into())])])),
        ("password", Value::Int(1234)),
        ("pad_token", "<pad>".into()),
        ("token", "[CLS]".into()),
    ]);
    let mut redacted = Vec::new();
    safe().redact_value("attributes", &mut attributes, &mut redacted);
    assert_eq!(
        attributes,
        Value::map([
            ("lr", Value::Float(0.1)),
            ("max_tokens", Value::Int(512)),
            ("api_key", "[redacted]".into()),
            ("url", "https://u:[redacted]@h/".into()),
            (
                "headers",
                Value::map([("authorization", "[redacted]".into()), ("accept", "text/plain".into())]),
            ),
            (
                "secret",
                Value::map([
                    ("name", "[redacted]".into()),
                    ("size", Value::Int(3)),
                    ("on", Value::Bool(true))
                ]),
            ),
            ("tokens", Value::list(["the", "cat"])),
            ("api", Value::map([("key", "[redacted]".into())])),
            ("argv", Value::list(["x", "--token", "[redacted]", "--n", "5"])),
            (
                "env",
                Value::list([Value::map([("name", "DB_PASSWORD".into()), ("value", "[redacted]".into())])])
            ),
            ("password", Value::Int(1234)),
            ("pad_token", "<pad>".into()),
            ("token", "[CLS]".into()),
        ])
    );
    assert_eq!(
        redacted,
        [
            "attributes.api.key",
            "attributes.api_key",
            "attributes.argv[2]",
            "attributes.env[0].value",
            "attributes.headers.authorization",
            "attributes.secret.name",
            "attributes.url",
        ]
    );
}

#[test]
fn a_named_value_and_a_secret_name_are_replaced() {
    let mut redacted = Vec::new();
    let mut value = Value::from("abc");
    safe().redact_named("params", "api_key", &mut value, &mut redacted);
    assert_eq!((value.as_str(), &redacted[..]), (Some("[redacted]"), &["params.api_key".to_owned()][..]));
    let name = "ghp_0123456789abcdefghij0123456789abcdef";
    let mut tags =
        BTreeMap::from([(name.to_owned(), "a".to_owned()), ("[redacted]".to_owned(), "b".to_owned())]);
    redacted.clear();
    safe().redact_texts("tags", &mut tags, &mut redacted);
    assert_eq!(Vec::from_iter(tags.keys()), ["[redacted]", "[redacted]-2"]);
    assert_eq!(redacted, ["tags.[redacted]-2"]);
}

#[test]
fn command_lines_keep_their_arguments() {
    for (line, expected) in [
        ("train --api-key abc --lr 0.1", "train --api-key [redacted] --lr 0.1"),
        ("train --password=abc --token 5", "train --password=[redacted] --token 5"),
        ("train --password hunter --keyboard us", "train --password [redacted] --keyboard us"),
        ("env FOO_TOKEN=abc train", "env FOO_TOKEN=[redacted] train"),
        ("curl -u user:pw https://h", "curl -u user:[redacted] https://h"),
        ("/usr/bin/mysql -uroot -psecret db", "/usr/bin/mysql -uroot -p[redacted] db"),
        ("sshpass -p hunter ssh h", "sshpass -p [redacted] ssh h"),
        ("docker login -u me -p hunter", "docker login -u me -p [redacted]"),
        ("train -p 5 --port 80", "train -p 5 --port 80"),
        ("train --secret -v", "train --secret -v"),
        ("python -c 'x' --key k.pem", "python -c 'x' --key k.pem"),
    ] {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(safe().redact_command(&arguments).join(" "), expected);
        assert_eq!(safe().redact_command_line(line), expected);
        assert_eq!(safe().redact_command_line(expected), expected);
    }
    let arguments = ["--password=a b c", "--token", "a b"].map(str::to_owned);
    assert_eq!(safe().redact_command(&arguments), ["--password=[redacted]", "--token", "[redacted]"]);
    assert_eq!(safe().redact_command_line("x --password 'a b' y"), "x --password '[redacted]' y");
}

#[test]
fn quotation_marks_within_a_word_do_not_end_its_secret() {
    for (line, expected) in [
        (r"train '--password=hunter'\''2Secret Tail' --lr 1", "train '--password=[redacted]' --lr 1"),
        (r"train --password 'hunter'\''2Secret Tail' --lr 1", "train --password '[redacted]' --lr 1"),
        (r"train --password hunter'\''2Secret --lr 1", "train --password [redacted] --lr 1"),
        ("train --password='hunter 2Secret' --lr 1", "train --password='[redacted]' --lr 1"),
        ("train --password=\"hunter \\\" 2Secret\" --lr 1", "train --password=\"[redacted]\" --lr 1"),
        (r"train --password=hunter\ 2Secret --lr 1", "train --password=[redacted] --lr 1"),
        // Text that is not quoted for a shell.
        ("echo it's --password hunter2Secret don't", "echo it's --password [redacted] don't"),
        (r"echo C:\ --password hunter2Secret", r"echo C:\ --password [redacted]"),
    ] {
        let found = safe().redact_command_line(line);
        assert!(!found.contains("hunter") && !found.contains("Secret") && !found.contains("Tail"), "{found}");
        assert_eq!(safe().redact_command_line(&found), found);
        let words = |text: &str| text.replace(['\'', '"'], "");
        assert_eq!(words(&found), words(expected));
    }
}

#[test]
fn a_private_key_in_several_lines_is_replaced() {
    let mut block = KeyBlock::default();
    let lines =
        ["a", "-----BEGIN EC PRIVATE KEY-----", "MHcC", "", "AQEE", "-----END EC PRIVATE KEY-----", "MHcC"];
    let redacted: Vec<String> =
        lines.iter().map(|line| safe().redact_line(&mut block, line).into_owned()).collect();
    let expected = ["a", lines[1], "[redacted]", "", "[redacted]", lines[5], "MHcC"];
    assert_eq!(redacted, expected);
}

#[test]
fn a_diff_keeps_its_form() {
    let diff = "diff --git a/conf.py b/conf.py\nindex 1..2 100644\n--- a/conf.py\n+++ b/conf.py\n\
        @@ -1,4 +1,5 @@ API_KEY = \"abc\"\n a = 1\n-API_KEY = \"old\"\n+API_KEY = \"new\"\n+token = load(token)\n\
        -- a/secret\n-password: str\n+PASSWORD = parse\n\
        diff --git a/password=x b/password=x\nnew file mode 100644\n--- /dev/null\n+++ b/password=x\n@@ -0,0 +1,2 @@\n\
        +TOKEN=abc\n+B=c\n\\ No newline at end of file\n\
        diff --git a/b.bin b/b.bin\nGIT binary patch\nliteral 3\nKpassword=abcdef\n\n";
    let expected = diff
        .replace("\"abc\"", "\"[redacted]\"")
        .replace("\"old\"", "\"[redacted]\"")
        .replace("\"new\"", "\"[redacted]\"")
        .replace("+TOKEN=abc", "+TOKEN=[redacted]");
    let redacted = safe().redact_diff(diff.as_bytes());
    assert_eq!(String::from_utf8_lossy(&redacted), expected);
    let key = "--- a/x\n+++ b/x\n@@ -0,0 +1,4 @@\n+-----BEGIN PRIVATE KEY-----\n+MIIE\n+abc\n+-----END PRIVATE KEY-----\n";
    let expected = key.replace("MIIE", "[redacted]").replace("+abc", "+[redacted]");
    assert_eq!(String::from_utf8_lossy(&safe().redact_diff(key.as_bytes())), expected);
    let plain = b"+++ b/x.rs\n@@ -1 +1 @@\n-let a = 1;\n+let a = \xff2;\n";
    assert!(matches!(safe().redact_diff(plain), Cow::Borrowed(_)));
}

#[test]
fn strict_mode_finds_random_characters_and_names_of_users() {
    for (text, expected) in [
        ("id wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY.", "id [redacted]."),
        ("digest 0123456789abcdef0123456789abcdef", "digest [redacted]"),
        ("in /home/jane/run and C:\\Users\\jane\\x", "in /home/[redacted]/run and C:\\Users\\[redacted]\\x"),
        ("/Users/jane", "/Users/[redacted]"),
        (
            "model.layers.self_attention.output.dense.weight",
            "model.layers.self_attention.output.dense.weight",
        ),
        ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
    ] {
        assert_eq!(strict().redact_text(text), expected);
        assert_eq!(strict().redact_text(expected), expected);
    }
    let variables = || {
        BTreeMap::from(
            [("MAX_TOKENS", "512"), ("HOME", "/root"), ("TOKEN", "a")]
                .map(|(k, v)| (k.to_owned(), v.to_owned())),
        )
    };
    let (mut redacted, mut in_safe, mut in_strict) = (Vec::new(), variables(), variables());
    safe().redact_variables("environment_variables", &mut in_safe, &mut redacted);
    assert_eq!(redacted, ["environment_variables.TOKEN"]);
    redacted.clear();
    strict().redact_variables("environment_variables", &mut in_strict, &mut redacted);
    assert_eq!(redacted, ["environment_variables.MAX_TOKENS", "environment_variables.TOKEN"]);
}

#[test]
fn mode_off_changes_nothing() {
    let off = Redactor::new(&RedactionOptions { mode: RedactionMode::Off, ..RedactionOptions::default() });
    let mut redacted = Vec::new();
    let mut value = Value::map([("password", "a".into())]);
    off.redact_value("a", &mut value, &mut redacted);
    off.redact_named("a", "password", &mut value, &mut redacted);
    assert_eq!((value, redacted.len()), (Value::map([("password", "a".into())]), 0));
    assert_eq!(off.redact_text("password=a"), "password=a");
    assert_eq!(off.redact_command(&["--password=a".to_owned()]), ["--password=a"]);
    assert_eq!(off.redact_command_line("--password=a"), "--password=a");
    assert_eq!(off.redact_line(&mut KeyBlock::default(), "password=a"), "password=a");
}

/// Returns the number of bytes that are read for a text of `n` repetitions.
fn bytes_read(unit: &str, n: usize) -> usize {
    let text = unit.repeat(n);
    BYTES_READ.with(|read| read.set(0));
    let _ = strict().redact_text(&text);
    BYTES_READ.with(std::cell::Cell::get)
}

#[test]
fn hostile_texts_take_linear_time() {
    for unit in [
        "token=",
        "token:",
        "token=f(",
        "token={",
        "token=\"",
        "token='",
        "a://",
        "a://b:c",
        "sk-",
        "eyJ-",
        "eyJaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "--token ",
        "--token=",
        "Bearer ",
        "=",
        ":",
        "\\",
        "\"",
        "aaaa-",
        "/home/",
        "Authorization: ",
        "token=*",
        "token\u{1b}[",
        "a@",
        "?token=&",
        "api key ",
        "token=\\\"",
        "x: token = ",
        "token=[",
        "<token>",
        "token：",
    ] {
        let (short, long) = (bytes_read(unit, 1_000), bytes_read(unit, 8_000));
        assert!(long <= short * 9, "{unit:?}: {short} bytes, then {long} bytes");
    }
}
