//! What is wrong with a value: a stable code, the field, and words.

/// Declares the codes of this floor: variant and stable text.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A stable code of this floor.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
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
    /// A text that must not be blank is.
    String = "context_invalid_string";
    /// A name that must be a ref component is not.
    Component = "context_invalid_component";
    /// Not a time in canonical form.
    Timestamp = "context_invalid_timestamp";
    /// A map with a blank key or value.
    Mapping = "context_invalid_mapping";
    /// Not a status.
    Status = "context_invalid_status";
    /// An end without a closed status, or the other way round.
    StatusTransition = "context_invalid_status_transition";
    /// An end before its start.
    ContextTimeOrder = "context_invalid_time_order";
    /// A ref that does not lie under its parent's.
    ContextPrefix = "context_ref_prefix_mismatch";
    /// A record observed after it was recorded.
    RecordTimeOrder = "record_invalid_time_order";
    /// A record whose refs belong to different runs or stages.
    RecordPrefix = "record_ref_prefix_mismatch";
    /// A batch, sample or operation without its stage.
    RecordStage = "record_missing_stage_context";
    /// Not one of the words allowed here.
    Marker = "record_invalid_marker";
    /// Not a producer token.
    Producer = "record_invalid_producer_ref";
    /// Not an event key.
    EventKey = "record_invalid_event_key";
    /// Not a metric key.
    MetricKey = "record_invalid_metric_key";
    /// Not a finite number.
    MetricValue = "record_invalid_metric_value";
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
    /// An event or metric marked absent.
    Absent = "record_absent_not_allowed";
    /// A degraded record without a degradation.
    DegradedGap = "record_degraded_requires_gap";
    /// Not an artifact kind.
    ArtifactKind = "artifact_invalid_artifact_kind";
    /// Not a producer token.
    ArtifactProducer = "artifact_invalid_producer_ref";
    /// An artifact ref outside its run.
    ArtifactPrefix = "artifact_ref_prefix_mismatch";
    /// A batch, sample or operation without its stage.
    ArtifactStage = "artifact_missing_stage_context";
    /// An edge from a thing to itself.
    SelfRelation = "lineage_self_relation";
    /// A number that JSON cannot hold.
    JsonFloat = "serialization_invalid_float";
    /// Nothing but white space.
    JsonBlank = "deserialize_blank_input";
    /// Not JSON.
    JsonSyntax = "deserialize_invalid_json";
    /// JSON, but nested too deeply or too large.
    JsonTooLarge = "deserialize_too_large";
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

impl ContractError {
    /// An error about no field in particular.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ContractError {
        ContractError { code, field: None, message: message.into() }
    }

    /// An error about a field.
    pub fn field(code: ErrorCode, field: &str, message: impl Into<String>) -> ContractError {
        ContractError { code, field: Some(field.to_owned()), message: message.into() }
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
