//! Checks the architecture: imports between modules, names that may be used in certain files only, and source files
//! that no module includes.

mod language;
mod modules;

use modules::{Crate, Sources, circles};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The modules, floor by floor, and for each module the modules that it may import.
const FLOORS: &[(&str, &[&str])] = &[
    ("engine", &["engine"]),
    ("contract", &["contract"]),
    ("config", &["config"]),
    ("projections", &["engine", "contract", "projections"]),
    ("store", &["engine", "contract", "projections", "store"]),
    ("capture", &["contract", "store", "capture"]),
    ("interpretation", &["contract", "store", "interpretation"]),
    ("recovery", &["engine", "contract", "projections", "store", "recovery"]),
    ("interchange", &["engine", "contract", "store", "interchange"]),
    (
        "client",
        &[
            "engine",
            "contract",
            "config",
            "projections",
            "store",
            "capture",
            "interpretation",
            "recovery",
            "interchange",
            "client",
        ],
    ),
    ("surfaces", &["contract", "config", "interpretation", "recovery", "interchange", "client", "surfaces"]),
];

/// Names that may be used in certain files only, and what other files must use.
const HOMES: &[(&str, &[&str], &str)] = &[
    ("redb", &["src/engine/projection/"], "the tables and views of engine::projection"),
    ("bincode", &["src/engine/codec.rs"], "engine::codec"),
    ("memmap2", &["src/engine/storage/os/mapping.rs"], "Storage and File::map"),
    ("rayon", &["src/engine/parallel.rs"], "engine::parallel"),
    ("std::{", &[], "one path a line, so that what it names can be seen"),
    ("contexta::", &["src/main.rs", "src/client/"], "the path that names its floor"),
    (
        "std::fs",
        &[
            "src/engine/storage/os/",
            "src/capture/environment/",
            "src/client/exec/",
            // The demonstration damages files on purpose.
            "src/client/demo.rs",
            "src/config/file.rs",
            "src/surfaces/cli/output.rs",
        ],
        "engine::storage::Storage",
    ),
    ("SystemTime", &["src/engine/storage/os/"], "Storage::now"),
    (
        "std::env",
        &[
            "src/capture/environment/",
            "src/client/demo.rs",
            "src/client/exec/child.rs",
            "src/config/process_env.rs",
            "src/surfaces/cli/output.rs",
            "src/surfaces/cli/settings.rs",
            "src/main.rs",
        ],
        "an option handed in",
    ),
    ("println!", &[], "Output, or an answer"),
    ("print!", &[], "Output, or an answer"),
    ("unsafe ", &["src/engine/storage/os/mapping.rs", "src/engine/storage/os/process.rs"], "safe code"),
];

/// Returns a line without strings and comments, and without spaces around `::`.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut chars = line.chars().peekable();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => drop(chars.next()),
            // A quote in a character literal does not begin a string.
            '"' if !code.ends_with('\'') && !code.ends_with("b'") => in_string = !in_string,
            '/' if !in_string && chars.peek() == Some(&'/') => break,
            c if !in_string => code.push(c),
            _ => {}
        }
    }
    code.replace(" ::", "::").replace(":: ", "::")
}

/// Returns the source without test modules, strings and comments. A test module ends at the brace with the same indent
/// as its first line.
fn code_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut all = text.lines().enumerate().peekable();
    while let Some((n, line)) = all.next() {
        let indent = line.len() - line.trim_start().len();
        if line.trim() == "#[cfg(test)]" && all.peek().is_some_and(|(_, next)| next.contains("mod ")) {
            let end = format!("{}}}", " ".repeat(indent));
            let inline = all.peek().is_some_and(|(_, next)| next.trim_end().ends_with('}'));
            for (_, inside) in all.by_ref() {
                if inline || inside == end {
                    break;
                }
            }
            continue;
        }
        lines.push((n + 1, code_of(line)));
    }
    lines
}

/// Returns the first segment of every `crate::` path in a line.
fn crate_paths(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        // `$crate::` and `pub(crate)` are not imports.
        if line[..at].ends_with('$') || line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        found.push(if name.is_empty() { rest.chars().take(1).collect() } else { name });
    }
    found
}

/// Returns all rules that the text of one file under `src/` breaks.
fn check(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if !text.starts_with("//!") {
        broken.push(format!("{path}:1: a file opens with //! and what it is for"));
    }
    let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
    let allowed = FLOORS.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
    let is_root = matches!(path, "src/lib.rs" | "src/main.rs");
    if allowed.is_none() && !is_root {
        broken.push(format!("{path}:1: module {module} is on no floor"));
    }
    for (n, line) in code_lines(text) {
        for name in crate_paths(&line) {
            if name == "{" {
                broken.push(format!("{path}:{n}: a grouped crate import hides its floors"));
            } else if let Some(allowed) = allowed
                && !allowed.contains(&name.as_str())
            {
                let known = FLOORS.iter().any(|(floor, _)| *floor == name);
                let rule =
                    if known { "an upward or sideways import" } else { "an import of the crate's root" };
                broken.push(format!("{path}:{n}: {rule}: {module} may not name crate::{name}"));
            }
        }
        let hides =
            |(floor, _): &(&str, &[&str])| line.contains(&format!("super::{floor}::")) && *floor != module;
        if line.contains("super::super") || (path.ends_with("/mod.rs") && FLOORS.iter().any(hides)) {
            broken.push(format!("{path}:{n}: super:: out of a module hides its floor"));
        }
        for (word, homes, instead) in HOMES {
            let letter = |c: char| c.is_alphanumeric() || c == '_';
            let open_end = word.ends_with(letter);
            let named = line.match_indices(word).any(|(at, _)| {
                let behind = &line[at + word.len()..];
                // `client::contexta::` is a path to a module of this crate.
                let inner = *word == "contexta::" && line[..at].ends_with("::");
                !(line[..at].ends_with(letter) || open_end && behind.starts_with(letter) || inner)
            });
            if named && !homes.iter().any(|home| path.starts_with(home)) {
                broken.push(format!("{path}:{n}: {word} outside its home; use {instead}"));
            }
        }
    }
    broken
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

/// Returns the files that `mod` lines reach from `file`, including `file`. `main.rs`, `lib.rs` and `mod.rs` have their
/// modules beside them, other files in a folder of their name.
fn reached(file: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(text) = fs::read_to_string(file) else { return };
    if !found.insert(file.to_path_buf()) {
        return;
    }
    let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
    let dir = file.parent().unwrap();
    let dir =
        if matches!(stem.as_str(), "main" | "lib" | "mod") { dir.to_path_buf() } else { dir.join(stem) };
    for line in text.lines() {
        let Some(rest) = line.trim().strip_suffix(';') else { continue };
        let Some((_, name)) = rest.split_once("mod ") else { continue };
        if name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            for candidate in [dir.join(format!("{name}.rs")), dir.join(name).join("mod.rs")] {
                if candidate.exists() {
                    reached(&candidate, found);
                }
            }
        }
    }
}

#[test]
fn every_source_file_keeps_the_rules() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    assert!(files.len() > 40, "the sources were not found");
    let mut broken = Vec::new();
    for file in &files {
        broken.extend(check(&relative(file), &fs::read_to_string(file).unwrap()));
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn sources() -> Sources {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let name = |file: &PathBuf| relative(file).trim_start_matches("src/").to_owned();
    files.iter().map(|file| (name(file), fs::read_to_string(file).unwrap())).collect()
}

/// Returns each import cycle as a text with one import on each line.
fn described_circles(sources: &Sources) -> Vec<String> {
    let describe = |circle: Vec<modules::Import>| {
        let mut edges: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for import in circle {
            let name = format!("{} (line {})", import.path, import.line);
            edges.entry((import.from, import.to)).or_default().push(name);
        }
        let line = |((from, to), names): ((String, String), Vec<String>)| {
            let more =
                if names.len() > 1 { format!(", and {} more", names.len() - 1) } else { String::new() };
            format!("  src/{from} imports src/{to}: {}{more}\n", names[0])
        };
        edges.into_iter().map(line).collect()
    };
    circles(&Crate::read(sources).imports()).into_iter().map(describe).collect()
}

#[test]
fn files_form_no_import_circle() {
    let circles = described_circles(&sources());
    assert!(circles.is_empty(), "{} circles of files:\n{}", circles.len(), circles.join("\n"));
}

/// The folders of the engine, lowest first. Each imports only itself and the folders before it.
const ENGINE_STOREYS: &[&str] = &[
    "engine/storage/",
    "engine/log/",
    "engine/projection/",
    "engine/subscribe/",
    "engine/table/",
    "engine/verify/",
    "engine/repair/",
    "engine/front/",
];

/// The layers of the log, lowest first. Each imports only itself and the layers before it.
const LOG_STOREYS: &[&str] =
    &["engine/log/format/", "engine/log/read/", "engine/log/write/", "engine/log/merge/"];

/// Returns each import of a file in one of the folders `storeys` from a later folder.
fn upward_imports(sources: &Sources, storeys: &[&str]) -> Vec<String> {
    let storey = |file: &str| storeys.iter().position(|folder| file.starts_with(folder));
    let is_upward = |import: &modules::Import| {
        storey(&import.from).is_some_and(|from| storey(&import.to).is_some_and(|to| to > from))
    };
    let imports = Crate::read(sources).imports();
    let upward = imports.into_iter().filter(is_upward);
    upward.map(|import| format!("src/{}:{}: {}", import.from, import.line, import.path)).collect()
}

#[test]
fn storeys_of_the_engine_and_of_the_log_import_downwards() {
    let sources = sources();
    for storeys in [ENGINE_STOREYS, LOG_STOREYS] {
        for folder in storeys {
            assert!(sources.keys().any(|file| file.starts_with(folder)), "{folder} is missing");
        }
        let upward = upward_imports(&sources, storeys);
        assert!(upward.is_empty(), "{}", upward.join("\n"));
    }
    let wrong = [
        ("lib.rs", "mod engine;"),
        ("engine/mod.rs", "mod log; mod verify;"),
        ("engine/log/mod.rs", "mod format; mod read; pub use read::a::A;"),
        ("engine/log/format/mod.rs", "mod b;"),
        ("engine/log/format/b.rs", "use crate::engine::log::A;"),
        ("engine/log/read/mod.rs", "mod a;"),
        ("engine/log/read/a.rs", "use crate::engine::verify::V; pub struct A;"),
        ("engine/verify/mod.rs", "mod c; pub use c::V;"),
        ("engine/verify/c.rs", "use crate::engine::log::A; pub struct V;"),
    ];
    let wrong = wrong.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    assert_eq!(upward_imports(&wrong, LOG_STOREYS), ["src/engine/log/format/b.rs:1: crate::engine::log::A"]);
    let upward = ["src/engine/log/read/a.rs:1: crate::engine::verify::V"];
    assert_eq!(upward_imports(&wrong, ENGINE_STOREYS), upward);
}

#[test]
fn documentation_is_in_plain_language() {
    let mut broken = Vec::new();
    let mut files = Vec::new();
    for dir in ["src", "tests", "proptests", "benches", "examples", "fuzz/bodies", "fuzz/targets"] {
        rust_files(&root().join(dir), &mut files);
    }
    for file in files.iter().filter(|file| !relative(file).starts_with("tests/tidy")) {
        broken.extend(language::check_rust(&relative(file), &fs::read_to_string(file).unwrap()));
    }
    for file in markdown_files() {
        broken.extend(language::check_words(&relative(&file), &fs::read_to_string(&file).unwrap()));
    }
    assert!(broken.is_empty(), "{} places:\n{}\n", broken.len(), broken.join("\n"));
}

fn markdown_files() -> Vec<PathBuf> {
    let mut files = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    for dir in ["docs", "docs/design"] {
        let entries = fs::read_dir(root().join(dir)).unwrap().flatten().map(|entry| entry.path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    files
}

#[test]
fn no_file_is_forgotten() {
    for (dir, entries) in [
        ("src", vec!["src/lib.rs", "src/main.rs"]),
        ("tests", vec!["tests/main.rs", "tests/engine/main.rs", "tests/memory.rs", "tests/processes.rs"]),
        ("proptests", vec!["proptests/main.rs"]),
    ] {
        let mut named = BTreeSet::new();
        for entry in entries {
            reached(&root().join(entry), &mut named);
        }
        let mut files = Vec::new();
        rust_files(&root().join(dir), &mut files);
        let forgotten: Vec<String> =
            files.iter().filter(|f| !named.contains(*f)).map(|f| relative(f)).collect();
        assert!(forgotten.is_empty(), "no module or test binary names {}", forgotten.join(", "));
    }
}

#[test]
fn the_document_of_the_format_agrees_with_the_constants() {
    use contexta::engine::codec::PAYLOAD_BYTES_MAX;
    use contexta::engine::log::header::{FRAMES_AT, SECOND_HEADER_AT, SEGMENT_HEADER_LEN};
    use contexta::engine::log::limits::{
        EXPANDED_BYTES_MAX, FRAME_ENTRIES_MAX, FRAME_HEADER_LEN, FRAME_PAYLOAD_BYTES_MAX,
    };
    use contexta::engine::log::mark::SEAL_INDEX_MAX;
    let text = fs::read_to_string(root().join("docs/FORMAT.md")).unwrap();
    for (name, value) in [
        ("SEGMENT_HEADER_LEN", SEGMENT_HEADER_LEN as u64),
        ("SECOND_HEADER_AT", SECOND_HEADER_AT),
        ("FRAMES_AT", FRAMES_AT),
        ("FRAME_HEADER_LEN", FRAME_HEADER_LEN as u64),
        ("FRAME_PAYLOAD_BYTES_MAX", FRAME_PAYLOAD_BYTES_MAX as u64),
        ("EXPANDED_BYTES_MAX", EXPANDED_BYTES_MAX as u64),
        ("FRAME_ENTRIES_MAX", FRAME_ENTRIES_MAX as u64),
        ("PAYLOAD_BYTES_MAX", PAYLOAD_BYTES_MAX as u64),
        ("SEAL_INDEX_MAX", SEAL_INDEX_MAX as u64),
    ] {
        let row = text.lines().find(|l| l.starts_with('|') && l.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("no table of docs/FORMAT.md names {name}"));
        let numbers = row.replace([',', '_'], "");
        assert!(
            numbers.contains(&value.to_string()),
            "docs/FORMAT.md says otherwise than {name} = {value}: {row}"
        );
    }
}

#[test]
fn the_checks_themselves_find_what_they_should() {
    let finds = |path: &str, line: &str, rule: &str| {
        let broken = check(path, &format!("//! Header.\n{line}\n"));
        assert!(
            broken.iter().any(|b| b.contains(rule) && b.starts_with(&format!("{path}:2:"))),
            "{line}: {broken:?}"
        );
    };
    finds("src/engine/log/x.rs", "use crate::contract::Run;", "upward or sideways");
    finds("src/contract/x.rs", "let x = crate::engine::Error::new();", "upward or sideways");
    finds("src/capture/x.rs", "use crate::interpretation::query;", "upward or sideways");
    finds("src/surfaces/cli/x.rs", "use crate::engine::log::Log;", "upward or sideways");
    finds("src/store/x.rs", "use crate::{contract, engine};", "grouped");
    finds("src/store/x.rs", "use crate::Contexta;", "root");
    finds("src/store/x.rs", "use super::super::engine;", "super::");
    finds("src/store/mod.rs", "use super::capture::Session;", "super::");
    finds("src/store/x.rs", "use crate :: capture::Session;", "upward or sideways");
    finds("src/store/x.rs", "let url = \"http://x\"; crate::capture::f();", "upward or sideways");
    finds("src/store/x.rs", "use contexta::capture::Session;", "contexta::");
    finds("src/store/x.rs", "let t: redb::Table;", "redb");
    finds("src/store/x.rs", "use redb as db;", "redb");
    finds("src/store/x.rs", "use std::{fs, io};", "std::{");
    finds("src/store/x.rs", "bincode::encode();", "bincode");
    finds("src/store/x.rs", "use std::fs;", "std::fs");
    finds("src/store/x.rs", "SystemTime::now()", "SystemTime");
    finds("src/store/x.rs", "println!(\"x\");", "println!");
    assert_eq!(check("src/store/x.rs", "use y;\n").len(), 1, "a missing header");
    let fine =
        "//! H.\n// use crate::capture;\nuse crate::engine::log;\n#[cfg(test)]\nmod tests { use std::fs; }\n";
    assert_eq!(check("src/store/x.rs", fine), Vec::<String>::new());
    let behind = "//! H.\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\nuse std::fs;\n";
    assert_eq!(check("src/store/x.rs", behind).len(), 1, "what stands behind a test module counts");
}

#[test]
fn the_search_for_circles_follows_re_exports_and_ignores_tests() {
    let read = |files: &[(&str, &str)]| {
        described_circles(
            &files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        )
    };
    let direct = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B; fn f() { let _ = crate::a::A; }"),
    ];
    assert_eq!(read(&direct).len(), 1, "one direct circle");
    assert!(read(&direct)[0].contains("src/a.rs imports src/b.rs: crate::b::B (line 1)"));
    let through = [
        ("lib.rs", "mod m;"),
        ("m/mod.rs", "mod a; mod b; pub use a::A; pub use b::*;"),
        ("m/a.rs", "use crate::m::B; pub struct A;"),
        ("m/b.rs", "use super::A as Other; pub struct B;"),
    ];
    assert_eq!(read(&through).len(), 1, "one circle through re-exports and a glob");
    assert!(!read(&through)[0].contains("mod.rs"), "a folder that defines nothing is no part of it");
    let parent = [
        ("lib.rs", "mod m;"),
        ("m/mod.rs", "mod a; pub use a::A; pub trait T {}"),
        ("m/a.rs", "use super::T; pub struct A;"),
    ];
    assert_eq!(read(&parent).len(), 1, "a folder that defines what its own files import");
    let in_macro = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub fn a() { assert!(crate::b::b()); }"),
        ("b.rs", "pub fn b() -> bool { matches!(1, x if x == { crate::a::a(); 1 }) }"),
    ];
    assert_eq!(read(&in_macro).len(), 1, "a circle through arguments of macros");
    let fine = [
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a.rs", "use crate::b; pub struct A(b::B);\n#[cfg(test)] mod tests { use crate::b::B; }"),
        ("b.rs", "pub struct B;\n#[cfg(test)] mod tests { use crate::a::A; }"),
    ];
    assert_eq!(read(&fine), Vec::<String>::new());
}

#[test]
fn the_check_of_language_finds_what_it_should() {
    let finds = |text: &str, rule: &str| {
        let broken = language::check_rust("src/x.rs", text);
        assert!(broken.iter().any(|line| line.contains(rule)), "{text}: {broken:?}");
    };
    finds("//! What this is.\n", "begins with What");
    finds("//! A file.\n/// How it goes.\npub struct A;", "begins with How");
    finds("//! A file.\n/// Whether it goes.\nfn a() {}", "begins with Whether");
    finds(
        "//! A file.\n/// A thing.\npub struct A {\n    /// Where it is.\n    pub at: u8,\n}",
        "src/x.rs:4",
    );
    finds("//! A file.\n/// A thing.\nenum A {\n    /// That one.\n    B,\n}", "begins with That");
    finds(
        "//! A file.\nstruct A;\nimpl A {\n    /// Who did it.\n    fn who(&self) {}\n}",
        "begins with Who",
    );
    finds("//! A file.\npub struct A;", "public A has no documentation");
    finds("//! A file.\n/// A.\npub struct A { pub b: u8 }", "public b has no documentation");
    finds("//! A file.\n// Found in a cold reading.\n", "cold reading");
    finds("//! A file of part 3.\n", "part 3");
    assert_eq!(language::check_words("docs/x.md", "See issue 12.").len(), 1);
    let fine = "//! A file.\n/// Whatever it holds.\npub struct A;\n/// Returns a part.\nfn a() -> u8 { 1 }";
    assert_eq!(language::check_rust("src/x.rs", fine), Vec::<String>::new());
}
