//! The payload of annotations.

use crate::contract::fact::{Annotation, Change, Mark};
use crate::contract::{Fact, StableRef};
use crate::projections::payload::convert::{Result, broken};
use serde::{Deserialize, Serialize};

/// The payload of a [`Change`].
#[derive(Debug, Serialize, Deserialize)]
enum ChangeV1 {
    Name(String),
    Description(String),
    Note(String),
    Tag(String, Option<String>),
    Archived(bool),
    Starred(bool),
}

/// The payload of an [`Annotation`].
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct AnnotationV1 {
    subject: String,
    change: ChangeV1,
}

impl AnnotationV1 {
    pub(in crate::projections) fn of(a: &Annotation) -> AnnotationV1 {
        let change = match a.change() {
            Change::Name(text) => ChangeV1::Name(text.clone()),
            Change::Description(text) => ChangeV1::Description(text.clone()),
            Change::Note(text) => ChangeV1::Note(text.clone()),
            Change::Tag(key, value) => ChangeV1::Tag(key.clone(), value.clone()),
            Change::Mark(Mark::Archived, is_set) => ChangeV1::Archived(*is_set),
            Change::Mark(Mark::Starred, is_set) => ChangeV1::Starred(*is_set),
        };
        AnnotationV1 { subject: a.subject().to_string(), change }
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        let change = match self.change {
            ChangeV1::Name(text) => Change::Name(text),
            ChangeV1::Description(text) => Change::Description(text),
            ChangeV1::Note(text) => Change::Note(text),
            ChangeV1::Tag(key, value) => Change::Tag(key, value),
            ChangeV1::Archived(is_set) => Change::Mark(Mark::Archived, is_set),
            ChangeV1::Starred(is_set) => Change::Mark(Mark::Starred, is_set),
        };
        let annotation = Annotation::new(StableRef::parse(&self.subject)?, change.clone())?;
        // The constructor trims texts. A payload with an untrimmed text is refused, because this build does not write
        // it.
        match *annotation.change() == change {
            true => Ok(Fact::Annotation(annotation)),
            false => Err(broken("a text of the annotation begins or ends with white space".into())),
        }
    }
}
