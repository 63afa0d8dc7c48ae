//! Redaction of captured payloads and objects before the log takes them.

use crate::capture::redact::Redactor;
use crate::contract::fact::Change;
use crate::contract::{
    ArtifactManifest, BatchExecution, DegradedPayload, DeploymentExecution, EnvironmentSnapshot,
    EventPayload, MetricPayload, OperationContext, Run, SampleObservation, StageExecution, TraceSpanPayload,
};
use std::borrow::Cow;

/// A redactor, and the paths of the values that it has replaced.
#[derive(Debug)]
pub(super) struct Redaction<'a> {
    pub(super) redactor: &'a Redactor,
    pub(super) redacted: Vec<String>,
}

impl<'a> Redaction<'a> {
    pub(super) fn new(redactor: &'a Redactor) -> Redaction<'a> {
        Redaction { redactor, redacted: Vec::new() }
    }

    /// Replaces the secrets in a captured value, and returns the value.
    pub(super) fn of<T: Redact>(&mut self, mut value: T) -> T {
        value.redact(self);
        value
    }

    /// Replaces the secrets in a text.
    pub(super) fn text(&mut self, path: &str, text: &mut String) {
        if let Cow::Owned(replaced) = self.redactor.redact_text(text) {
            *text = replaced;
            self.redacted.push(path.to_owned());
        }
    }

    fn optional(&mut self, path: &str, text: &mut Option<String>) {
        if let Some(text) = text {
            self.text(path, text);
        }
    }
}

/// A captured value that may contain secrets.
pub(super) trait Redact {
    /// Replaces the secrets.
    fn redact(&mut self, by: &mut Redaction<'_>);
}

impl Redact for EventPayload {
    fn redact(&mut self, by: &mut Redaction<'_>) {
        by.text("message", &mut self.message);
        by.redactor.redact_map("attributes", &mut self.attributes, &mut by.redacted);
        by.redactor.redact_texts("tags", &mut self.tags, &mut by.redacted);
    }
}

impl Redact for MetricPayload {
    fn redact(&mut self, by: &mut Redaction<'_>) {
        by.redactor.redact_texts("tags", &mut self.tags, &mut by.redacted);
    }
}

impl Redact for TraceSpanPayload {
    fn redact(&mut self, by: &mut Redaction<'_>) {
        by.text("name", &mut self.span_name);
        by.redactor.redact_map("attributes", &mut self.attributes, &mut by.redacted);
    }
}

impl Redact for DegradedPayload {
    fn redact(&mut self, by: &mut Redaction<'_>) {
        by.text("summary", &mut self.summary);
        by.redactor.redact_map("attributes", &mut self.attributes, &mut by.redacted);
    }
}

impl Redact for Run {
    fn redact(&mut self, by: &mut Redaction<'_>) {
        by.text("name", &mut self.name);
        by.optional("description", &mut self.description);
        by.optional("dataset_ref", &mut self.dataset_ref);
        if let Some(command) = &mut self.command
            && let Cow::Owned(replaced) = by.redactor.redact_command_line(command)
        {
            *command = replaced;
            by.redacted.push("command".to_owned());
        }
        by.redactor.redact_map("params", &mut self.params, &mut by.redacted);
        by.redactor.redact_map("metadata", &mut self.metadata, &mut by.redacted);
        by.redactor.redact_texts("tags", &mut self.tags, &mut by.redacted);
    }
}

impl Redact for EnvironmentSnapshot {
    fn redact(&mut self, by: &mut Redaction<'_>) {
        let variables = &mut self.environment_variables;
        by.redactor.redact_variables("environment_variables", variables, &mut by.redacted);
        if let Some(code) = &mut self.code {
            by.optional("code.remote", &mut code.remote);
        }
    }
}

impl Redact for ArtifactManifest {
    fn redact(&mut self, by: &mut Redaction<'_>) {
        by.text("location_ref", &mut self.location_ref);
        by.redactor.redact_map("attributes", &mut self.attributes, &mut by.redacted);
    }
}

impl Redact for Change {
    fn redact(&mut self, by: &mut Redaction<'_>) {
        match self {
            Change::Name(text) => by.text("name", text),
            Change::Description(text) => by.text("description", text),
            Change::Note(text) => by.text("note", text),
            Change::Tag(key, Some(value)) => {
                let mut tags = [(key.clone(), std::mem::take(value))].into();
                by.redactor.redact_texts("tags", &mut tags, &mut by.redacted);
                if let Some((name, text)) = tags.pop_first() {
                    (*key, *value) = (name, text);
                }
            }
            Change::Tag(_, None) | Change::Mark(..) => {}
        }
    }
}

/// Implements [`Redact`] for objects in which only the metadata is redacted.
macro_rules! metadata_only {
    ($($object:ident),*) => {$(
        impl Redact for $object {
            fn redact(&mut self, by: &mut Redaction<'_>) {
                by.redactor.redact_map("metadata", &mut self.metadata, &mut by.redacted);
            }
        }
    )*};
}

metadata_only!(StageExecution, BatchExecution, SampleObservation, OperationContext, DeploymentExecution);
