//! Namespaced extra fields on models, and the registry that says who owns a namespace and what may stand in it.
//!
//! Without a registry nothing is checked but the form. With one, a field set must be registered for its model, and its
//! fields must be those its specs declare. Private namespaces that nobody registered pass with a warning.

use crate::contract::SCHEMA_VERSION;
use crate::contract::error::{ContractError, ErrorCode, Result};
use crate::contract::issue::{Issues, ValidationReport};
use crate::contract::json::{Canonical, Value};
use crate::contract::model::{Field, Members, refuse_unknown};
use crate::contract::models::words;
use crate::contract::rules::{EXT_KEY, EXT_NAMESPACE, LOWER_SNAKE, OWNER, is_newer, json_value, trim};
use std::collections::{BTreeMap, BTreeSet};

/// Greatest length of a namespace.
pub const NAMESPACE_LEN_MAX: usize = 128;

/// First segments of namespaces that are not private.
const RESERVED: &[&str] = &["contexta", "compat", "adapter", "bridge", "plugin"];

words! {
    /// Who may own a namespace.
    ExtensionOwnership, "an ownership class", ErrorCode::RegistryOwnership, {
        /// contexta itself: `contexta.`
        Core = "core",
        /// A layer for older data: `compat.`
        Compat = "compat",
        /// An adapter to another tool: `adapter.`
        Adapter = "adapter",
        /// A bridge between tools: `bridge.`
        Bridge = "bridge",
        /// A plugin: `plugin.`
        Plugin = "plugin",
        /// Anybody else: no reserved first segment.
        Private = "private",
    }
}

words! {
    /// What an extension may stand on.
    ExtensionTarget, "a target model", ErrorCode::RegistryTargets, {
        /// A project.
        Project = "project",
        /// A run.
        Run = "run",
        /// A deployment.
        DeploymentExecution = "deployment_execution",
        /// A stage.
        StageExecution = "stage_execution",
        /// A batch.
        BatchExecution = "batch_execution",
        /// A sample.
        SampleObservation = "sample_observation",
        /// An operation.
        OperationContext = "operation_context",
        /// An environment snapshot.
        EnvironmentSnapshot = "environment_snapshot",
        /// The envelope of a record.
        RecordEnvelope = "record_envelope",
        /// The payload of an event; payloads have no extensions so far.
        EventPayload = "event_payload",
        /// The payload of a metric.
        MetricPayload = "metric_payload",
        /// The payload of a span.
        TraceSpanPayload = "trace_span_payload",
        /// The payload of a degraded record.
        DegradedPayload = "degraded_payload",
        /// A manifest.
        ArtifactManifest = "artifact_manifest",
        /// An edge.
        LineageEdge = "lineage_edge",
        /// A provenance record.
        ProvenanceRecord = "provenance_record",
    }
}

/// Whether readonly fields may be touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readonly {
    /// Touching one is a conflict.
    Kept,
    /// They are like any other.
    Overridden,
}

/// Fields under one namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtensionFieldSet {
    namespace: String,
    fields: Members,
    readonly_fields: BTreeSet<String>,
    unknown: Members,
}

fn check_namespace(text: &str) -> Result<()> {
    if text.len() <= NAMESPACE_LEN_MAX && text.contains('.') && EXT_NAMESPACE.matches(text) {
        return Ok(());
    }
    let message =
        format!("{text:?} is not a namespace: two or more dotted lower-case words, at most 128 long");
    Err(ContractError::field(ErrorCode::ExtensionNamespace, "namespace", message))
}

fn check_key(field: &str, key: &str) -> Result<()> {
    if EXT_KEY.matches(key) {
        return Ok(());
    }
    let message = format!("{key:?} is not a field key: lower-case letters, digits and _");
    Err(ContractError::field(ErrorCode::ExtensionFieldKey, field, message))
}

impl ExtensionFieldSet {
    /// Fields of a namespace, some of which are not to be changed any more.
    pub fn new(
        namespace: &str,
        fields: impl IntoIterator<Item = (String, Value)>,
        readonly_fields: impl IntoIterator<Item = String>,
    ) -> Result<ExtensionFieldSet> {
        let mut issues = Issues::default();
        let mut set = ExtensionFieldSet {
            namespace: namespace.to_owned(),
            fields: fields.into_iter().collect(),
            readonly_fields: readonly_fields.into_iter().collect(),
            unknown: Members::new(),
        };
        set.settle(&mut issues);
        issues.into_result().map(|()| set)
    }

    /// The changed set, if its rules hold. What it keeps of a newer version stays.
    fn settled(mut self) -> Result<ExtensionFieldSet> {
        let mut issues = Issues::default();
        issues.with_newer(!self.unknown.is_empty(), |issues| self.settle(issues));
        issues.into_result().map(|()| self)
    }

    fn settle(&mut self, issues: &mut Issues) {
        issues.take("", check_namespace(&self.namespace));
        for (key, value) in &mut self.fields {
            issues.take("", check_key("fields", key));
            json_value(issues, &format!("fields.{key}"), value);
        }
        // Null says nothing: it would not come back.
        self.fields.retain(|_, value| *value != Value::Null);
        if self.fields.is_empty() {
            issues.error(ErrorCode::ExtensionEmpty, "fields", "must hold a field");
        }
        for key in &self.readonly_fields {
            issues.take("", check_key("readonly_fields", key));
        }
        issues.take("", self.check_readonly());
        crate::contract::model::settle_unknown(Self::NAME, &mut self.unknown, Self::KNOWN, issues);
    }

    fn check_readonly(&self) -> Result<()> {
        let missing: Vec<&str> = self
            .readonly_fields
            .iter()
            .filter(|k| !self.fields.contains_key(*k))
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("no field is called {}", missing.join(", "));
        Err(ContractError::field(ErrorCode::ExtensionReadonly, "readonly_fields", message))
    }

    const NAME: &'static str = "ExtensionFieldSet";
    const KNOWN: &'static [&'static str] = &["namespace", "fields", "readonly_fields"];

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// All fields by key.
    pub fn fields(&self) -> &BTreeMap<String, Value> {
        &self.fields
    }

    /// One field.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key)
    }

    /// The keys that are not to be changed.
    pub fn readonly_fields(&self) -> &BTreeSet<String> {
        &self.readonly_fields
    }

    /// The same set with more readonly fields. Errors: one of them is no field.
    pub fn with_readonly(&self, keys: impl IntoIterator<Item = String>) -> Result<ExtensionFieldSet> {
        let mut changed = self.clone();
        changed.readonly_fields.extend(keys);
        changed.settled()
    }

    /// The same set with these fields added or changed. Errors: `extension_readonly_conflict` for a readonly one.
    pub fn merge(
        &self,
        updates: impl IntoIterator<Item = (String, Value)>,
        readonly: Readonly,
    ) -> Result<ExtensionFieldSet> {
        let updates: Members = updates.into_iter().collect();
        self.check_touched(updates.keys(), readonly)?;
        let mut changed = self.clone();
        changed.fields.extend(updates);
        changed.settled()
    }

    /// The same set without these fields; unknown ones are ignored. Errors: as [`ExtensionFieldSet::merge`], or
    /// nothing is left.
    pub fn without(&self, keys: &[&str], readonly: Readonly) -> Result<ExtensionFieldSet> {
        for key in keys {
            check_key("fields", key)?;
        }
        let gone: BTreeSet<String> = keys.iter().map(|k| (*k).to_owned()).collect();
        self.check_touched(gone.iter(), readonly)?;
        let mut changed = self.clone();
        changed.fields.retain(|k, _| !gone.contains(k));
        changed.readonly_fields.retain(|k| !gone.contains(k));
        changed.settled()
    }

    fn check_touched<'a>(&self, keys: impl Iterator<Item = &'a String>, readonly: Readonly) -> Result<()> {
        let touched: Vec<&str> =
            keys.filter(|k| self.readonly_fields.contains(*k)).map(String::as_str).collect();
        if touched.is_empty() || readonly == Readonly::Overridden {
            return Ok(());
        }
        let message = format!("{} of {} must not be changed", touched.join(", "), self.namespace);
        Err(ContractError::field(ErrorCode::ExtensionConflict, "fields", message))
    }

    /// Reads a field set from a value; the first thing that is wrong is the error.
    pub fn from_value(value: Value) -> Result<ExtensionFieldSet> {
        ExtensionFieldSet::from_value_of(value, SCHEMA_VERSION)
    }

    /// Reads a field set that stands on a model of this version of the schema.
    pub(crate) fn from_value_of(value: Value, version: &str) -> Result<ExtensionFieldSet> {
        let mut issues = Issues::default();
        let set = issues.with_newer(is_newer(version), |i| ExtensionFieldSet::read_value(value, i));
        issues.into_result()?;
        set.ok_or_else(|| ContractError::new(ErrorCode::JsonShape, "not an extension field set"))
    }

    fn read_value(value: Value, issues: &mut Issues) -> Option<ExtensionFieldSet> {
        let Value::Map(mut members) = value else {
            issues.error(ErrorCode::JsonShape, "", format!("{} is not {}", value.sort(), Self::NAME));
            return None;
        };
        refuse_unknown(Self::NAME, &members, &[Self::KNOWN], issues);
        let mut needed = |name: &str| {
            let member = members.remove(name);
            if member.is_none() && name != "readonly_fields" {
                issues.error(ErrorCode::MissingField, name, format!("{name} is missing"));
            }
            member
        };
        let (namespace, fields, readonly) =
            (needed("namespace"), needed("fields"), needed("readonly_fields"));
        let namespace = match namespace? {
            Value::Text(text) => Some(text),
            other => {
                let message = format!("{} is not a namespace", other.sort());
                issues.error(ErrorCode::ExtensionNamespace, "namespace", message);
                None
            }
        };
        let fields = match fields? {
            Value::Map(fields) => Some(fields),
            other => {
                let message = format!("{} where an object must stand", other.sort());
                issues.error(ErrorCode::ExtensionFields, "fields", message);
                None
            }
        };
        let readonly_fields = match readonly {
            None => Some(BTreeSet::new()),
            Some(Value::List(keys)) => {
                let texts = keys.iter().map(|k| k.as_str().map(str::to_owned));
                texts.collect::<Option<BTreeSet<String>>>().or_else(|| {
                    issues.error(ErrorCode::ExtensionFieldKey, "readonly_fields", "a key is no text");
                    None
                })
            }
            Some(other) => {
                let message = format!("{} where a list must stand", other.sort());
                issues.error(ErrorCode::MissingField, "readonly_fields", message);
                None
            }
        };
        Some(ExtensionFieldSet {
            namespace: namespace?,
            fields: fields?,
            readonly_fields: readonly_fields?,
            unknown: members,
        })
        .map(|mut set| {
            // Settled by the model it stands on as well; here for a set on its own.
            set.settle(issues);
            set
        })
    }
}

impl Canonical for ExtensionFieldSet {
    fn to_value(&self) -> Value {
        let mut members = self.unknown.clone();
        members.insert("namespace".into(), self.namespace.as_str().into());
        members.insert("fields".into(), self.fields.clone().into());
        members
            .insert("readonly_fields".into(), Value::list(self.readonly_fields.iter().map(String::as_str)));
        Value::Map(members)
    }
}

impl Field for ExtensionFieldSet {
    const CODE: ErrorCode = ErrorCode::JsonShape;

    fn read(value: Value, _: ErrorCode, issues: &mut Issues) -> Option<ExtensionFieldSet> {
        ExtensionFieldSet::read_value(value, issues)
    }

    fn write(&self) -> Value {
        self.to_value()
    }
}

/// Sorts the field sets of a model by namespace; one namespace twice breaks the rule.
pub(crate) fn settle_all(sets: &mut [ExtensionFieldSet], issues: &mut Issues) {
    if sets.is_empty() {
        return;
    }
    sets.sort_by(|a, b| a.namespace.cmp(&b.namespace));
    issues.within("extensions", |issues| {
        let mut before: Option<&str> = None;
        for (n, set) in sets.iter().enumerate() {
            if before == Some(&set.namespace) {
                let message = format!("{} occurs twice", set.namespace);
                issues.at_index(n, |issues| issues.error(ErrorCode::ExtensionDuplicate, "", message));
            }
            before = Some(&set.namespace);
            if !set.unknown.is_empty() {
                let known = ExtensionFieldSet::KNOWN;
                issues.at_index(n, |i| refuse_unknown(ExtensionFieldSet::NAME, &set.unknown, &[known], i));
            }
        }
    });
}

/// What a registry says of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionRegistryEntry {
    namespace: String,
    ownership_class: ExtensionOwnership,
    owner_slug: String,
    status: String,
    target_models: BTreeSet<ExtensionTarget>,
    readonly_fields: BTreeSet<String>,
    field_specs: Option<BTreeMap<String, String>>,
    notes: Option<String>,
}

impl ExtensionRegistryEntry {
    /// A namespace, its owner, and the models it may stand on.
    pub fn new(
        namespace: &str,
        ownership_class: ExtensionOwnership,
        owner_slug: &str,
        status: &str,
        target_models: impl IntoIterator<Item = ExtensionTarget>,
    ) -> Result<ExtensionRegistryEntry> {
        check_namespace(namespace)?;
        let first = namespace.split('.').next().unwrap_or_default();
        let allowed = match ownership_class {
            ExtensionOwnership::Private => !RESERVED.contains(&first),
            ExtensionOwnership::Core => first == "contexta",
            class => first == class.as_str(),
        };
        if !allowed {
            let message = format!("{namespace} cannot be a namespace of class {ownership_class}");
            return Err(ContractError::field(ErrorCode::RegistryNamespace, "namespace", message));
        }
        if !OWNER.matches(owner_slug) {
            let message = format!("{owner_slug:?} is not an owner: lower-case letters, digits and -");
            return Err(ContractError::field(ErrorCode::RegistryOwner, "owner_slug", message));
        }
        if !LOWER_SNAKE.matches(status) {
            let message = format!("{status:?} is not a status: lower-case letters, digits and _");
            return Err(ContractError::field(ErrorCode::RegistryStatus, "status", message));
        }
        let target_models: BTreeSet<ExtensionTarget> = target_models.into_iter().collect();
        if target_models.is_empty() {
            let message = "a namespace needs a model it may stand on";
            return Err(ContractError::field(ErrorCode::RegistryTargets, "target_models", message));
        }
        Ok(ExtensionRegistryEntry {
            namespace: namespace.to_owned(),
            ownership_class,
            owner_slug: owner_slug.to_owned(),
            status: status.to_owned(),
            target_models,
            readonly_fields: BTreeSet::new(),
            field_specs: None,
            notes: None,
        })
    }

    /// Declares all fields: key and type. The types `text`, `int`, `float`, `bool`, `list`, `map` and `any` are checked; other
    /// words say something to people only.
    pub fn field_specs(
        mut self,
        specs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<ExtensionRegistryEntry> {
        let fail = |message| ContractError::field(ErrorCode::RegistrySpecs, "field_specs", message);
        let mut settled = BTreeMap::new();
        for (key, spec) in specs {
            let spec = trim(&spec);
            if !EXT_KEY.matches(&key) || spec.is_empty() {
                return Err(fail(format!("{key:?} is not a key with a spec")));
            }
            settled.insert(key, spec.to_owned());
        }
        self.field_specs = Some(settled);
        self.check_readonly()
    }

    /// Fields that are not to be changed once they are said.
    pub fn readonly_fields(
        mut self,
        keys: impl IntoIterator<Item = String>,
    ) -> Result<ExtensionRegistryEntry> {
        self.readonly_fields = keys.into_iter().collect();
        for key in &self.readonly_fields {
            check_key("readonly_fields", key)?;
        }
        self.check_readonly()
    }

    fn check_readonly(self) -> Result<ExtensionRegistryEntry> {
        let Some(specs) = &self.field_specs else { return Ok(self) };
        match self.readonly_fields.iter().find(|key| !specs.contains_key(*key)) {
            None => Ok(self),
            Some(key) => {
                let message = format!("the field specs do not declare {key}");
                Err(ContractError::field(ErrorCode::RegistryReadonly, "readonly_fields", message))
            }
        }
    }

    /// Anything else, for people; blank text is none.
    pub fn notes(mut self, notes: &str) -> ExtensionRegistryEntry {
        self.notes = Some(trim(notes).to_owned()).filter(|n| !n.is_empty());
        self
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Who answers for it.
    pub fn owner_slug(&self) -> &str {
        &self.owner_slug
    }

    /// What sort of owner that is.
    pub fn ownership_class(&self) -> ExtensionOwnership {
        self.ownership_class
    }

    /// Reads an entry from its object.
    pub fn from_value(value: &Value) -> Result<ExtensionRegistryEntry> {
        let shape = |message: String| ContractError::new(ErrorCode::JsonShape, message);
        let Value::Map(members) = value else {
            return Err(shape(format!("{} is not a registry entry", value.sort())));
        };
        const KNOWN: &[&str] = &[
            "namespace",
            "ownership_class",
            "owner_slug",
            "status",
            "target_models",
            "readonly_fields",
            "field_specs",
            "notes",
        ];
        let mut issues = Issues::default();
        refuse_unknown("ExtensionRegistryEntry", members, &[KNOWN], &mut issues);
        issues.into_result()?;
        let text = |name: &str| {
            let member = members
                .get(name)
                .ok_or_else(|| ContractError::field(ErrorCode::MissingField, name, "is missing"))?;
            member.as_str().ok_or_else(|| {
                ContractError::field(ErrorCode::JsonShape, name, format!("{} is no text", member.sort()))
            })
        };
        let texts = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(list) => {
                let items = list.as_list().map(|items| items.iter().map(Value::as_str).collect());
                let items: Option<Option<Vec<&str>>> = items;
                items
                    .flatten()
                    .ok_or_else(|| ContractError::field(ErrorCode::JsonShape, name, "is not a list of texts"))
            }
        };
        let targets = texts("target_models")?.into_iter().map(ExtensionTarget::parse);
        let entry = ExtensionRegistryEntry::new(
            text("namespace")?,
            ExtensionOwnership::parse(text("ownership_class")?)?,
            text("owner_slug")?,
            text("status")?,
            targets.collect::<Result<Vec<_>>>()?,
        )?;
        let entry = match members.get("field_specs") {
            None | Some(Value::Null) => entry,
            Some(Value::Map(specs)) => {
                let spec = |(key, spec): (&String, &Value)| {
                    let text = spec.as_str().unwrap_or_default();
                    (key.clone(), text.to_owned())
                };
                entry.field_specs(specs.iter().map(spec))?
            }
            Some(other) => {
                let message = format!("{} where an object must stand", other.sort());
                return Err(ContractError::field(ErrorCode::RegistrySpecs, "field_specs", message));
            }
        };
        let entry = entry.readonly_fields(texts("readonly_fields")?.into_iter().map(str::to_owned))?;
        Ok(match members.get("notes").and_then(Value::as_str) {
            Some(notes) => entry.notes(notes),
            None => entry,
        })
    }
}

impl Canonical for ExtensionRegistryEntry {
    fn to_value(&self) -> Value {
        Value::map([
            ("namespace", self.namespace.as_str().into()),
            ("ownership_class", self.ownership_class.into()),
            ("owner_slug", self.owner_slug.as_str().into()),
            ("status", self.status.as_str().into()),
            ("target_models", Value::list(self.target_models.iter().copied())),
            ("readonly_fields", Value::list(self.readonly_fields.iter().map(String::as_str))),
            ("field_specs", self.field_specs.clone().map(Value::from).into()),
            ("notes", self.notes.clone().into()),
        ])
    }
}

/// Who owns which namespace. Immutable: registering gives a new registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtensionRegistry {
    entries: BTreeMap<String, ExtensionRegistryEntry>,
}

impl ExtensionRegistry {
    /// A registry of these entries. Errors: one namespace twice.
    pub fn new(entries: impl IntoIterator<Item = ExtensionRegistryEntry>) -> Result<ExtensionRegistry> {
        entries.into_iter().try_fold(ExtensionRegistry::default(), |registry, e| registry.register(e))
    }

    /// Reads a registry from a JSON list of entries.
    pub fn from_json(text: &str) -> Result<ExtensionRegistry> {
        match crate::contract::model::parse_for("ExtensionRegistry", text)? {
            Value::List(entries) => {
                let entries: Result<Vec<_>> =
                    entries.iter().map(ExtensionRegistryEntry::from_value).collect();
                ExtensionRegistry::new(entries?)
            }
            other => {
                let message = format!("{} is not a list of registry entries", other.sort());
                Err(ContractError::new(ErrorCode::JsonShape, message))
            }
        }
    }

    /// All entries by namespace.
    pub fn entries(&self) -> impl Iterator<Item = &ExtensionRegistryEntry> {
        self.entries.values()
    }

    /// The entry of a namespace. Errors: the text is no namespace.
    pub fn get(&self, namespace: &str) -> Result<Option<&ExtensionRegistryEntry>> {
        check_namespace(namespace)?;
        Ok(self.entries.get(namespace))
    }

    /// The entry of a namespace that must be registered.
    pub fn require(&self, namespace: &str) -> Result<&ExtensionRegistryEntry> {
        self.get(namespace)?.ok_or_else(|| {
            let message = format!("nobody registered {namespace}");
            ContractError::field(ErrorCode::RegistryMissing, "namespace", message)
        })
    }

    /// This registry and one more entry. Errors: its namespace is registered already.
    pub fn register(mut self, entry: ExtensionRegistryEntry) -> Result<ExtensionRegistry> {
        if self.entries.contains_key(&entry.namespace) {
            let message = format!("{} is registered already", entry.namespace);
            return Err(ContractError::field(ErrorCode::RegistryDuplicate, "namespace", message));
        }
        self.entries.insert(entry.namespace.clone(), entry);
        Ok(self)
    }

    /// Who owns a namespace.
    pub fn owner_for(&self, namespace: &str) -> Option<&str> {
        self.entries.get(namespace).map(|e| e.owner_slug.as_str())
    }

    /// Whether a namespace may stand on a model; `false` where it is not registered.
    pub fn allows_target_model(&self, namespace: &str, target: ExtensionTarget) -> bool {
        self.entries.get(namespace).is_some_and(|e| e.target_models.contains(&target))
    }

    /// The field set with the readonly fields that its entry asks for. Errors: not registered, not for this model, or a
    /// readonly field is not there.
    pub fn resolve(&self, set: &ExtensionFieldSet, target: ExtensionTarget) -> Result<ExtensionFieldSet> {
        let entry = self.require(&set.namespace)?;
        if !entry.target_models.contains(&target) {
            let message = format!("{} may not stand on {target}", set.namespace);
            return Err(ContractError::field(ErrorCode::RegistryTargetMismatch, "namespace", message));
        }
        set.with_readonly(entry.readonly_fields.iter().cloned())
    }

    /// The field sets of one model, sorted, each resolved. Errors: as [`ExtensionRegistry::resolve`], or one namespace
    /// twice.
    pub fn normalize(
        &self,
        sets: &[ExtensionFieldSet],
        target: ExtensionTarget,
    ) -> Result<Vec<ExtensionFieldSet>> {
        let mut sets = sets.to_vec();
        let mut issues = Issues::default();
        settle_all(&mut sets, &mut issues);
        issues.into_result()?;
        sets.iter().map(|set| self.resolve(set, target)).collect()
    }

    /// Every issue of one field set on a model.
    pub fn check(&self, set: &ExtensionFieldSet, target: ExtensionTarget) -> ValidationReport {
        let mut issues = Issues::default();
        let Some(entry) = self.entries.get(&set.namespace) else {
            let first = set.namespace.split('.').next().unwrap_or_default();
            let message = format!("nobody registered {}", set.namespace);
            match RESERVED.contains(&first) {
                true => issues.error(ErrorCode::NamespaceUnregistered, "namespace", message),
                false => issues.warning(ErrorCode::NamespaceUnregistered, "namespace", message),
            }
            return issues.into_report();
        };
        if !entry.target_models.contains(&target) {
            let message = format!("{} may not stand on {target}", set.namespace);
            issues.error(ErrorCode::TargetMismatch, "namespace", message);
        }
        for key in entry.readonly_fields.iter().filter(|key| !set.fields.contains_key(*key)) {
            let message = format!("the readonly field {key} is missing");
            issues.error(ErrorCode::ExtensionReadonly, "readonly_fields", message);
        }
        for (key, value) in &set.fields {
            let Some(specs) = &entry.field_specs else { break };
            let at = format!("fields.{key}");
            match specs.get(key) {
                None => issues.error(ErrorCode::FieldUndeclared, &at, "its namespace does not declare it"),
                Some(spec) if !fits(spec, value) => {
                    let message = format!("{} where {spec} is declared", value.sort());
                    issues.error(ErrorCode::FieldType, &at, message);
                }
                Some(_) => {}
            }
        }
        issues.into_report()
    }
}

/// Whether a value is of the type that a spec names; what is no type name says nothing.
fn fits(spec: &str, value: &Value) -> bool {
    match spec {
        "text" => matches!(value, Value::Text(_)),
        "int" => matches!(value, Value::Int(_) | Value::Big(_)),
        "float" => matches!(value, Value::Int(_) | Value::Big(_) | Value::Float(_)),
        "bool" => matches!(value, Value::Bool(_)),
        "list" => matches!(value, Value::List(_)),
        "map" => matches!(value, Value::Map(_)),
        _ => true,
    }
}

impl Canonical for ExtensionRegistry {
    fn to_value(&self) -> Value {
        Value::List(self.entries.values().map(Canonical::to_value).collect())
    }
}

/// Every issue of a field set for a model named by its word; without a registry only the word and the form are checked.
pub fn validate_extension_field_set(
    set: &ExtensionFieldSet,
    target: ExtensionTarget,
    registry: Option<&ExtensionRegistry>,
) -> ValidationReport {
    registry.map_or_else(ValidationReport::ok, |registry| registry.check(set, target))
}
