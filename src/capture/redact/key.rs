//! Names whose values are secrets.
//!
//! A name is split into words at every character that is neither a letter nor a digit, and at changes of case:
//! `AWS_SECRET_ACCESS_KEY`, `apiKey` and `auth.token` have four, two and two words. Digits at the end of a word are
//! ignored. A pattern matches whole words, also in the plural. The patterns `key` and `token` occur in many names of
//! values that are no secrets, so they match fewer names:
//!
//! - `key` matches only after a word such as `api` or `private` (`KEY_QUALIFIERS`): `api_key`, not `primary_key`.
//! - `token` does not match after a word such as `pad` or `max` (`TOKEN_NEUTRAL`): `hf_token`, not `pad_token`. The
//!   plural `tokens` matches only after a word such as `access` (`TOKEN_QUALIFIERS`); `max_tokens` is a count.
//!
//! Neither pattern matches if a word follows that is not in `TRAILING`: `key_size` and `token_type` are no secrets.

/// The kind of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// The value is no secret.
    Plain,
    /// The value is a count or a list of words, unless the value has the form of a credential.
    Count,
    /// The value is a secret. Within a longer text, a number is no secret.
    Secret,
    /// The value is a secret, even if it consists of four or more digits.
    Password,
    /// The value is a password, unless it is a path, because the variable `PWD` contains the current directory.
    Pwd,
    /// The value of the header `Authorization`: a scheme and a credential.
    Authorization,
    /// The value of a cookie header, which extends to the end of the line.
    Cookie,
}

/// Words before `key` that make the value a secret.
const KEY_QUALIFIERS: &[&str] = &[
    "access",
    "account",
    "admin",
    "aes",
    "anthropic",
    "api",
    "app",
    "application",
    "auth",
    "authentication",
    "aws",
    "azure",
    "bot",
    "cipher",
    "client",
    "cohere",
    "comet",
    "consumer",
    "datadog",
    "decrypt",
    "decryption",
    "deploy",
    "dsa",
    "ecdsa",
    "encrypt",
    "encryption",
    "gcp",
    "github",
    "gitlab",
    "google",
    "gpg",
    "hf",
    "hmac",
    "huggingface",
    "jwt",
    "license",
    "licence",
    "master",
    "mistral",
    "mlflow",
    "neptune",
    "openai",
    "pgp",
    "private",
    "replicate",
    "root",
    "rsa",
    "secret",
    "sentry",
    "server",
    "service",
    "session",
    "shared",
    "sign",
    "signing",
    "ssh",
    "ssl",
    "storage",
    "stripe",
    "subscription",
    "tls",
    "wandb",
    "webhook",
    "wandbapi",
];

/// Words before `token` in the name of a token of a text, or of a number of tokens.
const TOKEN_NEUTRAL: &[&str] = &[
    "added",
    "additional",
    "audio",
    "avg",
    "average",
    "begin",
    "bos",
    "class",
    "cls",
    "completion",
    "count",
    "current",
    "decoder",
    "encoder",
    "end",
    "eos",
    "eot",
    "expected",
    "first",
    "forced",
    "generated",
    "image",
    "input",
    "invalid",
    "lang",
    "language",
    "last",
    "len",
    "mask",
    "max",
    "mean",
    "min",
    "n",
    "new",
    "next",
    "num",
    "number",
    "output",
    "pad",
    "padding",
    "patch",
    "per",
    "prefix",
    "prev",
    "previous",
    "prompt",
    "query",
    "register",
    "sep",
    "special",
    "start",
    "stop",
    "sub",
    "target",
    "text",
    "top",
    "total",
    "trigger",
    "unexpected",
    "unk",
    "unknown",
    "video",
    "vision",
    "vocab",
    "word",
];

/// Words before `tokens`, or joined with `token`, that make the value a secret.
const TOKEN_QUALIFIERS: &[&str] = &[
    "access", "api", "app", "auth", "bearer", "bot", "csrf", "deploy", "github", "gitlab", "hf", "id", "jwt",
    "oauth", "personal", "private", "refresh", "sas", "security", "secret", "service", "session", "user",
    "wandb", "xsrf",
];

/// Words that can follow `key` or `token` in the name of a secret.
const TRAILING: &[&str] = &[
    "b",
    "base",
    "data",
    "default",
    "dev",
    "development",
    "env",
    "id",
    "live",
    "main",
    "new",
    "old",
    "override",
    "pem",
    "plain",
    "primary",
    "prod",
    "production",
    "raw",
    "ro",
    "rw",
    "secondary",
    "secret",
    "staging",
    "str",
    "string",
    "test",
    "text",
    "value",
    "var",
];

/// Patterns that also match the end of a longer word: `pgpassword`.
const JOINED: &[&str] = &["password", "passwd", "passphrase", "secret"];

/// Patterns in the names of passwords. A password is a secret even if it consists of digits.
const PASSWORDS: &[&str] = &["password", "passwd", "passphrase", "secret"];

/// Words in the names of secrets, whatever patterns are set.
const ALWAYS: &[&str] = &["authorization", "cookie", "passphrase", "pwd", "sshpass"];

/// The patterns of secret names.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// The words of each pattern, except `key` and `token`.
    patterns: Vec<Vec<String>>,
    with_key: bool,
    with_token: bool,
    /// The longest word of every pattern, and the words of `ALWAYS`. A name without any of these texts names no secret.
    hints: Vec<String>,
    /// `true` for the first byte of each hint.
    first_bytes: Vec<bool>,
}

impl Keys {
    /// Creates the patterns from texts. Blank texts are ignored.
    pub(super) fn new(patterns: &[String]) -> Keys {
        let all: Vec<Vec<String>> =
            patterns.iter().map(|p| words(p)).filter(|words| !words.is_empty()).collect();
        let is = |pattern: &[String], word: &str| matches!(pattern, [only] if only.strip_suffix('s').unwrap_or(only) == word);
        let longest = |pattern: &Vec<String>| pattern.iter().max_by_key(|word| word.len()).cloned();
        let hints = all.iter().filter_map(longest).map(|hint| match hint.strip_suffix('s') {
            Some(singular) if singular == "key" || singular == "token" => singular.to_owned(),
            _ => hint,
        });
        let hints: Vec<String> = hints.chain(ALWAYS.iter().map(|word| (*word).to_owned())).collect();
        let is_first = |b: u8| hints.iter().any(|hint| hint.as_bytes().first() == Some(&b));
        Keys {
            first_bytes: (0..=u8::MAX).map(is_first).collect(),
            hints,
            with_key: all.iter().any(|p| is(p, "key")),
            with_token: all.iter().any(|p| is(p, "token")),
            patterns: all.into_iter().filter(|p| !is(p, "key") && !is(p, "token")).collect(),
        }
    }

    /// Returns the kind of a name.
    pub(super) fn kind(&self, name: &str) -> KeyKind {
        self.kind_below(&[], name)
    }

    /// Returns the kind of a name in an object. `parent` contains the words of the name of the object.
    pub(super) fn kind_below(&self, parent: &[String], name: &str) -> KeyKind {
        if !self.has_hint(name) {
            return KeyKind::Plain;
        }
        let own = words(name);
        let first_own = parent.len();
        let all: Vec<&str> = parent.iter().chain(&own).map(String::as_str).collect();
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        if own.iter().any(|w| PASSWORDS.iter().any(|p| is_plural_of(w, p)) && self.matches(&[w]))
            || own.iter().any(|w| matches!(*w, "sshpass" | "passphrase"))
        {
            return KeyKind::Password;
        }
        match own.last() {
            Some(&"authorization") => return KeyKind::Authorization,
            Some(&"cookie") => return KeyKind::Cookie,
            Some(&"pwd") if own.len() == 1 => return KeyKind::Pwd,
            Some(&"pwd") => return KeyKind::Password,
            _ => {}
        }
        if self.matches(&own) {
            return KeyKind::Secret;
        }
        let secret_at =
            |at: usize| self.with_key && is_key(&all, at) || self.with_token && is_token(&all, at);
        if (first_own..all.len()).any(secret_at) {
            return KeyKind::Secret;
        }
        if self.with_token && own.last() == Some(&"tokens") { KeyKind::Count } else { KeyKind::Plain }
    }

    /// Returns `true` if a name contains one of the `hints`, also as a part of a word.
    pub(super) fn has_hint(&self, name: &str) -> bool {
        let name = name.as_bytes();
        let begins = |hint: &String, at: usize| {
            let end = at + hint.len();
            name.get(at..end).is_some_and(|part| part.eq_ignore_ascii_case(hint.as_bytes()))
        };
        name.iter().enumerate().any(|(at, b)| {
            let is_first =
                self.first_bytes.get(usize::from(b.to_ascii_lowercase())).is_some_and(|first| *first);
            is_first && self.hints.iter().any(|hint| begins(hint, at))
        })
    }

    fn matches(&self, own: &[&str]) -> bool {
        let is_at = |window: &[&str], pattern: &[String]| {
            window.iter().zip(pattern).all(|(word, wanted)| is_plural_of(word, wanted))
        };
        let has = |pattern: &Vec<String>| own.windows(pattern.len()).any(|window| is_at(window, pattern));
        self.patterns.iter().any(has)
    }
}

/// Returns the words of a name in lower case.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = name.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let next_is_lower = chars.peek().is_some_and(|next| next.is_lowercase());
        let begins =
            c.is_uppercase() && (!before.is_uppercase() || next_is_lower) && before.is_alphanumeric();
        if begins || !c.is_alphanumeric() {
            push_word(&mut words, &mut word);
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    push_word(&mut words, &mut word);
    words
}

fn push_word(words: &mut Vec<String>, word: &mut String) {
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    if !stem.is_empty() {
        words.push(stem.to_owned());
    }
    word.clear();
}

/// Returns `true` if `word` is `wanted` or its plural, or ends with a `wanted` that is in `JOINED` (`pgpassword`).
fn is_plural_of(word: &str, wanted: &str) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    word == wanted || singular == wanted || JOINED.contains(&wanted) && singular.ends_with(wanted)
}

fn is_key(all: &[&str], at: usize) -> bool {
    let Some(word) = all.get(at) else { return false };
    let singular = word.strip_suffix('s').unwrap_or(word);
    let Some(stem) = singular.strip_suffix("key") else { return false };
    let qualifier =
        if stem.is_empty() { at.checked_sub(1).and_then(|b| all.get(b)).copied() } else { Some(stem) };
    let is_public = at.checked_sub(2).and_then(|b| all.get(b)) == Some(&"public");
    !is_public && qualifier.is_some_and(|q| KEY_QUALIFIERS.contains(&q)) && is_end(all, at, TRAILING)
}

fn is_token(all: &[&str], at: usize) -> bool {
    let Some(word) = all.get(at) else { return false };
    let before = at.checked_sub(1).and_then(|b| all.get(b)).copied();
    let is_secret = match *word {
        "token" => !before.is_some_and(|b| TOKEN_NEUTRAL.contains(&b)),
        "tokens" => before.is_some_and(|b| TOKEN_QUALIFIERS.contains(&b)),
        joined => {
            let singular = joined.strip_suffix('s').unwrap_or(joined);
            singular.strip_suffix("token").is_some_and(|q| TOKEN_QUALIFIERS.contains(&q))
        }
    };
    is_secret && is_end(all, at, TRAILING) && all.get(at + 1) != Some(&"id")
}

/// Returns `true` if only words of `trailing` follow the word at a position.
fn is_end(all: &[&str], at: usize, trailing: &[&str]) -> bool {
    all.get(at + 1..).is_none_or(|rest| rest.iter().all(|word| trailing.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(&["token", "secret", "password", "passwd", "key"].map(str::to_owned))
    }

    #[test]
    fn names_of_secrets_are_found() {
        for name in [
            "api_key",
            "apiKey",
            "API_KEY",
            "apikey",
            "APIKey",
            "x-api-key",
            "AWS_SECRET_ACCESS_KEY",
            "auth.token",
            "aws_access_key_id",
            "token",
            "TOKEN",
            "GITHUB_TOKEN",
            "githubToken",
            "hf_token",
            "HFToken",
            "HF_TOKEN_2",
            "accessToken",
            "access_token",
            "authtoken",
            "refresh-token",
            "api_tokens",
            "password",
            "Password",
            "db.password",
            "PGPASSWORD",
            "passwd",
            "db_passwd",
            "secret",
            "client_secret",
            "clientSecret",
            "secrets",
            "secret_key",
            "private_key",
            "privateKey",
            "ssh_key",
            "ssh keys",
            "signing/key",
            "encryption_key",
            "wandb_api_key",
            "WANDB_API_KEY",
            "OPENAI_API_KEY",
            "api_key_prod",
            "service account key",
            "accountKey",
            "SharedAccessKey",
            "authorization",
            "Proxy-Authorization",
            "passphrase",
            "DB_PWD",
            "Set-Cookie",
            "wandb.api.key",
            "API key",
            "session_key",
            "root_password",
            "userpassword",
            "token_value",
            "client.key",
            "oauth2Token",
            "master_key",
        ] {
            assert!(!matches!(keys().kind(name), KeyKind::Plain | KeyKind::Count), "{name}");
        }
    }

    #[test]
    fn names_of_other_values_are_not_found() {
        for name in [
            "max_tokens",
            "primary_key",
            "foreign_key",
            "num_key_value_heads",
            "tokenizer",
            "keyboard",
            "key_size",
            "key",
            "keys",
            "tokens",
            "num_tokens",
            "pad_token",
            "eos_token",
            "bos_token_id",
            "pad_token_id",
            "special_tokens",
            "token_type",
            "token_type_ids",
            "token_count",
            "tokens_per_second",
            "max_new_tokens",
            "mask_token",
            "unk_token",
            "sort_key",
            "partition_key",
            "cache_key",
            "metric_key",
            "key_dim",
            "query_key_value",
            "keypoints",
            "monkey",
            "turkey",
            "public_key",
            "ssh_public_key",
            "tokenize",
            "detokenized",
            "secretary",
            "keyword",
            "key_padding_mask",
            "n_tokens",
            "prompt_tokens",
            "image_token",
            "token_embedding",
            "api_key_header",
            "encryption_key_length",
            "loss",
            "",
            "学习率",
            "hotkey",
            "passwordless",
            "author",
            "key_value",
            "attention.key",
            "per_token_loss",
            "next_token",
            "word_token",
            "dict_key",
            "keynote",
            "stop_token",
            "keep_prob",
            "routing_key",
        ] {
            assert!(matches!(keys().kind(name), KeyKind::Plain | KeyKind::Count), "{name}");
        }
    }

    #[test]
    fn patterns_of_the_user_match_whole_words() {
        let keys =
            Keys::new(&["pin".to_owned(), "session-id".to_owned(), " ".to_owned(), "Geheimnis".to_owned()]);
        for name in
            ["pin", "card_pin", "cardPin", "pins", "session_id", "sessionId", "my.session.id.x", "geheimnis"]
        {
            assert_eq!(keys.kind(name), KeyKind::Secret, "{name}");
        }
        for name in ["pinned", "spin", "session", "id_session", "token", "api_key", "password"] {
            assert_eq!(keys.kind(name), KeyKind::Plain, "{name}");
        }
    }

    #[test]
    fn the_name_of_the_object_qualifies_its_members() {
        let parent = words("wandb.api");
        assert_eq!(keys().kind_below(&parent, "key"), KeyKind::Secret);
        assert_eq!(keys().kind_below(&words("attention"), "key"), KeyKind::Plain);
        assert_eq!(keys().kind_below(&parent, "size"), KeyKind::Plain);
    }
}
