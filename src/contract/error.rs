//! What is wrong with a value: a stable code, the field, and words.

/// Declares the codes of this floor: variant and stable text.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A stable code of this floor.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)*];

            /// The code as text.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// Not of the form `kind:value`.
    RefText = "stable_ref_invalid_text";
    /// The kind is not a lower-case word.
    RefKind = "stable_ref_invalid_kind";
    /// The value is not made of dotted lower-case components.
    RefValue = "stable_ref_invalid_value";
    /// The whole text is too long.
    RefTooLong = "stable_ref_too_long";
    /// The wrong number of components for the kind.
    RefShape = "stable_ref_invalid_shape";
    /// A ref of another kind than asked for.
    RefKindMismatch = "stable_ref_kind_mismatch";
    /// A field of no model that holds a ref.
    RefUnknownField = "stable_ref_unknown_field";
    /// Not a text where a ref must stand.
    Ref = "context_invalid_ref";
    /// No text, or a blank one.
    String = "context_invalid_string";
    /// A name that must be a ref component is not.
    Component = "context_invalid_component";
    /// Not a time in canonical form.
    Timestamp = "context_invalid_timestamp";
    /// A map with a blank key or value, or no map of texts.
    Mapping = "context_invalid_mapping";
    /// Not a status.
    Status = "context_invalid_status";
    /// An end without a closed status, or the other way round.
    StatusTransition = "context_invalid_status_transition";
    /// An end before its start.
    ContextTimeOrder = "context_invalid_time_order";
    /// Not a whole number from zero on.
    OrderIndex = "context_invalid_order_index";
    /// A ref that does not lie under its parent's.
    ContextPrefix = "context_ref_prefix_mismatch";
    /// A record observed after it was recorded, or a span that ends before it starts.
    RecordTimeOrder = "record_invalid_time_order";
    /// A record whose refs belong to different runs or stages.
    RecordPrefix = "record_ref_prefix_mismatch";
    /// A batch, sample or operation without its stage.
    RecordStage = "record_missing_stage_context";
    /// Not one of the words allowed here.
    Marker = "record_invalid_marker";
    /// Not a text where a ref must stand.
    RecordRef = "record_invalid_ref";
    /// Not a producer token.
    Producer = "record_invalid_producer_ref";
    /// Not an event key.
    EventKey = "record_invalid_event_key";
    /// Not a metric key.
    MetricKey = "record_invalid_metric_key";
    /// Not a finite number.
    MetricValue = "record_invalid_metric_value";
    /// Not a step: a whole number of 64 bits.
    MetricStep = "record_invalid_metric_step";
    /// Not a value type.
    ValueType = "record_invalid_value_type";
    /// Not a slice ref.
    SliceRef = "record_invalid_slice_ref";
    /// Not a summary basis.
    SummaryBasis = "record_invalid_summary_basis";
    /// Not an issue key.
    IssueKey = "record_invalid_issue_key";
    /// A map that is no JSON object of the allowed shape.
    RecordMapping = "record_invalid_mapping";
    /// Not an object of correlation refs.
    CorrelationRefs = "record_invalid_correlation_refs";
    /// Not an envelope.
    Envelope = "record_invalid_envelope";
    /// Not the payload of a record.
    RecordPayload = "record_invalid_payload";
    /// An envelope of another family than its payload.
    RecordTypeMismatch = "record_type_mismatch";
    /// An event, metric or span marked absent.
    Absent = "record_absent_not_allowed";
    /// A degraded record without a degradation.
    DegradedGap = "record_degraded_requires_gap";
    /// Not an artifact kind.
    ArtifactKind = "artifact_invalid_artifact_kind";
    /// Not a producer token.
    ArtifactProducer = "artifact_invalid_producer_ref";
    /// Not a number of bytes.
    SizeBytes = "artifact_invalid_size_bytes";
    /// An artifact ref outside its run.
    ArtifactPrefix = "artifact_ref_prefix_mismatch";
    /// A batch, sample or operation without its stage.
    ArtifactStage = "artifact_missing_stage_context";
    /// An edge from a thing to itself.
    SelfRelation = "lineage_self_relation";
    /// Not a policy token.
    PolicyRef = "lineage_invalid_policy_ref";
    /// Not a namespace of at least two dotted words.
    ExtensionNamespace = "extension_invalid_namespace";
    /// Not a field key: lower-case letters, digits, `_`.
    ExtensionFieldKey = "extension_invalid_field_key";
    /// Fields that are no object.
    ExtensionFields = "extension_invalid_fields";
    /// A field set without fields.
    ExtensionEmpty = "extension_empty_fields";
    /// A value that JSON cannot hold.
    ExtensionValue = "extension_invalid_value";
    /// A read-only name that is no field.
    ExtensionReadonly = "extension_invalid_readonly_fields";
    /// One namespace twice in one object.
    ExtensionDuplicate = "extension_duplicate_namespace";
    /// A change of a read-only field.
    ExtensionConflict = "extension_readonly_conflict";
    /// Not an ownership class.
    RegistryOwnership = "extension_registry_invalid_ownership";
    /// A namespace that its ownership class may not have.
    RegistryNamespace = "extension_registry_invalid_namespace";
    /// Not an owner: lower-case letters, digits, `-`.
    RegistryOwner = "extension_registry_invalid_owner";
    /// Not a status word.
    RegistryStatus = "extension_registry_invalid_status";
    /// No target models, or an unknown one.
    RegistryTargets = "extension_registry_invalid_target_models";
    /// A read-only name that the field specs do not declare.
    RegistryReadonly = "extension_registry_invalid_readonly_fields";
    /// Field specs with a bad key or a blank text.
    RegistrySpecs = "extension_registry_invalid_field_specs";
    /// A namespace that is not for this model.
    RegistryTargetMismatch = "extension_registry_target_model_mismatch";
    /// One namespace twice in one registry.
    RegistryDuplicate = "extension_registry_duplicate_namespace";
    /// A namespace that nobody registered.
    RegistryMissing = "extension_registry_missing_namespace";
    /// A report with errors in it.
    ValidationFailed = "validation_failed";
    /// A blank path of an issue.
    IssuePath = "validation_issue_invalid_path";
    /// A blank message of an issue.
    IssueMessage = "validation_issue_invalid_message";
    /// Not a severity.
    IssueSeverity = "validation_issue_invalid_severity";
    /// A schema version that this build cannot read.
    SchemaVersion = "schema.version_mismatch";
    /// A newer minor version of the schema: members unknown here are kept.
    SchemaNewer = "schema.version_newer";
    /// An extension whose namespace the registry does not have.
    NamespaceUnregistered = "extension.namespace_unregistered";
    /// An extension on a model that the registry does not allow it on.
    TargetMismatch = "extension.target_model_mismatch";
    /// An extension field that its specs do not declare.
    FieldUndeclared = "extension.field_undeclared";
    /// An extension field of another type than its spec says.
    FieldType = "extension.field_type_mismatch";
    /// A metric without a unit.
    UnitMissing = "metric.unit_missing";
    /// A value type that says otherwise than the value.
    ValueTypeMismatch = "metric.value_type_mismatch";
    /// A manifest without the hash of its body.
    HashMissing = "artifact.hash_value_missing";
    /// A hash that is no SHA-256 in hexadecimal digits.
    HashFormat = "artifact.hash_value_unrecognised";
    /// A manifest without the size of its body.
    SizeMissing = "artifact.size_bytes_missing";
    /// An artifact kind outside the advisory list.
    KindUnknown = "artifact.artifact_kind_unknown";
    /// An edge that nothing speaks for.
    EvidenceMissing = "lineage.evidence_refs_missing";
    /// A doubtful edge that nothing speaks for.
    LowConfidence = "lineage.low_confidence_without_provenance";
    /// A provenance record without a policy.
    PolicyMissing = "provenance.policy_ref_missing";
    /// A provenance record without an evidence bundle.
    EvidenceBundleMissing = "provenance.evidence_bundle_ref_missing";
    /// A number that JSON cannot hold.
    JsonFloat = "serialization_invalid_float";
    /// Nothing but white space.
    JsonBlank = "deserialize_blank_input";
    /// Not JSON.
    JsonSyntax = "deserialize_invalid_json";
    /// JSON of another shape than asked for.
    JsonShape = "deserialize_invalid_shape";
    /// A member that this version of the schema does not have.
    UnknownField = "deserialize_unknown_field";
    /// A member that must be there is not.
    MissingField = "deserialize_invalid_payload";
    /// A text that is no ref.
    DeserializeRef = "deserialize_invalid_ref";
    /// JSON, but nested too deeply or too large.
    JsonTooLarge = "deserialize_too_large";
}

/// What sort of error a code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// A value breaks a rule.
    Validation,
    /// Two things that exclude each other.
    Conflict,
    /// Something that was asked for is not there.
    NotFound,
    /// Text that is not the object it should be, or the other way round.
    Serialization,
}

impl ErrorCode {
    /// What sort of error this is.
    pub fn class(self) -> ErrorClass {
        match self {
            ErrorCode::ExtensionDuplicate | ErrorCode::ExtensionConflict | ErrorCode::RegistryDuplicate => {
                ErrorClass::Conflict
            }
            ErrorCode::RegistryMissing => ErrorClass::NotFound,
            code if ["deserialize_", "serialization_"].iter().any(|p| code.as_str().starts_with(p)) => {
                ErrorClass::Serialization
            }
            _ => ErrorClass::Validation,
        }
    }
}

/// A value breaks a rule of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", field.as_ref().map(|f| format!("{f}: ")).unwrap_or_default())]
pub struct ContractError {
    /// Which rule.
    pub code: ErrorCode,
    /// The field, where one is to blame.
    pub field: Option<String>,
    /// In words.
    pub message: String,
}

/// Greatest length of what an error says: it quotes values from outside, which may be megabytes long.
const MESSAGE_BYTES_MAX: usize = 512;

/// A text of bounded length, cut between characters.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        let cut = (0..=MESSAGE_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push('\u{2026}');
    }
    text
}

impl ContractError {
    /// An error about no field in particular. A long message is cut.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ContractError {
        ContractError { code, field: None, message: bounded(message.into()) }
    }

    /// An error about a field. A long message is cut.
    pub fn field(code: ErrorCode, field: &str, message: impl Into<String>) -> ContractError {
        ContractError { field: Some(bounded(field.to_owned())), ..ContractError::new(code, message) }
    }

    /// The same error, naming the field if it names none yet.
    pub fn at(mut self, field: &str) -> ContractError {
        self.field.get_or_insert_with(|| field.to_owned());
        self
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self.code {
            ErrorCode::RefText | ErrorCode::RefShape | ErrorCode::RefKindMismatch => {
                Some("a ref is kind:value, such as run:project.run or artifact:project.run.key")
            }
            ErrorCode::RefValue | ErrorCode::Component => Some(
                "components are lower-case letters and digits with single dashes between, at most 63 long",
            ),
            ErrorCode::MetricKey | ErrorCode::EventKey => {
                Some("keys are lower-case words of letters, digits, _ and -, joined by . or /")
            }
            ErrorCode::Timestamp => Some("write times as 2024-01-31T12:00:00Z"),
            _ => None,
        }
    }
}

/// The result of a check.
pub type Result<T> = std::result::Result<T, ContractError>;

impl From<std::convert::Infallible> for ContractError {
    fn from(never: std::convert::Infallible) -> ContractError {
        match never {}
    }
}
