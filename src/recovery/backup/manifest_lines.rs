//! The text form of a manifest. Each stream, segment, body, file and note has one line of canonical JSON. The
//! last line contains the digest of all earlier lines. The number of lines is not limited, so a manifest can
//! describe a workspace of any size.

use crate::contract;
use crate::contract::json::read::parse;
use crate::contract::json::write::canonical;
use crate::contract::{Timestamp, Value};
use crate::engine::blob::BlobInfo;
use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::recovery::backup::backup_ref::BackupRef;
use crate::recovery::backup::content::{Content, FileState};
use crate::recovery::backup::manifest::{
    FileCopy, Manifest, SavedNote, SegmentCopy, StreamCopy, is_plain_path,
};
use crate::recovery::backup::section::Section;
use crate::store::Severity;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The version of the text form.
const VERSION: u64 = 1;

/// Returns the text form of a manifest. Errors: a value has no JSON form.
pub(super) fn to_text(manifest: &Manifest) -> contract::Result<String> {
    let mut text = String::new();
    push(&mut text, header(manifest))?;
    for stream in &manifest.streams {
        push(&mut text, stream_line(stream))?;
        for segment in &stream.segments {
            push(&mut text, segment_line(segment))?;
        }
    }
    for body in &manifest.bodies {
        let (digest, size) = (Value::text(body.digest), body.size.into());
        push(&mut text, Value::map([("kind", "body".into()), ("digest", digest), ("size", size)]))?;
    }
    for file in &manifest.files {
        push(&mut text, file_line(file))?;
    }
    for note in &manifest.notes {
        push(&mut text, note_line(note))?;
    }
    let digest = Value::text(Digest::of(text.as_bytes()));
    push(&mut text, Value::map([("kind", "end".into()), ("digest", digest)]))?;
    Ok(text)
}

fn push(text: &mut String, value: Value) -> contract::Result<()> {
    text.push_str(&canonical(&value)?);
    text.push('\n');
    Ok(())
}

fn header(manifest: &Manifest) -> Value {
    Value::map([
        ("kind", "backup".into()),
        ("version", VERSION.into()),
        ("backup_ref", Value::text(&manifest.backup_ref)),
        ("label", manifest.label.clone().map_or(Value::Null, Value::Text)),
        ("created_at", Value::text(manifest.created_at)),
        ("workspace_root", Value::text(&manifest.workspace_root)),
        ("domain", Value::text(manifest.domain)),
        ("sections", Value::list(manifest.sections.iter().map(|section| section.name()))),
    ])
}

fn stream_line(stream: &StreamCopy) -> Value {
    Value::map([
        ("kind", "stream".into()),
        ("stream", Value::text(stream.stream)),
        ("last", stream.last.0.into()),
        ("last_time", stream.last_time.into()),
        ("head", stream.head.map_or(Value::Null, Value::text)),
        ("damage", stream.damage.into()),
    ])
}

fn segment_line(segment: &SegmentCopy) -> Value {
    let [len, objects, state] = content_members(&segment.content, segment.state);
    Value::map([("kind", "segment".into()), ("base", segment.base.0.into()), len, objects, state])
}

fn file_line(file: &FileCopy) -> Value {
    let [len, objects, state] = content_members(&file.content, file.state);
    let section = ("section", file.section.name().into());
    Value::map([("kind", "file".into()), section, ("path", Value::text(&file.path)), len, objects, state])
}

fn note_line(note: &SavedNote) -> Value {
    Value::map([
        ("kind", "note".into()),
        ("severity", note.severity.as_str().into()),
        ("code", Value::text(&note.code)),
        ("message", Value::text(&note.message)),
    ])
}

fn content_members(content: &Content, state: Option<FileState>) -> [(&'static str, Value); 3] {
    let state = state.map_or(Value::Null, |state| Value::list(state.0));
    [
        ("len", content.len.into()),
        ("objects", Value::List(content.objects.iter().map(Value::text).collect())),
        ("state", state),
    ]
}

/// Reads the text form of a manifest. Checks all digests, numbers and paths, and the number of objects of
/// each file. The error is a text that describes the fault.
pub(super) fn from_text(text: &str) -> Result<Manifest, String> {
    check_end(text)?;
    let mut reading: Option<Manifest> = None;
    for (line, n) in text.lines().zip(1u64..) {
        let at = |fault: String| format!("line {n}: {fault}");
        let value = parse(line).map_err(|e| at(format!("not JSON: {e}")))?;
        let kind = text_of(&value, "kind").map_err(at)?;
        match (&mut reading, kind) {
            (None, "backup") => reading = Some(read_header(&value).map_err(at)?),
            (None, _) => return Err("the first line is not the header of a backup".into()),
            (Some(_), "end") => {}
            (Some(manifest), kind) => add_line(manifest, kind, &value).map_err(at)?,
        }
    }
    let manifest = reading.ok_or("the manifest is empty")?;
    check_names(&manifest)?;
    Ok(manifest)
}

/// Reads the text form of a manifest, and writes the manifest as text again.
#[cfg(feature = "testing")]
pub fn rewritten_manifest(text: &str) -> Result<String, String> {
    to_text(&from_text(text)?).map_err(|e| e.to_string())
}

/// Checks that the last line contains the digest of all earlier lines.
fn check_end(text: &str) -> Result<(), String> {
    let body = text.strip_suffix('\n').ok_or("the last line is incomplete")?;
    let (before, end) = body.rsplit_once('\n').ok_or("the last line is missing")?;
    let covered = text.get(..=before.len()).unwrap_or_default();
    let value = parse(end).map_err(|e| format!("the last line is not JSON: {e}"))?;
    if text_of(&value, "kind")? != "end" {
        return Err("the last line is missing".into());
    }
    let digest: Digest = parsed(&value, "digest")?;
    if digest != Digest::of(covered.as_bytes()) {
        return Err("the text does not match the digest in its last line".into());
    }
    Ok(())
}

fn read_header(value: &Value) -> Result<Manifest, String> {
    let version = number_of(value, "version")?;
    if version != VERSION {
        return Err(format!("the version is {version}; this build reads version {VERSION}"));
    }
    let backup_ref =
        BackupRef::parse(text_of(value, "backup_ref")?).ok_or("the name of the backup is invalid")?;
    let created_at: Timestamp = parsed(value, "created_at")?;
    let sections = value.get("sections").and_then(Value::as_list).ok_or("there is no list of sections")?;
    let sections = sections.iter().map(|name| name.as_str().and_then(Section::parse));
    Ok(Manifest {
        backup_ref,
        label: value.get("label").and_then(Value::as_str).map(str::to_owned),
        created_at,
        workspace_root: text_of(value, "workspace_root")?.to_owned(),
        domain: parsed(value, "domain")?,
        sections: sections.collect::<Option<_>>().ok_or("a section is not known")?,
        streams: Vec::new(),
        bodies: Vec::new(),
        files: Vec::new(),
        notes: Vec::new(),
    })
}

fn add_line(manifest: &mut Manifest, kind: &str, value: &Value) -> Result<(), String> {
    match kind {
        "stream" => manifest.streams.push(read_stream(value)?),
        "segment" => {
            let stream = manifest.streams.last_mut().ok_or("a segment comes before its stream")?;
            let (content, state) = read_content(value)?;
            stream.segments.push(SegmentCopy { base: Seq(number_of(value, "base")?), content, state });
        }
        "body" => {
            let (digest, size) = (parsed(value, "digest")?, number_of(value, "size")?);
            manifest.bodies.push(BlobInfo { digest, size });
        }
        "file" => manifest.files.push(read_file(value)?),
        "note" => {
            let text = |name| text_of(value, name).map(str::to_owned);
            let severity = severity_of(text_of(value, "severity")?).ok_or("the severity is not known")?;
            manifest.notes.push(SavedNote { severity, code: text("code")?, message: text("message")? });
        }
        other => return Err(format!("the kind {other:?} is not known")),
    }
    Ok(())
}

fn severity_of(name: &str) -> Option<Severity> {
    let all = [Severity::Info, Severity::Warning, Severity::Error];
    all.into_iter().find(|severity| severity.as_str() == name)
}

fn read_stream(value: &Value) -> Result<StreamCopy, String> {
    let stream: StreamId = parsed(value, "stream")?;
    let head = match value.get("head") {
        Some(Value::Text(text)) => Some(text.parse().map_err(|_| "the head is invalid".to_owned())?),
        _ => None,
    };
    Ok(StreamCopy {
        stream,
        last: Seq(number_of(value, "last")?),
        last_time: number_of(value, "last_time")?,
        head,
        damage: number_of(value, "damage")?,
        segments: Vec::new(),
    })
}

fn read_file(value: &Value) -> Result<FileCopy, String> {
    let section = Section::parse(text_of(value, "section")?).ok_or("the section is not known")?;
    if matches!(section, Section::Records | Section::Artifacts) {
        return Err(format!("a file cannot belong to the section {section}"));
    }
    let path = text_of(value, "path")?.to_owned();
    if !is_plain_path(&path) {
        return Err(format!("the path {path:?} is not a relative path of plain names"));
    }
    if !section.holds(&path) {
        return Err(format!("the path {path:?} does not belong to the section {section}"));
    }
    let (content, state) = read_content(value)?;
    Ok(FileCopy { section, path, content, state })
}

fn read_content(value: &Value) -> Result<(Content, Option<FileState>), String> {
    let objects = value.get("objects").and_then(Value::as_list).ok_or("there is no list of objects")?;
    let digests = objects.iter().map(|digest| digest.as_str().and_then(|text| text.parse().ok()));
    let objects = digests.collect::<Option<Vec<Digest>>>().ok_or("the digest of an object is invalid")?;
    let content = Content { len: number_of(value, "len")?, objects };
    if !content.is_consistent() {
        return Err("the number of objects does not fit the length".into());
    }
    let state = value.get("state").and_then(Value::as_list);
    let state = state.and_then(|values| {
        let values = values.iter().map(number).collect::<Option<Vec<u64>>>()?;
        Some(FileState(values.try_into().ok()?))
    });
    Ok((content, state))
}

/// Checks that no two parts have the same name, and that no object has two lengths.
fn check_names(manifest: &Manifest) -> Result<(), String> {
    let mut streams = BTreeSet::new();
    for stream in &manifest.streams {
        let bases: BTreeSet<Seq> = stream.segments.iter().map(|segment| segment.base).collect();
        if !streams.insert(stream.stream) || bases.len() != stream.segments.len() {
            return Err(format!("the stream {} has two copies of a segment", stream.stream));
        }
    }
    let mut lens = BTreeMap::new();
    for (digest, len) in manifest.parts() {
        if *lens.entry(digest).or_insert(len) != len {
            return Err(format!("the object {digest} has two lengths"));
        }
    }
    let mut files = BTreeSet::new();
    for file in &manifest.files {
        if !files.insert((file.section, file.path.as_str())) {
            return Err(format!("there are two copies of the file {:?}", file.path));
        }
    }
    Ok(())
}

fn text_of<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name} is not a text"))
}

fn parsed<T: FromStr>(value: &Value, name: &str) -> Result<T, String> {
    text_of(value, name)?.parse().map_err(|_| format!("{name} is invalid"))
}

fn number_of(value: &Value, name: &str) -> Result<u64, String> {
    value.get(name).and_then(number).ok_or_else(|| format!("{name} is not a number of 64 bits"))
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::Big(digits) => digits.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::DOMAIN;

    fn manifest() -> Manifest {
        let content = Content { len: 3, objects: vec![Digest([5; 32])] };
        let state = Some(FileState([3, u64::MAX, 7, 1, 2, 0]));
        let stream = StreamId([9; 16]);
        Manifest {
            backup_ref: BackupRef::parse("manual-1").unwrap(),
            label: Some("manual".into()),
            created_at: "2026-11-01T08:00:00Z".parse().unwrap(),
            workspace_root: "/w ä".into(),
            domain: DOMAIN,
            sections: vec![Section::Config, Section::Records],
            streams: vec![StreamCopy {
                stream,
                last: Seq(u64::MAX),
                last_time: u64::MAX,
                head: format!("{stream}:4:{}", Digest([1; 32])).parse().ok(),
                damage: 0,
                segments: vec![SegmentCopy { base: Seq(1), content: content.clone(), state }],
            }],
            bodies: vec![BlobInfo { digest: Digest([2; 32]), size: 11 }],
            files: vec![FileCopy {
                section: Section::Reports,
                path: "reports/b".into(),
                content,
                state: None,
            }],
            notes: vec![SavedNote {
                severity: Severity::Error,
                code: "x".into(),
                message: "a \"note\"\n".into(),
            }],
        }
    }

    /// Returns the lines, followed by a last line with their digest.
    fn signed(lines: &str) -> String {
        let digest = Digest::of(lines.as_bytes());
        format!("{lines}{{\"digest\":\"{digest}\",\"kind\":\"end\"}}\n")
    }

    #[test]
    fn manifest_is_read_as_written() {
        let text = to_text(&manifest()).unwrap();
        assert_eq!(from_text(&text).unwrap(), manifest());
    }

    #[test]
    fn every_shorter_or_changed_text_is_refused() {
        let text = to_text(&manifest()).unwrap();
        for len in (0..text.len()).filter(|len| text.is_char_boundary(*len)) {
            assert!(from_text(&text[..len]).is_err(), "{len}");
        }
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(from_text(&changed).is_err(), "{at}");
            }
        }
    }

    #[test]
    fn hostile_manifest_is_refused() {
        let text = to_text(&manifest()).unwrap();
        let lines = text.rsplit_once("{\"digest\"").unwrap().0;
        assert_eq!(from_text(&signed(lines)).unwrap(), manifest());
        for (from, to) in [
            ("\"path\":\"reports/b\"", "\"path\":\"reports/../b\""),
            ("\"path\":\"reports/b\"", "\"path\":\"/etc/passwd\""),
            ("\"path\":\"reports/b\"", "\"path\":\"log/b\""),
            ("\"severity\":\"error\"", "\"severity\":\"none\""),
            ("\"section\":\"reports\"", "\"section\":\"records\""),
            ("\"section\":\"reports\"", "\"section\":\"../x\""),
            ("\"len\":3", "\"len\":30000000000"),
            ("\"len\":3", "\"len\":-1"),
            ("\"len\":3", "\"len\":0"),
            ("\"base\":1", "\"base\":\"../1\""),
            ("\"version\":1", "\"version\":2"),
            ("\"backup_ref\":\"manual-1\"", "\"backup_ref\":\"../x\""),
            ("\"size\":11", "\"size\":1e9"),
        ] {
            let changed = lines.replacen(from, to, 1);
            assert_ne!(changed, lines, "{from}");
            assert!(from_text(&signed(&changed)).is_err(), "{to}");
        }
        let file = lines.lines().find(|line| line.contains("\"path\"")).unwrap();
        assert!(from_text(&signed(&format!("{lines}{file}\n"))).unwrap_err().contains("two copies"));
        // The object of the segment has three bytes.
        let body = format!(
            "{{\"digest\":\"{}\",\"kind\":\"body\",\"size\":4611686018427387904}}\n",
            Digest([5; 32])
        );
        assert!(from_text(&signed(&format!("{lines}{body}"))).unwrap_err().contains("two lengths"));
    }
}
