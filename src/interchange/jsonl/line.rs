//! One line of JSON lines, and the function that parses and checks a line.

use crate::contract::error::bounded;
use crate::contract::json::read::parse;
use crate::contract::model::Members;
use crate::contract::salvage::salvage_with;
use crate::contract::validate::check_value;
use crate::contract::version::minor_of;
use crate::contract::{
    AnyRecord, ArtifactManifest, Canonical, Degradation, DroppedMember, ErrorCode, ExtensionRegistry, Object,
    ObjectKind, RecordType, RunRef, SCHEMA_VERSION, Salvaged, StableRef, Valid, ValidationIssue,
    ValidationReport, Value, salvage_value,
};
use crate::interchange::jsonl::rejection::Rejection;

/// The kind of the lines of artifacts.
pub const ARTIFACT: &str = "artifact";
/// The kind of the lines of records.
pub const RECORD: &str = "record";

/// The name of the member that contains the schema version of an object or envelope.
const SCHEMA_MEMBER: &str = "schema_version";
/// The name of the member that contains the degradation marker of an envelope.
const DEGRADATION_MEMBER: &str = "degradation_marker";

/// Returns all kinds of lines, in the order in which an export writes them.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    ObjectKind::ALL.iter().map(|kind| kind.as_str()).chain([ARTIFACT, RECORD])
}

/// The content of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum LineContent {
    /// An object of the contract.
    Object(Object),
    /// The manifest of an artifact, and the path of the body's file.
    Artifact(Box<Valid<ArtifactManifest>>, Option<String>),
    /// A record.
    Record(AnyRecord),
}

/// A valid line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The content.
    pub content: LineContent,
    /// Warnings: deviations from the contract that do not prevent the import.
    pub warnings: Vec<LineWarning>,
    /// Members that were left out because they are invalid. Each path starts at the line, such as `$.object.unit`.
    pub dropped: Vec<DroppedMember>,
}

/// A deviation from the contract that does not prevent the import.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineWarning {
    /// The code of the rule.
    pub code: ErrorCode,
    /// The message.
    pub message: String,
}

impl Line {
    /// Parses a line, and checks its object by the rules of the contract. With a registry, extensions are also checked
    /// against the registry. Errors: the reason for which the line is refused.
    pub fn parse(
        bytes: &[u8],
        registry: Option<&ExtensionRegistry>,
    ) -> std::result::Result<Line, Box<Rejection>> {
        let parts = LineParts::parse(bytes)?;
        let named = parts.naming();
        Line::of_parts(parts, registry).map_err(|rejection| Box::new(named(rejection)))
    }

    /// Parses a line like [`Line::parse`], and leaves out invalid members that are not required. Errors: a required
    /// member is missing or invalid.
    pub fn salvage(
        bytes: &[u8],
        registry: Option<&ExtensionRegistry>,
    ) -> std::result::Result<Line, Box<Rejection>> {
        // Only an invalid line is parsed a second time, so that a valid line needs no copy of its object.
        Line::parse(bytes, registry).or_else(|_| Line::salvaged(LineParts::parse(bytes)?, registry))
    }

    /// Parses a line like [`Line::salvage`], and also accepts unsupported schema versions. An object of such
    /// a version is read by the rules of the version that this build supports. The member `schema_version` of
    /// the object is then left out. If the object is a record without a degradation, its degradation marker
    /// becomes `compatibility_upgrade`.
    pub fn salvage_any_version(
        bytes: &[u8],
        registry: Option<&ExtensionRegistry>,
    ) -> std::result::Result<Line, Box<Rejection>> {
        Line::parse(bytes, registry).or_else(|_| {
            let mut parts = LineParts::parse(bytes)?;
            let version = parts.take_unsupported_version();
            let mut line = Line::salvaged(parts, registry)?;
            line.dropped.splice(0..0, version);
            Ok(line)
        })
    }

    fn salvaged(parts: LineParts, registry: Option<&ExtensionRegistry>) -> Result<Line, Box<Rejection>> {
        let named = parts.naming();
        Line::salvage_parts(parts, registry).map_err(|rejection| Box::new(named(rejection)))
    }
}

/// The members of a line.
struct LineParts {
    kind: String,
    object: Value,
    rest: Members,
}

impl LineParts {
    fn parse(bytes: &[u8]) -> Result<LineParts, Rejection> {
        let text = std::str::from_utf8(bytes).map_err(|e| {
            Rejection::new(
                "import_not_utf8",
                format!("the line is not UTF-8 from byte {} on", e.valid_up_to()),
            )
        })?;
        let invalid = |message: String| Rejection::new("import_invalid_line", message);
        let mut members = match parse(text).map_err(|e| Rejection::of_contract(&e))? {
            Value::Map(members) => members,
            other => return Err(invalid(format!("the line is {}, not a JSON object", other.type_name()))),
        };
        let kind = match members.remove("kind") {
            Some(Value::Text(kind)) => kind,
            _ => return Err(invalid("the member `kind` is missing or is not a text".into())),
        };
        let Some(object) = members.remove("object") else {
            let missing = invalid("the member `object` is missing".into());
            return Err(Rejection { kind: Some(bounded(kind)), ..missing });
        };
        Ok(LineParts { kind, object, rest: members })
    }

    /// Returns a function that adds the kind and the run of the line to a rejection.
    fn naming(&self) -> impl FnOnce(Rejection) -> Rejection + use<> {
        let (run, kind) = (run_in(&self.kind, &self.object), bounded(self.kind.clone()));
        move |rejection| Rejection { run, kind: Some(kind), ..rejection }
    }

    /// Removes the path of the body from the members of the line. Errors: the member is not a path.
    fn take_body(&mut self) -> Result<Option<String>, Rejection> {
        let body = if self.kind == ARTIFACT { self.rest.remove("body") } else { None };
        match body {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(path)) => Ok(Some(path)),
            Some(other) => {
                let message = format!("the member `body` is {}, not a path", other.type_name());
                Err(Rejection { path: "$.body".into(), ..Rejection::new("import_invalid_line", message) })
            }
        }
    }

    /// Removes the schema version of the object if this build does not support the version. If the object is
    /// a record without a degradation, its degradation marker then becomes `compatibility_upgrade`.
    fn take_unsupported_version(&mut self) -> Option<DroppedMember> {
        let is_record = self.kind == RECORD;
        let Value::Map(object) = &mut self.object else { return None };
        let (members, path) = match (is_record, object) {
            (false, object) => (object, "$.object.schema_version"),
            (true, object) => match object.get_mut("envelope")? {
                Value::Map(envelope) => (envelope, "$.object.envelope.schema_version"),
                _ => return None,
            },
        };
        let version = members.get(SCHEMA_MEMBER)?.as_str()?;
        if minor_of(version).is_some() {
            return None;
        }
        let message =
            format!("schema version {version} is not supported; the object was read as {SCHEMA_VERSION}");
        members.remove(SCHEMA_MEMBER);
        let marker = members.get(DEGRADATION_MEMBER).and_then(Value::as_str);
        if is_record && marker.is_none_or(|marker| marker == Degradation::None.as_str()) {
            members.insert(DEGRADATION_MEMBER.to_owned(), Degradation::CompatibilityUpgrade.as_str().into());
        }
        Some(DroppedMember::new(ErrorCode::SchemaVersion, path, &message))
    }

    fn unknown_kind(&self) -> Rejection {
        let known: Vec<&str> = kinds().collect();
        let message = format!("{:?} is not a kind of line; the kinds are {}", self.kind, known.join(", "));
        Rejection { path: "$.kind".into(), ..Rejection::new("import_unknown_kind", message) }
    }
}

impl Line {
    fn of_parts(mut parts: LineParts, registry: Option<&ExtensionRegistry>) -> Result<Line, Rejection> {
        let body = parts.take_body()?;
        if let Some(unknown) = parts.rest.keys().next() {
            return Err(Rejection::new(
                "import_invalid_line",
                format!("the line has the unknown member {unknown:?}"),
            ));
        }
        let kind = parts.kind.parse::<ObjectKind>().ok();
        let (content, report) = match (parts.kind.as_str(), kind) {
            (_, Some(kind)) => {
                let (object, report) = Object::check_value(kind, parts.object, registry);
                (object.map(LineContent::Object), report)
            }
            (ARTIFACT, _) => {
                let (manifest, report) = check_value::<ArtifactManifest>(parts.object, registry);
                (manifest.map(|m| LineContent::Artifact(Box::new(m), body)), report)
            }
            (RECORD, _) => {
                let (record, report) = check_record(family_of(&parts.object)?, parts.object, registry);
                (record.map(LineContent::Record), report)
            }
            _ => return Err(parts.unknown_kind()),
        };
        match content {
            Some(content) => Ok(Line { content, warnings: warnings(&report), dropped: Vec::new() }),
            None => Err(Rejection::of_report(&report, "$.object")),
        }
    }

    fn salvage_parts(mut parts: LineParts, registry: Option<&ExtensionRegistry>) -> Result<Line, Rejection> {
        let mut outside = Vec::new();
        let body = parts.take_body().unwrap_or_else(|rejection| {
            outside.push(DroppedMember::new(ErrorCode::JsonShape, &rejection.path, &rejection.message));
            None
        });
        for name in parts.rest.keys() {
            let message = format!("the line has the unknown member {name:?}");
            outside.push(DroppedMember::new(ErrorCode::UnknownField, &format!("$.{name}"), &message));
        }
        let kind = parts.kind.parse::<ObjectKind>().ok();
        let refused = |report: ValidationReport| Rejection::of_report(&report, "$.object");
        let (content, dropped, report) = match (parts.kind.as_str(), kind) {
            (_, Some(kind)) => {
                let Salvaged { value, dropped, report } =
                    Object::salvage_value(kind, parts.object, registry).map_err(refused)?;
                (LineContent::Object(value), dropped, report)
            }
            (ARTIFACT, _) => {
                let Salvaged { value, dropped, report } =
                    salvage_value::<ArtifactManifest>(parts.object, registry).map_err(refused)?;
                (LineContent::Artifact(Box::new(value), body), dropped, report)
            }
            (RECORD, _) => {
                let family = family_of(&parts.object)?;
                let check = |object| check_record(family, object, registry);
                let Salvaged { value, dropped, report } =
                    salvage_with(parts.object, check).map_err(refused)?;
                (LineContent::Record(value), dropped, report)
            }
            _ => return Err(parts.unknown_kind()),
        };
        let dropped = dropped.into_iter().map(|member| member.under("$.object")).chain(outside).collect();
        Ok(Line { content, warnings: warnings(&report), dropped })
    }
}

fn warnings(report: &ValidationReport) -> Vec<LineWarning> {
    let warning = |w: &ValidationIssue| LineWarning { code: w.code(), message: w.message().to_owned() };
    report.warnings().map(warning).collect()
}

/// Returns the family of a record, from the member `record_type` of the envelope.
fn family_of(object: &Value) -> Result<RecordType, Rejection> {
    let family = object.get("envelope").and_then(|e| e.get("record_type")).and_then(Value::as_str);
    let at = |r: Rejection| Rejection { path: "$.object.envelope.record_type".into(), ..r };
    let Some(family) = family else {
        let message = "the member `record_type` of the envelope is missing";
        return Err(at(Rejection::new(ErrorCode::MissingField.as_str(), message)));
    };
    family.parse::<RecordType>().map_err(|e| at(Rejection::of_contract(&e)))
}

/// Checks a record by the rules of its family.
fn check_record(
    family: RecordType,
    object: Value,
    registry: Option<&ExtensionRegistry>,
) -> (Option<AnyRecord>, ValidationReport) {
    macro_rules! of {
        ($variant:ident) => {{
            let (record, report) = check_value(object, registry);
            (record.map(|r| AnyRecord::$variant(Box::new(r))), report)
        }};
    }
    match family {
        RecordType::Event => of!(Event),
        RecordType::Metric => of!(Metric),
        RecordType::Span => of!(Span),
        RecordType::Degraded => of!(Degraded),
    }
}

/// Returns the run that a line belongs to, for the report if the line is refused. The run is the member `run_ref` of
/// the object or, without this member, the run that the object's own ref contains. In a record, both members are in the
/// envelope. Returns `None` if the ref cannot be parsed or belongs to no run.
fn run_in(kind: &str, object: &Value) -> Option<RunRef> {
    let holder = if kind == RECORD { object.get("envelope")? } else { object };
    if let Some(run) = holder.get("run_ref").and_then(Value::as_str) {
        return RunRef::parse(run).ok();
    }
    let own = kind.parse().map_or("artifact_ref", ObjectKind::ref_member);
    StableRef::parse(holder.get(own)?.as_str()?).ok()?.run()
}

impl LineContent {
    /// Returns the kind of the line.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            LineContent::Object(object) => object.kind().as_str(),
            LineContent::Artifact(..) => ARTIFACT,
            LineContent::Record(_) => RECORD,
        }
    }

    /// Returns the ref of the object, artifact or record.
    #[must_use]
    pub fn own_ref(&self) -> StableRef {
        match self {
            LineContent::Object(object) => object.own_ref().clone(),
            LineContent::Artifact(manifest, _) => (&manifest.artifact_ref).into(),
            LineContent::Record(record) => (&record.envelope().record_ref).into(),
        }
    }

    /// Returns the whole line as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let (object, body) = match self {
            LineContent::Object(object) => (object.to_value(), None),
            LineContent::Artifact(manifest, body) => (manifest.to_value(), body.clone()),
            LineContent::Record(record) => (record.to_value(), None),
        };
        Value::map([("kind", self.kind().into()), ("object", object), ("body", body.into())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Rejection {
        *Line::parse(text.as_bytes(), None).unwrap_err()
    }

    #[test]
    fn refused_line_has_code_and_path() {
        for (text, code, path) in [
            ("", "deserialize_blank_input", "$"),
            ("{", "deserialize_invalid_json", "$"),
            ("[]", "import_invalid_line", "$"),
            (r#"{"object":{}}"#, "import_invalid_line", "$"),
            (r#"{"kind":"run"}"#, "import_invalid_line", "$"),
            (r#"{"kind":"run","object":{},"x":1}"#, "import_invalid_line", "$"),
            (r#"{"kind":"walk","object":{}}"#, "import_unknown_kind", "$.kind"),
            (r#"{"kind":"artifact","object":{},"body":1}"#, "import_invalid_line", "$.body"),
            (r#"{"kind":"run","object":{"body":1}}"#, "deserialize_unknown_field", "$.object.body"),
            (
                r#"{"kind":"record","object":{}}"#,
                "deserialize_invalid_payload",
                "$.object.envelope.record_type",
            ),
            (
                r#"{"kind":"record","object":{"envelope":{"record_type":"x"},"payload":{}}}"#,
                "record_invalid_marker",
                "$.object.envelope.record_type",
            ),
            (
                r#"{"kind":"project","object":{"project_ref":"project:a","name":" ","created_at":"2024-01-01T00:00:00Z"}}"#,
                "context_invalid_string",
                "$.object.name",
            ),
        ] {
            let rejection = refused(text);
            assert_eq!((rejection.code, rejection.path.as_str()), (code, path), "{text}");
        }
        assert_eq!(Line::parse(b"{\xff}", None).unwrap_err().code, "import_not_utf8");
    }

    #[test]
    fn object_of_another_schema_version_is_read_as_the_version_of_this_build() {
        let text = r#"{"kind":"project","object":{"project_ref":"project:a","name":"a","colour":"red",
            "created_at":"2024-01-01T00:00:00Z","schema_version":"2.1.0"}}"#;
        let refused = Line::salvage(text.as_bytes(), None).unwrap_err();
        assert_eq!(
            (refused.code, refused.path.as_str()),
            ("schema.version_mismatch", "$.object.schema_version")
        );
        let line = Line::salvage_any_version(text.as_bytes(), None).unwrap();
        let paths: Vec<&str> = line.dropped.iter().map(|member| member.path.as_str()).collect();
        assert_eq!(paths, ["$.object.schema_version", "$.object.colour"]);
        assert!(line.dropped[0].message.contains("2.1.0"), "{:?}", line.dropped);
        // A newer minor version is supported, so unknown members of the object are kept.
        let newer = text.replace("2.1.0", "1.1.0");
        let line = Line::salvage_any_version(newer.as_bytes(), None).unwrap();
        assert_eq!((line.dropped.len(), line), (0, Line::parse(newer.as_bytes(), None).unwrap()));
    }

    #[test]
    fn record_of_another_schema_version_gets_a_degradation_marker() {
        let record = |marker: &str, version: &str| {
            let text = format!(
                r#"{{"kind":"record","object":{{"envelope":{{"record_ref":"record:p.r.k","record_type":"metric",
                "recorded_at":"2024-01-31T12:00:00Z","observed_at":"2024-01-31T12:00:00Z","producer_ref":"x",
                "run_ref":"run:p.r","schema_version":"{version}"{marker}}},
                "payload":{{"metric_key":"loss","value":1,"value_type":"int"}}}}}}"#
            );
            let line = Line::salvage_any_version(text.as_bytes(), None).unwrap();
            let LineContent::Record(record) = line.content else { panic!() };
            let observation = &record.envelope().observation;
            (observation.degradation_marker, observation.schema_version.clone())
        };
        let read = |marker| (marker, SCHEMA_VERSION.to_owned());
        assert_eq!(record("", "0.9"), read(Degradation::CompatibilityUpgrade));
        assert_eq!(record(r#","degradation_marker":"none""#, "0.9"), read(Degradation::CompatibilityUpgrade));
        let loss = r#","degradation_marker":"import_loss""#;
        assert_eq!(record(loss, "0.9"), read(Degradation::ImportLoss));
        assert_eq!(record("", "1.0.0"), read(Degradation::None));
    }

    #[test]
    fn invalid_members_that_are_not_required_are_left_out() {
        let text = r#"{"kind":"artifact","body":5,"x":1,"object":{"artifact_ref":"artifact:p.r.a","artifact_kind":"k",
            "created_at":"2024-01-01T00:00:00Z","producer_ref":"x","run_ref":"run:p.r","location_ref":"here",
            "size_bytes":-1}}"#;
        assert!(Line::parse(text.as_bytes(), None).is_err());
        let line = Line::salvage(text.as_bytes(), None).unwrap();
        let paths: Vec<&str> = line.dropped.iter().map(|member| member.path.as_str()).collect();
        assert_eq!(paths, ["$.object.size_bytes", "$.body", "$.x"]);
        assert!(matches!(line.content, LineContent::Artifact(_, None)));
        let refused = Line::salvage(text.replace("\"k\"", "\"K\"").as_bytes(), None).unwrap_err();
        assert_eq!(
            (refused.code, refused.path.as_str()),
            ("artifact_invalid_artifact_kind", "$.object.artifact_kind")
        );
    }

    #[test]
    fn rejection_names_the_run_of_the_line() {
        let run = |text: &str| refused(text).run.map(|r| r.to_string());
        assert_eq!(run(r#"{"kind":"stage","object":{"run_ref":"run:p.r"}}"#).as_deref(), Some("run:p.r"));
        let record = r#"{"kind":"record","object":{"envelope":{"run_ref":"run:p.r"}}}"#;
        assert_eq!(run(record).as_deref(), Some("run:p.r"));
        let artifact = r#"{"kind":"artifact","object":{"artifact_ref":"artifact:p.r.a"}}"#;
        assert_eq!(run(artifact).as_deref(), Some("run:p.r"));
        assert_eq!(run(r#"{"kind":"project","object":{"project_ref":"project:p"}}"#), None);
        assert_eq!(run(r#"{"kind":"stage","object":{"run_ref":"run:p"}}"#), None);
    }
}
