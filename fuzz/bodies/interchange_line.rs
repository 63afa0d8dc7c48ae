//! A line of interchange, or a registry of extensions, from arbitrary bytes. The bytes are rejected with a reason, or
//! read into a value with one text form, which reads back to the same value. After an import of the line, an export has
//! the same text.

use contexta::contract::json::write::canonical;
use contexta::contract::{Canonical, ExtensionRegistry};
use contexta::engine::storage::sim::SimDisk;
use contexta::interchange::{Line, LineContent};
use contexta::{ExportFilter, ImportSettings, ImportSource, Options};

pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(registry) = ExtensionRegistry::from_json(text)
    {
        let written = registry.to_json().expect("the registry is written");
        assert_eq!(
            ExtensionRegistry::from_json(&written),
            Ok(registry.clone()),
            "the registry does not read back"
        );
        // With a registry a line may be rejected, but nothing else changes.
        let _ = Line::parse(data, Some(&registry));
    }
    if let Ok(salvaged) = Line::salvage(data, None) {
        // Without its invalid members the line is valid, and a valid line has no such members.
        let text = canonical(&salvaged.content.to_value()).expect("a salvaged value is written");
        let again = Line::parse(text.as_bytes(), None).expect("a salvaged value is valid");
        assert_eq!(again.content, salvaged.content, "the salvaged value differs");
        assert_eq!(
            Line::parse(data, None).is_ok(),
            salvaged.dropped.is_empty(),
            "members that were left out"
        );
    }
    if let Ok(salvaged) = Line::salvage_any_version(data, None) {
        let text = canonical(&salvaged.content.to_value()).expect("a salvaged value is written");
        let again = Line::parse(text.as_bytes(), None).expect("a value read as this version is valid");
        assert_eq!(again.content, salvaged.content, "the value read as this version differs");
    } else {
        assert!(Line::salvage(data, None).is_err(), "a supported version is refused");
    }
    match Line::parse(data, None) {
        Err(rejection) => assert!(!rejection.code.is_empty() && rejection.path.starts_with('$')),
        Ok(line) => {
            let text = canonical(&line.content.to_value()).expect("an accepted value is written");
            let again = Line::parse(text.as_bytes(), None).expect("written text is read");
            assert_eq!(again, line, "the written text differs");
            // Line ends within JSON are white space; between lines they are separators.
            if !data.contains(&b'\n') {
                import_and_export(&line.content, data);
            }
        }
    }
}

fn import_and_export(content: &LineContent, data: &[u8]) {
    let disk = SimDisk::new(1);
    let options = Options::new("/w").project("p").storage(disk.process(1)).detect_code_revision(false);
    let contexta = options.open().expect("the workspace opens");
    let import = || {
        let source = ImportSource::Reader("line", &mut &*data);
        contexta.import_jsonl(source, ImportSettings::default()).expect("an import")
    };
    let report = import();
    // The ref of a captured record may name an object of this log by chance, and an object may be too large for the
    // log.
    if report.total().new == 0 {
        return;
    }
    let without_body = match content {
        LineContent::Artifact(manifest, _) => LineContent::Artifact(manifest.clone(), None),
        other => other.clone(),
    };
    let expected = canonical(&without_body.to_value()).expect("an accepted value is written");
    let mut out = Vec::new();
    let exported = contexta.export_jsonl(&mut out, &ExportFilter::default());
    exported.expect("an export");
    let out = String::from_utf8(out).expect("JSON is text");
    assert!(out.lines().any(|line| line == expected), "{expected} is not in {out}");
    assert_eq!(import().total().new, 0, "a second import has new records");
}
