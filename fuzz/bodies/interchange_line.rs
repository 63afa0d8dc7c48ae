//! One line of interchange, or a registry of extensions, from any bytes: refused with a reason, or read into what has one
//! text, which reads back to it; and an import of the line gives it out again as that text.

use contexta::contract::json::write::canonical;
use contexta::contract::{Canonical, ExtensionRegistry};
use contexta::engine::storage::sim::SimDisk;
use contexta::interchange::{Line, LineContent};
use contexta::{ExportFilter, ImportSettings, ImportSource, Options};

pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(registry) = ExtensionRegistry::from_json(text)
    {
        let written = registry.to_json().expect("a registry is written");
        assert_eq!(ExtensionRegistry::from_json(&written), Ok(registry.clone()), "a registry reads back");
        // With a registry a line may be refused, but nothing else changes.
        let _ = Line::parse(data, Some(&registry));
    }
    match Line::parse(data, None) {
        Err(rejection) => assert!(!rejection.code.is_empty() && rejection.path.starts_with('$')),
        Ok(line) => {
            let text = canonical(&line.content.to_value()).expect("what was read is written");
            let again = Line::parse(text.as_bytes(), None).expect("what was written is read");
            assert_eq!(again, line, "the text says the same");
            // Line ends within JSON are white space; between lines they are not.
            if !data.contains(&b'\n') {
                the_whole_way(&line.content, data);
            }
        }
    }
}

fn the_whole_way(content: &LineContent, data: &[u8]) {
    let disk = SimDisk::new(1);
    let options = Options::new("/w").project("p").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.open().expect("a workspace opens");
    let import = || {
        let source = ImportSource::Reader("line", &mut &*data);
        contexta.import_jsonl(source, ImportSettings::default(), &|_, _| {}).expect("an import")
    };
    let report = import();
    // A captured record's ref may name a place in this log by chance; an object may be too large for it.
    if report.total().new == 0 {
        return;
    }
    let without_body = match content {
        LineContent::Artifact(manifest, _) => LineContent::Artifact(manifest.clone(), None),
        other => other.clone(),
    };
    let expected = canonical(&without_body.to_value()).expect("what was read is written");
    let mut out = Vec::new();
    let exported = contexta.export_jsonl(&mut out, &ExportFilter::default(), None, &|_, _| {});
    exported.expect("an export");
    let out = String::from_utf8(out).expect("JSON is text");
    assert!(out.lines().any(|line| line == expected), "{expected} is not in {out}");
    assert_eq!(import().total().new, 0, "a second import says nothing new");
}
