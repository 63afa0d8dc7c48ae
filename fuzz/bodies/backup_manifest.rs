//! The decoder of manifests reads arbitrary text. An accepted manifest has one canonical text, and contains
//! no path that leads out of its section.

use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::engine::Digest;
use contexta::recovery::rewritten_manifest;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check(text);
    // A last line with the right digest lets hostile values reach the code after the check of the digest.
    let lines = text.trim_end().rsplit_once('\n').map_or(text, |(lines, _)| lines);
    let lines = format!("{lines}\n");
    check(&format!("{lines}{{\"digest\":\"{}\",\"kind\":\"end\"}}\n", Digest::of(lines.as_bytes())));
}

fn check(text: &str) {
    let Ok(written) = rewritten_manifest(text) else { return };
    assert_eq!(rewritten_manifest(&written).as_ref(), Ok(&written), "the canonical text is another manifest");
    let lines: Vec<Value> = written.lines().map(|line| parse(line).expect("a line is JSON")).collect();
    for line in &lines {
        if let Some(path) = line.get("path").and_then(Value::as_str) {
            let is_plain =
                |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
            assert!(path.split('/').all(is_plain), "{path:?} is not a plain path");
        }
        if let Some(objects) = line.get("objects").and_then(Value::as_list) {
            let len = match line.get("len") {
                Some(Value::Int(len)) => u64::try_from(*len).expect("a length is not negative"),
                other => panic!("{other:?} is not a length"),
            };
            assert_eq!(
                len.div_ceil(1 << 20),
                objects.len() as u64,
                "the number of objects does not fit the length"
            );
        }
    }
    let is_kind = |kind: &str, line: &&Value| line.get("kind").and_then(Value::as_str) == Some(kind);
    assert_eq!(lines.iter().filter(|line| is_kind("backup", line)).count(), 1);
    assert_eq!(lines.iter().filter(|line| is_kind("end", line)).count(), 1);
}
