//! The stable codes of this floor, and the classes of errors.

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

            /// Returns the code as text.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $text,)* }
            }
        }

        impl std::fmt::Display for ErrorCode {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// A text that is not of the form `kind:value`.
    RefText = "stable_ref_invalid_text";
    /// The kind is not a lower-case word.
    RefKind = "stable_ref_invalid_kind";
    /// The value is not made of dotted lower-case components.
    RefValue = "stable_ref_invalid_value";
    /// The whole text is too long.
    RefTooLong = "stable_ref_too_long";
    /// The wrong number of components for the kind.
    RefShape = "stable_ref_invalid_shape";
    /// A ref of another kind than expected.
    RefKindMismatch = "stable_ref_kind_mismatch";
    /// An unknown name of a field that holds a ref.
    RefUnknownField = "stable_ref_unknown_field";
    /// A value that is not a text in place of a ref.
    Ref = "context_invalid_ref";
    /// A value that is not a text, or is blank.
    String = "context_invalid_string";
    /// A name that must be a ref component is not.
    Component = "context_invalid_component";
    /// A value that is not a time in canonical form.
    Timestamp = "context_invalid_timestamp";
    /// A map with a blank key or value, or not a map of texts.
    Mapping = "context_invalid_mapping";
    /// A value that is not a status.
    Status = "context_invalid_status";
    /// An end without a terminal status, or a terminal status without an end.
    StatusTransition = "context_invalid_status_transition";
    /// An end before the start.
    ContextTimeOrder = "context_invalid_time_order";
    /// A value that is not a whole number from zero on.
    OrderIndex = "context_invalid_order_index";
    /// A ref that is not under its parent's.
    ContextPrefix = "context_ref_prefix_mismatch";
    /// A record observed after it was recorded, or a span that ends before it starts.
    RecordTimeOrder = "record_invalid_time_order";
    /// A record whose refs belong to different runs or stages.
    RecordPrefix = "record_ref_prefix_mismatch";
    /// A batch, sample or operation without its stage.
    RecordStage = "record_missing_stage_context";
    /// A value that is not in the closed set of the field.
    Marker = "record_invalid_marker";
    /// A value that is not a text in place of a ref.
    RecordRef = "record_invalid_ref";
    /// A value that is not a producer token.
    Producer = "record_invalid_producer_ref";
    /// A value that is not an event key.
    EventKey = "record_invalid_event_key";
    /// A value that is not a metric key.
    MetricKey = "record_invalid_metric_key";
    /// A value that is not a finite number.
    MetricValue = "record_invalid_metric_value";
    /// A value that is not a step (a whole number of 64 bits).
    MetricStep = "record_invalid_metric_step";
    /// A value that is not a value type.
    ValueType = "record_invalid_value_type";
    /// A value that is not a slice ref.
    SliceRef = "record_invalid_slice_ref";
    /// A value that is not a summary basis.
    SummaryBasis = "record_invalid_summary_basis";
    /// A value that is not an issue key.
    IssueKey = "record_invalid_issue_key";
    /// A map that is not a JSON object of the allowed shape.
    RecordMapping = "record_invalid_mapping";
    /// A value that is not an object of correlation refs.
    CorrelationRefs = "record_invalid_correlation_refs";
    /// A value that is not an envelope.
    Envelope = "record_invalid_envelope";
    /// A value that is not the payload of a record.
    RecordPayload = "record_invalid_payload";
    /// An envelope of another family than its payload.
    RecordTypeMismatch = "record_type_mismatch";
    /// An event, metric or span marked absent.
    Absent = "record_absent_not_allowed";
    /// A degraded record without a degradation.
    DegradedGap = "record_degraded_requires_gap";
    /// A value that is not an artifact kind.
    ArtifactKind = "artifact_invalid_artifact_kind";
    /// A value that is not a producer token.
    ArtifactProducer = "artifact_invalid_producer_ref";
    /// A value that is not a number of bytes.
    SizeBytes = "artifact_invalid_size_bytes";
    /// An artifact ref outside its run.
    ArtifactPrefix = "artifact_ref_prefix_mismatch";
    /// A batch, sample or operation without its stage.
    ArtifactStage = "artifact_missing_stage_context";
    /// An edge from an object to itself.
    SelfRelation = "lineage_self_relation";
    /// A value that is not a policy token.
    PolicyRef = "lineage_invalid_policy_ref";
    /// A value that is not a namespace of at least two dotted words.
    ExtensionNamespace = "extension_invalid_namespace";
    /// A value that is not a field key (lower-case letters, digits, `_`).
    ExtensionFieldKey = "extension_invalid_field_key";
    /// Fields that are not an object.
    ExtensionFields = "extension_invalid_fields";
    /// A field set without fields.
    ExtensionEmpty = "extension_empty_fields";
    /// A value that JSON cannot hold.
    ExtensionValue = "extension_invalid_value";
    /// A read-only name that is not a field.
    ExtensionReadonly = "extension_invalid_readonly_fields";
    /// One namespace twice in one object.
    ExtensionDuplicate = "extension_duplicate_namespace";
    /// A change of a read-only field.
    ExtensionConflict = "extension_readonly_conflict";
    /// A value that is not an ownership class.
    RegistryOwnership = "extension_registry_invalid_ownership";
    /// A namespace that its ownership class does not allow.
    RegistryNamespace = "extension_registry_invalid_namespace";
    /// A value that is not an owner (lower-case letters, digits, `-`).
    RegistryOwner = "extension_registry_invalid_owner";
    /// A value that is not a status.
    RegistryStatus = "extension_registry_invalid_status";
    /// No target models, or an unknown one.
    RegistryTargets = "extension_registry_invalid_target_models";
    /// A read-only name that the field specs do not declare.
    RegistryReadonly = "extension_registry_invalid_readonly_fields";
    /// Field specs with a bad key or a blank text.
    RegistrySpecs = "extension_registry_invalid_field_specs";
    /// A namespace that is not registered for this model.
    RegistryTargetMismatch = "extension_registry_target_model_mismatch";
    /// One namespace twice in one registry.
    RegistryDuplicate = "extension_registry_duplicate_namespace";
    /// A namespace that is not registered.
    RegistryMissing = "extension_registry_missing_namespace";
    /// A validation report with errors.
    ValidationFailed = "validation_failed";
    /// A blank path of an issue.
    IssuePath = "validation_issue_invalid_path";
    /// A blank message of an issue.
    IssueMessage = "validation_issue_invalid_message";
    /// A value that is not a severity.
    IssueSeverity = "validation_issue_invalid_severity";
    /// A schema version that this build cannot read.
    SchemaVersion = "schema.version_mismatch";
    /// A newer minor version of the schema; unknown members are kept.
    SchemaNewer = "schema.version_newer";
    /// An extension with a namespace that is not in the registry.
    NamespaceUnregistered = "extension.namespace_unregistered";
    /// An extension on a model that the registry does not allow it on.
    TargetMismatch = "extension.target_model_mismatch";
    /// An extension field that is not declared.
    FieldUndeclared = "extension.field_undeclared";
    /// An extension field of another type than its declaration.
    FieldType = "extension.field_type_mismatch";
    /// A metric without a unit.
    UnitMissing = "metric.unit_missing";
    /// A value type that does not fit the value.
    ValueTypeMismatch = "metric.value_type_mismatch";
    /// A manifest without the hash of its body.
    HashMissing = "artifact.hash_value_missing";
    /// A hash that is not a SHA-256 in hexadecimal digits.
    HashFormat = "artifact.hash_value_unrecognised";
    /// A manifest without the size of its body.
    SizeMissing = "artifact.size_bytes_missing";
    /// An artifact kind outside the advisory list.
    KindUnknown = "artifact.artifact_kind_unknown";
    /// An edge without evidence.
    EvidenceMissing = "lineage.evidence_refs_missing";
    /// An edge of low confidence without evidence.
    LowConfidence = "lineage.low_confidence_without_provenance";
    /// A provenance record without a policy.
    PolicyMissing = "provenance.policy_ref_missing";
    /// A provenance record without an evidence bundle.
    EvidenceBundleMissing = "provenance.evidence_bundle_ref_missing";
    /// A number that JSON cannot hold.
    JsonFloat = "serialization_invalid_float";
    /// A text of white space only.
    JsonBlank = "deserialize_blank_input";
    /// A text that is not JSON.
    JsonSyntax = "deserialize_invalid_json";
    /// JSON of another shape than expected.
    JsonShape = "deserialize_invalid_shape";
    /// A member that this version of the schema does not have.
    UnknownField = "deserialize_unknown_field";
    /// A required member is missing.
    MissingField = "deserialize_invalid_payload";
    /// A text that is not a ref.
    DeserializeRef = "deserialize_invalid_ref";
    /// JSON, but nested too deeply or too large.
    JsonTooLarge = "deserialize_too_large";
}

/// The class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// A value breaks a rule.
    Validation,
    /// Two items that exclude each other.
    Conflict,
    /// A requested item does not exist.
    NotFound,
    /// A text that cannot be read as the expected object, or an object that cannot be written as text.
    Serialization,
}

impl ErrorCode {
    /// Returns the class of the error.
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
