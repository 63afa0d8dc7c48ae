//! Annotations: changes of a run, project or deployment after its start.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::issue::collector::Issues;
use crate::contract::json::canonical::Canonical;
use crate::contract::json::value::Value;
use crate::contract::refs::stable::StableRef;
use crate::contract::rules::text::text;
use crate::contract::space::trim;
use crate::contract::words::word_enum;

/// The change that an annotation makes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Sets the name.
    Name(String),
    /// Sets the description.
    Description(String),
    /// Adds a note. Earlier notes remain.
    Note(String),
    /// Sets a tag; `None` removes the tag.
    Tag(String, Option<String>),
    /// Sets or removes a mark of a run.
    Mark(Mark, bool),
}

word_enum! {
    /// A mark that can be set on a run.
    Mark {
        /// The run is archived. By default, lists leave out archived runs.
        Archived = "archived",
        /// The run is starred.
        Starred = "starred",
    }
}

/// A change of a run, project or deployment after its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    subject: StableRef,
    change: Change,
}

impl Annotation {
    /// The ref kinds of objects that can be annotated.
    pub const KINDS: &'static [&'static str] = &["run", "project", "deployment"];

    /// Creates an annotation. Trims its texts. Errors: the name, the description, the note or the key of the tag is
    /// blank, or the change is not allowed for an object of this kind.
    pub fn new(subject: StableRef, change: Change) -> Result<Annotation> {
        subject.check_shape()?;
        if !Annotation::KINDS.contains(&subject.kind()) {
            let message = format!("{subject} cannot be annotated; expected a run, project or deployment");
            return Err(ContractError::new(ErrorCode::RefKindMismatch, message));
        }
        if matches!(change, Change::Mark(..)) && subject.kind() != "run" {
            let message = format!("{subject} cannot be archived or starred; expected a run");
            return Err(ContractError::new(ErrorCode::RefKindMismatch, message));
        }
        let mut issues = Issues::default();
        let mut change = change;
        match &mut change {
            Change::Name(name) => text(&mut issues, "name", name),
            Change::Description(description) => text(&mut issues, "description", description),
            Change::Note(note) => text(&mut issues, "note", note),
            Change::Tag(key, value) => {
                text(&mut issues, "tags", key);
                if let Some(value) = value {
                    *value = trim(value).to_owned();
                }
            }
            Change::Mark(..) => {}
        }
        issues.into_result().map(|()| Annotation { subject, change })
    }

    /// Returns the ref of the annotated object.
    pub fn subject(&self) -> &StableRef {
        &self.subject
    }

    /// Returns the change.
    pub fn change(&self) -> &Change {
        &self.change
    }
}

impl Canonical for Annotation {
    fn to_value(&self) -> Value {
        let (name, value) = match &self.change {
            Change::Name(name) => ("name".to_owned(), Value::text(name)),
            Change::Description(text) => ("description".to_owned(), Value::text(text)),
            Change::Note(text) => ("note".to_owned(), Value::text(text)),
            Change::Tag(key, value) => (format!("tag {key}"), Value::from(value.clone())),
            Change::Mark(mark, is_set) => (mark.as_str().to_owned(), Value::Bool(*is_set)),
        };
        Value::map([
            ("subject_ref", Value::from(self.subject.as_str())),
            ("name", Value::Text(name)),
            ("value", value),
        ])
    }
}
