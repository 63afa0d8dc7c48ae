//! The stable error codes of the contract, and the classes of errors.

/// Declares the error codes. Each line has the variant and the stable text.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A stable error code of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// All codes, in the order of their declaration.
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
    /// A ref whose kind is not a lower-case word.
    RefKind = "stable_ref_invalid_kind";
    /// A ref whose value does not consist of lower-case components joined by dots.
    RefValue = "stable_ref_invalid_value";
    /// A ref that is too long.
    RefTooLong = "stable_ref_too_long";
    /// A ref with a number of components that the kind of the ref does not allow.
    RefShape = "stable_ref_invalid_shape";
    /// A ref of another kind than expected.
    RefKindMismatch = "stable_ref_kind_mismatch";
    /// A check of the ref in a field whose name is unknown. Known names are `run_ref`, `artifact_ref` and the like.
    RefUnknownField = "stable_ref_unknown_field";
    /// A field that must contain a ref, with a value that is not a text.
    Ref = "context_invalid_ref";
    /// A value that is not a text, or is blank.
    String = "context_invalid_string";
    /// A name that is too long or contains a control character. As a warning: a name that cannot be a component of a
    /// ref.
    Component = "context_invalid_component";
    /// A value that is not an RFC 3339 time.
    Timestamp = "context_invalid_timestamp";
    /// A map from text to text with a blank key, or with a value that is not a text. Also an invalid parameter.
    Mapping = "context_invalid_mapping";
    /// A value that is not a status.
    Status = "context_invalid_status";
    /// An open object with an end time, an ended object without an end time, or the end of an object of a kind that
    /// cannot end, such as a project.
    StatusTransition = "context_invalid_status_transition";
    /// An object that ends before it starts. Always a warning.
    ContextTimeOrder = "context_invalid_time_order";
    /// A value that is not a whole number of at least 0.
    OrderIndex = "context_invalid_order_index";
    /// A ref that is not under the ref that the contract requires as parent, such as the ref of the run for a stage, or
    /// whose last component is not the object's name.
    ContextPrefix = "context_ref_prefix_mismatch";
    /// A record that was recorded before it was observed, or a span that ends before it starts. Always a warning.
    RecordTimeOrder = "record_invalid_time_order";
    /// A record with a ref that does not belong to the record's run, stage or batch, or with a deployment of another
    /// project.
    RecordPrefix = "record_ref_prefix_mismatch";
    /// A record with a batch, sample or operation and without a stage.
    RecordStage = "record_missing_stage_context";
    /// A value that is not one of the values that the field allows.
    Marker = "record_invalid_marker";
    /// A field of a record that must contain a ref, with a value that is not a text.
    RecordRef = "record_invalid_ref";
    /// A record whose producer is not a token such as `sdk.rust`.
    Producer = "record_invalid_producer_ref";
    /// An event key that is too long or contains a control character. As a warning: an event key that does not consist
    /// of lower-case words with `.` or `/` between them, such as `dataset.loaded`.
    EventKey = "record_invalid_event_key";
    /// A metric key that is too long or contains a control character. As a warning: a metric key that does not consist
    /// of lower-case words with `.` or `/` between them, such as `train/loss`.
    MetricKey = "record_invalid_metric_key";
    /// A metric value that is not a number.
    MetricValue = "record_invalid_metric_value";
    /// A value that is not a step (a whole number of 64 bits).
    MetricStep = "record_invalid_metric_step";
    /// A metric value whose type is named by a text that is not a lower-case word such as `float`.
    ValueType = "record_invalid_value_type";
    /// A slice of data whose name does not consist of lower-case words joined by dots.
    SliceRef = "record_invalid_slice_ref";
    /// A summary basis (the way in which a metric value was summarised) that is not a lower-case word.
    SummaryBasis = "record_invalid_summary_basis";
    /// A degraded record whose key does not consist of lower-case words joined by dots.
    IssueKey = "record_invalid_issue_key";
    /// A value that is not a JSON object, or an object with a blank key.
    RecordMapping = "record_invalid_mapping";
    /// A value that is not an object of correlation refs.
    CorrelationRefs = "record_invalid_correlation_refs";
    /// A record whose member `envelope` is not a JSON object.
    Envelope = "record_invalid_envelope";
    /// A record whose member `payload` is not a JSON object.
    RecordPayload = "record_invalid_payload";
    /// A record whose envelope names a family that does not fit the payload.
    RecordTypeMismatch = "record_type_mismatch";
    /// An event, metric or span with completeness `absent`.
    Absent = "record_absent_not_allowed";
    /// A degraded record with degradation marker `none`.
    DegradedGap = "record_degraded_requires_gap";
    /// An artifact kind that is not a lower-case word such as `model_bundle`.
    ArtifactKind = "artifact_invalid_artifact_kind";
    /// An artifact whose producer is not a token such as `sdk.rust`.
    ArtifactProducer = "artifact_invalid_producer_ref";
    /// A value that is not a number of bytes.
    SizeBytes = "artifact_invalid_size_bytes";
    /// A manifest with a ref that does not belong to the artifact's run, stage or batch, or with a deployment of
    /// another project.
    ArtifactPrefix = "artifact_ref_prefix_mismatch";
    /// A manifest with a batch, sample or operation and without a stage.
    ArtifactStage = "artifact_missing_stage_context";
    /// A lineage edge from an object to itself.
    SelfRelation = "lineage_self_relation";
    /// A policy that is not a token such as `team.policy`.
    PolicyRef = "lineage_invalid_policy_ref";
    /// A value that is not a namespace of at least two dotted words.
    ExtensionNamespace = "extension_invalid_namespace";
    /// A value that is not a field key (a lower-case letter, then lower-case letters, digits and `_`).
    ExtensionFieldKey = "extension_invalid_field_key";
    /// Fields of an extension that are not an object.
    ExtensionFields = "extension_invalid_fields";
    /// An extension field set without fields.
    ExtensionEmpty = "extension_empty_fields";
    /// A value that cannot be written as JSON and read back.
    ExtensionValue = "extension_invalid_value";
    /// A list of read-only fields with a name that is not a field of the extension field set.
    ExtensionReadonly = "extension_invalid_readonly_fields";
    /// Two extension field sets of one object with the same namespace.
    ExtensionDuplicate = "extension_duplicate_namespace";
    /// A change of a read-only field of an extension.
    ExtensionConflict = "extension_readonly_conflict";
    /// A value that is not an ownership class.
    RegistryOwnership = "extension_registry_invalid_ownership";
    /// A namespace whose first word is not allowed for the class of the namespace's owner.
    RegistryNamespace = "extension_registry_invalid_namespace";
    /// A value that is not an owner (a lower-case letter, then lower-case letters, digits and `-`).
    RegistryOwner = "extension_registry_invalid_owner";
    /// A registry entry whose status is not a lower-case word.
    RegistryStatus = "extension_registry_invalid_status";
    /// A registry entry without target models, or with an unknown target model.
    RegistryTargets = "extension_registry_invalid_target_models";
    /// A read-only field of a registry entry that is not among the declared fields of the entry.
    RegistryReadonly = "extension_registry_invalid_readonly_fields";
    /// A declared field of a registry entry with an invalid key or a blank type.
    RegistrySpecs = "extension_registry_invalid_field_specs";
    /// A namespace that is not registered for the model that it is used on.
    RegistryTargetMismatch = "extension_registry_target_model_mismatch";
    /// Two entries of a registry with the same namespace.
    RegistryDuplicate = "extension_registry_duplicate_namespace";
    /// A namespace that is not registered.
    RegistryMissing = "extension_registry_missing_namespace";
    /// One or more errors from a validation report.
    ValidationFailed = "validation_failed";
    /// A validation issue with a blank path.
    IssuePath = "validation_issue_invalid_path";
    /// A validation issue with a blank message.
    IssueMessage = "validation_issue_invalid_message";
    /// A validation issue whose severity is not `warning` or `error`.
    IssueSeverity = "validation_issue_invalid_severity";
    /// A schema version that this build cannot read.
    SchemaVersion = "schema.version_mismatch";
    /// A newer minor version of the schema (a warning). Unknown members are kept.
    SchemaNewer = "schema.version_newer";
    /// An extension with a namespace that is not in the registry.
    NamespaceUnregistered = "extension.namespace_unregistered";
    /// An extension on a model that is not among the models allowed by the registry entry of the namespace.
    TargetMismatch = "extension.target_model_mismatch";
    /// An extension field that the registry entry of its namespace does not declare.
    FieldUndeclared = "extension.field_undeclared";
    /// An extension field whose value does not have the type that the registry entry declares.
    FieldType = "extension.field_type_mismatch";
    /// A metric without a unit.
    UnitMissing = "metric.unit_missing";
    /// A metric whose value type does not fit the value.
    ValueTypeMismatch = "metric.value_type_mismatch";
    /// A manifest without the hash of its body.
    HashMissing = "artifact.hash_value_missing";
    /// A hash that is not a SHA-256 in hexadecimal digits.
    HashFormat = "artifact.hash_value_unrecognised";
    /// A manifest without the size of its body.
    SizeMissing = "artifact.size_bytes_missing";
    /// An artifact kind that is not one of the known kinds.
    KindUnknown = "artifact.artifact_kind_unknown";
    /// A lineage edge without evidence.
    EvidenceMissing = "lineage.evidence_refs_missing";
    /// A lineage edge with low confidence and without evidence.
    LowConfidence = "lineage.low_confidence_without_provenance";
    /// A provenance record without a policy.
    PolicyMissing = "provenance.policy_ref_missing";
    /// A provenance record without an evidence bundle.
    EvidenceBundleMissing = "provenance.evidence_bundle_ref_missing";
    /// A number that JSON cannot represent: NaN or infinity.
    JsonFloat = "serialization_invalid_float";
    /// A text that is empty or consists of white space, in place of JSON.
    JsonBlank = "deserialize_blank_input";
    /// A text that is not JSON.
    JsonSyntax = "deserialize_invalid_json";
    /// JSON of another type or shape than expected.
    JsonShape = "deserialize_invalid_shape";
    /// A member that this version of the schema does not have.
    UnknownField = "deserialize_unknown_field";
    /// An object without a required member.
    MissingField = "deserialize_invalid_payload";
    /// A text that is not a ref.
    DeserializeRef = "deserialize_invalid_ref";
    /// JSON that is nested too deeply or is too large.
    JsonTooLarge = "deserialize_too_large";
}

/// The class of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// A value that breaks a rule.
    Validation,
    /// A duplicate, or a forbidden change of an existing value.
    Conflict,
    /// A requested item that does not exist.
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
